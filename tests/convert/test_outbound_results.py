"""What is promised of results: checked before they are put in place, nothing left of what was cancelled."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from nexefax import process
from nexefax.child import Child
from nexefax.errors import ChildFailed, TiffError
from nexefax.fax.convert import RenderSettings, Slots, assemble, page_image, page_png, render
from nexefax.fax.convert.faxtiff import Strip, write_fax
from nexefax.process import Finished
from tests.convert.drawn import Draw, blank, ink, near
from tests.convert.fax_pages import drawing, fax, write_tiff
from tests.convert.pdf_writer import PdfWriter, box, text
from tests.convert.test_outbound_refusals import bomb

SQUARE = {282: (5, (200, 1)), 283: (5, (200, 1))}


def two_pages() -> bytes:
    writer = PdfWriter()
    writer.page(box(0, 396, 306, 396))
    writer.page(text(72, 600, 40, "Page 2"))
    return writer.bytes()


@pytest.mark.parametrize("wrong", ["fewer pages", "other bytes", "no TIFF"])
async def test_a_fax_that_is_not_what_was_drawn_is_not_put_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    def write(path: Path, strips: Sequence[Strip]) -> None:
        if wrong == "no TIFF":
            path.write_bytes(b"II*\0")
        elif wrong == "fewer pages":
            write_fax(path, strips[:-1])
        else:
            write_fax(path, strips[::-1])

    monkeypatch.setattr(assemble, "write_fax", write)
    source, destination, scratch = tmp_path / "in", tmp_path / "fax.tiff", tmp_path / "scratch"
    scratch.mkdir()
    source.write_bytes(two_pages())
    destination.write_bytes(b"another fax")
    with pytest.raises(ChildFailed):
        await render(source, destination, settings=RenderSettings(), tmp_dir=scratch)
    assert destination.read_bytes() == b"another fax"
    assert list(scratch.iterdir()) == []


async def test_cancelling_ends_every_child_and_gives_the_turn_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = asyncio.Event()
    children: list[int] = []

    class Watched(Child):
        def __init__(self, command: Sequence[str], **options: object) -> None:
            super().__init__(command, **options)  # type: ignore[arg-type]  # as process.run gave them
            children.append(self.pid)
            if any("pdftoppm" in word for word in command):
                started.set()

    monkeypatch.setattr(process, "Child", Watched)
    source, scratch, slots = tmp_path / "in", tmp_path / "scratch", Slots(1)
    scratch.mkdir()
    source.write_bytes(bomb())
    task = asyncio.create_task(
        render(source, tmp_path / "fax.tiff", settings=RenderSettings(), tmp_dir=scratch, slots=slots)
    )
    await asyncio.wait_for(started.wait(), 60)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert children
    for child in children:
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)
    assert list(scratch.iterdir()) == []
    assert not (tmp_path / "fax.tiff").exists()
    source.write_bytes(two_pages())
    again = await render(
        source, tmp_path / "fax.tiff", settings=RenderSettings(), tmp_dir=scratch, slots=slots
    )
    assert len(again.pages) == 2


@pytest.mark.parametrize("how", ["content", "picture", "form"])
async def test_what_lies_outside_the_document_is_not_read(
    draw: Draw, tmp_path_factory: pytest.TempPathFactory, how: str
) -> None:
    canary = tmp_path_factory.mktemp("private") / "canary"
    canary.write_bytes(box(0, 0, 306, 396).encode() if how != "picture" else bytes(64 * 64))
    outside = f"/F << /Type /Filespec /F ({canary}) /UF ({canary}) >>"
    writer = PdfWriter()
    if how == "content":
        number = writer.page("")
        writer.objects[number - 2] = f"<< /Length 0 {outside} >>\nstream\n\nendstream".encode()
    elif how == "picture":
        picture = writer.stream(
            b"",
            "/Type /XObject /Subtype /Image /Width 64 /Height 64 /BitsPerComponent 8 /ColorSpace /DeviceGray "
            + outside,
        )
        writer.page("q 300 0 0 300 0 0 cm /P Do Q", resources=f"/XObject << /P {picture} 0 R >>")
    else:
        form = writer.stream(b"", f"/Type /XObject /Subtype /Form /BBox [0 0 612 792] {outside}")
        writer.page("/P Do", resources=f"/XObject << /P {form} 0 R >>")
    writer.page(box(0, 396, 306, 396))
    try:
        _, pages = await draw(writer.bytes())
    except ValueError as refused:
        assert "can't be read" in str(refused)
        return
    assert blank(pages[0])
    assert near(ink(pages[1]), (0, 0, 0.5, 0.5))


async def test_a_pages_png_has_the_pixels_of_the_fax(tmp_path: Path) -> None:
    images = [drawing(), drawing(seed=2)]
    tiff = write_tiff(tmp_path / "fax.tif", [fax(image, tags=SQUARE) for image in images])
    for number, image in enumerate(images, 1):
        await page_png(tiff, number, tmp_path / "page.png", width=1728, tmp_dir=tmp_path)
        with Image.open(tmp_path / "page.png") as png:
            assert png.size == image.size
            assert ImageChops.difference(png.convert("L"), image.convert("L")).getbbox() is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fax.tif", "page.png"]


@pytest.mark.parametrize(
    ("tags", "height"),
    [
        ({}, 600 * 300 / 196 / (1728 / 204)),
        ({283: (5, (98, 1))}, 600 * 300 / 98 / (1728 / 204)),
        ({282: None, 283: None}, 600 * 300 / 196 / (1728 / 204)),
        ({282: (5, (10_000, 1))}, 600 * 300 / 196 / (1728 / 204)),
    ],
)
async def test_a_png_has_the_proportions_of_paper(
    tmp_path: Path, tags: dict[int, tuple[int, tuple[int, ...]] | None], height: float
) -> None:
    tiff = write_tiff(tmp_path / "fax.tif", [fax(drawing(), tags=tags)])
    await page_png(tiff, 1, tmp_path / "page.png", width=600, tmp_dir=tmp_path)
    with Image.open(tmp_path / "page.png") as png:
        assert png.width == 600
        assert abs(png.height - height) <= 1


async def test_pages_that_have_no_png(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiff, png = write_tiff(tmp_path / "fax.tif", [fax(drawing())]), tmp_path / "page.png"
    for page in (0, -1, 2):
        with pytest.raises(TiffError, match=f"no page {page}"):
            await page_png(tiff, page, png, width=100, tmp_dir=tmp_path)

    for finished in (None, Finished(1, b"", b"no decode delegate")):

        async def broken(*_: object, finished: Finished | None = finished, **__: object) -> Finished | None:
            return finished

        monkeypatch.setattr(page_image, "magick", broken)
        with pytest.raises(ChildFailed, match="no picture could be made of page 1"):
            await page_png(tiff, 1, png, width=100, tmp_dir=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["fax.tif"]


async def test_a_png_of_a_fax_on_another_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr("os.link", no_links)
    tiff = write_tiff(tmp_path / "fax.tif", [fax(drawing())])
    await page_png(tiff, 1, tmp_path / "page.png", width=100, tmp_dir=tmp_path)
    assert (tmp_path / "page.png").stat().st_size > 100
