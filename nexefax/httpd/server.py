"""The server: listens, keeps its connections, watches their deadlines, closes with grace."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from time import monotonic

from nexefax.errors import HttpError
from nexefax.httpd.connection import Connection
from nexefax.httpd.files import remove_quietly
from nexefax.httpd.forwarded import Network
from nexefax.httpd.limits import HttpLimits
from nexefax.httpd.request import Request
from nexefax.httpd.response import Response, StatusLines
from nexefax.httpd.router import Handler

log = logging.getLogger("nexefax.http")

ErrorPage = Callable[[Request | None, int, str], Response]
# Connections that the kernel keeps until they are accepted.
_BACKLOG = 256
# Bytes taken from a socket at once; a loopback packet is as large.
_RECEIVE = 65536
# How long closing waits for tasks that were cancelled; they only tidy up.
_TIDY_UP = 5.0


def plain_error(_request: Request | None, status: int, detail: str) -> Response:
    """The error page of a server that was given none."""
    return Response.text(f"{detail}\n", status)


class HttpServer:
    """An HTTP/1.1 server.

    Args:
        handler: answers the requests; a Router, usually.
        limits: caps and timeouts.
        trusted_proxies: networks whose X-Forwarded-For and X-Forwarded-Proto are believed.
        error_page: makes the answer for an error from the request (None when it could not be read), the
            status and a sentence; the status and the error's own headers are set on what it returns.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        limits: HttpLimits | None = None,
        trusted_proxies: Iterable[Network] = (),
        error_page: ErrorPage | None = None,
    ) -> None:
        self.handler = handler
        self.limits = limits or HttpLimits()
        self.trusted_proxies = frozenset(trusted_proxies)
        self.lines = StatusLines()
        self.closing = False
        self.receive_buffer = memoryview(bytearray(_RECEIVE))
        self._error_page = error_page or plain_error
        self._listeners: list[asyncio.Server] = []
        self._sockets: list[Path] = []
        self._connections: dict[Connection, None] = {}  # the longest here first
        self._all_gone = asyncio.Event()
        self._clock: asyncio.TimerHandle | None = None
        limits = self.limits
        # Deadlines need no precision, only to be kept: a quarter of the shortest, at most a second.
        self._tick = min(
            1.0,
            min(limits.head_timeout, limits.idle_timeout, limits.body_timeout, limits.write_timeout) / 4,
            limits.linger_timeout / 4,
        )

    async def start(self, host: str, port: int) -> int:
        """Listen on an address ("" for all); port 0 takes a free one. Returns the first address's port.

        Raises:
            OSError: the address can't be had.
        """
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(self._new_connection, host or None, port, backlog=_BACKLOG)
        self._listeners.append(listener)
        bound: int = listener.sockets[0].getsockname()[1]
        return bound

    async def start_unix(self, path: Path, mode: int = 0o600) -> None:
        """Listen on a Unix socket; ``mode`` is its file mode, and so who may connect.

        Raises:
            OSError: the socket can't be made there.
        """
        sock = await asyncio.to_thread(_bind_unix, path, mode)
        self._listeners.append(
            await asyncio.get_running_loop().create_unix_server(self._new_connection, sock=sock)
        )
        self._sockets.append(path)

    async def close(self, grace: float) -> None:
        """Stop listening, let running requests end within ``grace`` seconds, then cut what is left."""
        self.closing = True
        for listener in self._listeners:
            listener.close()
        for connection in tuple(self._connections):
            connection.close_soon()
        await self._wait_for_tasks(grace)
        for connection in tuple(self._connections):
            if not connection.task.done():
                connection.task.cancel()
        await self._wait_for_tasks(_TIDY_UP)
        for connection in tuple(self._connections):
            connection.abort()
        for listener in self._listeners:
            await listener.wait_closed()
        if self._connections:
            self._all_gone.clear()
            await self._all_gone.wait()
        for path in self._sockets:
            await asyncio.to_thread(remove_quietly, path)
        self._listeners.clear()
        self._sockets.clear()

    # -- for connections -------------------------------------------------------------------------------

    def admit(self, connection: Connection) -> None:
        """Give a new connection its task: to be served, or to be told that every place is taken.

        The server owns these tasks, not a TaskGroup: they have nothing to do with each other, and no
        failure of one may cancel the others.
        """
        limits = self.limits
        work = connection.serve
        if len(self._connections) >= limits.connections and not any(
            other.give_way() for other in self._connections
        ):
            work = connection.turn_away
            if len(self._connections) >= limits.connections + limits.surplus_connections:
                work = connection.drop
        loop = asyncio.get_running_loop()
        self._connections[connection] = None
        connection.task = loop.create_task(work(), name="http connection")
        connection.task.add_done_callback(_report)
        if self._clock is None:
            self._clock = loop.call_later(self._tick, self._look_at_deadlines)

    def dismiss(self, connection: Connection) -> None:
        """Forget a connection that is closed."""
        self._connections.pop(connection, None)
        if not self._connections:
            self._all_gone.set()

    def error_response(self, request: Request | None, error: HttpError) -> Response:
        """The answer for an error."""
        try:
            response = self._error_page(request, error.status, error.detail)
            response.headers.lines()  # here it can still be replaced; where it is sent, it can't
        except Exception:
            log.exception("The page for the error %d could not be made", error.status)
            response = plain_error(request, error.status, error.detail)
        response.status = error.status
        for name, value in error.headers.items():
            response.headers.set(name, value)
        return response

    # -- inside ----------------------------------------------------------------------------------------

    def _new_connection(self) -> Connection:
        return Connection(self)

    def _look_at_deadlines(self) -> None:
        now = monotonic()
        for connection in tuple(self._connections):
            if connection.deadline <= now:
                connection.expire()
        # Without connections nothing ticks: an idle daemon sleeps.
        self._clock = None
        if self._connections:
            self._clock = asyncio.get_running_loop().call_later(self._tick, self._look_at_deadlines)

    async def _wait_for_tasks(self, seconds: float) -> None:
        tasks = [connection.task for connection in self._connections if not connection.task.done()]
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)


def _report(task: asyncio.Task[None]) -> None:
    """Nothing may end a connection's task but its end; if something does, the log must say so."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("A connection ended by a mistake of ours", exc_info=error)


def _bind_unix(path: Path, mode: int) -> socket.socket:
    """A listening socket at ``path``, which nobody can open before it has its mode. Blocking."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            pass  # none, or one that a killed process left
        else:
            raise OSError(errno.EADDRINUSE, "Another process listens here", str(path))
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        remove_quietly(staged)
        listening.bind(str(staged))
        staged.chmod(mode)
        listening.listen(_BACKLOG)
        listening.setblocking(False)
        staged.rename(path)
    except BaseException:
        listening.close()
        remove_quietly(staged)
        raise
    return listening
