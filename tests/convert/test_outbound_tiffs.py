"""TIFFs to be faxed: a fax goes on pixel by pixel, what came damaged is told, all else is drawn like any picture."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from nexefax.errors import ChildFailed
from nexefax.fax.convert import Resolution, tiff_document
from nexefax.fax.convert.faxtiff import Strip, is_blank, strips_of, write_fax
from nexefax.fax.convert.tiff import read_directories
from tests.convert.drawn import Draw, Refuse, blank, ink, near
from tests.convert.fax_pages import FINE, STANDARD, Page, drawing, fax, huffman, t4, t6, write_tiff

IMAGE = drawing()
OTHER = drawing(1728, 240, seed=2)


@pytest.fixture
def tiff(tmp_path: Path) -> Path:
    return tmp_path.with_name(tmp_path.name + "-made")


def made(path: Path, *pages: Page, **options: object) -> bytes:
    return write_tiff(path, pages, **options).read_bytes()  # type: ignore[arg-type]  # options of write_tiff


def same(one: Image.Image, other: Image.Image) -> bool:
    return one.size == other.size and ImageChops.difference(one, other.convert("L")).getbbox() is None


SOUND = {
    "T.6": fax(IMAGE),
    "T.4": fax(IMAGE, t4(IMAGE), compression=3),
    "T.4 in two dimensions": fax(IMAGE, t4(IMAGE, every=4), compression=3, tags={292: (4, (1,))}),
    "modified Huffman": fax(IMAGE, huffman(IMAGE), compression=2),
    "strips": Page(
        1728,
        300,
        [t6(IMAGE.crop((0, 0, 1728, 150))), t6(IMAGE.crop((0, 150, 1728, 300)))],
        FINE | {278: (4, (150,))},
    ),
    "no counts": fax(IMAGE, tags={279: None}),
    "no rows per strip": fax(IMAGE, tags={278: None}),
    "tags that nobody knows": fax(IMAGE, tags={65_000: (3, (6,)), 305: (2, b"x\xff\0")}),
    "200 dots to the inch": fax(IMAGE, tags={282: (5, (200, 1)), 283: (5, (200, 1))}),
    "no resolution": fax(IMAGE, tags={282: None, 283: None}),
}


@pytest.mark.parametrize("page", SOUND.values(), ids=SOUND.keys())
async def test_a_fax_goes_on_as_it_is(draw: Draw, tiff: Path, page: Page) -> None:
    rendering, pages = await draw(made(tiff, page, fax(OTHER)))
    assert rendering.engine == "libtiff"
    assert rendering.notes == ()
    assert same(pages[0], IMAGE)
    assert same(pages[1], OTHER)


@pytest.mark.parametrize(("order", "big"), [(">", False), ("<", True), (">", True)])
async def test_a_fax_in_any_byte_order(draw: Draw, tiff: Path, order: str, *, big: bool) -> None:
    rendering, (page,) = await draw(made(tiff, fax(IMAGE), order=order, big=big))
    assert rendering.engine == "libtiff"
    assert same(page, IMAGE)


async def test_each_page_keeps_its_resolution(draw: Draw, tiff: Path, tmp_path: Path) -> None:
    superfine = {283: (5, (391, 1))}
    await draw(made(tiff, fax(IMAGE, tags=STANDARD), fax(OTHER), fax(IMAGE, tags=superfine)))
    found = [page.resolution for page in read_directories(tmp_path / "fax.tiff")]
    assert found == [Resolution.STANDARD, Resolution.FINE, Resolution.SUPERFINE]


async def test_many_pages_are_delivered_in_parts(draw: Draw, tiff: Path) -> None:
    small = drawing(1728, 24)
    rendering, pages = await draw(made(tiff, *[fax(small)] * 90))
    assert len(pages) == 90
    assert rendering.engine == "libtiff"
    assert all(same(page, small) for page in pages)


FOREIGN = {
    "wide": fax(drawing(2432, 300)),
    "on its side": fax(IMAGE, tags={274: (3, (6,))}),
    "min-is-black": fax(IMAGE, tags={262: (3, (1,))}),
}


@pytest.mark.parametrize("name", FOREIGN)
async def test_what_is_no_fax_is_drawn_anew(draw: Draw, tiff: Path, name: str) -> None:
    rendering, (page,) = await draw(made(tiff, FOREIGN[name]))
    assert rendering.engine == "magick"
    assert not blank(page)
    if name == "min-is-black":
        assert (
            ImageChops.difference(page, ImageChops.invert(IMAGE.convert("L")).resize(page.size)).getbbox()
            is None
        )
    if name == "on its side":
        assert page.height > 1000


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK", "RGBA", "1", "P"])
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
async def test_pictures_of_any_colour(draw: Draw, mode: str, compression: str) -> None:
    picture = Image.new("RGB", (600, 800), "white")
    picture.paste((20, 20, 20), (0, 0, 300, 400))
    file = io.BytesIO()
    picture.convert(mode).save(file, "TIFF", compression=compression, dpi=(100, 100))
    rendering, (page,) = await draw(file.getvalue())
    assert rendering.engine == "magick"
    margin = (1 - 600 / 100 / (1728 / 204)) / 2
    assert near(ink(page), (margin, 0, 0.5, 0.5))


async def test_a_fax_and_a_picture_in_one_file(draw: Draw, tiff: Path) -> None:
    rendering, pages = await draw(made(tiff, fax(IMAGE), fax(drawing(2432, 300))))
    assert rendering.engine == "magick"
    assert len(pages) == 2


CUT = t4(IMAGE)[: len(t4(IMAGE)) // 2]
BITTEN = t4(IMAGE)[: len(t4(IMAGE)) // 2] + t4(IMAGE)[len(t4(IMAGE)) // 2 + 30 :]


@pytest.mark.parametrize(
    ("pages", "note"),
    [
        (
            [fax(IMAGE, BITTEN, compression=3), fax(OTHER)],
            "Page 1 of the TIFF came damaged: check how it looks",
        ),
        ([fax(OTHER), fax(IMAGE, CUT, compression=3)], "Page 2 of the TIFF came damaged: check how it looks"),
        (
            [fax(IMAGE, BITTEN, compression=3), fax(IMAGE, CUT, compression=3)],
            "Pages 1 and 2 of the TIFF came damaged: check how they look",
        ),
        ([fax(IMAGE, t4(IMAGE))], "Page 1 of the TIFF came damaged: check how it looks"),
        ([fax(IMAGE, compression=3)], "Page 1 of the TIFF came damaged: check how it looks"),
    ],
)
async def test_a_fax_that_came_damaged_goes_on_as_it_can_be_read_and_is_told(
    draw: Draw, tiff: Path, pages: Sequence[Page], note: str
) -> None:
    rendering, found = await draw(made(tiff, *pages))
    assert rendering.notes == (f"{note} before you rely on this fax.",)
    assert len(found) == len(pages)
    assert not any(blank(page) for page in found)


@pytest.mark.parametrize(
    ("pages", "said"),
    [
        (
            [fax(IMAGE, bytes(range(256)) * 4)],
            "Page 1 of the document can't be read, so nothing was faxed. Save",
        ),
        (
            [fax(IMAGE), fax(IMAGE, b""), fax(IMAGE)],
            "Page 2 of the document can't be read, so nothing was faxed. The rest (pages 1 and 3) is good",
        ),
        ([fax(IMAGE, tags={257: None})], "The picture is damaged and can't be read."),
        (
            [fax(drawing(2432, 100)), fax(drawing(2432, 100), b"\0" * 9)],
            "Page 2 of the document can't be read, so nothing was faxed. The rest (page 1) is good",
        ),
    ],
)
async def test_a_page_that_cannot_be_read_is_named(
    refuse: Refuse, tiff: Path, pages: Sequence[Page], said: str
) -> None:
    assert (await refuse(made(tiff, *pages))).startswith(said)


async def test_a_chain_of_pages_that_does_not_end_well(refuse: Refuse, tiff: Path) -> None:
    whole = made(tiff, fax(IMAGE), fax(IMAGE))
    said = await refuse(whole[:-150])
    assert said.startswith("The TIFF is damaged after page 1: ")
    assert said.endswith("Open it, and save it again.")
    offset = read_directories(tiff)[0].offset
    said = await refuse(made(tiff, fax(IMAGE), fax(IMAGE), after_last=offset))
    assert said.startswith("The TIFF is damaged after page 2: ")
    said = await refuse(b"II*\0" + b"\xff" * 100)
    assert said == "The TIFF is damaged and can't be read. Open it, and save it again."


async def test_too_many_pages(refuse: Refuse, tiff: Path) -> None:
    said = await refuse(made(tiff, *[fax(OTHER)] * 3), max_pages=2)
    assert said.startswith("The document has 3 pages, but not more than 2")


async def test_a_sound_fax_that_libtiff_did_not_copy(
    draw: Draw, tiff: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def too_slow(*_: object, **__: object) -> None:
        return None

    monkeypatch.setattr(tiff_document, "attempt", too_slow)
    rendering, pages = await draw(made(tiff, fax(IMAGE), fax(OTHER)))
    assert rendering.notes == ()
    assert same(pages[0], IMAGE)
    assert same(pages[1], OTHER)


async def test_a_copy_that_is_not_the_fax(draw: Draw, tiff: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def other(*_: object, **__: object) -> list[Strip]:
        raise ChildFailed("the TIFF has pages of other rows")

    monkeypatch.setattr(tiff_document, "strips_of", other)
    rendering, (page,) = await draw(made(tiff, fax(IMAGE)))
    assert rendering.notes == ()
    assert same(page, IMAGE)


WRONG = {
    "not the width": fax(drawing(1720, 300)),
    "no rows": Page(1728, 0, [t6(IMAGE)], FINE),
    "not T.6": fax(IMAGE, t4(IMAGE), compression=3),
    "min-is-black": fax(IMAGE, tags={262: (3, (1,))}),
    "turned": fax(IMAGE, tags={274: (3, (3,))}),
    "two strips": Page(1728, 300, [t6(IMAGE), t6(IMAGE)], FINE),
    "an empty strip": fax(IMAGE, b""),
    "a strip beyond the end": fax(IMAGE, tags={279: (4, (1 << 20,))}),
    "no resolution of faxes": fax(IMAGE, tags={283: (5, (300, 1))}),
    "grey": fax(IMAGE, tags={258: (3, (8,))}),
}


@pytest.mark.parametrize("page", WRONG.values(), ids=WRONG.keys())
def test_what_is_no_fax_is_never_taken_for_one(tmp_path: Path, page: Page) -> None:
    with pytest.raises(ChildFailed, match="page 2 of the TIFF is no fax page"):
        strips_of(write_tiff(tmp_path / "fax.tif", [fax(IMAGE), page]))


def test_a_fax_is_checked_for_its_rows(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "fax.tif", [fax(IMAGE), fax(OTHER)])
    assert len(strips_of(path, lengths=[300, 240])) == 2
    for lengths in ([300], [300, 300], [300, 240, 240]):
        with pytest.raises(ChildFailed, match="rows, not"):
            strips_of(path, lengths=lengths)
    path.write_bytes(b"no TIFF")
    with pytest.raises(ChildFailed):
        strips_of(path)


def test_a_strip_that_shrank_is_not_written(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "fax.tif", [fax(IMAGE)])
    (strip,) = strips_of(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ChildFailed, match=r"page 1 can't be copied from fax\.tif"):
        write_fax(tmp_path / "whole.tif", [strip])


@pytest.mark.parametrize("length", [1, 7, 8, 9, 300, 2156])
def test_white_is_known_from_almost_white(tmp_path: Path, length: int) -> None:
    white = drawing(1728, length, ink=False)
    dotted = white.copy()
    dotted.putpixel((1727, length - 1), 0)
    path = write_tiff(tmp_path / "fax.tif", [fax(white), fax(dotted)])
    empty, dot = strips_of(path)
    assert is_blank(empty)
    assert not is_blank(dot)
    turned = bytes(int(f"{byte:08b}"[::-1], 2) for byte in empty.read())
    path = write_tiff(tmp_path / "other.tif", [fax(white, turned, tags={266: (3, (2,))})])
    assert is_blank(strips_of(path)[0])
    short = Strip(path, 8, 1, 300, 1, Resolution.FINE)
    assert not is_blank(short)
