"""How scan lines are written, for those who order them to be read and for the caged process that reads them.

A module of its own, so that the daemon needs none of the tables that reading takes (`huffman`). Standard library
only: the caged process imports this.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

FLIPPED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))  # least significant bit first


class Coding(Enum):
    """How scan lines are written one after the other."""

    T4 = "t4"  # one-dimensional lines, each after an EOL
    T4_2D = "t4-2d"  # a bit after each EOL tells one- and two-dimensional lines apart
    T6 = "t6"
    BYTES = "bytes"  # no EOL, lines begin at bytes (TIFF's compression 2)
    WORDS = "words"  # no EOL, lines begin at 16-bit words (compression 32771)
