"""Who has read a received fax: the mark "unread" is shared by an account, who looked at it is kept by name."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

from nexefax.fax import records


def mark_read(connection: sqlite3.Connection, fax_id: int, user: str, now: float) -> records.Fax | None:
    """Note that ``user`` has read a received fax; in its timeline once for each user. None when there is none."""
    fax = records.load_fax(connection, fax_id)
    if fax is None or fax.direction != "in":
        return None
    first = connection.execute(
        "INSERT OR IGNORE INTO fax_reader (fax, user, at) VALUES (?, ?, ?)", (fax_id, user, now)
    ).rowcount
    if first:
        records.add_event(connection, fax_id, now, f"read by {user}")
    if fax.read_at is None:
        fax = replace(fax, read_at=now)
        records.save_fax(connection, fax)
    elif first:
        records.note_change(connection, fax.account, fax_id)
    return fax


def mark_unread(connection: sqlite3.Connection, fax_id: int, _user: str, _now: float) -> records.Fax | None:
    """Let a received fax count as unread again; who has read it is still known. None when there is none."""
    fax = records.load_fax(connection, fax_id)
    if fax is None or fax.direction != "in":
        return None
    if fax.read_at is not None:
        fax = replace(fax, read_at=None)
        records.save_fax(connection, fax)
    return fax


def readers_of(connection: sqlite3.Connection, fax_id: int) -> list[tuple[str, float]]:
    """Who has read it, and when first, in that order."""
    rows = connection.execute("SELECT user, at FROM fax_reader WHERE fax = ? ORDER BY at, user", (fax_id,))
    return [(row[0], row[1]) for row in rows]
