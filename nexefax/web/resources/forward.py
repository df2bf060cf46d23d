"""``/api/faxes/12/forward``: a fax by mail to others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from nexefax.config.kinds import is_address
from nexefax.fax.forwarding import may_forward
from nexefax.fax.records import Fax
from nexefax.fax.summary import fax_summary
from nexefax.httpd import Request, Response, Router
from nexefax.store import Journal
from nexefax.web.caller import Callers
from nexefax.web.fax_files import require_pages
from nexefax.web.fields import lines, request_id
from nexefax.web.json_body import json_object, text_list
from nexefax.web.problem import Problem
from nexefax.web.resources.own_fax import own_fax

MOST_ADDRESSES: Final = 20
MOST_NOTE: Final = 5000  # characters


class Forwarder(Protocol):
    """Who brings it into the outbox: :class:`nexefax.fax.worker.Worker`."""

    async def forward(
        self, fax_id: int, addresses: Sequence[str], *, note: str, by: str, request_id: str = ""
    ) -> Fax | None: ...


class Forward:
    """The handler."""

    def __init__(self, journal: Journal, callers: Callers, forwarder: Forwarder) -> None:
        self._journal = journal
        self._callers = callers
        self._forwarder = forwarder

    def add_to(self, router: Router) -> None:
        """Give the handler its address."""
        router.add("POST", "/api/faxes/{id}/forward", self._forward)

    async def _forward(self, request: Request) -> Response:
        caller = await self._callers.find(request, "send")
        caller.require("read")  # whoever it is sent to reads it
        fax = await own_fax(self._journal, caller, request.params["id"])
        fields = await json_object(request, {"to": list, "note": str, "request_id": str})
        addresses = _addresses(text_list(fields.get("to", []), "to"))
        note = lines(fields.get("note", ""), most=MOST_NOTE, field="note")
        key = request_id(caller.user, fields.get("request_id", ""))
        require_pages(fax)
        after = None
        if may_forward(fax):
            after = await self._forwarder.forward(
                fax.id, addresses, note=note, by=caller.user, request_id=key
            )
        if after is None:
            where = "it is in the bin" if fax.deleted_at is not None else "it has no pages yet"
            raise Problem(409, f"Fax {fax.id} can't be forwarded now: {where}.")
        return Response.json(fax_summary(after))


def _addresses(typed: Sequence[str]) -> list[str]:
    """The addresses, each once. Raises Problem for what is none, and for none or too many."""
    found = list(dict.fromkeys(address.strip() for address in typed))
    if not found:
        raise Problem(400, "Enter the mail address to forward it to.", field="to")
    if len(found) > MOST_ADDRESSES:
        raise Problem(400, f"A fax can be forwarded to {MOST_ADDRESSES} addresses at once.", field="to")
    for address in found:
        if not is_address(address):
            shown = "".join(sign if sign.isprintable() else "?" for sign in address[:100])
            raise Problem(400, f"“{shown}” is no mail address.", field="to")
    return found
