"""The rest of a fax: its pages bit for bit, under a line that says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageOps

from nexefax.errors import SpoolError
from nexefax.fax.convert.coding import FLIPPED
from nexefax.fax.convert.continued import write_continuation
from nexefax.fax.convert.faxtiff import Strip, strips_of, write_fax
from nexefax.fax.convert.tiff import Resolution
from tests.convert.fax_pages import T6_END, lines_of, packed, t6_bits

TEXT = "continued: page 2 of 3"
ROWS = {Resolution.STANDARD: 26, Resolution.FINE: 52, Resolution.SUPERFINE: 104}


def page(number: int, *, blank: bool = False) -> Image.Image:
    picture = Image.new("1", (1728, 500 + number), 1)
    if not blank:
        noise = Image.effect_noise((300, 100), 90).resize((900, 300)).point(lambda grey: 255 * (grey > 128))
        picture.paste(noise.convert("1"), (0, 0))  # black from the first row on
        picture.paste(0, (1700, 0, 1728, 500 + number))
    return picture


def fax(folder: Path, pages: list[Image.Image], resolution: Resolution, fill_order: int = 1) -> Path:
    strips = []
    for number, picture in enumerate(pages):
        data = packed("".join(t6_bits(lines_of(picture), 1728)) + T6_END)
        single = folder / str(number)
        single.write_bytes(data.translate(FLIPPED) if fill_order == 2 else data)
        strips.append(Strip(single, 0, len(data), picture.height, fill_order, resolution))
    path = folder / "fax.tiff"
    write_fax(path, strips)
    return path


def read(path: Path) -> list[Image.Image]:
    with Image.open(path) as tiff:
        pages = []
        for number in range(getattr(tiff, "n_frames", 1)):
            tiff.seek(number)
            pages.append(tiff.convert("1"))
        return pages


@pytest.mark.parametrize("resolution", Resolution)
@pytest.mark.parametrize("fill_order", [1, 2])
def test_pages_are_taken_over_under_the_line(tmp_path: Path, resolution: Resolution, fill_order: int) -> None:
    pages = [page(1), page(2), page(3)]
    whole = fax(tmp_path, pages, resolution, fill_order)
    rest = tmp_path / "2.tiff"
    write_continuation(whole, rest, first_page=2, text=TEXT)
    first, second = read(rest)
    rows = ROWS[resolution]
    assert first.size == (1728, 502 + rows)
    below = first.crop((0, rows, 1728, 502 + rows))
    assert below.tobytes() == pages[1].tobytes()
    assert second.tobytes() == pages[2].tobytes()
    line = ImageOps.invert(first.crop((0, 0, 1728, rows)).convert("L")).getbbox()
    assert line is not None
    left, top, right, bottom = line
    assert (left, right) == (102, 102 + len(TEXT) * 24 - 4)  # a dot of white after the last glyph
    assert 0 < top < bottom < rows
    assert {strip.resolution for strip in strips_of(rest)} == {resolution}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1", "2", "2.tiff", "fax.tiff"]


def test_the_line_can_be_read(tmp_path: Path) -> None:
    """Each letter as it is drawn, so that a slip in a table of dots is seen."""
    whole = fax(tmp_path, [page(1), page(2, blank=True)], Resolution.STANDARD)
    rest = tmp_path / "2.tiff"
    write_continuation(whole, rest, first_page=2, text="continued: page 2 of 13")
    (first,) = read(rest)
    dots = first.crop((102, 0, 102 + 23 * 24, 26)).resize((23 * 6, 13), Image.Resampling.NEAREST)
    drawn = [
        "".join(".#"[not dots.getpixel((x, y))] for x in range(dots.width)).rstrip(".") for y in range(13)
    ]
    assert drawn == (Path(__file__).parent / "continued.txt").read_text().splitlines()


def test_a_blank_page_and_the_last_one(tmp_path: Path) -> None:
    whole = fax(tmp_path, [page(1), page(2, blank=True)], Resolution.FINE)
    rest = tmp_path / "2.tiff"
    write_continuation(whole, rest, first_page=2, text="")
    (first,) = read(rest)
    assert first.size == (1728, 502 + 52)
    assert ImageOps.invert(first.convert("L")).getbbox() is None


@pytest.mark.parametrize("first_page", [3, 9])
def test_a_page_that_is_not_there(tmp_path: Path, first_page: int) -> None:
    whole = fax(tmp_path, [page(1), page(2)], Resolution.FINE)
    with pytest.raises(SpoolError, match=f"it has no page {first_page}"):
        write_continuation(whole, tmp_path / "3.tiff", first_page=first_page, text=TEXT)
    assert not (tmp_path / "3.tiff").exists()


def test_what_is_no_fax_of_ours(tmp_path: Path) -> None:
    (tmp_path / "fax.tiff").write_bytes(b"II*")
    with pytest.raises(SpoolError, match="can't be sent"):
        write_continuation(tmp_path / "fax.tiff", tmp_path / "2.tiff", first_page=1, text=TEXT)


def test_a_strip_says_what_it_is(tmp_path: Path) -> None:
    whole = fax(tmp_path, [page(1), page(2)], Resolution.FINE)
    write_continuation(whole, tmp_path / "2.tiff", first_page=1, text=TEXT)
    strips = strips_of(tmp_path / "2.tiff")
    assert [strip.fill_order for strip in strips] == [1, 1]
