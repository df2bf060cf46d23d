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
from pathlib import Path
from typing import Final

from nexefax.errors import DocumentError
from nexefax.fax.convert import ghostscript, poppler
from nexefax.fax.convert.doubt import doubted
from nexefax.fax.convert.faxtiff import Strip, is_blank
from nexefax.fax.convert.geometry import PageShape, Placement
from nexefax.fax.convert.ghostscript import Drawn
from nexefax.fax.convert.grey import GreyPage, fax_page, make_fax_pages
from nexefax.fax.convert.linetime import numbers_in_words
from nexefax.fax.convert.poppler import Opening
from nexefax.fax.convert.runs import FIRST_RUN, cut, pages_in_a_turn
from nexefax.fax.convert.tone import Picture, Tone, choose_tone
from nexefax.fax.convert.work import Run, Work, check_page_count, missing_sentence
from nexefax.process import scratch_directory

log = logging.getLogger("nexefax.convert")


GREY_PAGES: Final = 8  # pages in grey at once: 4 MB each


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
        self._settings = work.settings
        self._count = 0
        self._found_more = 0  # pages that Ghostscript counts, where it counts more than a viewer shows
        self._flawed: set[int] = set()

    async def render(self) -> list[str]:
        failed: list[int] = []
        async with asyncio.TaskGroup() as group:
            # Meanwhile: what is known of a document's first pages tells how long the others will take.
            only = self._settings.only
            beginning = range(1, FIRST_RUN + 1) if only is None else sorted(only)[:FIRST_RUN]
            first = group.create_task(self._look(beginning), name="look at the first pages")
            shapes = self._chosen(await self._survey())
            pages = [self._work.lay(shape) for shape in shapes]
            pictures, seconds = await first
            parts = cut(pages, self._turns.jobs, most=pages_in_a_turn(seconds))
            tones = await asyncio.to_thread(self._tones, parts[0], pictures)
            tasks = [
                # The first run asks for its turn at once, before the others ask for theirs.
                group.create_task(self._draw(parts[0], pictures, tones), name="the first pages"),
                *(
                    group.create_task(self._run(part), name=f"pages from {part[0].number}")
                    for part in parts[1:]
                ),
            ]
            for task in tasks:
                run = await task
                failed += run.failed
                if not failed:
                    await self._work.deliver(run)
        if failed:
            raise DocumentError(missing_sentence(failed, [shape.number for shape in shapes]))
        return self._notes()

    def _chosen(self, shapes: Sequence[PageShape]) -> list[PageShape]:
        numbers = set(self._settings.wanted([shape.number for shape in shapes]))
        return [shape for shape in shapes if shape.number in numbers]

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
        most = self._settings.max_pages + 1
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
        if len(shapes) >= most:
            check_page_count(max(self._count, len(shapes)), most - 1)
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

    async def _look(self, numbers: Sequence[int]) -> tuple[dict[int, Picture], float]:
        """Small pictures of some pages, and how long they took."""
        async with self._turns.turn(), scratch_directory(self._room) as scratch:
            begun = time.monotonic()
            pictures = await poppler.look(self._pdf, numbers, scratch=scratch, seconds=LOOK_SECONDS)
            return pictures, time.monotonic() - begun

    async def _run(self, pages: Sequence[Placement]) -> Run:
        """Take a look at some pages, and draw them."""
        pictures, _ = await self._look([page.number for page in pages])
        tones = await asyncio.to_thread(self._tones, pages, pictures)
        return await self._draw(pages, pictures, tones)

    async def _draw(
        self, pages: Sequence[Placement], pictures: Mapping[int, Picture], tones: Mapping[int, Tone]
    ) -> Run:
        """Draw some pages by Ghostscript, and by poppler what is missing or wrong."""
        places = {page.number: page for page in pages}
        async with self._turns.turn():
            drawn = await self._by_ghostscript(list(places.values()), tones)
            units = {page.number: page.unit for page in drawn.values() if page.unit is not None}
            for number, unit in units.items():  # pages in other units than points: known only now
                shape = replace(places[number].shape, unit=unit)
                places[number] = self._work.lay(shape)
            if units:
                drawn |= await self._by_ghostscript([places[number] for number in units], tones)
        doubtful = await asyncio.to_thread(doubted, drawn, places, pictures)
        results: dict[int, Result] = {}
        for number, page in places.items():
            strip = drawn[number].strip
            if strip is not None and number not in doubtful:
                results[number] = strip, "gs"
            elif (result := await self._second(page, tones[number], drawn[number])) is not None:
                results[number] = result
        return Run(
            tuple(results),
            tuple(strip for strip, _ in results.values()),
            tuple(engine for _, engine in results.values()),
            tuple(number for number in places if number not in results),
        )

    def _tones(self, pages: Sequence[Placement], pictures: Mapping[int, Picture]) -> dict[int, Tone]:
        return {
            page.number: choose_tone(pictures.get(page.number), self._settings.halftone_of(page.number))
            for page in pages
        }

    async def _by_ghostscript(
        self, pages: Sequence[Placement], tones: Mapping[int, Tone]
    ) -> dict[int, Drawn]:
        """Draw pages straight to black and white, or by way of grey where that shows more."""
        drawn: dict[int, Drawn] = {}
        grey = [page for page in pages if tones[page.number].scanned or tones[page.number].spots]
        for some in (grey[at : at + GREY_PAGES] for at in range(0, len(grey), GREY_PAGES)):
            drawn |= await self._by_way_of_grey(some, tones)
        done = {number for number, page in drawn.items() if page.strip is not None or page.unit is not None}
        rest = [page for page in pages if page.number not in done]
        if rest:
            async with scratch_directory(self._room) as scratch:
                count, found = await ghostscript.draw(
                    self._pdf, rest, tones, scratch=scratch, seconds=RUN_SECONDS
                )
                if not self._same_document(count):
                    return {page.number: Drawn(page.number, None, False, None) for page in pages}
                drawn |= await asyncio.to_thread(self._keep, found, "gs")
        return drawn

    async def _by_way_of_grey(
        self, pages: Sequence[Placement], tones: Mapping[int, Tone]
    ) -> dict[int, Drawn]:
        async with scratch_directory(self._room) as scratch, scratch_directory(self._room) as other:
            count, greys = await ghostscript.draw_in_grey(
                self._pdf, pages, scratch=scratch, seconds=RUN_SECONDS
            )
            if not self._same_document(count):
                return {}
            places = {page.number: page for page in pages}
            made = [
                GreyPage(grey.picture, places[grey.number], tones[grey.number], whole=True)
                for grey in greys
                if grey.picture is not None
            ]
            strips = await make_fax_pages(made, scratch=other, seconds=RUN_SECONDS)
            found = {grey.page.number: strip for grey, strip in zip(made, strips, strict=True)}
            drawn = [Drawn(grey.number, found.get(grey.number), grey.complaints, grey.unit) for grey in greys]
            return await asyncio.to_thread(self._keep, drawn, "grey")

    def _same_document(self, count: int) -> bool:
        """Whether Ghostscript sees as many pages as viewers show: not an older state, a portfolio, a wrong /Count."""
        if count != self._count:
            self._found_more = count if count > self._count else 0
        return count == self._count

    def _keep(self, drawn: Sequence[Drawn], name: str) -> dict[int, Drawn]:
        """Save the pages' files from the scratch directory, which goes."""
        kept = {}
        for page in drawn:
            strip = None if page.strip is None else self._work.keep(page.strip, f"{name}-{page.number}.tif")
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
            made = GreyPage(grey, page, tone)
            return await fax_page(self._work, made, name=f"poppler-{page.number}.tif"), complaints
