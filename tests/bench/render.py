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
    """Write 117 pages: dense text, every third with a ruled table, each with a grey logo."""
    writer = PdfWriter()
    logo = writer.picture(64, 32, bytes((x * 4 + y * 3) % 256 for y in range(32) for x in range(64)))
    for page in range(PAGES):
        content = text(72, 740, 14, f"Statement {page + 1}") + "q 64 0 0 32 470 735 cm /Im1 Do Q\n"
        for line in range(58):
            words = [WORDS[(page * 7 + line * 5 + at * 3) % len(WORDS)] for at in range(15)]
            content += text(72, 712 - line * 11, 9, f"{line + 1}. " + " ".join(words))
        if page % 3 == 0:
            content += "".join(box(72, 60 + row * 22, 468, 0.6) for row in range(29))
        writer.page(content, media=LETTER, resources=f"/XObject << /Im1 {logo} 0 R >>")
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
