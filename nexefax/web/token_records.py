"""The rows of the journal that are about API tokens, as SQL; a token itself is in none of them, only its hash.

Functions take the connection of a transaction that :class:`nexefax.store.Journal` runs; none commits.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Token:
    """An API token as it is listed. Times are seconds since 1970; ``scopes`` are ``send`` and ``read``."""

    id: int
    account: str
    user: str
    name: str
    scopes: tuple[str, ...]
    created: float
    last_used: float | None = None
    token_hash: bytes = field(default=b"", repr=False)


def _token(row: sqlite3.Row) -> Token:
    values = dict(row)
    values["scopes"] = tuple(values["scopes"].split())
    return Token(**values)


def add_token(connection: sqlite3.Connection, token: Token) -> int:
    """Keep a token (its ``id`` is ignored) and return its id."""
    cursor = connection.execute(
        "INSERT INTO api_token (account, user, name, token_hash, scopes, created) VALUES (?, ?, ?, ?, ?, ?)",
        (token.account, token.user, token.name, token.token_hash, " ".join(token.scopes), token.created),
    )
    return int(cursor.lastrowid or 0)  # an INSERT always has one


def token_by_hash(connection: sqlite3.Connection, token_hash: bytes) -> Token | None:
    """Return the token with this hash."""
    row = connection.execute("SELECT * FROM api_token WHERE token_hash = ?", (token_hash,)).fetchone()
    return _token(row) if row else None


def tokens_of(connection: sqlite3.Connection, account: str, user: str | None = None) -> list[Token]:
    """Return the tokens of an account, or of one user of it, oldest first."""
    rows = connection.execute(
        "SELECT * FROM api_token WHERE account = ? COLLATE NOCASE AND (? IS NULL OR user = ?) ORDER BY id",
        (account, user, user),
    )
    return [_token(row) for row in rows]


def all_tokens(connection: sqlite3.Connection) -> list[Token]:
    """Return every token."""
    return [_token(row) for row in connection.execute("SELECT * FROM api_token ORDER BY id")]


def note_use(connection: sqlite3.Connection, token_id: int, now: float) -> None:
    """Note when a token was used last."""
    connection.execute("UPDATE api_token SET last_used = ? WHERE id = ?", (now, token_id))


def remove_tokens(connection: sqlite3.Connection, ids: Iterable[int]) -> int:
    """Remove tokens by their ids; how many there were."""
    return connection.executemany(
        "DELETE FROM api_token WHERE id = ?", [(token_id,) for token_id in ids]
    ).rowcount
