"""The pixels of received pages, by libtiff's tools in the cage, and by our own reader where libtiff complains.

What libtiff decodes without a word is sound: `tiffinfo -D` reads what is one strip of T.6 already, `tiffcp` makes
that of the rest. For what spandsp wrote here even that is not needed. Pages go in runs, side by side, so that a long
fax uses all cores and one bad page costs its own run only.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from nexefax.errors import ChildFailed, ChildTimeout, TiffError
from nexefax.fax.convert import salvage
from nexefax.fax.convert.fresh_tiff import (
    CCITT,
    FreshPage,
    fresh_pages,
    plain_page,
    rows_per_strip,
    strips_of,
    write_fresh,
)
from nexefax.fax.convert.pictures import (
    Decoded,
    Picture,
    Route,
    can_be,
    collect,
    is_fax,
    route,
    shares_of_black,
    single_strip,
    written_by_spandsp,
)
from nexefax.fax.convert.tiff import TiffPage
from nexefax.process import Finished, Limits, run

log = logging.getLogger("nexefax.convert")

RUN_PAGES: Final = 32  # a run takes libtiff 50 ms and our reader 2 s

_MEMORY: Final = 1 << 30
_FILE_SIZE: Final = 1 << 30
_WHOLE_PAGE: Final = "2000000000"  # lines in a strip, at most


async def decode(tiff: Path, pages: Sequence[TiffPage], *, scratch: Path, deadline: float) -> list[Decoded]:
    """Decode pages of ``tiff`` into files below ``scratch``; ``deadline`` is in the event loop's time.

    What can't be decoded in time is left out, page by page. Raises ChildMissing and OSError.
    """
    sound = await asyncio.to_thread(_sound, tiff, pages)
    decoder = _Decoder(tiff, scratch, deadline)
    rest = [page for page in pages if page.number not in sound]
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(decoder.decode(part, number), name=f"decode received pages {number}")
                for number, part in enumerate(_runs(rest))
            ]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None  # the runs are all alike: one error tells it
    found = {result.page.number: result for task in tasks for result in task.result()}
    for page in pages:
        if page.number in sound:
            found[page.number] = Decoded(page, sound[page.number])
    return [found[page.number] for page in pages]


def _sound(tiff: Path, pages: Sequence[TiffPage]) -> dict[int, Picture]:
    """The pages that need no second look; blocking."""
    return {page.number: single_strip(page, tiff) for page in pages if written_by_spandsp(page, tiff)}


def _runs(pages: Sequence[TiffPage]) -> Iterator[list[TiffPage]]:
    """Pages of one kind that follow each other, spread over the cores, at most `RUN_PAGES` together."""
    cores = len(os.sched_getaffinity(0))
    most = min(RUN_PAGES, max(4, -(-len(pages) // cores)))
    part: list[TiffPage] = []
    for page in pages:
        if part and (len(part) == most or route(page) is not route(part[0])):
            yield part
            part = []
        part.append(page)
    if part:
        yield part


class _Decoder:
    """The runs of one conversion: one file, one deadline, as many children side by side as there are cores."""

    def __init__(self, tiff: Path, scratch: Path, deadline: float) -> None:
        self._tiff, self._scratch, self._deadline = tiff, scratch, deadline
        self._free = asyncio.Semaphore(len(os.sched_getaffinity(0)))

    async def decode(self, pages: Sequence[TiffPage], number: int) -> list[Decoded]:
        """Decode one run in its own directory."""
        async with self._free:
            folder = self._scratch / str(number)
            await asyncio.to_thread(folder.mkdir, 0o700)
            return await self._run(pages, folder)

    async def _run(self, pages: Sequence[TiffPage], folder: Path) -> list[Decoded]:
        possible = [page for page in pages if can_be(page)]
        way = route(pages[0])
        pictures, clean = await self._by_libtiff(possible, folder, way)
        if clean:
            found = await self._measured(possible, pictures, folder)
        else:
            salvaged = await self._by_ourselves(
                [page for page in possible if page.compression in CCITT], folder
            )
            found = {result.page.number: result for result in salvaged}
            for page in possible:
                if page.number not in found:
                    found[page.number] = await self._alone(page, folder)
        return [found.get(page.number) or Decoded(page, None) for page in pages]

    async def _alone(self, page: TiffPage, folder: Path) -> Decoded:
        """One page by libtiff, with what it makes of damage."""
        place = folder / str(page.number)
        await asyncio.to_thread(place.mkdir, 0o700)
        way = Route.FAX if is_fax(page) else Route.COLOUR
        pictures, clean = await self._by_libtiff([page], place, way)
        picture = pictures.get(page.number)
        if picture and not clean and await asyncio.to_thread(picture.is_uniform):
            picture = None  # it could not be decoded at all
        return Decoded(page, picture, suspect=not clean)

    async def _by_libtiff(
        self, pages: Sequence[TiffPage], folder: Path, way: Route
    ) -> tuple[dict[int, Picture], bool]:
        """The pictures of pages of one kind, and whether libtiff had nothing to say about them."""
        if not pages:
            return {}, True
        if way is Route.OURS:
            return {}, False
        source, result = folder / "pages.tif", folder / "decoded.tif"
        try:
            order, fresh = await asyncio.to_thread(fresh_pages, self._tiff, pages)
            await asyncio.to_thread(write_fresh, source, order, fresh)
            finished = await self._libtiff(_tool(way, source, result), folder)
            found = await asyncio.to_thread(self._pictures, way, result, pages)
        except (TiffError, ChildFailed, ChildTimeout) as error:
            log.info("%s: pages %d to %d: %s", self._tiff.name, pages[0].number, pages[-1].number, error)
            return {}, False
        clean = finished.returncode == 0 and not finished.stderr.strip() and len(found) == len(pages)
        if not clean:
            said = finished.stderr.decode(errors="replace")[:500]
            log.info("%s: pages %d to %d: %s", self._tiff.name, pages[0].number, pages[-1].number, said)
        return found, clean

    def _pictures(self, way: Route, result: Path, pages: Sequence[TiffPage]) -> dict[int, Picture]:
        """Where the pixels lie after libtiff's work; blocking."""
        if way is Route.READ:
            return {page.number: single_strip(page, self._tiff) for page in pages}
        return collect(result, pages, fax=way is Route.FAX)

    async def _by_ourselves(self, pages: Sequence[TiffPage], folder: Path) -> list[Decoded]:
        """Read CCITT pages line by line, keep what can be read, and have libtiff write it as T.6."""
        raw = folder / "rows"
        by_number = {page.number: page for page in pages}
        size = (await asyncio.to_thread(self._tiff.stat)).st_size
        orders = [
            salvage.job_for(page, strips_of(page, self._tiff, size), rows_per_strip(page)) for page in pages
        ]
        text = json.dumps([order for order in orders if order]).encode()
        try:
            finished = await run(
                salvage.command(self._tiff, raw),
                scratch=folder,
                readable=[self._tiff, *salvage.readable()],
                limits=self._limits(),
                stdin=text,
            )
            answers = salvage.answers(finished.stdout)
            if finished.returncode:
                log.warning(
                    "%s: damaged pages: %s", self._tiff.name, finished.stderr.decode(errors="replace")
                )
            kept = [by_number[number] for number in answers if answers[number].length]
            plain = [
                plain_page(page.width, answers[page.number].length, raw, answers[page.number].offset)
                for page in kept
            ]
            found = await self._encode(kept, plain, folder)
        except (TiffError, ChildFailed, ChildTimeout) as error:
            log.warning("%s: damaged pages can't be read: %s", self._tiff.name, error)
            return []
        return [
            Decoded(by_number[number], found.get(number), salvaged=answer)
            for number, answer in answers.items()
        ]

    async def _encode(
        self, pages: Sequence[TiffPage], plain: Sequence[FreshPage], folder: Path
    ) -> dict[int, Picture]:
        """Rows of bits as T.6."""
        if not pages:
            return {}
        source, result = folder / "plain.tif", folder / "encoded.tif"
        await asyncio.to_thread(write_fresh, source, "<", plain)
        await self._libtiff(_tool(Route.FAX, source, result), folder)
        return await asyncio.to_thread(collect, result, pages, fax=True, lengths_may_differ=True)

    async def _measured(
        self, pages: Sequence[TiffPage], pictures: dict[int, Picture], folder: Path
    ) -> dict[int, Decoded]:
        """Sound pages, with the share of black where black and white may have been mistaken for each other."""
        shares: dict[int, float] = {}
        doubtful = [page for page in pages if is_fax(page) and page.photometric == 1]
        if doubtful:
            source, result = folder / "decoded.tif", folder / "pixels.tif"
            try:
                await self._libtiff(
                    ["tiffcp", "-c", "none", "-r", _WHOLE_PAGE, str(source), str(result)], folder
                )
                shares = await asyncio.to_thread(shares_of_black, result, pages)
            except (TiffError, ChildFailed, ChildTimeout) as error:
                log.info("%s: the share of black is not known: %s", self._tiff.name, error)
        return {
            page.number: Decoded(page, pictures[page.number], black=shares.get(page.number)) for page in pages
        }

    async def _libtiff(self, command: Sequence[str], folder: Path) -> Finished:
        return await run(command, scratch=folder, limits=self._limits())

    def _limits(self) -> Limits:
        left = self._deadline - asyncio.get_running_loop().time()
        if left <= 0:
            raise ChildTimeout("there is no time left for this fax")
        return Limits(
            seconds=left,
            cpu_seconds=int(left) + 1,
            memory=_MEMORY,
            file_size=_FILE_SIZE,
            disk=2 * _FILE_SIZE,
        )


def _tool(way: Route, source: Path, result: Path) -> list[str]:
    """The command that decodes, and writes one strip of T.6 a page, or bytes of red, green and blue."""
    if way is Route.READ:
        return ["tiffinfo", "-D", str(source)]
    if way is Route.FAX:
        options = ["-i", "-s", "-r", _WHOLE_PAGE, "-f", "msb2lsb", "-c", "g4"]
        return ["tiffcp", *options, str(source), str(result)]
    return ["tiff2rgba", "-c", "none", "-n", str(source), str(result)]
