"""The users of an account and their passwords, changed from the page: the same files that ``nexefax user`` writes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from nexefax.config import AUTH_DIRECTORY, Account, Config, auth_file
from nexefax.errors import ConfigError
from nexefax.passwords import HtpasswdFile, check_password
from nexefax.passwords.hashes import BCRYPT_BYTES
from nexefax.web.auth import SignIn
from nexefax.web.problem import Problem
from nexefax.web.refusal import Refusal
from nexefax.web.sessions import Credentials, Session, Sessions

_log = logging.getLogger("nexefax.web.users")

T = TypeVar("T")


class Users:
    """Changes who may sign in, and ends what began under what was before."""

    def __init__(
        self,
        config: Callable[[], Config],
        sign_in: SignIn,
        sessions: Sessions,
        credentials: Credentials,
    ) -> None:
        self._config = config
        self._sign_in = sign_in
        self._sessions = sessions
        self._credentials = credentials

    async def change_own_password(self, session: Session, current: str, new: str, address: str) -> None:
        """Give who is signed in a new password; this session goes on, all others of the user end.

        Raises:
            Problem: 400 when one of the passwords is not right, 429 after too many wrong ones, 503 when the
                file can't be written.
            JournalError: the sessions can't be written; those that began with the old password are over all the same.
        """
        account, user = session.account, session.user
        _check_password(new, "new")
        try:
            await self._sign_in.check(account.id, user, current, address, purpose="password change")
        except Refusal as refusal:
            if refusal.status != 400:
                raise Problem(refusal.status, refusal.detail, retry_after=refusal.retry_after) from None
            raise Problem(400, "This is not your current password.", field="current") from None
        async with self._sessions.password_change(account, user):
            path = await self._hash(account, lambda file: _set(file, user, new))
            proof = await asyncio.to_thread(self._credentials.proof, path, user)
            if proof is not None:
                await self._sessions.renew(session, proof)
        _log.info("account %s: %s has a new password, set on the page", account.id, user)

    async def _hash(self, account: Account, work: Callable[[HtpasswdFile], T]) -> T:
        """Let ``work`` change the account's file, in a thread for hashing. Raises Problem."""

        def change() -> T:
            config = self._config()
            directory = config.directory / AUTH_DIRECTORY
            file = HtpasswdFile(auth_file(config, account) or directory / account.id)
            try:
                return work(file)
            except ConfigError as error:
                _log.error(
                    "%s. For changes on the page NexeFax's user must be able to write there: chgrp asterisk %s,"
                    " chmod 2770 %s, and ReadWritePaths=%s with systemctl edit nexefax; or use nexefax user",
                    error,
                    *[directory] * 3,
                )
                raise Problem(503, _NOT_WRITTEN) from None

        try:
            return await self._sign_in.hash(change)
        except Refusal as refusal:
            raise Problem(refusal.status, refusal.detail, retry_after=refusal.retry_after) from None


_NOT_WRITTEN = (
    "NexeFax may not change its file of passwords, so nothing was changed. Ask the administrator of the fax server:"
    " the log says what to do."
)


def _set(file: HtpasswdFile, user: str, password: str) -> Path:
    file.set_password(user, password)
    return file.path


def _check_password(password: str, field: str) -> None:
    """Raise Problem for a password that can't be set."""
    try:
        check_password(password)
    except ConfigError as error:
        raise Problem(400, _sentence(error), field=field) from None
    # The command line takes more, as htpasswd does; but a person believes that all of it counts.
    if len(password.encode()) > BCRYPT_BYTES:
        raise Problem(
            400, f"A password may have at most {BCRYPT_BYTES} bytes; choose a shorter one.", field=field
        )


def _sentence(error: ConfigError) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."
