"""Grey to black and white: what a look at a page says about how it should be done. Pure.

Text, drawings and flat colours are cut at a threshold: sharp, small, quick on the line. Photos are dithered.
A threshold is good when it keeps the edges that the eye sees: two neighbours of different grey must come out on
different sides. That finds pale writing on white, black writing on a tint and white writing on a dark ground alike,
and says by itself that a photo has no threshold.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

Halftone = Literal["auto", "text", "photo"]

MIDDLE: Final = 128


@dataclass(frozen=True, slots=True)
class Tone:
    """How a page is made black and white.

    ``photo`` dithers the greys between ``black`` and ``white`` (0 to 255; darker is black, lighter is white); else a
    pixel darker than ``threshold`` is black and any other white.
    """

    photo: bool = False
    threshold: int = MIDDLE
    black: int = 0
    white: int = 255


LINE_ART: Final = Tone()
PHOTO: Final = Tone(photo=True, black=16, white=238)


@dataclass(frozen=True, slots=True)
class Picture:
    """A grey picture: one byte a pixel, 0 is black."""

    width: int
    height: int
    data: bytes


def read_pgm_head(data: bytes) -> tuple[int, int, int] | None:
    """Width, height and where the pixels begin in a binary PGM of 8 bits; None when it is no such thing."""
    match = re.match(rb"P5\s(?:#[^\n]*\n)*\s*(\d{1,6})\s+(\d{1,6})\s+255\s", data)
    return (int(match[1]), int(match[2]), match.end()) if match else None


def read_pgm(data: bytes) -> Picture | None:
    """The picture in a binary PGM of 8 bits, None when it is no such thing or not whole."""
    head = read_pgm_head(data[:64])
    if head is None:
        return None
    width, height, at = head
    pixels = data[at : at + width * height]
    return Picture(width, height, pixels) if len(pixels) == width * height > 0 else None


_GREYS: Final = bytes(range(24, 232))  # what is neither black nor white to the eye
_PAPER: Final = bytes(range(250, 256))


def has_ink(picture: Picture) -> bool:
    """Whether anything at all is on the page."""
    return bool(picture.data.translate(None, _PAPER))


def choose_tone(picture: Picture | None, halftone: Halftone) -> Tone:
    """How a page is made black and white by what a look showed; None when there was no look."""
    if halftone == "text":
        return LINE_ART
    if halftone == "photo" or picture is None:
        return PHOTO
    greys = len(picture.data) - len(picture.data.translate(None, _GREYS))
    return PHOTO if greys * 500 > len(picture.data) else LINE_ART
