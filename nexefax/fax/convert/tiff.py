"""The directories of a TIFF file, read in pure Python and within bounds.

TIFF 6.0 (Adobe, 1992) sections 2, 10 and 11, BigTIFF (libtiff), and TIFF-F (RFC 2306) for the tags of
fax. Only directories are read here, never image data. Nothing that a file says is believed: each number
is checked against the file's size and the caps below, so that a hostile file costs milliseconds.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from enum import Enum
from math import isfinite
from pathlib import Path
from types import TracebackType
from typing import Final

from nexefax.errors import TiffError

MAX_PAGES: Final = 10_000  # a fax of 10,000 pages would hold the line for two days
MAX_TAGS: Final = 1_024  # in one directory; fax software writes about 25, cameras about 100
MAX_STRIPS: Final = 400_000  # in one file: 4,000 pages in strips of 8 KiB, and 25 MB of our memory
FAX_WIDTH: Final = 1728  # pixels of a line, ITU-T T.4 section 2: 215 mm at 8.04 per mm

_WINDOW: Final = 8_192  # bytes read at once: a directory and most of what it points to
_INTEGERS: Final = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_REALS: Final = {5: "2I", 10: "2i", 11: "f", 12: "d"}


class Compression(int, Enum):
    """Values of tag 259 that concern faxes (TIFF 6.0 sections 10 and 11)."""

    NONE = 1
    MODIFIED_HUFFMAN = 2
    T4 = 3
    T6 = 4
    LZW = 5
    WORD_ALIGNED_HUFFMAN = 32771


class Resolution(Enum):
    """The vertical resolutions of ITU-T T.4; the value is dots per inch across and down."""

    STANDARD = (204, 98)
    FINE = (204, 196)
    SUPERFINE = (204, 391)

    @property
    def across(self) -> int:
        """Dots per inch along a line."""
        return self.value[0]

    @property
    def down(self) -> int:
        """Lines per inch."""
        return self.value[1]

    @property
    def words(self) -> str:
        """As people read it: ``fine (204x196)``."""
        return f"{self.name.lower()} ({self.across}x{self.down})"


@dataclass(frozen=True, slots=True)
class TiffPage:
    """One directory of a TIFF: what it says, not what is so.

    ``width`` and ``length`` are pixels, 0 where missing. Resolutions are as written, with ``unit`` 1 none,
    2 inch, 3 centimetre; see `dots_per_inch`. Strips (or tiles, when ``tiled``) are byte offsets and
    counts; the counts may be missing. ``bad_lines``, ``clean_data`` and ``bad_run`` are the tags
    BadFaxLines, CleanFaxData and ConsecutiveBadFaxLines of RFC 2306, None where missing.
    """

    number: int  # from 1, in the order of the file
    offset: int  # of the directory
    width: int
    length: int
    bits_per_sample: tuple[int, ...]
    samples: int
    compression: int
    photometric: int | None  # 0 min-is-white, 1 min-is-black
    fill_order: int  # 1 most significant bit first, 2 least
    t4_options: int
    orientation: int
    rows_per_strip: int | None
    strip_offsets: tuple[int, ...]
    strip_counts: tuple[int, ...]
    tiled: bool
    x_resolution: float | None
    y_resolution: float | None
    unit: int
    subfile: int
    bad_lines: int | None
    clean_data: int | None
    bad_run: int | None

    @property
    def bilevel(self) -> bool:
        """Whether a pixel is one bit."""
        return self.samples == 1 and self.bits_per_sample in ((), (1,))

    @property
    def data_size(self) -> int:
        """Bytes of image data, as the directory counts them."""
        return sum(self.strip_counts)

    @property
    def dots_per_inch(self) -> tuple[float, float] | None:
        """Dots per inch across and down as the tags say it, None where they say nothing of use."""
        if not self.x_resolution or not self.y_resolution or self.unit not in (2, 3):
            return None
        factor = 2.54 if self.unit == 3 else 1.0
        return self.x_resolution * factor, self.y_resolution * factor

    @property
    def resolution(self) -> Resolution | None:
        """The fax resolution that the tags name, None for any other; T.4 allows 1 percent, libtiff rounds."""
        dots = self.dots_per_inch
        if dots is None:
            return None
        for known in Resolution:
            if abs(dots[0] - known.across) <= 2.5 and abs(dots[1] - known.down) <= known.down * 0.015:
                return known
        return None


@dataclass(frozen=True, slots=True)
class Survey:
    """All directories that can be read, and a plain clause on what stopped the reading (or '')."""

    pages: tuple[TiffPage, ...]
    fault: str


def read_directories(path: Path) -> list[TiffPage]:
    """Read every directory of a TIFF or BigTIFF that is expected to be sound.

    Blocking (reads the file): call it in a thread. Raises `TiffError` when the file is no TIFF, when it
    has no page, or when its chain of directories is broken, loops or goes past the caps; `OSError` when
    the file can't be read.
    """
    found = survey(path)
    if found.fault:
        raise TiffError(f"The TIFF file is damaged: {found.fault}.")
    return list(found.pages)


def survey(path: Path) -> Survey:
    """Read the directories of a TIFF as far as they go; for files from strangers.

    Blocking. Raises `TiffError` when there is no page at all, and `OSError`.
    """
    with _Source(path) as source:
        layout = _Layout.of(source)
        pages: list[TiffPage] = []
        seen: set[int] = set()
        strips_left = MAX_STRIPS
        offset, fault = layout.first, ""
        while offset and not fault:
            if offset in seen:
                fault = f"its chain of pages runs in a circle after page {len(pages)}"
            elif len(pages) == MAX_PAGES:
                fault = f"it has more than {MAX_PAGES} pages"
            else:
                seen.add(offset)
                tags, following = _entries(source, layout, offset)
                if tags is None:
                    fault = f"the directory of page {len(pages) + 1} can't be read"
                else:
                    values = _Values(source, layout, tags, strips_left)
                    page = _page(values, number=len(pages) + 1, offset=offset)
                    pages.append(page)
                    strips_left -= len(page.strip_offsets) + len(page.strip_counts)
                    offset = following
    if not pages:
        raise TiffError("The TIFF file has no page that can be read.")
    return Survey(tuple(pages), fault)


def count_pages(path: Path) -> int:
    """Count the pages of a TIFF by its chain of directories alone; 0 when it is no TIFF or has none.

    Blocking, and about 5 microseconds a page. Counts as far as the chain goes, to `MAX_PAGES`; raises
    only `OSError`.
    """
    try:
        with _Source(path) as source:
            layout = _Layout.of(source)
            seen: set[int] = set()
            offset = layout.first
            while offset and offset not in seen and len(seen) < MAX_PAGES:
                tags = _tag_count(source, layout, offset)
                if tags is None:
                    break
                seen.add(offset)
                offset = _next(source, layout, offset, tags)
            return len(seen)
    except TiffError:
        return 0


class _Source:
    """Bounded random access to a file; `pread` rather than a map, which would die of a file that shrinks."""

    __slots__ = ("_at", "_block", "_descriptor", "size")

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        self.size = os.fstat(self._descriptor).st_size
        self._at = 0
        self._block = b""

    def __enter__(self) -> _Source:
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
class _Layout:
    """How this file writes numbers: byte order, and the wider fields of BigTIFF."""

    order: str
    big: bool
    first: int

    @classmethod
    def of(cls, source: _Source) -> _Layout:
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


_Tags = dict[int, tuple[int, int, bytes]]  # tag → type, count, the bytes of the value field


def _tag_count(source: _Source, layout: _Layout, offset: int) -> int | None:
    """How many tags the directory at ``offset`` has, None when there is no directory."""
    raw = source.bytes(offset, 8 if layout.big else 2)
    if raw is None:
        return None
    (count,) = struct.unpack(layout.order + ("Q" if layout.big else "H"), raw)
    return count if 0 < count <= MAX_TAGS else None


def _next(source: _Source, layout: _Layout, offset: int, count: int) -> int:
    """Where the next directory is; a file cut off before that says 0, the end, as libtiff takes it."""
    where = offset + (8 + 20 * count if layout.big else 2 + 12 * count)
    raw = source.bytes(where, 8 if layout.big else 4)
    return 0 if raw is None else int(struct.unpack(layout.order + ("Q" if layout.big else "I"), raw)[0])


def _entries(source: _Source, layout: _Layout, offset: int) -> tuple[_Tags | None, int]:
    """The tags of one directory and where the next one is."""
    count = _tag_count(source, layout, offset)
    head, size = (8, 20) if layout.big else (2, 12)
    raw = None if count is None else source.bytes(offset + head, size * count)
    if count is None or raw is None:
        return None, 0
    tags: _Tags = {}
    for tag, kind, number, value in struct.iter_unpack(
        layout.order + ("HHQ8s" if layout.big else "HHI4s"), raw
    ):
        tags.setdefault(tag, (kind, number, value))  # the first of doubled tags counts, as in libtiff
    return tags, _next(source, layout, offset, count)


def _numbers(source: _Source, layout: _Layout, tags: _Tags, tag: int, limit: int) -> tuple[float, ...]:
    """The values of a tag; empty when missing, of another kind, longer than allowed or out of the file."""
    kind, count, field = tags.get(tag, (0, 0, b""))
    code = _INTEGERS.get(kind) or _REALS.get(kind)
    if code is None or not 0 < count <= limit:
        return ()
    pair = len(code) == 2
    form = f"{layout.order}{count * (2 if pair else 1)}{code[-1]}"
    length = struct.calcsize(form)
    if length <= len(field):
        raw: bytes | None = field[:length]
    else:
        (where,) = struct.unpack(layout.order + ("Q" if layout.big else "I"), field)
        raw = source.bytes(where, length)
    if raw is None:
        return ()
    values = struct.unpack(form, raw)
    return _fractions(values) if pair else values


def _fractions(values: tuple[int, ...]) -> tuple[float, ...]:
    """Rationals as numbers, 0 for those with no denominator."""
    return tuple(
        over / under if under else 0.0 for over, under in zip(values[::2], values[1::2], strict=True)
    )


class _Values:
    """The values of one directory's tags, by kind."""

    __slots__ = ("_layout", "_source", "_strips_left", "tags")

    def __init__(self, source: _Source, layout: _Layout, tags: _Tags, strips_left: int) -> None:
        self._source, self._layout, self._strips_left = source, layout, strips_left
        self.tags = tags

    def several(self, tag: int, limit: int = 16) -> tuple[int, ...]:
        """Whole numbers; fractions are no values for these tags."""
        values = _numbers(self._source, self._layout, self.tags, tag, limit)
        return tuple(value for value in values if isinstance(value, int))

    def one(self, tag: int) -> int | None:
        """One whole number, not below 0."""
        value = next(iter(self.several(tag, 1)), -1)
        return value if value >= 0 else None

    def real(self, tag: int) -> float | None:
        """One number above 0."""
        value = next(iter(_numbers(self._source, self._layout, self.tags, tag, 1)), 0.0)
        return value if isfinite(value) and value > 0 else None

    def places(self, tag: int) -> tuple[int, ...]:
        """Offsets or counts of strips, within what is left of `MAX_STRIPS`."""
        found = self.several(tag, self._strips_left)
        self._strips_left -= len(found)
        return found


def _page(values: _Values, *, number: int, offset: int) -> TiffPage:
    """The page that a directory describes; defaults are those of TIFF 6.0."""

    def one(tag: int, default: int) -> int:
        found = values.one(tag)
        return default if found is None else found

    tiled = 324 in values.tags
    return TiffPage(
        number=number,
        offset=offset,
        width=one(256, 0),
        length=one(257, 0),
        bits_per_sample=values.several(258),
        samples=one(277, 1),
        compression=one(259, 1),
        photometric=values.one(262),
        fill_order=one(266, 1),
        t4_options=one(292, 0),
        orientation=one(274, 1),
        rows_per_strip=values.one(278),
        strip_offsets=values.places(324 if tiled else 273),
        strip_counts=values.places(325 if tiled else 279),
        tiled=tiled,
        x_resolution=values.real(282),
        y_resolution=values.real(283),
        unit=one(296, 2),
        subfile=one(254, 0),
        bad_lines=values.one(326),
        clean_data=values.one(327),
        bad_run=values.one(328),
    )
