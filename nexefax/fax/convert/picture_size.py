"""Pixels, and dots per inch, as PNG and JPEG files say them.

Pure but for `density` and `dimensions`, which read the file's beginning.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

Density = tuple[float, float]

_HEAD: Final = (
    65_536  # bytes: what is not said by then (after a colour profile, a thumbnail) is taken as unsaid
)

_JPEG_HEAD: Final = 1 << 20  # bytes: a frame header comes after profiles and thumbnails of 64 KB each
_NO_FRAME: Final = (0xC4, 0xC8, 0xCC)  # tables among the markers of frames

# Dots per inch that a scanner or a program for print says. Cameras and screenshots say 72 or 96 of any picture, or
# nothing: such a picture has no size on paper.
_BELIEVED: Final = range(100, 2401)


def density(path: Path) -> Density | None:
    """Dots per inch across and down, None where the file does not say so, or not credibly; blocking."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    dots = png_density(head) or jpeg_density(head)
    return dots if dots is not None and all(round(value) in _BELIEVED for value in dots) else None


def dimensions(path: Path) -> tuple[int, int]:
    """Pixels across and down as the file lies, (0, 0) where its beginning does not say; blocking."""
    with path.open("rb") as file:
        head = file.read(_JPEG_HEAD)
    if head[:8] == b"\x89PNG\r\n\x1a\n" and len(head) >= 24:
        width, height = struct.unpack(">II", head[16:24])
        return width, height
    return jpeg_dimensions(head)


def jpeg_dimensions(head: bytes) -> tuple[int, int]:
    """The frame header (ITU-T T.81 section B.2.2), after any number of other segments; (0, 0) for none."""
    at = 2
    while head[:2] == b"\xff\xd8" and at + 9 <= len(head) and head[at] == 0xFF:
        marker, length = head[at + 1], int.from_bytes(head[at + 2 : at + 4])
        if marker == 0xFF:  # fill bytes may stand before a marker
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME:
            height, width = struct.unpack(">HH", head[at + 5 : at + 9])
            return width, height
        else:
            at += 2 + length
    return 0, 0


def png_density(head: bytes) -> Density | None:
    """The chunk pHYs (PNG section 11.3.4.3), which is in dots per metre."""
    at = 8
    while head[:8] == b"\x89PNG\r\n\x1a\n" and at + 17 <= len(head):
        length, name = struct.unpack(">I4s", head[at : at + 8])
        if name == b"pHYs":
            across, down, unit = struct.unpack(">IIB", head[at + 8 : at + 17])
            return (across * 0.0254, down * 0.0254) if unit == 1 else None
        if name == b"IDAT":
            return None
        at += 12 + length
    return None


def jpeg_density(head: bytes) -> Density | None:
    """The JFIF segment (ITU-T T.871 section 10.1), in dots per inch or centimetre."""
    if head[:4] != b"\xff\xd8\xff\xe0" or head[6:11] != b"JFIF\0":
        return None
    unit, across, down = struct.unpack(">BHH", head[13:18]) if len(head) >= 18 else (0, 0, 0)
    factor = {1: 1.0, 2: 2.54}.get(unit, 0.0)
    return (across * factor, down * factor) if factor else None
