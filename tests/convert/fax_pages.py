"""Fax pages and awkward TIFFs for the tests: drawn here, coded here, so that each kind of damage is known exactly.

The encoders follow ITU-T T.4 and T.6 to the letter and share only the code tables with NexeFax's decoder;
the tests hold both against libtiff.
"""

from __future__ import annotations

import functools
import random
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, ImageDraw

from nexefax.fax.convert.huffman import BLACK_CODES, WHITE_CODES

FINE = {282: (5, (204, 1)), 283: (5, (196, 1)), 296: (3, (2,))}
STANDARD = {282: (5, (204, 1)), 283: (5, (98, 1)), 296: (3, (2,))}
EOL = "000000000001"

_CODES = [{run: code for code, run in codes.items()} for codes in (WHITE_CODES, BLACK_CODES)]
_VERTICAL = {0: "1", 1: "011", 2: "000011", 3: "0000011", -1: "010", -2: "000010", -3: "0000010"}
_FORMS = {
    1: "B",
    2: "s",
    3: "H",
    4: "I",
    5: "I",
    6: "b",
    8: "h",
    9: "i",
    10: "i",
    11: "f",
    12: "d",
    16: "Q",
    18: "Q",
}


def drawing(width: int = 1728, length: int = 300, *, seed: int = 1, ink: bool = True) -> Image.Image:
    """A page of text and lines, mode 1: white is 255."""
    image = Image.new("1", (width, length), 255)
    if ink:
        pen, chance = ImageDraw.Draw(image), random.Random(seed)
        for top in range(8, length - 12, 24):
            words = "".join(chance.choice("Fax to the office, page 12345 ") for _ in range(width // 8))
            pen.text((chance.randrange(20), top), words, fill=0)
        pen.rectangle((width // 3, length // 4, width // 3 + 150, length // 4 + 30), outline=0, width=3)
        pen.line((0, length - 3, width, length - 3), fill=0)
    return image


def lines_of(image: Image.Image) -> list[list[int]]:
    """The changing pixels of each row, white first, not closed."""
    width, length = image.size
    pixels = image.convert("L").tobytes()
    return [changes(pixels[row * width : row * width + width]) for row in range(length)]


@functools.lru_cache(4096)
def _changes(row: bytes) -> tuple[int, ...]:
    line, colour = [], 255
    for column, pixel in enumerate(row):
        if pixel != colour:
            colour = pixel
            line.append(column)
    return tuple(line)


def changes(row: bytes) -> list[int]:
    """The changing pixels of one row of bytes."""
    return list(_changes(row))


def one_dimensional(line: Sequence[int], width: int) -> str:
    """One line's runs."""
    ends = [*line, width]
    runs = [end - start for start, end in zip([0, *line], ends, strict=True)]
    return "".join(_run(run, index % 2) for index, run in enumerate(runs))


def _run(run: int, colour: int) -> str:
    text = ""
    while run >= 2560:
        text += _CODES[colour][2560]
        run -= 2560
    if run >= 64:
        text += _CODES[colour][run // 64 * 64]
        run %= 64
    return text + _CODES[colour][run]


def two_dimensional(line: Sequence[int], above: Sequence[int], width: int) -> str:
    """One line against the line above it, T.4 section 4.2.1.3.2."""

    def after(changes: Sequence[int], position: int, colour: int) -> tuple[int, int]:
        for index, change in enumerate(changes):
            if change > position and index % 2 == colour:
                following = changes[index + 1] if index + 1 < len(changes) else width
                return change, following
        return width, width

    text, position, colour = "", -1, 0
    while position < width:
        b1, b2 = after(above, position, colour)
        a1, a2 = after(line, position, colour)
        if b2 < a1:
            text += "0001"
            position = b2
        elif abs(a1 - b1) <= 3:
            text += _VERTICAL[a1 - b1]
            position, colour = a1, 1 - colour
        else:
            start = max(position, 0)
            text += "001" + _run(a1 - start, colour) + _run(a2 - a1, 1 - colour)
            position = a2
    return text


def packed(bits: str) -> bytes:
    """Bits, most significant first, the last byte filled with zeros."""
    bits += "0" * (-len(bits) % 8)
    return int("1" + bits, 2).to_bytes(len(bits) // 8 + 1, "big")[1:] if bits else b""


def t6_bits(lines: Iterable[Sequence[int]], width: int) -> list[str]:
    """T.6, a text of bits for each line; `T6_END` follows."""
    above: Sequence[int] = []
    coded = []
    for line in lines:
        coded.append(two_dimensional(line, above, width))
        above = line
    return coded


def t4_bits(lines: Sequence[Sequence[int]], width: int, *, every: int = 1) -> list[str]:
    """T.4, a text of bits for each line without its EOL; every ``every``-th line is one-dimensional, 1: all."""
    coded = []
    for number, line in enumerate(lines):
        if every == 1:
            coded.append(one_dimensional(line, width))
        elif number % every == 0:
            coded.append("1" + one_dimensional(line, width))
        else:
            coded.append("0" + two_dimensional(line, lines[number - 1], width))
    return coded


T6_END = EOL + EOL


def t6(image: Image.Image) -> bytes:
    """A whole page of T.6."""
    return _t6(image.convert("L").tobytes(), image.width)


@functools.lru_cache(64)
def _t6(pixels: bytes, width: int) -> bytes:
    lines = [changes(pixels[start : start + width]) for start in range(0, len(pixels), width)]
    return packed("".join(t6_bits(lines, width)) + T6_END)


def t4(image: Image.Image, *, every: int = 1) -> bytes:
    """A whole page of T.4, an EOL before each line and six at the end."""
    coded = t4_bits(lines_of(image), image.width, every=every)
    tag = "" if every == 1 else "1"
    return packed("".join(EOL + bits for bits in coded) + (EOL + tag) * 6)


def huffman(image: Image.Image, *, apart: int = 8) -> bytes:
    """Lines without EOL, each beginning at a byte or word."""
    bits = ""
    for line in lines_of(image):
        bits += one_dimensional(line, image.width)
        bits += "0" * (-len(bits) % apart)
    return packed(bits)


@dataclass
class Page:
    """One page of a TIFF to be written: strips, and tags (type, values) over the usual ones; None leaves one out."""

    width: int
    length: int
    strips: Sequence[bytes]
    tags: Mapping[int, tuple[int, Sequence[float] | bytes] | None] = field(default_factory=dict)
    compression: int = 4


def fax(image: Image.Image, data: bytes | None = None, **options: object) -> Page:
    """A page of T.6, or of ``data`` in another ``compression``, fine unless its ``tags`` say otherwise."""
    tags = FINE | dict(options.pop("tags", {}))  # type: ignore[call-overload]  # mappings of tags only
    strips = [t6(image) if data is None else data]
    return Page(image.width, image.height, strips, tags, **options)  # type: ignore[arg-type]  # compression


def write_tiff(
    path: Path, pages: Sequence[Page], *, order: str = "<", big: bool = False, after_last: int = 0
) -> Path:
    """Write a TIFF, as wrong as its pages say; ``after_last`` is what the last page's link holds."""
    offset_form, size = ("Q", 20) if big else ("I", 12)
    mark = b"II" if order == "<" else b"MM"
    out = bytearray(struct.pack(order + "2sH", mark, 43 if big else 42))
    if big:
        out += struct.pack(order + "HH", 8, 0)
    link = len(out)
    out += struct.pack(order + offset_form, 0)
    for number, page in enumerate(pages):
        places = []
        for strip in page.strips:
            places.append(len(out))
            out += strip + bytes(len(strip) % 2)
        wide = 16 if big else 4
        tags: dict[int, tuple[int, Sequence[float] | bytes] | None] = {
            256: (4, (page.width,)),
            257: (4, (page.length,)),
            258: (3, (1,)),
            259: (3, (page.compression,)),
            262: (3, (0,)),
            273: (wide, places),
            277: (3, (1,)),
            278: (4, (page.length,)),
            279: (wide, [len(strip) for strip in page.strips]),
        }
        tags |= page.tags
        entries, outside = b"", b""
        start = len(out)
        kept = {tag: value for tag, value in sorted(tags.items()) if value is not None}
        for tag, (kind, values) in kept.items():
            if isinstance(values, bytes):
                raw, count = values, len(values)
            else:
                raw = struct.pack(f"{order}{len(values)}{_FORMS[kind]}", *values)
                count = len(values) // (2 if kind in (5, 10) else 1)
            room = 8 if big else 4
            if len(raw) > room:
                place = struct.pack(order + offset_form, start + len(outside))
                outside += raw + bytes(len(raw) % 2)
            else:
                place = raw.ljust(room, b"\0")
            entries += struct.pack(order + "HH" + offset_form, tag, kind, count) + place
        out += outside
        out[link : link + struct.calcsize(offset_form)] = struct.pack(order + offset_form, len(out))
        out += struct.pack(order + ("Q" if big else "H"), len(kept)) + entries
        link = len(out)
        last = after_last if number + 1 == len(pages) else 0
        out += struct.pack(order + offset_form, last)
        assert len(entries) == size * len(kept)
    path.write_bytes(out)
    return path
