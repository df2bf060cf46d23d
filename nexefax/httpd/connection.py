"""One connection: sockets and deadlines on one side, the parser and the handler on the other.

Each connection has one task, and that task waits for one thing at a time: for bytes, or for room to
write. So there is one waiter and one deadline; the server's clock looks at the deadlines of all
connections now and then, which costs a request nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, cast

from nexefax.errors import HttpError
from nexefax.httpd.answer import Answer
from nexefax.httpd.forwarded import Peer
from nexefax.httpd.protocol import RequestHead, RequestParser
from nexefax.httpd.request import Request
from nexefax.httpd.response import Response

if TYPE_CHECKING:
    from nexefax.httpd.server import HttpServer

log = logging.getLogger("nexefax.http")

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Connection(asyncio.BufferedProtocol):
    """The server's end of one connection."""

    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._limits = server.limits
        self._loop = asyncio.get_running_loop()
        self._parser = RequestParser(server.limits)
        self._transport: asyncio.Transport
        self._peer: Peer
        self.task: asyncio.Task[None]
        self.deadline = inf
        self._waiter: asyncio.Future[None] | None = None
        self._wants_bytes = False  # what the waiter waits for: bytes, or else room
        self._reading = True
        self._discarding = False
        self._full = False
        self._backlog = 0  # bytes that the peer had not taken when last looked at
        self._eof = False
        self._gone = False
        self.idle = False  # between two requests: may be closed at any time
        self._endless = False
        self._requests = 0
        self._owes_continue = False
        self._body_bytes = 0
        self._body_waited = 0.0

    # -- called by the transport -----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=self._limits.write_buffer)
        name = transport.get_extra_info("peername")
        self._peer = Peer(name[0] if isinstance(name, tuple) else "", self._server.trusted_proxies)
        self._server.admit(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        """One buffer serves all connections: what is in it is taken out before the loop goes on.

        A plain Protocol gets its bytes in a new object of 256 KiB that is then cut down; with it, a
        small page takes twice the time.
        """
        return self._server.receive_buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._discarding:
            return
        parser = self._parser
        parser.receive(self._server.receive_buffer[:nbytes])
        if self._wants_bytes:
            self._wake()
        elif self._reading and parser.buffered > self._limits.receive_buffer:
            self._transport.pause_reading()
            self._reading = False

    def eof_received(self) -> bool:
        self._eof = True
        if self._endless:
            # A closed tab looks like this. Other answers end by themselves, and find out by writing.
            self.task.cancel()
        elif self._wants_bytes:
            self._wake()
        return True  # a client may end its side and still read the answer

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        if not self._wants_bytes:
            self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone = True
        self._server.dismiss(self)
        self.task.cancel()

    # -- waiting ---------------------------------------------------------------------------------------

    def _want_bytes(self, deadline: float) -> asyncio.Future[None]:
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
        self.deadline = monotonic() + self._limits.write_timeout

    def _wake(self, error: Exception | None = None) -> None:
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
                self.deadline = monotonic() + self._limits.write_timeout
            else:
                self.deadline = inf
                log.info("%s takes no bytes any more; connection dropped", self._peer.address)
                self._transport.abort()
        else:
            self._wake(TimeoutError())

    # -- the outlet ------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        self._owes_continue = False  # an answer has begun: "100 Continue" would now stand in its middle
        self._transport.write(data)

    async def drain(self) -> None:
        if self._transport.is_closing():
            await asyncio.sleep(0)  # lets connection_lost cancel an iterator that never waits itself
        while self._full and not self._gone:
            await self._want_room()

    # -- the task --------------------------------------------------------------------------------------

    async def serve(self) -> None:
        """Answer one request after the other; the connection is closed when this returns."""
        try:
            while True:
                try:
                    head = self._parser.next_head() or await self._await_head()
                except HttpError as error:
                    await self._refuse(error)
                    break
                if head is None or not await self._exchange(head):
                    break
            await self._part()
        finally:
            self._close()

    async def turn_away(self) -> None:
        """Tell a client that every place is taken."""
        retry = {"Retry-After": str(self._limits.retry_after)}
        try:
            await self._refuse(HttpError(503, "The server is busy.", close=True, headers=retry))
            await self._part()
        finally:
            self._close()

    async def drop(self) -> None:
        """Close without a word: not even those who are told so may become endless."""
        self._transport.abort()

    async def _await_head(self) -> RequestHead | None:
        """The next request; None when the client is done, or was silent for too long."""
        parser = self._parser
        limits = self._limits
        begun = parser.buffered > 0
        patience = limits.idle_timeout if self._requests and not begun else limits.head_timeout
        deadline = monotonic() + patience
        while True:
            if self._eof:
                if begun:
                    raise HttpError(400, "The request ended in its middle.", close=True)
                return None
            if not begun and self._server.closing:
                return None
            waiter = self._want_bytes(deadline)
            self.idle = not begun
            try:
                await waiter
            except TimeoutError:
                if begun:
                    raise HttpError(408, "The request took too long.", close=True) from None
                return None
            head = parser.next_head()
            if head is not None:
                return head
            if not begun and parser.buffered:
                begun = True
                deadline = monotonic() + limits.head_timeout

    async def _exchange(self, head: RequestHead) -> bool:
        """Let the handler answer one request; whether another may follow."""
        started = monotonic()
        self._requests += 1
        request = Request(head.method, head.target, head.headers, self._peer)
        if head.length != 0:
            self._prepare_body(head, request)
        answer = Answer(self, self._server.lines, head)
        try:
            response = await self._server.handler(request)
            body = response.body
            answer.keep_alive = self._may_keep(head)
            if isinstance(body, bytes):
                answer.send_bytes(response, body)
                if self._full:
                    await self.drain()
            else:
                await self._stream(response, answer)
        except (Exception, asyncio.CancelledError) as error:
            await self._recover(error, head, request, answer)
        if log.isEnabledFor(logging.DEBUG if answer.status < 400 else logging.INFO):
            self._log_access(request.client, head.method, request.path, answer, started)
        return answer.keep_alive and (not self._parser.in_body or await self._finish_body())

    def _prepare_body(self, head: RequestHead, request: Request) -> None:
        self._owes_continue = head.expects_continue
        self._body_bytes = 0
        self._body_waited = 0.0
        request.length = head.length
        request.body = _Body(self, self._requests)

    async def _stream(self, response: Response, answer: Answer) -> None:
        """Send what takes longer."""
        self._endless = response.endless
        try:
            if self._endless and (self._eof or self._server.closing):
                self.task.cancel()
            await answer.send(response)
        finally:
            self._endless = False

    async def _recover(
        self, error: BaseException, head: RequestHead, request: Request, answer: Answer
    ) -> None:
        """A handler or its answer failed: the client gets an error, or a cut connection."""
        what = f"{head.method} {_printable(request.path)}"
        if isinstance(error, HttpError):
            refusal = error
        elif isinstance(error, asyncio.CancelledError) and self.task.cancelling():
            raise error  # the client has gone, or the server closes
        else:
            log.error("%s failed", what, exc_info=error)
            refusal = HttpError(500, "Something went wrong here. The log says what.")
        if answer.status:
            # Half an answer is out: only a cut connection tells the client that it is not whole.
            log.info("%s was cut in its middle: %s", what, error)
            answer.keep_alive = False
            self._transport.abort()
            return
        answer.keep_alive = self._may_keep(head) and not refusal.close
        await answer.send(self._server.error_response(request, refusal))

    def _may_keep(self, head: RequestHead) -> bool:
        """Whether the connection can stay open after this answer (RFC 9112 section 9.3)."""
        if (
            not head.keep_alive
            or self._server.closing
            or self._requests >= self._limits.requests_per_connection
        ):
            return False
        if not self._parser.in_body:
            return True
        # An unread body: a short one is read over; for a long one it is cheaper to close. A client that was
        # not told to continue may send its body or not: nobody could say where the next request begins.
        rest = None if head.length is None else head.length - self._body_bytes
        return not self._owes_continue and rest is not None and rest <= self._limits.receive_buffer

    async def _finish_body(self) -> bool:
        """Read over what a handler left of the body; whether the next request can be found."""
        try:
            while self._parser.in_body and await self.read_body(self._requests):
                pass
        except HttpError:
            return False
        return True

    async def read_body(self, serial: int) -> bytes:
        """The next piece of the body of the ``serial``-th request, b"" at its end.

        Raises:
            HttpError: as ``Request.body`` says.
        """
        if serial != self._requests:
            raise RuntimeError("The body of a request was read after its answer.")
        parser = self._parser
        limits = self._limits
        while (piece := parser.next_body()) is None:
            if self._eof:
                raise HttpError(400, "The body ended in its middle.", close=True)
            if self._owes_continue:
                self._owes_continue = False
                self._transport.write(_CONTINUE)
            allowed = limits.body_timeout + self._body_bytes / limits.body_rate - self._body_waited
            since = monotonic()
            try:
                await self._want_bytes(since + min(limits.body_timeout, allowed))
            except TimeoutError:
                raise HttpError(408, "The body came too slowly.", close=True) from None
            self._body_waited += monotonic() - since
        self._owes_continue = False
        self._body_bytes += len(piece)
        return piece

    async def _refuse(self, error: HttpError) -> None:
        """Answer what could not be read as a request."""
        answer = Answer(self, self._server.lines, None)
        await answer.send(self._server.error_response(None, error))
        log.info("%s sent no request that can be answered: %d %s", self._peer.address, error.status, error)
        self._discarding = True

    async def _part(self) -> None:
        """Close so that the last answer arrives.

        Closing a socket while bytes of the peer wait unread resets the connection, and a reset makes
        the peer forget what it has not read yet (RFC 9112 section 9.6). So: end our side, read over
        the rest for a while, then close.
        """
        if self._eof or not (self._discarding or self._parser.in_body):
            return
        self._discarding = True
        self._transport.set_write_buffer_limits(high=0)
        await self.drain()
        if self._transport.is_closing():
            return
        self._transport.write_eof()
        deadline = monotonic() + self._limits.linger_timeout
        with suppress(TimeoutError):
            while not self._eof:
                await self._want_bytes(deadline)

    def _close(self) -> None:
        if not self._gone:
            self._transport.close()
            self._watch_backlog()

    # -- called by the server --------------------------------------------------------------------------

    def close_soon(self) -> None:
        """The server closes: end now when nothing is asked, else after the answer."""
        if self.idle:
            self._wake()
        elif self._endless or self._discarding:
            self.task.cancel()

    def give_way(self) -> bool:
        """Close an idle connection, because its place is needed; whether it was one."""
        if self.idle:
            self._wake()
            self._transport.abort()
            return True
        return False

    def abort(self) -> None:
        """Cut the connection."""
        self._transport.abort()

    def _log_access(self, client: str, method: str, path: str, answer: Answer, started: float) -> None:
        log.log(
            logging.DEBUG if answer.status < 400 else logging.INFO,
            "%s %s %s %d %d bytes %.1f ms",
            client,
            method,
            _printable(path),
            answer.status,
            answer.size,
            (monotonic() - started) * 1000,
        )


class _Body(AsyncIterator[bytes]):
    """The body of the request at hand."""

    __slots__ = ("_connection", "_serial")

    def __init__(self, connection: Connection, serial: int) -> None:
        self._connection = connection
        self._serial = serial

    async def __anext__(self) -> bytes:
        piece = await self._connection.read_body(self._serial)
        if not piece:
            raise StopAsyncIteration
        return piece


def _printable(path: str) -> str:
    """A path for the log: one line, ASCII."""
    return path.encode("ascii", "backslashreplace").decode()
