"""Received faxes of awkward kinds from elsewhere, where they stand beside the checkout (``NEXEFAX_CORPUS``)."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import pytest
from PIL import Image, ImageSequence

from nexefax.errors import TiffError
from nexefax.fax.convert import to_pdf
from nexefax.fax.convert.paper import paper
from nexefax.fax.convert.tiff import count_pages, survey
from tests.convert.pdf_pages import pictures, same, sizes, tool
from tests.convert.test_received_lossless import INFO

CORPUS = Path(os.environ.get("NEXEFAX_CORPUS") or Path(__file__).parents[3] / "shared" / "corpus")
FILES = sorted([*CORPUS.glob("tiff/*.tif*"), *CORPUS.glob("evil/*.tif*")])
COMPARED = 20  # pages of one file; Pillow is slow with thousands


def independent(tiff: Path) -> list[Image.Image] | None:
    """The pages as Pillow's libtiff decodes them, None where it can't."""
    try:
        with warnings.catch_warnings(), Image.open(tiff) as opened:
            warnings.simplefilter("ignore")
            frames = [
                frame.copy()
                for frame, _ in zip(ImageSequence.Iterator(opened), range(COMPARED), strict=False)
            ]
            return None if opened.tag_v2.get(274, 1) != 1 else frames  # type: ignore[attr-defined]  # a TIFF's
    except (OSError, ValueError, SyntaxError, KeyError):
        return None


@pytest.mark.parametrize("tiff", FILES, ids=lambda path: path.name)
async def test_every_fax_of_the_corpus_is_delivered(tiff: Path, tmp_path: Path) -> None:
    pdf = tmp_path / "fax.pdf"
    found = await to_pdf(tiff, pdf, info=INFO, tmp_dir=tmp_path)
    assert [path for path in tmp_path.iterdir() if path != pdf] == []
    if found.outcome == "unreadable":
        assert not pdf.exists()
        assert found.notes
        assert found.tiff_wanted
        return
    assert count_pages(tiff) >= found.pages > 0
    shown = sizes(pdf)
    assert len(shown) == found.pages
    assert tool("qpdf", "--check", pdf)
    if found.outcome == "repaired":
        assert found.notes
        return
    for page, (across, down) in zip(survey(tiff).pages, shown, strict=True):
        size = paper(page)
        points = [page.width * 72 / size.across, page.length * 72 / size.down]
        if page.orientation in (5, 6, 7, 8):
            points.reverse()
        assert (across, down) == pytest.approx([max(side, 3) for side in points], abs=0.01)
    expected = independent(tiff)
    if expected is None:
        return
    for number, (one, other) in enumerate(zip(pictures(pdf), expected, strict=False), 1):
        assert same(one, other), f"page {number} differs"


@pytest.mark.parametrize("name", ["html_named", "mvg_url_delegate", "pdf_named", "ps_named", "zero_length"])
def test_what_is_named_a_fax_and_is_none(name: str) -> None:
    path = CORPUS / "evil" / f"{name}.tiff"
    if path.exists():
        with pytest.raises(TiffError):
            survey(path)
