"""Events into the journal: one transaction each, then what they command."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from email.utils import make_msgid
from hashlib import sha256
from pathlib import Path

from nexefax.config import Config
from nexefax.durable import remove_file
from nexefax.errors import SpoolError
from nexefax.fax import mail_records, records
from nexefax.fax.callfile import Spool
from nexefax.fax.commands import ClearSpool, RememberLine, StopCall, WithdrawCall, WithdrawLetter, WriteLetter
from nexefax.fax.events import Event
from nexefax.fax.job import Policy, Step, step
from nexefax.fax.retry import MEMORY_DAYS
from nexefax.fax.spool_files import journal_name
from nexefax.fax.webhook_events import note_event
from nexefax.store import Journal

log = logging.getLogger("nexefax.fax")


class Bookkeeper:
    """Applies events to faxes. ``config`` returns the configuration as it is now; ``letter_written`` is called when
    the outbox has something new."""

    def __init__(
        self, journal: Journal, config: Callable[[], Config], letter_written: Callable[[], None]
    ) -> None:
        self.journal = journal
        self.config = config
        self._letter_written = letter_written
        self.webhook_written: Callable[[], None] = lambda: None  # set by whoever calls webhooks
        self.stop_call: Callable[[int, int], Awaitable[None]] = (
            _nobody_calls  # set by whoever makes the calls
        )

    @property
    def spool(self) -> Spool:
        """Asterisk's spool as configured now."""
        general = self.config().general
        return Spool(general.ast_call_dir, general.ast_staging_dir, general.ast_done_dir)

    async def record(
        self,
        fax_id: int,
        event: Event,
        *,
        also: Callable[[sqlite3.Connection, records.Fax], None] | None = None,
    ) -> Step | None:
        """Apply ``event`` to a fax and carry out what it commands; None when there is no such fax.

        ``also`` runs in the same transaction, with the fax as it is after the event. Raises JournalError; then
        nothing has happened.
        """
        now = time.time()

        def change(connection: sqlite3.Connection) -> tuple[records.Fax, Step, bool] | None:
            before = records.load_fax(connection, fax_id)
            if before is None:
                return None
            after = step(before, event, self._policy(before), now)
            is_told = False
            if after.fax is not before:
                self._write(connection, after, now)
                account = self.config().account(before.account)
                is_told = note_event(connection, account, before, after.fax, now)
            if also is not None:
                also(connection, after.fax)
            return before, after, is_told

        changed = await self.journal.write(change)
        if changed is None:
            log.warning("fax %d: %s, but there is no such fax", fax_id, type(event).__name__)
            return None
        before, after, is_told = changed
        if after.fax is before:
            log.debug("fax %d: %s ignored in state %s", fax_id, type(event).__name__, before.state)
            return after
        if after.text:
            log.info("fax %d: %s", fax_id, after.text)
        if is_told:
            self.webhook_written()
        await self._carry_out(after)
        return after

    def _write(self, connection: sqlite3.Connection, after: Step, now: float) -> None:
        fax = after.fax
        records.save_fax(connection, fax)
        if after.text:
            records.add_event(connection, fax.id, now, after.text)
        for command in after.commands:
            if isinstance(command, WriteLetter):
                mail_records.add_mail(connection, fax.id, command.letter, self.message_id(), now)
            elif isinstance(command, WithdrawLetter):
                mail_records.withdraw_mail(connection, fax.id, command.letter)
            elif isinstance(command, RememberLine):
                records.remember_line(connection, command.number, command.settings, now)
                records.forget_lines(connection, now - MEMORY_DAYS * 86_400)

    async def _carry_out(self, after: Step) -> None:
        for command in after.commands:
            if isinstance(command, WriteLetter):
                self._letter_written()
            elif isinstance(command, WithdrawCall):
                try:
                    await asyncio.to_thread(self.spool.withdraw, after.fax.id, command.attempt)
                except SpoolError as error:
                    log.warning("fax %d: its call file can't be removed: %s", after.fax.id, error)
            elif isinstance(command, StopCall):
                await self.stop_call(after.fax.id, command.attempt)
            elif isinstance(command, ClearSpool) and after.fax.spool_name:
                tiff = spooled(self.config().general.rx_dir, after.fax.spool_name)
                await asyncio.to_thread(clear_spool, tiff, after.fax.id)

    def _policy(self, fax: records.Fax) -> Policy:
        config = self.config()
        account = config.account(fax.account)
        return Policy(
            retry_time=config.general.tx_retry_time,
            resume=config.general.tx_resume,
            notify_success=account is not None and account.tx_notify_success,
            notify_failure=account is not None and account.tx_notify_failure,
        )

    def message_id(self, of: str = "") -> str:
        """Return a Message-ID for a new letter; for the same ``of``, if it isn't "", the same one."""
        domain = self.config().email.from_email.rpartition("@")[2] or "localhost"
        return f"<{sha256(of.encode()).hexdigest()[:40]}@{domain}>" if of else make_msgid(domain=domain)


async def _nobody_calls(_fax: int, _attempt: int) -> None:
    raise AssertionError("no calls are made here")


def spooled(rx_dir: Path, spool_name: str) -> Path:
    """Return the path of a received TIFF whose name the journal holds (:func:`journal_name`)."""
    plain = rx_dir / spool_name
    if "\\x" not in spool_name or plain.exists():
        return plain
    named = (path for path in rx_dir.iterdir() if journal_name(path.name) == spool_name)
    return next(named, plain)


def clear_spool(tiff: Path, fax_id: int) -> None:
    """Remove a delivered fax's TIFF and outcome file from Asterisk's spool.

    The TIFF goes last: an outcome file alone would be taken for a call without a page.
    """
    for path in (tiff.with_name(f"{tiff.name}.outcome"), tiff):
        try:
            with suppress(FileNotFoundError):
                remove_file(path)
        except OSError as error:
            log.warning(
                "fax %d: %s is delivered but can't be removed (%s); NexeFax must run as Asterisk's user",
                fax_id,
                path,
                error.strerror,
            )
