"""Where a page lies on the fax: pure arithmetic from page boxes to pixels.

A fax line has 1728 pixels over 215 mm (ITU-T T.4 section 2), at 204 to the inch, while lines follow at 98, 196 or
391 to the inch: pixels are not square, and every scale here has two numbers. What is shown is what a viewer shows:
the CropBox within the MediaBox, turned by /Rotate, enlarged by /UserUnit (ISO 32000-1 sections 7.7.3.3, 14.11.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from nexefax.fax.convert.tiff import FAX_WIDTH, Resolution

Fit = Literal["size", "width"]

PAPER_WIDTH: Final = FAX_WIDTH * 72 / 204  # points: 609.88, the widest that a fax line can show at true size

# A page that is wider than high is turned upright when lying it would lose more than this of its size. A form of
# A5 or a cheque lying on its side is better read as it is: it fits the line at true size.
WORTH_TURNING: Final = 0.9

# Points. Longer pages (a till roll, a poster strip) are scaled down to five sheets of A4: machines cut or refuse
# endless pages, and such a page holds the line for ten minutes.
LONGEST: Final = 5 * 841.89

# Points. A page of a few rows (a logo, a stamp) gets paper around it: a machine needs some to feed.
SHORTEST: Final = 72.0


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in PDF's user space; left < right, bottom < top."""

    left: float
    bottom: float
    right: float
    top: float

    @property
    def width(self) -> float:
        """Units across."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Units up."""
        return self.top - self.bottom

    def within(self, other: Box) -> Box | None:
        """The part of this box that lies in ``other``; None when there is none."""
        left, right = max(self.left, other.left), min(self.right, other.right)
        bottom, top = max(self.bottom, other.bottom), min(self.top, other.top)
        return Box(left, bottom, right, top) if left < right and bottom < top else None


@dataclass(frozen=True, slots=True)
class PageShape:
    """What a document says of one page: its visible box, /Rotate in clockwise quarter turns, /UserUnit."""

    number: int  # from 1
    box: Box
    quarters: int = 0
    unit: float = 1.0

    @property
    def size(self) -> tuple[float, float]:
        """Points across and down as a viewer shows it."""
        width, height = self.box.width * self.unit, self.box.height * self.unit
        return (height, width) if self.quarters % 2 else (width, height)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a page lies on its fax page, in pixels from the top left.

    ``length`` is the fax page's (it is `FAX_WIDTH` wide); ``turn`` says by how many quarters the page as shown by a
    viewer is turned clockwise: at 3 its top lies on the left edge; ``x``, ``y``, ``width`` and ``height`` are the
    rectangle that it covers after that.
    """

    shape: PageShape
    length: int
    x: int
    y: int
    width: int
    height: int
    turn: int
    resolution: Resolution

    @property
    def number(self) -> int:
        """The page's number in its document, from 1."""
        return self.shape.number

    @property
    def shown(self) -> tuple[int, int]:
        """Pixels across and down of the page before it is turned."""
        return (self.height, self.width) if self.turn % 2 else (self.width, self.height)

    @property
    def paper(self) -> tuple[float, float]:
        """Points across and down of the fax page."""
        return PAPER_WIDTH, self.length * 72 / self.resolution.down

    def spot(self, share: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        """A part of the page as shown (shares: left, top, right, bottom) in points on the fax page: x, y, w, h."""
        left, top, right, bottom = share
        for _ in range(self.turn):  # what was left is now on top
            left, top, right, bottom = 1 - bottom, left, 1 - top, right
        across, down = 72 / self.resolution.across, 72 / self.resolution.down
        x, y = self.x + left * self.width, self.y + bottom * self.height
        return (
            x * across,
            (self.length - y) * down,
            (right - left) * self.width * across,
            (bottom - top) * self.height * down,
        )

    @property
    def drawn(self) -> Placement:
        """Where a picture of the whole fax page lies on it, once the page has been drawn: everywhere."""
        shape = PageShape(self.number, Box(0, 0, 1, 1))
        return Placement(shape, self.length, 0, 0, FAX_WIDTH, self.length, turn=0, resolution=self.resolution)

    @property
    def matrix(self) -> tuple[float, float, float, float, float, float]:
        """From user space to points on the fax page, origin at the bottom left, as PostScript's ``concat`` takes it."""
        box = self.shape.box
        across, down = 72 / self.resolution.across, 72 / self.resolution.down
        wide, high = self.width * across, self.height * down
        left, bottom = self.x * across, (self.length - self.y - self.height) * down
        match (self.shape.quarters + self.turn) % 4:
            case 0:
                a, b, c, d, e, f = wide / box.width, 0.0, 0.0, high / box.height, left, bottom
            case 1:
                a, b, c, d, e, f = 0.0, -high / box.width, wide / box.height, 0.0, left, bottom + high
            case 2:
                a, b, c, d = -wide / box.width, 0.0, 0.0, -high / box.height
                e, f = left + wide, bottom + high
            case _:
                a, b, c, d, e, f = 0.0, high / box.width, -wide / box.height, 0.0, left + wide, bottom
        return a, b, c, d, e - a * box.left - c * box.bottom, f - b * box.left - d * box.bottom


def place(shape: PageShape, resolution: Resolution, fit: Fit, turn: int = 0) -> Placement:
    """Lay a page on the fax.

    ``fit`` "size" keeps the true size where the line is wide enough and centres the page; "width" scales every
    page to the whole line. Proportions are kept to a pixel; a page too long for `LONGEST` is scaled down. ``turn`` is
    somebody's wish: quarters clockwise from how the page would lie without it.
    """
    width, height = shape.size
    upright = 3 if width > height and PAPER_WIDTH / width < WORTH_TURNING else 0
    turn = (upright + turn) % 4
    if turn % 2:
        width, height = height, width
    scale = min(PAPER_WIDTH / width, LONGEST / height)
    if fit == "size":
        scale = min(scale, 1.0)
    across = max(1, min(FAX_WIDTH, round(width * scale * resolution.across / 72)))
    down = max(1, round(height * scale * resolution.down / 72))
    length = max(down, round(SHORTEST * resolution.down / 72))
    return Placement(
        shape=shape,
        length=length,
        x=(FAX_WIDTH - across) // 2,
        y=(length - down) // 2,
        width=across,
        height=down,
        turn=turn,
        resolution=resolution,
    )
