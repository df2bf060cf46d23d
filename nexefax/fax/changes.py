"""What has changed among an account's faxes since a change that is known, for pages that follow what happens.

The table ``change`` has a row for each change, for all accounts; only the last rows are kept. Functions take the
connection of a transaction of the journal.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final

KEPT: Final = 10_000  # rows: days of an office's work
MOST_AT_ONCE: Final = 500  # faxes; whoever has missed more fetches anew


@dataclass(frozen=True, slots=True)
class Change:
    """One change: the last one of a fax among those that were asked for."""

    id: int
    account: str
    fax: int


@dataclass(frozen=True, slots=True)
class Missed:
    """What an account's page has missed: ``changes`` in order; ``reset`` when that is not known any more.

    ``last`` is what to ask for the next time.
    """

    last: int
    changes: tuple[Change, ...] = ()
    reset: bool = False


def last_change(connection: sqlite3.Connection) -> int:
    """The number of the last change of all."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'change'").fetchone()
    return int(row[0]) if row else 0


def changes_after(connection: sqlite3.Connection, after: int) -> list[Change]:
    """The changes of all accounts after the one with this number; of each fax the last."""
    rows = connection.execute(
        "SELECT max(id), account, fax FROM change WHERE id > ? GROUP BY fax ORDER BY 1", (after,)
    )
    return [Change(*row) for row in rows]


def missed(connection: sqlite3.Connection, account: str, after: int | None) -> Missed:
    """What an account's page that knows the change ``after`` has missed; None: it knows nothing, so it misses nothing.

    Numbers of changes are the same for all accounts; none is told here but an account's own and the oldest one.
    """
    oldest = connection.execute("SELECT min(id) FROM change").fetchone()[0]
    forgotten = (oldest if oldest is not None else last_change(connection) + 1) - 1
    own = connection.execute(
        "SELECT max(id) FROM change WHERE account = ? COLLATE NOCASE", (account,)
    ).fetchone()[0]
    last = max(own or 0, forgotten)
    if after is None:
        return Missed(last)
    if after < forgotten or after > last_change(connection):  # or an older journal was restored
        return Missed(last, reset=True)
    rows = connection.execute(
        "SELECT max(id), account, fax FROM change WHERE id > ? AND account = ? COLLATE NOCASE GROUP BY fax ORDER BY 1"
        " LIMIT ?",
        (after, account, MOST_AT_ONCE + 1),
    ).fetchall()
    if len(rows) > MOST_AT_ONCE:
        return Missed(last, reset=True)
    return Missed(max(last, after), tuple(Change(*row) for row in rows))


def forget_changes(connection: sqlite3.Connection) -> None:
    """Keep the last rows only."""
    connection.execute("DELETE FROM change WHERE id <= ?", (last_change(connection) - KEPT,))
