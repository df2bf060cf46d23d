"""The rows of the journal about drafts: what users write and have not sent, and for a while what they sent.

Functions take the connection of a transaction that :class:`nexefax.store.Journal` runs; none commits.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nexefax.fax.composition import Wish, wishes_as_json, wishes_of_json
from nexefax.fax.submission import Recipient


@dataclass(frozen=True, slots=True)
class Content:
    """What a draft says. ``order`` are its documents' numbers; ``wishes`` by document and page; ``last`` is the highest
    number that any document of it had."""

    recipients: tuple[Recipient, ...] = ()
    subject: str = ""
    message: str = ""
    cover: bool = False
    resolution: str = ""
    send_at: float | None = None
    order: tuple[int, ...] = ()
    wishes: Mapping[int, Mapping[int, Wish]] = field(default_factory=dict)
    last: int = 0

    def wish(self, document: int) -> Mapping[int, Wish]:
        """What is wanted of a document's pages."""
        return self.wishes.get(document, {})


@dataclass(frozen=True, slots=True)
class Document:
    """A document of a draft: its number, which is its file's name, what people call it, and its bytes."""

    number: int
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft; times are seconds since 1970. ``documents`` are in their order; ``sent`` are the faxes it became."""

    id: str
    account: str
    user: str
    created: float
    changed: float
    content: Content = field(default_factory=Content)
    documents: tuple[Document, ...] = ()
    sent: tuple[int, ...] = ()


def write_content(content: Content) -> str:
    """The JSON that `read_content` reads."""
    found = {
        "recipients": [[recipient.number, recipient.name] for recipient in content.recipients],
        "subject": content.subject,
        "message": content.message,
        "cover": content.cover,
        "resolution": content.resolution,
        "send_at": content.send_at,
        "order": content.order,
        "wishes": {str(number): wishes_as_json(wishes) for number, wishes in content.wishes.items()},
        "last": content.last,
    }
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"))


def read_content(text: str) -> Content:
    """What a draft says."""
    found: dict[str, Any] = json.loads(text)
    if not found:
        return Content()
    return Content(
        recipients=tuple(Recipient(number, name) for number, name in found["recipients"]),
        subject=found["subject"],
        message=found["message"],
        cover=found["cover"],
        resolution=found["resolution"],
        send_at=found["send_at"],
        order=tuple(found["order"]),
        wishes={int(number): wishes_of_json(wishes) for number, wishes in found["wishes"].items()},
        last=found["last"],
    )


def add_draft(connection: sqlite3.Connection, draft: Draft) -> None:
    """Insert a draft without documents."""
    connection.execute(
        "INSERT INTO draft (id, account, user, created, changed, content) VALUES (?, ?, ?, ?, ?, ?)",
        (draft.id, draft.account, draft.user, draft.created, draft.changed, write_content(draft.content)),
    )


def save_content(connection: sqlite3.Connection, draft_id: str, content: Content, now: float) -> None:
    """Write over what a draft says."""
    connection.execute(
        "UPDATE draft SET content = ?, changed = ? WHERE id = ?", (write_content(content), now, draft_id)
    )


def mark_sent(connection: sqlite3.Connection, draft_id: str, faxes: Sequence[int], now: float) -> None:
    """Remember which faxes a draft became; what it said stands in them now."""
    connection.execute(
        "UPDATE draft SET sent = ?, content = '{}', changed = ? WHERE id = ?",
        (json.dumps(list(faxes)), now, draft_id),
    )
    connection.execute("DELETE FROM draft_document WHERE draft = ?", (draft_id,))


def add_document(connection: sqlite3.Connection, draft_id: str, document: Document) -> None:
    """Insert a document of a draft."""
    connection.execute(
        "INSERT INTO draft_document (draft, number, name, size) VALUES (?, ?, ?, ?)",
        (draft_id, document.number, document.name, document.size),
    )


def remove_document(connection: sqlite3.Connection, draft_id: str, number: int) -> bool:
    """Remove a document of a draft; False when it has none of this number."""
    gone = connection.execute("DELETE FROM draft_document WHERE draft = ? AND number = ?", (draft_id, number))
    return gone.rowcount == 1


def load_draft(connection: sqlite3.Connection, draft_id: str) -> Draft | None:
    """Return the draft with this id."""
    row = connection.execute("SELECT * FROM draft WHERE id = ?", (draft_id,)).fetchone()
    return _draft(connection, row) if row else None


def _draft(connection: sqlite3.Connection, row: sqlite3.Row) -> Draft:
    content = read_content(row["content"])
    rows = connection.execute(
        "SELECT number, name, size FROM draft_document WHERE draft = ? ORDER BY number", (row["id"],)
    )
    documents = {found["number"]: Document(**dict(found)) for found in rows}
    ordered = [number for number in content.order if number in documents]
    ordered += [number for number in documents if number not in ordered]
    return Draft(
        row["id"],
        row["account"],
        row["user"],
        row["created"],
        row["changed"],
        content,
        tuple(documents[number] for number in ordered),
        tuple(json.loads(row["sent"])) if row["sent"] else (),
    )


def drafts_of(connection: sqlite3.Connection, account: str, user: str) -> list[Draft]:
    """Return a user's drafts that are not sent, the one changed last first."""
    rows = connection.execute(
        "SELECT * FROM draft WHERE account = ? COLLATE NOCASE AND user = ? AND sent = '' ORDER BY changed DESC, id",
        (account, user),
    )
    return [_draft(connection, row) for row in rows.fetchall()]


def old_drafts(connection: sqlite3.Connection, before: float) -> list[Draft]:
    """Return the drafts that nobody has changed since ``before``."""
    rows = connection.execute("SELECT * FROM draft WHERE changed < ?", (before,))
    return [_draft(connection, row) for row in rows.fetchall()]


def draft_ids(connection: sqlite3.Connection) -> set[str]:
    """Return the ids of all drafts that are not sent."""
    return {row[0] for row in connection.execute("SELECT id FROM draft WHERE sent = ''")}


def remove_draft(connection: sqlite3.Connection, draft_id: str) -> None:
    """Remove a draft with its documents' rows."""
    connection.execute("DELETE FROM draft WHERE id = ?", (draft_id,))
