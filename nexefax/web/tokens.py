"""API tokens: what programs sign in with, in the name of a user; shown once, kept by their hash only.

A token works until it is revoked. It does not while its account is gone from the configuration or its user from the
auth file; but unlike a session it goes on when the user's password changes: that is what programs have tokens for.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import secrets
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from nexefax.config import Account, Config, auth_file
from nexefax.errors import ConfigError, JournalError
from nexefax.passwords import HtpasswdFile
from nexefax.store import Journal
from nexefax.web import token_records
from nexefax.web.problem import Problem
from nexefax.web.sessions import Credentials
from nexefax.web.token_records import Token

_log = logging.getLogger("nexefax.web.tokens")

TokenScope = Literal["send", "read"]
SCOPES: tuple[TokenScope, ...] = ("send", "read")
PREFIX = "nxf_"  # so that people and scanners of leaked secrets know what it is
_TOKEN = re.compile(r"nxf_[A-Za-z0-9_-]{43}")  # what token_urlsafe makes of 32 bytes
MOST_PER_USER = 50  # one for each program; whoever needs more has forgotten to revoke some
MOST_NAME = 100
# A program may ask many times a second; each note would be a write to the disk.
NOTE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class TokenHolder:
    """In whose name a token acts, and what for."""

    account: Account
    user: str
    scopes: frozenset[TokenScope]


class Tokens:
    """The tokens in ``journal``. ``clock`` gives seconds since 1970."""

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
        self._without_user: frozenset[int] = frozenset()

    async def create(
        self, account: Account, user: str, name: str, scopes: Sequence[str]
    ) -> tuple[Token, str]:
        """Make a token; what is returned beside it is the secret, which nobody but the caller has from now on.

        Raises:
            Problem: 400 for a name or scopes that can't be, 409 when the user has too many.
            JournalError: it can't be kept.
        """
        if not name or len(name) > MOST_NAME or not name.isprintable():
            raise Problem(
                400,
                f"Give the token a name of 1 to {MOST_NAME} letters, such as the program's.",
                field="name",
            )
        if not scopes or not set(scopes) <= set(SCOPES):
            raise Problem(400, "A token is for “send”, “read”, or both.", field="scopes")
        kept = tuple(scope for scope in SCOPES if scope in scopes)
        secret = PREFIX + secrets.token_urlsafe(32)  # 256 bits: a plain SHA-256 of it needs no salt
        token = Token(0, account.id, user, name, kept, self._clock(), token_hash=_hash(secret))

        def change(connection: sqlite3.Connection) -> Token:
            if len(token_records.tokens_of(connection, account.id, user)) >= MOST_PER_USER:
                raise Problem(
                    409, f"You have {MOST_PER_USER} tokens already; revoke one that is not used first."
                )
            return replace(token, id=token_records.add_token(connection, token))

        made = await self._journal.write(change)
        _log.info("account %s: %s has a new token, %d (%s)", account.id, user, made.id, " ".join(kept))
        return made, secret

    async def of(self, account: Account, user: str | None = None) -> list[Token]:
        """The tokens of an account, or of one user of it, oldest first. Raises JournalError."""
        return await self._journal.read(lambda c: token_records.tokens_of(c, account.id, user))

    async def revoke(self, account: Account, token_id: int, user: str | None = None) -> bool:
        """Revoke a token of an account, or of one user of it; False when there is none. Raises JournalError."""

        def change(connection: sqlite3.Connection) -> int:
            found = token_records.tokens_of(connection, account.id, user)
            return token_records.remove_tokens(connection, [t.id for t in found if t.id == token_id])

        revoked = await self._journal.write(change) > 0
        if revoked:
            _log.info("account %s: token %d is revoked", account.id, token_id)
        return revoked

    async def revoke_all(self, account: Account, user: str) -> None:
        """Revoke the tokens of a user who is no more. Raises JournalError."""
        await self._journal.write(
            lambda c: token_records.remove_tokens(
                c, [token.id for token in token_records.tokens_of(c, account.id, user)]
            )
        )

    async def find(self, secret: str) -> TokenHolder | None:
        """Whose token this is, if it counts. Raises JournalError.

        It is looked up by its hash: how long that takes tells nothing of the secrets that there are.
        """
        if not _TOKEN.fullmatch(secret):
            return None
        token_hash = _hash(secret)
        token = await self._journal.read(lambda c: token_records.token_by_hash(c, token_hash))
        if token is None:
            return None
        config = self._config()
        account = config.account(token.account)
        try:
            if account is None or not await asyncio.to_thread(self._has_user, config, account, token.user):
                return None
        except ConfigError as error:
            _log.error("token %d of %s (%s) can't be checked: %s", token.id, token.user, token.account, error)
            return None
        await self._note_use(token)
        return TokenHolder(account, token.user, frozenset(scope for scope in SCOPES if scope in token.scopes))

    async def sweep(self) -> int:
        """Revoke the tokens of users who were removed behind our back, and return how many. Raises JournalError.

        Somebody else may be given the name later. What is seen once is not believed: a program that writes an
        htpasswd file in place empties it for a moment.
        """
        tokens = await self._journal.read(token_records.all_tokens)
        missing = await asyncio.to_thread(self._of_nobody, tokens)
        gone = missing & self._without_user
        self._without_user = missing - gone
        if not gone:
            return 0
        await self._journal.write(lambda c: token_records.remove_tokens(c, gone))
        _log.info("%d tokens are revoked, since their users are no more", len(gone))
        return len(gone)

    async def _note_use(self, token: Token) -> None:
        now = self._clock()
        if token.last_used is not None and abs(now - token.last_used) < NOTE_SECONDS:
            return
        try:
            await self._journal.write(lambda connection: token_records.note_use(connection, token.id, now))
        except JournalError as error:  # what is only read can be answered all the same
            _log.warning("the use of token %d can't be noted: %s", token.id, error)

    def _has_user(self, config: Config, account: Account, user: str) -> bool:
        path = auth_file(config, account)
        return path is not None and self._credentials.proof(path, user) is not None

    def _of_nobody(self, tokens: list[Token]) -> frozenset[int]:
        """The tokens whose account has an auth file that does not name their user. Blocks."""
        config = self._config()
        users: dict[str, set[str] | None] = {}
        for key in {token.account.casefold() for token in tokens}:
            account = config.account(key)
            path = None if account is None else auth_file(config, account)
            try:
                users[key] = None if path is None else set(HtpasswdFile(path).users())
            except ConfigError:  # a file that can't be read now may be readable again
                users[key] = None
        return frozenset(
            token.id
            for token in tokens
            if (names := users[token.account.casefold()]) is not None and token.user not in names
        )


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
