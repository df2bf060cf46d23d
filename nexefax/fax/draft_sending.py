"""A draft becomes faxes: checked, then all of them in one transaction, with what is drawn already."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

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
from nexefax.fax.draft_records import Draft
from nexefax.fax.drafts import Drafts, own_draft
from nexefax.fax.drawing import Drawing, resolution_word
from nexefax.fax.number import clean_number
from nexefax.fax.renditions import Rendition, files_of, page_place, whole_place
from nexefax.fax.submission import Accepted, Once, Order, Recipient

log = logging.getLogger("nexefax.fax")

MOST_RECIPIENTS: Final = 200
LATEST_SECONDS: Final = 366 * 86_400.0  # a fax can be sent so much later

Take = Callable[[Order, Once], Awaitable[Accepted]]


class DraftSending:
    """Sends drafts. ``take`` takes orders in."""

    def __init__(self, config: Callable[[], Config], drafts: Drafts, drawing: Drawing, take: Take) -> None:
        self._config = config
        self._drafts = drafts
        self._drawing = drawing
        self._take = take

    async def send(self, account: Account, user: str, draft_id: str) -> Accepted:
        """Send a draft; asked again, the same faxes are the answer.

        Raises KeyError, DraftError with the sentence for the user and the field, OSError or JournalError when the
        faxes could not be kept.
        """
        return await self._drafts.alone(draft_id, lambda: self._send(account, user, draft_id))

    async def _send(self, account: Account, user: str, draft_id: str) -> Accepted:
        draft = await self._drafts.find(account, user, draft_id)
        if draft.sent:
            return Accepted(draft.sent, new=False)
        recipients = good_recipients(draft.content.recipients)
        send_at = good_time(draft.content.send_at, time.time())
        word = resolution_word(self._drawing.settings(account, draft.content.resolution))
        wholes = await asyncio.to_thread(self._wholes, draft, word)
        self._check_pages(draft, wholes)
        parts, files = await asyncio.to_thread(self._parts, draft, word)
        composition = Composition(parts, word, draft.content.cover)
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
        accepted = await self._take(order, _OfDraft(account, user, draft_id))
        await self._drafts.clear(draft)
        return accepted

    def _wholes(self, draft: Draft, word: str) -> list[Rendition | None]:
        documents = (self._drafts.document(draft.id, document.number) for document in draft.documents)
        return [whole_place(document, word).load() for document in documents]

    def _check_pages(self, draft: Draft, wholes: Sequence[Rendition | None]) -> None:
        """Refuse what is known to be no fax; what is not drawn yet is found out later, and told in a mail."""
        if not draft.documents and not draft.content.cover:
            raise DraftError("Add a document to fax.", "documents")
        total = 0
        for document, whole in zip(draft.documents, wholes, strict=True):
            if whole is None:
                return
            if whole.refused:
                raise DraftError(f"{document.name}: {whole.refused}", "documents")
            total += len(chosen_pages(draft.content.wish(document.number), len(whole.pages)))
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


def good_recipients(recipients: Sequence[Recipient]) -> list[Recipient]:
    """Those with anything typed; raises DraftError when there are none, or too many, or one that can't be dialled.

    The field is ``recipients``, or ``recipients.0`` for the first of the list.
    """
    if len(recipients) > MOST_RECIPIENTS:
        raise DraftError(f"A fax can be sent to at most {MOST_RECIPIENTS} numbers at once.", "recipients")
    good = []
    for at, recipient in enumerate(recipients):
        if not recipient.number.strip() and not recipient.name.strip():
            continue
        try:
            clean_number(recipient.number)
        except NumberError as error:
            raise DraftError(str(error), f"recipients.{at}") from error
        good.append(recipient)
    if not good:
        raise DraftError("Enter the fax number to send to.", "recipients.0")
    return good


def good_time(send_at: float | None, now: float) -> float | None:
    """When to send, None for at once, which a time that is past is too. Raises DraftError for one that is too late."""
    if send_at is None or send_at <= now:
        return None
    if send_at > now + LATEST_SECONDS:
        raise DraftError("A fax can be sent at most a year later.", "send_at")
    return send_at
