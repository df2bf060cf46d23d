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
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import astuple, dataclass
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
    id: str = ""  # what it is called in the list of sessions; nobody can sign in with it
    address: str = ""
    agent: str = ""


@dataclass(frozen=True, slots=True)
class _Row:
    token_hash: bytes
    account: str
    user: str
    proof: bytes
    created: float
    expires: float
    address: str
    agent: str

    @property
    def id(self) -> str:
        """The beginning of the hash of a random token: enough to tell sessions apart, nothing to sign in with."""
        return self.token_hash.hex()[:24]


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
        # Users whose password is being changed, by (account, user): their sessions are judged when that is done.
        self._changing: dict[tuple[str, str], asyncio.Event] = {}

    async def begin(self, account: Account, user: str, proof: bytes, *, address: str, agent: str) -> str:
        """Begin a session and return its token, which nobody but the client keeps. Raises JournalError."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        now = self._clock()
        expires = now + self._config().server.web_session_length
        row = _Row(_hash(token), account.id, user, proof, now, expires, address, agent[:LONGEST_AGENT])
        await self._journal.write(lambda connection: _insert(connection, row))
        return token

    async def find(self, token: str) -> Session | None:
        """The session of this token, if it counts. Raises JournalError."""
        if not _TOKEN.fullmatch(token):
            return None
        token_hash = _hash(token)
        for _ in range(2):
            row = await self._journal.read(lambda connection: _select(connection, token_hash))
            if row is None or row.expires <= self._clock():
                return None
            session = await self._counting(row)
            if session is not None:
                return session
            # A change of the password on the page renews the session of who made it: it may just be doing so.
            if change := self._changing.get(_key(row.account, row.user)):
                await change.wait()
        return None

    async def _counting(self, row: _Row) -> Session | None:
        """The session of a row that is not over yet, if its account and its password are as they were."""
        config = self._config()
        account = config.account(row.account)
        try:
            if account is None or not await asyncio.to_thread(self._holds, config, account, row):
                return None
        except ConfigError as error:
            _log.error("the session of %s (%s) can't be checked: %s", row.user, row.account, error)
            return None
        return _session(account, row)

    async def of_user(self, account: Account, user: str) -> list[Session]:
        """The sessions of a user that count, newest first. Raises JournalError."""
        rows = await self._journal.read(lambda connection: _select_of(connection, account.id, user))
        over = {row.id for row in await asyncio.to_thread(self._dead, rows)}
        return [_session(account, row) for row in rows if row.id not in over]

    async def end_of_user(self, account: Account, user: str, *, only: str = "", but: str = "") -> int:
        """End the sessions of a user, ``only`` the one of this id or all ``but`` it; how many. Raises JournalError."""

        def change(connection: sqlite3.Connection) -> int:
            rows = _select_of(connection, account.id, user)
            ended = [row for row in rows if (not only or row.id == only) and row.id != but]
            return _delete(connection, ended)

        return await self._journal.write(change)

    @asynccontextmanager
    async def password_change(self, account: Account, user: str) -> AsyncIterator[None]:
        """While a user's password is changed and :meth:`renew` follows, let requests of the user wait for both.

        Two changes of one user follow each other.
        """
        key = _key(account.id, user)
        while other := self._changing.get(key):
            await other.wait()
        done = self._changing[key] = asyncio.Event()
        try:
            yield
        finally:
            del self._changing[key]
            done.set()

    async def renew(self, session: Session, proof: bytes) -> None:
        """Let a session go on with the user's new password; all others of the user end. Raises JournalError."""

        def change(connection: sqlite3.Connection) -> None:
            rows = _select_of(connection, session.account.id, session.user)
            _delete(connection, [row for row in rows if row.id != session.id])
            kept = [(proof, row.token_hash) for row in rows if row.id == session.id]
            connection.executemany("UPDATE session SET proof = ? WHERE token_hash = ?", kept)

        await self._journal.write(change)

    async def end(self, token: str) -> bool:
        """End the session of this token; False when there was none. Raises JournalError."""
        if not _TOKEN.fullmatch(token):
            return False
        token_hash = _hash(token)

        def change(connection: sqlite3.Connection) -> int:
            row = _select(connection, token_hash)
            return 0 if row is None else _delete(connection, [row])

        return await self._journal.write(change) == 1

    async def sweep(self) -> int:
        """Remove what no longer counts and return how many that were. Raises JournalError."""
        rows = await self._journal.read(_select_all)
        dead = await asyncio.to_thread(self._dead, rows)
        dead = [row for row in dead if _key(row.account, row.user) not in self._changing]
        if not dead:
            return 0
        ended = await self._journal.write(lambda connection: _delete(connection, dead))
        _log.debug("%d sessions are over", ended)
        return ended

    def _dead(self, rows: list[_Row]) -> list[_Row]:
        now, config = self._clock(), self._config()
        dead = []
        for row in rows:
            account = config.account(row.account)
            try:
                if row.expires <= now or account is None or not self._holds(config, account, row):
                    dead.append(row)
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


def _session(account: Account, row: _Row) -> Session:
    return Session(account, row.user, row.created, row.expires, row.id, row.address, row.agent)


def _key(account: str, user: str) -> tuple[str, str]:
    return account.casefold(), user


def _insert(connection: sqlite3.Connection, row: _Row) -> None:
    connection.execute(
        "INSERT INTO session (token_hash, account, user, proof, created, expires, address, agent)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        astuple(row),
    )
    connection.execute(
        "DELETE FROM session WHERE token_hash IN (SELECT token_hash FROM session WHERE account = ? AND user = ?"
        " ORDER BY created DESC, token_hash LIMIT -1 OFFSET ?)",
        (row.account, row.user, MOST_PER_USER),
    )


_COLUMNS = "SELECT token_hash, account, user, proof, created, expires, address, agent FROM session"


def _select(connection: sqlite3.Connection, token_hash: bytes) -> _Row | None:
    row = connection.execute(f"{_COLUMNS} WHERE token_hash = ?", (token_hash,)).fetchone()
    return None if row is None else _Row(*row)


def _select_of(connection: sqlite3.Connection, account: str, user: str) -> list[_Row]:
    rows = connection.execute(
        f"{_COLUMNS} WHERE account = ? COLLATE NOCASE AND user = ? ORDER BY created DESC, token_hash",
        (account, user),
    )
    return [_Row(*row) for row in rows]


def _select_all(connection: sqlite3.Connection) -> list[_Row]:
    return [_Row(*row) for row in connection.execute(_COLUMNS)]


def _delete(connection: sqlite3.Connection, rows: list[_Row]) -> int:
    """Remove sessions, but not those that were renewed since they were read; how many."""
    return connection.executemany(
        "DELETE FROM session WHERE token_hash = ? AND proof = ?",
        [(row.token_hash, row.proof) for row in rows],
    ).rowcount
