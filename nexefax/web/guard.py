"""What every answer says to browsers, and who may post.

Closed by default: a page of NexeFax loads nothing but its own files, runs no inline code, is framed by nobody, and
no other site's page can act in the name of somebody who is signed in.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from nexefax.httpd import Request, Response

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_HEADERS = (
    ("Content-Security-Policy", _POLICY),
    ("X-Content-Type-Options", "nosniff"),
    # Not no-referrer: with it browsers send "Origin: null" with our own forms (Fetch, "append a request Origin header")
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    # Pages show who is signed in and what was written. Static files set their own before.
    ("Cache-Control", "no-store"),
)


# What a page is made of and never is a page itself: what a document may do says nothing there, thirty times a page.
_NO_DOCUMENTS = ("text/javascript", "text/css")
_OF_DOCUMENTS = frozenset(("Content-Security-Policy", "Permissions-Policy"))


def harden(response: Response, *, secure: bool) -> Response:
    """Set the headers of every answer; ``secure``: the client came by HTTPS."""
    document = not response.headers.get("content-type").startswith(_NO_DOCUMENTS)
    for name, value in _HEADERS:
        if not document and name in _OF_DOCUMENTS:
            continue
        response.headers.setdefault(name, value)
    if secure:  # browsers ignore it elsewhere, with a complaint on the console
        response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    return response


def is_foreign(request: Request) -> bool:
    """Whether a page of another origin made this request.

    Sec-Fetch-Site is the browser's own word, which no page can set; where it is absent (plain HTTP, older browsers)
    Origin must name the host that was asked. Both absent: a program, not a browser.
    """
    site = request.headers.get("sec-fetch-site")
    if site:
        return site not in ("same-origin", "none")
    origin = request.headers.get("origin")
    if not origin:
        return False
    try:
        return urlsplit(origin).netloc.casefold() != request.host.casefold()
    except ValueError:  # no URL at all
        return True
