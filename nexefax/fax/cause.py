"""Why an attempt ended: Asterisk's words and numbers told apart, each with a sentence that a person understands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from nexefax.fax.outcome import Outcome


class Cause(StrEnum):
    """How an attempt ended."""

    SENT = "sent"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    CONGESTION = "congestion"
    REFUSED = "refused"
    UNALLOCATED = "unallocated"
    UNREACHABLE = "unreachable"
    NO_FAX = "no-fax"
    NEGOTIATION = "negotiation"
    DROPPED = "dropped"
    PAGE_NOT_CONFIRMED = "page-not-confirmed"
    FILE_ERROR = "file-error"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of one attempt: its cause, a sentence without a final stop, and the last page that is confirmed.

    ``pages`` counts from the document's first page: all up to it arrived, in this attempt or an earlier one.
    """

    cause: Cause
    sentence: str
    pages: int = 0


# Q.850 causes, as Asterisk's causes.h numbers them, of calls that nobody answered
_BY_HANGUP_CAUSE = {
    1: Cause.UNALLOCATED,
    2: Cause.UNREACHABLE,
    3: Cause.UNREACHABLE,
    16: Cause.NO_ANSWER,
    17: Cause.BUSY,
    18: Cause.NO_ANSWER,
    19: Cause.NO_ANSWER,
    20: Cause.UNREACHABLE,
    21: Cause.REFUSED,
    22: Cause.UNALLOCATED,
    27: Cause.UNREACHABLE,
    28: Cause.UNALLOCATED,
    34: Cause.CONGESTION,
    38: Cause.UNREACHABLE,
    41: Cause.CONGESTION,
    42: Cause.CONGESTION,
    44: Cause.CONGESTION,
    50: Cause.REFUSED,
    57: Cause.REFUSED,
}

# REASON of the extension `failed`: AST_CONTROL_* of frame.h
_BY_REASON = {1: Cause.NO_ANSWER, 3: Cause.NO_ANSWER, 5: Cause.BUSY, 8: Cause.CONGESTION}

_SENTENCES = {
    Cause.BUSY: "the line was busy",
    Cause.NO_ANSWER: "nobody answered",
    Cause.CONGESTION: "the network was congested",
    Cause.REFUSED: "the call was refused",
    Cause.UNALLOCATED: "the number does not exist",
    Cause.UNREACHABLE: "the number could not be reached",
}

_NO_FAX = "somebody answered, but no fax machine"

# What spandsp (t30_completion_code_to_str in t30_api.c) and res_fax say, in the order in which it is looked for
_BY_TEXT = (
    (
        # With option f, T38_NEG_ERROR says that the other side hung up while SendFAX still called for a fax machine:
        # a refused negotiation goes on as sound (sendfax_t38_init() of res_fax.c)
        re.compile(
            r"initial communication|waiting for the first message|CED tone|no.?fax|FAX_DETECT|T38_NEG",
            re.IGNORECASE,
        ),
        Cause.NO_FAX,
        _NO_FAX,
    ),
    (
        re.compile(
            r"TIFF|file cannot|page (size|image)|no such file|bad tag|INVALID_ARGUMENTS|FILE_ERROR",
            re.IGNORECASE,
        ),
        Cause.FILE_ERROR,
        "the document's file could not be sent",
    ),
    (
        re.compile(r"compatible|train|negotiat|not able to|cannot receive|response to DCS", re.IGNORECASE),
        Cause.NEGOTIATION,
        "the two fax machines found no common way to talk",
    ),
)


def ending_of(outcome: Outcome, pages: int, first_page: int = 1) -> Ending:
    """Judge ``outcome`` of sending a document of ``pages`` pages from ``first_page`` on.

    SUCCESS is believed only when every page was confirmed: Asterisk says SUCCESS with FAXERROR=HANGUP as well.
    """
    if outcome.kind == "failed":
        return _unanswered(outcome)
    if outcome.error.upper() == "CANCELLED":  # what our dialplan's guard says
        return Ending(Cause.CANCELLED, "cancelled before the transmission began")
    to_send = pages - first_page + 1
    new = min(outcome.pages or 0, to_send)
    confirmed = first_page - 1 + new
    if outcome.status.upper() == "SUCCESS" and new == to_send:
        return Ending(Cause.SENT, "every page was confirmed", pages)
    words = f"{outcome.error} {outcome.text}"
    dropped = _where_dropped(confirmed, pages)
    if outcome.status.upper() == "SUCCESS":
        return Ending(
            Cause.PAGE_NOT_CONFIRMED, f"only {confirmed} of {pages} pages were confirmed", confirmed
        )
    if new == 0:
        for pattern, cause, sentence in _BY_TEXT:
            if pattern.search(words):
                return Ending(cause, sentence + _quoted(outcome.text), confirmed)
        if not outcome.status:
            return Ending(Cause.DROPPED, "the line dropped before the fax began", confirmed)
        # no page's resolution was ever chosen: no fax machine introduced itself
        if outcome.resolution == "0x0":
            return Ending(Cause.NO_FAX, _NO_FAX + _quoted(outcome.text), confirmed)
    if re.search(r"hangup|dropped|DCN|channel", words, re.IGNORECASE):
        return Ending(Cause.DROPPED, dropped, confirmed)
    if re.search(r"after sending a page|ECM|page", words, re.IGNORECASE):
        return Ending(
            Cause.PAGE_NOT_CONFIRMED,
            f"page {confirmed + 1} of {pages} was not confirmed" + _quoted(outcome.text),
            confirmed,
        )
    return Ending(Cause.DROPPED, dropped + _quoted(outcome.text or outcome.error), confirmed)


def unanswered(cause: Cause) -> Ending:
    """Return the ending of a call that nobody answered for this cause."""
    return Ending(cause, _SENTENCES[cause])


def unknown(why: str) -> Ending:
    """Return the ending of an attempt whose outcome cannot be known; it may have arrived."""
    return Ending(Cause.UNKNOWN, why)


def _unanswered(outcome: Outcome) -> Ending:
    cause = _BY_REASON.get(outcome.reason or 0)
    # SIP's busy was seen as reason 0: the hangup cause then knows more
    if outcome.cause in _BY_HANGUP_CAUSE and (cause is None or outcome.cause not in (0, 16)):
        cause = _BY_HANGUP_CAUSE[outcome.cause]
    return unanswered(cause or Cause.UNREACHABLE)


def _where_dropped(confirmed: int, pages: int) -> str:
    if confirmed >= pages:
        return "the line dropped after the last page, before the end was confirmed"
    return f"the line dropped on page {confirmed + 1} of {pages}"


def _quoted(text: str) -> str:
    return f" ({text})" if text else ""
