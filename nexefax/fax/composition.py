"""How documents become the pages of a fax: their order, what is left out, turned or drawn otherwise, the cover. Pure.

A fax keeps it as JSON (``fax.composition``), "" for a single document as it is::

    {"parts": [{"file": "document", "name": "scan.pdf", "pages": {"3": {"turn": 1, "tone": "photo"}}},
               {"file": "document-2", "name": "note.txt", "pages": {"1": {"left_out": true}}}],
     "resolution": "fine", "cover": true, "moment": 1795600000.0}
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

Tone = Literal["auto", "photo", "text"]

TONES: Final[tuple[Tone, ...]] = ("auto", "photo", "text")
RESOLUTIONS: Final = ("fine", "standard")

# Names in a fax's folder; what a restored journal says must not lead out of it.
_FILE: Final = re.compile(r"document(?:-[1-9][0-9]{0,5})?")
_PAGE: Final = re.compile(r"[1-9][0-9]{0,5}")


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants of a page: ``turn`` is in quarter turns clockwise, on top of how it comes out by itself."""

    turn: int = 0
    tone: Tone = "auto"
    left_out: bool = False

    @property
    def changes(self) -> bool:
        """Whether the page is to be drawn otherwise than it comes out by itself."""
        return self.turn != 0 or self.tone != "auto"


PLAIN: Final = Wish()


@dataclass(frozen=True, slots=True)
class Part:
    """A document of a fax: the ``file`` in the fax's folder, what people call it, and the wishes by page (from 1)."""

    file: str
    name: str = ""
    pages: Mapping[int, Wish] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Composition:
    """The parts of a fax in their order; ``resolution`` is a word of `RESOLUTIONS`, "" for the account's.

    ``moment`` (seconds since 1970) is what the cover page says for its date, None for when the fax was accepted.
    """

    parts: tuple[Part, ...] = (Part("document"),)
    resolution: str = ""
    cover: bool = False
    moment: float | None = None

    @property
    def files(self) -> frozenset[str]:
        """The documents' names in the fax's folder."""
        return frozenset(part.file for part in self.parts)


def part_file(number: int) -> str:
    """The name in a fax's folder of its document ``number`` (from 1)."""
    return "document" if number == 1 else f"document-{number}"


def chosen_pages(wishes: Mapping[int, Wish], count: int) -> list[tuple[int, Wish]]:
    """The pages of a document of ``count`` pages that are sent, with what is wanted of them."""
    wanted = ((page, wishes.get(page, PLAIN)) for page in range(1, count + 1))
    return [(page, wish) for page, wish in wanted if not wish.left_out]


def names_in_words(names: Sequence[str]) -> str:
    """What several documents are called together."""
    return ", ".join(names)


def write_composition(composition: Composition) -> str:
    """The JSON that `read_composition` reads."""
    parts = [
        {"file": part.file, "name": part.name, "pages": wishes_as_json(part.pages)}
        for part in composition.parts
    ]
    found = {
        "parts": parts,
        "resolution": composition.resolution,
        "cover": composition.cover,
        "moment": composition.moment,
    }
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"))


def read_composition(text: str) -> Composition:
    """The composition of a fax; raises ValueError for what `write_composition` did not write."""
    if not text:
        return Composition()
    try:
        found = json.loads(text)
        parts = tuple(_part(part) for part in found["parts"])
        composition = Composition(parts, found["resolution"], found["cover"], found["moment"])
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"no composition: {error!r}") from error
    if composition.resolution not in ("", *RESOLUTIONS) or not isinstance(composition.cover, bool):
        raise ValueError("no composition: its resolution or cover")
    if not isinstance(composition.moment, float | None) or not -1e9 < (composition.moment or 0.0) < 1e11:
        raise ValueError("no composition: its moment")
    return composition


def composed_anew(text: str) -> str:
    """The composition of a fax that is sent once more: its cover page has a date of its own."""
    if not text:
        return ""
    return write_composition(replace(read_composition(text), moment=None))


def _part(found: Any) -> Part:
    if not _FILE.fullmatch(found["file"]) or not isinstance(found["name"], str):
        raise ValueError("no composition: the name of a document")
    return Part(found["file"], found["name"], wishes_of_json(found["pages"]))


def wishes_as_json(wishes: Mapping[int, Wish]) -> dict[str, dict[str, object]]:
    """Wishes by page as JSON has them; what is as usual is left away."""
    return {str(page): said for page, wish in sorted(wishes.items()) if (said := _said(wish))}


def _said(wish: Wish) -> dict[str, object]:
    said: dict[str, object] = {}
    if wish.turn:
        said["turn"] = wish.turn
    if wish.tone != "auto":
        said["tone"] = wish.tone
    if wish.left_out:
        said["left_out"] = True
    return said


def wishes_of_json(found: Any) -> dict[int, Wish]:
    """The other way round. Raises ValueError, TypeError or AttributeError for what is none."""
    wishes = {}
    for page, said in found.items():
        wish = Wish(**said)
        if not (
            _PAGE.fullmatch(page)
            and wish.turn in range(4)
            and wish.tone in TONES
            and isinstance(wish.left_out, bool)
            and not isinstance(wish.turn, bool)
        ):
            raise ValueError(f"no wish for page {page}")
        wishes[int(page)] = wish
    return wishes
