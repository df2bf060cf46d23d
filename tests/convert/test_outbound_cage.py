"""Documents that reach for what lies outside of them get nothing, seen in the pixels that are faxed."""

from __future__ import annotations

from pathlib import Path

import pytest

from nexefax.errors import DocumentError
from tests.convert.drawn import Draw, ink, near
from tests.convert.pdf_writer import PdfWriter, box, text

MARK = box(0, 700, 100, 92)  # what is drawn in any case: the top left corner


def document(reach: str, canary: Path) -> bytes:
    """A PDF whose lower half is black when the file ``canary`` was read."""
    writer = PdfWriter()
    where = f"/F ({canary})"
    if reach == "content":
        marked = writer.stream(MARK.encode())
        outside = writer.add(f"<< {where} /Length 0 >>\nstream\n\nendstream")
        writer.pages.append(
            writer.add(
                f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents [{marked} 0 R {outside} 0 R] "
                "/Resources << >> >>"
            )
        )
        return writer.bytes()
    if reach == "image":
        picture = writer.add(
            "<< /Type /XObject /Subtype /Image /Width 16 /Height 16 /BitsPerComponent 8 /ColorSpace /DeviceGray "
            f"{where} /Length 0 >>\nstream\n\nendstream"
        )
        resources = f"/XObject << /P {picture} 0 R >>"
        writer.page(MARK + "q 612 0 0 396 0 0 cm /P Do Q", resources=resources)
        return writer.bytes()
    form = writer.add(
        "<< /Type /XObject /Subtype /Form /BBox [0 0 612 792] "
        f"/Ref << /F << /Type /Filespec {where} >> /Page 0 >> /Length 0 >>\nstream\n\nendstream"
    )
    writer.page(MARK + "/X Do", resources=f"/XObject << /X {form} 0 R >>")
    return writer.bytes()


@pytest.mark.parametrize("reach", ["content", "image", "reference"])
async def test_a_pdf_reads_no_other_file(draw: Draw, tmp_path: Path, reach: str) -> None:
    canary = tmp_path / "canary"
    black = PdfWriter()
    black.page(box(0, 0, 612, 396))
    content = {"content": box(0, 0, 612, 396).encode(), "image": b"\0" * 256, "reference": black.bytes()}
    canary.write_bytes(content[reach])
    try:
        _, (page,) = await draw(document(reach, canary))
    except DocumentError as refused:
        assert "can't be read" in str(refused)
        return
    assert near(ink(page), (0, 0, 100 / 612, 92 / 792))


async def test_text_that_looks_like_postscript_stays_text(draw: Draw) -> None:
    words = "%not postscript\n(/etc/hostname) (r) file 100 string readstring pop show showpage\n%%EOF\n%%Page: 7 7\n"
    _, pages = await draw(words.encode())
    assert len(pages) == 1


async def test_a_name_in_a_pdf_is_no_command_for_ghostscript(draw: Draw, tmp_path: Path) -> None:
    writer = PdfWriter()
    touched = tmp_path / "touched"
    evil = f"(%pipe%touch {touched}) (w) file closefile"
    font = writer.add(f"<< /Type /Font /Subtype /Type1 /BaseFont /#28#25pipe#25touch#20{touched.name}#29 >>")
    writer.page(
        MARK + text(72, 300, 20, evil) + "BT /F9 20 Tf 72 200 Td (x) Tj ET", resources=f"/F9 {font} 0 R"
    )
    await draw(writer.bytes())
    assert not touched.exists()
