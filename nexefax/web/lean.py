"""What goes over the line of pages and scripts, made short: a first load is to be quick on a slow line too."""

from __future__ import annotations

import re

from nexefax.httpd import Request, Response
from nexefax.httpd.static import accepts_gzip, compressed

# From the beginning of a line to the end of one: those within a line, which say what a value is, are few and short.
_COMMENT = re.compile(rb"^[ \t]*/\*\*(?:[^*]|\*(?!/))*\*/[ \t]*\n", re.MULTILINE)


def lean(script: bytes) -> bytes:
    """A script without its comments about types, which only people and the checks read: lines from ``/**`` on."""
    return _COMMENT.sub(b"", script)


def short_html(request: Request, page: bytes) -> Response:
    """A page, as gzip where the client takes it.

    Only for pages that repeat nothing of what somebody sent: from the length of a page that holds a secret and what
    an attacker chose, the secret could be guessed (BREACH).
    """
    if not accepts_gzip(request.headers.get("accept-encoding")):
        return Response.html(page)
    response = Response.html(compressed(page))
    response.headers.set("Content-Encoding", "gzip")
    response.headers.set("Vary", "Accept-Encoding")
    return response
