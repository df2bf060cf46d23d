"""``/api/events``, what happens as it happens, and ``/api/changes``, the same for those who ask now and then."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any, Final

from nexefax.errors import JournalError
from nexefax.fax import changes, records
from nexefax.fax.listing import count_now
from nexefax.httpd import Request, Response, Router
from nexefax.store import Journal
from nexefax.web.caller import Caller, Callers
from nexefax.web.live import Hub, TooMany, counts_event, event_bytes
from nexefax.web.problem import Problem
from nexefax.web.resources.fax_json import fax_summary

HEARTBEAT_SECONDS: Final = 15.0  # proxies cut what is silent for a minute
# An event and no comment, of which a page's scripts would hear nothing: they tell a dead line by its absence.
_BEAT: Final = b"event: beat\ndata: {}\n\n"
_CHANGE: Final = re.compile(r"[0-9]{1,15}")


class Live:
    """The handlers."""

    def __init__(self, journal: Journal, callers: Callers, hub: Hub) -> None:
        self._journal = journal
        self._callers = callers
        self._hub = hub

    def add_to(self, router: Router) -> None:
        """Give the handlers their addresses."""
        router.add("GET", "/api/events", self._events)
        router.add("GET", "/api/changes", self._changes)

    async def _events(self, request: Request) -> Response:
        caller = await self._callers.find(request, "read")
        # a browser that comes back says so by itself; "after" is for a page that has just fetched what it shows
        after = _after(request.headers.get("last-event-id") or request.query.get("after", ""))
        try:
            self._hub.require_room(caller.account.id, caller.user)
        except TooMany as error:
            if error.of_user:
                raise Problem(
                    429, "You have this open too often; close some of the pages.", retry_after=30
                ) from None
            raise Problem(
                503, "Too many pages are open at this moment. Try again soon.", retry_after=30
            ) from None
        return Response.events(self._follow(request, caller, after))

    async def _follow(self, request: Request, caller: Caller, after: int | None) -> AsyncIterator[bytes]:
        account = caller.account.id
        with self._hub.stream(account, caller.user) as stream:
            yield b"retry: 2000\n\n"
            for told in await self._journal.read(lambda c: self._missed_events(c, account, after)):
                yield told
            beat = monotonic() + HEARTBEAT_SECONDS
            while not stream.lost:
                event = await stream.next(max(0.0, beat - monotonic()))
                if event is not None:
                    yield event
                if monotonic() >= beat:
                    if not await self._still(request, caller):
                        return
                    yield _BEAT
                    beat = monotonic() + HEARTBEAT_SECONDS

    async def _still(self, request: Request, caller: Caller) -> bool:
        """Whether this is still somebody who may be told."""
        try:
            return (await self._callers.find(request, "read")).account.id == caller.account.id
        except Problem:
            return False
        except JournalError:
            return True  # nobody is signed out by a busy disk

    def _missed_events(self, connection: sqlite3.Connection, account: str, after: int | None) -> list[bytes]:
        missed = changes.missed(connection, account, after)
        events = [event_bytes("reset", {}, missed.last)] if missed.reset else []
        for change in missed.changes:
            events += self._hub.fax_events(connection, change)
        # with a number even if nothing was missed: whoever comes back later says what is known
        return [*events, counts_event(connection, account, missed.last)]

    async def _changes(self, request: Request) -> Response:
        caller = await self._callers.find(request, "read")
        account, after = caller.account.id, _after(request.query.get("after", ""))
        return Response.json(await self._journal.read(lambda c: self._since(c, account, after)))

    def _since(self, connection: sqlite3.Connection, account: str, after: int | None) -> dict[str, Any]:
        missed = changes.missed(connection, account, after)
        counts = count_now(connection, account)
        if after is None:
            return {"last": missed.last, "counts": counts}
        faxes = records.load_faxes(connection, [change.fax for change in missed.changes])
        shown = [fax_summary(fax, progress=self._hub.running.get(fax.id)) for fax in faxes]
        return {"last": missed.last, "reset": missed.reset, "faxes": shown, "counts": counts}


def _after(text: str) -> int | None:
    """The change that is known; None for none. Raises Problem (400)."""
    if text and not _CHANGE.fullmatch(text):
        raise Problem(400, "The last change is a number that was told here.", field="after")
    return int(text) if text else None
