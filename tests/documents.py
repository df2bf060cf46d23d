"""Documents that tests make for themselves."""

from __future__ import annotations

from pathlib import Path


def pdf_bytes(pages: int = 1, *, box: tuple[float, float] = (595, 842), words: str = "Page") -> bytes:
    """Return a sound PDF: each page has its number large, and a frame."""
    width, height = box
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>"]
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(pages))
    objects.append(f"<< /Type /Pages /Count {pages} /Kids [{kids}] >>".encode())
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    for number in range(1, pages + 1):
        content = (
            f"BT /F1 60 Tf 72 {height / 2:.0f} Td ({words} {number} of {pages}) Tj ET\n"
            f"2 w 36 36 {width - 72:.0f} {height - 72:.0f} re S\n"
        ).encode()
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width} {height}] /Resources << /Font << /F1 3 0 R >> >>"
            f" /Contents {3 + 2 * number} 0 R >>".encode()
        )
        objects.append(b"<< /Length %d >>\nstream\n%sendstream" % (len(content), content))
    out = b"%PDF-1.4\n"
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    xref = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return out + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, xref)


def write_pdf(path: Path, pages: int = 1, **more: object) -> Path:
    """Write :func:`pdf_bytes` to ``path``."""
    path.write_bytes(pdf_bytes(pages, **more))  # type: ignore[arg-type]  # handed through
    return path
