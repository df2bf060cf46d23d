"""What a handler gets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING

from nexefax.errors import HttpError
from nexefax.httpd.headers import Headers
from nexefax.httpd.target import Query, Target, decode_pairs

if TYPE_CHECKING:
    from nexefax.httpd.forwarded import Peer

_NO_PARAMS: Mapping[str, str] = {}


class _NoBody(AsyncIterator[bytes]):
    __slots__ = ()

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration


NO_BODY = _NoBody()


class Request:
    """One request.

    Attributes:
        method: the method's name, in capitals as the client sent it.
        path: decoded once; no dot segments, control characters or backslashes.
        headers: the header fields, values as latin-1 text; only to be read.
        params: what the route's placeholders matched.
        peer: the other end of the connection.
        query_text: what stands behind the question mark, undecoded.
        length: the body's size as stated, in bytes; 0 without a body, None when it comes in chunks.
        body: its pieces, as they come; to be read once. Iterating sends "100 Continue" where the client
            waits for it, and holds the client back as long as nobody reads. It raises HttpError: 400 when
            the body breaks, 408 when it stalls, 413 past the server's cap.
    """

    __slots__ = (
        "_cookies",
        "_query",
        "body",
        "headers",
        "length",
        "method",
        "params",
        "path",
        "peer",
        "query_text",
    )

    def __init__(
        self,
        method: str,
        target: Target,
        headers: Headers,
        peer: Peer,
        *,
        body: AsyncIterator[bytes] = NO_BODY,
        length: int | None = 0,
    ) -> None:
        self.method = method
        self.path, self.query_text, _ = target
        self.headers = headers
        self.params = _NO_PARAMS
        self.peer = peer
        self.length = length
        self.body = body
        self._query: Query | None = None
        self._cookies: Mapping[str, str] | None = None

    @property
    def query(self) -> Query:
        """The values behind the question mark.

        Raises:
            HttpError: 400 where they can't be decoded.
        """
        if self._query is None:
            self._query = Query(decode_pairs(self.query_text))
        return self._query

    @property
    def cookies(self) -> Mapping[str, str]:
        """The cookies (RFC 6265 section 5.4); the first of a name counts, as the more specific path."""
        if self._cookies is None:
            cookies: dict[str, str] = {}
            for line in self.headers.get_all("cookie"):
                for piece in line.split(";"):
                    name, equals, value = piece.strip().partition("=")
                    if equals:
                        cookies.setdefault(name, value.strip('"'))
            self._cookies = cookies
        return self._cookies

    @property
    def client(self) -> str:
        """The client's address; a proxy's word counts only where the proxy is trusted."""
        return self.peer.client(self.headers)

    @property
    def secure(self) -> bool:
        """Whether the client came by HTTPS, as a trusted proxy says."""
        return self.peer.secure(self.headers)

    @property
    def host(self) -> str:
        """Name and port that the client asked for; only its form has been checked."""
        return self.headers.get("host")

    @property
    def has_length(self) -> bool:
        """Whether the client framed a body at all, be it an empty one."""
        return "content-length" in self.headers or "transfer-encoding" in self.headers

    async def read(self, limit: int) -> bytes:
        """The whole body.

        Args:
            limit: the most bytes that this handler wants in memory.

        Raises:
            HttpError: 413 for more than ``limit`` bytes, else as ``body``.
        """
        self.expect_at_most(limit)
        pieces: list[bytes] = []
        size = 0
        async for piece in self.body:
            size += len(piece)
            if size > limit:
                raise too_large(limit)
            pieces.append(piece)
        return b"".join(pieces)

    def expect_at_most(self, limit: int) -> None:
        """Refuse by the stated length, before a byte of the body is asked for.

        Raises:
            HttpError: 413.
        """
        if self.length is not None and self.length > limit:
            raise too_large(limit)

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.path}>"


def too_large(limit: int) -> HttpError:
    """The error for a body of more than ``limit`` bytes."""
    return HttpError(413, f"The request is too large: at most {limit} bytes are taken here.")
