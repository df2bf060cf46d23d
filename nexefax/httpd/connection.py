"""One connection: requests in, answers out, one task."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from time import monotonic
from typing import TYPE_CHECKING

from nexefax.errors import HttpError
from nexefax.httpd.answer import Answer
from nexefax.httpd.forwarded import Peer
from nexefax.httpd.line import Line
from nexefax.httpd.protocol import RequestHead
from nexefax.httpd.request import Request
from nexefax.httpd.response import Response

if TYPE_CHECKING:
    from nexefax.httpd.server import HttpServer

log = logging.getLogger("nexefax.http")

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Connection(Line):
    """The server's end of one connection."""

    def __init__(self, server: HttpServer) -> None:
        super().__init__(server.limits, server.receive_buffer)
        self._server = server
        self._peer: Peer
        self._requests = 0
        self._owes_continue = False
        self._body_bytes = 0
        self._body_waited = 0.0

    def opened(self) -> None:
        self._peer = Peer(self.address, self._server.trusted_proxies)
        self._server.admit(self)

    def lost(self) -> None:
        self._server.dismiss(self)

    def write(self, data: bytes) -> None:
        self._owes_continue = False  # an answer has begun: "100 Continue" would now stand in its middle
        self._transport.write(data)

    # -- the task --------------------------------------------------------------------------------------

    async def serve(self) -> None:
        """Answer one request after the other; the connection is closed when this returns."""
        try:
            while True:
                try:
                    head = self.parser.next_head() or await self._await_head()
                except HttpError as error:
                    await self._refuse(error)
                    break
                if head is None or not await self._exchange(head):
                    break
                if self.parser.buffered:
                    await asyncio.sleep(0)  # who pipelines takes turns with the others
            await self.part()
        finally:
            self.close()

    async def turn_away(self) -> None:
        """Tell a client that every place is taken."""
        retry = {"Retry-After": str(self.limits.retry_after)}
        try:
            await self._refuse(HttpError(503, "The server is busy.", close=True, headers=retry))
            await self.part()
        finally:
            self.close()

    async def drop(self) -> None:
        """Close without a word: not even those who are told so may become endless."""
        self.abort()

    async def _await_head(self) -> RequestHead | None:
        """The next request; None when the client is done, or was silent for too long."""
        parser = self.parser
        limits = self.limits
        begun = parser.buffered > 0
        patience = limits.idle_timeout if self._requests and not begun else limits.head_timeout
        deadline = monotonic() + patience
        while True:
            if self.eof:
                if begun:
                    raise HttpError(400, "The request ended in its middle.", close=True)
                return None
            if not begun and self._server.closing:
                return None
            waiter = self.want_bytes(deadline)
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
                if self.full:
                    await self.drain()
            else:
                await self._stream(response, answer)
        except (Exception, asyncio.CancelledError) as error:
            await self._recover(error, head, request, answer)
        if log.isEnabledFor(logging.DEBUG if answer.status < 400 else logging.INFO):
            self._log_access(request.client, head.method, request.path, answer, started)
        return answer.keep_alive and (not self.parser.in_body or await self._finish_body())

    def _prepare_body(self, head: RequestHead, request: Request) -> None:
        self._owes_continue = head.expects_continue
        self._body_bytes = 0
        self._body_waited = 0.0
        request.length = head.length
        request.body = _Body(self, self._requests)

    async def _stream(self, response: Response, answer: Answer) -> None:
        """Send what takes longer."""
        self.endless = response.endless
        try:
            if self.endless and (self.eof or self._server.closing):
                self.task.cancel()
            await answer.send(response)
        finally:
            self.endless = False

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
            self.abort()
            return
        answer.keep_alive = self._may_keep(head) and not refusal.close
        await answer.send(self._server.error_response(request, refusal))

    def _may_keep(self, head: RequestHead) -> bool:
        """Whether the connection can stay open after this answer (RFC 9112 section 9.3)."""
        if (
            not head.keep_alive
            or self._server.closing
            or self._requests >= self.limits.requests_per_connection
        ):
            return False
        if not self.parser.in_body:
            return True
        # An unread body: a short one is read over; for a long one it is cheaper to close. A client that was
        # not told to continue may send its body or not: nobody could say where the next request begins.
        rest = None if head.length is None else head.length - self._body_bytes
        return not self._owes_continue and rest is not None and rest <= self.limits.receive_buffer

    async def _finish_body(self) -> bool:
        """Read over what a handler left of the body; whether the next request can be found."""
        try:
            while self.parser.in_body and await self.read_body(self._requests):
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
        parser = self.parser
        limits = self.limits
        while (piece := parser.next_body()) is None:
            if self.eof:
                raise HttpError(400, "The body ended in its middle.", close=True)
            if self._owes_continue:
                self._owes_continue = False
                self._transport.write(_CONTINUE)
            allowed = limits.body_timeout + self._body_bytes / limits.body_rate - self._body_waited
            since = monotonic()
            try:
                await self.want_bytes(since + min(limits.body_timeout, allowed))
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
        self.discarding = True

    # -- called by the server --------------------------------------------------------------------------

    def close_soon(self) -> None:
        """The server closes: end now when nothing is asked, else after the answer."""
        if self.idle:
            self.wake()
        elif self.endless or self.discarding:
            self.task.cancel()

    def give_way(self) -> bool:
        """Close an idle connection, because its place is needed; whether it was one."""
        if self.idle:
            self.wake()
            self.abort()
            return True
        return False

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
