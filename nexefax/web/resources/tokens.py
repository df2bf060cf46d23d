"""``/api/tokens``: the tokens of a user, for people alone: a token can't make another."""

from __future__ import annotations

from typing import Any

from nexefax.httpd import Request, Response, Router
from nexefax.web.caller import Callers
from nexefax.web.json_body import json_object, text_list, timestamp
from nexefax.web.problem import Problem
from nexefax.web.token_records import Token
from nexefax.web.tokens import Tokens


class TokenList:
    """The handlers of ``/api/tokens``."""

    def __init__(self, callers: Callers, tokens: Tokens) -> None:
        self._callers = callers
        self._tokens = tokens

    def add_to(self, router: Router) -> None:
        """Give the handlers their addresses."""
        router.add("GET", "/api/tokens", self._list)
        router.add("POST", "/api/tokens", self._create)
        router.add("DELETE", "/api/tokens/{id}", self._revoke)

    async def _list(self, request: Request) -> Response:
        own = await self._callers.session(request)
        found = await self._tokens.of(own.account, own.user)
        return Response.json({"tokens": [token_json(token) for token in found]})

    async def _create(self, request: Request) -> Response:
        own = await self._callers.session(request)
        fields = await json_object(request, {"name": str, "scopes": list})
        name = " ".join(fields.get("name", "").split())
        scopes = text_list(fields.get("scopes", []), "scopes")
        token, secret = await self._tokens.create(own.account, own.user, name, scopes)
        return Response.json(token_json(token) | {"token": secret}, 201)

    async def _revoke(self, request: Request) -> Response:
        own = await self._callers.session(request)
        wanted = request.params["id"]
        known = wanted.isascii() and wanted.isdecimal() and len(wanted) <= 15
        if not known or not await self._tokens.revoke(own.account, int(wanted), own.user):
            raise Problem(404, "There is no such token; it may be revoked already.")
        return Response(204)


def token_json(token: Token) -> dict[str, Any]:
    """A token as the API shows it."""
    return {
        "id": token.id,
        "name": token.name,
        "scopes": list(token.scopes),
        "created": timestamp(token.created),
        "last_used": timestamp(token.last_used),
    }
