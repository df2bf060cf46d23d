"""Reading back what NexeFax wrote, with poppler."""

from __future__ import annotations

import subprocess
from pathlib import Path

from PIL import Image, ImageChops


def tool(*command: str | Path) -> str:
    """What a program says; it must have nothing to complain of."""
    done = subprocess.run([*map(str, command)], capture_output=True, check=True, text=True)
    assert done.stderr == ""
    return done.stdout


def pictures(pdf: Path) -> list[Image.Image]:
    """The images of a PDF, one a page, pixel by pixel as they are stored."""
    folder = pdf.with_suffix(".images")
    folder.mkdir()
    tool("pdfimages", "-png", pdf, folder / "p")
    found = []
    for path in sorted(folder.iterdir()):
        with Image.open(path) as image:
            found.append(image.copy())
    return found


def sizes(pdf: Path) -> list[tuple[float, float]]:
    """The pages' sizes in points."""
    said = tool("pdfinfo", "-f", "1", "-l", "100000", pdf)
    found = [line.split() for line in said.splitlines() if line.startswith("Page ") and " size:" in line]
    return [(float(words[3]), float(words[5])) for words in found]


def same(first: Image.Image, second: Image.Image) -> bool:
    """Whether two pictures have the same pixels."""
    if first.size != second.size:
        return False
    return ImageChops.difference(first.convert("RGB"), second.convert("RGB")).getbbox() is None
