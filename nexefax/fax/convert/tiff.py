"""The directories of a TIFF file, read in pure Python and within bounds.

TIFF 6.0 (Adobe, 1992) sections 2, 10 and 11, BigTIFF (libtiff), and TIFF-F (RFC 2306) for the tags of
fax. Only directories are read here, never image data. Nothing that a file says is believed: each number
is checked against the file's size and the caps below, so that a hostile file costs milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from nexefax.errors import TiffError
from nexefax.fax.convert.tiff_tags import Directory, Layout, Source, next_directory, tag_count

MAX_PAGES: Final = 10_000  # a fax of 10,000 pages would hold the line for two days
MAX_STRIPS: Final = 400_000  # in one file: 4,000 pages in strips of 8 KiB, and 25 MB of our memory
FAX_WIDTH: Final = 1728  # pixels of a line, ITU-T T.4 section 2: 215 mm at 8.04 per mm


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


def named_resolution(across: float, down: float) -> Resolution | None:
    """The fax resolution of so many dots per inch; T.4 allows 1 percent, and software rounds."""
    for known in Resolution:
        if abs(across - known.across) <= 2.5 and abs(down - known.down) <= known.down * 0.015:
            return known
    return None


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
    software: bytes = b""  # what wrote the file, cut to 32 bytes
    carved: bool = False  # there is no directory: the data was found, the tags are guessed (`lost_pages`)

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
        """The fax resolution that the tags name, None for any other."""
        dots = self.dots_per_inch
        return None if dots is None else named_resolution(*dots)


@dataclass(frozen=True, slots=True)
class Survey:
    """All directories that can be read, and a plain clause on what stopped the reading (or '').

    ``cut`` says that the chain goes on to a directory that is not there.
    """

    pages: tuple[TiffPage, ...]
    fault: str
    cut: bool = False


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
    with Source(path) as source:
        layout = Layout.of(source)
        pages: list[TiffPage] = []
        seen: set[int] = set()
        strips_left = MAX_STRIPS
        offset, fault, cut = layout.first, "", False
        while offset and not fault:
            if offset in seen:
                fault = f"its chain of pages runs in a circle after page {len(pages)}"
            elif len(pages) == MAX_PAGES:
                fault = f"it has more than {MAX_PAGES} pages"
            else:
                seen.add(offset)
                directory = Directory.at(source, layout, offset)
                if directory is None:
                    fault, cut = f"the directory of page {len(pages) + 1} can't be read", True
                else:
                    page = page_of(directory, number=len(pages) + 1, offset=offset, strips_left=strips_left)
                    pages.append(page)
                    strips_left -= len(page.strip_offsets) + len(page.strip_counts)
                    offset = directory.following
    if not pages:
        raise TiffError("The TIFF file has no page that can be read.")
    return Survey(tuple(pages), fault, cut)


def count_pages(path: Path) -> int:
    """Count the pages of a TIFF by its chain of directories alone; 0 when it is no TIFF or has none.

    Blocking, and about 5 microseconds a page. Counts as far as the chain goes, to `MAX_PAGES`; raises
    only `OSError`.
    """
    try:
        with Source(path) as source:
            layout = Layout.of(source)
            seen: set[int] = set()
            offset = layout.first
            while offset and offset not in seen and len(seen) < MAX_PAGES:
                tags = tag_count(source, layout, offset)
                if tags is None:
                    break
                seen.add(offset)
                offset = next_directory(source, layout, offset, tags)
            return len(seen)
    except TiffError:
        return 0


def page_of(directory: Directory, *, number: int, offset: int, strips_left: int) -> TiffPage:
    """The page that a directory describes; defaults are those of TIFF 6.0."""

    def one(tag: int, default: int) -> int:
        found = directory.one(tag)
        return default if found is None else found

    tiled = 324 in directory
    offsets = directory.several(324 if tiled else 273, strips_left)
    return TiffPage(
        number=number,
        offset=offset,
        width=one(256, 0),
        length=one(257, 0),
        bits_per_sample=directory.several(258),
        samples=one(277, 1),
        compression=one(259, 1),
        photometric=directory.one(262),
        fill_order=one(266, 1),
        t4_options=one(292, 0),
        orientation=one(274, 1),
        rows_per_strip=directory.one(278),
        strip_offsets=offsets,
        strip_counts=directory.several(325 if tiled else 279, strips_left - len(offsets)),
        tiled=tiled,
        x_resolution=directory.real(282),
        y_resolution=directory.real(283),
        unit=one(296, 2),
        subfile=one(254, 0),
        bad_lines=directory.one(326),
        clean_data=directory.one(327),
        bad_run=directory.one(328),
        software=directory.text(305, 32),
    )
