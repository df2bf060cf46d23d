"""A one-page PDF to fax: text in several sizes, fine lines, greys and a round shape, made without any library."""

from __future__ import annotations

import math

_LINES = (
    (26, "A fax, sent by NexeFax"),
    (12, "This page went as a PDF through the web page, became a fax TIFF, and was"),
    (12, "dialled by Asterisk. The same Asterisk answered and received it again."),
    (
        9,
        "Small print survives at 204 by 196 dots to the inch: 0123456789 The quick brown fox jumps over the lazy dog.",
    ),
    (7, "Smaller print becomes hard to read: 0123456789 The quick brown fox jumps over the lazy dog."),
)


def sample_pdf(title: str = "Sample") -> bytes:
    """Return an A4 page as PDF bytes; ``title`` (ASCII) stands on the page as well."""
    content = "\n".join(_drawing(title)).encode("ascii", "replace")
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R"
        b" /Resources << /Font << /F 4 0 R >> >> >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
    )
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    count = len(objects) + 1
    return out + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        % (count, table, count, len(out))
    )


def _drawing(title: str) -> list[str]:
    drawing, top = [], 760
    for size, text in (*_LINES, (12, title)):
        escaped = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
        drawing.append(f"BT /F {size} Tf 56 {top} Td ({escaped}) Tj ET")
        top -= size * 2
    drawing += [f"{0.9 - step * 0.1:.1f} g {56 + step * 54} 480 50 60 re f" for step in range(9)]
    drawing += [
        f"{0.1 + step * 0.1:.1f} w 0 G 56 {440 - step * 8} m 539 {440 - step * 6} l S" for step in range(10)
    ]
    circle = (
        f"{297 + 90 * math.cos(angle):.1f} {240 + 90 * math.sin(angle):.1f}"
        for angle in (step * math.tau / 72 for step in range(73))
    )
    return [*drawing, "1 w 0 g", f"{next(circle)} m", *(f"{point} l" for point in circle), "S"]
