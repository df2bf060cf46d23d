"""What the tests of faxed pages have in common: a document's bytes in, its fax pages out, and ways to look at them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from PIL import Image, ImageSequence

from nexefax.fax.convert import RenderedPage, Rendering

Draw = Callable[..., Awaitable[tuple[Rendering, list[Image.Image]]]]
Refuse = Callable[..., Awaitable[str]]


def pages_of(tiff: Path) -> list[Image.Image]:
    """The pages of a TIFF in grey, as libtiff reads them."""
    with Image.open(tiff) as picture:
        return [page.convert("L") for page in ImageSequence.Iterator(picture)]


def ink(page: Image.Image) -> tuple[float, float, float, float]:
    """The rectangle that is not white, as shares of the page: left, top, right, bottom."""
    found = page.point(lambda grey: 255 - grey).getbbox()
    assert found is not None
    left, top, right, bottom = found
    return left / page.width, top / page.height, right / page.width, bottom / page.height


def blank(page: Image.Image) -> bool:
    """Whether a page is white all over."""
    return page.getextrema() == (255, 255)


def near(found: tuple[float, ...], expected: tuple[float, ...], by: float = 0.01) -> bool:
    """Whether numbers are about the same, one by one."""
    return all(abs(a - b) <= by for a, b in zip(found, expected, strict=True))


class Runs:
    """Takes the runs of a document, as `render` hands them over."""

    def __init__(self) -> None:
        self.pages: list[list[int]] = []

    async def __call__(self, tiff: Path, pages: Sequence[RenderedPage]) -> None:
        assert len(pages_of(tiff)) == len(pages)
        self.pages.append([page.number for page in pages])
