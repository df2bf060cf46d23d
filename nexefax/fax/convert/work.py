"""What every way from a document to fax pages has in common."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from nexefax.errors import DocumentError
from nexefax.fax.convert.faxtiff import Strip
from nexefax.fax.convert.geometry import Fit, PageShape, Placement, place
from nexefax.fax.convert.linetime import numbers_in_words
from nexefax.fax.convert.slots import Turns
from nexefax.fax.convert.tiff import Resolution
from nexefax.fax.convert.tone import Halftone


@dataclass(frozen=True, slots=True)
class PageChoice:
    """What somebody chose for one page, having seen how it comes out by itself.

    ``turn`` is in quarters clockwise from that, 0 to 3; ``halftone`` None leaves black and white to the settings.
    """

    turn: int = 0
    halftone: Halftone | None = None


_NO_CHOICE: Final = PageChoice()


@dataclass(frozen=True, slots=True)
class RenderSettings:
    """How documents become faxes: ``timeout`` in seconds for a whole document, ``page_minutes`` on the line.

    ``choices`` are by a page's number in the document, from 1. With ``only`` no other pages are drawn.
    """

    resolution: Resolution = Resolution.FINE
    fit: Fit = "size"
    halftone: Halftone = "auto"
    max_pages: int = 500
    page_minutes: float = 6
    timeout: float = 120
    choices: Mapping[int, PageChoice] = field(default_factory=dict)
    only: frozenset[int] | None = None

    def choice(self, number: int) -> PageChoice:
        """What was chosen for a page."""
        return self.choices.get(number, _NO_CHOICE)

    def halftone_of(self, number: int) -> Halftone:
        """How a page is to be made black and white."""
        return self.choice(number).halftone or self.halftone

    def wanted(self, numbers: Sequence[int]) -> list[int]:
        """Those of a document's pages that are to be drawn; raises DocumentError when one of them is not there."""
        if self.only is None:
            return list(numbers)
        if not self.only:
            raise DocumentError("No page of the document is chosen.")
        missing = sorted(self.only.difference(numbers))
        if missing:
            raise DocumentError(f"The document has no {numbers_in_words(missing)}.")
        return sorted(self.only)


@dataclass(frozen=True, slots=True)
class Run:
    """Pages that are ready, in their order, with the engine that drew each; ``failed`` could not be drawn at all.

    ``numbers`` are the pages' in the document, from 1.
    """

    numbers: tuple[int, ...]
    strips: tuple[Strip, ...]
    engines: tuple[str, ...]
    failed: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Work:
    """One document on its way: where it lies under our own name, where its pages may be put, and who gets them.

    ``room`` is a directory of ours alone, not a child's; ``turns`` is the document's place at the processors;
    ``deliver`` takes the runs in the order of the pages.
    """

    source: Path
    room: Path
    settings: RenderSettings
    turns: Turns
    deliver: Callable[[Run], Awaitable[None]]

    def lay(self, shape: PageShape) -> Placement:
        """Lay a page on the fax as the settings say."""
        settings = self.settings
        return place(shape, settings.resolution, settings.fit, settings.choice(shape.number).turn)

    def keep(self, strip: Strip, name: str) -> Strip:
        """Save a page's file from a scratch directory, which goes; blocking."""
        return replace(strip, path=strip.path.rename(self.room / name))

    async def keep_later(self, strip: Strip, name: str) -> Strip:
        """`keep`, in a thread."""
        return await asyncio.to_thread(self.keep, strip, name)


def check_page_count(count: int, most: int) -> None:
    """Raise DocumentError when a document has no pages, or more than may be faxed."""
    if count == 0:
        raise DocumentError("The document has no pages.")
    if count > most:
        raise DocumentError(
            f"The document has {count} pages, but not more than {most} may be faxed at once. Send it in parts."
        )


def missing_sentence(lost: Sequence[int], all_pages: Sequence[int]) -> str:
    """Tell which pages can't be drawn, and which can."""
    named = numbers_in_words(lost).capitalize()
    saved = sorted(set(all_pages) - set(lost))
    sentence = f"{named} of the document can't be read, so nothing was faxed."
    if not saved:
        return f"{sentence} Save the document again, or print it to a new PDF."
    rest = f"The rest ({numbers_in_words(saved)}) is good"
    return f"{sentence} {rest}: print those to a new PDF, or repair the document."
