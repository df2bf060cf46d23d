"""What is faxed is what a viewer shows: boxes, turns, units and sizes, seen in the pixels that are dialled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image, ImageSequence

from nexefax.fax.convert import Rendering, RenderSettings, Resolution, render
from tests.convert.pdf_writer import A3, A4, A5, LEGAL, LETTER, PdfWriter, box, text

Draw = Callable[..., Awaitable[tuple[Rendering, list[Image.Image]]]]


@pytest.fixture
def draw(tmp_path: Path) -> Draw:
    """Render a document's bytes and return what came of it, with its pages in grey."""

    async def draw(document: bytes, **settings: object) -> tuple[Rendering, list[Image.Image]]:
        source, tiff = tmp_path / "in", tmp_path / "fax.tiff"
        source.write_bytes(document)
        scratch = tmp_path / "scratch"
        scratch.mkdir(exist_ok=True)
        rendering = await render(source, tiff, settings=RenderSettings(**settings), tmp_dir=scratch)  # type: ignore[arg-type]
        assert list(scratch.iterdir()) == []
        with Image.open(tiff) as picture:
            pages = [page.convert("L") for page in ImageSequence.Iterator(picture)]
        assert [(page.width, page.length) for page in rendering.pages] == [page.size for page in pages]
        assert {page.width for page in rendering.pages} == {1728}
        return rendering, pages

    return draw


def ink(page: Image.Image) -> tuple[float, float, float, float]:
    """The rectangle that is not white, as shares of the page: left, top, right, bottom."""
    found = page.point(lambda grey: 255 - grey).getbbox()
    assert found is not None
    return (
        found[0] / page.width,
        found[1] / page.height,
        found[2] / page.width,
        found[3] / page.height,
    )


def near(found: tuple[float, ...], expected: tuple[float, ...], by: float = 0.01) -> bool:
    return all(abs(a - b) <= by for a, b in zip(found, expected, strict=True))


def one(content: str, **page: object) -> bytes:
    writer = PdfWriter()
    writer.page(content, **page)  # type: ignore[arg-type]
    return writer.bytes()


# A black box in the top left quarter of a Letter page, seen upright
CORNER = box(0, 396, 306, 396)


def at_size(
    shape: tuple[float, float, float, float], size: tuple[float, float]
) -> tuple[float, float, float, float]:
    """Where shares of a page lie on a fax page on which it is centred at true size."""
    paper = 1728 * 72 / 204
    across = size[0] / paper
    margin = (1 - across) / 2
    return (margin + shape[0] * across, shape[1], margin + shape[2] * across, shape[3])


@pytest.mark.parametrize("resolution", [Resolution.FINE, Resolution.STANDARD])
async def test_a_letter_page_fills_the_line_and_keeps_its_proportions(
    draw: Draw, resolution: Resolution
) -> None:
    _, (page,) = await draw(one(CORNER), resolution=resolution)
    assert abs(page.height - 11 * resolution.down * (1728 / 204) / 8.5) <= 1
    assert near(ink(page), (0, 0, 0.5, 0.5))


@pytest.mark.parametrize(
    ("quarters", "expected"),
    [
        (0, (0.0, 0.0, 0.5, 0.5)),
        (90, (0.5, 0.0, 1.0, 0.5)),
        (180, (0.5, 0.5, 1.0, 1.0)),
        (270, (0.0, 0.5, 0.5, 1.0)),
    ],
)
async def test_pages_are_turned_as_rotate_says(
    draw: Draw, quarters: int, expected: tuple[float, float, float, float]
) -> None:
    square = one(box(0, 300, 300, 300), media=(0, 0, 600, 600), entries=f"/Rotate {quarters}")
    _, (page,) = await draw(square, fit="width")
    assert near(ink(page), expected)


async def test_rotate_is_inherited_from_the_page_tree(draw: Draw) -> None:
    writer = PdfWriter()
    writer.page(box(0, 300, 300, 300), media=(0, 0, 600, 600))
    writer.tree = "/Rotate 90"
    _, (page,) = await draw(writer.bytes(), fit="width")
    assert near(ink(page), (0.5, 0.0, 1.0, 0.5))


async def test_the_cropbox_is_the_page(draw: Draw) -> None:
    content = box(0, 0, 612, 792, 0.0) + box(100, 100, 400, 500, 1.0) + box(100, 350, 200, 250, 0.0)
    _, (page,) = await draw(one(content, entries="/CropBox [100 100 500 600]"), fit="width")
    assert abs(page.height - 1728 * 500 / 400 * 196 / 204) <= 1
    assert near(ink(page), (0, 0, 0.5, 0.5))


async def test_a_page_that_does_not_begin_at_zero_is_not_shifted(draw: Draw) -> None:
    _, (page,) = await draw(one(box(-270, 0, 270, 95), media=(-270, -95, 270, 95)), fit="width")
    assert near(ink(page), (0, 0, 0.5, 0.5), by=0.02)


async def test_userunit_enlarges_the_page(draw: Draw) -> None:
    small = (0.0, 0.0, 306.0, 396.0)
    _, (page,) = await draw(one(box(0, 198, 153, 198), media=small, entries="/UserUnit 2"))
    assert abs(page.height - 11 * 196 * (1728 / 204) / 8.5) <= 2
    assert near(ink(page), (0, 0, 0.5, 0.5))


async def test_annotations_are_faxed_as_they_are_printed(draw: Draw) -> None:
    writer = PdfWriter()
    look = "/Type /XObject /Subtype /Form /BBox [0 0 100 100]"
    form = writer.stream(box(0, 0, 100, 100).encode(), look)
    kinds = [
        ("[50 650 150 750]", 4),
        ("[250 650 350 750]", 0),
        ("[450 650 550 750]", 6),
    ]  # Print; not; hidden
    marks = [
        writer.add(f"<< /Type /Annot /Subtype /Stamp /Rect {place} /F {flags} /AP << /N {form} 0 R >> >>")
        for place, flags in kinds
    ]
    writer.page("", entries=f"/Annots [{' '.join(f'{mark} 0 R' for mark in marks)}]")
    _, (page,) = await draw(writer.bytes())
    assert near(ink(page), (50 / 612, 42 / 792, 150 / 612, 142 / 792))


@pytest.mark.parametrize("media", [A4, A5, LEGAL, LETTER])
async def test_the_length_follows_the_page_at_true_size(
    draw: Draw, media: tuple[float, float, float, float]
) -> None:
    _, (page,) = await draw(one(box(0, 0, media[2], media[3]), media=media))
    scale = min(1.0, 1728 * 72 / 204 / media[2])
    assert abs(page.height - media[3] * scale * 196 / 72) <= 1
    assert near(ink(page), at_size((0, 0, 1, 1), (media[2] * scale, media[3] * scale)))


async def test_small_pages_fill_the_line_when_asked(draw: Draw) -> None:
    _, (page,) = await draw(one(box(0, 0, 419.53, 595.28), media=A5), fit="width")
    assert near(ink(page), (0, 0, 1, 1))
    assert abs(page.height - 1728 * 595.28 / 419.53 * 196 / 204) <= 1


async def test_landscape_is_turned_upright(draw: Draw) -> None:
    content = box(0, 306, 396, 306)  # the top left quarter of a lying page
    _, (page,) = await draw(one(content, media=(0, 0, 792, 612)))
    assert page.height > page.width
    assert near(ink(page), (0, 0.5, 0.5, 1.0))


@pytest.mark.parametrize(
    "media",
    [A3, (0, 0, 2160, 2160), (0, 0, 3, 3), (0, 0, 60, 9), (0, 0, 612, 20_000), (0, 0, 14_400, 14_400)],
)
async def test_any_size_of_page_becomes_a_fax_page(
    draw: Draw, media: tuple[float, float, float, float]
) -> None:
    _, (page,) = await draw(one(box(0, 0, media[2], media[3]), media=media))
    left, top, right, bottom = ink(page)
    found = (right - left) * page.width / 204, (bottom - top) * page.height / 196
    assert abs(found[0] / found[1] - media[2] / media[3]) <= 0.05 * media[2] / media[3] + 2 / 196
    assert 190 <= page.height <= 5 * 842 * 196 / 72


async def test_mixed_sizes_keep_each_its_own_length(draw: Draw) -> None:
    writer = PdfWriter()
    for media in (A4, LETTER, LEGAL, A5):
        writer.page(text(72, 300, 40, "Page"), media=media)
    rendering, pages = await draw(writer.bytes())
    assert len({page.height for page in pages}) == 4
    assert rendering.engine == "gs"


def photo_page(writer: PdfWriter) -> None:
    size = 256
    data = bytes((x + y) // 2 for y in range(size) for x in range(size))
    picture = writer.picture(size, size, data)
    writer.page("q 500 0 0 500 56 200 cm /P Do Q", resources=f"/XObject << /P {picture} 0 R >>")


def greys(page: Image.Image) -> float:
    """How many changes of colour a line has, on average: dithering makes hundreds, writing few."""
    raw = page.tobytes()
    return sum(a != b for a, b in pairwise(raw)) / page.height


async def test_photos_are_dithered_and_writing_is_not_unless_told_otherwise(draw: Draw) -> None:
    writer = PdfWriter()
    photo_page(writer)
    writer.page(text(72, 600, 24, "Grey writing stays sharp", grey=0.35))
    document = writer.bytes()
    _, (photo, writing) = await draw(document)
    assert greys(photo) > 100
    assert greys(writing) < 30
    _, (photo, _) = await draw(document, halftone="text")
    assert greys(photo) < 30
    _, (_, writing) = await draw(document, halftone="photo")
    assert ink(writing)


async def test_a_slow_page_is_told_with_a_remedy(draw: Draw) -> None:
    writer = PdfWriter()
    photo_page(writer)
    rendering, _ = await draw(writer.bytes(), page_minutes=0.1)
    assert len(rendering.notes) == 1
    assert rendering.notes[0].startswith("Page 1 takes about")
    assert "Standard resolution halves that" in rendering.notes[0]
    assert rendering.pages[0].seconds_at(7200) > rendering.pages[0].seconds_at(14400) > 6


async def test_the_first_pages_are_there_before_the_last_and_all_in_order(tmp_path: Path) -> None:
    writer = PdfWriter()
    for number in range(1, 31):
        writer.page(text(72, 600, 40, f"Page {number}"))
    source = tmp_path / "in"
    source.write_bytes(writer.bytes())
    runs: list[tuple[int, list[int]]] = []

    async def on_run(tiff: Path, pages: object) -> None:
        with Image.open(tiff) as picture:
            runs.append((picture.n_frames, [page.number for page in pages]))  # type: ignore[attr-defined]
        assert not (tmp_path / "fax.tiff").exists()

    await render(source, tmp_path / "fax.tiff", settings=RenderSettings(), tmp_dir=tmp_path, on_run=on_run)
    assert runs[0] == (4, [1, 2, 3, 4])
    assert [number for _, numbers in runs for number in numbers] == list(range(1, 31))
    assert all(frames == len(numbers) for frames, numbers in runs)
