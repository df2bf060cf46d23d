"""The users of an account and their passwords, changed from the page: the same files that ``nexefax user`` writes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from nexefax.config import AUTH_DIRECTORY, Account, Config, auth_file
from nexefax.errors import ConfigError
from nexefax.passwords import HtpasswdFile, check_password, checked_name, how_to_allow_changes, may_be_changed
from nexefax.passwords.hashes import BCRYPT_BYTES
from nexefax.web.auth import SignIn
from nexefax.web.problem import Problem
from nexefax.web.refusal import Refusal
from nexefax.web.sessions import Credentials, Session, Sessions
from nexefax.web.tokens import Tokens

_log = logging.getLogger("nexefax.web.users")

T = TypeVar("T")


class Users:
    """Changes who may sign in, and ends what began under what was before."""

    def __init__(
        self,
        config: Callable[[], Config],
        sign_in: SignIn,
        sessions: Sessions,
        tokens: Tokens,
        credentials: Credentials,
    ) -> None:
        self._config = config
        self._sign_in = sign_in
        self._sessions = sessions
        self._tokens = tokens
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

    async def may_be_changed(self) -> bool:
        """Whether users and passwords can be changed here at all."""
        return await asyncio.to_thread(may_be_changed, self._config().directory / AUTH_DIRECTORY)

    async def names(self, account: Account) -> list[str]:
        """The users of an account, in the order of its file. Raises Problem (503) when it can't be read."""

        def read() -> list[str]:
            path = auth_file(self._config(), account)
            return [] if path is None else list(HtpasswdFile(path).users())

        try:
            return await asyncio.to_thread(read)
        except ConfigError as error:
            _log.error("the users of account %s can't be listed: %s", account.id, error)
            raise Problem(503, _NOT_READ) from None

    async def add(self, account: Account, user: str, password: str, by: str) -> None:
        """Add a user.

        Raises:
            Problem: 400 for a name or password that can't be, 409 when the user is there, 503 when the file
                can't be written.
            JournalError: what is left of a former user of this name can't be removed; nobody was added.
        """
        _check_name(user)
        _check_password(password, "password")
        there = Problem(409, f"There is a user {user} already.", field="name")
        if user in await self.names(account):  # whose sessions and tokens stay
            raise there
        await self._forget(account, user)

        def work(file: HtpasswdFile) -> None:
            if file.path.exists() and user in file.users():
                raise there
            file.add(user, password)

        await self._hash(account, work)
        _log.info("account %s: user %s was added by %s", account.id, user, by)

    async def set_password(self, account: Account, user: str, password: str, by: str) -> None:
        """Give another user a new password, which ends that user's sessions; raises as :meth:`add`, 404 for nobody."""
        if user == by:
            raise Problem(409, "Change your own password with your current one.", field="password")
        _check_password(password, "password")

        def work(file: HtpasswdFile) -> None:
            _must_have(file, user)
            file.set_password(user, password)

        await self._hash(account, work)
        await self._sessions.end_of_user(account, user)
        _log.info("account %s: %s has a new password, set by %s", account.id, user, by)

    async def remove(self, account: Account, user: str, by: str) -> None:
        """Remove another user, with the sessions and tokens; raises as :meth:`add`, 404 for nobody."""
        if user == by:
            raise Problem(409, "You can't remove yourself; another administrator of the account can.")

        def work(file: HtpasswdFile) -> None:
            _must_have(file, user)
            file.remove(user)

        await self._hash(account, work)
        _log.info("account %s: user %s was removed by %s", account.id, user, by)
        await self._forget(account, user)

    async def _forget(self, account: Account, user: str) -> None:
        """Nothing that began in the name of a user who is no more shall count for the next one of that name."""
        await self._sessions.end_of_user(account, user)
        await self._tokens.revoke_all(account, user)

    async def _hash(self, account: Account, work: Callable[[HtpasswdFile], T]) -> T:
        """Let ``work`` change the account's file, in a thread for hashing. Raises Problem."""

        def change() -> T:
            config = self._config()
            directory = config.directory / AUTH_DIRECTORY
            file = HtpasswdFile(auth_file(config, account) or directory / account.id)
            try:
                return work(file)
            except ConfigError as error:
                _log.error("%s; %s", error, how_to_allow_changes(directory))
                raise Problem(503, _NOT_WRITTEN) from None

        try:
            return await self._sign_in.hash(change)
        except Refusal as refusal:
            raise Problem(refusal.status, refusal.detail, retry_after=refusal.retry_after) from None


_NOT_READ = (
    "NexeFax can't read its file of users. Ask the administrator of the fax server: the log says what to do."
)
_NOT_WRITTEN = (
    "NexeFax may not change its file of passwords, so nothing was changed. Ask the administrator of the fax server:"
    " the log says what to do."
)


def _set(file: HtpasswdFile, user: str, password: str) -> Path:
    file.set_password(user, password)
    return file.path


def _must_have(file: HtpasswdFile, user: str) -> None:
    if not file.path.exists() or user not in file.users():
        raise Problem(404, f"There is no user {user}.")


def _check_name(user: str) -> None:
    """Raise Problem for a name that no user can have, or that can't stand in an address of the API."""
    try:
        checked_name(user)
    except ConfigError as error:
        raise Problem(400, _sentence(error), field="name") from None
    if not user.isprintable() or set("/\\") & set(user) or user in (".", ".."):
        raise Problem(
            400, "The user name has a sign in it that no name may have; choose another.", field="name"
        )


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
