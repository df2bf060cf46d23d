"""Every document of the corpus, rendered: ``python -m tests.bench.corpus [--pages N] [NAME…]``.

Prints a table: pages, engine, seconds and the likeness of each document's least like page, or the sentence with which
it was refused; then all pages that are less like than the threshold. Likeness: see tests/convert/likeness.py.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

from nexefax.fax.convert import RenderSettings
from tests.convert.corpus_pages import CORPUS, LIKE, OUTLIERS, Outcome, examine


def row(outcome: Outcome) -> str:
    """One line of the table."""
    name = outcome.document.name[:44].ljust(44)
    if outcome.rendering is None:
        return f"{name} refused {outcome.seconds:6.2f} s  {outcome.sentence}"
    pages = list(outcome.pages.values())
    like = f"ink {min(p.ink for p in pages):.2f} shape {min(p.shape for p in pages):.2f}" if pages else "-"
    rendering = outcome.rendering
    drawn = f"{len(rendering.pages):3d} p {rendering.engine.ljust(10)}"
    return f"{name} {drawn} {outcome.seconds:6.2f} s  {like}  {' '.join(rendering.notes)}"


async def run(documents: Sequence[Path], pages: int) -> list[Outcome]:
    """Render one document after the other and print its line."""
    outcomes = []
    for document in documents:
        with tempfile.TemporaryDirectory() as folder:
            outcome = await examine(document, Path(folder), most=pages, settings=RenderSettings())
        outcomes.append(outcome)
        print(row(outcome), flush=True)
    return outcomes


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pages", type=int, default=10_000, help="compare so many pages of a document")
    parser.add_argument("names", nargs="*", help="beginnings of file names; all without")
    arguments = parser.parse_args()
    documents = [
        path
        for path in sorted([*CORPUS.glob("pdf/*"), *CORPUS.glob("tiff/*"), *CORPUS.glob("evil/*.[pt]*")])
        if not arguments.names or path.name.startswith(tuple(arguments.names))
    ]
    outcomes = asyncio.run(run(documents, arguments.pages))
    faxed = [outcome for outcome in outcomes if outcome.rendering is not None]
    compared = [found for outcome in faxed for found in outcome.pages.values()]
    print(f"\n{len(faxed)} faxed, {len(outcomes) - len(faxed)} refused; {len(compared)} pages compared")
    if compared:
        shapes = sorted(found.shape for found in compared)
        print(f"shape: median {shapes[len(shapes) // 2]:.3f}; threshold shape {LIKE.shape}, ink {LIKE.ink}")
    for outcome in faxed:
        for number, found in outcome.outliers.items():
            why = OUTLIERS.get((outcome.document.name, number), "")
            print(
                f"outlier: {outcome.document.name} page {number}: ink {found.ink:.2f} shape {found.shape:.2f} {why}"
            )


if __name__ == "__main__":
    main()
