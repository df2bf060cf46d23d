"""What a restored journal must not simply go on with: faxes that may have been sent since the backup was made."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from nexefax.backup.manifest import Manifest
from nexefax.backup.reading import require_our_columns
from nexefax.config import Config
from nexefax.errors import BackupError, JournalError
from nexefax.fax import events, records
from nexefax.fax.bookkeeper import Bookkeeper
from nexefax.fax.cause import Cause
from nexefax.fax.job import State
from nexefax.store import Journal

WAITING = (State.QUEUED, State.RENDERING, State.READY)
DAY = 86_400.0
FEWEST_SKIPPED = 1_000  # numbers; whoever sees the gap knows that something was restored
SKIP_FACTOR = 2.0


def numbers_to_skip(faxes_in_last_month: int, seconds_since: float) -> int:
    """Return how many fax numbers may have been given out in the time since a backup; rather too many.

    Who was told "fax 57" before the loss must not find another one under it.
    """
    expected = faxes_in_last_month / 30 * max(seconds_since, 0.0) / DAY
    return FEWEST_SKIPPED + int(SKIP_FACTOR * expected)


async def settle_restored(
    folder: Path, manifest: Manifest, config: Config, *, moved: bool, highest: int
) -> tuple[list[records.Fax], int]:
    """Bring the journal in ``folder`` up to date and end what may have been sent since ``manifest.made_at``.

    ``moved`` says that nothing was sent since: then only calls that were being made end so. ``highest`` is the
    highest number that is known to have been given out. Returns the faxes that ended here, and the number that the
    next fax gets. Raises BackupError when the journal is none of ours.
    """
    try:
        journal = await Journal.open(folder)
    except JournalError as error:
        raise BackupError(f"the backup's journal can't be used: {error}") from error
    try:
        await journal.read(require_our_columns)
        bookkeeper = Bookkeeper(journal, lambda: config, lambda: None)
        states = (State.CALLING,) if moved else (*WAITING, State.CALLING)
        open_faxes = await journal.read(lambda c: records.faxes_in(c, *states))
        made = f"{datetime.fromtimestamp(manifest.made_at, UTC):%Y-%m-%d %H:%M} UTC"
        for fax in open_faxes:
            await bookkeeper.record(fax.id, events.BackupRestored(made), also=_close_attempts)
        last = await journal.write(lambda c: _skip_numbers(c, manifest, highest, moved=moved))
        ended = await journal.read(lambda c: records.load_faxes(c, [fax.id for fax in open_faxes]))
    finally:
        await journal.close()
    return ended, last + 1


def _close_attempts(connection: sqlite3.Connection, fax: records.Fax) -> None:
    for attempt in records.attempts_of(connection, fax.id):
        if attempt.ended is None:
            sentence = "it was being made when the backup was; nobody knows how it ended"
            records.save_attempt(
                connection, replace(attempt, ended=time.time(), cause=Cause.UNKNOWN, sentence=sentence)
            )


def _skip_numbers(connection: sqlite3.Connection, manifest: Manifest, highest: int, *, moved: bool) -> int:
    given = connection.execute("SELECT max(seq) FROM sqlite_sequence WHERE name = 'fax'").fetchone()[0] or 0
    if not moved:
        month = connection.execute(
            "SELECT count(*) FROM fax WHERE created > ?", (manifest.made_at - 30 * DAY,)
        ).fetchone()[0]
        given += numbers_to_skip(month, time.time() - manifest.made_at)
    last = max(given, highest)
    records.skip_numbers(connection, last)
    return last
