"""What `nexefax queue` lists and shows, read from the journal: plain values, as they go over the control socket."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from nexefax.fax import mail_records, records, webhook_records

USUAL, MOST = 100, 10_000  # faxes in one list; whoever has more asks for less


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which faxes are listed, newest last; "" is all. ``final`` tells whether those that are over are, too."""

    account: str = ""
    state: str = ""
    direction: str = ""
    final: bool = False
    limit: int = USUAL

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Self:
        """Take what a query string says; nonsense is passed over."""
        limit = query.get("limit", "")
        return cls(
            query.get("account", ""),
            query.get("state", ""),
            query.get("direction", ""),
            final=query.get("final") == "1",
            limit=min(int(limit), MOST) if limit.isdecimal() and len(limit) < 9 else USUAL,
        )

    def query(self) -> dict[str, str]:
        """The other way round."""
        values = {"account": self.account, "state": self.state, "direction": self.direction}
        return values | {"final": "1" if self.final else "", "limit": str(self.limit)}


def listed(connection: sqlite3.Connection, wanted: Wanted) -> dict[str, Any]:
    """Return ``faxes``, the latest of those that are wanted, oldest first, and ``more``: how many are left out."""
    rows = connection.execute(_LISTED, asdict(wanted) | {"over": wanted.final or bool(wanted.state)})
    ids = [row[0] for row in rows]
    faxes = records.load_faxes(connection, sorted(ids[: wanted.limit]))
    return {"faxes": [asdict(fax) for fax in faxes], "more": len(ids) - len(faxes)}


_LISTED = """
    SELECT id FROM fax
    WHERE (:account = '' OR account = :account COLLATE NOCASE)
      AND (:direction = '' OR direction = :direction)
      AND (:state = '' OR state = :state)
      AND (:over OR state NOT IN ('sent', 'failed', 'cancelled', 'delivered'))
    ORDER BY id DESC
"""


def shown(connection: sqlite3.Connection, number: int) -> dict[str, Any] | None:
    """Return all that the journal knows of a fax; None when there is none of this number."""
    fax = records.load_fax(connection, number)
    if fax is None:
        return None
    return {
        "fax": asdict(fax),
        "attempts": [asdict(attempt) for attempt in records.attempts_of(connection, number)],
        "mails": [asdict(mail) for mail in mail_records.mails_of(connection, number)],
        "webhooks": [_call(call) for call in webhook_records.calls_of(connection, number)],
        "events": [{"at": at, "text": text} for at, text in records.events_of(connection, number)],
    }


def _call(call: webhook_records.Call) -> dict[str, Any]:
    """What became of a call; what it tells is what the fax was like then, and whose it is is said already."""
    return {name: value for name, value in asdict(call).items() if name not in ("account", "body", "fax")}
