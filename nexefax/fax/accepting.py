"""Orders become faxes: their files durable first, then all the rows in one transaction, and only then the word."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from nexefax.config import Config
from nexefax.fax import job, records
from nexefax.fax.folders import Folders
from nexefax.fax.number import clean_number
from nexefax.fax.submission import Accepted, Once, Order
from nexefax.store import Journal

log = logging.getLogger("nexefax.fax")

MAX_TEXT = 10_000  # characters of a subject or message that are kept


class Accepting:
    """Takes orders in. ``config`` returns the configuration as it is now."""

    def __init__(self, journal: Journal, folders: Folders, config: Callable[[], Config]) -> None:
        self._journal = journal
        self._folders = folders
        self._config = config

    async def take(self, order: Order, once: Once | None = None) -> Accepted:
        """Make a fax for each recipient; all are durable when this returns, or none is there.

        ``once`` keeps an order from being taken twice; without it the order's ``request_id`` does.

        Raises NumberError with a sentence for the user, OSError or JournalError when it could not be kept, and
        whatever ``once`` raises.
        """
        faxes = self._faxes(order)
        kept = await asyncio.to_thread(self._folders.keep_files, order.files, len(faxes))
        guard = once or _ByRequest(order.account.id, order.request_id)

        def add(connection: sqlite3.Connection) -> Accepted:
            if known := guard.taken(connection):
                return Accepted(tuple(known), new=False)
            numbers = []
            for fax in faxes:
                numbers.append(records.add_fax(connection, fax))
                records.add_event(connection, numbers[-1], fax.created, _accepted(fax))
            guard.took(connection, numbers)
            self._folders.number_folders(kept, numbers)
            return Accepted(tuple(numbers))

        try:
            accepted = await self._journal.write(add)
        except Exception:
            await asyncio.to_thread(self._folders.drop, kept)
            raise
        if not accepted.new:
            await asyncio.to_thread(self._folders.drop, kept)
            log.info("fax %d: handed in again by %s, taken once", accepted.faxes[0], order.user)
            return accepted
        for fax_id, fax in zip(accepted.faxes, faxes, strict=True):
            log.info("fax %d: accepted from %s of %s for %s", fax_id, fax.user, fax.account, fax.number)
        return accepted

    def _faxes(self, order: Order) -> list[records.Fax]:
        now = time.time()
        several = len(order.recipients) > 1
        fax = records.Fax(
            id=0,
            direction="out",
            account=order.account.id,
            state=job.State.QUEUED,
            created=now,
            changed=now,
            user=order.user[:MAX_TEXT],
            subject=order.subject[:MAX_TEXT],
            message=order.message[:MAX_TEXT],
            document_name=order.document_name[:MAX_TEXT],
            max_attempts=self._config().general.tx_max_retries + 1,
            resent_from=order.resent_from,
            batch=os.urandom(8).hex() if several else "",
            send_at=order.send_at,
            composition=order.composition,
        )
        return [
            replace(
                fax,
                number=clean_number(recipient.number),
                to_name=recipient.name[:MAX_TEXT],
                request_id=_key(order.request_id, at),
            )
            for at, recipient in enumerate(order.recipients)
        ]


def _key(request_id: str, at: int) -> str | None:
    """The first fax has the order's key; a page's key has no ``#``, so those of the others are nobody else's."""
    if not request_id:
        return None
    return f"{request_id}#{at}" if at else request_id


def _accepted(fax: records.Fax) -> str:
    said = f"accepted from {fax.user} for {fax.number}"
    return said if fax.resent_from is None else f"{said}, as fax {fax.resent_from} once more"


@dataclass(frozen=True, slots=True)
class _ByRequest:
    """What a page sends twice is taken once, by the key that it gives it."""

    account: str
    request_id: str

    def taken(self, connection: sqlite3.Connection) -> list[int]:
        if not self.request_id:
            return []
        known = records.fax_by_request(connection, self.account, self.request_id)
        if known is None:
            return []
        return records.faxes_of_batch(connection, known.batch) if known.batch else [known.id]

    def took(self, connection: sqlite3.Connection, faxes: Sequence[int]) -> None:
        """The rows have the key themselves."""
