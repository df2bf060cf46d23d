"""A long PDF to a fax TIFF, against bare Ghostscript: ``python -m tests.bench.render [--pdf FILE] [--rounds N]``.

The aim (DESIGN section 8): at most 1.1 times bare Ghostscript. Both take turns, and the best of each counts, so that
what else runs on the machine matters little. Without ``--pdf`` 117 pages are made: text, tables and a logo.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from nexefax.fax.convert import RenderedPage, RenderSettings, Slots, render
from tests.convert.pdf_writer import LETTER, PdfWriter, box, text

PAGES = 117
WORDS = [
    "In",
    "accordance",
    "with",
    "the",
    "agreement",
    "of",
    "all",
    "parties",
    "this",
    "statement",
    "lists",
    "items",
]


def long_document(path: Path) -> Path:
    """Write 117 pages that take Ghostscript as long as the document of DESIGN's figure, 16 ms each.

    Two columns of small text in two fonts, a chart of fine lines, every third page a ruled table, each a grey logo.
    """
    writer = PdfWriter()
    serif = writer.add("<< /Type /Font /Subtype /Type1 /BaseFont /Times-Roman >>")
    logo = writer.picture(64, 32, bytes((x * 4 + y * 3) % 256 for y in range(32) for x in range(64)))
    for page in range(PAGES):
        content = text(72, 750, 14, f"Statement {page + 1}") + "q 64 0 0 32 470 745 cm /Im1 Do Q\n"
        for line in range(30):
            words = [WORDS[(page * 7 + line * 5 + at * 3) % len(WORDS)] for at in range(8)]
            content += text(60, 725 - line * 17, 9, f"{line + 1}. " + " ".join(words))
            content += text(320, 725 - line * 17, 9, " ".join(words[::-1])).replace("/F1", "/F2")
        for at in range(90):
            x, y = 60 + at * 5.3, 60 + (at * (page + 7)) % 120
            content += (
                f"0.3 w {x:.1f} 60 m {x + 9:.1f} {y} {x - 5:.1f} {y / 2 + 40:.1f} {x:.1f} {y + 8} c S\n"
            )
        if page % 3 == 0:
            content += "".join(box(60, 60 + row * 22, 480, 0.6) for row in range(29))
        writer.page(
            content,
            media=LETTER,
            resources=f"/XObject << /Im1 {logo} 0 R >> /Font << /F1 3 0 R /F2 {serif} 0 R >>",
        )
    return writer.write(path)


def bare(pdf: Path, folder: Path) -> float:
    """Seconds of the plain command."""
    argv = ["gs", "-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", "-sDEVICE=tiffg4", "-r204x196"]
    argv += ["-dFIXEDMEDIA", "-dPDFFitPage", "-g1728x2156", f"-sOutputFile={folder / 'bare.tif'}", str(pdf)]
    started = time.perf_counter()
    subprocess.run(argv, check=True, capture_output=True)
    return time.perf_counter() - started


async def ours(pdf: Path, folder: Path, slots: Slots) -> tuple[float, float, int]:
    """Seconds to the whole fax and to its first run of pages, and how many pages."""
    started = time.perf_counter()
    first: list[float] = []

    async def on_run(_: Path, __: Sequence[RenderedPage]) -> None:
        first.append(time.perf_counter() - started)

    rendering = await render(
        pdf, folder / "ours.tif", settings=RenderSettings(), tmp_dir=folder, on_run=on_run, slots=slots
    )
    return time.perf_counter() - started, first[0], len(rendering.pages)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pdf", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pdf = arguments.pdf.absolute() if arguments.pdf else long_document(folder / "long.pdf")
        slots = Slots()
        rounds = [(bare(pdf, folder), asyncio.run(ours(pdf, folder, slots))) for _ in range(arguments.rounds)]
    plain = min(seconds for seconds, _ in rounds)
    whole, first = min(took for _, (took, _, _) in rounds), min(early for _, (_, early, _) in rounds)
    print(f"{rounds[0][1][2]} pages, {slots.jobs} processors, best of {arguments.rounds}")
    print(
        f"bare gs {plain:.2f} s; ours {whole:.2f} s = {whole / plain:.2f} times; first pages after {first:.2f} s"
    )


if __name__ == "__main__":
    main()
