"""FastAGI on asyncio: feeds :mod:`nexefax.fastagi.protocol`, flushes it, and runs the scripts.

A connection has no task until its header is whole, so that whoever connects and says nothing costs a buffer.
``AGI()`` waits without limit for a server that says nothing: every session has a deadline, and at the deadline
it is closed, which sends the call on through its dialplan. One clock looks after all deadlines; with timers of
their own, sessions took a tenth longer.
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass

from nexefax.errors import AgiError
from nexefax.fastagi.commands import Command
from nexefax.fastagi.protocol import Broken, Dialogue, Replied, Requested
from nexefax.fastagi.scripts import FaxReports, run_script

log = logging.getLogger("nexefax.fastagi")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: Who may connect unless ``fagi_allow`` says more: the Asterisk on this machine.
LOOPBACK: tuple[Network, ...] = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))

# One read: a whole header as Asterisk sends it has about 600 bytes, a report's answer below 2 KiB. asyncio's own
# reads are 256 KiB, for which glibc maps and unmaps memory each time: a quarter of a session's time.
_READ_BYTES = 16 * 1024

# Addresses whose admission is remembered: a PBX has few, a scanner's many push each other out.
_KNOWN_PEERS = 64


@dataclass(frozen=True, slots=True)
class FastAgiLimits:
    """What one server gives.

    ``sessions``: connections at once. Each fax on a line makes one for some milliseconds; 256 hold at most
    256 x 64 KiB. ``header_seconds``: from the connection to the end of the header, which Asterisk writes at
    once. ``command_seconds``: for one answer. ``session_seconds``: for the script. ``clock_seconds``: how late
    the end of one of these may be seen.
    """

    sessions: int = 256
    header_seconds: float = 5.0
    command_seconds: float = 5.0
    session_seconds: float = 10.0
    clock_seconds: float = 0.25


class FastAgiServer:
    """Listens for Asterisk and runs a script for each connection."""

    def __init__(
        self,
        reports: FaxReports,
        *,
        allow: Sequence[Network] = LOOPBACK,
        limits: FastAgiLimits | None = None,
    ) -> None:
        """Tell ``reports`` what scripts report; only peers in ``allow`` are heard."""
        self.reports = reports
        self.limits = limits or FastAgiLimits()
        self.sessions: set[_Session] = set()
        self.tasks = asyncio.TaskGroup()
        self.read_buffer = bytearray(_READ_BYTES)
        self.closing = False
        self.admit(allow)
        self._clock: asyncio.TimerHandle | None = None  # runs while there are sessions
        self._listener: asyncio.Server | None = None

    def admit(self, allow: Sequence[Network]) -> None:
        """Hear peers in ``allow`` from now on, and no others."""
        self.admits = functools.lru_cache(_KNOWN_PEERS)(functools.partial(_admits, tuple(allow)))

    async def start(self, host: str, port: int) -> int:
        """Listen on ``host`` and ``port`` (0 for any) and return the port. Raises OSError."""
        loop = asyncio.get_running_loop()
        # Fifty faxes that end in the same second are fifty connections before the loop turns once.
        self._listener = await loop.create_server(lambda: _Session(self, loop), host, port, backlog=128)
        await self.tasks.__aenter__()
        bound: int = self._listener.sockets[0].getsockname()[1]
        return bound

    async def close(self, grace: float) -> None:
        """Stop listening; sessions have ``grace`` seconds to end, then they are cut. A second call may shorten it."""
        if self._listener is None:
            asyncio.get_running_loop().call_later(grace, self._cut)
            return
        self._listener.close()
        self._listener = None
        self.closing = True
        for session in tuple(self.sessions):
            session.drop_unless_running()
        timer = asyncio.get_running_loop().call_later(grace, self._cut)
        try:
            await self.tasks.__aexit__(None, None, None)
        finally:
            timer.cancel()
            if self._clock is not None:
                self._clock.cancel()

    def enter(self, session: _Session) -> None:
        """Count ``session`` and watch its deadlines."""
        self.sessions.add(session)
        if self._clock is None:
            self._tick()

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for session in tuple(self.sessions):
            session.check(now)
        self._clock = loop.call_later(self.limits.clock_seconds, self._tick) if self.sessions else None

    def _cut(self) -> None:
        for session in tuple(self.sessions):
            session.cut()


def _admits(allow: tuple[Network, ...], address: str) -> bool:
    peer: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(address)
    if isinstance(peer, ipaddress.IPv6Address) and peer.ipv4_mapped is not None:
        peer = peer.ipv4_mapped  # a listener on :: sees IPv4 peers so
    return any(peer in network for network in allow)


class _Session(asyncio.BufferedProtocol):
    """One connection. ``ask`` is for the script that runs in this session's task."""

    def __init__(self, server: FastAgiServer, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._loop = loop
        self._dialogue = Dialogue()
        self._transport: asyncio.Transport | None = None  # None before and after the connection
        self._peer = ""
        self._deadline = 0.0  # of the header, then of the script
        self._answer_deadline = 0.0  # while there is a waiter
        self._task: asyncio.Task[None] | None = None
        self._waiter: asyncio.Future[Replied] | None = None
        self._failure = ""  # why the dialogue can't go on

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - create_server makes no other
        server = self._server
        if server.closing:  # accepted in the same turn of the loop
            transport.abort()
            return
        self._peer = transport.get_extra_info("peername")[0]
        if not server.admits(self._peer):
            log.warning(
                "FastAGI: %s may not connect. If it is your Asterisk, add it to fagi_allow in config.conf.",
                self._peer,
            )
            transport.abort()
            return
        if len(server.sessions) >= server.limits.sessions:
            log.warning("FastAGI: %s was sent away, %d sessions are open.", self._peer, len(server.sessions))
            transport.abort()
            return
        self._transport = transport
        self._deadline = self._loop.time() + server.limits.header_seconds
        server.enter(self)

    def get_buffer(self, sizehint: int) -> bytearray:
        # All sessions share it: the loop fills it and calls buffer_updated in one go (selector_events.py).
        return self._server.read_buffer

    def buffer_updated(self, nbytes: int) -> None:
        for event in self._dialogue.feed(bytes(memoryview(self._server.read_buffer)[:nbytes])):
            match event:
                case Replied():
                    self._answer(event)
                case Requested():
                    self._begin(event)
                case Broken(reason):
                    self._fail(reason, logging.WARNING)

    def connection_lost(self, exc: Exception | None) -> None:
        broken = self._dialogue.end()
        if self._transport is not None and broken is not None and self._task is None:
            log.debug("FastAGI: %s left: %s", self._peer, broken.reason)
        self._fail("Asterisk closed the connection.", logging.DEBUG)
        if self._task is None or self._task.done():  # done: cancelled before its first step
            self._leave()

    async def ask(self, command: Command) -> Replied:
        """Send ``command`` and return its answer. Raises AgiError when none can come any more."""
        if self._transport is None:
            raise AgiError(self._failure)
        encoded = self._dialogue.send(command)
        self._waiter = self._loop.create_future()
        self._answer_deadline = self._loop.time() + self._server.limits.command_seconds
        self._transport.write(encoded)
        try:
            return await self._waiter
        finally:
            self._waiter = None

    def check(self, now: float) -> None:
        """End the session when something in it is late at ``now``."""
        if now >= self._deadline:
            self._deadline = math.inf
            if self._task is None:
                self._fail("The header was not complete in time.", logging.WARNING)
            else:
                self._fail("The session took too long.", logging.ERROR)
                self._task.cancel()
        elif self._waiter is not None and now >= self._answer_deadline:
            self._fail("Asterisk did not answer a command in time.", logging.WARNING)

    def drop_unless_running(self) -> None:
        """Close when no script runs yet."""
        if self._task is None:
            self._fail("NexeFax stops.", logging.DEBUG)

    def cut(self) -> None:
        """Close now and cancel the script."""
        self._fail("NexeFax stops.", logging.WARNING)
        if self._task is not None:
            self._task.cancel()

    def _begin(self, request: Requested) -> None:
        self._deadline = self._loop.time() + self._server.limits.session_seconds
        self._task = self._server.tasks.create_task(self._run(request), name=f"fastagi {request.script[:40]}")

    async def _run(self, request: Requested) -> None:
        try:
            await run_script(self, request, self._server.reports)
        except AgiError as error:
            log.warning("FastAGI: script %r for %s ended early: %s", request.script[:80], self._peer, error)
        except Exception:
            log.exception("FastAGI: script %r failed; the sweep will find its fax.", request.script[:80])
        finally:
            self._leave()

    def _answer(self, reply: Replied) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(reply)

    def _fail(self, reason: str, level: int) -> None:
        """End the dialogue. A script that waits for an answer learns it; one that reports may finish."""
        if self._transport is None:
            return
        self._failure = reason
        self._transport.abort()
        self._transport = None
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(AgiError(reason))  # the script's end is logged
        else:
            log.log(level, "FastAGI: the dialogue with %s was closed: %s", self._peer, reason)

    def _leave(self) -> None:
        if self._transport is not None:
            self._transport.close()
            self._transport = None
        self._server.sessions.discard(self)
