"""The bin: a fax that somebody deletes can be had back for a day; then its document and pages go.

The record stays, out of every list, until its own time is over (``journal_days``): who deleted what is not forgotten.
Functions take the connection of a transaction of the journal.
"""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import Final

from nexefax.fax import records
from nexefax.fax.job import State

BIN_SECONDS: Final = 86_400.0

#: States in which nothing more happens by itself.
OVER: Final = frozenset((State.SENT, State.FAILED, State.CANCELLED, State.DELIVERED, State.UNDELIVERABLE))


def may_delete(fax: records.Fax) -> bool:
    """Whether the fax can be put into the bin now."""
    return fax.state in OVER and fax.deleted_at is None


def may_restore(fax: records.Fax) -> bool:
    """Whether the fax can be taken out of the bin now."""
    return fax.deleted_at is not None and fax.files_deleted is None


def delete(connection: sqlite3.Connection, fax_id: int, by: str, now: float) -> records.Fax | None:
    """Put a fax into the bin, unless it is there already, and return it as it is then; None when it can't be."""
    fax = records.load_fax(connection, fax_id)
    if fax is None or fax.deleted_at is not None or not may_delete(fax):
        return fax if fax is not None and fax.deleted_at is not None else None
    return _save(connection, replace(fax, deleted_at=now, deleted_by=by), now, f"deleted by {by}")


def restore(connection: sqlite3.Connection, fax_id: int, by: str, now: float) -> records.Fax | None:
    """Take a fax out of the bin, if it is there, and return it as it is then; None when it can't be had back."""
    fax = records.load_fax(connection, fax_id)
    if fax is None or fax.deleted_at is None or not may_restore(fax):
        return fax if fax is not None and fax.deleted_at is None else None
    return _save(connection, replace(fax, deleted_at=None, deleted_by=""), now, f"restored by {by}")


def _save(connection: sqlite3.Connection, fax: records.Fax, now: float, text: str) -> records.Fax:
    records.save_fax(connection, fax)
    records.add_event(connection, fax.id, now, text)
    return fax


def mark_emptied(connection: sqlite3.Connection, now: float, most: int) -> list[records.Fax]:
    """Mark the faxes, ``most`` of them, that have been in the bin for a day, as without files; return them.

    One that a mail waits for is left until the mail has gone.
    """
    rows = connection.execute(
        "SELECT id FROM fax INDEXED BY fax_bin WHERE deleted_at IS NOT NULL AND files_deleted IS NULL"
        " AND deleted_at <= ? AND NOT EXISTS (SELECT 1 FROM mail WHERE mail.fax = fax.id AND mail.state = 'waiting')"
        " ORDER BY deleted_at LIMIT ?",
        (now - BIN_SECONDS, most),
    ).fetchall()
    emptied = []
    for fax in records.load_faxes(connection, [row[0] for row in rows]):
        text = f"its document and pages are gone for good, a day after {fax.deleted_by} deleted it"
        emptied.append(_save(connection, replace(fax, files_deleted=now, message=""), now, text))
    return emptied
