"""Grey to black and white: what a look at a page says about how it should be done. Pure.

Text, drawings and flat colours are cut at a threshold: sharp, small, quick on the line. Photos are dithered.
A threshold is good when it keeps the edges that the eye sees: two neighbours of different grey must come out on
different sides. That finds pale writing on white, black writing on a tint and white writing on a dark ground alike,
and says by itself that a photo has no threshold.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from dataclasses import dataclass
from typing import Final, Literal

from nexefax.fax.convert.runs import stretches

Halftone = Literal["auto", "text", "photo"]

MIDDLE: Final = 128


Spot = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Tone:
    """How a page is made black and white.

    ``photo`` dithers the greys between ``black`` and ``white`` (0 to 255; darker is black, lighter is white); else a
    pixel darker than ``threshold`` is black and any other white, except within ``spots``, which are dithered: shares
    of the page as shown, left, top, right and bottom. ``scanned`` writing has strokes between its pixels: it is to be
    reduced by averaging.
    """

    photo: bool = False
    threshold: int = MIDDLE
    black: int = 32
    white: int = 232
    spots: tuple[Spot, ...] = ()
    scanned: bool = False


LINE_ART: Final = Tone()
PHOTO: Final = Tone(photo=True)


@dataclass(frozen=True, slots=True)
class Picture:
    """A grey picture: one byte a pixel, 0 is black."""

    width: int
    height: int
    data: bytes


PGM_HEAD: Final = 256  # bytes that hold the head of a PGM; Ghostscript's has a comment


def read_pgm_head(data: bytes) -> tuple[int, int, int] | None:
    """Width, height and where the pixels begin in a binary PGM of 8 bits; None when it is no such thing."""
    match = re.match(rb"P5\s(?:#[^\n]*\n)*\s*(\d{1,6})\s+(\d{1,6})\s+255\s", data)
    return (int(match[1]), int(match[2]), match.end()) if match else None


def read_pgm(data: bytes) -> Picture | None:
    """The picture in a binary PGM of 8 bits, None when it is no such thing or not whole."""
    head = read_pgm_head(data[:PGM_HEAD])
    if head is None:
        return None
    width, height, at = head
    pixels = data[at : at + width * height]
    return Picture(width, height, pixels) if len(pixels) == width * height > 0 else None


_INK: Final = bytes(range(250))  # anything that is not the white of paper
_GREYS: Final = bytes(range(24, 232))  # what is neither black nor white to the eye
_DARK: Final = bytes(value < 160 for value in range(256))
_NOT_GREYS: Final = bytes(value for value in range(256) if value not in _GREYS)
_NO_GREYS: Final = 10_000  # a page with fewer grey pixels than one in so many is black and white

_STEPS: Final = 16  # of grey that are told apart; a step is 16 of 256
_HIGH_STEP: Final = bytes(value & 0xF0 for value in range(256))
_LOW_STEP: Final = bytes(value >> 4 for value in range(256))
_NOT_MIDDLE: Final = bytes([0, 1, 2, 14, 15])  # steps that are as good as black or white
_EVERY: Final = 4  # every fourth row is asked: 2 ms for a page full of greys instead of 8
_FEW: Final = 4  # every fourth grey pixel is asked which grey it is
_SAMPLE: Final = 17  # every 17th pixel is asked for its grey, which is every row somewhere

TILE: Final = 12  # pixels of a look: 6 mm, so that the photo of a passport has 40 of them
TONED: Final = 0.3  # share of a tile's pixels that makes it an area
MOSTLY: Final = 0.6  # share of a page that makes it a photo altogether
ALL: Final = 0.99  # share of edges that a threshold must keep on a drawing; dithering would keep them all
CLEAN: Final = 250  # paper that is whiter than any scanner sees it
SCANNED: Final = (
    0.6  # the same as `READABLE` on scanned paper, whose grain dithering would make a storm of dots
)
READABLE: Final = 0.8  # share of strong edges without which a threshold would lose what is written


def has_ink(picture: Picture) -> bool:
    """Whether anything at all is on the page."""
    return len(picture.data.translate(None, _INK)) < len(picture.data)


def complexity(picture: Picture) -> int:
    """How many edges there are between dark and light pixels: what T.6 data grows with."""
    dark = int.from_bytes(picture.data.translate(_DARK), "little")
    return (dark ^ (dark >> 8)).bit_count() + (dark ^ (dark >> 8 * picture.width)).bit_count()


def choose_tone(picture: Picture | None, halftone: Halftone) -> Tone:
    """How a page is made black and white, by what a look at it showed (None when it could not be looked at)."""
    if picture is None:
        return LINE_ART if halftone == "text" else PHOTO
    if not _has_greys(picture.data):
        return PHOTO if halftone == "photo" else LINE_ART
    paper = _paper(picture.data)
    white = min(PHOTO.white, paper - 16)
    if halftone == "photo":
        return Tone(photo=True, white=white)
    if halftone == "text":
        return Tone(threshold=_Edges.of(picture, paper).threshold)
    areas = tone_areas(picture, paper)
    flat = _is_flat(picture.data)
    if flat:
        edges = _Edges.of(picture, paper)
        if edges.kept >= ALL and not areas.blend(edges.threshold):
            return Tone(threshold=edges.threshold)  # every edge that is there will be seen
    # Where the rest is pure black, dithering leaves it alone; scanned writing and grey writing are cut sharp.
    if areas.share <= MOSTLY and (not areas.share or _has_greys(areas.rest)):
        edges = _Edges.of(Picture(picture.width, picture.height, areas.rest), paper)
        # On clean paper (nothing scanned) greys are meant, and two ways on one page would show at the seams.
        meant = flat or (paper >= CLEAN and areas.share > 0)
        readable = SCANNED if paper < CLEAN else READABLE
        if edges.kept >= ALL if meant else edges.kept_strong >= readable:
            return Tone(threshold=edges.threshold, white=white, spots=areas.spots, scanned=not flat)
    return Tone(photo=True, white=white)


def _has_greys(data: bytes) -> bool:
    return (len(data) - len(data.translate(None, _GREYS))) * _NO_GREYS >= len(data)


def _is_flat(data: bytes) -> bool:
    """Whether the greys are a few flat colours, as in drawings and tables."""
    greys = Counter(data.translate(None, _NOT_GREYS)[::_FEW]).most_common()
    return sum(number for _, number in greys[8:]) * _FEW < 0.002 * len(data)


def _paper(data: bytes) -> int:
    """The grey of scanned paper, 255 where there is none: no sheet, or one of a few exact greys, which are meant."""
    sample = Counter(data[::_SAMPLE])
    paper = max(range(192, 256), key=lambda value: (sample[value], value))
    sheet = sum(sample[value] for value in range(paper - 16, 256))
    grain = sum(sample[value] > sheet // 100 for value in range(paper - 16, 256))
    scanned = sheet >= 0.4 * sum(sample.values()) and grain > 4
    return paper if scanned or paper >= CLEAN else 255


@dataclass(frozen=True, slots=True)
class _Edges:
    """What becomes of a page's edges at the best threshold; those of pure black on white are not counted."""

    threshold: int
    kept: float  # share of them, by contrast
    kept_strong: float  # the same by the square of contrast: what is lost of the strong ones

    @classmethod
    def of(cls, picture: Picture, paper: int) -> _Edges:
        kept, strong = [0] * _STEPS, [0] * _STEPS
        edges = strong_edges = 0
        for pair, number in _neighbours(picture).items():
            dark, light = sorted((pair >> 4, pair & 15))
            contrast = light - dark
            if contrast >= 2 and (dark >= 2 or light < _STEPS - 2):  # black on white survives any threshold
                edges += number * contrast
                strong_edges += number * contrast * contrast
                for step in range(dark + 1, light + 1):
                    kept[step] += number * contrast
                    strong[step] += number * contrast * contrast
        best = max(
            range(1, max(2, (paper - 24) // _STEPS + 1)),
            key=lambda step: (strong[step] * 1000 // (strong_edges or 1), -abs(step - 8)),
        )
        return cls(
            threshold=best * 256 // _STEPS,
            kept=kept[best] / edges if edges else 1.0,
            kept_strong=strong[best] / strong_edges if strong_edges else 1.0,
        )


def _neighbours(picture: Picture) -> Counter[int]:
    """How often each pair of grey steps (16 x one + the other) stands side by side, or one above the other.

    Only rows with greys are asked, and of these every `_EVERY`-th: elsewhere black meets white.
    """
    width, data = picture.width, picture.data
    starts = range(0, len(data), width)
    grey = [bool(data[start : start + width].translate(None, _NOT_GREYS)) for start in starts]
    high, low = data.translate(_HIGH_STEP), data.translate(_LOW_STEP)
    asked = [row for row, here in enumerate(grey) if here][::_EVERY]
    ones = [high[row * width : (row + 1) * width - 1] for row in asked]
    others = [low[row * width + 1 : (row + 1) * width] for row in asked]
    pairs = itertools.pairwise(grey)
    asked = [row for row, (here, below) in enumerate(pairs) if here or below][::_EVERY]
    ones += [high[row * width : (row + 1) * width] for row in asked]
    others += [low[(row + 1) * width : (row + 2) * width] for row in asked]
    one, other = b"".join(ones), b"".join(others)
    # One operation on two long numbers joins all pairs at once, and Counter counts them in C.
    both = int.from_bytes(one, "little") | int.from_bytes(other, "little")
    return Counter(both.to_bytes(len(one), "little"))


@dataclass(frozen=True, slots=True)
class Areas:
    """Where a page has areas of grey: photos and tints, not strokes of writing."""

    share: float  # of the page
    spots: tuple[Spot, ...]
    rest: bytes  # the picture with those areas as white as paper
    steps: tuple[int, ...]  # of grey that make up a tenth of the areas or more

    def blend(self, threshold: int) -> bool:
        """Whether two different greys would become one: the areas of a chart, told apart by nothing else."""
        dark = sum(step < threshold * _STEPS // 256 for step in self.steps)
        return dark > 1 or len(self.steps) - dark > 1


def tone_areas(picture: Picture, paper: int) -> Areas:
    """Find the areas of grey on a page by tiles.

    A pixel counts when it and its neighbours to three rows and columns are all neither black nor paper: strokes of
    scanned writing are thinner at this scale, photos are not.
    """
    width, height = picture.width, picture.height
    middle = bytes(48 <= value < paper - 24 for value in range(256))
    mask = int.from_bytes(picture.data.translate(middle), "little")
    for shift in (8, 8, 8 * width, 8 * width):
        mask &= mask >> shift
    if not mask:
        return Areas(0.0, (), picture.data, ())
    flags = mask.to_bytes(width * height, "little")
    across, down = -(-width // TILE), -(-height // TILE)
    found = set()
    for row in range(down):
        lines = range(row * TILE, min((row + 1) * TILE, height))
        if 1 not in flags[lines.start * width : lines.stop * width]:
            continue
        # One long addition adds the flags of all columns at once: a byte each, and 12 at most.
        sums = sum(int.from_bytes(flags[at * width : (at + 1) * width], "little") for at in lines)
        tones = sums.to_bytes(width, "little")
        found |= {
            (column, row)
            for column in range(across)
            if sum(tones[column * TILE : (column + 1) * TILE]) > TILE * TILE * TONED
        }
    # A tile stands with its neighbours; and an area reaches to where the next tile begins, or its rim is cut off.
    grown = {
        (column + x, row + y)
        for column, row in found
        if any((column + x, row + y) in found for x, y in ((1, 0), (-1, 0), (0, 1), (0, -1)))
        for x in (-1, 0, 1)
        for y in (-1, 0, 1)
        if 0 <= column + x < across and 0 <= row + y < down
    }
    if not grown:
        return Areas(0.0, (), picture.data, ())
    rest = bytearray(picture.data)
    spots: list[Spot] = []
    for row in range(down):
        for first, last in stretches(sorted(column for column, at in grown if at == row)):
            left, right = first * TILE, min((last + 1) * TILE, width)
            top, bottom = row * TILE, min((row + 1) * TILE, height)
            spots.append((left / width, top / height, right / width, bottom / height))
            for line in range(top, bottom):
                rest[line * width + left : line * width + right] = bytes([paper]) * (right - left)
    inside = picture.data[::_FEW].translate(_LOW_STEP).translate(None, _NOT_MIDDLE)
    steps = tuple(step for step, number in Counter(inside).items() if number * 10 >= len(inside))
    return Areas(len(grown) / (across * down), tuple(spots), bytes(rest), steps)
