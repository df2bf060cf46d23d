"""A small PDF writer for awkward documents: everything that a test wants wrong can be written wrong."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

LETTER = (0.0, 0.0, 612.0, 792.0)
A4 = (0.0, 0.0, 595.28, 841.89)
A5 = (0.0, 0.0, 419.53, 595.28)
A3 = (0.0, 0.0, 841.89, 1190.55)
LEGAL = (0.0, 0.0, 612.0, 1008.0)


def text(x: float, y: float, size: float, words: str, grey: float = 0.0) -> str:
    """Content that writes ``words`` in Helvetica."""
    escaped = words.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return f"{grey} g BT /F1 {size} Tf {x} {y} Td ({escaped}) Tj ET\n"


def box(x: float, y: float, width: float, height: float, grey: float = 0.0) -> str:
    """Content that fills a rectangle."""
    return f"{grey} g {x} {y} {width} {height} re f\n"


def numbers(values: Sequence[float]) -> str:
    """An array as PDF writes it."""
    return "[" + " ".join(f"{value:g}" for value in values) + "]"


class PdfWriter:
    """Objects in the order in which they are added; 1 is the catalogue, 2 the page tree, 3 Helvetica."""

    def __init__(self, version: str = "1.7") -> None:
        self.version = version
        self.objects: list[bytes] = [b"", b"", b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
        self.pages: list[int] = []
        self.catalogue = ""
        self.tree = ""
        self.count: int | None = None
        self.trailer = ""

    def add(self, body: str | bytes) -> int:
        """Add an object and return its number."""
        self.objects.append(body.encode("latin-1") if isinstance(body, str) else body)
        return len(self.objects)

    def stream(self, data: bytes, entries: str = "", *, squeeze: bool = False) -> int:
        """Add a stream."""
        if squeeze:
            data, entries = zlib.compress(data), entries + " /Filter /FlateDecode"
        return self.add(b"<< %s /Length %d >>\nstream\n%s\nendstream" % (entries.encode(), len(data), data))

    def page(
        self,
        content: str | bytes = "",
        *,
        media: Sequence[float] | None = LETTER,
        resources: str = "",
        entries: str = "",
    ) -> int:
        """Add a page; ``entries`` are raw (``/Rotate 90``), ``resources`` are added to the font."""
        stream = self.stream(content.encode("latin-1") if isinstance(content, str) else content)
        box_entry = f"/MediaBox {numbers(media)}" if media is not None else ""
        number = self.add(
            f"<< /Type /Page /Parent 2 0 R {box_entry} {entries} /Contents {stream} 0 R "
            f"/Resources << /Font << /F1 3 0 R >> {resources} >> >>"
        )
        self.pages.append(number)
        return number

    def picture(self, width: int, height: int, data: bytes, entries: str = "/ColorSpace /DeviceGray") -> int:
        """Add an image XObject of 8 bits a sample."""
        return self.stream(
            data,
            f"/Type /XObject /Subtype /Image /Width {width} /Height {height} /BitsPerComponent 8 {entries}",
            squeeze="/Filter" not in entries,
        )

    def bytes(self) -> bytes:
        """The document."""
        kids = " ".join(f"{number} 0 R" for number in self.pages)
        count = len(self.pages) if self.count is None else self.count
        self.objects[0] = f"<< /Type /Catalog /Pages 2 0 R {self.catalogue} >>".encode("latin-1")
        self.objects[1] = f"<< /Type /Pages /Kids [{kids}] /Count {count} {self.tree} >>".encode("latin-1")
        out = bytearray(b"%%PDF-%s\n%%\xe2\xe3\xcf\xd3\n" % self.version.encode())
        offsets = []
        for number, body in enumerate(self.objects, 1):
            offsets.append(len(out))
            out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
        start = len(out)
        out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(offsets) + 1)
        out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
        size = len(offsets) + 1
        out += f"trailer << /Size {size} /Root 1 0 R {self.trailer} >>\nstartxref\n{start}\n%%EOF\n".encode()
        return bytes(out)

    def write(self, path: Path) -> Path:
        """Write the document and return where."""
        path.write_bytes(self.bytes())
        return path
