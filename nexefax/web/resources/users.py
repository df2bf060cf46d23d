"""``/api/users``: the users of an account, for those of them whom accounts.conf names in ``admins``."""

from __future__ import annotations

from nexefax.httpd import Request, Response, Router
from nexefax.web.caller import Callers
from nexefax.web.json_body import json_object, needed
from nexefax.web.problem import Problem
from nexefax.web.sessions import Session
from nexefax.web.users import Users

_NO_PASSWORD = "Enter a password."  # noqa: S105 - a sentence


class UserList:
    """The handlers of ``/api/users``."""

    def __init__(self, callers: Callers, users: Users) -> None:
        self._callers = callers
        self._users = users

    def add_to(self, router: Router) -> None:
        """Give the handlers their addresses."""
        router.add("GET", "/api/users", self._list)
        router.add("POST", "/api/users", self._add)
        router.add("PUT", "/api/users/{name}/password", self._set_password)
        router.add("DELETE", "/api/users/{name}", self._remove)

    async def _list(self, request: Request) -> Response:
        admin = await self._admin(request)
        names = await self._users.names(admin.account)
        return Response.json(
            {
                "users": [
                    {"name": name, "admin": name in admin.account.admins, "you": name == admin.user}
                    for name in names
                ]
            }
        )

    async def _add(self, request: Request) -> Response:
        admin = await self._admin(request)
        fields = await json_object(request, {"name": str, "password": str})
        name = needed(fields, "name", str, "Enter the name of the user.")
        password = needed(fields, "password", str, _NO_PASSWORD)
        await self._users.add(admin.account, name, password, admin.user)
        return Response.json({"name": name, "admin": name in admin.account.admins, "you": False}, 201)

    async def _set_password(self, request: Request) -> Response:
        admin = await self._admin(request)
        fields = await json_object(request, {"password": str})
        password = needed(fields, "password", str, _NO_PASSWORD)
        await self._users.set_password(admin.account, request.params["name"], password, admin.user)
        return Response(204)

    async def _remove(self, request: Request) -> Response:
        admin = await self._admin(request)
        await self._users.remove(admin.account, request.params["name"], admin.user)
        return Response(204)

    async def _admin(self, request: Request) -> Session:
        session = await self._callers.session(request)
        if session.user not in session.account.admins:
            raise Problem(403, "Only an administrator of the account may manage its users.")
        return session
