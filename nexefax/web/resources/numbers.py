"""``/api/numbers``: whom the caller's account has faxed to lately."""

from __future__ import annotations

from typing import Final

from nexefax.fax.recent_numbers import recent_numbers
from nexefax.httpd import Request, Response, Router
from nexefax.store import Journal
from nexefax.web.caller import Callers
from nexefax.web.json_body import timestamp
from nexefax.web.problem import Problem
from nexefax.web.resources.fax_filters import limit_of

USUAL, MOST = 8, 50  # numbers in one answer
_MOST_TYPED: Final = 200  # characters


class Numbers:
    """The handler."""

    def __init__(self, journal: Journal, callers: Callers) -> None:
        self._journal = journal
        self._callers = callers

    def add_to(self, router: Router) -> None:
        """Give the handler its address."""
        router.add("GET", "/api/numbers", self._list)

    async def _list(self, request: Request) -> Response:
        caller = await self._callers.find(request, "read")
        account, typed = caller.account.id, request.query.get("q", "")
        if len(typed) > _MOST_TYPED:
            raise Problem(400, f"Search for at most {_MOST_TYPED} characters.", field="q")
        limit = limit_of(request, usual=USUAL, most=MOST)
        found = await self._journal.read(lambda c: recent_numbers(c, account, typed, limit))
        numbers = [
            {"number": recent.number, "name": recent.name, "used": timestamp(recent.used)} for recent in found
        ]
        return Response.json({"numbers": numbers})
