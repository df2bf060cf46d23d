"""Runs of pages: what is drawn by one program, shown at once, and after which others have their turn. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from nexefax.fax.convert.geometry import Placement

FIRST_RUN: Final = 4  # pages: few, so that something can be seen soon
LONGEST_RUN: Final = 60  # pages: half a second of text, after which another document may have its turn
QUICK_PAGE: Final = 0.05  # seconds of a look; above it is a scan or the like
TURN_SECONDS: Final = 2.0  # what a run should take at most


def pages_in_a_turn(seconds: float) -> int:
    """How many pages go into a run, by the seconds that the look at the first `FIRST_RUN` took.

    Text takes 2 ms a page, and the rest is the start of the program; a scan takes 100 ms, and four times as long again
    to be drawn. So a document of scans gives others their turns as often as one of text.
    """
    page = seconds / FIRST_RUN
    return (
        LONGEST_RUN
        if page <= QUICK_PAGE
        else max(FIRST_RUN, min(LONGEST_RUN, int(TURN_SECONDS / (5 * page))))
    )


def stretches(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Ascending page numbers as first and last of those that follow one another."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def cut(pages: Sequence[Placement], jobs: int, most: int = LONGEST_RUN) -> list[Sequence[Placement]]:
    """Runs of pages: a short one first, the rest in even parts for ``jobs`` processors, none above ``most``.

    The last part is shorter by what the first run has and by its program starts, as they share a processor.
    """
    rest = len(pages) - FIRST_RUN
    if rest <= 0:
        return [pages]
    parts = max(-(-rest // most), min(jobs, rest // FIRST_RUN), 1)
    handicap = 3 * FIRST_RUN if parts > 1 and 4 * FIRST_RUN < rest // parts <= most - 3 * FIRST_RUN else 0
    edges = [FIRST_RUN + (rest + handicap) * part // parts for part in range(parts)] + [len(pages)]
    return [pages[:FIRST_RUN], *(pages[a:b] for a, b in pairwise(edges))]
