"""Static files: a list made once, so that no address can leave its folder; fingerprinted ones are kept for ever."""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nexefax.errors import HttpError
from nexefax.httpd.conditional import select
from nexefax.httpd.request import Request
from nexefax.httpd.response import FileBody, Response

# An address with a fingerprint changes with its content (RFC 8246).
FOR_EVER = "public, max-age=31536000, immutable"
# Others are asked for again each time, and answered by 304 as long as they are the same.
ASK_AGAIN = "no-cache"
# All that a page is made of. The system's own table knows 1,800 more, and would stay in memory for good.
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/vnd.microsoft.icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mp4": "video/mp4",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
# What shrinks: the other types are compressed already.
_TEXT = frozenset((".css", ".html", ".js", ".json", ".svg", ".txt", ".webmanifest"))
# What fits one packet with its head arrives no sooner when it is shorter.
_WORTH_IT: Final = 1024  # bytes
_GZIP: Final = 16 + zlib.MAX_WBITS  # zlib's way to ask for gzip's frame


@dataclass(slots=True)
class _Known:
    """One file; ``gzip`` is made when first asked for, b"" where it saves nothing; ``lean`` shortens it before."""

    path: Path
    media_type: str
    etag: str
    modified: float
    gzip: bytes | None
    lean: Callable[[bytes], bytes] | None = None


class StaticFiles:
    """A handler for the regular files below ``folder``; the route's parameter ``path`` names one.

    The folder is read once, blocking, when this is made: a file that comes later is not served. Names that begin
    with a dot and links are left out. ``for_ever`` is for addresses that hold a fingerprint. Text goes out as gzip
    where the client takes it; this is made once, and kept in memory. ``lean_js`` shortens scripts before they go out.
    """

    def __init__(
        self, folder: Path, *, for_ever: bool = False, lean_js: Callable[[bytes], bytes] | None = None
    ) -> None:
        self._caching = FOR_EVER if for_ever else ASK_AGAIN
        self._files = {
            str(path.relative_to(folder)): _known(path, lean_js if path.suffix == ".js" else None)
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not path.is_symlink() and not path.name.startswith(".")
        }

    async def __call__(self, request: Request) -> Response:
        """Answer with the file. Raises HttpError 404 for any other name."""
        known = self._files.get(request.params["path"])
        if known is None:
            raise HttpError(404, "There is no such file.")
        return await _answer(known, request, self._caching)


class StaticFile:
    """A handler for one file, as StaticFiles answers; made blocking."""

    def __init__(self, path: Path) -> None:
        self._known = _known(path)

    async def __call__(self, request: Request) -> Response:
        """Answer with the file."""
        return await _answer(self._known, request, ASK_AGAIN)


async def _answer(known: _Known, request: Request, caching: str) -> Response:
    headers = {"Content-Type": known.media_type, "Cache-Control": caching}
    if known.gzip == b"":
        return Response(200, headers, FileBody(known.path, known.etag))
    headers["Vary"] = (
        "Accept-Encoding"  # also with the plain form: caches between must know that there are two
    )
    # Parts are cut from the plain form: no client wants the middle of a gzip stream.
    if "range" in request.headers or not accepts_gzip(request.headers.get("accept-encoding")):
        if known.lean is None:
            return Response(200, headers, FileBody(known.path, known.etag))
        return _whole(known, request, headers, await asyncio.to_thread(_content, known), f'"{known.etag}"')
    if known.gzip is None:
        known.gzip = await asyncio.to_thread(_compressed, known)
    # RFC 9110 section 8.8.3.3: the two forms have different bytes, so different strong tags.
    coded = headers | {"Content-Encoding": "gzip"}
    return _whole(known, request, coded, known.gzip, f'"{known.etag}-gzip"')


def _whole(known: _Known, request: Request, headers: dict[str, str], body: bytes, tag: str) -> Response:
    """All of a file from memory; a server may leave a Range aside (RFC 9110 section 14.2)."""
    chosen = select(request.method, request.headers, etag=tag, modified=known.modified, size=len(body))
    headers["ETag"] = tag
    if chosen.status == 304:
        del headers["Content-Type"]
        headers.pop("Content-Encoding", None)
        return Response(304, headers)
    return Response(200, headers, body)


def accepts_gzip(field: str) -> bool:
    """Whether an Accept-Encoding (RFC 9110 section 12.5.3) asks for gzip; absent or unreadable: no."""
    weights: dict[str, float] = {}
    for member in field.lower().split(","):
        coding, _, weight = member.partition(";")
        name, _, value = weight.partition("=")
        try:
            weights[coding.strip()] = float(value) if name.strip() == "q" else 1.0
        except ValueError:
            weights[coding.strip()] = 0.0
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0))) > 0


def _known(path: Path, lean: Callable[[bytes], bytes] | None = None) -> _Known:
    media_type = _TYPES.get(path.suffix, "application/octet-stream")
    content = path.read_bytes()
    shrinks = path.suffix in _TEXT and len(content) >= _WORTH_IT
    etag = hashlib.sha256(content).hexdigest()[:16]
    return _Known(path, media_type, etag, path.stat().st_mtime, None if shrinks else b"", lean)


def _content(known: _Known) -> bytes:
    content = known.path.read_bytes()
    return known.lean(content) if known.lean is not None else content


def _compressed(known: _Known) -> bytes:
    return compressed(_content(known))


def compressed(content: bytes) -> bytes:
    """The content as gzip."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, _GZIP)
    return compressor.compress(content) + compressor.flush()
