"""A world in which everything goes wrong now and then, around one daemon: telephone, mail server, people, machine.

Each table names faults; each of them comes with the chance that :class:`Luck` is given. What the world saw is kept, so
that :mod:`tests.bench.soak` can judge afterwards.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from nexefax.fax.convert import count_pages
from private_nexefax import PrivateNexeFax, free_port
from tests.daemon.scripted_asterisk import Answer, CallFile, ScriptedAsterisk, nudge, sent, unanswered

NONE = "none"

CALLS = (
    "busy", "no answer", "congestion", "refused", "unallocated", "no fax machine", "no common way", "line dropped",
    "line dropped after a page", "page not confirmed", "file error", "never reported", "no outcome",
)  # fmt: skip
REPORTS = ("reported twice", "reported for another", "reported with nonsense")
DOCUMENTS = ("damaged", "no document", "handed in twice", "upload cut", "number refused", "cancelled")
RECEIVED = (
    "by the beta's dialplan", "incomplete", "cut TIFF", "no TIFF at all", "unknown account", "without a page",
    "reported twice", "never reported", "reported for another",
)  # fmt: skip
MAILS = ("451", "554", "closed after DATA", "stalled")
MACHINE = (
    "mail server away", "spool not writable", "Asterisk away", "journal locked", "converter killed", "reload",
    "nonsense at FastAGI",
)  # fmt: skip


class Luck:
    """Draws faults: each of a table with ``chance``; ``counts`` tells how often each came. For any thread."""

    def __init__(self, chance: float, seed: int) -> None:
        self.counts: Counter[str] = Counter()
        self._chance = chance
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    def draw(self, table: tuple[str, ...]) -> str:
        """Return a fault, or NONE."""
        with self._lock:
            number = int(self._random.random() / self._chance) if self._chance else len(table)
            fault = table[number] if number < len(table) else NONE
            self.counts[fault] += 1
            return fault

    def end(self) -> None:
        """No more faults."""
        self._chance = 0.0


class RoughMail:
    """A mail server; ``accepted`` counts the Message-IDs it has taken."""

    def __init__(self, luck: Luck) -> None:
        self.port = free_port()
        self.accepted: Counter[str] = Counter()
        self._luck = luck
        self._controller: Controller | None = None

    def start(self) -> None:
        """Listen, on the same port each time."""
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()

    def stop(self) -> None:
        """Do not listen any more."""
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:
        """Take a mail, or not."""
        content = envelope.content
        assert isinstance(content, bytes)
        head, _, _ = content.partition(b"\r\n\r\n")
        (name,) = [line[12:] for line in head.split(b"\r\n") if line.lower().startswith(b"message-id: ")]
        message_id = name.decode().strip()
        match self._luck.draw(MAILS):
            case "451":
                return "451 4.3.0 try again"
            case "554":
                return "554 5.6.0 I do not like it"
            case "closed after DATA":
                self.accepted[message_id] += 1
                assert isinstance(server.transport, asyncio.Transport)
                server.transport.abort()
            case "stalled":
                await asyncio.sleep(2)  # longer than the daemon waits, but for a large mail
                return "451 4.3.0 that took too long"
            case _:
                self.accepted[message_id] += 1
        return "250 OK"


class RoughAsterisk(ScriptedAsterisk):
    """A telephone that is busy, drops lines, and reports twice, never or nonsense; ``delivered`` are the faxes sent."""

    def __init__(self, spool: Path, port_fagi: int, luck: Luck) -> None:
        super().__init__(spool, port_fagi, self._answer)
        self.delivered: set[int] = set()
        self._luck = luck
        self._away = threading.Event()

    def pause(self, over: threading.Event) -> None:
        """Take no calls for a second; those under way go on."""
        self._away.set()
        over.wait(1)
        self._away.clear()

    def _dial(self, path: Path) -> None:
        if not self._away.is_set():
            super()._dial(path)

    def _answer(self, call: CallFile) -> Answer:
        pages = count_pages(Path(f"{call.stem}.tiff"))
        answer = ANSWERS.get(self._luck.draw(CALLS), sent)(pages)
        if answer.outcome is not None and answer.outcome.get("pages") == pages and answer.kind == "sent":
            self.delivered.add(int(call.variables["NEXEFAX_FAX"]))
        return answer

    def _talk(self, call: CallFile, answer: Answer) -> None:
        super()._talk(call, answer)
        fax, attempt = call.variables["NEXEFAX_FAX"], call.variables["NEXEFAX_ATTEMPT"]
        match self._luck.draw(REPORTS):
            case "reported twice":
                nudge(self.port_fagi, "sent", fax, attempt)
            case "reported for another":
                nudge(self.port_fagi, "sent", str(int(fax) + 1), attempt)
            case "reported with nonsense":
                nudge(self.port_fagi, "sent", "-1", "x" * 300)


def _failed(**said: object) -> Callable[[int], Answer]:
    return lambda _pages: Answer({"status": "FAILED", "pages": 0} | said)


ANSWERS: dict[str, Callable[[int], Answer]] = {
    "busy": lambda _pages: unanswered(5),
    "no answer": lambda _pages: unanswered(3),
    "congestion": lambda _pages: unanswered(8),
    "refused": lambda _pages: unanswered(0, cause=21),
    "unallocated": lambda _pages: unanswered(0, cause=1),
    "no fax machine": _failed(text="Timed out waiting for initial communication"),
    "no common way": _failed(text="Failed to train with any of the compatible modems"),
    "line dropped": lambda _pages: Answer({"status": "SUCCESS", "pages": 0, "error": "HANGUP"}),
    "line dropped after a page": lambda pages: Answer({"status": "FAILED", "pages": pages - 1, "error": "HANGUP"}),
    "page not confirmed": lambda pages: Answer({"status": "SUCCESS", "pages": pages - 1}),
    "file error": _failed(text="The TIFF/F file cannot be opened"),
    "never reported": lambda pages: Answer({"status": "SUCCESS", "pages": pages}, nudge=False),
    "no outcome": lambda _pages: Answer(None),
}  # fmt: skip


class Saboteur:
    """Breaks the machine around the daemon: every second a fault of MACHINE may come, for about a second."""

    def __init__(self, nexefax: PrivateNexeFax, mail: RoughMail, asterisk: RoughAsterisk, luck: Luck) -> None:
        self._nexefax, self._mail, self._asterisk, self._luck = nexefax, mail, asterisk, luck
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="saboteur", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Leave everything whole."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(1):
            match self._luck.draw(MACHINE):
                case "mail server away":
                    self._mail.stop()
                    self._over.wait(1)
                    self._mail.start()
                case "spool not writable":
                    staging = (
                        self._nexefax.spool / "nexefax"
                    )  # what it takes from outgoing/ is Asterisk's to take
                    staging.chmod(0o500)
                    self._over.wait(1)
                    staging.chmod(0o750)
                case "Asterisk away":
                    self._asterisk.pause(self._over)
                case "journal locked":
                    self._lock_journal()
                case "converter killed":
                    self._kill_converter()
                case "reload":
                    self._nexefax.reload()
                case "nonsense at FastAGI":
                    with socket.create_connection(("127.0.0.1", self._nexefax.port_fagi)) as peer:
                        peer.sendall(b"\x16\x03\x01\x02GET / HTTP/1.1\r\n\r\n")

    def _lock_journal(self) -> None:
        journal = sqlite3.connect(self._nexefax.data_dir / "journal.sqlite3", timeout=30)
        journal.execute("BEGIN IMMEDIATE")
        self._over.wait(1)
        journal.rollback()
        journal.close()

    def _kill_converter(self) -> None:
        """End some child of the daemon, when it has one."""
        assert self._nexefax.process is not None
        pid = self._nexefax.process.pid
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                for child in (task / "children").read_text().split():
                    os.kill(int(child), signal.SIGKILL)
                    return
