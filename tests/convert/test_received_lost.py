"""Faxes whose chain of pages is broken: the pages are found nevertheless."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexefax.errors import TiffError
from nexefax.fax.convert import lost_pages
from nexefax.fax.convert.coding import FLIPPED
from nexefax.fax.convert.lost_pages import recover
from nexefax.fax.convert.tiff import Survey, survey
from tests.convert.fax_pages import FINE, STANDARD, Page, drawing, fax, t4, t6, write_tiff
from tests.convert.pdf_pages import pictures, same
from tests.convert.test_received_lossless import converted

IMAGES = [drawing(1728, 120, seed=seed) for seed in range(5)]
PAGES = [fax(image, tags=STANDARD) for image in IMAGES]


def hurt(path: Path, where: int, patch: bytes) -> Path:
    raw = bytearray(path.read_bytes())
    raw[where : where + len(patch)] = patch
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize("order", ["<", ">"])
async def test_a_broken_link_in_the_middle(tmp_path: Path, order: str) -> None:
    path = write_tiff(tmp_path / "fax.tiff", PAGES, order=order)
    second = survey(path).pages[1]
    count = struct.unpack(order + "H", path.read_bytes()[second.offset : second.offset + 2])[0]
    hurt(path, second.offset + 2 + 12 * count, b"\x7f\xff\xff\x7f")
    found = await converted(path)
    assert found.outcome == "repaired"
    assert found.notes == (
        "The fax file is damaged: the directory of page 3 can't be read; 3 pages were found in it all the same",
    )
    assert found.tiff_wanted
    assert all(same(one, other) for one, other in zip(pictures(tmp_path / "fax.pdf"), IMAGES, strict=True))


async def test_a_broken_header(tmp_path: Path) -> None:
    path = hurt(write_tiff(tmp_path / "fax.tiff", PAGES[:1]), 4, b"\0\0\0\0")
    found = await converted(path)
    assert found.notes == (
        "The fax file is damaged: its first directory can't be read; 1 page was found in it all the same",
    )
    assert found.resolution == "standard (204x98)"
    assert same(pictures(tmp_path / "fax.pdf")[0], IMAGES[0])


async def test_the_last_page_is_cut_off(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "fax.tiff", PAGES[:3])
    last = survey(path).pages[2]
    path.write_bytes(path.read_bytes()[: last.strip_offsets[0] + last.strip_counts[0] * 2 // 3])
    found = await converted(path)
    assert found.outcome == "repaired"
    assert found.pages == 3
    assert found.notes[0] == "The fax file is damaged: the directory of page 3 can't be read"
    assert found.notes[1].startswith("Page 3 is cut off: ")
    first, second, third = pictures(tmp_path / "fax.pdf")
    assert same(first, IMAGES[0])
    assert same(second, IMAGES[1])
    assert 24 < third.height < 120
    whole = third.height - 2
    assert same(third.crop((0, 0, 1728, whole)), IMAGES[2].crop((0, 0, 1728, whole)))
    assert found.resolution == "standard (204x98)"


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("coding", ["t4", "t4-2d", "t6"])
async def test_the_only_page_is_cut_off(tmp_path: Path, coding: str, flipped: bool) -> None:
    """Neither coding, nor fill order, nor length is known."""
    image = drawing(1728, 300)
    data = {"t4": t4(image), "t4-2d": t4(image, every=4), "t6": t6(image)}[coding]
    data = data.translate(FLIPPED) if flipped else data
    path = write_tiff(tmp_path / "fax.tiff", [fax(image, data)])
    path.write_bytes(path.read_bytes()[: 8 + len(data) * 2 // 3])
    found = await converted(path)
    assert found.outcome == "repaired"
    assert found.pages == 1
    (shown,) = pictures(tmp_path / "fax.pdf")
    assert 150 < shown.height < 240
    assert same(shown.crop((0, 0, 1728, 150)), image.crop((0, 0, 1728, 150)))


async def test_nothing_behind_the_last_page_is_no_page(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "fax.tiff", PAGES[:1], after_last=1 << 30)
    path.write_bytes(path.read_bytes() + bytes(range(256)) * 8)
    found = await converted(path)
    assert found.pages == 1
    assert found.notes == ("The fax file is damaged: the directory of page 2 can't be read",)


async def test_a_header_and_noise_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "fax.tiff"
    path.write_bytes(b"II*\0\xff\xff\xff\xff" + bytes(range(256)) * 4)
    found = await converted(path)
    assert found.outcome == "unreadable"
    path.write_bytes(b"II*\0\xff\xff\xff\xff" + bytes(30))
    assert recover(path, None) is None


def test_bigtiff_and_whole_chains_are_left_alone(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "big.tiff", PAGES[:2], big=True, after_last=1 << 40)
    found = survey(path)
    assert found.cut
    assert recover(path, found) is found
    looped = Survey(found.pages, "it loops")
    small = write_tiff(tmp_path / "small.tiff", PAGES[:2])
    assert recover(small, looped) is looped
    (tmp_path / "none").write_bytes(b"%PDF-1.4")
    assert recover(tmp_path / "none", None) is None


def test_directories_that_cannot_be_true_are_none(tmp_path: Path) -> None:
    broken = [
        Page(0, 120, [b"x" * 80], FINE),
        Page(1728, 0, [b"x" * 80], FINE),
        Page(1728, 120, [b"x" * 80], FINE | {279: (4, (1 << 20,))}),
        Page(1728, 120, [b"x" * 80], FINE | {273: None}),
        Page(99_999, 120, [b"x" * 80], FINE),
    ]
    path = hurt(write_tiff(tmp_path / "fax.tiff", [*broken, PAGES[0]]), 4, b"\0\0\0\0")
    found = recover(path, None)
    assert found is not None
    assert [page.width for page in found.pages if not page.carved] == [1728]
    assert found.pages[0].length == 120


def test_the_last_page_is_like_those_before_it(tmp_path: Path) -> None:
    grey = Page(30, 20, [bytes(600)], FINE | {258: (3, (8,))}, compression=1)
    for before, width in ((fax(drawing(2048, 40)), 2048), (grey, 1728)):
        path = write_tiff(tmp_path / "fax.tiff", [before], after_last=1 << 30)
        size = path.stat().st_size
        path.write_bytes(path.read_bytes() + b"x" * 100)
        found = recover(path, survey(path))
        assert found is not None
        last = found.pages[-1]
        assert (last.carved, last.width, last.length) == (True, width, 0)
        assert (last.strip_offsets, last.strip_counts) == ((size,), (100,))


def test_pages_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lost_pages, "MAX_PAGES", 3)
    path = hurt(write_tiff(tmp_path / "fax.tiff", PAGES), 4, b"\0\0\0\0")
    found = recover(path, None)
    assert found is not None
    assert len([page for page in found.pages if not page.carved]) == 3


def test_directories_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = hurt(write_tiff(tmp_path / "fax.tiff", PAGES), 4, b"\0\0\0\0")
    for block in (11, 64, 1000):
        monkeypatch.setattr(lost_pages, "_BLOCK", block)
        found = recover(path, None)
        assert found is not None
        assert [page.length for page in found.pages] == [120] * 5


@given(st.binary(max_size=300), st.integers(0, 2000), st.sampled_from("<>"))
def test_any_damage_is_survived(
    tmp_path_factory: pytest.TempPathFactory, patch: bytes, where: int, order: str
) -> None:
    path = tmp_path_factory.mktemp("lost") / "fax.tiff"
    hurt(write_tiff(path, [Page(1728, 20, [b"x" * 80], FINE)] * 3, order=order), where, patch)
    try:
        found: Survey | None = survey(path)
    except TiffError:
        found = None
    more = recover(path, found)
    if found is not None:
        assert more is not None
        assert more.pages[: len(found.pages)] == found.pages
    assert [page.number for page in more.pages] == list(range(1, len(more.pages) + 1)) if more else True
