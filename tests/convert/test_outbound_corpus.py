"""Documents of awkward kinds from elsewhere, where they stand beside the checkout (``NEXEFAX_CORPUS``)."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from nexefax.fax.convert import RenderSettings, Resolution, pdf, render
from tests.convert.corpus_pages import CORPUS, OUTLIERS, examine
from tests.convert.drawn import pages_of
from tests.convert.pdf_writer import PdfWriter, box

PDFS = sorted([*CORPUS.glob("pdf/*.pdf"), *CORPUS.glob("evil/*.pdf")])
TIFFS = sorted([*CORPUS.glob("tiff/*.tif*"), *CORPUS.glob("evil/*.tif*")])
COMPARED = 4  # pages of one document; tests/bench/corpus.py compares all

SETTINGS = RenderSettings(timeout=60)
HOSTILE = RenderSettings(timeout=8)  # bombs burn all the time that they get


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give Ghostscript less time for a page, so that the slow ones do not hold up the tests."""
    monkeypatch.setattr(pdf, "RUN_SECONDS", 15.0)


@pytest.mark.parametrize("document", PDFS, ids=lambda path: path.name)
async def test_every_document_is_faxed_as_a_viewer_shows_it_or_refused(
    document: Path, tmp_path: Path
) -> None:
    found = await examine(
        document, tmp_path, most=COMPARED, settings=HOSTILE if document.parent.name == "evil" else SETTINGS
    )
    assert [path.name for path in tmp_path.iterdir()] == ([] if found.rendering is None else ["fax.tif"])
    if found.rendering is None:
        assert found.sentence.endswith(".")
        return
    pages = pages_of(tmp_path / "fax.tif")
    assert [page.size for page in pages] == [(1728, page.length) for page in found.rendering.pages]
    left_over = {number for number in found.outliers if (document.name, number) not in OUTLIERS}
    assert left_over == set(), found.outliers


@pytest.mark.parametrize("document", TIFFS, ids=lambda path: path.name)
async def test_every_tiff_is_faxed_or_refused(document: Path, tmp_path: Path) -> None:
    found = await examine(document, tmp_path, most=0, settings=SETTINGS)
    assert [path.name for path in tmp_path.iterdir()] == ([] if found.rendering is None else ["fax.tif"])
    assert found.rendering is not None or found.sentence.endswith(".")


def odd_names() -> list[str]:
    """File names that an upload may carry, as far as a file can have them."""
    listed = CORPUS / "evil" / "names.json"
    names = json.loads(listed.read_text("utf-8", "surrogatepass")) if listed.exists() else []
    return [
        name
        for name in names
        if 0 < len(name.encode("utf-8", "surrogateescape")) < 200 and not {"/", "\0"} & {*name}
    ]


@pytest.mark.parametrize("name", odd_names(), ids=ascii)
async def test_no_file_name_is_more_than_a_name(name: str, tmp_path: Path) -> None:
    writer = PdfWriter()
    writer.page(box(0, 396, 306, 396))
    folder = tmp_path / "upload"
    folder.mkdir()
    document = writer.write(folder / os.fsdecode(name.encode("utf-8", "surrogateescape")))
    rendering = await render(
        document,
        tmp_path / "fax.tif",
        settings=RenderSettings(resolution=Resolution.STANDARD),
        tmp_dir=tmp_path,
    )
    assert [page.blank for page in rendering.pages] == [False]
