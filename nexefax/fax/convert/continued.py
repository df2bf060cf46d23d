"""The rest of a fax whose line dropped: its pages from one on, under a line that says so.

T.6 writes each row against the one above, and the first row of a page against white. So rows put on top of a page that
end in white leave its data as it is: the bits are joined, and nothing of the page is decoded.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Final

from nexefax.durable import copy_file
from nexefax.errors import ChildFailed, SpoolError
from nexefax.fax.convert.coding import FLIPPED
from nexefax.fax.convert.faxtiff import Strip, strips_of, write_fax
from nexefax.fax.convert.tiff import FAX_WIDTH, Resolution

_LEFT: Final = 102  # pixels: half an inch from the edge, which machines leave white
_DOT: Final = 4  # pixels across for each dot of a glyph, at 204 to the inch
_ABOVE, _BELOW = 2, 2  # dots of white around the line

# Five dots across, seven down, two more for what goes below the line; a row is one number, its highest bit leftmost.
# fmt: off
_GLYPHS: Final[dict[str, tuple[int, ...]]] = {
    " ": (0, 0, 0, 0, 0, 0, 0, 0, 0),
    ":": (0, 0, 4, 4, 0, 4, 4, 0, 0),
    "a": (0, 0, 14, 1, 15, 17, 15, 0, 0),
    "c": (0, 0, 14, 17, 16, 17, 14, 0, 0),
    "d": (1, 1, 15, 17, 17, 17, 15, 0, 0),
    "e": (0, 0, 14, 17, 31, 16, 14, 0, 0),
    "f": (6, 8, 28, 8, 8, 8, 8, 0, 0),
    "g": (0, 0, 15, 17, 17, 17, 15, 1, 14),
    "i": (4, 0, 12, 4, 4, 4, 14, 0, 0),
    "n": (0, 0, 30, 17, 17, 17, 17, 0, 0),
    "o": (0, 0, 14, 17, 17, 17, 14, 0, 0),
    "p": (0, 0, 30, 17, 17, 17, 30, 16, 16),
    "t": (8, 8, 28, 8, 8, 9, 6, 0, 0),
    "u": (0, 0, 17, 17, 17, 17, 15, 0, 0),
    "0": (14, 17, 19, 21, 25, 17, 14, 0, 0),
    "1": (4, 12, 4, 4, 4, 4, 14, 0, 0),
    "2": (14, 17, 1, 6, 8, 16, 31, 0, 0),
    "3": (14, 17, 1, 6, 1, 17, 14, 0, 0),
    "4": (2, 6, 10, 18, 31, 2, 2, 0, 0),
    "5": (31, 16, 30, 1, 1, 17, 14, 0, 0),
    "6": (14, 16, 30, 17, 17, 17, 14, 0, 0),
    "7": (31, 1, 2, 4, 8, 8, 8, 0, 0),
    "8": (14, 17, 14, 17, 17, 17, 14, 0, 0),
    "9": (14, 17, 17, 15, 1, 1, 14, 0, 0),
}
# fmt: on
_GLYPH_WIDTH, _GLYPH_ROWS = 5, 9

_SAME_ROW: Final = "1"  # mode V0 for the one change beyond the row's end
_HORIZONTAL: Final = "001"


def write_continuation(source: Path, destination: Path, *, first_page: int, text: str) -> None:
    """Write pages ``first_page`` (from 1) and on of the fax TIFF ``source``, ``text`` on top of the first; blocking.

    Durable when it returns. The pages below the line are bit for bit those of ``source``, which is one of ours
    (`faxtiff.write_fax`). Raises SpoolError when it is not.
    """
    unfinished = destination.with_name(f"{destination.name}.unfinished")
    line = destination.with_name(f"{destination.name}.line")
    try:
        write_fax(unfinished, _rest(source, first_page, text, line))
        copy_file(unfinished, destination)
    except ChildFailed as error:
        raise SpoolError(f"the rest of {source} can't be sent: {error}") from error
    finally:
        for path in (line, unfinished):
            path.unlink(missing_ok=True)


def _rest(source: Path, first_page: int, text: str, line: Path) -> list[Strip]:
    """The pages from ``first_page`` on; the data of the first, with its line, goes to the file ``line``."""
    strips = strips_of(source)[first_page - 1 :]
    if not strips:
        raise ChildFailed(f"it has no page {first_page}")
    first, data = _headed(strips[0], text)
    line.write_bytes(data)
    return [replace(first, path=line, offset=0), *strips[1:]]


def _headed(page: Strip, text: str) -> tuple[Strip, bytes]:
    """The page with the line on top, and its data, most significant bit first."""
    rows = _rows(text, page.resolution)
    head = "".join(_coded(row, above) for row, above in zip(rows, [_WHITE_ROW, *rows], strict=False))
    data = page.read()
    if page.fill_order == 2:
        data = data.translate(FLIPPED)
    bits = len(head) + 8 * len(data)
    padding = -bits % 8
    joined = (int(head, 2) << 8 * len(data) | int.from_bytes(data, "big")) << padding
    whole = joined.to_bytes((bits + padding) // 8, "big")
    return replace(page, size=len(whole), length=page.length + len(rows), fill_order=1), whole


_WHITE_ROW: Final = (0,) * FAX_WIDTH


def _rows(text: str, resolution: Resolution) -> list[tuple[int, ...]]:
    """The line's rows of pixels, 1 for black; the last one is white."""
    down = max(round(_DOT * resolution.down / resolution.across), 1)
    glyphs = [_GLYPHS[letter] for letter in text if letter in _GLYPHS]
    most = (FAX_WIDTH - 2 * _LEFT) // (_DOT * (_GLYPH_WIDTH + 1))
    rows: list[tuple[int, ...]] = [_WHITE_ROW] * (_ABOVE * down)
    for number in range(_GLYPH_ROWS):
        dots = "".join(f"{glyph[number]:05b}0" for glyph in glyphs[:most])
        pixels = [int(dot) for dot in dots for _ in range(_DOT)]
        row = (*[0] * _LEFT, *pixels)
        rows += [(*row, *[0] * (FAX_WIDTH - len(row)))] * down
    return rows + [_WHITE_ROW] * (_BELOW * down)


def _coded(row: tuple[int, ...], above: tuple[int, ...]) -> str:
    """One row of T.6: as the one above where it is white all over, else in horizontal mode alone."""
    if row == above == _WHITE_ROW:
        return _SAME_ROW
    runs = [(colour, len(list(pixels))) for colour, pixels in groupby(row)]
    if runs[0][0] == 1:
        runs.insert(0, (0, 0))
    if len(runs) % 2:
        runs.append((1, 0))
    coded = ""
    for (_, white), (_, black) in zip(runs[0::2], runs[1::2], strict=True):
        coded += _HORIZONTAL + _run(0, white) + _run(1, black)
    return coded


@cache
def _words() -> tuple[dict[int, str], dict[int, str]]:
    from nexefax.fax.convert.huffman import BLACK_CODES, WHITE_CODES  # the daemon does without, but for this

    white, black = ({run: code for code, run in codes.items()} for codes in (WHITE_CODES, BLACK_CODES))
    return white, black


def _run(colour: int, length: int) -> str:
    """The code words of a run of at most a line's pixels (T.4 section 4.1.1)."""
    words = _words()[colour]
    make_up = words[length // 64 * 64] if length >= 64 else ""
    return make_up + words[length % 64]
