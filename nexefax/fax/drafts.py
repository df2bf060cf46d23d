"""Drafts: what somebody composes is kept from the first word on, and becomes faxes once, however often it is sent.

A draft is a row and a folder ``drafts/<id>/`` with its documents and what is drawn of them. The files come first, then
the row; the row goes first, then the files: a folder without a draft that can still be sent is nobody's, and goes at
the next start.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import shutil
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar
from weakref import WeakValueDictionary

from nexefax.config import Account
from nexefax.durable import copy_file, make_folder, share_file, sync_folder
from nexefax.errors import DraftError, DraftSent
from nexefax.fax import draft_records as rows
from nexefax.fax.convert.document import recognise
from nexefax.fax.cover_previews import CoverPreviews
from nexefax.fax.draft_records import Content, Document, Draft
from nexefax.fax.folders import Folders
from nexefax.fax.previews import Previews, remove_drawn
from nexefax.store import Journal

log = logging.getLogger("nexefax.fax")

MOST_DRAFTS: Final = 50  # of one user; beyond that the one that was left alone for the longest goes
MOST_DOCUMENTS: Final = 50  # of one draft
KEPT_SECONDS: Final = 30 * 86_400.0  # a draft that nobody touches, and the answer for one that was sent

_ID: Final = re.compile(r"[0-9a-f]{24}")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Source:
    """A file that is durable already, to begin a draft with, and what people call it."""

    path: Path
    name: str


class Drafts:
    """The drafts of all users. Whoever asks is named by account and user; KeyError: that user has no such draft."""

    def __init__(self, journal: Journal, folders: Folders, previews: Previews, covers: CoverPreviews) -> None:
        self._journal = journal
        self._folders = folders
        self._previews = previews
        self.covers = covers
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def folder(self, draft_id: str) -> Path:
        """Where a draft's files are."""
        if not _ID.fullmatch(draft_id):  # a restored journal may say anything
            raise ValueError(f"{draft_id!r} is no draft's id")
        return self._folders.drafts / draft_id

    def document(self, draft_id: str, number: int) -> Path:
        """Where a document of a draft is."""
        return self.folder(draft_id) / str(number)

    async def create(
        self, account: Account, user: str, content: Content, sources: Sequence[Source] = ()
    ) -> Draft:
        """Begin a draft, with documents from elsewhere. Raises OSError or JournalError when it can't be kept."""
        now = time.time()
        draft = Draft(secrets.token_hex(12), account.id, user, now, now, content)
        folder = self.folder(draft.id)

        def add(connection: sqlite3.Connection) -> list[Draft]:
            rows.add_draft(connection, draft)
            for document in documents:
                rows.add_document(connection, draft.id, document)
            too_many = rows.drafts_of(connection, account.id, user)[MOST_DRAFTS:]
            for old in too_many:
                rows.remove_draft(connection, old.id)
            return too_many

        try:
            documents = await asyncio.to_thread(_begin, folder, sources)
            gone = await self._journal.write(add)
        except Exception:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
            raise
        for old in gone:
            log.info("a draft of %s of %s goes: there are more than %d", user, account.id, MOST_DRAFTS)
            await self.clear(old)
        return await self.find(account, user, draft.id)

    async def find(self, account: Account, user: str, draft_id: str) -> Draft:
        """A draft of this user. Raises KeyError."""
        return await self._journal.read(lambda connection: own_draft(connection, account, user, draft_id))

    async def all_of(self, account: Account, user: str) -> Sequence[Draft]:
        """The user's drafts that are not sent, the one changed last first."""
        return await self._journal.read(lambda connection: rows.drafts_of(connection, account.id, user))

    async def change(
        self, account: Account, user: str, draft_id: str, change: Callable[[Draft], Content]
    ) -> Draft:
        """Change what a draft says. Raises KeyError, DraftSent, and what ``change`` raises."""

        def write(connection: sqlite3.Connection) -> None:
            draft = _unsent(connection, account, user, draft_id)
            rows.save_content(connection, draft_id, change(draft), time.time())

        await self._journal.write(write)
        return await self.find(account, user, draft_id)

    async def add_document(
        self, account: Account, user: str, draft_id: str, upload: Path, name: str
    ) -> Draft:
        """Add a document, which is copied. Raises KeyError, DraftError, DocumentError for what can't be faxed, OSError
        or JournalError when it can't be kept."""
        draft = await self.find(account, user, draft_id)
        if draft.sent:
            raise _sent()
        await asyncio.to_thread(recognise, upload)
        folder = self.folder(draft_id)
        kept = folder / f".incoming-{secrets.token_hex(8)}"
        size = await asyncio.to_thread(_keep, upload, kept)

        def add(connection: sqlite3.Connection) -> None:
            found = _unsent(connection, account, user, draft_id)
            if len(found.documents) >= MOST_DOCUMENTS:
                raise DraftError(f"A fax has at most {MOST_DOCUMENTS} documents.", "document")
            content = found.content
            number = content.last + 1
            rows.add_document(connection, draft_id, Document(number, name, size))
            content = replace(content, last=number, order=(*_numbers(found), number))
            rows.save_content(connection, draft_id, content, time.time())
            # a file of that number without a row is of a transaction that was rolled back
            kept.rename(folder / str(number))
            sync_folder(folder)

        try:
            await self._journal.write(add)
        except FileNotFoundError as error:  # the draft went meanwhile
            raise KeyError(draft_id) from error
        finally:
            await asyncio.to_thread(kept.unlink, missing_ok=True)
        return await self.find(account, user, draft_id)

    async def remove_document(self, account: Account, user: str, draft_id: str, number: int) -> Draft:
        """Remove a document. Raises KeyError when it or the draft is not there, DraftSent."""

        def remove(connection: sqlite3.Connection) -> None:
            content = _unsent(connection, account, user, draft_id).content
            if not rows.remove_document(connection, draft_id, number):
                raise KeyError(number)
            order = tuple(other for other in content.order if other != number)
            wishes = {other: wish for other, wish in content.wishes.items() if other != number}
            content = replace(content, order=order, wishes=wishes)
            rows.save_content(connection, draft_id, content, time.time())

        await self._journal.write(remove)
        document = self.document(draft_id, number)
        await self._previews.stop([document])
        await asyncio.to_thread(remove_drawn, document)
        return await self.find(account, user, draft_id)

    async def remove(self, account: Account, user: str, draft_id: str) -> None:
        """Forget a draft. Raises KeyError."""

        def remove(connection: sqlite3.Connection) -> Draft:
            draft = own_draft(connection, account, user, draft_id)
            rows.remove_draft(connection, draft_id)
            return draft

        await self.clear(await self._journal.write(remove))

    async def clear(self, draft: Draft) -> None:
        """Remove the files of a draft that is sent or gone; what can't be removed goes at the next start."""
        folder = self.folder(draft.id)
        await self.covers.stop(folder)
        await self._previews.stop([folder / str(document.number) for document in draft.documents])
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def alone(self, draft_id: str, work: Callable[[], Awaitable[T]]) -> T:
        """Do something with a draft while nobody else does the like."""
        lock = self._locks.setdefault(draft_id, asyncio.Lock())
        async with lock:
            return await work()

    async def recover(self) -> None:
        """Remove what a former run left: folders of no draft, and half a document."""
        known = await self._journal.read(rows.draft_ids)
        removed = await asyncio.to_thread(_tidy_folders, self._folders.drafts, known)
        if removed:
            log.info("%d folders of drafts removed that a former run left", removed)

    async def forget_old(self, now: float) -> None:
        """Forget drafts that nobody has touched for a month."""

        def forget(connection: sqlite3.Connection) -> Sequence[Draft]:
            old = rows.old_drafts(connection, now - KEPT_SECONDS)
            for draft in old:
                rows.remove_draft(connection, draft.id)
            return old

        for draft in await self._journal.write(forget):
            await self.clear(draft)
            if not draft.sent:
                log.info("a draft of %s of %s is forgotten, a month old", draft.user, draft.account)


def own_draft(connection: sqlite3.Connection, account: Account, user: str, draft_id: str) -> Draft:
    """A draft of this user, sent or not. Raises KeyError."""
    draft = rows.load_draft(connection, draft_id) if _ID.fullmatch(draft_id) else None
    if draft is None or draft.account.casefold() != account.id.casefold() or draft.user != user:
        raise KeyError(draft_id)
    return draft


def _unsent(connection: sqlite3.Connection, account: Account, user: str, draft_id: str) -> Draft:
    draft = own_draft(connection, account, user, draft_id)
    if draft.sent:
        raise _sent()
    return draft


def _sent() -> DraftSent:
    return DraftSent("This fax is sent already, so it can't be changed any more.")


def _numbers(draft: Draft) -> tuple[int, ...]:
    return tuple(document.number for document in draft.documents)


def _begin(folder: Path, sources: Sequence[Source]) -> list[Document]:
    make_folder(folder)
    documents = []
    for number, source in enumerate(sources, 1):
        share_file(source.path, folder / str(number))
        documents.append(Document(number, source.name, source.path.stat().st_size))
    sync_folder(folder)
    return documents


def _keep(upload: Path, kept: Path) -> int:
    copy_file(upload, kept)
    return kept.stat().st_size


def _tidy_folders(drafts: Path, known: set[str]) -> int:
    removed = 0
    for folder in drafts.iterdir():
        if folder.name not in known:
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
            continue
        for path in [*folder.glob(".*"), *folder.glob("*.run-*")]:
            path.unlink(missing_ok=True)
    return removed
