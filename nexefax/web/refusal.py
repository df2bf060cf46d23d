"""Refusals of the API: a status and a plain sentence for the person who asked."""

from __future__ import annotations

import errno
import logging

from nexefax.errors import HttpError

_log = logging.getLogger("nexefax.web")


class Refusal(HttpError):
    """A request that the API does not fulfil.

    ``detail`` is the sentence, ``field`` the form's field that it is about ("" for none), ``retry_after`` the
    seconds after which it may go better (0 for: it won't by itself).
    """

    def __init__(self, status: int, detail: str, *, field: str = "", retry_after: int = 0) -> None:
        super().__init__(status, detail)
        self.field = field
        self.retry_after = retry_after


def not_kept(error: OSError) -> Refusal:
    """The refusal of a document for which the disk or the journal is to blame; the log has the reason."""
    _log.error("a document handed in could not be kept: %s", error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Refusal(
            507, "The fax server's disk is full, so the document was not taken. Tell your administrator."
        )
    return Refusal(
        503,
        "The fax could not be stored, so it was not taken. Try again; if it stays, tell your administrator.",
        retry_after=10,
    )
