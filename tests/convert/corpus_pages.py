"""Documents of awkward kinds from elsewhere, where they stand beside the checkout (``NEXEFAX_CORPUS``): rendered, and
each page held against what pdftocairo shows."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from nexefax.errors import DocumentError
from nexefax.fax.convert import Rendering, RenderSettings, ghostscript, poppler, render
from nexefax.fax.convert.geometry import Placement, place
from nexefax.process import scratch_directory
from tests.convert.likeness import Likeness, compare, faxed, reference

CORPUS = Path(os.environ.get("NEXEFAX_CORPUS") or Path(__file__).parents[3] / "shared" / "corpus")

# A page is like what a viewer shows when its ink lies where the viewer's does. Black for grey and thicker hairlines
# change the amount of ink, not its places: so the amount may be further off.
LIKE = Likeness(ink=0.55, shape=0.9)

# Pages that are less like, and why. There is no other reason than these: a new one is a defect.
OUTLIERS = {
    ("crash-type3-cycle.pdf", 1): "pdftocairo paints the page black; Ghostscript and Splash draw the glyphs",
    ("size-mixed-a4-letter-54p.pdf", 2): "pdftocairo shows the frames of links, which are not printed",
    (
        "size-receipt-612x2376.pdf",
        1,
    ): "a shadow paler than 9 percent grey is left white, and there is little else",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a document: a fax with the likeness of its pages (by number), or a sentence."""

    document: Path
    seconds: float
    rendering: Rendering | None
    sentence: str
    pages: dict[int, Likeness]

    @property
    def outliers(self) -> dict[int, Likeness]:
        """The pages that are not like what a viewer shows."""
        return {
            number: found
            for number, found in self.pages.items()
            if found.shape < LIKE.shape or found.ink < LIKE.ink
        }


async def examine(document: Path, folder: Path, *, most: int, settings: RenderSettings) -> Outcome:
    """Render a document within ``folder`` and compare up to ``most`` of its pages, spread over it."""
    tiff = folder / "fax.tif"
    started = time.perf_counter()
    try:
        rendering = await render(document, tiff, settings=settings, tmp_dir=folder)
    except DocumentError as error:
        return Outcome(document, time.perf_counter() - started, None, str(error), {})
    took = time.perf_counter() - started
    places = await placements(document, folder, settings) if document.suffix == ".pdf" else []
    if len(places) != len(rendering.pages):  # only Ghostscript can open it: there is nothing to compare with
        return Outcome(document, took, rendering, "", {})
    chosen = range(0, len(places), max(1, -(-len(places) // most)))
    found = await asyncio.to_thread(likenesses, document, tiff, places, chosen)
    return Outcome(document, took, rendering, "", found)


async def placements(document: Path, folder: Path, settings: RenderSettings) -> list[Placement]:
    """Where the pages of a PDF lie on their faxes."""
    async with scratch_directory(folder) as scratch:
        told = await poppler.contents(document, most=settings.max_pages, scratch=scratch, seconds=30)
        _, shapes = await ghostscript.shapes(document, most=settings.max_pages, scratch=scratch, seconds=30)
    units = {shape.number: shape.unit for shape in shapes}
    return [
        place(replace(shape, unit=units.get(shape.number, 1.0)), settings.resolution, settings.fit)
        for shape in told.shapes
    ]


def likenesses(
    document: Path, tiff: Path, places: list[Placement], chosen: Collection[int]
) -> dict[int, Likeness]:
    """Compare pages; those that pdftocairo can't show are left out."""
    found = {}
    for index in chosen:
        shown = reference(document, places[index])
        if shown is not None:
            found[places[index].number] = compare(faxed(tiff, index), shown)
    return found
