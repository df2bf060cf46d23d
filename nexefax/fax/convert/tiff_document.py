"""TIFF documents: faxes are forwarded pixel by pixel, all else is made into fax pages like any picture."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from nexefax.errors import ChildFailed, DocumentError, TiffError
from nexefax.fax.convert.attempt import attempt
from nexefax.fax.convert.decoding import decode
from nexefax.fax.convert.faxtiff import Strip, is_blank, strips_of, write_fax
from nexefax.fax.convert.linetime import numbers_in_words
from nexefax.fax.convert.paper import paper
from nexefax.fax.convert.photo import Frame, draw_frame, render_frames
from nexefax.fax.convert.tiff import FAX_WIDTH, Compression, Resolution, TiffPage, survey
from nexefax.fax.convert.work import Run, Work, check_page_count, missing_sentence
from nexefax.process import Limits, scratch_directory

LONGEST_FAX: Final = 25_000  # rows: 3.2 m at 196 to the inch, as a long strip scanned by a machine

# Many programs write 200 for 204 and 196. Two per cent of length are no reason to draw every pixel anew.
NEAR: Final = 0.05

_CODINGS: Final = frozenset({Compression.MODIFIED_HUFFMAN, Compression.T4, Compression.T6})
_DECODE_SECONDS: Final = 60.0  # our own reader takes 0.1 s a page
_COPY_SECONDS: Final = 30.0  # libtiff decodes and encodes 100 pages in a second
_ONE_STRIP: Final = "100000"  # rows in a strip, more than any page has
_DELIVERED: Final = 40  # pages at once


async def render_tiff(work: Work) -> list[str]:
    """Make fax pages of a TIFF and deliver them; returns notes for the sender.

    Raises DocumentError when it has no pages, too many, or one that can't be read.
    """
    try:
        found = await asyncio.to_thread(survey, work.source)
    except TiffError:
        raise DocumentError("The TIFF is damaged and can't be read. Open it, and save it again.") from None
    check_page_count(len(found.pages), work.settings.max_pages)
    if found.fault:
        raise DocumentError(
            f"The TIFF is damaged after page {len(found.pages)}: {found.fault}. Open it, and save it again."
        )
    resolutions = [fax_resolution(page) for page in found.pages]
    known = [resolution for resolution in resolutions if resolution is not None]
    wanted = set(work.settings.wanted([page.number for page in found.pages]))
    pages = [page for page in found.pages if page.number in wanted]
    if len(known) == len(found.pages):
        notes: list[str] = []
        strips = await _forwarded(work, found.pages, known)
        if strips is not None:
            strips = [strips[page.number - 1] for page in pages]
        else:
            strips, notes = await _as_received(work, pages, [known[page.number - 1] for page in pages])
        if strips is not None:
            numbers = [page.number for page in pages]
            for first in range(0, len(strips), _DELIVERED):
                part = slice(first, first + _DELIVERED)
                await work.deliver(await _turned(work, numbers[part], strips[part]))
            return notes
    return await render_frames(work, "tiff", [_frame(page) for page in pages])


async def _turned(work: Work, numbers: Sequence[int], strips: Sequence[Strip]) -> Run:
    """Pages of a fax, those drawn anew that are to lie otherwise than they came; all others bit for bit."""
    result, engines = list(strips), ["libtiff"] * len(strips)
    for at, (number, strip) in enumerate(zip(numbers, strips, strict=True)):
        if not work.settings.choice(number).turn:
            continue
        source = work.room / f"as-it-came-{number}.tif"
        await asyncio.to_thread(write_fax, source, [strip])
        settings = replace(
            work.settings,
            resolution=strip.resolution,
            choices={1: work.settings.choice(number)},
            only=None,
        )
        dots = float(strip.resolution.across), float(strip.resolution.down)
        single = replace(work, source=source, settings=settings)
        turned = await draw_frame(single, "tiff", Frame(1, dots, (FAX_WIDTH, strip.length)))
        if turned is None:
            raise DocumentError(missing_sentence([number], numbers))
        # The next page is another file's picture of the same number.
        result[at] = await work.keep_later(turned, f"turned-{number}.tif")
        engines[at] = "magick"
    return Run(tuple(numbers), tuple(result), tuple(engines))


def fax_resolution(page: TiffPage) -> Resolution | None:
    """The resolution at which a page can be sent as it is, None when it is no fax page."""
    fits = (
        page.width == FAX_WIDTH
        and 0 < page.length <= LONGEST_FAX
        and page.bilevel
        and page.compression in _CODINGS
        and page.orientation == 1
        and not page.tiled
    )
    if not fits:
        return None
    down = paper(page).down
    return next((known for known in Resolution if abs(known.down - down) <= NEAR * known.down), None)


async def _forwarded(
    work: Work, pages: Sequence[TiffPage], resolutions: Sequence[Resolution]
) -> list[Strip] | None:
    """The pages as they are, each as one strip of T.6; None when libtiff finds fault with them."""
    copy = work.room / "forwarded.tif"
    async with work.turns.turn(), scratch_directory(work.room) as scratch:
        written = scratch / "copy.tif"
        argv = ["tiffcp", "-c", "g4", "-r", _ONE_STRIP, str(work.source), str(written)]
        limits = Limits(seconds=_COPY_SECONDS, cpu_seconds=30, memory=1 << 30, file_size=1 << 30)
        finished = await attempt(argv, scratch=scratch, readable=[work.source], limits=limits)
        if (
            finished is None
            or finished.returncode != 0
            or b"rror" in finished.stderr
            or _lines_lost(finished.stderr)
        ):
            return None
        return await asyncio.to_thread(_checked, written, copy, [page.length for page in pages], resolutions)


async def _as_received(
    work: Work, pages: Sequence[TiffPage], resolutions: Sequence[Resolution]
) -> tuple[list[Strip] | None, list[str]]:
    """The pages of a fax that came in damaged, as they can be read, and what to say of them.

    Raises DocumentError when a page can't be read at all.
    """
    folder = work.room / "decoded"
    await asyncio.to_thread(folder.mkdir)
    async with work.turns.turn():
        deadline = asyncio.get_running_loop().time() + _DECODE_SECONDS
        decoded = await decode(work.source, pages, scratch=folder, deadline=deadline)
    strips = []
    lost = [found.page.number for found in decoded if found.picture is None]
    for found, resolution in zip(decoded, resolutions, strict=True):
        picture = found.picture
        if picture is None:
            continue
        if len(picture.strips) != 1 or picture.samples or picture.min_is_black:
            return None, []
        (part,) = picture.strips
        order = 2 if picture.flipped else 1
        strip = Strip(part.path, part.offset, part.size, picture.length, order, resolution)
        strips.append(strip)
        if not found.intact and await asyncio.to_thread(is_blank, strip):
            lost.append(found.page.number)
    if lost:
        raise DocumentError(missing_sentence(lost, [page.number for page in pages]))
    damaged = [found.page.number for found in decoded if not found.intact]
    if not damaged:  # libtiff took too long, or minded what harms nothing
        return strips, []
    named = numbers_in_words(damaged).capitalize()
    look = "it looks" if len(damaged) == 1 else "they look"
    return strips, [f"{named} of the TIFF came damaged: check how {look} before you rely on this fax."]


def _lines_lost(complaints: bytes) -> bool:
    """Whether libtiff warned of scan lines, not of tags only."""
    return b"Fax" in complaints


def _checked(
    written: Path, copy: Path, lengths: Sequence[int], resolutions: Sequence[Resolution]
) -> list[Strip] | None:
    try:
        strips_of(written, lengths=lengths, resolutions=resolutions)
    except ChildFailed:
        return None
    written.rename(copy)
    return strips_of(copy, lengths=lengths, resolutions=resolutions)


def _frame(page: TiffPage) -> Frame:
    dots = paper(page)
    sideways = page.orientation >= 5  # ImageMagick turns it; TIFF 6.0, tag 274
    if sideways:
        return Frame(page.number, (dots.down, dots.across), (page.length, page.width))
    return Frame(page.number, (dots.across, dots.down), (page.width, page.length))
