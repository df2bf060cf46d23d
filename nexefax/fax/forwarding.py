"""A fax forwarded by mail: a letter for each address, in the outbox in one transaction with a line of the timeline."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence

from nexefax.fax import mail_records, records
from nexefax.fax.bookkeeper import Bookkeeper


def may_forward(fax: records.Fax) -> bool:
    """Whether the fax has pages that can be mailed now."""
    return bool(fax.pages) and fax.files_deleted is None and fax.deleted_at is None


async def forward(
    bookkeeper: Bookkeeper,
    fax_id: int,
    addresses: Sequence[str],
    *,
    note: str,
    by: str,
    request_id: str = "",
) -> records.Fax | None:
    """Let the outbox bring a fax to each of ``addresses``; None when there is none, or it can't be mailed now.

    The same ``request_id`` makes one letter to each, however often it is asked.
    Raises JournalError; then nobody gets it.
    """
    now = time.time()

    def change(connection: sqlite3.Connection) -> records.Fax | None:
        fax = records.load_fax(connection, fax_id)
        if fax is None or not may_forward(fax):
            return None
        added = [
            address
            for address in addresses
            if mail_records.add_forward(
                connection,
                fax_id,
                address,
                note=note,
                user=by,
                message_id=bookkeeper.message_id(f"{fax_id} {request_id} {address}" if request_id else ""),
                now=now,
            )
        ]
        if added:
            records.add_event(connection, fax_id, now, f"{by} forwards it to {', '.join(added)}")
            records.note_change(connection, fax.account, fax_id)
        return fax

    return await bookkeeper.journal.write(change)
