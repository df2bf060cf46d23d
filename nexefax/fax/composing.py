"""Faxes of several documents, with pages left out, turned or drawn otherwise, and a cover page: put together.

What the draft has shown lies in the fax's folder already and is not drawn again. Faxes that were sent at once have the
same documents: the first of them draws what is missing, and the others get it from there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakValueDictionary

from nexefax.config import General
from nexefax.durable import share_file, sync_folder
from nexefax.errors import DocumentError
from nexefax.fax import events, job, records
from nexefax.fax.bookkeeper import Bookkeeper
from nexefax.fax.composition import Composition, Part, chosen_pages, read_composition
from nexefax.fax.convert import RenderedPage, RenderSettings
from nexefax.fax.convert.assemble import Sheet, assemble
from nexefax.fax.convert.linetime import USUAL_RATE, slow_page_notes
from nexefax.fax.cover_facts import cover_facts
from nexefax.fax.drawing import Drawing, resolution_word
from nexefax.fax.folders import Folders
from nexefax.fax.renditions import Rendition, page_in, rendition_files
from nexefax.fax.submission import Recipient

log = logging.getLogger("nexefax.fax")


@dataclass(frozen=True, slots=True)
class _Page:
    """A page of the fax: where it is drawn, and what it is."""

    sheet: Sheet
    drawn: RenderedPage


class Composing:
    """Puts the pages of faxes together."""

    def __init__(self, bookkeeper: Bookkeeper, folders: Folders, drawing: Drawing) -> None:
        self._bookkeeper = bookkeeper
        self._folders = folders
        self._drawing = drawing
        self._batches: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def compose(self, fax: records.Fax) -> events.DocumentRendered:
        """Make the TIFF of a fax that has a composition.

        Raises DocumentError with a sentence for the sender; ChildError or OSError when this machine can't do it.
        """
        try:
            composition = read_composition(fax.composition)
        except ValueError as error:
            log.error("fax %d: how it is put together can't be read: %s", fax.id, error)
            raise DocumentError("How this fax is put together can't be read. Hand it in again.") from error
        config = self._bookkeeper.config()
        settings = self._drawing.settings(config.account(fax.account), composition.resolution)
        folder = self._folders.sent_fax(fax.id)
        async with self._alone_in_batch(fax):
            before = await asyncio.to_thread(rendition_files, folder)
            pages, notes = await self._documents(folder, composition, settings)
            await self._share(fax, folder, before)
        if composition.cover:
            cover = await self._cover(fax, composition, settings, len(pages))
            first = [_Page(Sheet(cover.tiff, at), page) for at, page in enumerate(cover.pages, 1)]
            pages = [*first, *pages]
            notes = [*lasting_notes(cover, settings), *notes]
        check_count(len(pages), config.general)
        await asyncio.to_thread(assemble, folder / "fax.tiff", [page.sheet for page in pages])
        slow = slow_page_notes(
            {at: page.drawn.seconds_at(USUAL_RATE) for at, page in enumerate(pages, 1)}, settings.page_minutes
        )
        return events.DocumentRendered(
            len(pages),
            resolution_word(settings),
            sum(page.drawn.seconds_at(config.general.tx_faxopt_maxrate) for page in pages),
            (*notes, *slow),
        )

    async def clear(self, fax: records.Fax) -> None:
        """Remove what a fax's pages were put together from, which is in its TIFF now."""
        await asyncio.to_thread(_remove_drawn, self._folders.sent_fax(fax.id))

    async def _documents(
        self, folder: Path, composition: Composition, settings: RenderSettings
    ) -> tuple[list[_Page], list[str]]:
        pages: list[_Page] = []
        notes: list[str] = []
        several = len(composition.parts) > 1
        for part in composition.parts:
            whole = await self._drawing.whole(folder / part.file, settings)
            named = f"{part.name}: " if several and part.name else ""
            if whole.refused:
                raise DocumentError(f"{named}{whole.refused}")
            pages += await self._pages(folder, part, whole, settings)
            notes += [f"{named}{note}" for note in lasting_notes(whole, settings)]
        return pages, notes

    async def _cover(
        self, fax: records.Fax, composition: Composition, settings: RenderSettings, following: int
    ) -> Rendition:
        account = self._bookkeeper.config().account(fax.account)
        if account is None:
            raise DocumentError(
                f"The account {fax.account} is no longer there, so no cover page can be made."
            )
        facts = cover_facts(
            account,
            Recipient(fax.number, fax.to_name),
            subject=fax.subject,
            message=fax.message,
            moment=composition.moment or fax.send_at or fax.created,
            pages=following,
        )
        return await self._drawing.cover(self._folders.sent_fax(fax.id), account, facts, settings)

    async def _pages(
        self, folder: Path, part: Part, whole: Rendition, settings: RenderSettings
    ) -> list[_Page]:
        chosen = chosen_pages(part.pages, len(whole.pages))
        wishes = {page: wish for page, wish in chosen if wish.changes}
        changed = await self._drawing.changed(folder / part.file, settings, wishes) if wishes else {}
        pages = []
        for page, _wish in chosen:
            rendition = changed.get(page, whole)
            if rendition.refused:
                raise DocumentError(rendition.refused)
            at = page_in(rendition, page)
            pages.append(_Page(Sheet(rendition.tiff, at), rendition.pages[at - 1]))
        return pages

    @asynccontextmanager
    async def _alone_in_batch(self, fax: records.Fax) -> AsyncIterator[None]:
        """Let the faxes of a batch be drawn one after another: all but the first find everything there."""
        if not fax.batch:
            yield
            return
        lock = self._batches.setdefault(fax.batch, asyncio.Lock())
        async with lock:
            yield

    async def _share(self, fax: records.Fax, folder: Path, before: Sequence[Path]) -> None:
        """Give what was drawn here, and was not there ``before``, to the other faxes of the batch that wait for it."""
        drawn = [path for path in await asyncio.to_thread(rendition_files, folder) if path not in before]
        if not fax.batch or not drawn:
            return
        ids = await self._bookkeeper.journal.read(lambda c: records.faxes_of_batch(c, fax.batch))
        others = await self._bookkeeper.journal.read(lambda c: records.load_faxes(c, ids))
        waiting = [
            self._folders.sent_fax(other.id)
            for other in others
            if other.id != fax.id and other.state in (job.State.QUEUED, job.State.RENDERING)
        ]
        await asyncio.to_thread(_share_files, drawn, waiting)


def check_count(pages: int, general: General) -> None:
    """Raise DocumentError when a fax has no pages, or too many."""
    if not pages:
        raise DocumentError("All pages are left out, so nothing was faxed.")
    if pages > general.tx_max_pages:
        raise DocumentError(
            f"These are {pages} pages, but not more than {general.tx_max_pages} may be faxed at once. Send them in"
            " parts."
        )


def lasting_notes(whole: Rendition, settings: RenderSettings) -> list[str]:
    """What is to be said of a document, but for slow pages: which they are is known when the fax is put together."""
    slow = slow_page_notes(
        {page.number: page.seconds_at(USUAL_RATE) for page in whole.pages}, settings.page_minutes
    )
    return [note for note in whole.notes if note not in slow]


def _share_files(drawn: Sequence[Path], others: Sequence[Path]) -> None:
    for other in others:
        with suppress(FileNotFoundError):  # deleted meanwhile
            for path in drawn:  # TIFFs come before what says that they are there
                if not (other / path.name).exists():
                    share_file(path, other / path.name)
            sync_folder(other)


def _remove_drawn(folder: Path) -> None:
    with suppress(FileNotFoundError):
        for path in rendition_files(folder):
            path.unlink(missing_ok=True)
