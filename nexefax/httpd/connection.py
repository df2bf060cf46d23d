"""One connection: sockets and deadlines on one side, the parser and the handler on the other.

Each connection has one task, and that task waits for one thing at a time: for bytes, or for room to
write. So there is one waiter and one deadline; the server's clock looks at the deadlines of all
connections now and then, which costs a request nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from math import inf
from typing import TYPE_CHECKING, cast

from nexefax.errors import HttpError
from nexefax.httpd.answer import Answer
from nexefax.httpd.forwarded import Peer
from nexefax.httpd.headers import Headers
from nexefax.httpd.protocol import RequestHead, RequestParser
from nexefax.httpd.request import Request

if TYPE_CHECKING:
    from nexefax.httpd.server import HttpServer

log = logging.getLogger("nexefax.http")

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_NO_HEADERS = Headers()


class Connection(asyncio.Protocol):
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

    def data_received(self, data: bytes) -> None:
        if self._discarding:
            return
        parser = self._parser
        parser.receive(data)
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

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _wait_for_bytes(self, deadline: float) -> None:
        """Wait until bytes or the end have come; TimeoutError at the deadline (loop time)."""
        if not self._reading:
            self._transport.resume_reading()
            self._reading = True
        self._wants_bytes = True
        self.deadline = deadline
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
            self._wants_bytes = False
            self.deadline = inf

    def expire(self) -> None:
        """The deadline has passed: called by the server's clock."""
        if self._transport.is_closing() or not self._wants_bytes:
            backlog = self._transport.get_write_buffer_size()
            if backlog < self._backlog:  # it takes something, if slowly
                self._backlog = backlog
                self.deadline = self._loop.time() + self._limits.write_timeout
            else:
                self.deadline = inf
                log.info("%s takes no bytes any more; connection dropped", self._peer.address)
                self._transport.abort()
        elif self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(TimeoutError())

    def _watch_backlog(self) -> None:
        self._backlog = self._transport.get_write_buffer_size()
        self.deadline = self._loop.time() + self._limits.write_timeout

    # -- the outlet ------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        self._owes_continue = False  # an answer has begun: "100 Continue" would now stand in its middle
        self._transport.write(data)

    async def drain(self) -> None:
        if self._transport.is_closing():
            await asyncio.sleep(0)  # lets connection_lost cancel an iterator that never waits itself
        while self._full and not self._gone:
            self._watch_backlog()
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
                self.deadline = inf

    # -- the task --------------------------------------------------------------------------------------

    async def serve(self) -> None:
        """Answer one request after the other; the connection is closed when this returns."""
        try:
            while await self._serve_one():
                pass
            if not self._eof:
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

    async def _serve_one(self) -> bool:
        """Answer one request; whether another may follow."""
        try:
            head = await self._receive_head()
        except HttpError as error:
            await self._refuse(error)
            return False
        if head is None:
            return False
        started = self._loop.time()
        self._requests += 1
        self._owes_continue = head.expects_continue
        request = Request(
            head.method,
            head.target,
            head.headers,
            self._peer,
            body=_Body(self, self._requests) if self._parser.in_body else None,
            length=head.length,
            minor=head.minor,
        )
        self._body_bytes = 0
        self._body_waited = 0.0
        answer = await self._answer(head, request)
        if log.isEnabledFor(logging.DEBUG if answer.status < 400 else logging.INFO):
            self._log_access(request.client, head.method, request.path, answer, started)
        return answer.keep_alive and await self._finish_body()

    async def _receive_head(self) -> RequestHead | None:
        """The next request; None when the client is done, or was silent for too long."""
        parser = self._parser
        limits = self._limits
        head = parser.next_head()
        if head is not None:
            return head
        begun = parser.buffered > 0
        patience = limits.idle_timeout if self._requests and not begun else limits.head_timeout
        deadline = self._loop.time() + patience
        while head is None:
            if self._eof:
                if parser.buffered:
                    raise HttpError(400, "The request ended in its middle.", close=True)
                return None
            self.idle = not begun
            if self.idle and self._server.closing:
                return None
            try:
                await self._wait_for_bytes(deadline)
            except TimeoutError:
                if begun:
                    raise HttpError(408, "The request took too long.", close=True) from None
                return None
            finally:
                self.idle = False
            head = parser.next_head()
            if not begun and parser.buffered:
                begun = True
                deadline = self._loop.time() + limits.head_timeout
        return head

    async def _answer(self, head: RequestHead, request: Request) -> Answer:
        """Let the handler answer; whatever it does, the client gets one answer or a cut connection."""
        error: HttpError | None = None
        answer = self._new_answer(head)
        try:
            response = await self._server.handler(request)
            answer.keep_alive = self._may_keep(head)
            self._endless = response.endless
            if self._endless and (self._eof or self._server.closing):
                self.task.cancel()
            await answer.send(response)
        except HttpError as refusal:
            error = refusal
        except asyncio.CancelledError:
            if self.task.cancelling():  # the client has gone, or the server closes
                raise
            log.exception(
                "%s %s: the handler awaited something that was cancelled", head.method, request.path
            )
        except Exception:
            log.exception("%s %s: the handler failed", head.method, request.path)
        else:
            return answer
        finally:
            self._endless = False
        if answer.started:
            # Half an answer is out: only a cut connection tells the client that it is not whole.
            answer.keep_alive = False
            self._transport.abort()
            return answer
        failure = error or HttpError(500, "Something went wrong here. The log says what.")
        answer.keep_alive = self._may_keep(head) and not failure.close
        await answer.send(self._server.error_response(request, failure))
        return answer

    def _new_answer(self, head: RequestHead) -> Answer:
        return Answer(self, self._server.lines, head.method, head.headers, head.minor, keep_alive=True)

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
        """The next piece of the body of the ``serial``-th request, b"" at its end; HttpError as Request.body says."""
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
            since = self._loop.time()
            try:
                await self._wait_for_bytes(since + min(limits.body_timeout, allowed))
            except TimeoutError:
                raise HttpError(408, "The body came too slowly.", close=True) from None
            finally:
                self._body_waited += self._loop.time() - since
        self._owes_continue = False
        self._body_bytes += len(piece)
        return piece

    async def _refuse(self, error: HttpError) -> None:
        """Answer what could not be read as a request."""
        answer = Answer(self, self._server.lines, "", _NO_HEADERS, 1, keep_alive=False)
        await answer.send(self._server.error_response(None, error))
        log.info("%s sent no request that can be answered: %d %s", self._peer.address, error.status, error)
        self._discarding = True

    async def _part(self) -> None:
        """Close so that the last answer arrives.

        Closing a socket while bytes of the peer wait unread resets the connection, and a reset makes
        the peer forget what it has not read yet (RFC 9112 section 9.6). So: end our side, read over
        the rest for a while, then close.
        """
        if not self._discarding and not self._parser.in_body:
            return
        self._discarding = True
        self._transport.set_write_buffer_limits(high=0)
        await self.drain()
        if self._transport.is_closing():
            return
        self._transport.write_eof()
        deadline = self._loop.time() + self._limits.linger_timeout
        try:
            while not self._eof:
                await self._wait_for_bytes(deadline)
        except TimeoutError:
            pass

    def close_soon(self) -> None:
        """The server closes: end now when nothing is asked, else after the answer."""
        if self.idle:
            self._wake()
        elif self._endless or self._discarding:
            self.task.cancel()

    def give_way(self) -> bool:
        """Close an idle connection, because its place is needed; whether it was one."""
        if self.idle:
            self.idle = False
            self._wake()
            self._transport.abort()
            return True
        return False

    def _close(self) -> None:
        if not self._gone:
            self._transport.close()
            self._watch_backlog()

    def abort(self) -> None:
        """Cut the connection."""
        self._transport.abort()

    def _log_access(self, client: str, method: str, path: str, answer: Answer, started: float) -> None:
        log.log(
            logging.DEBUG if answer.status < 400 else logging.INFO,
            "%s %s %s %d %d bytes %.1f ms",
            client,
            method,
            path.encode("ascii", "backslashreplace").decode(),
            answer.status,
            answer.size,
            (self._loop.time() - started) * 1000,
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
