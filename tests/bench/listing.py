"""Lists and searches over years of faxes: ``python -m tests.bench.listing [FAXES]``, from the checkout's root.

A journal is filled with so many faxes of one account (1,000,000 unless told otherwise) and a few of another. Each line
says how long a list took as the API makes it, the CPU time of it, and how long another reader of the journal had to
wait at most meanwhile: its one reading thread serves everybody.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

from nexefax.fax import listing, records
from nexefax.fax.listing import Filters, list_faxes
from nexefax.fax.recent_numbers import recent_numbers
from nexefax.fax.records import Fax
from nexefax.store import Journal

WORDS = (
    "invoice",
    "order",
    "lab",
    "results",
    "referral",
    "prescription",
    "contract",
    "offer",
    "reminder",
    "claim",
)
START = 1_500_000_000.0


def faxes(count: int) -> Iterator[Fax]:
    """Faxes as an office has them: a third came in, one in a hundred failed."""
    chance = random.Random(1)
    for number in range(count):
        at = START + number * 60
        many = f"1202555{chance.randrange(3_000):04}"
        fax = Fax(
            id=0, direction="out", account="ACME", state="failed" if number % 100 == 7 else "sent", created=at,
            changed=at + 90, number=many, to_name=f"Dr. {many[-3:]}", user=f"user{number % 20}", pages=2, pages_done=2,
            subject=" ".join(chance.choices(WORDS, k=4)), message="Please find attached. " * 8,
            document_name=f"scan {number}.pdf", resolution="fine (204x196)", bitrate=14_400, attempts=1,
        )  # fmt: skip
        if number % 3 == 0:
            came = replace(
                fax, direction="in", state="delivered", caller_name=fax.to_name, to_name="", user=""
            )
            fax = replace(came, subject="", message="", document_name="", station=f"+{many}", read_at=at)
        yield replace(fax, account="Small") if number % 5_000 == 11 else fax


def fill(connection: sqlite3.Connection, count: int) -> None:
    for fax in faxes(count):
        records.add_fax(connection, fax)
    records.add_fax(connection, replace(next(iter(faxes(1))), read_at=None))
    connection.execute("UPDATE fax SET search = search || ' haystack' WHERE id = 501")


async def measured(journal: Journal, what: str, ask: Callable[[], Awaitable[object]]) -> None:
    """Print how long ``ask`` took, the median of three, and what a bystander waited at most."""
    longest = 0.0
    done = False

    async def stand_by() -> None:
        nonlocal longest
        while not done:
            begun = time.perf_counter()
            await journal.read(lambda connection: connection.execute("SELECT 1").fetchone())
            longest = max(longest, time.perf_counter() - begun)
            await asyncio.sleep(0.001)

    took = []
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(stand_by())
        for _ in range(3):
            begun = time.perf_counter()
            await ask()
            took.append(time.perf_counter() - begun)
        done = True
    begun = time.process_time()
    await ask()
    cpu = time.process_time() - begun
    figures = (sorted(took)[1], cpu, longest)
    print(f"{what:<40}", *(f"{seconds * 1000:12.1f} ms" for seconds in figures), flush=True)


async def bench(count: int, folder: Path) -> None:
    journal = await Journal.open(folder)
    begun = time.perf_counter()
    await journal.write(lambda connection: fill(connection, count))
    print(f"{count:,} faxes entered in {time.perf_counter() - begun:.0f} s")
    print(f"{'':<40}", *(f"{head:>15}" for head in ("answer", "CPU", "others wait")))
    middle = count // 2
    acme, small = Filters("acme"), Filters("Small")
    cases: dict[str, tuple[Filters, int | None]] = {
        "first page, both directions": (acme, None),
        "first page, sent": (replace(acme, direction="out"), None),
        "a page in the middle": (replace(acme, direction="out"), middle),
        "first page of a small account": (small, None),
        "unread": (replace(acme, unread=True), None),
        "failed ones": (replace(acme, direction="out", states=("failed",)), None),
        "waiting ones, of which there are none": (replace(acme, direction="out", states=("ready",)), None),
        "a frequent word": (replace(acme, words=("invoice",)), None),
        "a number": (replace(acme, words=("(202)", "555-0123")), None),
        "a word found once, at the oldest end": (replace(acme, words=("haystack",)), None),
        "a word found nowhere": (replace(acme, words=("nowhere",)), None),
        "a word found nowhere, small account": (replace(small, words=("nowhere",)), None),
        "a day with few": (replace(acme, since=START + (count - 20) * 60), None),
        "a month of the first year": (replace(acme, since=START + 86_400, until=START + 30 * 86_400), None),
    }
    for what, (filters, before) in cases.items():
        await measured(
            journal,
            what,
            lambda f=filters, b=before: list_faxes(journal, f, before=b, limit=51),  # type: ignore[misc]
        )
    today = START + (count - 1_000) * 60
    counted = lambda: journal.read(lambda c: listing.count_waiting(c, "ACME", today))  # noqa: E731
    await measured(journal, "counts, a thousand faxes of today", counted)
    await measured(
        journal, "recent numbers", lambda: journal.read(lambda c: recent_numbers(c, "ACME", "99", 8))
    )
    await journal.close()


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(bench(count, Path(folder)))


if __name__ == "__main__":
    main()
