"""Mail goes out: by SMTP, or by the program that every mail server brings as ``sendmail``."""

from __future__ import annotations

import asyncio
from pathlib import Path

from nexefax.config import Email
from nexefax.errors import ChildError, MailDelayed, MailRefused, MailServerDown
from nexefax.fax.message import Attachment, Letter, TextAttachment, address, clean, compose
from nexefax.fax.smtp import Accepted, Envelope, submit
from nexefax.process import Limits, run, scratch_directory

__all__ = ["Accepted", "Attachment", "Letter", "Mailer", "TextAttachment"]

# sysexits.h: the message is bad, or its recipient does not exist. All else (75 EX_TEMPFAIL, 69 EX_UNAVAILABLE,
# 77 EX_NOPERM, 78 EX_CONFIG, a signal) is of the machine, and a repeat may succeed.
_REFUSALS = {65: "EX_DATAERR", 67: "EX_NOUSER"}

# A queueing sendmail takes a second; msmtp, which speaks to the server itself, as long as that takes.
_SENDMAIL_SECONDS = 300.0
_SENDMAIL_CPU_SECONDS = 60
_SENDMAIL_MEMORY = 1 << 30
# What a mail may have, its attachments in base64: 500 pages of photographs are below it.
_SENDMAIL_FILE_SIZE = 512 << 20
# What is kept of the program's own words.
_WORDS = 400


class Mailer:
    """Delivers letters as the configuration's section [email] says."""

    def __init__(self, settings: Email, tmp_dir: Path) -> None:
        """Deliver by ``settings``; ``tmp_dir`` is where sendmail gets a private working directory."""
        self._settings = settings
        self._tmp_dir = tmp_dir

    async def deliver(self, letter: Letter, *, attempt: int = 1) -> Accepted:
        """Hand ``letter`` over; it is the mail server's when this returns. ``attempt`` counts from 1.

        Where the server refuses some recipients for good, the others get the mail and the result names them; where
        it refuses some for now, the first tries wait for them (:data:`nexefax.fax.smtp.PATIENT_TRIES`).
        Raises MailRefused when trying again is of no use, else MailDelayed; the sentences have the server's own words.
        """
        by_sendmail = self._settings.method == "sendmail"
        try:
            pieces = await asyncio.to_thread(
                compose, letter, newline=b"\n" if by_sendmail else b"\r\n", with_bcc=by_sendmail
            )
        except OSError as error:
            raise MailDelayed(f"An attachment can't be read: {error}") from error
        if by_sendmail:
            return await self._deliver_by_sendmail(pieces)
        # The envelope's sender, whom a recipient's server tells what it could not deliver after all, is from_email
        # itself: a mailbox that people read. Not the empty path (<>), which belongs to reports and answers (RFC 5321,
        # 4.5.5): nobody would hear then. NexeFax reads no mail, so nothing that comes back causes anything; and
        # "Auto-Submitted" (RFC 3834, 5) keeps other machines from answering.
        envelope = Envelope(address(letter.sender_address), tuple(map(address, letter.recipients)))
        return await submit(self._settings, envelope, pieces, attempt=attempt)

    async def _deliver_by_sendmail(self, pieces: list[bytes]) -> Accepted:
        program = self._settings.sendmail
        limits = Limits(
            seconds=_SENDMAIL_SECONDS + self._settings.smtp_timeout,
            cpu_seconds=_SENDMAIL_CPU_SECONDS,
            memory=_SENDMAIL_MEMORY,
            file_size=_SENDMAIL_FILE_SIZE,
        )
        message = await asyncio.to_thread(b"".join, pieces)
        try:
            async with scratch_directory(self._tmp_dir) as scratch:
                # -t: recipients are in the headers; -oi: a line with a dot alone is no end.
                finished = await run(
                    [str(program), "-t", "-oi"], scratch=scratch, limits=limits, stdin=message, caged=False
                )
        except (ChildError, OSError) as error:
            raise MailServerDown(
                f"NO MAIL IS SENT: {program}: {error}; see method and sendmail in config.conf, [email]."
            ) from error
        if finished.returncode == 0:
            return Accepted()
        words = clean((finished.stderr or finished.stdout).decode("utf-8", "replace"))[:_WORDS]
        if finished.returncode in _REFUSALS:
            raise MailRefused(
                f"{program} refuses the mail ({_REFUSALS[finished.returncode]}): {words or 'it does not say why'}"
            )
        raise MailDelayed(f"{program} ended with {finished.returncode}: {words or 'it does not say why'}")
