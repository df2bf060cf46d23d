"""One call to a webhook: signed, by HTTP or HTTPS, in a thread, with an end to how long it may take."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from nexefax import __version__
from nexefax.errors import HookError

if TYPE_CHECKING:
    import http.client
    import socket

CALL_SECONDS = 20.0  # for all of it; who takes longer should answer first and work then
_LONGEST_HEAD = 16_384  # bytes of an answer's head, as http.client's own limits allow

T = TypeVar("T")


def signature(secret: str, body: bytes, now: int) -> str:
    """The value of NexeFax-Signature at ``now`` (seconds since 1970): the time, and HMAC-SHA-256 of "time.body"."""
    signed = hmac.new(secret.encode(), b"%d.%b" % (now, body), hashlib.sha256).hexdigest()
    return f"t={now},v1={signed}"


def call_hook(url: str, secret: str, delivery: str, event: str, body: bytes) -> int:
    """Post ``body`` to ``url`` and return the status of the answer, whatever it is; blocking.

    Redirects are not followed: they could lead anywhere. Raises HookError when there is no answer.
    """
    import http.client  # late, as ssl: most installations call nobody

    parts = urlsplit(url)
    deadline = time.monotonic() + CALL_SECONDS
    connection = _connection(parts.scheme, parts.hostname or "", parts.port)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"NexeFax/{__version__}",
        "NexeFax-Event": event,
        "NexeFax-Delivery": delivery,
        "NexeFax-Signature": signature(secret, body, int(time.time())),
        "Connection": "close",
    }
    try:
        connection.connect()
        connection.sock.settimeout(_left(deadline))
        connection.request("POST", target, body, headers)
        return _status(connection.sock, deadline)
    except TimeoutError as error:
        raise HookError(f"{parts.hostname} does not answer within {CALL_SECONDS:.0f} s") from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise HookError(f"{parts.hostname} can't be called: {error}") from error
    finally:
        connection.close()


async def in_own_thread(work: Callable[[], T], name: str) -> T:
    """Run ``work`` in a thread that nobody waits for at the end of the program, and return what it does.

    Not one of the loop's own: a dozen servers that don't answer would take all of them away from the disk.
    """
    loop = asyncio.get_running_loop()
    result: asyncio.Future[T] = loop.create_future()

    def settle(value: T | None, error: Exception | None) -> None:
        if result.done():  # cancelled meanwhile
            return
        if error is not None:
            result.set_exception(error)
        else:
            result.set_result(value)  # type: ignore[arg-type]  # None only where T has it

    def run() -> None:
        value, failure = None, None
        try:
            value = work()
        except Exception as error:  # told to whoever waits
            failure = error
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, value, failure)

    threading.Thread(target=run, name=name, daemon=True).start()
    return await result


def _connection(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    import http.client

    if scheme != "https":
        return http.client.HTTPConnection(host, port, timeout=CALL_SECONDS / 2)
    import ssl

    return http.client.HTTPSConnection(
        host, port, timeout=CALL_SECONDS / 2, context=ssl.create_default_context()
    )


def _status(peer: socket.socket, deadline: float) -> int:
    """The status of the answer on ``peer``; the rest of it is nobody's interest. Raises OSError or ValueError."""
    head = b""
    while True:
        line, newline, rest = head.partition(b"\n")
        if newline:
            status = _status_in(line)
            if status >= 200:
                return status
            _, blank, after = rest.replace(b"\r\n", b"\n").partition(b"\n\n")
            if blank:  # an interim answer (RFC 9110, 15.2): the real one follows
                head = after
                continue
        if len(head) > _LONGEST_HEAD:
            raise ValueError("its answer is no HTTP")
        peer.settimeout(_left(deadline))
        piece = peer.recv(4096)
        if not piece:
            raise ConnectionError("it closed the connection without an answer")
        head += piece


def _status_in(line: bytes) -> int:
    version, _, rest = line.strip().partition(b" ")
    code = rest[:3]
    if not version.startswith(b"HTTP/1.") or len(code) != 3 or not code.isdigit():
        raise ValueError("its answer is no HTTP")
    return int(code)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
