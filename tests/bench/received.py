"""Received TIFF → PDF, measured: a table of every file given (or of the corpus), and the time of a long fax.

    python -m tests.bench.received [TIFF...]

Prints what became of each file (delivered lossless, repaired, as TIFF), its pages, seconds and what the recipient is
told; then 117 pages as spandsp writes them and as others do, beside bare tiff2pdf.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from PIL import Image

from nexefax.fax.convert import PdfInfo, Received, to_pdf
from tests.convert.fax_pages import drawing, fax, write_tiff

CORPUS = Path(os.environ.get("NEXEFAX_CORPUS") or Path(__file__).parents[3] / "shared" / "corpus")
INFO = PdfInfo("Fax from 12025550100", datetime.now(UTC), "Caller", "ACME")
LONG, RUNS = 117, 7


async def convert(tiff: Path, folder: Path) -> tuple[Received, float]:
    start = time.perf_counter()
    found = await to_pdf(tiff, folder / "fax.pdf", info=INFO, tmp_dir=folder)
    return found, time.perf_counter() - start


async def table(files: list[Path], folder: Path) -> None:
    outcomes: Counter[str] = Counter()
    for tiff in files:
        found, seconds = await convert(tiff, folder)
        delivered = {"unreadable": "TIFF"}.get(found.outcome, found.outcome)
        outcomes[delivered] += 1
        print(f"{tiff.name:58} {delivered:9} {found.pages:5} {seconds:7.3f} s  {'; '.join(found.notes)}")
    print(", ".join(f"{count} {name}" for name, count in outcomes.most_common()))


async def long_fax(folder: Path) -> None:
    image = Image.new("1", (1728, 2200), 255)
    image.paste(drawing(1300, 900), (150, 300))  # a letter: 34 KB of T.6
    kinds = {
        "as spandsp writes it": {305: (2, b"Spandsp 20140525\0")},
        "as others do": {},
    }
    for kind, tags in kinds.items():
        tiff = write_tiff(folder / "long.tiff", [fax(image, tags=tags)] * LONG)
        ours = statistics.median([(await convert(tiff, folder))[1] for _ in range(RUNS)])
        bare = statistics.median([tiff2pdf(tiff, folder / "bare.pdf") for _ in range(RUNS)])
        size = tiff.stat().st_size / 1e6
        print(
            f"{LONG} pages {kind} ({size:.1f} MB): {ours * 1000:.0f} ms; bare tiff2pdf {bare * 1000:.0f} ms"
        )


def tiff2pdf(tiff: Path, pdf: Path) -> float:
    start = time.perf_counter()
    subprocess.run(["tiff2pdf", "-o", pdf, tiff], check=True)
    return time.perf_counter() - start


async def main() -> None:
    files = [Path(name) for name in sys.argv[1:]]
    files = files or sorted([*CORPUS.glob("tiff/*.tif*"), *CORPUS.glob("evil/*.tif*")])
    with tempfile.TemporaryDirectory() as folder:
        await table(files, Path(folder))
        await long_fax(Path(folder))


if __name__ == "__main__":
    asyncio.run(main())
