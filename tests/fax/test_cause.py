"""Causes: what Asterisk says, in words that a person understands."""

import pytest

from nexefax.fax.cause import Cause, ending_of
from nexefax.fax.outcome import Outcome


def failed(**values: object) -> Outcome:
    return Outcome(kind="failed", **values)  # type: ignore[arg-type]


def sent(status: str, **values: object) -> Outcome:
    return Outcome(kind="sent", status=status, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("outcome", "cause", "sentence"),
    [
        (failed(reason=5), Cause.BUSY, "the line was busy"),
        (failed(reason=0, cause=17), Cause.BUSY, "the line was busy"),
        (failed(reason=3), Cause.NO_ANSWER, "nobody answered"),
        (failed(reason=3, cause=16), Cause.NO_ANSWER, "nobody answered"),
        (failed(reason=1), Cause.NO_ANSWER, "nobody answered"),
        (failed(reason=8), Cause.CONGESTION, "the network was congested"),
        (failed(reason=0, cause=1), Cause.UNALLOCATED, "the number does not exist"),
        (failed(reason=8, cause=21), Cause.REFUSED, "the call was refused"),
        (failed(reason=0), Cause.UNREACHABLE, "the number could not be reached"),
        (failed(), Cause.UNREACHABLE, "the number could not be reached"),
        (failed(reason=0, cause=999), Cause.UNREACHABLE, "the number could not be reached"),
        (sent("SUCCESS", pages=5), Cause.SENT, "every page was confirmed"),
        (sent("SUCCESS", pages=5, error="HANGUP"), Cause.SENT, "every page was confirmed"),
        (sent("SUCCESS", pages=3), Cause.PAGE_NOT_CONFIRMED, "only 3 of 5 pages were confirmed"),
        (sent("SUCCESS", error="HANGUP"), Cause.PAGE_NOT_CONFIRMED, "only 0 of 5 pages were confirmed"),
        (sent("SUCCESS", pages=6), Cause.SENT, "every page was confirmed"),
        (
            sent("FAILED", pages=2, text="The call dropped prematurely"),
            Cause.DROPPED,
            "the line dropped on page 3 of 5",
        ),
        (sent("FAILED", pages=2, error="HANGUP"), Cause.DROPPED, "the line dropped on page 3 of 5"),
        (
            sent("FAILED", pages=5, error="HANGUP"),
            Cause.DROPPED,
            "the line dropped after the last page, before the end was confirmed",
        ),
        (
            sent("FAILED", text="Timed out waiting for initial communication"),
            Cause.NO_FAX,
            "somebody answered, but no fax machine (Timed out waiting for initial communication)",
        ),
        (
            sent("FAILED", pages=0, error="T38_NEG_ERROR", text="error negotiating T.38"),
            Cause.NO_FAX,
            "somebody answered, but no fax machine (error negotiating T.38)",
        ),
        (
            sent("FAILED", pages=0, resolution="0x0", text="The call dropped prematurely"),
            Cause.NO_FAX,
            "somebody answered, but no fax machine (The call dropped prematurely)",
        ),
        (
            sent("FAILED", pages=0, resolution="8031x7700", text="The call dropped prematurely"),
            Cause.DROPPED,
            "the line dropped on page 1 of 5",
        ),
        (
            sent("FAILED", pages=0, error="FILE_ERROR", text="error reading file"),
            Cause.FILE_ERROR,
            "the document's file could not be sent (error reading file)",
        ),
        (
            sent("FAILED", pages=0, text="Failed to train with any of the compatible modems"),
            Cause.NEGOTIATION,
            "the two fax machines found no common way to talk (Failed to train with any of the compatible modems)",
        ),
        (
            sent("FAILED", text="TIFF/F file cannot be opened"),
            Cause.FILE_ERROR,
            "the document's file could not be sent (TIFF/F file cannot be opened)",
        ),
        (
            sent("FAILED", pages=1, text="No response after sending a page"),
            Cause.PAGE_NOT_CONFIRMED,
            "page 2 of 5 was not confirmed (No response after sending a page)",
        ),
        (sent(""), Cause.DROPPED, "the line dropped before the fax began"),
        (
            sent("FAILED", text="Something new"),
            Cause.DROPPED,
            "the line dropped on page 1 of 5 (Something new)",
        ),
    ],
)
def test_causes_are_told_apart(outcome: Outcome, cause: Cause, sentence: str) -> None:
    ending = ending_of(outcome, 5)
    assert (ending.cause, ending.sentence) == (cause, sentence)
    assert 0 <= ending.pages <= 5
