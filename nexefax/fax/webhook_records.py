"""The rows of the journal that are about webhooks: calls to the programs of others that wait or were made, as SQL.

Functions take the connection of a transaction that :class:`nexefax.store.Journal` runs; none commits.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from nexefax.fax.records import CLOCK_SLACK


@dataclass(frozen=True, slots=True)
class Call:
    """One call: what happened to a fax of ``account``, for its ``webhook_url``. Times are seconds since 1970.

    ``delivery`` names it for the receiver, the same at each try; ``body`` is JSON, as it was when it happened.
    """

    id: int
    fax: int
    event: str
    delivery: str
    body: str
    state: str
    created: float
    changed: float
    next_try: float
    attempts: int
    error: str
    account: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """The calls of an account that wait: how many, since when, and why the first of them was not taken so far."""

    account: str
    calls: int
    since: float
    error: str


_SELECT = "SELECT webhook.*, fax.account FROM webhook JOIN fax ON fax.id = webhook.fax"


def add_call(
    connection: sqlite3.Connection, fax_id: int, event: str, *, delivery: str, body: str, now: float
) -> None:
    """Let a call wait to be made."""
    connection.execute(
        "INSERT INTO webhook (fax, event, delivery, body, state, created, changed, next_try)"
        " VALUES (?, ?, ?, ?, 'waiting', ?, ?, ?)",
        (fax_id, event, delivery, body, now, now, now),
    )


def due_calls(connection: sqlite3.Connection, now: float) -> list[Call]:
    """Return the calls to make now, longest waiting first."""
    rows = connection.execute(
        f"{_SELECT} WHERE webhook.state = 'waiting' AND (webhook.next_try <= ? OR webhook.changed > ?)"
        " ORDER BY webhook.next_try, webhook.id",
        (now, now + CLOCK_SLACK),
    )
    return [Call(**dict(row)) for row in rows]


def next_calls(connection: sqlite3.Connection) -> dict[str, float]:
    """Return the time of the next call for each account, by its casefolded id."""
    rows = connection.execute(
        "SELECT fax.account, min(webhook.next_try) FROM webhook JOIN fax ON fax.id = webhook.fax"
        " WHERE webhook.state = 'waiting' GROUP BY fax.account COLLATE NOCASE"
    )
    return {row[0].casefold(): row[1] for row in rows}


def save_call(connection: sqlite3.Connection, call: Call) -> None:
    """Write what may change of a call: its state, tries and error, and its body once it is needed no more."""
    connection.execute(
        "UPDATE webhook SET state = ?, body = ?, changed = ?, next_try = ?, attempts = ?, error = ? WHERE id = ?",
        (call.state, call.body, call.changed, call.next_try, call.attempts, call.error, call.id),
    )


def put_off(connection: sqlite3.Connection, ids: Iterable[int], until: float) -> None:
    """Let calls wait until a time, at least."""
    connection.executemany(
        "UPDATE webhook SET next_try = max(next_try, ?) WHERE id = ? AND state = 'waiting'",
        [(until, call_id) for call_id in ids],
    )


def hasten_calls(connection: sqlite3.Connection, now: float, account: str | None = None) -> None:
    """Make every waiting call due now, or those of one account."""
    connection.execute(
        "UPDATE webhook SET next_try = ? WHERE state = 'waiting' AND next_try > ? AND (? IS NULL OR fax IN"
        " (SELECT id FROM fax WHERE account = ? COLLATE NOCASE))",
        (now, now, account, account),
    )


def calls_of(connection: sqlite3.Connection, fax_id: int) -> list[Call]:
    """Return the calls about a fax, oldest first."""
    rows = connection.execute(f"{_SELECT} WHERE webhook.fax = ? ORDER BY webhook.id", (fax_id,))
    return [Call(**dict(row)) for row in rows]


def waiting_calls(connection: sqlite3.Connection) -> tuple[Waiting, ...]:
    """Return the accounts for which calls wait."""
    # SQLite takes "error" from the row that has the minimum.
    rows = connection.execute(
        "SELECT fax.account, count(*), min(webhook.created), webhook.error"
        " FROM webhook JOIN fax ON fax.id = webhook.fax WHERE webhook.state = 'waiting'"
        " GROUP BY fax.account COLLATE NOCASE ORDER BY fax.account COLLATE NOCASE"
    )
    return tuple(Waiting(*row) for row in rows)


def count_calls(connection: sqlite3.Connection) -> dict[str, int]:
    """Return how many calls there are by state."""
    return {
        row[0]: row[1] for row in connection.execute("SELECT state, count(*) FROM webhook GROUP BY state")
    }
