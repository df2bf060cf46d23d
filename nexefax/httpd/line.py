"""The socket's side of a connection: bytes in and out, one waiter, one deadline.

A connection's task waits for one thing at a time, for bytes or for room to write. So there is one
waiter and one deadline; the server's clock looks at the deadlines of all connections now and then,
which costs a request nothing.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import suppress
from math import inf
from time import monotonic
from typing import cast

from nexefax.httpd.limits import HttpLimits
from nexefax.httpd.protocol import RequestParser

log = logging.getLogger("nexefax.http")


class Line(asyncio.BufferedProtocol):
    """One socket.

    Args:
        limits: caps and timeouts.
        shared: where the socket's bytes are put. One buffer serves all connections: what is in it is taken
            out before the loop goes on. (A plain Protocol gets its bytes in a new object of 256 KiB each
            time, which is then cut down; with that, a small page takes twice the time.)
    """

    def __init__(self, limits: HttpLimits, shared: memoryview) -> None:
        self.limits = limits
        self.parser = RequestParser(limits)
        self.task: asyncio.Task[None]
        self.address = ""  # the peer's; "" for a Unix socket
        self.deadline = inf  # by monotonic()
        self.idle = False  # waits for a request and has nothing of it: may be closed at any time
        self.endless = False  # its answer ends only when the client leaves
        self.eof = False
        self._shared = shared
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._waiter: asyncio.Future[None] | None = None
        self._wants_bytes = False  # what the waiter waits for: bytes, or else room
        self._reading = True
        self.discarding = False
        self.full = False
        self._backlog = 0  # bytes that the peer had not taken when last looked at
        self._gone = False

    # -- called by the transport -----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=self.limits.write_buffer)
        name = transport.get_extra_info("peername")  # None when the peer has left already
        if transport.get_extra_info("socket").family != socket.AF_UNIX:
            self.address = str(name[0] if name else "unknown")
        self.opened()

    def opened(self) -> None:
        """The connection is there: to be given its task."""

    def lost(self) -> None:
        """The connection has gone."""

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._shared

    def buffer_updated(self, nbytes: int) -> None:
        if self.discarding:
            return
        parser = self.parser
        parser.receive(self._shared[:nbytes])
        if self._wants_bytes:
            self.wake()
        elif self._reading and parser.buffered > self.limits.receive_buffer:
            self._transport.pause_reading()
            self._reading = False

    def eof_received(self) -> bool:
        self.eof = True
        if self.endless:
            # A closed tab looks like this. Other answers end by themselves, and find out by writing.
            self.task.cancel()
        elif self._wants_bytes:
            self.wake()
        return True  # a client may end its side and still read the answer

    def pause_writing(self) -> None:
        self.full = True

    def resume_writing(self) -> None:
        self.full = False
        if not self._wants_bytes:
            self.wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone = self.eof = True
        self.lost()
        self.task.cancel()

    # -- waiting ---------------------------------------------------------------------------------------

    def want_bytes(self, deadline: float) -> asyncio.Future[None]:
        """What to await until bytes or the end have come; TimeoutError at the deadline."""
        if not self._reading:
            self._transport.resume_reading()
            self._reading = True
        self._wants_bytes = True
        self.deadline = deadline
        self._waiter = waiter = self._loop.create_future()
        return waiter

    def _want_room(self) -> asyncio.Future[None]:
        """What to await until the peer has taken enough of what was written."""
        self._watch_backlog()
        self._waiter = waiter = self._loop.create_future()
        return waiter

    def _watch_backlog(self) -> None:
        self._backlog = self._transport.get_write_buffer_size()
        self.deadline = monotonic() + self.limits.write_timeout

    def wake(self, error: Exception | None = None) -> None:
        """End the task's waiting."""
        waiter = self._waiter
        self._waiter = None
        self._wants_bytes = False
        self.idle = False
        self.deadline = inf
        if waiter is not None and not waiter.done():
            if error is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(error)

    def expire(self) -> None:
        """The deadline has passed: called by the server's clock."""
        if self._transport.is_closing() or not self._wants_bytes:
            backlog = self._transport.get_write_buffer_size()
            if backlog < self._backlog:  # it takes something, if slowly
                self._backlog = backlog
                self.deadline = monotonic() + self.limits.write_timeout
            else:
                self.deadline = inf
                log.info("%s takes no bytes any more; connection dropped", self.address)
                self._transport.abort()
        else:
            self.wake(TimeoutError())

    # -- writing ------------------------------------------------------------------------------------

    async def drain(self) -> None:
        """Wait while the peer is behind."""
        if self._transport.is_closing():
            await asyncio.sleep(0)  # lets connection_lost cancel an iterator that never waits itself
        while self.full and not self._gone:
            await self._want_room()

    async def part(self) -> None:
        """End our side so that the last answer arrives.

        Closing a socket while bytes of the peer wait unread resets the connection, and a reset makes
        the peer forget what it has not read yet (RFC 9112 section 9.6). So: end our side, read over
        the rest for a while, and only then close.
        """
        if self.eof or not (self.discarding or self.parser.in_body or self.parser.buffered):
            return
        self.discarding = True
        self._transport.set_write_buffer_limits(high=0)
        await self.drain()
        if self._transport.is_closing():
            return
        with suppress(OSError):  # a reset that the loop has not seen yet
            self._transport.write_eof()
        deadline = monotonic() + self.limits.linger_timeout
        with suppress(TimeoutError):
            while not self.eof:
                await self.want_bytes(deadline)

    def close(self) -> None:
        """Close when all is written, watched by the server's clock."""
        if not self._gone:
            self._transport.close()
            self._watch_backlog()

    def abort(self) -> None:
        """Cut the connection."""
        self._transport.abort()
