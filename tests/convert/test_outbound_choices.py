"""What somebody chose for a page who saw how it comes out: turned, photo or text; and some pages of a document only."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from nexefax.errors import ChildFailed
from nexefax.fax.convert import PageChoice, RenderSettings, Resolution, ghostscript, poppler, render
from nexefax.fax.convert.assemble import Sheet, assemble
from nexefax.fax.convert.tone import Halftone
from tests.convert.drawn import Draw, Refuse, Runs, ink, near, pages_of
from tests.convert.fax_pages import FINE, STANDARD, drawing, fax, write_tiff
from tests.convert.likeness import compare
from tests.convert.pdf_writer import A4, A5, PdfWriter, box, text

CORNER = box(40, 500, 250, 250) + text(320, 300, 60, "Fax")


def pdf(
    *contents: str, media: tuple[float, float, float, float] = (0, 0, 612, 792), entries: str = ""
) -> bytes:
    writer = PdfWriter()
    for content in contents:
        writer.page(content, media=media, entries=entries)
    return writer.bytes()


def photo_among_text() -> bytes:
    writer = PdfWriter()
    greys = Image.linear_gradient("L").rotate(30)
    number = writer.picture(256, 256, greys.tobytes())
    content = f"q 250 0 0 250 60 480 cm /Im1 Do Q\n{text(60, 300, 40, 'Written below', 0.3)}"
    writer.page(content, resources=f"/XObject << /Im1 {number} 0 R >>")
    return writer.bytes()


def picture(form: str, **options: object) -> bytes:
    drawn = Image.new("L", (850, 1100), 255)
    drawn.paste(0, (60, 60, 400, 300))
    file = io.BytesIO()
    drawn.save(file, form, dpi=(100, 100), **options)
    return file.getvalue()


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[274] = orientation
    return tags


def fax_page(tags: dict[int, tuple[int, tuple[int, ...]]]) -> Callable[[Path], bytes]:
    def made(folder: Path) -> bytes:
        page = drawing(1728, 2156 if tags is FINE else 1078, ink=False)
        page.paste(0, (200, 100, 700, 500))
        return write_tiff(folder / "made.tif", [fax(page, tags=tags)]).read_bytes()

    return made


KINDS: dict[str, bytes | Callable[[Path], bytes]] = {
    "PDF": pdf(CORNER),
    "PDF turned by itself": pdf(CORNER.replace("500 250 250", "100 250 250"), media=(0, 0, 1000, 500)),
    "PDF with /Rotate": pdf(CORNER, entries="/Rotate 90"),
    "small PDF": pdf(box(20, 300, 150, 200), media=A5),
    "PDF with a photo": photo_among_text(),
    "PNG": picture("PNG"),
    "JPEG": picture("JPEG", exif=exif(6)),
    "TIFF picture": picture("TIFF"),
    "fine fax": fax_page(FINE),
    "standard fax": fax_page(STANDARD),
    "text": b"First line of the text\n\n\n\n    and another one further to the right\n",
    "text from the right": ("שלום עולם\n" * 5).encode(),
}


def turned(page: Image.Image, turn: int) -> tuple[float, float, float, float]:
    """Where the ink of a page will be when it is turned."""
    return ink(page.rotate(-90 * turn, expand=True))


@pytest.mark.parametrize("resolution", [Resolution.FINE, Resolution.STANDARD])
@pytest.mark.parametrize("kind", KINDS)
async def test_each_kind_is_turned_from_how_it_comes_out_by_itself(
    draw: Draw, tmp_path_factory: pytest.TempPathFactory, kind: str, resolution: Resolution
) -> None:
    made = KINDS[kind]
    document = made if isinstance(made, bytes) else made(tmp_path_factory.mktemp("made"))
    _, (first,) = await draw(document, resolution=resolution, fit="width")
    for turn in (1, 2, 3):
        choices = {1: PageChoice(turn)}
        _, (page,) = await draw(document, resolution=resolution, fit="width", choices=choices)
        assert near(ink(page), turned(first, turn), by=0.015), turn
        if turn == 2:
            assert page.size == first.size


async def test_a_turned_page_fills_the_line_and_keeps_its_proportions(draw: Draw) -> None:
    _, (page,) = await draw(pdf(box(0, 0, 595.28, 841.89), media=A4), choices={1: PageChoice(1)})
    assert near(ink(page), (0, 0, 1, 1), by=0.002)
    assert abs(page.height - 1728 / 204 * 595.28 / 841.89 * 196) <= 1
    _, (page,) = await draw(pdf(box(0, 0, 792, 612), media=(0, 0, 792, 612)), choices={1: PageChoice(1)})
    assert abs(page.height - 1728 / 204 * 612 / 792 * 196) <= 1


@pytest.mark.parametrize("turn", range(4))
@pytest.mark.parametrize("kind", ["PDF", "PDF turned by itself", "PDF with /Rotate", "small PDF"])
async def test_both_engines_turn_alike(
    draw: Draw, monkeypatch: pytest.MonkeyPatch, kind: str, turn: int
) -> None:
    document = KINDS[kind]
    one, (by_ghostscript,) = await draw(document, choices={1: PageChoice(turn)})

    async def nothing(*_: object, **__: object) -> tuple[int, list[ghostscript.Drawn]]:
        return 1, [ghostscript.Drawn(1, None, complaints=False, unit=None)]

    monkeypatch.setattr(ghostscript, "draw", nothing)
    other, (by_poppler,) = await draw(document, choices={1: PageChoice(turn)})
    assert (one.engine, other.engine) == ("gs", "poppler")
    assert compare(by_ghostscript, by_poppler).ink > 0.93


@pytest.mark.parametrize("tags", [FINE, STANDARD])
async def test_a_fax_upside_down_is_put_right_pixel_by_pixel_and_the_others_are_left_alone(
    draw: Draw, tmp_path_factory: pytest.TempPathFactory, tags: dict[int, tuple[int, tuple[int, ...]]]
) -> None:
    images = [drawing(1728, 900, seed=seed) for seed in (1, 2, 3)]
    source = write_tiff(tmp_path_factory.mktemp("made") / "made.tif", [fax(i, tags=tags) for i in images])
    rendering, pages = await draw(source.read_bytes(), choices={2: PageChoice(2)})
    assert [page.engine for page in rendering.pages] == ["libtiff", "magick", "libtiff"]
    for image, page, quarters in zip(images, pages, (0, 2, 0), strict=True):
        expected = image.convert("L").rotate(90 * quarters)
        assert page.size == expected.size
        assert ImageChops.difference(page, expected).getbbox() is None


def greys(page: Image.Image) -> int:
    """How often black and white change along the lines of a page: many where it is dithered."""
    moved = ImageChops.offset(page, 1, 0)
    return ImageChops.difference(page, moved).histogram()[255]


@pytest.mark.parametrize("kind", ["PDF", "PNG", "TIFF"])
async def test_photo_or_text_is_chosen_page_by_page(draw: Draw, kind: str) -> None:
    shade = Image.linear_gradient("L").resize((600, 800))
    if kind == "PDF":
        writer = PdfWriter()
        number = writer.picture(256, 256, Image.linear_gradient("L").tobytes())
        for _ in range(3):
            writer.page("q 612 0 0 792 0 0 cm /Im1 Do Q", resources=f"/XObject << /Im1 {number} 0 R >>")
        document, pages = writer.bytes(), 3
    else:
        file = io.BytesIO()
        more = {"save_all": True, "append_images": [shade, shade]} if kind == "TIFF" else {}
        shade.save(file, kind, **more)
        document, pages = file.getvalue(), 3 if more else 1
    chosen: list[Halftone | None] = ["text", "photo", None]
    choices = {number: PageChoice(halftone=halftone) for number, halftone in enumerate(chosen[:pages], 1)}
    _, drawn = await draw(document, halftone="photo", choices=choices)
    assert greys(drawn[0]) < 20_000
    assert all(greys(page) > 200_000 for page in drawn[1:])
    _, drawn = await draw(document, halftone="text", choices={1: PageChoice(halftone="photo")})
    assert greys(drawn[0]) > 200_000
    assert all(greys(page) < 20_000 for page in drawn[1:])


NUMBERED = [text(200, 400, 200, str(number)) for number in range(1, 10)]


@pytest.mark.parametrize("only", [{1}, {9}, {2, 3}, {1, 3, 5, 7, 9}, set(range(1, 10))])
async def test_only_some_pages_of_a_pdf_are_drawn(
    draw: Draw, monkeypatch: pytest.MonkeyPatch, only: set[int]
) -> None:
    asked: set[int] = set()
    looked: set[int] = set()
    real, real_look = ghostscript.draw, poppler.look

    async def spy(source: Path, pages: list[object], *more: object, **options: object) -> object:
        asked.update(page.number for page in pages)  # type: ignore[attr-defined]  # placements
        return await real(source, pages, *more, **options)  # type: ignore[arg-type]  # handed through

    async def spy_look(source: Path, numbers: list[int], **options: object) -> object:
        looked.update(numbers)
        return await real_look(source, numbers, **options)  # type: ignore[arg-type]  # handed through

    _, whole = await draw(pdf(*NUMBERED))
    monkeypatch.setattr(ghostscript, "draw", spy)
    monkeypatch.setattr(poppler, "look", spy_look)
    rendering, pages = await draw(pdf(*NUMBERED), only=frozenset(only))
    assert asked == looked == only
    assert [page.number for page in rendering.pages] == sorted(only)
    for number, page in zip(sorted(only), pages, strict=True):
        assert page.tobytes() == whole[number - 1].tobytes()


async def test_runs_of_chosen_pages_come_in_their_order_with_their_numbers(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.write_bytes(pdf(*NUMBERED * 3))
    runs, only = Runs(), frozenset(range(2, 28, 2))
    settings = RenderSettings(only=only)
    await render(source, tmp_path / "fax.tif", settings=settings, tmp_dir=tmp_path, on_run=runs)
    assert len(runs.pages) > 1
    assert [number for run in runs.pages for number in run] == sorted(only)


async def test_only_some_pages_of_a_text(draw: Draw) -> None:
    document = "\f".join(f"This is page {number}" * number for number in range(1, 6)).encode()
    _, whole = await draw(document)
    choices = {4: PageChoice(1), 5: PageChoice(3)}
    rendering, pages = await draw(document, only=frozenset({2, 4, 5}), choices=choices)
    assert [page.number for page in rendering.pages] == [2, 4, 5]
    assert pages[0].tobytes() == whole[1].tobytes()
    assert near(ink(pages[1]), turned(whole[3], 1), by=0.015)
    assert near(ink(pages[2]), turned(whole[4], 3), by=0.015)


@pytest.mark.parametrize("sound", [True, False])
async def test_only_some_pages_of_a_tiff(
    draw: Draw, tmp_path_factory: pytest.TempPathFactory, *, sound: bool
) -> None:
    images = [drawing(1728, 400, seed=seed) for seed in (1, 2, 3)]
    made = [fax(image) for image in images]
    if not sound:
        made[0] = fax(images[0], b"\x13\x37" * 200)
    source = write_tiff(tmp_path_factory.mktemp("made") / "made.tif", made)
    rendering, (second, third) = await draw(source.read_bytes(), only=frozenset({2, 3}))
    assert rendering.notes == ()
    assert [page.number for page in rendering.pages] == [2, 3]
    assert ImageChops.difference(second, images[1].convert("L")).getbbox() is None
    assert ImageChops.difference(third, images[2].convert("L")).getbbox() is None


@pytest.mark.parametrize("kind", ["PDF", "PNG", "fine fax", "text"])
async def test_pages_that_are_not_there(
    refuse: Refuse, tmp_path_factory: pytest.TempPathFactory, kind: str
) -> None:
    made = KINDS[kind]
    document = made if isinstance(made, bytes) else made(tmp_path_factory.mktemp("made"))
    assert await refuse(document, only=frozenset({1, 2, 7})) == "The document has no pages 2 and 7."
    assert await refuse(document, only=frozenset()) == "No page of the document is chosen."


def test_pages_of_several_faxes_are_joined_pixel_by_pixel(tmp_path: Path) -> None:
    one = [drawing(1728, 700, seed=seed) for seed in (1, 2)]
    other = [drawing(1728, 350, seed=seed) for seed in (3, 4)]
    fine = write_tiff(tmp_path / "fine.tif", [fax(image) for image in one])
    standard = write_tiff(tmp_path / "standard.tif", [fax(image, tags=STANDARD) for image in other])
    wanted = [(standard, 2), (fine, 1), (fine, 1), (standard, 1)]
    assemble(tmp_path / "fax.tif", [Sheet(tiff, page) for tiff, page in wanted])
    expected = [other[1], one[0], one[0], other[0]]
    joined = pages_of(tmp_path / "fax.tif")
    for page, image in zip(joined, expected, strict=True):
        assert page.size == image.size
        assert ImageChops.difference(page, image.convert("L")).getbbox() is None
    with Image.open(tmp_path / "fax.tif") as picture:
        for number, down in enumerate((98, 196, 196, 98)):
            picture.seek(number)
            assert tuple(float(dots) for dots in picture.info["dpi"]) == (204, down)


@pytest.mark.parametrize("page", [0, 2, -1])
def test_a_sheet_that_is_not_there_leaves_what_was(tmp_path: Path, page: int) -> None:
    tiff = write_tiff(tmp_path / "one.tif", [fax(drawing(1728, 300))])
    (tmp_path / "fax.tif").write_bytes(b"before")
    with pytest.raises(ChildFailed, match="has 1 pages and no page"):
        assemble(tmp_path / "fax.tif", [Sheet(tiff, 1), Sheet(tiff, page)])
    with pytest.raises(ChildFailed, match="at least one page"):
        assemble(tmp_path / "fax.tif", [])
    assert (tmp_path / "fax.tif").read_bytes() == b"before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fax.tif", "one.tif"]


def test_a_page_that_is_no_fax_is_not_joined(tmp_path: Path) -> None:
    narrow = write_tiff(tmp_path / "narrow.tif", [fax(drawing(800, 300))])
    with pytest.raises(ChildFailed, match="no fax page"):
        assemble(tmp_path / "fax.tif", [Sheet(narrow, 1)])
    assert [path.name for path in tmp_path.iterdir()] == ["narrow.tif"]
