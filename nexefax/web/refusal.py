"""Refusals of the API: a status and a plain sentence for the person who asked."""

from __future__ import annotations

from nexefax.errors import HttpError


class Refusal(HttpError):
    """A request that the API does not fulfil.

    ``detail`` is the sentence, ``field`` the form's field that it is about ("" for none), ``retry_after`` the
    seconds after which it may go better (0 for: it won't by itself).
    """

    def __init__(self, status: int, detail: str, *, field: str = "", retry_after: int = 0) -> None:
        super().__init__(status, detail)
        self.field = field
        self.retry_after = retry_after
