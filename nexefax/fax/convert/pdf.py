"""A PDF, page by page, by two engines.

The pages go through in runs. For each run poppler takes a look, Ghostscript draws, and poppler draws again what
Ghostscript could not, drew with errors, or left blank though it is not.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Final

from nexefax.errors import DocumentError
from nexefax.fax.convert import ghostscript, poppler
from nexefax.fax.convert.faxtiff import Strip, is_blank
from nexefax.fax.convert.geometry import PageShape, Placement
from nexefax.fax.convert.ghostscript import Drawn
from nexefax.fax.convert.grey import fax_page
from nexefax.fax.convert.linetime import numbers_in_words
from nexefax.fax.convert.poppler import Opening
from nexefax.fax.convert.tone import Picture, Tone, choose_tone, complexity, has_ink
from nexefax.fax.convert.work import Run, Work, check_page_count, missing_sentence
from nexefax.process import scratch_directory

log = logging.getLogger("nexefax.convert")

FIRST_RUN: Final = 4  # pages: few, so that something can be seen soon
LONGEST_RUN: Final = 60  # pages: half a second of text, after which another document may have its turn

FEW_EDGES: Final = 2_000  # of a look: below, a page has too little on it for statistics
LEAST_BYTES: Final = 0.2  # of T.6 for each edge

QUICK_PAGE: Final = 0.05  # seconds of a look; above it is a scan or the like
TURN_SECONDS: Final = 2.0  # what a run should take at most

ASK_SECONDS: Final = 20.0  # for what the document says of itself
LOOK_SECONDS: Final = 20.0  # for the look at one run; without it the pages are only drawn less well
RUN_SECONDS: Final = 45.0  # for Ghostscript on one run; good pages of the corpus take up to 29 s
PAGE_SECONDS: Final = 60.0  # for poppler on one page


Result = tuple[Strip, str]  # a page and its engine


async def render_pdf(work: Work) -> list[str]:
    """Draw all pages of a PDF and deliver them, run by run in their order; returns notes for the sender.

    Raises DocumentError when the document or one of its pages can't be drawn; the runs before that page may
    have been delivered.
    """
    return await _PdfJob(work).render()


class _PdfJob:
    """One PDF on its way."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._pdf, self._room, self._turns = work.source, work.room, work.turns
        self._halftone, self._max_pages = work.settings.halftone, work.settings.max_pages
        self._count = 0
        self._found_more = 0  # pages that Ghostscript counts, where it counts more than a viewer shows
        self._flawed: set[int] = set()

    async def render(self) -> list[str]:
        failed: list[int] = []
        async with asyncio.TaskGroup() as group:
            # Meanwhile: what is known of a document's first pages tells how long the others will take.
            first = group.create_task(self._look(1, FIRST_RUN), name="look at the first pages")
            shapes = await self._survey()
            pages = [self._work.lay(shape) for shape in shapes]
            pictures, seconds = await first
            parts = cut(pages, self._turns.jobs, most=pages_in_a_turn(seconds))
            tasks = [
                group.create_task(
                    self._run(part, None if number else pictures), name=f"pages from {part[0].number}"
                )
                for number, part in enumerate(parts)
            ]
            for task in tasks:
                run = await task
                failed += run.failed
                if not failed:
                    await self._work.deliver(run)
        if failed:
            raise DocumentError(missing_sentence(failed, [shape.number for shape in shapes]))
        return self._notes()

    def _notes(self) -> list[str]:
        notes = []
        if self._found_more:
            faxed = "1 was faxed" if self._count == 1 else f"{self._count} were faxed"
            notes.append(
                f"Programs disagree on how many pages the document has: {faxed}, as most viewers show it, but there "
                f"may be {self._found_more}. Check that none is missing."
            )
        if self._flawed:
            named = numbers_in_words(sorted(self._flawed)).capitalize()
            them = "it: check how it looks" if len(self._flawed) == 1 else "them: check how they look"
            notes.append(f"{named} of the document had errors in {them} before you rely on this fax.")
        return notes

    async def _survey(self) -> list[PageShape]:
        """The shapes of all pages; raises DocumentError when there are none, or too many."""
        most = self._max_pages + 1
        async with self._turns.turn(), scratch_directory(self._room) as scratch:
            told = await poppler.contents(self._pdf, most=most, scratch=scratch, seconds=ASK_SECONDS)
            if told.opening is Opening.LOCKED:
                raise DocumentError(
                    "The document is protected by a password. Open it, print it to a new PDF, and send that."
                )
            if told.opening is Opening.CERTIFICATE:
                raise DocumentError(
                    "The document is encrypted for certain people. Open it, print it to a new PDF, and send that."
                )
            self._count, shapes = told.count, list(told.shapes)
            if len(shapes) < min(most, told.count) or not shapes:
                shapes = await self._second_opinion(told, most, scratch)
        if len(shapes) > self._max_pages:
            check_page_count(max(self._count, len(shapes)), self._max_pages)
        return shapes

    async def _second_opinion(self, told: poppler.Contents, most: int, scratch: Path) -> list[PageShape]:
        """What Ghostscript counts where poppler's count can't be right, or where poppler read nothing."""
        count, shapes = await ghostscript.shapes(self._pdf, most=most, scratch=scratch, seconds=ASK_SECONDS)
        if told.opening is Opening.READ and count > len(told.shapes):
            there = [shape.number for shape in told.shapes]
            raise DocumentError(
                missing_sentence(sorted(set(range(1, min(told.count, most) + 1)) - set(there)), there)
            )
        self._count = count
        if told.opening is Opening.READ:
            return list(told.shapes)  # the document lies about its count
        if not shapes:
            raise DocumentError(
                "The document has no pages."
                if told.opening is Opening.EMPTY
                else "The document is damaged and can't be read. Save it again, or print it to a new PDF."
            )
        return shapes

    async def _look(self, first: int, last: int) -> tuple[dict[int, Picture], float]:
        """Small pictures of some pages, and how long they took."""
        async with self._turns.turn(), scratch_directory(self._room) as scratch:
            begun = time.monotonic()
            pictures = await poppler.look(self._pdf, first, last, scratch=scratch, seconds=LOOK_SECONDS)
            return pictures, time.monotonic() - begun

    async def _run(self, pages: Sequence[Placement], pictures: dict[int, Picture] | None) -> Run:
        """Draw some pages: a look (unless there was one), Ghostscript, and poppler for what is missing or wrong."""
        if pictures is None:
            pictures, _ = await self._look(pages[0].number, pages[-1].number)
        tones = await asyncio.to_thread(self._tones, pages, pictures)
        places = {page.number: page for page in pages}
        async with self._turns.turn():
            drawn = await self._by_ghostscript(list(places.values()), tones)
            units = {page.number: page.unit for page in drawn.values() if page.unit is not None}
            for number, unit in units.items():  # pages in other units than points: known only now
                shape = replace(places[number].shape, unit=unit)
                places[number] = self._work.lay(shape)
            if units:
                drawn |= await self._by_ghostscript([places[number] for number in units], tones)
            for number, tone in tones.items():
                if tone.spots and drawn[number].strip is not None:
                    spotted = await self._spotted(places[number], tone)
                    drawn[number] = spotted if spotted.strip is not None else drawn[number]
        doubted = await asyncio.to_thread(_doubted, drawn, places, pictures)
        results: dict[int, Result] = {}
        for number, page in places.items():
            strip = drawn[number].strip
            if strip is not None and number not in doubted:
                results[number] = strip, "gs"
            elif (result := await self._second(page, tones[number], drawn[number])) is not None:
                results[number] = result
        return Run(
            tuple(strip for strip, _ in results.values()),
            tuple(engine for _, engine in results.values()),
            tuple(number for number in places if number not in results),
        )

    def _tones(self, pages: Sequence[Placement], pictures: Mapping[int, Picture]) -> dict[int, Tone]:
        return {page.number: choose_tone(pictures.get(page.number), self._halftone) for page in pages}

    async def _by_ghostscript(
        self, pages: Sequence[Placement], tones: Mapping[int, Tone]
    ) -> dict[int, Drawn]:
        async with scratch_directory(self._room) as scratch:
            count, drawn = await ghostscript.draw(
                self._pdf, pages, tones, scratch=scratch, seconds=RUN_SECONDS
            )
            if count != self._count:
                # It sees another document than a viewer shows: an older state, a portfolio, a /Count that lies.
                self._found_more = count if count > self._count else 0
                return {page.number: Drawn(page.number, None, False, None) for page in drawn}
            return await asyncio.to_thread(self._keep, drawn)

    def _keep(self, drawn: Sequence[Drawn]) -> dict[int, Drawn]:
        """Save the pages' files from the scratch directory, which goes."""
        kept = {}
        for page in drawn:
            strip = None if page.strip is None else self._work.keep(page.strip, f"gs-{page.number}.tif")
            kept[page.number] = replace(page, strip=strip)
        return kept

    async def _second(self, page: Placement, tone: Tone, drawn: Drawn) -> Result | None:
        """Have poppler draw a page that Ghostscript could not, or not believably; None when neither could."""
        async with self._turns.turn():
            strip, complaints = await self._by_poppler(page, tone)
        either = complaints or drawn.complaints
        for drawing, engine in ((strip, "poppler"), (drawn.strip, "gs")):
            # Poppler first: viewers are made of it, where two readings of a damaged page differ. A page that is white
            # because it can't be read is no page.
            if drawing is not None and not (either and await asyncio.to_thread(is_blank, drawing)):
                if complaints if engine == "poppler" else either:
                    self._flawed.add(page.number)
                return drawing, engine
        return None

    async def _by_poppler(self, page: Placement, tone: Tone) -> tuple[Strip | None, bool]:
        async with scratch_directory(self._room) as scratch:
            grey, complaints = await poppler.draw(self._pdf, page, scratch=scratch, seconds=PAGE_SECONDS)
            if grey is None:
                return None, complaints
            name = f"poppler-{page.number}.tif"
            return await fax_page(self._work, grey, page, tone, name=name), complaints

    async def _spotted(self, page: Placement, tone: Tone) -> Drawn:
        """Have Ghostscript draw a page that is dithered in spots only, by way of a grey picture."""
        async with scratch_directory(self._room) as scratch:
            grey, complaints = await ghostscript.draw_in_grey(
                self._pdf, page, scratch=scratch, seconds=RUN_SECONDS
            )
            if grey is None:
                return Drawn(page.number, None, complaints, None)
            name = f"spotted-{page.number}.tif"
            strip = await fax_page(self._work, grey, page, tone, name=name, whole=True)
            return Drawn(page.number, strip, complaints, None)


def _doubted(
    drawn: Mapping[int, Drawn], places: Mapping[int, Placement], pictures: Mapping[int, Picture]
) -> set[int]:
    """The pages that Ghostscript did not draw, drew with complaints, or drew unlike the look; blocking."""
    found = set()
    for number, page in drawn.items():
        picture = pictures.get(number)
        if page.strip is None or page.complaints:
            found.add(number)
        elif picture is None:
            if is_blank(page.strip):
                found.add(number)
        elif not resembles(page.strip, places[number], picture):
            found.add(number)
    return found


def resembles(strip: Strip, page: Placement, picture: Picture) -> bool:
    """Whether a page can be what a look showed, by its bytes: T.6 data grows with the edges on a page.

    Finds pages that came out white, or with their writing missing, though Ghostscript is content. Of 250 pages of
    all kinds the good ones have 0.35 to 2.2 bytes for each edge of the look, enlarged to the look's scale.
    """
    if strip.size <= strip.length // 8 + 8 and has_ink(picture):
        return False
    edges = complexity(picture)
    enlarged = page.shown[0] / picture.width
    if edges < FEW_EDGES or enlarged < 2:
        return True
    return (strip.size - strip.length / 8) * 3.5 / enlarged > edges * LEAST_BYTES


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
