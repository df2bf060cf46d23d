"""``/api/faxes``: the faxes of the caller's account, and what may be done with them."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from nexefax.config import Config
from nexefax.errors import DocumentError, JournalError, NumberError
from nexefax.fax import bin as fax_bin
from nexefax.fax import listing, readers, records
from nexefax.fax.job import State
from nexefax.httpd import Request, Response, Router
from nexefax.store import Journal
from nexefax.web.caller import Caller, Callers, Scope
from nexefax.web.fields import request_id
from nexefax.web.json_body import json_object
from nexefax.web.problem import Problem
from nexefax.web.refusal import not_kept
from nexefax.web.resources.fax_detail import fax_detail, page_sizes
from nexefax.web.resources.fax_filters import cursor_of, filters_of, limit_of
from nexefax.web.resources.fax_json import WAITING, fax_summary
from nexefax.web.resources.own_fax import fax_number, find_own, no_such_fax

_ONLY_RECEIVED = "Fax {id} was not received but sent; only received ones are marked as read."
_Change = Callable[[sqlite3.Connection, int, str, float], records.Fax | None]


class Sender(Protocol):
    """Who sends the faxes: :class:`nexefax.web.api.Outgoing` has it all."""

    async def cancel(self, fax_id: int, by: str) -> records.Fax | None: ...

    async def retry_now(self, fax_id: int, by: str) -> records.Fax | None: ...

    async def resend(self, fax_id: int, by: str, number: str = "", request_id: str = "") -> int: ...


class Faxes:
    """The handlers. ``sender`` does what changes the course of a fax; ``running`` has the pages on the line, by fax."""

    def __init__(
        self,
        config: Callable[[], Config],
        journal: Journal,
        callers: Callers,
        sender: Sender,
        running: Mapping[int, Mapping[str, Any]],
    ) -> None:
        self._running = running
        self._config = config
        self._journal = journal
        self._callers = callers
        self._sender = sender

    def add_to(self, router: Router) -> None:
        """Give the handlers their addresses."""
        router.add("GET", "/api/faxes", self._list)
        router.add("GET", "/api/counts", self._counts)
        router.add("GET", "/api/faxes/{id}", self._one)
        router.add("DELETE", "/api/faxes/{id}", self._delete)
        router.add("POST", "/api/faxes/{id}/restore", self._restore)
        router.add("POST", "/api/faxes/{id}/read", self._read)
        router.add("POST", "/api/faxes/{id}/unread", self._unread)
        router.add("POST", "/api/faxes/{id}/cancel", self._cancel)
        router.add("POST", "/api/faxes/{id}/retry", self._retry)
        router.add("POST", "/api/faxes/{id}/resend", self._resend)

    async def _list(self, request: Request) -> Response:
        caller = await self._callers.find(request, "read")
        filters, limit = filters_of(request, caller.account.id), limit_of(request)
        # one more than asked for tells whether there is another page
        found = await listing.list_faxes(self._journal, filters, before=cursor_of(request), limit=limit + 1)
        shown = found[:limit]
        following = str(shown[-1].id) if len(found) > limit else None
        summaries = [fax_summary(fax, progress=self._running.get(fax.id)) for fax in shown]
        return Response.json({"faxes": summaries, "next": following})

    async def _counts(self, request: Request) -> Response:
        caller = await self._callers.find(request, "read")
        account = caller.account.id
        return Response.json(await self._journal.read(lambda c: listing.count_now(c, account)))

    async def _one(self, request: Request) -> Response:
        caller = await self._callers.find(request, "read")
        number = fax_number(request.params["id"])

        def read(connection: sqlite3.Connection) -> tuple[records.Fax, dict[str, Any]]:
            fax = find_own(connection, caller, number)
            return fax, fax_detail(connection, fax, self._running.get(number))

        fax, seen = await self._journal.read(read)
        kept = fax.files_deleted is None
        sizes = await asyncio.to_thread(page_sizes, self._config().general.data_dir, fax) if kept else []
        return Response.json(seen | {"page_sizes": sizes})

    async def _delete(self, request: Request) -> Response:
        return await self._change(
            request, fax_bin.delete, "Fax {id} is still under way, so it can't be deleted yet."
        )

    async def _restore(self, request: Request) -> Response:
        return await self._change(
            request,
            fax_bin.restore,
            "The pages of fax {id} are gone for good: it was deleted more than a day ago.",
        )

    async def _read(self, request: Request) -> Response:
        return await self._change(request, readers.mark_read, _ONLY_RECEIVED)

    async def _unread(self, request: Request) -> Response:
        return await self._change(request, readers.mark_unread, _ONLY_RECEIVED)

    async def _change(self, request: Request, change: _Change, refused: str) -> Response:
        """Change a fax in one transaction; what the state does not allow is refused with the sentence ``refused``."""
        caller, fax = await self._asked(request, "read")
        now = time.time()
        after = await self._journal.write(lambda c: change(c, fax.id, caller.user, now))
        if after is None:
            raise Problem(409, refused.format(id=fax.id))
        return Response.json(fax_summary(after))

    async def _cancel(self, request: Request) -> Response:
        caller, fax = await self._asked(request, "send")
        if fax.direction != "out":
            raise Problem(409, f"Fax {fax.id} was received; there is nothing to cancel.")
        after = await self._sender.cancel(fax.id, caller.user)
        if after is None:
            raise no_such_fax()
        if after.state == State.CANCELLED or (after.state == State.CALLING and after.cancelled_by):
            return Response.json(fax_summary(after))
        raise Problem(409, f"It is too late to cancel fax {fax.id}: it is {after.state}.")

    async def _retry(self, request: Request) -> Response:
        caller, fax = await self._asked(request, "send")
        kept = fax.deleted_at is None and fax.files_deleted is None
        if not kept or fax.state not in (*WAITING, State.UNDELIVERABLE):
            again = " Send it again instead." if fax.state in (State.FAILED, State.CANCELLED) else ""
            raise Problem(409, f"Fax {fax.id} does not wait for another try: it is {fax.state}.{again}")
        after = await self._sender.retry_now(fax.id, caller.user)
        if after is None:
            raise no_such_fax()
        return Response.json(fax_summary(after))

    async def _resend(self, request: Request) -> Response:
        caller, fax = await self._asked(request, "send")
        fields = await json_object(request, {"number": str, "request_id": str})
        number, key = fields.get("number", ""), request_id(caller.user, fields.get("request_id", ""))
        if number:
            caller.require("read")  # whoever has that number reads it
        if fax.direction != "out":
            raise Problem(409, f"Fax {fax.id} was received; forward it instead.")
        if fax.state not in fax_bin.OVER or fax.deleted_at is not None:
            where = "in the bin" if fax.deleted_at is not None else str(fax.state)
            raise Problem(409, f"Fax {fax.id} can't be sent again now: it is {where}.")
        try:
            again = await self._sender.resend(fax.id, caller.user, number, key)
        except NumberError as error:
            raise Problem(400, str(error), field="number") from None
        except (KeyError, DocumentError) as error:
            detail = str(error) if isinstance(error, DocumentError) else f"Fax {fax.id} is no longer kept."
            raise Problem(409, detail) from None
        except JournalError:
            raise
        except OSError as error:
            raise not_kept(error) from error
        new = await self._journal.read(lambda c: find_own(c, caller, again))
        return Response.json(fax_summary(new), 201, {"Location": f"/api/faxes/{again}"})

    async def _asked(self, request: Request, scope: Scope) -> tuple[Caller, records.Fax]:
        caller = await self._callers.find(request, scope)
        number = fax_number(request.params["id"])
        return caller, await self._journal.read(lambda c: find_own(c, caller, number))
