"""Where faxes are composed: drafts, what is seen of them, and sending them. One for all users."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakValueDictionary

from nexefax.config import Account, Config
from nexefax.durable import make_folder
from nexefax.errors import DraftError
from nexefax.fax.composition import Wish, chosen_pages, read_composition
from nexefax.fax.convert import RenderSettings, page_png
from nexefax.fax.convert.document import recognise
from nexefax.fax.cover_previews import CoverPreviews, CoverView
from nexefax.fax.draft_records import Content, Document, Draft
from nexefax.fax.draft_sending import DraftSending, Take
from nexefax.fax.drafts import Drafts, Source
from nexefax.fax.drawing import Drawing, resolution_word
from nexefax.fax.folders import Folders
from nexefax.fax.previews import DocumentView, Previews
from nexefax.fax.records import Fax
from nexefax.fax.renditions import Place, page_place
from nexefax.fax.submission import Accepted, Order
from nexefax.store import Journal

IMAGES = "images"  # the folder of pictures within a draft's


@dataclass(frozen=True, slots=True)
class DraftView:
    """What is seen of a draft: its documents in their order, with their pages as far as they are known."""

    draft: Draft
    settings: RenderSettings
    documents: tuple[tuple[Document, DocumentView], ...]
    cover: CoverView

    @property
    def busy(self) -> bool:
        """Whether something is still being drawn."""
        return self.cover.busy or any(seen.busy for _document, seen in self.documents)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a page, and what `version` says of it."""

    path: Path
    version: str


class Desk:
    """``take`` takes orders in; ``config`` returns the configuration as it is now. :meth:`run` must be running."""

    def __init__(
        self, journal: Journal, folders: Folders, config: Callable[[], Config], drawing: Drawing, take: Take
    ) -> None:
        self._config = config
        self._folders = folders
        self._take = take
        self._drawing = drawing
        self._previews = Previews(drawing)
        self.drafts = Drafts(journal, folders, self._previews, CoverPreviews(drawing, self._previews.start))
        self.sending = DraftSending(config, self.drafts, drawing, take)
        self._pictures: WeakValueDictionary[Path, asyncio.Lock] = WeakValueDictionary()
        self._hands = asyncio.Semaphore(drawing.slots.jobs)

    async def run(self) -> None:
        """Let previews be drawn, until cancelled."""
        await self._previews.run()

    async def hand_in(self, order: Order) -> Accepted:
        """Take in what a program hands in at once, with uploaded documents, which are copied.

        Raises NumberError or DocumentError with a sentence for the user, OSError or JournalError when it could not be
        kept.
        """
        for document in order.files.values():
            await asyncio.to_thread(recognise, document)
        return await self._take(order, None)

    async def begin_from(self, account: Account, user: str, fax: Fax) -> Draft:
        """Begin a draft with the pages of a fax: what came in as it came, what went out as it was handed in.

        Raises DraftError when its files are not there; OSError or JournalError when the draft can't be.
        """
        content, sources = beginning(self._folders, account, fax)
        try:
            return await self.drafts.create(account, user, content, sources)
        except FileNotFoundError as error:
            raise DraftError(f"The pages of fax {fax.id} are not there.", "from_fax") from error

    async def look(self, account: Account, draft: Draft) -> DraftView:
        """What is seen of a draft now; what is missing is drawn from now on."""
        settings = self._drawing.settings(account, draft.content.resolution)
        documents = [
            (document, await self._look_at(draft, document, settings)) for document in draft.documents
        ]
        return DraftView(
            draft, settings, tuple(documents), await self._look_at_cover(account, draft, settings, documents)
        )

    async def _look_at_cover(
        self,
        account: Account,
        draft: Draft,
        settings: RenderSettings,
        documents: Sequence[tuple[Document, DocumentView]],
    ) -> CoverView:
        """The cover page; it tells how many pages follow, so it is drawn when they are known."""
        if not draft.content.cover or any(seen.count is None for _document, seen in documents):
            return CoverView()
        following = sum(
            len(chosen_pages(draft.content.wish(document.number), seen.count or 0))
            for document, seen in documents
        )
        facts = self.sending.cover_facts(account, draft, following)
        return await self.drafts.covers.look(self.drafts.folder(draft.id), account, facts, settings)

    async def _look_at(self, draft: Draft, document: Document, settings: RenderSettings) -> DocumentView:
        path = self.drafts.document(draft.id, document.number)
        return await self._previews.look(path, settings, draft.content.wish(document.number))

    async def picture(
        self, account: Account, draft: Draft, number: int, page: int, width: int | None
    ) -> Picture | None:
        """A PNG of a document's page, ``width`` pixels wide (None: as on the line); None when it is not ready.

        Document 0 is the cover. Raises ChildError or OSError when it can't be drawn.
        """
        if number == 0:
            return await self._picture_of_cover(account, draft, page, width)
        document = next((document for document in draft.documents if document.number == number), None)
        if document is None:
            return None
        settings = self._drawing.settings(account, draft.content.resolution)
        seen = await self._look_at(draft, document, settings)
        found = next((known for known in seen.pages if known.page == page), None)
        if found is None or found.tiff is None:
            return None
        path = self.drafts.document(draft.id, number)
        place = page_place(path, resolution_word(settings), page, found.wish)
        return await self._picture(place, found.tiff, found.at, version(settings, found.wish), width)

    async def _picture_of_cover(
        self, account: Account, draft: Draft, page: int, width: int | None
    ) -> Picture | None:
        cover = (await self.look(account, draft)).cover
        if cover.place is None or cover.drawn is None or not 1 <= page <= len(cover.drawn.pages):
            return None
        place = Place(cover.place.folder, f"{cover.place.name}.{page}")
        return await self._picture(place, cover.drawn.tiff, page, cover_version(cover.place), width)

    async def _picture(
        self, place: Place, tiff: Path, at: int, word: str, width: int | None
    ) -> Picture | None:
        png = place.folder / IMAGES / f"{place.name}.{width or 'full'}.png"
        return Picture(png, word) if await self._draw(tiff, at, png, width) else None

    async def _draw(self, tiff: Path, at: int, png: Path, width: int | None) -> bool:
        """Have a picture in its place; False when its page is not there any more."""
        lock = self._pictures.setdefault(png, asyncio.Lock())
        async with lock:
            if await asyncio.to_thread(png.is_file):
                return True
            async with self._hands:
                try:
                    await asyncio.to_thread(make_folder, png.parent)
                    tmp_dir = self._config().general.tmp_dir
                    await page_png(tiff, at, png, width=width, tmp_dir=tmp_dir)
                except FileNotFoundError:  # the whole was ready this moment, or the draft went
                    return False
            return True


def beginning(folders: Folders, account: Account, fax: Fax) -> tuple[Content, list[Source]]:
    """What a draft begins with that is made from a fax: its content and its documents."""
    if fax.direction == "in":
        source = Source(folders.received_tiff(fax.id), f"Fax {fax.id}.tiff")
        return Content(cover=account.cover, order=(1,), last=1), [source]
    try:
        composition = read_composition(fax.composition)
    except ValueError as error:
        raise DraftError(f"How fax {fax.id} was put together can't be read.", "from_fax") from error
    folder = folders.sent_fax(fax.id)
    name = fax.document_name or "document"
    numbers = tuple(range(1, len(composition.parts) + 1))
    content = Content(
        subject=fax.subject,
        message=fax.message,
        cover=composition.cover if fax.composition else account.cover,
        resolution=composition.resolution,
        order=numbers,
        wishes={number: part.pages for number, part in zip(numbers, composition.parts, strict=True)},
        last=len(numbers),
    )
    return content, [Source(folder / part.file, part.name or name) for part in composition.parts]


def cover_version(place: Place) -> str:
    """A word that changes when a cover page looks different."""
    return place.name.removeprefix("cover.")


def version(settings: RenderSettings, wish: Wish) -> str:
    """A word that changes when a page looks different."""
    return f"{resolution_word(settings)}-{wish.turn}-{wish.tone}"
