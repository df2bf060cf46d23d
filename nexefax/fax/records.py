"""The rows of the journal that are about faxes, and the SQL that reads and writes them.

Functions take the connection of a transaction that :class:`nexefax.store.Journal` runs; none commits.
"""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from nexefax.fax.line_budget import Waiting
from nexefax.folding import search_text


@dataclass(frozen=True, slots=True)
class Fax:
    """One fax, out or in. Times are seconds since 1970; ``bitrate`` is in bit/s."""

    id: int
    direction: str
    account: str
    state: str
    created: float
    changed: float
    reason: str = ""
    number: str = ""
    caller_name: str = ""
    station: str = ""
    user: str = ""
    subject: str = ""
    message: str = ""
    document_name: str = ""
    pages: int | None = None
    pages_done: int | None = None
    resolution: str = ""
    bitrate: int | None = None
    line_seconds: float | None = None
    next_try: float | None = None
    attempts: int = 0
    max_attempts: int = 1
    incomplete: bool = False
    doubtful: bool = False
    arrived: bool = False
    tiff_wanted: bool = False
    counted: int = 0
    first_page: int = 1
    line_settings: str = ""
    cancelled_by: str = ""
    resent_from: int | None = None
    repeat_of: int | None = None
    files_deleted: float | None = None
    notes: tuple[str, ...] = ()
    request_id: str | None = None
    spool_name: str | None = None
    batch: str = ""
    to_name: str = ""
    send_at: float | None = None
    composition: str = ""
    deleted_at: float | None = None
    deleted_by: str = ""
    read_at: float | None = None

    @property
    def searched(self) -> str:
        """What it is found by: what people know it by, as it is compared."""
        name = self.to_name or self.caller_name
        return search_text(self.number, name, self.station, self.user, self.subject, self.document_name)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One dialling of one fax; ``ended`` is None while it goes on. ``outcome`` is the evidence as it was read."""

    fax: int
    number: int
    started: float
    deadline: float
    ended: float | None = None
    cause: str = ""
    sentence: str = ""
    pages: int | None = None
    bitrate: int | None = None
    station: str = ""
    mode: str = ""
    outcome: str = ""
    first_page: int = 1
    line_settings: str = ""


# What was written later than now was written by a clock that was ahead: it does not wait until that time comes again.
CLOCK_SLACK = 60.0  # seconds that NTP may take back without anybody being surprised

_AT_ONCE = 500  # rows by their ids; SQLite takes at least 999 parameters (sqlite.org/limits.html)

_FAX_FIELDS = tuple(field.name for field in dataclasses.fields(Fax))


def _fax(row: sqlite3.Row) -> Fax:
    values = dict(row)
    del values["search"]
    for name in ("incomplete", "doubtful", "arrived", "tiff_wanted"):
        values[name] = bool(values[name])
    values["notes"] = () if values["notes"] == "[]" else tuple(json.loads(values["notes"]))
    return Fax(**values)


def _fax_columns(fax: Fax) -> dict[str, object]:
    columns = {name: getattr(fax, name) for name in _FAX_FIELDS if name != "id"}
    columns["notes"] = json.dumps(fax.notes, ensure_ascii=False)
    columns["search"] = fax.searched
    return columns


def note_change(connection: sqlite3.Connection, account: str, fax_id: int) -> None:
    """Let pages that follow an account know that something about a fax is different now."""
    connection.execute("INSERT INTO change (account, fax) VALUES (?, ?)", (account, fax_id))


def add_fax(connection: sqlite3.Connection, fax: Fax) -> int:
    """Insert ``fax`` (its ``id`` is ignored) and return the id that it got.

    Raises sqlite3.IntegrityError when its request or spool name is there already.
    """
    columns = _fax_columns(fax)
    cursor = connection.execute(
        f"INSERT INTO fax ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
        tuple(columns.values()),
    )
    fax_id = int(cursor.lastrowid or 0)  # an INSERT always has one
    note_change(connection, fax.account, fax_id)
    return fax_id


def skip_numbers(connection: sqlite3.Connection, last: int) -> None:
    """Number the next fax higher than ``last`` (sqlite.org/autoinc.html)."""
    skipped = connection.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'fax'", (last,))
    if skipped.rowcount == 0:
        connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('fax', ?)", (last,))


def save_fax(connection: sqlite3.Connection, fax: Fax) -> None:
    """Write all of ``fax`` over its row."""
    columns = _fax_columns(fax)
    assignments = ", ".join(f"{name} = ?" for name in columns)
    connection.execute(
        f"UPDATE fax SET {assignments} WHERE id = ?",
        (*columns.values(), fax.id),
    )
    note_change(connection, fax.account, fax.id)


def load_fax(connection: sqlite3.Connection, fax_id: int) -> Fax | None:
    """Return the fax with this id."""
    row = connection.execute("SELECT * FROM fax WHERE id = ?", (fax_id,)).fetchone()
    return _fax(row) if row else None


def load_faxes(connection: sqlite3.Connection, ids: Iterable[int]) -> list[Fax]:
    """Return the faxes with these ids that there are, in this order."""
    wanted = list(ids)
    found: dict[int, Fax] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        rows = connection.execute(f"SELECT * FROM fax WHERE id IN ({', '.join('?' * len(some))})", some)
        found |= {row["id"]: _fax(row) for row in rows}
    return [found[fax_id] for fax_id in wanted if fax_id in found]


def fax_by_request(connection: sqlite3.Connection, account: str, request_id: str) -> Fax | None:
    """Return the fax that this account has already handed in under ``request_id``."""
    row = connection.execute(
        "SELECT * FROM fax WHERE account = ? AND request_id = ?", (account, request_id)
    ).fetchone()
    return _fax(row) if row else None


def faxes_of_batch(connection: sqlite3.Connection, batch: str) -> list[int]:
    """Return the numbers of all faxes that were sent at once, oldest first."""
    rows = connection.execute("SELECT id FROM fax WHERE batch = ? AND batch != '' ORDER BY id", (batch,))
    return [row[0] for row in rows]


def fax_by_spool_name(connection: sqlite3.Connection, spool_name: str) -> Fax | None:
    """Return the received fax whose TIFF has this name in ``rx_dir``."""
    row = connection.execute("SELECT * FROM fax WHERE spool_name = ?", (spool_name,)).fetchone()
    return _fax(row) if row else None


def faxes_in(connection: sqlite3.Connection, *states: str) -> list[Fax]:
    """Return the faxes in these states, oldest first."""
    marks = ", ".join("?" * len(states))
    rows = connection.execute(f"SELECT * FROM fax WHERE state IN ({marks}) ORDER BY id", states)
    return [_fax(row) for row in rows]


def due_faxes(connection: sqlite3.Connection, state: str, now: float) -> list[Fax]:
    """Return the faxes in ``state`` whose next try is due, oldest first."""
    rows = connection.execute(
        "SELECT * FROM fax WHERE state = ? AND (next_try IS NULL OR next_try <= ? OR changed > ?) ORDER BY id",
        (state, now, now + CLOCK_SLACK),
    )
    return [_fax(row) for row in rows]


def due_calls(connection: sqlite3.Connection, now: float) -> list[Waiting]:
    """Return the faxes that are ready to be called for, oldest first."""
    rows = connection.execute(
        "SELECT id, account, number, reason FROM fax"
        " WHERE state = 'ready' AND (next_try IS NULL OR next_try <= ? OR changed > ?) ORDER BY id",
        (now, now + CLOCK_SLACK),
    )
    return [Waiting(*row) for row in rows]


def calls_under_way(connection: sqlite3.Connection) -> list[Waiting]:
    """Return the faxes that a call is being made for."""
    rows = connection.execute("SELECT id, account, number, reason FROM fax WHERE state = 'calling'")
    return [Waiting(*row) for row in rows]


def set_reasons(connection: sqlite3.Connection, reasons: Mapping[int, str]) -> None:
    """Let waiting faxes, by id, say why they wait."""
    connection.executemany(
        "UPDATE fax SET reason = ? WHERE id = ? AND state = 'ready'",
        [(reason, fax) for fax, reason in reasons.items()],
    )
    note_changes(connection, reasons)


def note_changes(connection: sqlite3.Connection, faxes: Iterable[int]) -> None:
    """`note_change` for faxes by their ids."""
    connection.executemany(
        "INSERT INTO change (account, fax) SELECT account, id FROM fax WHERE id = ?",
        [(fax,) for fax in faxes],
    )


def next_due(connection: sqlite3.Connection, state: str, *, after: float = 0.0) -> float | None:
    """Return the time of the next try after ``after`` among the faxes in ``state``."""
    row = connection.execute(
        "SELECT min(next_try) FROM fax WHERE state = ? AND next_try > ?", (state, after)
    ).fetchone()
    value: float | None = row[0]
    return value


def count_states(connection: sqlite3.Connection) -> dict[tuple[str, str], int]:
    """Return how many faxes there are by (direction, state)."""
    rows = connection.execute("SELECT direction, state, count(*) FROM fax GROUP BY direction, state")
    return {(row[0], row[1]): row[2] for row in rows}


def save_attempt(connection: sqlite3.Connection, attempt: Attempt) -> None:
    """Insert ``attempt``, or write it over its row."""
    columns = dataclasses.asdict(attempt)
    connection.execute(
        f"INSERT OR REPLACE INTO attempt ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
        tuple(columns.values()),
    )


def load_attempt(connection: sqlite3.Connection, fax_id: int, number: int) -> Attempt | None:
    """Return one attempt."""
    row = connection.execute(
        "SELECT * FROM attempt WHERE fax = ? AND number = ?", (fax_id, number)
    ).fetchone()
    return Attempt(**dict(row)) if row else None


def attempts_of(connection: sqlite3.Connection, fax_id: int) -> list[Attempt]:
    """Return all attempts of a fax, first to last."""
    rows = connection.execute("SELECT * FROM attempt WHERE fax = ? ORDER BY number", (fax_id,))
    return [Attempt(**dict(row)) for row in rows]


def remember_line(connection: sqlite3.Connection, number: str, settings: str, now: float) -> None:
    """Remember what settings it takes to reach ``number``."""
    connection.execute("INSERT OR REPLACE INTO line_memory VALUES (?, ?, ?)", (number, settings, now))


def remembered_line(connection: sqlite3.Connection, number: str, since: float) -> str:
    """Return what settings ``number`` took after ``since``; "" for none in particular."""
    row = connection.execute(
        "SELECT line_settings FROM line_memory WHERE number = ? AND changed > ?", (number, since)
    ).fetchone()
    return str(row[0]) if row else ""


def forget_lines(connection: sqlite3.Connection, before: float) -> None:
    """Forget what was learnt before."""
    connection.execute("DELETE FROM line_memory WHERE changed <= ?", (before,))


def add_event(connection: sqlite3.Connection, fax_id: int, at: float, text: str) -> None:
    """Add a line to the fax's timeline."""
    connection.execute("INSERT INTO event (fax, at, text) VALUES (?, ?, ?)", (fax_id, at, text))


def events_of(connection: sqlite3.Connection, fax_id: int) -> list[tuple[float, str]]:
    """Return the fax's timeline as (time, text)."""
    rows = connection.execute("SELECT at, text FROM event WHERE fax = ? ORDER BY id", (fax_id,))
    return [(row[0], row[1]) for row in rows]
