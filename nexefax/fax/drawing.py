"""Draws documents' pages beside them, once: what a draft has shown, its faxes take along and draw no more."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nexefax import __version__
from nexefax.config import Account, Config, General
from nexefax.errors import ChildBroken, ChildError, ChildMissing, DocumentError
from nexefax.fax.composition import Wish
from nexefax.fax.convert import PageChoice, RenderedPage, Rendering, RenderSettings, Resolution, Slots, render
from nexefax.fax.convert.assemble import Sheet, assemble
from nexefax.fax.convert.render import OnRun
from nexefax.fax.convert.tone import Halftone
from nexefax.fax.renditions import Place, Rendition, cover_place, page_place, whole_place
from nexefax.process import scratch_directory

if TYPE_CHECKING:
    from nexefax.fax.cover import CoverFacts

log = logging.getLogger("nexefax.fax")

UNDRAWABLE = "The document could not be turned into fax pages."

_HALFTONES: Final[dict[str, Halftone]] = {"auto": "auto", "text": "text", "photo": "photo"}


class Drawing:
    """``config`` returns the configuration as it is now; all that is drawn shares the processors."""

    def __init__(self, config: Callable[[], Config], slots: Slots) -> None:
        self._config = config
        self.slots = slots

    def settings(self, account: Account | None, resolution: str) -> RenderSettings:
        """How an account's documents are rendered; ``resolution`` "" for the account's own."""
        return render_settings(self._config().general, account, resolution)

    async def whole(self, document: Path, settings: RenderSettings, on_run: OnRun | None = None) -> Rendition:
        """All pages of a document as they come out by themselves, or why there are none.

        Raises ChildMissing, ChildBroken or OSError when this machine can't do it now.
        """
        place = whole_place(document, resolution_word(settings))
        found = await asyncio.to_thread(place.load)
        if found is not None:
            return found
        try:
            rendering = await self._render(document, place.tiff, settings, on_run)
        except DocumentError as error:
            log.info("%s can't be faxed: %s", document, error)
            return await asyncio.to_thread(place.refuse, str(error))
        return await asyncio.to_thread(place.save, rendering)

    async def changed(
        self, document: Path, settings: RenderSettings, wishes: Mapping[int, Wish]
    ) -> dict[int, Rendition]:
        """The pages that are wanted otherwise, each alone in its file.

        Each is there as soon as it is drawn (`page_place`). Raises DocumentError when a page can't be had so; and as
        `whole`.
        """
        word = resolution_word(settings)
        places = {page: page_place(document, word, page, wish) for page, wish in wishes.items()}
        found = await asyncio.to_thread(lambda: {page: place.load() for page, place in places.items()})
        missing = [page for page, rendition in found.items() if rendition is None]
        if missing:
            chosen = replace(
                settings,
                only=frozenset(missing),
                choices={page: _choice(wishes[page]) for page in missing},
            )

            async def keep(tiff: Path, pages: Sequence[RenderedPage]) -> None:
                found.update(await asyncio.to_thread(_keep_pages, tiff, pages, places))

            async with scratch_directory(self._config().general.tmp_dir) as room:
                await self._render(document, room / "pages.tiff", chosen, keep)
        return {page: rendition for page, rendition in found.items() if rendition is not None}

    async def cover(
        self, folder: Path, account: Account, facts: CoverFacts, settings: RenderSettings
    ) -> Rendition:
        """The cover page with these facts, in ``folder``.

        Raises CoverError with a sentence for the sender when there can be none; and as `whole`.
        """
        from nexefax.fax.cover import draw_cover

        place = await self.cover_place(folder, account, facts, settings)
        found = await asyncio.to_thread(place.load)
        if found is not None:
            return found
        rendering = await draw_cover(
            facts,
            place.tiff,
            template=account.cover_template,
            settings=settings,
            tmp_dir=self._config().general.tmp_dir,
            slots=self.slots,
        )
        return await asyncio.to_thread(place.save, rendering)

    async def cover_place(
        self, folder: Path, account: Account, facts: CoverFacts, settings: RenderSettings
    ) -> Place:
        """Where the cover page with these facts is, or will be."""
        stamp = await asyncio.to_thread(_stamp, account.cover_template)
        key = hashlib.sha256(f"{facts!r} {stamp}".encode()).hexdigest()[:16]
        return cover_place(folder, resolution_word(settings), key)

    async def _render(
        self, document: Path, destination: Path, settings: RenderSettings, on_run: OnRun | None
    ) -> Rendering:
        try:
            return await render(
                document,
                destination,
                settings=settings,
                tmp_dir=self._config().general.tmp_dir,
                on_run=on_run,
                slots=self.slots,
            )
        except (ChildMissing, ChildBroken):
            raise
        except ChildError as error:
            log.error("%s can't be rendered: %s", document, error)
            raise DocumentError(UNDRAWABLE) from error


def _stamp(template: Path | None) -> str:
    """A word that changes with an administrator's template."""
    if template is None:
        return __version__
    try:
        facts = template.stat()
    except OSError:  # whoever draws says so
        return "none"
    return f"{template} {facts.st_mtime_ns} {facts.st_size}"


def _choice(wish: Wish) -> PageChoice:
    return PageChoice(wish.turn, None if wish.tone == "auto" else wish.tone)


def _keep_pages(
    tiff: Path, pages: Sequence[RenderedPage], places: Mapping[int, Place]
) -> dict[int, Rendition]:
    """Put each page of a TIFF into a file of its own."""
    kept = {}
    for at, page in enumerate(pages, 1):
        place = places[page.number]
        assemble(place.tiff, [Sheet(tiff, at)])
        kept[page.number] = place.save(Rendering((page,), page.engine))
    return kept


def resolution_word(settings: RenderSettings) -> str:
    """The resolution as the configuration and the journal call it."""
    return settings.resolution.name.lower()


def render_settings(general: General, account: Account | None, resolution: str = "") -> RenderSettings:
    """Return how an account's documents are rendered: as the account says, else as the installation does.

    ``resolution`` is what somebody chose, "" for nothing.
    """
    word = resolution or (account and account.tx_resolution) or general.tx_resolution
    return RenderSettings(
        resolution=Resolution[word.upper()],
        fit="width" if ((account and account.tx_fit) or general.tx_fit) == "width" else "size",
        halftone=_HALFTONES[(account and account.tx_halftone) or general.tx_halftone],
        max_pages=general.tx_max_pages,
        page_minutes=general.tx_page_minutes,
        timeout=general.convert_timeout,
    )
