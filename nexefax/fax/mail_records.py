"""The rows of the journal that are about letters: the durable outbox, as SQL.

Functions take the connection of a transaction that :class:`nexefax.store.Journal` runs; none commits.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass

from nexefax.fax.records import CLOCK_SLACK, note_changes


@dataclass(frozen=True, slots=True)
class Mail:
    """One letter of the outbox; it is written anew from the fax for each delivery, under one Message-ID."""

    id: int
    fax: int
    kind: str
    state: str
    message_id: str
    created: float
    changed: float
    next_try: float
    attempts: int
    error: str
    address: str = ""
    note: str = ""
    user: str = ""

    def is_due(self, now: float) -> bool:
        """Whether it is to be delivered now; one written in the future waits for a time that a wrong clock said."""
        return self.next_try <= now or self.changed > now + CLOCK_SLACK


def add_mail(connection: sqlite3.Connection, fax_id: int, kind: str, message_id: str, now: float) -> None:
    """Put a letter about a fax into the outbox, once for each kind."""
    connection.execute(
        "INSERT OR IGNORE INTO mail (fax, kind, state, message_id, created, changed, next_try)"
        " VALUES (?, ?, 'waiting', ?, ?, ?, ?)",
        (fax_id, kind, message_id, now, now, now),
    )


def add_forward(
    connection: sqlite3.Connection,
    fax_id: int,
    address: str,
    *,
    note: str,
    user: str,
    message_id: str,
    now: float,
) -> bool:
    """Put a letter to ``address`` into the outbox that brings it a fax; False when it is there, or the same one was
    not tried yet."""
    known = connection.execute(
        "SELECT 1 FROM mail WHERE fax = ? AND kind = 'forwarded' AND (message_id = ?"
        " OR state = 'waiting' AND attempts = 0 AND address = ? AND note = ? AND user = ?)",
        (fax_id, message_id, address, note, user),
    ).fetchone()
    if known is not None:  # clicked twice
        return False
    connection.execute(
        "INSERT INTO mail (fax, kind, state, message_id, created, changed, next_try, address, note, user)"
        " VALUES (?, 'forwarded', 'waiting', ?, ?, ?, ?, ?, ?, ?)",
        (fax_id, message_id, now, now, now, address, note, user),
    )
    return True


def next_mails(connection: sqlite3.Connection, kinds: Collection[str], now: float, limit: int) -> list[Mail]:
    """Return the first ``limit`` waiting letters of some kinds: those that are due, longest waiting first, and then
    those that will be."""
    rows = connection.execute(
        f"SELECT * FROM mail WHERE state = 'waiting' AND kind IN ({', '.join('?' * len(kinds))})"  # noqa: S608
        " ORDER BY changed <= ?, next_try, id LIMIT ?",
        (*kinds, now + CLOCK_SLACK, limit),
    )
    return [Mail(**dict(row)) for row in rows]


def hasten_mails(connection: sqlite3.Connection, now: float) -> None:
    """Make every waiting letter due now."""
    connection.execute("UPDATE mail SET next_try = ? WHERE state = 'waiting' AND next_try > ?", (now, now))


def requeue_mails(connection: sqlite3.Connection, fax_id: int, now: float) -> None:
    """Make the letters about a fax that are not accepted, refused ones too, wait for delivery now, unless somebody has
    deleted the fax."""
    connection.execute(
        "UPDATE mail SET state = 'waiting', next_try = ?, changed = ?, attempts = 0 WHERE fax = ?"
        " AND state <> 'accepted' AND (SELECT deleted_at FROM fax WHERE fax.id = mail.fax) IS NULL",
        (now, now, fax_id),
    )


def withdraw_mail(connection: sqlite3.Connection, fax_id: int, kind: str) -> None:
    """Remove a letter that still waits: what it says is no longer true."""
    connection.execute("DELETE FROM mail WHERE fax = ? AND kind = ? AND state = 'waiting'", (fax_id, kind))


def save_mail(connection: sqlite3.Connection, mail: Mail) -> None:
    """Write what may change of a letter: its state, tries and error."""
    connection.execute(
        "UPDATE mail SET state = ?, changed = ?, next_try = ?, attempts = ?, error = ? WHERE id = ?",
        (mail.state, mail.changed, mail.next_try, mail.attempts, mail.error, mail.id),
    )
    note_changes(connection, [mail.fax])


def mails_of(connection: sqlite3.Connection, fax_id: int) -> list[Mail]:
    """Return the letters about a fax."""
    return [
        Mail(**dict(row))
        for row in connection.execute("SELECT * FROM mail WHERE fax = ? ORDER BY id", (fax_id,))
    ]


def count_mails(connection: sqlite3.Connection) -> dict[str, int]:
    """Return how many letters there are by state."""
    return {row[0]: row[1] for row in connection.execute("SELECT state, count(*) FROM mail GROUP BY state")}


def count_stuck_mails(connection: sqlite3.Connection, before: float) -> int:
    """Return how many letters written before this time still wait."""
    row = connection.execute("SELECT count(*) FROM mail WHERE state = 'waiting' AND created < ?", (before,))
    return int(row.fetchone()[0])
