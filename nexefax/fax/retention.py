"""What is kept for how long: documents and pages for ``retention_days``, the record of a fax for ``journal_days``,
and what somebody deleted for a day in the bin.

Counted from a fax's end: sent, failed, cancelled or delivered. What is under way, can't be delivered, or has a mail
that still waits is never deleted.

Order. The journal first: a fax is marked (``files_deleted``), committed, and only then its folder goes; so nobody is
given files that are half gone, and whatever a kill leaves is found by the mark at the next look and finished. A record
goes only when its files are gone, and what came in only when Asterisk's spool has no file of its name any more: it
would be received once more.

The clock. Deleting is the one thing here that can't be done again, and it hangs on a clock that may be wrong: a machine
without a battery begins in 1970, a mistyped date is years ahead. Nothing is deleted unless the clock is believed, and
it is believed when it says a time within a week of the last look, which the journal keeps; or, after a longer rest or a
jump, when it has gone on for twelve hours in step with the kernel's own count of seconds: that is time enough for
NTP, or for somebody who reads the log. A wrong clock that nobody mends still deletes only so much an hour.
And a fax did not end before one with a lower number began, whatever was written down for it.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from nexefax.config import Config
from nexefax.durable import sync_folder
from nexefax.fax import bin as fax_bin
from nexefax.fax import records
from nexefax.fax.bookkeeper import clear_spool, spooled
from nexefax.fax.clock_watch import seconds_since_boot
from nexefax.fax.fault_log import tell_fault
from nexefax.fax.folders import Folders
from nexefax.fax.job import State, count
from nexefax.fax.page_images import remove_images
from nexefax.store import Journal

log = logging.getLogger("nexefax.fax")

ENDS = (State.SENT, State.FAILED, State.CANCELLED, State.DELIVERED)
DAY = 86_400.0
FIRST_LOOK_SECONDS = 300.0  # after the start, which has other things to do
LOOK_SECONDS = 3_600.0
BATCH = 20  # faxes in one transaction
PAUSE_SECONDS = 0.5  # between two batches: whatever else wants the disk and the journal goes first
MOST_AT_A_LOOK = (
    500  # 12,000 faxes a day, more than any installation gets; what a wrong clock costs in an hour
)

BELIEVED_SECONDS = 7 * DAY  # from the last look: a machine that was off over the holidays, a fax server moved
STEADY_SECONDS = 12 * 3_600.0
JUMP_SECONDS = 600.0  # what NTP sets at once, without anybody being surprised
FIRST_END = 1_767_225_600.0  # 2026: there was no NexeFax before, so a clock that said so was wrong
_NUMBERS = 1_000  # how many lower numbers are asked when a fax can have ended at the earliest

_WHAT = "retention"  # the row of the table upkeep


class Retention:
    """Deletes what is old enough; ``also`` forget what else is old, given the time.

    ``clock`` gives seconds since 1970, ``counter`` seconds that nobody can set.
    """

    def __init__(
        self,
        journal: Journal,
        folders: Folders,
        config: Callable[[], Config],
        *,
        also: Sequence[Callable[[float], Awaitable[None]]] = (),
        clock: Callable[[], float] = time.time,
        counter: Callable[[], float] = seconds_since_boot,
    ) -> None:
        self._journal = journal
        self._folders = folders
        self._config = config
        self._also = also
        self._clock = clock
        self._counter = counter
        self._last = (clock(), counter())
        self._steady_since = counter()
        self._doubted = False

    async def run(self) -> None:
        """Look every hour, for ever."""
        await asyncio.sleep(FIRST_LOOK_SECONDS)
        while True:
            try:
                await self.look()
            except Exception as error:  # tidying up must not end the daemon
                tell_fault(error, "what is old can't be deleted; trying again")
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Finish what was begun, then delete what is old enough now, at most MOST_AT_A_LOOK of each."""
        await self._finish()
        now = self._clock()
        general = self._config().general
        if not await self._is_believed(now):
            return
        await self._empty_bin(now)
        for forget in self._also:
            await forget(now)
        if general.retention_days:
            await self._delete_files(now - general.retention_days * DAY, general.retention_days)
        if general.journal_days:
            await self._delete_records(now - general.journal_days * DAY, general.journal_days)

    async def _is_believed(self, now: float) -> bool:
        """Whether the clock may be right; the module's text says how that is told."""
        counted = self._counter()
        before, counted_before = self._last
        if abs((now - before) - (counted - counted_before)) > JUMP_SECONDS:
            self._steady_since = counted
        self._last = (now, counted)
        last = await self._journal.read(_last_look)
        near = last is not None and abs(now - last) <= BELIEVED_SECONDS
        if not near and counted - self._steady_since < STEADY_SECONDS:
            if last is not None and not self._doubted:
                log.error(
                    "the clock says %s, and %s when it was last looked at: nothing is deleted for its age before the"
                    " clock has gone on steadily for %d hours. If it is wrong, set it; with retention_days=0 in"
                    " config.conf, [general], nothing is deleted at all",
                    _date(now),
                    _date(last),
                    STEADY_SECONDS / 3_600,
                )
                self._doubted = True
            return False
        self._doubted = False
        await self._journal.write(lambda connection: _note_look(connection, now))
        return True

    async def _empty_bin(self, now: float) -> None:
        for _ in range(MOST_AT_A_LOOK // BATCH):
            emptied = await self._journal.write(lambda c: fax_bin.mark_emptied(c, now, BATCH))
            if not emptied:
                return
            await asyncio.to_thread(self._remove_folders, emptied)
            for fax in emptied:
                log.info("fax %d: its document and pages are gone, as %s deleted it", fax.id, fax.deleted_by)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _delete_files(self, before: float, days: int) -> None:
        for _ in range(MOST_AT_A_LOOK // BATCH):
            marked = await self._journal.write(lambda c: _mark_old(c, before, self._clock(), days))
            await asyncio.to_thread(self._remove_folders, marked)
            for fax in marked:
                log.info("fax %d: its document and pages are deleted, %s after its end", fax.id, _days(days))
            if len(marked) < BATCH:
                return
            await asyncio.sleep(PAUSE_SECONDS)

    async def _delete_records(self, before: float, days: int) -> None:
        last = 0
        for _ in range(MOST_AT_A_LOOK // BATCH):
            old = await self._journal.read(lambda c, after=last: _old_records(c, before, after))  # type: ignore[misc]
            if not old:
                return
            last = old[-1].id
            gone = await asyncio.to_thread(self._without_files, old)
            for fax in await self._journal.write(lambda c, faxes=gone: _forget(c, faxes)):  # type: ignore[misc]
                log.info("fax %d: its record is deleted, %s after its end", fax, _days(days))
            await asyncio.sleep(PAUSE_SECONDS)

    async def _finish(self) -> None:
        """Delete the folders of faxes that are marked: a kill came between the mark and the end."""
        numbers = await asyncio.to_thread(self._numbers_of_folders)
        for start in range(0, len(numbers), MOST_AT_A_LOOK):
            chunk = numbers[start : start + MOST_AT_A_LOOK]
            left = await self._journal.read(lambda c, ids=chunk: _marked(c, ids))  # type: ignore[misc]
            await asyncio.to_thread(self._remove_folders, left)
            for fax in left:
                log.info("fax %d: the deletion of its document and pages is finished", fax.id)

    def _numbers_of_folders(self) -> list[int]:
        folders = [*self._folders.outgoing.iterdir(), *self._folders.received.iterdir()]
        return sorted(int(path.name) for path in folders if path.name.isdecimal() and path.name.isascii())

    def _folder(self, fax: records.Fax) -> Path:
        folders = self._folders
        return folders.received_fax(fax.id) if fax.direction == "in" else folders.sent_fax(fax.id)

    def _remove_folders(self, faxes: Sequence[records.Fax]) -> None:
        rx_dir = self._config().general.rx_dir
        for fax in faxes:
            if (
                fax.deleted_at is not None and fax.spool_name
            ):  # one that could not be delivered is still there
                clear_spool(spooled(rx_dir, fax.spool_name), fax.id)
            try:
                remove_images(self._folders.data_dir, fax.id)
                shutil.rmtree(self._folder(fax))
            except FileNotFoundError:
                continue  # nothing was ever kept, or it is finished already
            except OSError as error:
                log.error("fax %d: its document and pages can't be deleted: %s; trying again", fax.id, error)
        for parent in {self._folder(fax).parent for fax in faxes}:
            sync_folder(parent)  # a power cut must not bring back what has no record any more

    def _without_files(self, faxes: Sequence[records.Fax]) -> list[int]:
        """Return the faxes of which neither we nor Asterisk's spool have a file."""
        rx_dir = self._config().general.rx_dir
        names = {path.name for path in rx_dir.iterdir()}  # OSError: an unreadable spool may hold anything
        gone = []
        for fax in faxes:
            name = fax.spool_name and spooled(rx_dir, fax.spool_name).name
            if name not in names and not self._folder(fax).exists():
                gone.append(fax.id)
        return gone


def _mark_old(connection: sqlite3.Connection, before: float, now: float, days: int) -> list[records.Fax]:
    """Mark the next faxes whose files are old enough, and forget what was written on them."""
    rows = connection.execute(
        "SELECT id FROM fax WHERE files_deleted IS NULL AND changed >= ? AND changed < ? AND state IN (?, ?, ?, ?)"
        " AND NOT EXISTS (SELECT 1 FROM mail WHERE mail.fax = fax.id AND mail.state = 'waiting')"
        " AND coalesce((SELECT max(one.created) FROM fax AS one WHERE one.id BETWEEN fax.id - ? AND fax.id - 1), 0) < ?"
        " ORDER BY changed LIMIT ?",
        (FIRST_END, before, *ENDS, _NUMBERS, before, BATCH),
    )
    ids = [row[0] for row in rows]
    for fax_id in ids:
        connection.execute("UPDATE fax SET files_deleted = ?, message = '' WHERE id = ?", (now, fax_id))
        said = f"its document and pages are deleted, {_days(days)} after its end"
        records.add_event(connection, fax_id, now, said)
    return records.load_faxes(connection, ids)


def _marked(connection: sqlite3.Connection, ids: Sequence[int]) -> list[records.Fax]:
    """Return the faxes with these numbers, in their order, that are marked; nearly always none."""
    rows = connection.execute(
        "SELECT id FROM fax WHERE id BETWEEN ? AND ? AND +files_deleted IS NOT NULL", (ids[0], ids[-1])
    )
    marked = {row[0] for row in rows}
    return records.load_faxes(connection, [fax_id for fax_id in ids if fax_id in marked])


def _old_records(connection: sqlite3.Connection, before: float, after: int) -> list[records.Fax]:
    rows = connection.execute(
        # Written so that SQLite looks into the index of ages; by states or numbers it would read every record there is.
        "SELECT id FROM fax WHERE files_deleted > 0 AND changed < ? AND +id > ? AND +state IN (?, ?, ?, ?)"
        " ORDER BY +id LIMIT ?",
        (before, after, *ENDS, BATCH),
    )
    return records.load_faxes(connection, [row[0] for row in rows])


def _forget(connection: sqlite3.Connection, ids: Sequence[int]) -> list[int]:
    """Delete records, with attempts, mails and timeline, unless a mail waits; return which."""
    return [
        fax_id
        for fax_id in ids
        if connection.execute(
            "DELETE FROM fax WHERE id = ?"
            " AND NOT EXISTS (SELECT 1 FROM mail WHERE mail.fax = fax.id AND mail.state = 'waiting')",
            (fax_id,),
        ).rowcount
    ]


def _last_look(connection: sqlite3.Connection) -> float | None:
    row = connection.execute("SELECT at FROM upkeep WHERE what = ?", (_WHAT,)).fetchone()
    return None if row is None else float(row[0])


def _note_look(connection: sqlite3.Connection, now: float) -> None:
    connection.execute("INSERT OR REPLACE INTO upkeep (what, at) VALUES (?, ?)", (_WHAT, now))


def _days(days: int) -> str:
    return count(days, "day")


def _date(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M} UTC"
