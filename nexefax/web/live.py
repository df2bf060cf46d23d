"""One hub for all who follow what happens to their account's faxes: it reads the changes once and tells each of them.

The journal's ``after_write`` wakes it. Nothing that it tells is kept: who has missed something asks by the number of
the last change that was told.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final

from nexefax.fax import changes, records
from nexefax.fax.fault_log import tell_fault
from nexefax.fax.listing import count_now
from nexefax.fax.summary import fax_summary
from nexefax.store import Journal

MOST_STREAMS: Final = 300  # of the HTTP server's 512 connections; each costs about 10 KB
MOST_OF_A_USER: Final = 20  # pages that are open at once; a browser itself allows six
MOST_WAITING: Final = 200  # events that a reader has not taken; who is further behind begins anew
PAUSE_SECONDS: Final = 0.1  # what happens within it is told at once
LOOK_SECONDS: Final = 5.0  # without a word from the journal: the writer was cancelled after its commit
_FORGET_EVERY: Final = 1_000  # changes


class TooMany(Exception):
    """No room for one more stream; ``of_user``: this user has too many."""

    def __init__(self, *, of_user: bool) -> None:
        super().__init__("too many streams")
        self.of_user = of_user


class Stream:
    """What one reader is told; ``lost`` when it was too slow to be told everything."""

    def __init__(self, account: str, user: str) -> None:
        self.account = account.casefold()
        self.user = user
        self.lost = False
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(MOST_WAITING)

    def tell(self, event: bytes) -> None:
        """Have it told, unless the reader is too far behind."""
        try:
            self._waiting.put_nowait(event)
        except asyncio.QueueFull:
            self.lost = True

    async def next(self, seconds: float) -> bytes | None:
        """What happened next; None when nothing does for so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                return await self._waiting.get()
        except TimeoutError:
            return None


class Hub:
    """Tells streams what happens. :meth:`run` works as long as the site is open.

    ``running`` has, by fax, the page that is on the line, where it is known; ``somebody`` is set while anybody listens.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._streams: dict[str, set[Stream]] = {}
        self._users: Counter[tuple[str, str]] = Counter()
        self._wake = asyncio.Event()
        self._last = -1  # not known yet
        self._forgotten = 0
        self.running: dict[int, Mapping[str, Any]] = {}
        self.somebody = asyncio.Event()

    @property
    def accounts(self) -> frozenset[str]:
        """The accounts, casefolded, of which somebody is listening."""
        return frozenset(self._streams)

    def require_room(self, account: str, user: str) -> None:
        """Raise TooMany when this user can't have one more stream."""
        if self._users[account.casefold(), user] >= MOST_OF_A_USER:
            raise TooMany(of_user=True)
        if self._users.total() >= MOST_STREAMS:
            raise TooMany(of_user=False)

    @contextmanager
    def stream(self, account: str, user: str) -> Iterator[Stream]:
        """A stream, as long as the context lasts."""
        stream = Stream(account, user)
        key = stream.account, user
        self._streams.setdefault(stream.account, set()).add(stream)
        self._users[key] += 1
        self._wake.set()
        self.somebody.set()
        try:
            yield stream
        finally:
            self._users[key] -= 1
            if not self._users[key]:
                del self._users[key]
            self._streams[stream.account].discard(stream)
            if not self._streams[stream.account]:
                del self._streams[stream.account]
            if not self._streams:
                self.somebody.clear()

    def tell_progress(self, account: str, fax: int, progress: Mapping[str, Any]) -> None:
        """Tell which page is on the line; it is not kept."""
        event = event_bytes("progress", {"id": fax, **progress})
        for stream in self._streams.get(account.casefold(), ()):
            stream.tell(event)

    async def run(self) -> None:
        """Tell what happens, for ever."""
        self._journal.after_write.append(self._wake.set)
        try:
            while True:
                self._wake.clear()
                try:
                    await self._look()
                except Exception as error:  # pages that do not follow must not end the daemon
                    tell_fault(error, "what happens can't be told to the pages that follow it")
                await asyncio.sleep(PAUSE_SECONDS)
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS if self._streams else None):
                        await self._wake.wait()
        finally:
            self._journal.after_write.remove(self._wake.set)

    async def _look(self) -> None:
        if self._last < 0:
            self._last = self._forgotten = await self._journal.read(changes.last_change)
        self._last, events = await self._journal.read(self._read)
        for account, told in events.items():
            for stream in self._streams.get(account, ()):
                for event in told:
                    stream.tell(event)
        if self._last - self._forgotten >= _FORGET_EVERY:
            await self._journal.write(changes.forget_changes)
            self._forgotten = self._last

    def _read(self, connection: sqlite3.Connection) -> tuple[int, dict[str, list[bytes]]]:
        """The last change, and the events of each account that somebody listens to. Runs in the journal's thread."""
        found = changes.changes_after(connection, self._last)
        events: dict[str, list[bytes]] = {}
        for change in found:
            account = change.account.casefold()
            if account in self._streams:
                events.setdefault(account, []).extend(self.fax_events(connection, change))
        for account, told in events.items():
            told.append(counts_event(connection, account))
        return found[-1].id if found else self._last, events

    def fax_events(self, connection: sqlite3.Connection, change: changes.Change) -> Iterator[bytes]:
        """The event of a change; none when the fax's record is gone."""
        fax = records.load_fax(connection, change.fax)
        if fax is not None:
            summary = fax_summary(fax, progress=self.running.get(fax.id))
            yield event_bytes("fax", summary, change.id)


def counts_event(connection: sqlite3.Connection, account: str, number: int | None = None) -> bytes:
    """The event with an account's counts."""
    return event_bytes("counts", count_now(connection, account), number)


def event_bytes(name: str, data: Mapping[str, Any], number: int | None = None) -> bytes:
    """An event as it goes over the line (HTML standard, "Server-sent events")."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))  # one line: JSON escapes line feeds
    identity = "" if number is None else f"id: {number}\n"
    return f"{identity}event: {name}\ndata: {text}\n\n".encode()
