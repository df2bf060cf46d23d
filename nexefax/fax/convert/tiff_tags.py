"""The tags of a TIFF file's directories, read within bounds: TIFF 6.0 section 2, and BigTIFF (libtiff).

Nothing that a file says is believed: each offset and count is checked against the file's size and the caps
here and in `tiff`, so that a hostile file costs milliseconds.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from types import TracebackType
from typing import Final

from nexefax.errors import TiffError

MAX_TAGS: Final = 1_024  # in one directory; fax software writes about 25, cameras about 100

MAX_TEXT: Final = 4_096  # bytes of a text that is read at all
ASCII: Final = 2
# The types of values (TIFF 6.0 section 2, and 13, 16 to 18 of BigTIFF) as `struct` writes them.
KINDS: Final = {
    1: "B", 2: "s", 3: "H", 4: "I", 5: "II", 6: "b", 7: "s", 8: "h", 9: "i", 10: "ii", 11: "f", 12: "d",
    13: "I", 16: "Q", 17: "q", 18: "Q",
}  # fmt: skip

_WINDOW: Final = 8_192  # bytes read at once: a directory and most of what it points to


class Source:
    """Bounded random access to a file; `pread` rather than a map, which would die of a file that shrinks."""

    __slots__ = ("_at", "_block", "_descriptor", "size")

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        self.size = os.fstat(self._descriptor).st_size
        self._at = 0
        self._block = b""

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def bytes(self, offset: int, length: int) -> bytes | None:
        """``length`` bytes at ``offset``, None where the file does not have them."""
        if offset < 0 or offset + length > self.size:
            return None
        start = offset - self._at
        if start < 0 or start + length > len(self._block):
            self._block = os.pread(self._descriptor, max(length, _WINDOW), offset)
            self._at, start = offset, 0
        part = self._block[start : start + length]
        return part if len(part) == length else None


@dataclass(frozen=True, slots=True)
class Layout:
    """How this file writes numbers: byte order, and the wider fields of BigTIFF."""

    order: str
    big: bool
    first: int

    @classmethod
    def of(cls, source: Source) -> Layout:
        """Read the file's header; raises `TiffError` when it has none."""
        head = source.bytes(0, 8) or b""
        order = {b"II": "<", b"MM": ">"}.get(head[:2])
        if order is not None:
            magic, first = struct.unpack(order + "HI", head[2:8])
            if magic == 42:
                return cls(order, False, first)
            wide = source.bytes(0, 16)
            if magic == 43 and wide is not None:
                return cls(order, True, *struct.unpack(order + "Q", wide[8:16]))
        raise TiffError("The file is no TIFF.")


class Directory:
    """One directory: its tags' values, by kind. ``following`` is the offset of the next one, 0 at the end."""

    __slots__ = ("_layout", "_source", "_tags", "following")

    def __init__(
        self, source: Source, layout: Layout, tags: dict[int, tuple[int, int, bytes]], following: int
    ) -> None:
        self._source, self._layout, self._tags = source, layout, tags
        self.following = following

    @classmethod
    def at(cls, source: Source, layout: Layout, offset: int) -> Directory | None:
        """Read the directory at ``offset``, None when there is none."""
        count = tag_count(source, layout, offset)
        if count is None:
            return None
        head, size = (8, 20) if layout.big else (2, 12)
        raw = source.bytes(offset + head, size * count) or b""  # empty if the file shrank meanwhile
        form = layout.order + ("HHQ8s" if layout.big else "HHI4s")
        tags: dict[int, tuple[int, int, bytes]] = {}
        for tag, kind, number, value in struct.iter_unpack(form, raw):
            tags.setdefault(tag, (kind, number, value))  # the first of doubled tags counts, as in libtiff
        return cls(source, layout, tags, next_directory(source, layout, offset, count))

    def __contains__(self, tag: int) -> bool:
        return tag in self._tags

    def extent(self, offset: int) -> int:
        """Where this directory, which is at ``offset``, and its values end."""
        head, size, link = (8, 20, 8) if self._layout.big else (2, 12, 4)
        end = offset + head + size * len(self._tags) + link
        for kind, count, field in self._tags.values():
            length = struct.calcsize("=" + KINDS.get(kind, "")) * count
            if length > len(field):
                (where,) = struct.unpack(self._layout.order + ("Q" if self._layout.big else "I"), field)
                end = max(end, where + length if where + length <= self._source.size else 0)
        return end

    def raw(self, tag: int, limit: int) -> tuple[int, int, bytes] | None:
        """Type, count and bytes of a value of at most ``limit`` bytes, None when it can't be had."""
        kind, count, field = self._tags.get(tag, (0, 0, b""))
        length = struct.calcsize("=" + KINDS.get(kind, "")) * count
        if not 0 < length <= limit:
            return None
        if length <= len(field):
            return kind, count, field[:length]
        (where,) = struct.unpack(self._layout.order + ("Q" if self._layout.big else "I"), field)
        value = self._source.bytes(where, length)
        return None if value is None else (kind, count, value)

    def numbers(self, tag: int, limit: int) -> tuple[float, ...]:
        """The values of a tag, at most ``limit``; empty when missing, of another kind or out of the file."""
        found = self.raw(tag, 8 * limit)
        if found is None:
            return ()
        kind, count, value = found
        code = KINDS[kind]
        if code[-1] == "s" or count > limit:
            return ()
        values = struct.unpack(f"{self._layout.order}{count * len(code)}{code[-1]}", value)
        return _fractions(values) if len(code) == 2 else values

    def several(self, tag: int, limit: int = 16) -> tuple[int, ...]:
        """Whole numbers; fractions are no values for the tags that this is asked for."""
        return tuple(value for value in self.numbers(tag, limit) if isinstance(value, int))

    def one(self, tag: int) -> int | None:
        """One whole number, not below 0."""
        value = next(iter(self.several(tag, 1)), -1)
        return value if value >= 0 else None

    def real(self, tag: int) -> float | None:
        """One number above 0."""
        value = next(iter(self.numbers(tag, 1)), 0.0)
        return value if isfinite(value) and value > 0 else None

    def text(self, tag: int, limit: int) -> bytes:
        """A text up to its NUL, cut to ``limit`` bytes."""
        kind, _, value = self.raw(tag, MAX_TEXT) or (0, 0, b"")
        return value.split(b"\0")[0][:limit] if kind == ASCII else b""


def tag_count(source: Source, layout: Layout, offset: int) -> int | None:
    """How many tags the directory at ``offset`` has, None when there is no directory or not all of it."""
    head, size = (8, 20) if layout.big else (2, 12)
    raw = source.bytes(offset, head)
    if raw is None:
        return None
    (count,) = struct.unpack(layout.order + ("Q" if layout.big else "H"), raw)
    return count if 0 < count <= MAX_TAGS and offset + head + size * count <= source.size else None


def next_directory(source: Source, layout: Layout, offset: int, count: int) -> int:
    """Where the next directory is; a file cut off before that says 0, the end, as libtiff takes it."""
    where = offset + (8 + 20 * count if layout.big else 2 + 12 * count)
    raw = source.bytes(where, 8 if layout.big else 4)
    return 0 if raw is None else int(struct.unpack(layout.order + ("Q" if layout.big else "I"), raw)[0])


def _fractions(values: tuple[int, ...]) -> tuple[float, ...]:
    """Rationals as numbers, 0 for those with no denominator."""
    pairs = zip(values[::2], values[1::2], strict=True)
    return tuple(over / under if under else 0.0 for over, under in pairs)
