"""Sessions: random tokens, kept in the journal by their hash only, checked anew on each use.

A session ends when its time is over or its user signs out; it does not count either while its account is gone
from the configuration, or its user's password is no longer the one that was used to sign in.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import secrets
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from nexefax.config import Account, Config, auth_file
from nexefax.errors import ConfigError
from nexefax.store import Journal

_log = logging.getLogger("nexefax.web.sessions")

COOKIE = "nexefax-session"
TOKEN_BYTES = 32  # 256 bits: not to be guessed, so a plain SHA-256 of it needs no salt
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")  # what token_urlsafe makes of 32 bytes
# Scripts sign in for each fax and never sign out: one a minute for a day is 1,440. Past this a user's oldest goes.
MOST_PER_USER = 2000
LONGEST_AGENT = 200  # enough to tell a person's browsers apart, once they are listed


class Credentials(Protocol):
    """What sessions and sign-in ask of the auth files; both block (``nexefax.passwords.PasswordFiles``)."""

    def verify(self, path: Path | None, user: str, password: str) -> bool:
        """Whether the user has this password; without a file no, in the time that it would take."""

    def proof(self, path: Path, user: str) -> bytes | None:
        """A digest that changes with the user's password; None when the user may not sign in.

        Raises ConfigError when the file can't be read.
        """


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in. Times are seconds since 1970."""

    account: Account
    user: str
    created: float
    expires: float


@dataclass(frozen=True, slots=True)
class _Row:
    token_hash: bytes
    account: str
    user: str
    proof: bytes
    created: float
    expires: float


class Sessions:
    """The sessions in ``journal``. ``clock`` gives seconds since 1970."""

    def __init__(
        self,
        config: Callable[[], Config],
        journal: Journal,
        credentials: Credentials,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._journal = journal
        self._credentials = credentials
        self._clock = clock

    async def begin(self, account: Account, user: str, proof: bytes, *, address: str, agent: str) -> str:
        """Begin a session and return its token, which nobody but the client keeps. Raises JournalError."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        now = self._clock()
        row = _Row(_hash(token), account.id, user, proof, now, now + self._config().server.web_session_length)
        await self._journal.write(lambda connection: _insert(connection, row, address, agent[:LONGEST_AGENT]))
        return token

    async def find(self, token: str) -> Session | None:
        """The session of this token, if it counts. Raises JournalError."""
        if not _TOKEN.fullmatch(token):
            return None
        token_hash = _hash(token)
        row = await self._journal.read(lambda connection: _select(connection, token_hash))
        if row is None or row.expires <= self._clock():
            return None
        config = self._config()
        account = config.account(row.account)
        try:
            if account is None or not await asyncio.to_thread(self._holds, config, account, row):
                return None
        except ConfigError as error:
            _log.error("the session of %s (%s) can't be checked: %s", row.user, row.account, error)
            return None
        return Session(account, row.user, row.created, row.expires)

    async def end(self, token: str) -> bool:
        """End the session of this token; False when there was none. Raises JournalError."""
        if not _TOKEN.fullmatch(token):
            return False
        token_hash = _hash(token)
        return await self._journal.write(lambda connection: _delete(connection, [token_hash])) == 1

    async def sweep(self) -> int:
        """Remove what no longer counts and return how many that were. Raises JournalError."""
        rows = await self._journal.read(_select_all)
        dead = await asyncio.to_thread(self._dead, rows)
        if dead:
            await self._journal.write(lambda connection: _delete(connection, dead))
            _log.debug("%d sessions are over", len(dead))
        return len(dead)

    def _dead(self, rows: list[_Row]) -> list[bytes]:
        now, config = self._clock(), self._config()
        dead = []
        for row in rows:
            account = config.account(row.account)
            try:
                if row.expires <= now or account is None or not self._holds(config, account, row):
                    dead.append(row.token_hash)
            except (
                ConfigError
            ):  # a file that can't be read now may be readable again: nobody is signed out for good
                continue
        return dead

    def _holds(self, config: Config, account: Account, row: _Row) -> bool:
        """Whether the password that the session began with is still the user's. Blocks."""
        path = auth_file(config, account)
        proof = None if path is None else self._credentials.proof(path, row.user)
        return proof is not None and secrets.compare_digest(proof, row.proof)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _insert(connection: sqlite3.Connection, row: _Row, address: str, agent: str) -> None:
    connection.execute(
        "INSERT INTO session (token_hash, account, user, proof, created, expires, address, agent)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (row.token_hash, row.account, row.user, row.proof, row.created, row.expires, address, agent),
    )
    connection.execute(
        "DELETE FROM session WHERE token_hash IN (SELECT token_hash FROM session WHERE account = ? AND user = ?"
        " ORDER BY created DESC, token_hash LIMIT -1 OFFSET ?)",
        (row.account, row.user, MOST_PER_USER),
    )


_COLUMNS = "SELECT token_hash, account, user, proof, created, expires FROM session"


def _select(connection: sqlite3.Connection, token_hash: bytes) -> _Row | None:
    row = connection.execute(f"{_COLUMNS} WHERE token_hash = ?", (token_hash,)).fetchone()
    return None if row is None else _Row(*row)


def _select_all(connection: sqlite3.Connection) -> list[_Row]:
    return [_Row(*row) for row in connection.execute(_COLUMNS)]


def _delete(connection: sqlite3.Connection, hashes: list[bytes]) -> int:
    return connection.executemany(
        "DELETE FROM session WHERE token_hash = ?", [(token_hash,) for token_hash in hashes]
    ).rowcount
