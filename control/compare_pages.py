"""Compare a received fax with the sent one, pixel by pixel, below the header line that the sender's side prints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageChops, ImageSequence

#: spandsp's header is 16 rows at 204x98 and 32 at 204x196 (seen); twice that is surely no header any more.
MOST_HEADER_ROWS = 64


@dataclass(frozen=True, slots=True)
class PageDifference:
    """One page of both faxes.

    Attributes:
        page: its number, from 1.
        header_rows: rows that the received page has on top of what was sent.
        pixels: how many pixels below them differ.
        total: how many pixels were compared.
    """

    page: int
    header_rows: int
    pixels: int
    total: int


def compare_faxes(sent: Path, received: Path, *, pages: int | None = None) -> list[PageDifference]:
    """Compare two fax TIFFs page by page, or only so many ``pages`` of them, from the first on.

    Raises:
        ValueError: the faxes have different numbers of pages, or a page has another size than sent (a header apart).
    """
    ours, theirs = list(_pages(sent))[:pages], list(_pages(received))[:pages]
    if len(ours) != len(theirs):
        raise ValueError(f"{len(ours)} pages were sent and {len(theirs)} received")
    return [compare_page(number, *pair) for number, pair in enumerate(zip(ours, theirs, strict=True), 1)]


def compare_page(number: int, sent: Image.Image, received: Image.Image) -> PageDifference:
    """Compare one page; raises ValueError when it has another size than sent (a header apart)."""
    header = received.height - sent.height
    if received.width != sent.width or not 0 <= header <= MOST_HEADER_ROWS:
        raise ValueError(f"page {number} was sent as {sent.size} and received as {received.size} pixels")
    below = received.crop((0, header, received.width, received.height))
    # A histogram of the difference: [0] counts equal pixels, [255] others.
    histogram = ImageChops.logical_xor(sent, below).histogram()
    return PageDifference(number, header, sum(histogram[1:]), sent.width * sent.height)


def _pages(fax: Path) -> Iterator[Image.Image]:
    with Image.open(fax) as image:
        for page in ImageSequence.Iterator(image):
            yield page.convert("1")
