"""A draft becomes faxes: checked, then all of them in one transaction, with what is drawn already."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nexefax.config import Account, Config
from nexefax.errors import DraftError, NumberError
from nexefax.fax import draft_records as rows
from nexefax.fax.composition import (
    Composition,
    Part,
    chosen_pages,
    names_in_words,
    part_file,
    write_composition,
)
from nexefax.fax.cover_facts import cover_facts
from nexefax.fax.draft_records import Draft
from nexefax.fax.drafts import Drafts, own_draft
from nexefax.fax.drawing import Drawing, resolution_word
from nexefax.fax.number import clean_number
from nexefax.fax.renditions import Rendition, files_of, page_place, whole_place
from nexefax.fax.submission import Accepted, Once, Order, Recipient

if TYPE_CHECKING:
    from nexefax.fax.cover import CoverFacts

log = logging.getLogger("nexefax.fax")

MOST_RECIPIENTS: Final = 200
LATEST_SECONDS: Final = 366 * 86_400.0  # a fax can be sent so much later
SAME_MOMENT_SECONDS: Final = 3600.0  # a cover page may be so much older than its fax

Take = Callable[[Order, Once | None], Awaitable[Accepted]]


class DraftSending:
    """Sends drafts. ``take`` takes orders in."""

    def __init__(self, config: Callable[[], Config], drafts: Drafts, drawing: Drawing, take: Take) -> None:
        self._config = config
        self._drafts = drafts
        self._drawing = drawing
        self._take = take
        self._moments: dict[str, float] = {}  # what cover pages say for their date, by draft

    async def send(
        self, account: Account, user: str, draft_id: str, seen: Sequence[int] | None = None
    ) -> Accepted:
        """Send a draft; asked again, the same faxes are the answer.

        ``seen`` are the numbers of the documents that the person saw, in their order: with others, nothing is sent.

        Raises KeyError, DraftError with the sentence for the user and the field, OSError or JournalError when the
        faxes could not be kept.
        """
        return await self._drafts.alone(draft_id, lambda: self._send(account, user, draft_id, seen))

    async def _send(self, account: Account, user: str, draft_id: str, seen: Sequence[int] | None) -> Accepted:
        draft = await self._drafts.find(account, user, draft_id)
        if draft.sent:
            return Accepted(draft.sent, new=False)
        if seen is not None and [*seen] != [document.number for document in draft.documents]:
            raise DraftError(
                "The documents are not those that you saw last. Look at them, then send.", "documents"
            )
        recipients = good_recipients(draft.content.recipients)
        send_at = good_time(draft.content.send_at, time.time())
        word = resolution_word(self._drawing.settings(account, draft.content.resolution))
        wholes = await asyncio.to_thread(self._wholes, draft, word)
        self._check_pages(draft, wholes)
        parts, files = await asyncio.to_thread(self._parts, draft, word)
        moment = None
        if draft.content.cover:
            moment = self._moment(draft)
            files |= await self._cover(account, draft, wholes)
        composition = Composition(parts, word, draft.content.cover, moment)
        order = Order(
            account,
            user,
            recipients,
            files,
            names_in_words([document.name for document in draft.documents]),
            draft.content.subject,
            draft.content.message,
            composition=write_composition(composition),
            send_at=send_at,
        )
        try:
            accepted = await self._take(order, _OfDraft(account, user, draft_id))
        except FileNotFoundError:
            await self._drafts.find(account, user, draft_id)  # it went meanwhile
            raise
        await self._drafts.clear(draft)
        return accepted

    def cover_facts(self, account: Account, draft: Draft, following: int) -> CoverFacts:
        """What stands on the cover page for the first recipient when so many pages follow it."""
        return cover_facts(
            account,
            next(iter(_typed(draft.content.recipients)), Recipient("")),
            subject=draft.content.subject,
            message=draft.content.message,
            moment=self._moment(draft),
            pages=following,
        )

    def _moment(self, draft: Draft) -> float:
        """What a cover page says for its date: when it is to be sent, or about now; the same for a while.

        What was previewed a moment ago is what is dialled, to the minute that is printed on it.
        """
        now = time.time()
        if draft.content.send_at is not None and draft.content.send_at > now:
            return draft.content.send_at
        self._moments = {key: at for key, at in self._moments.items() if 0 <= now - at < SAME_MOMENT_SECONDS}
        return self._moments.setdefault(draft.id, now)

    async def _cover(
        self, account: Account, draft: Draft, wholes: Sequence[Rendition | None]
    ) -> dict[str, Path]:
        """The files of the cover page that is drawn already, if it is. Raises DraftError when there can be none."""
        if any(whole is None for whole in wholes):
            return {}
        settings = self._drawing.settings(account, draft.content.resolution)
        facts = self.cover_facts(account, draft, _following(draft, wholes))
        place = await self._drawing.cover_place(self._drafts.folder(draft.id), account, facts, settings)
        if problem := self._drafts.covers.problem(place):
            raise DraftError(problem, "cover")
        return {path.name: path for path in await asyncio.to_thread(files_of, place)}

    def _wholes(self, draft: Draft, word: str) -> list[Rendition | None]:
        documents = (self._drafts.document(draft.id, document.number) for document in draft.documents)
        return [whole_place(document, word).load() for document in documents]

    def _check_pages(self, draft: Draft, wholes: Sequence[Rendition | None]) -> None:
        """Refuse what is known to be no fax; what is not drawn yet is found out later, and told in a mail."""
        if not draft.documents and not draft.content.cover:
            raise DraftError("Add a document to fax.", "documents")
        for document, whole in zip(draft.documents, wholes, strict=True):
            if whole is not None and whole.refused:
                raise DraftError(f"{document.name}: {whole.refused}", "documents")
        if any(whole is None for whole in wholes):
            return
        total = _following(draft, wholes)
        if not total and not draft.content.cover:
            raise DraftError("All pages are left out: nothing would be faxed.", "documents")
        most = self._config().general.tx_max_pages
        if total > most:
            raise DraftError(
                f"These are {total} pages, but not more than {most} may be faxed at once. Send them in parts.",
                "documents",
            )

    def _parts(self, draft: Draft, word: str) -> tuple[tuple[Part, ...], dict[str, Path]]:
        """The documents as the faxes have them, and which files they begin with."""
        parts = []
        files: dict[str, Path] = {}
        for at, document in enumerate(draft.documents, 1):
            source = self._drafts.document(draft.id, document.number)
            wishes = draft.content.wish(document.number)
            part = Part(part_file(at), document.name, wishes)
            parts.append(part)
            files[part.file] = source
            drawn = files_of(whole_place(source, word))
            for page, wish in wishes.items():
                if wish.changes and not wish.left_out:
                    drawn += files_of(page_place(source, word, page, wish))
            files |= {f"{part.file}{path.name.removeprefix(source.name)}": path for path in drawn}
        return tuple(parts), files


def _following(draft: Draft, wholes: Sequence[Rendition | None]) -> int:
    """How many pages of the documents are sent, which are all drawn."""
    return sum(
        len(chosen_pages(draft.content.wish(document.number), len(whole.pages) if whole else 0))
        for document, whole in zip(draft.documents, wholes, strict=True)
    )


@dataclass(frozen=True, slots=True)
class _OfDraft:
    """What is sent twice is taken once: the draft knows what it has become."""

    account: Account
    user: str
    draft_id: str

    def taken(self, connection: sqlite3.Connection) -> list[int]:
        return list(own_draft(connection, self.account, self.user, self.draft_id).sent)

    def took(self, connection: sqlite3.Connection, faxes: Sequence[int]) -> None:
        rows.mark_sent(connection, self.draft_id, faxes, time.time())


def good_recipients(recipients: Sequence[Recipient], field: str = "recipients") -> list[Recipient]:
    """Those with anything typed; raises DraftError when there are none, or too many, or one that can't be dialled.

    The error's field is ``field``, or ``recipients.0`` for the first of the list.
    """
    if len(recipients) > MOST_RECIPIENTS:
        raise DraftError(f"A fax can be sent to at most {MOST_RECIPIENTS} numbers at once.", field)
    good = []
    for at, recipient in enumerate(recipients):
        if not _typed([recipient]):
            continue
        try:
            clean_number(recipient.number)
        except NumberError as error:
            raise DraftError(str(error), f"{field}.{at}") from error
        good.append(recipient)
    if not good:
        raise DraftError("Enter the fax number to send to.", f"{field}.0")
    return good


def _typed(recipients: Sequence[Recipient]) -> list[Recipient]:
    """Those with anything typed."""
    return [recipient for recipient in recipients if recipient.number.strip() or recipient.name.strip()]


def good_time(send_at: float | None, now: float) -> float | None:
    """When to send, None for at once, which a time that is past is too. Raises DraftError for one that is too late."""
    if send_at is None or send_at <= now:
        return None
    if send_at > now + LATEST_SECONDS:
        raise DraftError("A fax can be sent at most a year later.", "send_at")
    return send_at
