"""Static files: a list made once, so that no address can leave its folder; fingerprinted ones are kept for ever."""

from __future__ import annotations

import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from nexefax.errors import HttpError
from nexefax.httpd.request import Request
from nexefax.httpd.response import FileBody, Response

# An address with a fingerprint changes with its content (RFC 8246).
FOR_EVER = "public, max-age=31536000, immutable"
# Others are asked for again each time, and answered by 304 as long as they are the same.
ASK_AGAIN = "no-cache"
# What the system's table may lack or call by an older name.
_TYPES = {".js": "text/javascript", ".svg": "image/svg+xml", ".css": "text/css", ".woff2": "font/woff2"}


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
    media_type = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if media_type.startswith("text/"):
        media_type += "; charset=utf-8"
    return _Known(path, media_type, hashlib.sha256(path.read_bytes()).hexdigest()[:16])
