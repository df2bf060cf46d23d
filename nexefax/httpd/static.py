"""Static files: a list made once, so that no address can leave its folder; fingerprinted ones are kept for ever."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from nexefax.errors import HttpError
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


@dataclass(frozen=True, slots=True)
class _Known:
    path: Path
    media_type: str
    etag: str


class StaticFiles:
    """A handler for the regular files below ``folder``; the route's parameter ``path`` names one.

    The folder is read once, blocking, when this is made: a file that comes later is not served. Names that begin
    with a dot and links are left out. ``for_ever`` is for addresses that hold a fingerprint.
    """

    def __init__(self, folder: Path, *, for_ever: bool = False) -> None:
        self._caching = FOR_EVER if for_ever else ASK_AGAIN
        self._files = {
            str(path.relative_to(folder)): _known(path)
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not path.is_symlink() and not path.name.startswith(".")
        }

    async def __call__(self, request: Request) -> Response:
        """Answer with the file. Raises HttpError 404 for any other name."""
        known = self._files.get(request.params["path"])
        if known is None:
            raise HttpError(404, "There is no such file.")
        headers = {"Content-Type": known.media_type, "Cache-Control": self._caching}
        return Response(200, headers, FileBody(known.path, known.etag))


def _known(path: Path) -> _Known:
    media_type = _TYPES.get(path.suffix, "application/octet-stream")
    return _Known(path, media_type, hashlib.sha256(path.read_bytes()).hexdigest()[:16])
