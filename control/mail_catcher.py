"""A mail server that keeps every mail in a Maildir, for the demo and the tests."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Mailbox

from private_nexefax import free_port


class MailCatcher:
    """An SMTP server on loopback that writes into the Maildir ``folder``; the same port for every start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._controller: Controller | None = None

    def start(self) -> None:
        """Listen."""
        self._controller = Controller(Mailbox(self.folder), hostname="127.0.0.1", port=self.port)
        self._controller.start()

    def stop(self) -> None:
        """Stop listening; the mails stay."""
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    def mails(self) -> list[EmailMessage]:
        """Return what has arrived, in order of arrival."""
        files = sorted((self.folder / "new").glob("*"), key=lambda path: path.stat().st_mtime_ns)
        messages = (BytesParser(policy=default).parsebytes(path.read_bytes()) for path in files)
        return [message for message in messages if isinstance(message, EmailMessage)]

    def wait_for(self, wanted: Callable[[EmailMessage], bool], seconds: float) -> EmailMessage:
        """Return the first mail that is ``wanted``. Raises TimeoutError after ``seconds``."""
        deadline = time.monotonic() + seconds
        while True:
            for message in self.mails():
                if wanted(message):
                    return message
            if time.monotonic() > deadline:
                subjects = [str(message["Subject"]) for message in self.mails()]
                raise TimeoutError(f"no such mail in {seconds:.0f} s; what came: {subjects}")
            time.sleep(0.1)
