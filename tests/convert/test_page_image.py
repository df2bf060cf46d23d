"""Pages of a fax as pictures for the web page: proportions as on paper, whatever the resolution."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from PIL import Image

from nexefax.errors import ChildFailed, TiffError
from nexefax.fax.convert import page_png
from nexefax.fax.convert.page_image import LONGEST
from tests.convert.fax_pages import FINE, STANDARD, drawing, fax, t6, write_tiff


async def shown(tiff: Path, page: int, width: int, folder: Path) -> Image.Image:
    png = folder / "page.png"
    await page_png(tiff, page, png, width=width, tmp_dir=folder)
    with Image.open(png) as picture:
        assert picture.format == "PNG"
        picture.load()
    png.unlink()
    return picture.convert("L")


@pytest.mark.parametrize(("tags", "rows"), [(FINE, 2292), (STANDARD, 1146)])
async def test_pixels_are_square(
    tmp_path: Path, tags: dict[int, tuple[int, tuple[int, ...]]], rows: int
) -> None:
    tiff = write_tiff(tmp_path / "fax.tif", [fax(drawing(1728, rows, seed=2), tags=tags)])
    picture = await shown(tiff, 1, 700, tmp_path)
    assert picture.width == 700
    assert picture.height == pytest.approx(700 * (2292 / 196) / (1728 / 204), abs=1)
    assert picture.histogram()[0] > 0
    assert [path.name for path in tmp_path.iterdir()] == ["fax.tif"]


async def test_the_page_that_was_asked_for(tmp_path: Path) -> None:
    pages = [drawing(1728, 600, ink=False), drawing(1728, 800, seed=5), drawing(1728, 600, ink=False)]
    tiff = write_tiff(tmp_path / "fax.tif", [fax(page) for page in pages])
    white = [(await shown(tiff, number, 300, tmp_path)).getextrema() == (255, 255) for number in (1, 2, 3)]
    assert white == [True, False, True]


@pytest.mark.parametrize("page", [-1, 0, 2, 99])
async def test_a_page_that_is_not_there(tmp_path: Path, page: int) -> None:
    tiff = write_tiff(tmp_path / "fax.tif", [fax(drawing(1728, 500, seed=1))])
    with pytest.raises(TiffError, match=f"no page {page}"):
        await page_png(tiff, page, tmp_path / "page.png", width=300, tmp_dir=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["fax.tif"]


async def test_resolutions_that_cannot_be_and_endless_pages(tmp_path: Path) -> None:
    odd = {282: (5, (1, 1)), 283: (5, (60000, 1)), 296: (3, (2,))}
    tiff = write_tiff(tmp_path / "fax.tif", [fax(drawing(1728, 2156, seed=4), tags=odd)])
    assert 700 < (await shown(tiff, 1, 612, tmp_path)).height < 900


@pytest.mark.parametrize("order", [1, 2])
async def test_pages_longer_than_imagemagick_takes(tmp_path: Path, order: int) -> None:
    page = drawing(1728, LONGEST + 1000, ink=False)
    page.paste(0, (0, 0, 864, (LONGEST + 1000) // 2))
    data = t6(page)
    if order == 2:
        data = bytes(int(f"{byte:08b}"[::-1], 2) for byte in data)
    tiff = write_tiff(tmp_path / "long.tif", [fax(page, data, tags=FINE | {266: (3, (order,))})])
    picture = await shown(tiff, 1, 400, tmp_path)
    assert picture.height == pytest.approx(400 * (17_000 / 196) / (1728 / 204), abs=1)
    box = picture.point(lambda grey: 255 * (grey < 128)).getbbox()
    assert box == pytest.approx((0, 0, 200, picture.height / 2), abs=2)


async def test_a_long_page_that_is_no_fax(tmp_path: Path) -> None:
    narrow = write_tiff(tmp_path / "long.tif", [fax(drawing(16, LONGEST + 1, ink=False))])
    with pytest.raises(ChildFailed):
        await page_png(narrow, 1, tmp_path / "page.png", width=100, tmp_dir=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["long.tif"]


@pytest.mark.parametrize("rows", [500, LONGEST + 500])
async def test_a_page_in_its_own_pixels(tmp_path: Path, rows: int) -> None:
    page = drawing(1728, rows, ink=False)
    page.paste(
        drawing(1728, 400, seed=3), (0, rows - 400)
    )  # dense all over, such a length would take half a minute
    tiff = write_tiff(tmp_path / "fax.tif", [fax(drawing(1728, 300)), fax(page, tags=STANDARD)])
    png = tmp_path / "page.png"
    await page_png(tiff, 2, png, width=None, tmp_dir=tmp_path)
    with Image.open(png) as picture:
        assert picture.mode == "1"
        assert picture.size == (1728, rows)
        assert picture.convert("L").tobytes() == page.convert("L").tobytes()


@pytest.mark.parametrize("coding", ["g3:1d", "g3:2d", "g4"])
@pytest.mark.parametrize("order", ["lsb2msb", "msb2lsb"])
async def test_a_received_page_in_its_own_pixels(tmp_path: Path, coding: str, order: str) -> None:
    """spandsp writes T.4 with the least significant bit first."""
    page = drawing(1728, 700, seed=6)
    made = write_tiff(tmp_path / "made.tif", [fax(page)])
    tiff, png = tmp_path / "fax.tif", tmp_path / "page.png"
    subprocess.run(["tiffcp", "-f", order, "-c", coding, made, tiff], check=True)
    await page_png(tiff, 1, png, width=None, tmp_dir=tmp_path)
    with Image.open(png) as picture:
        assert picture.convert("L").tobytes() == page.convert("L").tobytes()
