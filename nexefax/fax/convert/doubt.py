"""What Ghostscript is not believed: pages that it complained of, and such as can't be what poppler's look showed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nexefax.fax.convert.faxtiff import Strip, is_blank
from nexefax.fax.convert.geometry import Placement
from nexefax.fax.convert.ghostscript import Drawn
from nexefax.fax.convert.tone import Picture, complexity, has_ink

FEW_EDGES: Final = 2_000  # of a look: below, a page has too little on it for statistics
LEAST_BYTES: Final = 0.2  # of T.6 for each edge
MANY_BYTES: Final = (
    14_000  # of T.6: for more, a look would have to have 60,000 edges, which is no page but a grid
)


def doubted(
    drawn: Mapping[int, Drawn], places: Mapping[int, Placement], pictures: Mapping[int, Picture]
) -> set[int]:
    """The pages that Ghostscript did not draw, drew with complaints, or drew unlike the look; blocking."""
    found = set()
    for number, page in drawn.items():
        picture = pictures.get(number)
        if page.strip is None or page.complaints:
            found.add(number)
        elif picture is None:
            if is_blank(page.strip):
                found.add(number)
        elif not resembles(page.strip, places[number], picture):
            found.add(number)
    return found


def resembles(strip: Strip, page: Placement, picture: Picture) -> bool:
    """Whether a page can be what a look showed, by its bytes: T.6 data grows with the edges on a page.

    Finds pages that came out white, or with their writing missing, though Ghostscript is content. Of 250 pages of
    all kinds the good ones have 0.35 to 2.2 bytes for each edge of the look, enlarged to the look's scale.
    """
    if strip.size <= strip.length // 8 + 8 and has_ink(picture):
        return False
    enlarged = page.shown[0] / picture.width
    if enlarged < 2 or strip.size - strip.length // 8 > MANY_BYTES:
        return True
    edges = complexity(picture)
    if edges < FEW_EDGES:
        return True
    return (strip.size - strip.length / 8) * 3.5 / enlarged > edges * LEAST_BYTES
