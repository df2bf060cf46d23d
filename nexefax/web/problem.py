"""Problem details (RFC 9457): how the API under ``/api`` says that it did not do what was asked."""

from __future__ import annotations

from http import HTTPStatus

from nexefax.errors import HttpError
from nexefax.httpd import Response

MEDIA_TYPE = "application/problem+json"


class Problem(HttpError):
    """A request of the API that is not fulfilled.

    ``detail`` is the sentence for the person who asked, ``field`` what of the request it is about ("" for none),
    ``retry_after`` the seconds after which it may go better (0 for: it won't by itself).
    """

    def __init__(self, status: int, detail: str, *, field: str = "", retry_after: int = 0) -> None:
        super().__init__(status, detail)
        self.field = field
        self.retry_after = retry_after


def problem_response(status: int, detail: str, *, field: str = "", retry_after: int = 0) -> Response:
    """The answer for a problem; its title is the status in words, since each detail is a sentence of its own."""
    body: dict[str, object] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if field:
        body["field"] = field
    response = Response.json(body, status)
    response.headers.set("Content-Type", MEDIA_TYPE)
    if retry_after:
        response.headers.set("Retry-After", str(retry_after))
    if status == 401:
        response.headers.set("WWW-Authenticate", "Bearer")  # RFC 9110 section 15.5.2 wants one
    return response
