"""What the command line does with API tokens: in the daemon by the control socket, else on the journal itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from nexefax.config import Account, Config, auth_file
from nexefax.errors import ConfigError, HttpError
from nexefax.httpd import Request, Response, Router
from nexefax.passwords import HtpasswdFile, PasswordFiles
from nexefax.store import Journal
from nexefax.web.problem import Problem
from nexefax.web.token_records import Token
from nexefax.web.tokens import Tokens


class TokenDesk:
    """Creates, lists and revokes tokens; what is asked for comes as the fields of a query string."""

    def __init__(self, config: Callable[[], Config], journal: Journal) -> None:
        self._config = config
        self._tokens = Tokens(config, journal, PasswordFiles())

    def add_to(self, router: Router) -> None:
        """Give the actions their addresses on the control socket: ``POST /tokens/ACTION?…``."""

        async def answer(request: Request) -> Response:
            return Response.json(await self.act(request.params["action"], request.query))

        router.add("POST", "/tokens/{action}", answer)

    async def act(self, action: str, query: Mapping[str, str]) -> dict[str, Any]:
        """Do what is asked for. Raises HttpError (404, 409) with a sentence for the administrator, or JournalError."""
        account = self._account(query.get("account", ""))
        if action == "list":
            return {"tokens": [_shown(token) for token in await self._tokens.of(account)]}
        if action == "revoke":
            wanted = query.get("id", "")
            if not wanted.isdecimal() or not await self._tokens.revoke(account, int(wanted)):
                raise HttpError(
                    404, f"{account.id} has no token {wanted}; see: nexefax token list {account.id}"
                )
            return {"id": int(wanted)}
        if action != "create":
            raise HttpError(404, f"Nothing known is {action}.")
        user = query.get("user", "")
        try:
            await asyncio.to_thread(self._must_have, account, user)
            token, secret = await self._tokens.create(
                account, user, query.get("name", ""), query.get("scopes", "").split()
            )
        except Problem as problem:
            raise HttpError(409, problem.detail) from problem
        except ConfigError as error:
            raise HttpError(409, str(error)) from error
        return _shown(token) | {"token": secret}

    def _must_have(self, account: Account, user: str) -> None:
        """Raise HttpError when the account has no such user, ConfigError when that can't be told. Blocks."""
        path = auth_file(self._config(), account)
        if path is None or user not in HtpasswdFile(path).users():
            raise HttpError(409, f"{account.id} has no user {user!r}; see: nexefax user list {account.id}")

    def _account(self, account_id: str) -> Account:
        account = self._config().account(account_id)
        if account is None:
            known = ", ".join(account.id for account in self._config().accounts.values())
            raise HttpError(404, f"accounts.conf has no account {account_id!r}; it has: {known}")
        return account


def _shown(token: Token) -> dict[str, Any]:
    values = asdict(token)
    del values["token_hash"]
    return values
