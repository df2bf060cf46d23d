"""``/api/sessions``: where a user is signed in, and the end of that."""

from __future__ import annotations

from nexefax.httpd import Request, Response, Router
from nexefax.web.caller import Callers
from nexefax.web.json_body import timestamp
from nexefax.web.problem import Problem
from nexefax.web.sessions import COOKIE, Sessions

# Scripts that sign in for each fax have a thousand of them a day; nobody reads so many.
MOST_LISTED = 200


class SessionList:
    """The handlers of ``/api/sessions``."""

    def __init__(self, callers: Callers, sessions: Sessions) -> None:
        self._callers = callers
        self._sessions = sessions

    def add_to(self, router: Router) -> None:
        """Give the handlers their addresses."""
        router.add("GET", "/api/sessions", self._list)
        router.add("DELETE", "/api/sessions", self._end_others)
        router.add("DELETE", "/api/sessions/{id}", self._end)

    async def _list(self, request: Request) -> Response:
        own = await self._callers.session(request)
        found = await self._sessions.of_user(own.account, own.user)
        found.sort(key=lambda session: session.id != own.id)  # one's own first, the others newest first
        return Response.json(
            {
                "sessions": [
                    {
                        "id": session.id,
                        "created": timestamp(session.created),
                        "expires": timestamp(session.expires),
                        "address": session.address,
                        "agent": session.agent,
                        "current": session.id == own.id,
                    }
                    for session in found[:MOST_LISTED]
                ]
            }
        )

    async def _end(self, request: Request) -> Response:
        own = await self._callers.session(request)
        wanted = request.params["id"]
        if not await self._sessions.end_of_user(own.account, own.user, only=wanted):
            raise Problem(404, "There is no such session; it may be over already.")
        response = Response(204)
        if own.id == wanted:
            response.set_cookie(COOKIE, "", max_age=0, secure=request.secure)
        return response

    async def _end_others(self, request: Request) -> Response:
        own = await self._callers.session(request)
        await self._sessions.end_of_user(own.account, own.user, but=own.id)
        return Response(204)
