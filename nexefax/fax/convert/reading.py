"""The scan lines of a page: what can be read of damaged T.4 and T.6 data, and what can't.

libtiff and ImageMagick decode damaged data too, but they differ in what they keep, print one line for each bad
scan line without its page, and give up on files whose tags lie. Here every scan line is known to be good or
damaged, T.4 finds its way again at the next EOL (T.4 section 4.1.2), and data that is not what the tags say is
tried in the other codings. Standard library only: it runs in a caged process of its own (`salvage`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from nexefax.fax.convert.coding import FLIPPED, Coding
from nexefax.fax.convert.scanline import Bits, Line, one_dimensional, patched, two_dimensional

# Damaged lines in a row that are shown as the last good one, as fax machines do: a standard page has a
# one-dimensional line, good again, after 1 and a fine one after 3 (T.4 section 4.2.2). Beyond, better what was decoded.
_REPEATED: Final = 4
_GIVEN_UP: Final = 100  # damaged places in T.6: what follows is noise
# Where T.6 is taken up again after damage: so many lines must be free of errors, tried at so many places,
# each so many white lines at least.
_PROOF: Final = 24
_ATTEMPTS: Final = 1000
_WHITE_LINES: Final = 8
_ALIGNED_PROOF: Final = 3  # lines that must be free of errors, where lines begin at bytes
_DOUBT: Final = 0.25  # a page with more damaged lines than this may be of another coding than its tags say


@dataclass(slots=True)
class Reading:
    """What was read: scan lines, of which ``damaged`` (by index) can't be trusted.

    ``complete`` is False when the data went on, but could not be read any more.
    """

    lines: list[Line] = field(default_factory=list)
    damaged: set[int] = field(default_factory=set)
    complete: bool = True

    @property
    def good(self) -> int:
        """How many scan lines are as they were sent."""
        return len(self.lines) - len(self.damaged)


def read_t4(data: bytes, width: int, limit: int, *, two_d: bool) -> Reading:
    """Read lines with EOLs before them (or without): every damaged one ends at the next EOL."""
    bits, reading = Bits(data), Reading()
    closing = [width] * 4
    above = good = closing
    position, doubtful = 0, 0  # how many lines since the last that can be trusted
    while len(reading.lines) < limit:
        plain = True  # one-dimensional
        while position < bits.end and bits.zeros_at(position):
            position = bits.after_eol(position)
            if position < 0:
                return reading
            if two_d:
                plain = bool(bits.words[position >> 3] >> (31 - (position & 7)) & 1)
                position += 1
        if position >= bits.end:
            return reading
        start = position
        if plain:
            changes, position, reached = one_dimensional(bits.words, position, width)
        else:
            changes, position, reached = two_dimensional(bits.words, position, width, above)
        if reached == width and position <= bits.end:
            above = changes + closing
            # A two-dimensional line is as good as the one that it was told against
            doubtful = doubtful + 1 if doubtful and not plain else 0
        else:
            position = bits.next_eol(start)
            if position < 0:
                reading.complete = bits.end - start < 32  # less than that is padding, not a line
                if reading.complete or not reached:
                    return reading
                position = bits.end
            above = patched(changes, reached, above)
            doubtful += 1
        if doubtful:
            reading.damaged.add(len(reading.lines))
        else:
            good = above
        reading.lines.append(good if doubtful <= _REPEATED else above)
    return reading


def read_t6(data: bytes, width: int, limit: int) -> Reading:
    """Read two-dimensional lines. There is no EOL to begin again at after damage.

    So it is sought for a place from which the data can be read for a while without an error.
    """
    bits, reading = Bits(data), Reading()
    closing = [width] * 4
    above = closing
    position = errors = 0
    doubtful = False
    while len(reading.lines) < limit and position < bits.end:
        changes, after, reached = two_dimensional(bits.words, position, width, above)
        if reached == width and after <= bits.end:
            above = changes + closing
            position = after
        elif bits.eol_at(position):  # end of facsimile block, T.6 section 2.4.1.1: two EOLs, one is enough
            return reading
        else:
            reading.complete = False
            errors += 1
            guess = patched(changes, reached, above)
            found = _resume(bits, after, width, guess) if errors <= _GIVEN_UP else None
            if changes or found:
                reading.damaged.add(len(reading.lines))
                reading.lines.append(guess)
            if found is None:
                return reading
            position, above = found
            doubtful = above is guess
            continue
        if doubtful:
            reading.damaged.add(len(reading.lines))
        reading.lines.append(above)
    reading.complete = reading.complete and len(reading.lines) == limit
    return reading


def _resume(bits: Bits, position: int, width: int, above: Line) -> tuple[int, Line] | None:
    """Where T.6 data can be read again after damage, and the line above: here, or among white lines further on.

    A white line below a white line is a single one (mode V0), so white lines are ones in a row.
    """
    position = bits.skip_zeros(position)
    if _holds(bits, position, width, above):
        return position, above
    white = [width] * 4
    for start in islice(bits.runs_of_ones(position, _WHITE_LINES), _ATTEMPTS):
        if _holds(bits, start, width, white):
            return start, white
    return None


def _holds(bits: Bits, position: int, width: int, above: Line) -> bool:
    """Whether T.6 data can be read from here for `_PROOF` lines that are not white, or to its end."""
    inked = 0
    for _ in range(_PROOF * 32):
        changes, after, reached = two_dimensional(bits.words, position, width, above)
        if reached != width or after > bits.end:
            return inked > 0 and bits.eol_at(position)
        inked += bool(changes)
        if inked == _PROOF:
            return True
        position = after
        above = changes + [width] * 4
    return True


def read_aligned(data: bytes, width: int, limit: int, *, apart: int) -> Reading:
    """Read one-dimensional lines that begin at bytes or words, ``apart`` bits (TIFF 6.0 section 10).

    After damage the next line is where several can be read one after the other.
    """
    bits, reading = Bits(data), Reading()
    closing = [width] * 4
    above = closing
    position = 0
    while len(reading.lines) < limit and position < bits.end:
        changes, after, reached = one_dimensional(bits.words, position, width)
        if reached == width and after <= bits.end:
            above = changes + closing
            reading.lines.append(above)
            position = after + -after % apart
            continue
        reading.complete = False
        if changes:
            reading.damaged.add(len(reading.lines))
            reading.lines.append(patched(changes, reached, above))
        starts = range(after + -after % apart, bits.end, apart)[:_ATTEMPTS]
        found = next((start for start in starts if _lines_at(bits, start, width, apart)), None)
        if found is None:
            break
        position = found
    return reading


def _lines_at(bits: Bits, position: int, width: int, apart: int) -> bool:
    """Whether `_ALIGNED_PROOF` one-dimensional lines begin here, or fewer to the end of the data."""
    for number in range(_ALIGNED_PROOF):
        _, after, reached = one_dimensional(bits.words, position, width)
        if reached != width or after > bits.end:
            return number > 0 and position >= bits.end
        position = after + -after % apart
    return True


def read_as(coding: Coding, data: bytes, width: int, limit: int) -> Reading:
    """Read ``data``, most significant bit first, in one coding; at most ``limit`` lines."""
    if coding is Coding.T6:
        return read_t6(data, width, limit)
    if coding in (Coding.T4, Coding.T4_2D):
        return read_t4(data, width, limit, two_d=coding is Coding.T4_2D)
    return read_aligned(data, width, limit, apart=8 if coding is Coding.BYTES else 16)


def read_strips(
    strips: Iterable[tuple[bytes, int]], width: int, *, coding: Coding, flipped: bool
) -> tuple[Reading, bool]:
    """Read the strips of a page, each of so many lines, in the coding of its tags or whichever fits better.

    ``flipped``: the least significant bit comes first. Returns also whether another coding was found.
    """
    pieces = list(strips)
    best = _read_all(pieces, width, coding, flipped)
    wanted = sum(lines for _, lines in pieces)
    sure = best.complete or coding not in (
        Coding.BYTES,
        Coding.WORDS,
    )  # which are easily taken for each other
    if sure and best.good >= wanted * (1 - _DOUBT):
        return best, False
    found, score = False, max(best.good, _PROOF)
    for other, order in _others(coding, flipped):
        reading = _read_all(pieces, width, other, order)
        if reading.good - len(reading.damaged) > score:
            best, found, score = reading, True, reading.good - len(reading.damaged)
    return best, found


def _others(coding: Coding, flipped: bool) -> Iterator[tuple[Coding, bool]]:
    for order in (flipped, not flipped):
        for other in Coding:
            if (other, order) != (coding, flipped):
                yield other, order


def _read_all(pieces: Sequence[tuple[bytes, int]], width: int, coding: Coding, flipped: bool) -> Reading:
    """The strips one below the other; where one is short, white lines keep those below at their place."""
    whole = Reading()
    for index, (data, limit) in enumerate(pieces):
        part = read_as(coding, data.translate(FLIPPED) if flipped else data, width, limit)
        whole.damaged.update(number + len(whole.lines) for number in part.damaged)
        whole.lines += part.lines
        whole.complete = whole.complete and part.complete
        missing = limit - len(part.lines)
        if missing and index + 1 < len(pieces):
            whole.damaged.update(range(len(whole.lines), len(whole.lines) + missing))
            whole.lines += [[width] * 4] * missing
    return whole
