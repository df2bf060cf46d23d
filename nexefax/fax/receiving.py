"""Faxes that come in: found in Asterisk's spool, copied into our store, converted, and handed to the outbox."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import stat
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from nexefax.config import Config
from nexefax.durable import (
    copy_file,
    make_folder,
    remove_file,
    remove_temporaries,
    sync_folder,
    write_file,
)
from nexefax.errors import ChildError, JournalError
from nexefax.fax import convert, events, job, mail_records, records
from nexefax.fax.bookkeeper import Bookkeeper, clear_spool, spooled
from nexefax.fax.fault_log import tell_fault
from nexefax.fax.folders import Folders, read_outcome
from nexefax.fax.outcome import Outcome, outcome_line
from nexefax.fax.received_entry import entry_of
from nexefax.fax.reconcile import SETTLED_SECONDS, Received, SeenReceived, judge_received
from nexefax.fax.repeats import find_repeated, mark_repeat, repeat_sentence
from nexefax.fax.spool_files import (
    SpoolFile,
    find_received,
    is_written,
    journal_name,
)

log = logging.getLogger("nexefax.fax")

MACHINE_RETRY = 300.0  # seconds until a full disk or a missing converter is tried again


class Receiving:
    """The way in. :meth:`nudge` may be called at any time; the rest is run by the worker."""

    def __init__(self, bookkeeper: Bookkeeper, folders: Folders) -> None:
        self._bookkeeper = bookkeeper
        self._journal = bookkeeper.journal
        self._folders = folders
        self._wake = asyncio.Event()
        self._unreadable_spool = False

    @property
    def _config(self) -> Config:
        return self._bookkeeper.config()

    def nudge(self) -> None:
        """Look into the spool at once."""
        self._wake.set()

    async def report(self, unique_id: str, outcome: Outcome) -> None:
        """Keep what a dialplan without outcome files said of a call: write the file that it did not.

        The unique id (the end of the TIFF's name) finds the fax; a call without a TIFF is only logged.
        """
        name = await asyncio.to_thread(self._report, unique_id, outcome)
        if name is None:
            log.info("call %s: ended without a received page (%s)", unique_id, outcome.text or outcome.status)
        self.nudge()

    def _report(self, unique_id: str, outcome: Outcome) -> str | None:
        if not unique_id:
            return None
        for file in find_received(self._config.general.rx_dir):
            if file.path.stem.endswith(f"-{unique_id}"):
                path = _outcome_path(file.path)
                if read_outcome(path) is None:
                    write_file(path, outcome_line(outcome))
                return file.path.name
        return None

    async def recover(self) -> None:
        """Begin again what a former run left in the middle."""
        await asyncio.to_thread(remove_temporaries, self._config.general.rx_dir)
        for fax in await self._in_state(job.State.RECEIVED, job.State.CONVERTING):
            await asyncio.to_thread(remove_temporaries, self._folders.received_fax(fax.id))
        await self.look_for_accounts()

    async def look_for_accounts(self) -> None:
        """Deliver what was kept and may go now; called at start and after a reload.

        That is what came for an account that is configured now, and what the mail server refused: the address or the
        server may have been corrected.
        """
        for fax in await self._in_state(job.State.UNDELIVERABLE):
            if self._config.account(fax.account) is None:
                continue
            letters = await self._journal.read(lambda c, fax_id=fax.id: mail_records.mails_of(c, fax_id))  # type: ignore[misc]
            if not letters:
                await self._bookkeeper.record(fax.id, events.AccountAppeared())
                continue
            await self._bookkeeper.record(
                fax.id,
                events.LetterTakenUp(),
                also=lambda connection, after: mail_records.requeue_mails(connection, after.id, time.time()),
            )
        self.nudge()

    async def run(self) -> None:
        """Take what is in the spool, at every nudge and every ``sweep_interval``, for ever."""
        while True:
            self._wake.clear()
            for step in (self.sweep, self.convert_due):
                try:
                    await step()
                except Exception as error:  # one fault must not stop all receiving
                    tell_fault(error, "received faxes can't be taken; trying again")
            try:
                async with asyncio.timeout(self._config.general.sweep_interval):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def sweep(self) -> None:
        """Enter every finished TIFF of the spool into the journal, and clear away what is delivered."""
        rx_dir = self._config.general.rx_dir
        try:
            files = await asyncio.to_thread(find_received, rx_dir)
        except OSError as error:
            if not self._unreadable_spool:
                log.error(
                    "%s can't be read (%s): no fax can be received; config.conf, [general]: rx_dir names the folder",
                    rx_dir,
                    error.strerror,
                )
            self._unreadable_spool = True
            return
        self._unreadable_spool = False
        for file in files:
            try:
                await self._take(file)
            except JournalError:
                raise
            except Exception as error:  # one file's fault must not keep the others
                name = journal_name(str(file.path))
                log.error("%s can't be taken now, it stays in the spool: %r", name, error)
        await asyncio.to_thread(_drop_reports_without_fax, rx_dir)

    async def convert_due(self) -> None:
        """Copy, convert and hand to the outbox what is entered.

        Nobody else converts: a fax that is found converting was left so, by a kill or a journal that could not be
        written.
        """
        for fax in await self._in_state(job.State.CONVERTING):
            await self._bookkeeper.record(fax.id, events.WorkInterrupted())
        now = time.time()
        for fax in await self._journal.read(lambda c: records.due_faxes(c, job.State.RECEIVED, now)):
            try:
                await self._process(fax)
            except JournalError:
                raise
            except OSError as error:
                log.error("fax %d: can't be taken in now, it stays in the spool: %s", fax.id, error)
                until = time.time() + MACHINE_RETRY
                await self._bookkeeper.record(
                    fax.id, events.WorkInterrupted(until, f"waiting for the disk: {error}")
                )

    async def _take(self, file: SpoolFile) -> None:
        name = journal_name(file.path.name)
        known = await self._journal.read(lambda c: records.fax_by_spool_name(c, name))
        delivered = known is not None and known.state == job.State.DELIVERED
        written = known is None and await asyncio.to_thread(is_written, file.path)
        # Read after the lease was tried: Asterisk closes the TIFF first, and writes its report then
        found = await asyncio.to_thread(read_outcome, _outcome_path(file.path))
        seen = SeenReceived(file.modified, known is not None, delivered, written, found is not None)
        verdict = judge_received(seen, time.time())
        if verdict is Received.CLEAR and known is not None:
            await asyncio.to_thread(clear_spool, file.path, known.id)
        if verdict in (Received.LEAVE, Received.CLEAR):
            return
        fax = entry_of(file, found[0] if found else None, self._config)
        line = found[1] if found else ""

        def add(connection: sqlite3.Connection) -> int:
            fax_id = records.add_fax(connection, fax)
            said = f"received from {fax.number or 'an unknown number'} for {fax.account}"
            records.add_event(connection, fax_id, fax.created, said)
            if line:
                records.add_event(connection, fax_id, fax.changed, f"Asterisk reported: {line}")
            return fax_id

        fax_id = await self._journal.write(add)
        log.info(
            "fax %d: received from %s for %s (%s)%s",
            fax_id,
            fax.number or "an unknown number",
            fax.account,
            name,
            ", incomplete" if fax.incomplete else "",
        )

    async def _process(self, fax: records.Fax) -> None:
        tiff = self._folders.received_tiff(fax.id)
        try:
            await asyncio.to_thread(self._copy, fax, tiff)
        except FileNotFoundError as error:
            if not await asyncio.to_thread(self._config.general.rx_dir.is_dir):
                raise OSError(f"{self._config.general.rx_dir} is missing") from error
            await self._keep(fax, "its TIFF vanished from Asterisk's spool before it could be copied")
            return
        if self._config.account(fax.account) is None:
            await self._keep(
                fax, f"no account {fax.account!r} in accounts.conf; the fax is kept in {tiff.parent}"
            )
            return
        await self._bookkeeper.record(fax.id, events.ConversionBegan())
        converted = await self._convert(fax, tiff)
        earlier = await find_repeated(self._journal, self._folders, fax)
        if earlier is not None:
            converted = replace(converted, notes=(repeat_sentence(fax, earlier), *converted.notes))
        repeat_of = earlier.id if earlier else None
        await self._bookkeeper.record(
            fax.id, converted, also=lambda connection, after: mark_repeat(connection, after.id, repeat_of)
        )

    async def _convert(self, fax: records.Fax, tiff: Path) -> events.FaxConverted:
        """Make the PDF; whatever becomes of it, the fax goes on: at worst the TIFF itself is mailed."""
        general = self._config.general
        info = convert.PdfInfo(
            title=f"Fax from {fax.number or 'an unknown number'}",
            created=datetime.fromtimestamp(fax.created).astimezone(),
            author=fax.caller_name or fax.number or fax.station,
            account=fax.account,
        )
        try:
            received = await convert.to_pdf(
                tiff,
                self._folders.received_pdf(fax.id),
                info=info,
                tmp_dir=general.tmp_dir,
                timeout=general.convert_timeout,
            )
        except OSError:
            raise
        except Exception as error:
            trace = not isinstance(error, ChildError)  # a fault of ours
            log.error(
                "fax %d: no PDF can be made, the TIFF itself is mailed: %s", fax.id, error, exc_info=trace
            )
            note = "No PDF could be made of this fax; the fax itself is attached as TIFF"
            return events.FaxConverted(fax.pages_done or 0, "", (note,), tiff_wanted=True)
        if received.outcome != "lossless":
            log.warning("fax %d: %s: %s", fax.id, received.outcome, "; ".join(received.notes))
        return events.FaxConverted(
            received.pages, received.resolution, received.notes, tiff_wanted=received.tiff_wanted
        )

    def _copy(self, fax: records.Fax, tiff: Path) -> None:
        make_folder(tiff.parent)
        if tiff.exists():
            sync_folder(tiff.parent)  # who renamed it into place may have been killed before this line
            return
        copy_file(spooled(self._config.general.rx_dir, fax.spool_name or ""), tiff)

    async def _keep(self, fax: records.Fax, reason: str) -> None:
        log.error("fax %d: CAN'T BE DELIVERED: %s", fax.id, reason)
        await self._bookkeeper.record(fax.id, events.FaxKept(reason))

    async def _in_state(self, *states: job.State) -> list[records.Fax]:
        return await self._journal.read(lambda connection: records.faxes_in(connection, *states))


def _outcome_path(tiff: Path) -> Path:
    return tiff.with_name(f"{tiff.name}.outcome")


def _drop_reports_without_fax(rx_dir: Path) -> None:
    """A call without a single page leaves a report and no TIFF (res_fax removes it): say so once, and clear it."""
    for path in rx_dir.glob("nexefax-*.outcome"):
        tiff = path.with_suffix("")
        if tiff.suffix not in (".tiff", ".tif") or tiff.exists():
            continue
        found = read_outcome(path)
        try:
            status = path.lstat()
        except FileNotFoundError:
            continue  # the outbox has just cleared a delivered fax away
        if not stat.S_ISREG(status.st_mode):
            continue
        if found is None and time.time() - status.st_mtime < SETTLED_SECONDS:
            continue
        if found is not None:
            said = found[0]
            log.warning(
                "call from %s for %s ended without a page: %s",
                said.caller or "an unknown number",
                said.account,
                said.text or said.error or said.status or "no reason was given",
            )
        try:
            remove_file(path)
        except OSError as error:
            log.warning("%s can't be removed (%s); NexeFax must run as Asterisk's user", path, error.strerror)
