"""Lists are read along an index, and no search keeps the journal's one reading thread for long."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from nexefax.fax import listing, records
from nexefax.fax.listing import Filters, list_faxes, list_query
from nexefax.store import Journal, empty_journal

PLANS = {
    "fax_list": [
        Filters("A"), Filters("A", "out"), Filters("A", words=("x", "1-2"), since=1.0), Filters("A", states=("sent",)),
    ],
    "fax_due": [Filters("A", states=("ready", "calling")), Filters("A", "out", states=("queued",), words=("x",))],
    "fax_unread": [Filters("A", unread=True), Filters("A", "in", unread=True, words=("x",))],
    "fax_bin": [Filters("A", deleted=True), Filters("A", "in", deleted=True)],
    "fax_batch": [Filters("A", batch="b"), Filters("A", "out", batch="b", words=("x",))],
    "INTEGER PRIMARY KEY": [Filters("A", fax=3), Filters("A", "in", fax=3, words=("x",), deleted=True)],
}  # fmt: skip


def plan(filters: Filters) -> list[str]:
    values = listing._values(filters) | {"top": 9, "bottom": 0, "limit": 5, "rows": 1}
    rows = empty_journal().execute(f"EXPLAIN QUERY PLAN {list_query(filters)}", values)
    return [row[3] for row in rows]


@pytest.mark.parametrize(
    ("index", "filters"), [(index, filters) for index, each in PLANS.items() for filters in each]
)
def test_every_list_goes_along_its_index(index: str, filters: Filters) -> None:
    steps = plan(filters)
    reads = [step for step in steps if step.startswith(("SEARCH", "SCAN"))]
    assert reads
    assert all(step.startswith("SEARCH fax USING") and index in step for step in reads), steps
    if index in ("fax_list", "fax_unread"):  # which may be long: they come in order, nothing is sorted
        assert not [step for step in steps if "B-TREE" in step], steps


def test_the_counts_go_along_theirs() -> None:
    asked: list[str] = []
    connection = empty_journal()
    connection.row_factory = sqlite3.Row
    connection.set_trace_callback(asked.append)
    assert listing.count_waiting(connection, "A", 1.0) == {"unread": 0, "waiting": 0, "failed_today": 0}
    connection.set_trace_callback(None)
    assert len(asked) == 3
    for query in asked:
        steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}")]
        assert any(step.startswith("SEARCH fax USING") for step in steps), steps
        assert not any(step.startswith("SCAN fax") for step in steps), steps


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    """Thirty faxes, every third one of another account, and every second one received."""
    journal = await Journal.open(tmp_path)
    one = records.Fax(
        id=0, direction="out", account="A", state="sent", created=1.0, changed=1.0, subject="hay"
    )

    def fill(connection: sqlite3.Connection) -> None:
        for number in range(1, 31):
            fax = replace(
                one, account="b" if number % 3 == 0 else "a", direction="in" if number % 2 else "out"
            )
            records.add_fax(connection, replace(fax, subject="needle" if number in (4, 25) else "hay"))

    await journal.write(fill)
    yield journal
    await journal.close()


@pytest.mark.parametrize("rows", [1, 3, 7, 100])
async def test_a_search_reads_some_rows_at_a_time(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr(listing, "WINDOW", rows)
    reads = 0
    read = journal.read

    async def counting(query: object) -> object:
        nonlocal reads
        reads += 1
        return await read(query)  # type: ignore[arg-type]

    monkeypatch.setattr(journal, "read", counting)
    for direction, wanted in (("", [25, 4]), ("in", [25]), ("out", [4])):
        reads = 0
        filters = Filters("A", direction, words=("NEEDLE",))
        found = await list_faxes(journal, filters, limit=5)
        assert [fax.id for fax in found] == wanted
        assert reads >= 10 // (rows + 1)
    assert [
        fax.id for fax in await list_faxes(journal, Filters("A", words=("needle",)), before=25, limit=5)
    ] == [4]
    everything = [fax.id for fax in await list_faxes(journal, Filters("A"), limit=99)]
    assert everything == [number for number in range(30, 0, -1) if number % 3]
    hay = [fax.id for fax in await list_faxes(journal, Filters("A", words=("hay",)), limit=99)]
    assert hay == [number for number in everything if number not in (4, 25)]


async def test_only_the_faxes_of_the_days_are_looked_at(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock went back once: faxes 11 to 20 are of days before those of the first ten."""
    monkeypatch.setattr(listing, "WINDOW", 1)

    def date(connection: sqlite3.Connection) -> None:
        connection.execute(
            "UPDATE fax SET created = CASE WHEN id BETWEEN 11 AND 20 THEN id - 100 ELSE id END"
        )

    await journal.write(date)
    looked: list[tuple[int, int]] = []
    window = listing._window

    def noting(connection: sqlite3.Connection, **asked: object) -> tuple[list[records.Fax], int]:
        found, top = window(connection, **asked)  # type: ignore[arg-type]
        looked.append((asked["top"], top))  # type: ignore[arg-type]
        return found, top

    monkeypatch.setattr(listing, "_window", noting)
    for since, until, wanted in (
        (28.0, None, [29, 28]), (None, -87.0, [11]), (-85.0, 3.0, [20, 19, 17, 16, 2, 1]), (8.0, 10.0, [8]),
        (500.0, None, []), (9.0, 9.0, []),
    ):  # fmt: skip
        looked.clear()
        found = await list_faxes(journal, Filters("a", since=since, until=until), limit=50)
        assert [fax.id for fax in found] == wanted
        assert all(top <= max(wanted) for top, _ in looked)
        assert not wanted or looked[-1][0] >= min(wanted)
        assert not looked or wanted


async def test_rare_states(journal: Journal) -> None:
    await journal.write(lambda c: c.execute("UPDATE fax SET state = 'ready' WHERE id IN (3, 8, 16)"))
    assert [
        fax.id for fax in await list_faxes(journal, Filters("a", states=("ready", "queued")), limit=9)
    ] == [16, 8]
    assert [fax.id for fax in await list_faxes(journal, Filters("a", states=("ready", "sent")), limit=2)] == [
        29,
        28,
    ]
