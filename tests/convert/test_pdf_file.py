"""The PDF writer, read back by poppler: sizes, turns, colours, texts."""

from __future__ import annotations

import io
import zlib
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops

from nexefax.fax.convert.pdf_file import MAX_TEXT, PdfInfo, PdfPage, tidy, write_pdf
from tests.convert.fax_pages import drawing, t6
from tests.convert.pdf_pages import tool

INFO = PdfInfo("Fax", datetime(2026, 11, 22, 20, 9, tzinfo=UTC))
# TIFF's Orientation as what is to be done to the stored rows to show them upright
TURNS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def made(tmp_path: Path, *pages: PdfPage, info: PdfInfo = INFO) -> Path:
    path = tmp_path / "fax.pdf"
    with path.open("wb") as file:
        assert write_pdf(file, pages, info) == len(pages)
    return path


def shown(pdf: Path, tmp_path: Path) -> Image.Image:
    """A page of 72 dots per inch: drawn eight times as large, since poppler blurs edges, the middles taken."""
    tool("pdftoppm", "-r", "576", "-png", "-singlefile", pdf, tmp_path / "page")
    with Image.open(tmp_path / "page.png") as large:
        size = (large.width // 8, large.height // 8)
        return large.transform(size, Image.Transform.AFFINE, (8, 0, 0, 0, 8, 0), Image.Resampling.NEAREST)


@pytest.mark.parametrize("orientation", TURNS)
def test_pages_are_turned_as_the_tag_says(tmp_path: Path, orientation: int) -> None:
    image = drawing(200, 120)
    page = PdfPage(200, 120, 72, 72, t6(image), orientation=orientation)
    turn = TURNS[orientation]
    expected = image if turn is None else image.transpose(turn)
    found = shown(made(tmp_path, page), tmp_path).convert("1")
    assert found.size == expected.size
    assert ImageChops.difference(found.convert("L"), expected.convert("L")).getbbox() is None


def test_an_unknown_orientation_is_upright(tmp_path: Path) -> None:
    page = PdfPage(200, 120, 72, 72, t6(drawing(200, 120)), orientation=9)
    assert shown(made(tmp_path, page), tmp_path).size == (200, 120)


def test_pixels_are_not_square(tmp_path: Path) -> None:
    page = PdfPage(1728, 49, 204, 98, t6(drawing(1728, 49)))
    assert "Page size:       609.882 x 36 pts" in tool("pdfinfo", made(tmp_path, page))
    assert page.size == pytest.approx((609.88, 36), abs=0.01)


def test_each_page_has_its_own_size(tmp_path: Path) -> None:
    pages = [PdfPage(96, 40 * n, 96, 48, t6(drawing(96, 40 * n, ink=False))) for n in (1, 2, 3)]
    said = tool("pdfinfo", "-l", "3", made(tmp_path, *pages))
    assert [
        line.split()[3:6:2] for line in said.splitlines() if line.startswith("Page ") and "size" in line
    ] == [
        ["72", "60"],
        ["72", "120"],
        ["72", "180"],
    ]


def test_black_may_be_zero(tmp_path: Path) -> None:
    image = drawing(200, 120)
    normal = shown(made(tmp_path, PdfPage(200, 120, 72, 72, t6(image))), tmp_path).convert("L")
    page = PdfPage(200, 120, 72, 72, t6(image), min_is_black=True)
    turned = shown(made(tmp_path, page), tmp_path).convert("L")
    assert ImageChops.invert(turned).tobytes() == normal.tobytes()


@pytest.mark.parametrize(("samples", "mode"), [(1, "L"), (3, "RGB")])
def test_grey_and_colour(tmp_path: Path, samples: int, mode: str) -> None:
    image = Image.frombytes(mode, (64, 32), bytes(range(256)) * (8 * samples))
    page = PdfPage(64, 32, 72, 72, zlib.compress(image.tobytes()), samples=samples)
    assert shown(made(tmp_path, page), tmp_path).convert(mode).tobytes() == image.tobytes()


def test_very_long_pages_have_a_larger_unit(tmp_path: Path) -> None:
    page = PdfPage(8, 60_000, 204, 196, t6(Image.new("1", (8, 60_000), 255)))
    path = made(tmp_path, page)
    assert b"/UserUnit 1.531" in path.read_bytes()
    assert b"MediaBox[0 0 3 14400]" in path.read_bytes()


def test_very_small_pages_are_three_points(tmp_path: Path) -> None:
    page = PdfPage(8, 1, 204, 196, t6(Image.new("1", (8, 1), 0)))
    assert "Page size:       3 x 3 pts" in tool("pdfinfo", made(tmp_path, page))


def test_texts_in_any_script(tmp_path: Path) -> None:
    info = PdfInfo(
        "Fax von Müller (тест) \\ )>>",
        datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "陳小姐 📠",
        "O'Neill & Söhne",
    )
    said = tool(
        "pdfinfo", "-enc", "UTF-8", "-rawdates", made(tmp_path, PdfPage(8, 8, 72, 72, b"\0"), info=info)
    )
    assert "Title:           Fax von Müller (тест) \\ )>>\n" in said
    assert "Author:          陳小姐 📠\n" in said
    assert "Subject:         O'Neill & Söhne\n" in said
    assert "Producer:        NexeFax\n" in said
    assert "CreationDate:    D:20260102030405+00'00'\n" in said


def test_dates_have_their_zone(tmp_path: Path) -> None:
    page = PdfPage(8, 8, 72, 72, b"\0")
    east = PdfInfo("t", datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=-3, minutes=-30))))
    assert b"(D:20260102030405-03'30')" in made(tmp_path, page, info=east).read_bytes()
    naive = PdfInfo("t", datetime(2026, 1, 2, 3, 4, 5))  # noqa: DTZ001 - that is the case tried
    assert b"(D:20260102030405)" in made(tmp_path, page, info=naive).read_bytes()


def test_empty_texts_are_left_out(tmp_path: Path) -> None:
    raw = made(tmp_path, PdfPage(8, 8, 72, 72, b"\0"), info=PdfInfo("", INFO.created)).read_bytes()
    assert b"/Title" not in raw
    assert b"/Author" not in raw
    assert b"/Subject" not in raw


def test_no_pages_is_still_a_pdf(tmp_path: Path) -> None:
    assert b"/Count 0" in made(tmp_path).read_bytes()


def test_a_stricter_reader_has_no_complaint(tmp_path: Path) -> None:
    pages = [PdfPage(1728, 100, 204, 196, t6(drawing(1728, 100)), orientation=n) for n in TURNS]
    assert "No syntax or stream encoding errors found" in tool("qpdf", "--check", made(tmp_path, *pages))


@given(st.text(st.characters(), max_size=400))
def test_tidy_texts_are_one_line_that_can_be_written(text: str) -> None:
    tidied = tidy(text)
    assert len(tidied) <= MAX_TEXT
    assert tidied == " ".join(tidied.split())
    assert all(letter.isprintable() for letter in tidied)
    file = io.BytesIO()
    write_pdf(file, [], PdfInfo(text, INFO.created, text, text))
    assert file.getvalue().endswith(b"%%EOF\n")
