"""What every way from a document to fax pages has in common."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nexefax.errors import DocumentError
from nexefax.fax.convert.faxtiff import Strip
from nexefax.fax.convert.geometry import Fit, PageShape, Placement, place
from nexefax.fax.convert.linetime import numbers_in_words
from nexefax.fax.convert.slots import Turns
from nexefax.fax.convert.tiff import Resolution
from nexefax.fax.convert.tone import Halftone


@dataclass(frozen=True, slots=True)
class RenderSettings:
    """How documents become faxes: ``timeout`` in seconds for a whole document, ``page_minutes`` on the line."""

    resolution: Resolution = Resolution.FINE
    fit: Fit = "size"
    halftone: Halftone = "auto"
    max_pages: int = 500
    page_minutes: float = 6
    timeout: float = 120


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive pages that are ready, with the engine that drew each; ``failed`` could not be drawn at all."""

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
        return place(shape, self.settings.resolution, self.settings.fit)

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
