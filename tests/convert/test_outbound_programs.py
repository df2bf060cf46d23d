"""Programs that do not work on this machine are the machine's fault, and are never blamed on a document."""

from __future__ import annotations

from pathlib import Path

import pytest

from nexefax.errors import ChildBroken, ChildFailed, ChildMissing, DocumentError
from nexefax.fax.convert import RenderSettings, page_png, plaintext, render
from nexefax.process import find_program
from tests.convert.drawn import Refuse
from tests.convert.fax_pages import drawing, fax, write_tiff
from tests.convert.pdf_writer import PdfWriter, box

NEEDED = ("gs", "pdfinfo", "pdftoppm", "tiffcp", "paps", "convert-im6.q16", "convert-im7.q16")


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of links to the programs, where a test may put others in their place."""
    folder = tmp_path.with_name(tmp_path.name + "-programs")
    folder.mkdir()
    for name in NEEDED:
        try:
            (folder / name).symlink_to(find_program(name))
        except ChildMissing:
            continue  # the other version of ImageMagick
    monkeypatch.setattr("nexefax.process.PROGRAM_PATH", str(folder))
    return folder


def page() -> bytes:
    writer = PdfWriter()
    writer.page(box(0, 396, 306, 396))
    return writer.bytes()


@pytest.mark.parametrize("other", ["false", "true"])
async def test_a_ghostscript_that_does_not_begin(tmp_path: Path, programs: Path, other: str) -> None:
    (programs / "gs").unlink()
    (programs / "gs").symlink_to(f"/bin/{other}")
    document = tmp_path / "in"
    document.write_bytes(page())
    with pytest.raises(ChildBroken, match="Ghostscript does not work here"):
        await render(document, tmp_path / "fax.tif", settings=RenderSettings(), tmp_dir=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


async def test_a_poppler_that_does_not_work_leaves_ghostscript(tmp_path: Path, programs: Path) -> None:
    for name in ("pdfinfo", "pdftoppm"):
        (programs / name).unlink()
        (programs / name).symlink_to("/bin/false")
    document = tmp_path / "in"
    document.write_bytes(page())
    rendering = await render(document, tmp_path / "fax.tif", settings=RenderSettings(), tmp_dir=tmp_path)
    assert (rendering.engine, len(rendering.pages)) == ("gs", 1)


async def test_a_paps_that_does_not_work(refuse: Refuse, programs: Path) -> None:
    (programs / "paps").unlink()
    (programs / "paps").symlink_to("/bin/true")
    assert await refuse(b"words") == "The text can't be laid out on pages. Print it to a PDF, and send that."


async def test_a_text_whose_pages_are_not_drawn(refuse: Refuse, monkeypatch: pytest.MonkeyPatch) -> None:
    async def draw_nothing(*_: object, **__: object) -> None:
        return None

    monkeypatch.setattr(plaintext, "run_driver", draw_nothing)
    assert await refuse(b"words") == "The text can't be drawn. Print it to a PDF, and send that."


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n", b"II*\0\x08\0\0\0"])
async def test_an_imagemagick_that_is_missing(tmp_path: Path, programs: Path, content: bytes) -> None:
    for name in ("convert-im6.q16", "convert-im7.q16"):
        (programs / name).unlink(missing_ok=True)
    document = tmp_path / "in"
    document.write_bytes(content)
    if content.startswith(b"II"):
        with pytest.raises(DocumentError, match="TIFF is damaged"):
            await render(document, tmp_path / "fax.tif", settings=RenderSettings(), tmp_dir=tmp_path)
        return
    with pytest.raises(ChildMissing, match="install the package imagemagick"):
        await render(document, tmp_path / "fax.tif", settings=RenderSettings(), tmp_dir=tmp_path)


async def test_an_imagemagick_that_draws_no_page(tmp_path: Path, programs: Path) -> None:
    for name in ("convert-im6.q16", "convert-im7.q16"):
        (programs / name).unlink(missing_ok=True)
    (programs / "convert-im6.q16").symlink_to("/bin/false")
    tiff = write_tiff(tmp_path / "fax.tif", [fax(drawing(1728, 1000, seed=1))])
    with pytest.raises(ChildFailed, match="no picture could be made of page 1"):
        await page_png(tiff, 1, tmp_path / "page.png", width=600, tmp_dir=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["fax.tif"]
