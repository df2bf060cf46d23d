"""Pages of documents that are drawn: as files beside the document, in drafts and in faxes alike.

::

    <document>.fine.tiff             all pages, as they come out by themselves
    <document>.fine.json             what they are, or why the document is refused; written last
    <document>.fine.p3-1-photo.tiff  page 3 alone, turned and drawn as a photo
    <document>.fine.p3-1-photo.json
    cover.fine.<hash>.tiff, .json    a cover page; the hash is of all that stands on it

What is drawn depends on nothing but the document and the name, so a file that is there is as good as a new one, and
what was previewed is what is dialled. Functions block on the disk.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from nexefax.durable import write_file
from nexefax.errors import ChildFailed
from nexefax.fax.composition import Wish
from nexefax.fax.convert import RenderedPage, Rendering

log = logging.getLogger("nexefax.fax")

_NAME: Final = re.compile(
    r"(?:document(?:-[0-9]+)?|cover)\.(?:fine|standard)\.(?:[a-z0-9-]+\.)?(?:tiff|json)"
)


@dataclass(frozen=True, slots=True)
class Rendition:
    """Pages in ``tiff``, in this order; ``refused`` says in a sentence why there are none."""

    tiff: Path
    pages: tuple[RenderedPage, ...] = ()
    notes: tuple[str, ...] = ()
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rendition is, or will be: ``name`` without its suffix, in ``folder``."""

    folder: Path
    name: str

    @property
    def tiff(self) -> Path:
        """The pages."""
        return self.folder / f"{self.name}.tiff"

    @property
    def facts(self) -> Path:
        """What they are."""
        return self.folder / f"{self.name}.json"

    def load(self) -> Rendition | None:
        """The rendition, None when it is not there or not whole."""
        try:
            found = json.loads(self.facts.read_text(encoding="utf-8"))
            pages = tuple(RenderedPage(**page) for page in found["pages"])
            rendition = Rendition(self.tiff, pages, tuple(found["notes"]), found["refused"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            log.warning("%s can't be read, the pages are drawn again: %r", self.facts, error)
            return None
        return rendition if rendition.refused or self.tiff.is_file() else None

    def save(self, rendering: Rendering) -> Rendition:
        """Say what the pages at ``tiff`` are."""
        return self._save(Rendition(self.tiff, rendering.pages, rendering.notes))

    def refuse(self, sentence: str) -> Rendition:
        """Remember that there will be no pages."""
        return self._save(Rendition(self.tiff, refused=sentence))

    def _save(self, rendition: Rendition) -> Rendition:
        found = {
            "pages": [asdict(page) for page in rendition.pages],
            "notes": rendition.notes,
            "refused": rendition.refused,
        }
        write_file(self.facts, json.dumps(found, ensure_ascii=False).encode())
        return rendition


def whole_place(document: Path, resolution: str) -> Place:
    """Where all pages of a document are."""
    return Place(document.parent, f"{document.name}.{resolution}")


def page_place(document: Path, resolution: str, page: int, wish: Wish) -> Place:
    """Where one page is that somebody wants otherwise."""
    return Place(document.parent, f"{document.name}.{resolution}.p{page}-{wish.turn}-{wish.tone}")


def cover_place(folder: Path, resolution: str, key: str) -> Place:
    """Where a cover page is."""
    return Place(folder, f"cover.{resolution}.{key}")


def other_covers(folder: Path, place: Place) -> list[Path]:
    """The files of all cover pages in ``folder`` but one."""
    return [path for path in folder.glob("cover.*") if path not in (place.tiff, place.facts)]


def files_of(place: Place) -> list[Path]:
    """The files of a rendition that is there and has pages."""
    found = place.load()
    return [place.tiff, place.facts] if found is not None and not found.refused else []


def rendition_files(folder: Path) -> list[Path]:
    """The files of all renditions in a fax's folder, what says that one is there behind the pages themselves."""
    found = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]
    return sorted(found, key=lambda path: (path.suffix == ".json", path.name))


def remove_renditions(folder: Path, stems: Iterable[str]) -> None:
    """Remove what was drawn of the documents ``stems`` in ``folder``, and of covers with the stem ``cover``."""
    for stem in stems:
        for path in [*folder.glob(f"{stem}.fine.*"), *folder.glob(f"{stem}.standard.*")]:
            with suppress(FileNotFoundError):
                path.unlink()


def page_in(rendition: Rendition, number: int) -> int:
    """At which place in the TIFF (from 1) a page of the document is. Raises ChildFailed when it is not there."""
    for at, page in enumerate(rendition.pages, 1):
        if page.number == number:
            return at
    raise ChildFailed(f"page {number} was not drawn")
