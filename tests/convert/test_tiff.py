"""The directory reader: every layout, every kind of value, and nothing that a file says is believed."""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from nexefax.errors import DocumentError, TiffError
from nexefax.fax.convert import tiff
from nexefax.fax.convert.tiff import (
    Resolution,
    TiffPage,
    count_pages,
    named_resolution,
    read_directories,
    survey,
)
from nexefax.fax.convert.tiff_tags import MAX_TAGS
from tests.convert.fax_pages import FINE, STANDARD, Page, write_tiff

PAGE = Page(1728, 16, [b"\xff\xff\x00\x10\x01"], FINE)


def one(path: Path, **tags: object) -> TiffPage:
    """The first page of a TIFF with these tags (``t282=(5, (204, 1))``)."""
    given_tags = {int(name[1:]): value for name, value in tags.items()}
    write_tiff(path, [Page(1728, 16, [b"data"], given_tags)])  # type: ignore[arg-type]  # wrong ones are the point
    return survey(path).pages[0]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_every_layout_reads_alike(tmp_path: Path, order: str, big: bool) -> None:
    extra = FINE | {
        266: (3, (2,)),
        274: (3, (6,)),
        292: (4, (5,)),
        254: (4, (2,)),
        305: (2, b"Spandsp 0.0.6\0"),
        326: (4, (7,)),
        327: (3, (2,)),
        328: (4, (3,)),
    }
    pages = [Page(1728, 20, [b"one", b"two!"], extra, compression=3), PAGE, PAGE]
    path = write_tiff(tmp_path / "fax.tiff", pages, order=order, big=big)
    first, second, third = read_directories(path)
    assert (first.width, first.length, first.compression, first.photometric) == (1728, 20, 3, 0)
    assert [
        path.read_bytes()[o : o + c] for o, c in zip(first.strip_offsets, first.strip_counts, strict=True)
    ] == [
        b"one",
        b"two!",
    ]
    assert (first.fill_order, first.orientation, first.t4_options, first.subfile) == (2, 6, 5, 2)
    assert (first.bad_lines, first.clean_data, first.bad_run) == (7, 2, 3)
    assert first.software == b"Spandsp 0.0.6"
    assert first.bilevel
    assert first.data_size == 7
    assert first.resolution is Resolution.FINE
    assert (second.number, third.number) == (2, 3)
    assert second.bad_lines is None
    assert second.software == b""
    assert count_pages(path) == 3


def test_defaults_are_those_of_the_standard(tmp_path: Path) -> None:
    page = one(tmp_path / "t", t258=None, t277=None, t259=None, t262=None, t278=None)
    assert (page.bits_per_sample, page.samples, page.compression, page.photometric) == ((), 1, 1, None)
    assert (page.fill_order, page.orientation, page.unit, page.rows_per_strip) == (1, 1, 2, None)
    assert page.bilevel
    assert page.dots_per_inch is None
    assert page.resolution is None


@pytest.mark.parametrize(
    ("kind", "values", "across"),
    [
        (5, (2040, 10), 204.0),
        (11, (204.0,), 204.0),
        (12, (204.0,), 204.0),
        (3, (204,), 204),
        (5, (204, 0), None),
        (10, (-204, 1), None),
        (11, (float("nan"),), None),
        (11, (float("inf"),), None),
        (2, b"204", None),
        (5, (204, 1, 204, 1), None),
    ],
)
def test_resolutions_of_any_type(
    tmp_path: Path, kind: int, values: tuple[float, ...] | bytes, across: float | None
) -> None:
    assert one(tmp_path / "t", t282=(kind, values)).x_resolution == across


def test_dots_per_inch_follow_the_unit(tmp_path: Path) -> None:
    tags = {"t282": (5, (8032, 100)), "t283": (5, (7717, 100))}
    metric = one(tmp_path / "t", t296=(3, (3,)), **tags)
    assert metric.dots_per_inch == pytest.approx((204.01, 196.01), abs=0.1)
    assert metric.resolution is Resolution.FINE
    assert one(tmp_path / "t", t296=(3, (1,)), **tags).dots_per_inch is None
    assert one(tmp_path / "t", t296=(3, (2,)), **tags).resolution is None


def test_resolutions_have_names() -> None:
    assert [known.words for known in Resolution] == [
        "standard (204x98)",
        "fine (204x196)",
        "superfine (204x391)",
    ]
    assert named_resolution(203.2, 98.0) is Resolution.STANDARD
    assert named_resolution(204, 392) is Resolution.SUPERFINE
    assert named_resolution(200, 200) is None
    assert (Resolution.FINE.across, Resolution.FINE.down) == (204, 196)


@pytest.mark.parametrize(
    "tags",
    [
        {"t256": (4, (5, 6))},
        {"t256": (9, (-5,))},
        {"t256": (5, (17, 2))},
        {"t256": (2, b"1728")},
        {"t256": (77, b"1728")},
        {"t256": None},
    ],
)
def test_a_width_that_is_none(tmp_path: Path, tags: dict[str, object]) -> None:
    assert one(tmp_path / "t", **tags).width == 0


def test_values_beyond_the_file_are_missing(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "t", [Page(1728, 16, [b"data"], FINE)])
    raw = bytearray(path.read_bytes())
    where = raw.index(struct.pack("<HHI", 282, 5, 1)) + 8
    raw[where : where + 4] = struct.pack("<I", 0xFFFFFFF0)
    path.write_bytes(raw)
    page = survey(path).pages[0]
    assert page.x_resolution is None
    assert page.y_resolution == 196


def test_the_first_of_doubled_tags_counts(tmp_path: Path) -> None:
    entry = struct.pack("<HHII", 256, 4, 1, 1728) + struct.pack("<HHII", 256, 4, 1, 99)
    path = tmp_path / "t"
    path.write_bytes(struct.pack("<2sHIH", b"II", 42, 8, 2) + entry + bytes(4))
    assert survey(path).pages[0].width == 1728


def test_tiles_are_told_from_strips(tmp_path: Path) -> None:
    page = one(tmp_path / "t", t273=None, t279=None, t324=(4, (8, 9)), t325=(4, (1, 2)))
    assert page.tiled
    assert (page.strip_offsets, page.strip_counts) == ((8, 9), (1, 2))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"II",
        b"II*\0",
        b"II*\0\0\0\0\0",
        b"MM\0*\xff\xff\xff\xff",
        b"II+\0\x08\0\0\0",
        b"%PDF-1.4\n%%EOF",
        b"<html>",
        b"II*\0\x08\0\0\0\0\0",
        b"II*\0\x08\0\0\0\xff\xff",
        b"II*\0\x08\0\0\0\x05\0abc",
    ],
)
def test_no_page_at_all(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "t"
    path.write_bytes(content)
    with pytest.raises(TiffError):
        survey(path)
    with pytest.raises(DocumentError):
        read_directories(path)
    assert count_pages(path) == 0


def test_a_loop_ends(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "t", [PAGE, PAGE], after_last=14)
    first = struct.unpack("<I", path.read_bytes()[4:8])[0]
    write_tiff(path, [PAGE, PAGE], after_last=first)
    found = survey(path)
    assert len(found.pages) == 2
    assert found.fault == "its chain of pages runs in a circle after page 2"
    assert count_pages(path) == 2
    with pytest.raises(TiffError, match="circle"):
        read_directories(path)


def test_a_chain_that_leads_nowhere(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "t", [PAGE], after_last=1 << 30)
    found = survey(path)
    assert len(found.pages) == 1
    assert found.fault == "the directory of page 2 can't be read"
    assert count_pages(path) == 1


def test_a_file_cut_off_in_its_last_link_is_whole(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "t", [PAGE])
    path.write_bytes(path.read_bytes()[:-2])
    assert len(read_directories(path)) == 1


def test_pages_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiff, "MAX_PAGES", 3)
    path = write_tiff(tmp_path / "t", [PAGE] * 5)
    found = survey(path)
    assert len(found.pages) == 3
    assert found.fault == "it has more than 3 pages"
    assert count_pages(path) == 3


def test_strips_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiff, "MAX_STRIPS", 10)
    many = Page(1728, 16, [b"xx"] * 4, STANDARD)
    path = write_tiff(tmp_path / "t", [many, many])
    first, second = survey(path).pages
    assert len(first.strip_offsets) == len(first.strip_counts) == 4
    assert second.strip_offsets == second.strip_counts == ()


def test_too_many_tags_are_no_directory(tmp_path: Path) -> None:
    path = tmp_path / "t"
    count = MAX_TAGS + 1
    path.write_bytes(struct.pack("<2sHIH", b"II", 42, 8, count) + bytes(12 * count + 4))
    with pytest.raises(TiffError):
        survey(path)


def test_a_directory_of_files_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        survey(tmp_path)
    with pytest.raises(FileNotFoundError):
        count_pages(tmp_path / "none")


def test_a_long_fax_is_read_whatever_the_windows(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "t", [Page(1728, 16, [b"x" * 9_001], FINE) for _ in range(117)])
    assert [page.number for page in read_directories(path)] == list(range(1, 118))
    assert count_pages(path) == 117


def test_what_pillow_writes(tmp_path: Path) -> None:
    path = tmp_path / "t"
    Image.new("1", (1728, 40), 1).save(path, "TIFF", compression="group4", dpi=(204, 98))
    (page,) = read_directories(path)
    assert (page.width, page.length, page.compression) == (1728, 40, 4)
    assert page.resolution is Resolution.STANDARD


SEED = [Page(1728, 16, [b"abcd", b"efgh"], FINE | {305: (2, b"x\0"), 326: (4, (1,))}), PAGE]


@given(st.data())
@example(None)
def test_nothing_but_the_documented_errors(data: st.DataObject | None) -> None:
    """Files that are almost TIFFs: changed, cut, of every layout."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "t")
        if data is None:
            path.write_bytes(b"")
        else:
            order, big = data.draw(st.sampled_from("<>")), data.draw(st.booleans())
            raw = bytearray(write_tiff(path, SEED, order=order, big=big).read_bytes())
            for _ in range(data.draw(st.integers(0, 6))):
                place = data.draw(st.integers(0, len(raw) - 1))
                patch = data.draw(st.binary(min_size=1, max_size=8))
                raw[place : place + len(patch)] = patch
            path.write_bytes(raw[: data.draw(st.integers(0, len(raw)))])
        try:
            found = survey(path)
        except TiffError:
            return
        assert found.pages
        assert count_pages(path) == len(found.pages)
        for page in found.pages:
            assert page.width >= 0
            assert isinstance(page.resolution, Resolution | None)
            assert page.data_size == sum(page.strip_counts)


@given(st.binary(max_size=400))
def test_any_bytes_after_a_header(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for head in (b"II*\0\x08\0\0\0", b"MM\0+\0\x08\0\0\0\0\0\0\0\0\0\x10"):
            path = Path(folder, "t")
            path.write_bytes(head + content)
            count_pages(path)
            try:
                survey(path)
            except TiffError:
                continue
