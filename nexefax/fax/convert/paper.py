"""How large a received page is: from its pixels and what its resolution tags say, where that can be so.

Receivers leave the tags out, swap them, write them in the wrong unit or copy the 72 dpi of a screen. A fax line has
known widths (ITU-T T.4 section 2, T.30 table 2, RFC 2306 section 2.2.2): 215, 255 and 303 mm in so many pixels.
So for these the tags are believed only where they agree with the width; else the resolution is derived.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nexefax.fax.convert.tiff import Resolution, TiffPage, named_resolution

# Pixels of a line → dots per inch across, for ISO A4, B4 and A3 in the resolutions of T.30.
FAX_WIDTHS: Final = {
    1728: 204, 2048: 204, 2432: 204,
    2592: 300, 3072: 300, 3648: 300,
    3456: 408, 4096: 408, 4864: 408,
}  # fmt: skip
_TOLERANCE: Final = 0.06  # 200 and 204 dots per inch are both written for 8.04 per mm, and 196 for 204

# Lines of a page whose resolution is not known: A4 to Legal are 1,145 to 1,372 lines at 98 per inch and
# 4,571 to 5,474 at 391; all else is taken as 196, which most machines send.
_STANDARD_LINES: Final = range(900, 1401)
_SUPERFINE_LINES: Final = range(4200, 5601)

_SCANS: Final = (72, 96, 100, 120, 150, 200, 240, 300, 400, 500, 600, 800, 1200, 2400)
_LETTER_WIDTH: Final = 8.7  # inches
_WIDEST: Final = 17.5  # inches: beyond A3's length nobody scans; a tag that says so is wrong
_NARROWEST: Final = 0.04  # inches: 1 mm


@dataclass(frozen=True, slots=True)
class Paper:
    """Dots per inch across and down, and whether they are what the tags say."""

    across: float
    down: float
    as_tagged: bool

    @property
    def words(self) -> str:
        """``fine (204x196)`` for a resolution of T.4, else ``200x200 dpi``."""
        known = named_resolution(self.across, self.down)
        return known.words if known else f"{self.across:.0f}x{self.down:.0f} dpi"


def paper(page: TiffPage) -> Paper:
    """The resolution at which a page is shown."""
    if page.width in FAX_WIDTHS:
        return _of_fax(page, FAX_WIDTHS[page.width])
    dots = page.dots_per_inch
    if dots is not None and _plausible(page, *dots):
        return Paper(*dots, as_tagged=True)
    across = next((scan for scan in _SCANS if page.width <= scan * _LETTER_WIDTH), page.width / _LETTER_WIDTH)
    return Paper(across, across, as_tagged=False)


def _of_fax(page: TiffPage, known: int) -> Paper:
    """The resolution of a page as wide as a fax: as tagged, in another unit, swapped, or derived."""
    across, down = page.x_resolution or 0.0, page.y_resolution or 0.0
    factor = 2.54 if page.unit == 3 else 1.0
    readings = [
        Paper(
            first * scale,
            second * scale,
            as_tagged=scale == factor and first == across and page.unit in (2, 3),
        )
        for scale in (factor, 3.54 - factor)  # then the other unit
        for first, second in ((across, down), (down, across))
    ]
    for reading in readings:  # the resolutions of T.4 first, for 196x204 could be one as well as 204x196
        if _fits(reading, known) and named_resolution(reading.across, reading.down):
            return reading
    for reading in readings[::2]:  # those that are not swapped
        if _fits(reading, known):
            return reading
    return Paper(known, _lines_per_inch(page, known, across, down), as_tagged=False)


def _fits(paper: Paper, known: int) -> bool:
    """Whether tags can be true for a width that is ``known`` dots per inch: T.30 has 1:2, 1:1 and 2:1 pixels."""
    if not paper.down or abs(paper.across - known) > known * _TOLERANCE:
        return False
    return any(abs(paper.down / paper.across - shape) <= shape * 0.1 for shape in (0.5, 1.0, 2.0))


def _lines_per_inch(page: TiffPage, known: int, across: float, down: float) -> float:
    """Lines per inch of a page as wide as a fax whose tags are of no use: by their ratio, else by its length."""
    if across and down:
        for shape, lines in ((0.5, Resolution.STANDARD.down), (2.0, Resolution.SUPERFINE.down)):
            if abs(down / across - shape) <= shape * 0.1:
                return lines * known / 204
    for resolution in Resolution:
        if abs(down - resolution.down) <= resolution.down * 0.02:
            return resolution.down
    if known == 204 and page.length in _STANDARD_LINES:
        return Resolution.STANDARD.down
    if known == 204 and page.length in _SUPERFINE_LINES:
        return Resolution.SUPERFINE.down
    return Resolution.FINE.down if known == 204 else known


def _plausible(page: TiffPage, across: float, down: float) -> bool:
    """Whether a page of any width can be as large as its tags say; its length is anybody's."""
    inches = page.width / across
    return _NARROWEST <= inches <= _WIDEST and 0.2 <= down / across <= 5 and across >= 10
