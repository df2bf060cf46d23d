"""Sound faxes of every kind: the PDF has every pixel, on pages of the right size."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image, TiffImagePlugin

from nexefax import process
from nexefax.errors import ChildMissing
from nexefax.fax.convert import PdfInfo, Received, to_pdf
from nexefax.fax.convert.coding import FLIPPED
from tests.convert.fax_pages import FINE, STANDARD, Page, drawing, fax, huffman, t4, t6, write_tiff
from tests.convert.pdf_pages import pictures, same, sizes, tool

INFO = PdfInfo("Fax from 12025550100", datetime(2026, 11, 22, 20, 9, tzinfo=UTC), "Müller & Söhne", "ACME")
SPANDSP = {305: (2, b"Spandsp 20140525\0"), 266: (3, (2,))}
IMAGE = drawing(1728, 220)


async def converted(tiff: Path, **options: float) -> Received:
    """A received fax as a PDF beside it, all scratch gone."""
    scratch = tiff.with_name("scratch")
    scratch.mkdir()
    try:
        return await to_pdf(tiff, tiff.with_suffix(".pdf"), info=INFO, tmp_dir=scratch, **options)
    finally:
        assert list(scratch.iterdir()) == []
        scratch.rmdir()


async def lossless(tiff: Path, images: Sequence[Image.Image]) -> Received:
    """Convert a TIFF of which nothing may get lost, and compare it."""
    found = await converted(tiff)
    assert found.outcome == "lossless"
    assert found.pages == len(images)
    assert found.damaged == {}
    assert not found.tiff_wanted
    assert found.pdf == tiff.with_suffix(".pdf")
    shown = pictures(found.pdf)
    assert len(shown) == len(images)
    for number, (one, other) in enumerate(zip(shown, images, strict=True), 1):
        assert same(one, other), f"page {number} differs"
    return found


@pytest.mark.parametrize(
    ("tags", "resolution", "points"),
    [
        (STANDARD, "standard (204x98)", 220 / 98 * 72),
        (FINE, "fine (204x196)", 220 / 196 * 72),
        (FINE | {283: (5, (391, 1))}, "superfine (204x391)", 220 / 391 * 72),
        (FINE | {282: (5, (200, 1)), 283: (5, (200, 1))}, "200x200 dpi", None),
    ],
)
async def test_resolutions(
    tmp_path: Path, tags: dict[int, object], resolution: str, points: float | None
) -> None:
    found = await lossless(write_tiff(tmp_path / "fax.tiff", [fax(IMAGE, tags=tags)]), [IMAGE])
    assert found.resolution == resolution
    assert found.notes == ()
    if points:
        assert sizes(tmp_path / "fax.pdf") == [pytest.approx((609.88, points), abs=0.01)]


CODED = {
    "t4": (3, t4(IMAGE), {}),
    "t4-2d": (3, t4(IMAGE, every=4), {292: (4, (1,))}),
    "t6": (4, t6(IMAGE), {}),
    "huffman": (2, huffman(IMAGE), {}),
    "words": (32771, huffman(IMAGE, apart=16), {}),
}


@pytest.mark.parametrize("coding", CODED)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
async def test_codings_byte_orders_and_bigtiff(tmp_path: Path, coding: str, order: str, big: bool) -> None:
    compression, data, tags = CODED[coding]
    pages = [
        fax(IMAGE, data, tags=tags, compression=compression),
        fax(IMAGE, data.translate(FLIPPED), tags=tags | {266: (3, (2,))}, compression=compression),
    ]
    await lossless(write_tiff(tmp_path / "fax.tiff", pages, order=order, big=big), [IMAGE, IMAGE])


@pytest.mark.parametrize(
    "compression",
    ["raw", "group3", "group4", "tiff_ccitt", "tiff_lzw", "tiff_deflate", "tiff_adobe_deflate", "packbits"],
)
async def test_what_others_write(tmp_path: Path, compression: str) -> None:
    path = tmp_path / "fax.tiff"
    IMAGE.save(path, "TIFF", compression=compression, dpi=(204, 196))
    found = await lossless(path, [IMAGE])
    assert found.resolution == "fine (204x196)"


async def test_strips_of_any_height(tmp_path: Path) -> None:
    parts = [IMAGE.crop((0, top, 1728, min(top + 37, 220))) for top in range(0, 220, 37)]
    striped = Page(1728, 220, [t6(part) for part in parts], FINE | {278: (4, (37,))})
    endless = Page(1728, 220, [t6(IMAGE)], FINE | {278: (4, (0xFFFFFFFF,))})
    unsaid = Page(1728, 220, [t6(IMAGE)], FINE | {278: None})
    await lossless(write_tiff(tmp_path / "fax.tiff", [striped, endless, unsaid]), [IMAGE] * 3)


async def test_missing_byte_counts_are_derived(tmp_path: Path) -> None:
    parts = [IMAGE.crop((0, top, 1728, top + 110)) for top in (0, 110)]
    two = Page(1728, 220, [t6(part) for part in parts], FINE | {278: (4, (110,)), 279: None})
    one = Page(1728, 220, [t6(IMAGE)], FINE | {279: None})
    await lossless(write_tiff(tmp_path / "fax.tiff", [one, two, one]), [IMAGE] * 3)


async def test_tiles(tmp_path: Path) -> None:
    tool("tiffcp", "-t", "-w", "256", "-l", "64", "-c", "g4", _plain(tmp_path), tmp_path / "fax.tiff")
    await lossless(tmp_path / "fax.tiff", [IMAGE])


def _plain(tmp_path: Path) -> Path:
    path = tmp_path / "plain.tif"
    IMAGE.save(path, "TIFF", compression="group4", dpi=(204, 196))
    return path


async def test_black_may_be_zero_or_one(tmp_path: Path) -> None:
    plain = fax(IMAGE, t4(IMAGE), compression=3)
    pages = [plain, fax(IMAGE, tags={262: (3, (1,))}), fax(IMAGE, tags={262: None})]
    negative = IMAGE.point(lambda value: 255 - value)
    found = await lossless(write_tiff(tmp_path / "fax.tiff", pages), [IMAGE, negative, IMAGE])
    assert found.notes == (
        "Almost all of page 2 is black: perhaps it came as a negative; nothing was changed",
    )


async def test_a_bright_page_with_black_as_zero_is_nothing_special(tmp_path: Path) -> None:
    negative = IMAGE.point(lambda value: 255 - value)
    path = write_tiff(tmp_path / "fax.tiff", [fax(IMAGE, t6(negative), tags={262: (3, (1,))})])
    assert (await lossless(path, [IMAGE])).notes == ()


@pytest.mark.parametrize("orientation", [3, 6, 8])
async def test_turned_pages(tmp_path: Path, orientation: int) -> None:
    path = write_tiff(tmp_path / "fax.tiff", [fax(IMAGE, tags={274: (3, (orientation,))})])
    await lossless(path, [IMAGE])
    across, down = sizes(tmp_path / "fax.pdf")[0]
    upright = (609.88, 80.82) if orientation == 3 else (80.82, 609.88)
    assert (across, down) == pytest.approx(upright, abs=0.01)


async def test_pages_of_different_kinds_keep_their_order_and_size(tmp_path: Path) -> None:
    small = drawing(400, 90, seed=3)
    pages = [
        fax(IMAGE, tags={297: (3, (7, 0))}),
        fax(small, tags=STANDARD | {297: (3, (3, 0))}),
        fax(IMAGE, t4(IMAGE), tags=STANDARD | {297: (3, (5, 1))}, compression=3),
        fax(small, tags={282: (5, (100, 1)), 283: (5, (100, 1)), 297: (3, (0, 0))}),
    ]
    found = await lossless(write_tiff(tmp_path / "fax.tiff", pages), [IMAGE, small, IMAGE, small])
    assert found.resolution == "standard (204x98), fine (204x196), 100x100 dpi"
    assert [round(down) for _, down in sizes(tmp_path / "fax.pdf")] == [81, 66, 162, 65]


async def test_many_pages(tmp_path: Path) -> None:
    images = [drawing(1728, 40, seed=seed) for seed in range(11)] * 10
    path = write_tiff(tmp_path / "fax.tiff", [fax(image) for image in images])
    await lossless(path, images)


async def test_pages_that_share_a_strip(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "fax.tiff", [fax(IMAGE)])
    raw = bytearray(path.read_bytes())
    start = int.from_bytes(raw[4:8], "little")
    directory = bytes(raw[start:-4])
    for _ in range(39):  # each directory is the first once more
        raw[-4:] = len(raw).to_bytes(4, "little")
        raw += directory + bytes(4)
    path.write_bytes(raw)
    await lossless(path, [IMAGE] * 40)


async def test_three_metres(tmp_path: Path) -> None:
    image = Image.new("1", (1728, 23_150), 255)
    image.paste(IMAGE, (0, 22_900))
    image.save(tmp_path / "fax.tiff", "TIFF", compression="group3", dpi=(204, 196))
    await lossless(tmp_path / "fax.tiff", [image])
    assert sizes(tmp_path / "fax.pdf")[0][1] == pytest.approx(8504, abs=1)


async def test_blank_pages_and_noise_are_delivered(tmp_path: Path) -> None:
    blank = Image.new("1", (1728, 220), 255)
    noise = Image.effect_noise((400, 60), 200).convert("1", dither=Image.Dither.NONE)
    path = write_tiff(tmp_path / "fax.tiff", [fax(IMAGE), fax(noise), fax(blank), fax(blank)])
    await lossless(path, [IMAGE, noise, blank, blank])


async def test_grey_and_colour(tmp_path: Path) -> None:
    grey = Image.linear_gradient("L").resize((300, 200))
    colour = Image.merge(
        "RGB", [grey, grey.transpose(Image.Transpose.ROTATE_180), grey.point(lambda v: v // 2)]
    )
    bilevel = drawing(300, 200)
    palette = bilevel.convert("P")
    path = tmp_path / "fax.tiff"
    grey.save(path, "TIFF", save_all=True, append_images=[colour, bilevel, palette], dpi=(100, 100))
    await lossless(path, [grey, colour, bilevel, bilevel])


async def test_colours_that_nobody_named(tmp_path: Path) -> None:
    grey = Image.linear_gradient("L").resize((30, 20))
    colour = Image.merge("RGB", [grey, grey.transpose(Image.Transpose.ROTATE_180), grey])
    pages = [
        Page(30, 20, [grey.tobytes()], {258: (3, (8,)), 262: None}, compression=1),
        Page(30, 20, [colour.tobytes()], {258: (3, (8, 8, 8)), 277: (3, (3,)), 262: None}, compression=1),
    ]
    await lossless(write_tiff(tmp_path / "fax.tiff", pages), [grey, colour])


async def test_a_jpeg_page_is_shown(tmp_path: Path) -> None:
    colour = Image.linear_gradient("L").convert("RGB")
    path = tmp_path / "fax.tiff"
    colour.save(path, "TIFF", compression="jpeg", dpi=(100, 100))
    found = await converted(path)
    assert found.outcome == "lossless"
    (shown,) = pictures(tmp_path / "fax.pdf")
    assert shown.size == (256, 256)


async def test_ccitt_data_with_tags_of_colour_is_black_and_white(tmp_path: Path) -> None:
    page = fax(IMAGE, tags={258: (3, (8, 8, 8)), 277: (3, (3,)), 262: (3, (2,))})
    await lossless(write_tiff(tmp_path / "fax.tiff", [page]), [IMAGE])


@pytest.mark.parametrize("flipped", [False, True])
async def test_what_spandsp_wrote_goes_straight_into_the_pdf(
    tmp_path: Path, flipped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No child is started for it: there are none."""
    monkeypatch.setattr(process, "PROGRAM_PATH", str(tmp_path))
    data = t6(IMAGE).translate(FLIPPED) if flipped else t6(IMAGE)
    tags = SPANDSP | {266: (3, (1 + flipped,))}
    path = write_tiff(tmp_path / "fax.tiff", [fax(IMAGE, data, tags=tags)] * 3)
    found = await lossless(path, [IMAGE] * 3)
    assert found.notes == ()


@pytest.mark.parametrize(
    "page",
    [
        fax(IMAGE, tags=SPANDSP | {305: (2, b"Other\0")}),
        fax(IMAGE, t4(IMAGE).translate(FLIPPED), tags=SPANDSP, compression=3),
        fax(IMAGE, t6(IMAGE).translate(FLIPPED)[:-3], tags=SPANDSP),
        fax(
            IMAGE, t6(IMAGE).translate(FLIPPED)[:900] + bytes(8) + t6(IMAGE).translate(FLIPPED), tags=SPANDSP
        ),
        fax(IMAGE, b"", tags=SPANDSP),
        fax(IMAGE, b"\0\0", tags=SPANDSP),
        fax(IMAGE, t6(IMAGE).translate(FLIPPED), tags=SPANDSP | {279: (4, (99_999,))}),
        fax(IMAGE, t6(IMAGE).translate(FLIPPED), tags=SPANDSP | {262: (3, (1,))}),
        fax(IMAGE, t6(IMAGE).translate(FLIPPED), tags=SPANDSP | {278: (4, (10,))}),
        fax(IMAGE, t6(IMAGE).translate(FLIPPED), tags=SPANDSP | {257: (4, (1 << 30,))}),
    ],
)
async def test_all_else_is_decoded(tmp_path: Path, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what only calls itself spandsp's: then a child is wanted, and missing."""
    monkeypatch.setattr(process, "PROGRAM_PATH", str(tmp_path))
    path = write_tiff(tmp_path / "fax.tiff", [page])
    if page.tags.get(257):
        assert (await converted(path)).outcome == "unreadable"
        return
    with pytest.raises(ChildMissing, match="libtiff-tools"):
        await converted(path)
    assert not (tmp_path / "fax.pdf").exists()


async def test_the_senders_texts_stay_out(tmp_path: Path) -> None:
    texts = dict.fromkeys((269, 270, 271, 272, 305, 315, 316), (2, b"INJECTED $(id)\nBcc: x@example.com\x00"))
    path = write_tiff(
        tmp_path / "fax.tiff", [fax(IMAGE, tags=texts), fax(IMAGE, tags=SPANDSP | {270: texts[270]})]
    )
    assert (await converted(path)).pages == 2
    raw = (tmp_path / "fax.pdf").read_bytes()
    assert b"INJECTED" not in raw
    assert b"494E4A45" not in raw.upper()
    said = tool("pdfinfo", "-enc", "UTF-8", "-rawdates", tmp_path / "fax.pdf")
    assert "Title:           Fax from 12025550100\n" in said
    assert "Author:          Müller & Söhne\n" in said
    assert "Subject:         ACME\n" in said
    assert "D:20261122200900+00'00'" in said


async def test_the_pdf_replaces_what_is_there_and_others_may_not_read_it(tmp_path: Path) -> None:
    (tmp_path / "fax.pdf").write_bytes(b"half of a PDF from before the power cut")
    await lossless(write_tiff(tmp_path / "fax.tiff", [fax(IMAGE)]), [IMAGE])
    assert (tmp_path / "fax.pdf").stat().st_mode & 0o007 == 0
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


async def test_a_relative_path_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_tiff(tmp_path / "fax.tiff", [fax(IMAGE)])
    found = await to_pdf(Path("fax.tiff"), Path("fax.pdf"), info=INFO, tmp_dir=tmp_path)
    assert found.outcome == "lossless"
    assert same(pictures(tmp_path / "fax.pdf")[0], IMAGE)


async def test_what_pillow_says_a_fax_is(tmp_path: Path) -> None:
    """The written tags are read by an independent reader as they were meant, so the tests' TIFFs are sound."""
    path = write_tiff(tmp_path / "fax.tiff", [fax(IMAGE)])
    with Image.open(path) as opened:
        assert isinstance(opened, TiffImagePlugin.TiffImageFile)
        assert opened.info["dpi"] == (204, 196)
        assert same(opened, IMAGE)
