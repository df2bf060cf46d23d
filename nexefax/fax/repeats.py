"""Faxes that come twice: a sender's machine that missed our last confirmation, or whose line dropped, sends all again.

Every one is delivered; a probable repeat only says so. What is compared, and why:

- The caller's number, or the station id of one who withholds it. Without either nothing is marked.
- The time: a machine tries again within minutes.
- The number of pages, and the compressed size of each. Not the pixels: the header line on top of each page has the
  time in it, a page that is scanned again has other noise, and without error correction (ECM) each call damages other
  lines. Sizes bear all that, and tell two letters of one office apart that both have one page.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from nexefax.errors import TiffError
from nexefax.fax.convert.tiff import survey
from nexefax.fax.folders import Folders
from nexefax.fax.job import count
from nexefax.fax.records import Fax, load_faxes
from nexefax.store import Journal

REPEAT_SECONDS = 15 * 60.0  # machines dial again within minutes, people soon after
PAGE_SECONDS = (
    60.0  # for each page of the repeat, since only the ends of calls are known: a slow page takes as long
)
SAME_SHARE = 0.03  # of a page's bytes: noise of another scan, some damaged lines
SAME_BYTES = 64  # of a page that is nearly blank: the header line, in which the time differs
_DIGITS = 3  # a caller or station with fewer ("0", "anonymous", "FAX") could be anybody


_NUMBERS = 1_000  # how far back faxes are looked at: no installation gets more in the time that counts


async def find_repeated(journal: Journal, folders: Folders, fax: Fax) -> Fax | None:
    """Return the latest fax of its account that a received one, copied into our folders, probably repeats."""

    def read(connection: sqlite3.Connection) -> list[Fax]:
        rows = connection.execute(
            "SELECT id FROM fax WHERE id BETWEEN ? AND ? AND direction = 'in' AND account = ? ORDER BY id DESC",
            (fax.id - _NUMBERS, fax.id - 1, fax.account),
        )
        return load_faxes(connection, [row[0] for row in rows])

    pages = await asyncio.to_thread(page_sizes, folders.received_tiff(fax.id))
    for earlier in await journal.read(read):
        if is_near(fax, earlier, len(pages)):
            earlier_pages = await asyncio.to_thread(page_sizes, folders.received_tiff(earlier.id))
            if is_repeat(fax, pages, earlier, earlier_pages):
                return earlier
    return None


def mark_repeat(connection: sqlite3.Connection, fax_id: int, earlier: int | None) -> None:
    """Note which fax a received one probably repeats."""
    connection.execute("UPDATE fax SET repeat_of = ? WHERE id = ?", (earlier, fax_id))


def page_sizes(tiff: Path) -> tuple[int, ...]:
    """Return the bytes of each page of a received TIFF; empty when it can't be read. Blocks."""
    try:
        return tuple(page.data_size for page in survey(tiff).pages)
    except (TiffError, OSError):
        return ()


def is_near(fax: Fax, earlier: Fax, pages: int) -> bool:
    """Whether ``fax``, of so many ``pages``, comes from the caller of ``earlier`` and soon enough after it."""
    caller = _caller(fax)
    if caller is None or caller != _caller(earlier):
        return False
    return abs(fax.created - earlier.created) <= REPEAT_SECONDS + pages * PAGE_SECONDS


def is_repeat(fax: Fax, pages: Sequence[int], earlier: Fax, earlier_pages: Sequence[int]) -> bool:
    """Whether the pages of two near faxes, given by their sizes, look like those of one document.

    The last page of a fax that broke off may be cut: it is not compared.
    """
    if not pages or not earlier_pages:
        return False
    if not fax.incomplete and not earlier.incomplete:
        return len(pages) == len(earlier_pages) and _alike(pages, earlier_pages)
    if not fax.incomplete:
        return len(pages) >= len(earlier_pages) and _alike(pages, earlier_pages[:-1])
    if earlier.incomplete:
        return _alike(pages[:-1], earlier_pages[:-1])
    # A fax that broke off on its first page after a whole one may well be another document.
    return 1 < len(pages) <= len(earlier_pages) and _alike(pages[:-1], earlier_pages)


def repeat_sentence(fax: Fax, earlier: Fax) -> str:
    """Return what people are told about ``fax``, which probably repeats ``earlier``."""
    minutes = count(max(1, round(abs(fax.created - earlier.created) / 60)), "minute")
    if fax.incomplete and not earlier.incomplete:
        what = f"the beginning of fax {earlier.id} once more, which came {minutes} before"
    elif fax.incomplete:
        what = f"another try at fax {earlier.id}, which broke off {minutes} before"
    elif earlier.incomplete:
        what = f"the whole of fax {earlier.id}, which broke off {minutes} before"
    else:
        what = f"a repeat of fax {earlier.id}, which came {minutes} before"
    return f"this is probably {what} from the same caller; compare them before you throw one away"


def _alike(pages: Sequence[int], others: Sequence[int]) -> bool:
    """Whether the pages that both have are of about the same size."""
    return all(
        abs(size - other) <= max(SAME_BYTES, SAME_SHARE * max(size, other))
        for size, other in zip(pages, others, strict=False)
    )


def _caller(fax: Fax) -> tuple[str, str] | None:
    """Who called, as far as it is known; a station id is compared only where both numbers are withheld."""
    for kind, text in (("number", fax.number), ("station", fax.station)):
        digits = "".join(sign for sign in text if sign.isdigit())
        if len(digits) >= _DIGITS and len(set(digits)) > 1:
            return kind, digits
    return None
