"""One scan line of ITU-T T.4 or T.6: decoded from bits, mended when it is damaged, drawn as a row of pixels.

A scan line is a list of the pixels at which its colour changes, white first, closed by four times the width:
a reference line as T.4 section 4.2.1.3.1 wants it, with the imaginary changes after its end. Standard library
only: the caged salvage process (`salvage`) uses it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from nexefax.fax.convert.huffman import HORIZONTAL, MODES, PASS, RUNS

Line = list[int]

_EOL_ZEROS: Final = "0" * 11  # then a one, T.4 section 4.1.2; any number of zeros before it is fill


class Bits:
    """The data by bits: ``words[n]`` is the 32 bits from byte n on; past the end are zeros, which no code is."""

    __slots__ = ("_text", "data", "end", "words")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.end = len(data) * 8
        count = len(data) // 4 + 2
        padded = data + bytes(4 * count + 4 - len(data))
        self.words = [0] * (4 * count)
        for start in range(4):
            self.words[start::4] = struct.unpack_from(f">{count}I", padded, start)
        self._text = ""

    def next_eol(self, position: int) -> int:
        """Where the zeros of the next EOL (or of the fill before it) begin, or -1."""
        return self._by_bit().find(_EOL_ZEROS, position)

    def after_eol(self, zeros: int) -> int:
        """The bit after the EOL whose zeros begin at ``zeros``; -1 when its one is missing."""
        return self._by_bit().find("1", zeros) + 1 or -1

    def _by_bit(self) -> str:
        """A character for each bit, which the C library can search."""
        if not self._text:
            self._text = bin(int.from_bytes(b"\1" + self.data, "big"))[3:] or " "
        return self._text

    def eol_at(self, position: int) -> bool:
        """Whether an EOL without fill begins here."""
        return (self.words[position >> 3] >> (20 - (position & 7))) & 4095 == 1

    def skip_zeros(self, position: int) -> int:
        """Past 11 zeros or more, which are no code but blocks that a disk or a line lost; else ``position``."""
        if position >= self.end or not self.zeros_at(position):
            return position
        one = self._by_bit().find("1", position)
        return self.end if one < 0 else one

    def runs_of_ones(self, position: int, least: int) -> Iterator[int]:
        """Where at least so many ones stand in a row, from ``position`` on."""
        text, ones = self._by_bit(), "1" * least
        while (position := text.find(ones, position)) >= 0:
            yield position
            position = text.find("0", position)
            if position < 0:
                return

    def zeros_at(self, position: int) -> bool:
        """Whether the next 11 bits are zeros: an EOL, fill before one, or the end."""
        return not (self.words[position >> 3] >> (21 - (position & 7))) & 2047


def one_dimensional(words: Sequence[int], position: int, width: int) -> tuple[Line, int, int]:
    """Decode one line of runs (T.4 section 4.1): its changes, the bit after it, and how many pixels are good.

    The line is good when that is ``width``; it is not closed yet.
    """
    changes: Line = []
    reached = 0
    colour = 0
    while True:
        table = RUNS[colour]
        run = 0
        while True:
            value, bits = table[(words[position >> 3] >> (19 - (position & 7))) & 8191]
            run += value
            if not bits or run > width:
                return changes, position, reached
            position += bits
            if value < 64:
                break
        if reached + run >= width:
            return changes, position, width if reached + run == width else reached
        reached += run
        if changes and changes[-1] == reached:
            changes.pop()  # a run of no length joins its neighbours
        else:
            changes.append(reached)
        colour ^= 1


def two_dimensional(
    words: Sequence[int], position: int, width: int, reference: Line
) -> tuple[Line, int, int]:
    """Decode one line against the ``reference`` line above it (T.4 section 4.2, T.6 section 2.2).

    Returns as `one_dimensional`; the bit of a damaged line is that after the code that can't be true.
    """
    changes: Line = []
    reached = -1  # the imaginary white pixel before the line
    colour = 0
    above = 0  # index of b1, whose colour is opposite: it is even while the line is white
    while reached < width:
        mode, bits = MODES[(words[position >> 3] >> (25 - (position & 7))) & 127]
        if not bits:
            break
        while reference[above] <= reached:
            above += 2
        if mode == PASS:
            position += bits
            if reference[above + 1] >= width:
                break  # b2 is to the left of a1, so within the line: nothing shows damage as early as this
            reached = reference[above + 1]
        elif mode == HORIZONTAL:
            runs, position, sound = _two_runs(words, position + bits, max(reached, 0), width, colour)
            if not sound:
                break
            for change in runs:
                if changes and changes[-1] == change:
                    changes.pop()
                elif change < width:
                    changes.append(change)
            reached = runs[1]
        else:
            position += bits
            target = reference[above] + mode
            if target <= reached or target > width:
                break
            if target < width:
                changes.append(target)
            reached = target
            colour ^= 1
            above = above - 1 if above else 1
    return changes, position, max(reached, 0)


def _two_runs(
    words: Sequence[int], position: int, start: int, width: int, colour: int
) -> tuple[tuple[int, int], int, bool]:
    """The two runs of horizontal mode: both changes, the bit after them, and whether they are within the line."""
    ends = [start, start]
    for index in (0, 1):
        table = RUNS[colour ^ index]
        while True:
            value, bits = table[(words[position >> 3] >> (19 - (position & 7))) & 8191]
            if not bits:
                return (0, 0), position, False
            position += bits
            start += value
            if value < 64:
                break
        ends[index] = start
    return (ends[0], ends[1]), position, start <= width


def patched(changes: Line, reached: int, above: Line) -> Line:
    """A damaged line, closed: what was decoded, then the line above, as fax machines do it."""
    line = [change for change in changes if change <= reached]
    below = [change for change in above if change <= reached]
    if (len(line) - len(below)) % 2:
        if line and line[-1] == reached:
            line.pop()
        else:
            line.append(reached)
    return line + above[len(below) :]


def raster(lines: Iterable[Line], width: int) -> Iterator[bytes]:
    """The lines as rows of bits, 1 for black, padded to bytes."""
    stride = -(-width // 8)
    padding = stride * 8 - width
    last: Line | None = None
    row = b""
    for line in lines:
        if line is not last and line != last:
            value = 0
            for change in line:
                value ^= (1 << (width - change)) - 1
            row = (value << padding).to_bytes(stride, "big")
        last = line
        yield row
