"""Lists of an account's faxes: filters, search, and pages of them, newest first, over years of faxes.

A search has to look at the text of every fax. It does so in windows of some thousand rows, one read of the journal
each, so that the journal's one reading thread is nobody's for long, whatever somebody searches for.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import partial
from typing import Final

from nexefax.fax.records import Fax, load_faxes
from nexefax.folding import digits, folded
from nexefax.store import Journal

WINDOW: Final = 2_000  # rows looked at in one read: 5 to 10 ms
_HIGHEST: Final = 1 << 62  # no fax has a higher number
_FOR_EVER: Final = 1e15  # seconds
# States that few faxes are in at a time: they are found by the index of what is due.
_RARE: Final = frozenset(
    ("queued", "rendering", "ready", "calling", "received", "converting", "delivering", "undeliverable")
)
MOST_COUNTED: Final = 1_000  # a number beside "Inbox" that nobody reads any further


@dataclass(frozen=True, slots=True)
class Filters:
    """Which faxes of ``account`` are listed; "" or None is all.

    ``words`` must all occur in what the fax is found by; ``fax`` is one fax's number; ``since`` and ``until`` are
    seconds since 1970, the first included, the last not; ``deleted``: what is in the bin, and nothing else.
    """

    account: str
    direction: str = ""
    states: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    fax: int | None = None
    since: float | None = None
    until: float | None = None
    unread: bool = False
    deleted: bool = False
    batch: str = ""
    user: str = ""


async def list_faxes(
    journal: Journal, filters: Filters, *, before: int | None = None, limit: int
) -> list[Fax]:
    """At most ``limit`` faxes, newest first, of those numbered below ``before``. Raises JournalError."""
    found: list[Fax] = []
    top, bottom = before - 1 if before is not None else _HIGHEST, 0
    if filters.since is not None or filters.until is not None:
        lowest, highest = await journal.read(lambda connection: _numbers_of_days(connection, filters))
        top, bottom = min(top, highest), lowest - 1
    while len(found) < limit and top > bottom:
        window = partial(_window, filters=filters, top=top, limit=limit - len(found))
        more, top = await journal.read(window)
        found += more
    return found


def count_waiting(connection: sqlite3.Connection, account: str, today: float) -> dict[str, int]:
    """How many faxes of an account are ``unread`` (counted to MOST_COUNTED), ``waiting``, and ``failed_today``:
    since ``today``, in seconds since 1970."""
    unread = _source(Filters(account, unread=True))
    counts = {
        "unread": f"SELECT count(*) FROM (SELECT 1 {unread} LIMIT {MOST_COUNTED})",  # noqa: S608 - our own words
        "waiting": (
            "SELECT count(*) FROM fax INDEXED BY fax_due WHERE state IN ('queued', 'rendering', 'ready', 'calling')"
            " AND account = :account COLLATE NOCASE"
        ),
        "failed_today": (
            "SELECT count(*) FROM fax INDEXED BY fax_age WHERE files_deleted IS NULL AND changed >= :today"
            " AND state = 'failed' AND account = :account COLLATE NOCASE AND deleted_at IS NULL"
        ),
    }
    values = {"account": account, "today": today}
    return {name: int(connection.execute(query, values).fetchone()[0]) for name, query in counts.items()}


def count_now(connection: sqlite3.Connection, account: str) -> dict[str, int]:
    """:func:`count_waiting` for the day that it is here."""
    now = time.localtime()
    midnight = time.mktime((now.tm_year, now.tm_mon, now.tm_mday, 0, 0, 0, 0, 0, -1))
    return count_waiting(connection, account, midnight)


def _numbers_of_days(connection: sqlite3.Connection, filters: Filters) -> tuple[int, int]:
    """The lowest and the highest number of the account's faxes of these days, whatever the clock was then; (1, 0) for
    none. All faxes beyond them need not be looked at."""
    row = connection.execute(
        "SELECT min(id), max(id) FROM fax INDEXED BY fax_created"
        " WHERE account = ? COLLATE NOCASE AND created >= ? AND created < ?",
        (
            filters.account,
            -_FOR_EVER if filters.since is None else filters.since,
            _FOR_EVER if filters.until is None else filters.until,
        ),
    ).fetchone()
    return (1, 0) if row[0] is None else (row[0], row[1])


def _window(connection: sqlite3.Connection, filters: Filters, top: int, limit: int) -> tuple[list[Fax], int]:
    """The faxes of one window below and with ``top``, and where the next one begins; 0 for the end."""
    values = _values(filters) | {"top": top, "limit": limit, "rows": WINDOW}
    bottom = 0
    if _looks_at_rows(filters):
        for source in _sources(filters):
            below = connection.execute(
                f"SELECT id {source} AND id <= :top ORDER BY id DESC LIMIT 1 OFFSET :rows", values
            ).fetchone()
            bottom = max(bottom, below[0] if below else 0)
    rows = connection.execute(list_query(filters), values | {"bottom": bottom}).fetchall()
    return load_faxes(connection, [row[0] for row in rows]), bottom if len(rows) < limit else 0


def list_query(filters: Filters) -> str:
    """The SQL of one window; its parameters are the fields of Filters, ``word_…``, ``top``, ``bottom``, ``limit``."""
    conditions = " ".join(f"AND {condition}" for condition in _conditions(filters))
    each = [
        f"SELECT id {source} AND id <= :top AND id > :bottom {conditions}" for source in _sources(filters)
    ]
    return f"{' UNION ALL '.join(each)} ORDER BY id DESC LIMIT :limit"


def _sources(filters: Filters) -> list[str]:
    """Where the rows come from: an index each, which SQLite would not choose for sure by itself.

    Both directions at once are two walks down the index of lists, which SQLite merges.
    """
    special = filters.fax is not None or filters.batch or filters.deleted or filters.unread
    if filters.direction or special or _are_rare(filters.states):
        return [_source(filters)]
    return [_source(filters, direction) for direction in ("'in'", "'out'")]


def _source(filters: Filters, direction: str = ":direction") -> str:
    own = "account = :account COLLATE NOCASE"
    if filters.fax is not None:
        return f"FROM fax WHERE id = :fax AND {own}"
    if filters.batch:
        return f"FROM fax INDEXED BY fax_batch WHERE batch = :batch AND batch <> '' AND {own}"
    if filters.deleted:
        return f"FROM fax INDEXED BY fax_bin WHERE deleted_at IS NOT NULL AND files_deleted IS NULL AND {own}"
    if filters.unread:
        unread = "direction = 'in' AND read_at IS NULL AND deleted_at IS NULL"
        return f"FROM fax INDEXED BY fax_unread WHERE {unread} AND {own}"
    if _are_rare(filters.states):
        return f"FROM fax INDEXED BY fax_due WHERE {_state_is_one_of(filters.states)} AND {own}"
    return f"FROM fax INDEXED BY fax_list WHERE {own} AND direction = {direction}"


def _looks_at_rows(filters: Filters) -> bool:
    """Whether most rows may be looked at in vain."""
    return bool(filters.words or filters.states or filters.user) or not (
        filters.since is filters.until is None
    )


def _conditions(filters: Filters) -> Iterator[str]:
    yield "deleted_at IS NOT NULL AND files_deleted IS NULL" if filters.deleted else "deleted_at IS NULL"
    if filters.direction:
        yield "direction = :direction"
    if filters.unread:
        yield "direction = 'in' AND read_at IS NULL"
    if filters.batch:
        yield "batch = :batch"
    if filters.user:
        yield "user = :user"
    if filters.since is not None:
        yield "created >= :since"
    if filters.until is not None:
        yield "created < :until"
    if filters.states:
        yield _state_is_one_of(filters.states)
    for at, word in enumerate(filters.words):
        either = [f"instr(search, :word_{at}) > 0"]
        if digits(word) not in ("", folded(word)):
            either.append(f"instr(search, :digits_{at}) > 0")
        yield f"({' OR '.join(either)})"


def _are_rare(states: tuple[str, ...]) -> bool:
    return bool(states) and _RARE.issuperset(states)


def _state_is_one_of(states: tuple[str, ...]) -> str:
    return f"state IN ({', '.join(f':state_{at}' for at in range(len(states)))})"


def _values(filters: Filters) -> dict[str, object]:
    several = ("words", "states")
    values = {
        field.name: getattr(filters, field.name) for field in fields(filters) if field.name not in several
    }
    values |= {f"state_{at}": state for at, state in enumerate(filters.states)}
    values |= {f"word_{at}": folded(word) for at, word in enumerate(filters.words)}
    return values | {f"digits_{at}": digits(word) for at, word in enumerate(filters.words)}
