"""What became of an attempt, and what is to be done with a received TIFF, judged from what lies on the disk. Pure.

It is asked when FastAGI nudges, by the sweep, and at every start; the same evidence gives the same verdict.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from nexefax.fax.cause import Cause, Ending, ending_of, unanswered, unknown
from nexefax.fax.outcome import Outcome
from nexefax.fax.records import CLOCK_SLACK

# A call file goes to outgoing_done/ a moment before or after the hangup handler has written the outcome
REPORT_GRACE = 15.0
# Nothing at all is left of a call file: somebody removed it, or the folders are not what we think
TRACE_GRACE = 60.0
# A TIFF that nobody reported and nobody wrote for so long is all that will ever come of its call
SETTLED_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What is seen of one attempt. Times are seconds since 1970.

    ``pages`` is how many the document has, ``first_page`` the one that the attempt began with.
    ``allowance`` is how many seconds the call may take from its dialling to its report. ``staged`` and ``waiting``
    tell whether its call file lies beside the spool and in ``outgoing/``; ``dialling_since`` is when Asterisk took
    the waiting one (it sets its time far ahead then); ``done`` the Status that Asterisk wrote into
    ``outgoing_done/`` and ``done_at`` when; ``started_at`` when the dialplan wrote ``.started``; ``asterisk_since``
    when the Asterisk that runs now began, None when it is not known.
    """

    pages: int
    placed_at: float
    allowance: float
    outcome: Outcome | None = None
    staged: bool = False
    waiting: bool = False
    dialling_since: float | None = None
    done: str | None = None
    done_at: float | None = None
    started_at: float | None = None
    asterisk_since: float | None = None
    first_page: int = 1


@dataclass(frozen=True, slots=True)
class HandOver:
    """The call file is staged and was never handed over: do it now."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is known yet; look again at ``until`` at the latest."""

    until: float


@dataclass(frozen=True, slots=True)
class Ended:
    """The attempt is over; ``outcome`` is what was reported, None when the evidence alone decided."""

    ending: Ending
    outcome: Outcome | None = None


Verdict = HandOver | Wait | Ended


def judge(seen: Seen, now: float) -> Verdict:
    """Return what is to be believed about an attempt at ``now``."""
    seen = _by_one_clock(seen, now)
    if seen.outcome is not None:
        return Ended(ending_of(seen.outcome, seen.pages, seen.first_page), seen.outcome)
    if seen.staged:
        return HandOver()
    if seen.started_at is not None:
        return _judge_started(seen, seen.started_at, now)
    if seen.done is not None:
        return _judge_done(seen, seen.done, now)
    if seen.waiting:
        return _judge_waiting(seen, now)
    vanished = seen.placed_at + TRACE_GRACE
    if now < vanished:
        return Wait(vanished)
    return Ended(
        unknown("the call file vanished from Asterisk's spool; nobody knows what became of the call")
    )


def _by_one_clock(seen: Seen, now: float) -> Seen:
    """Take the attempt's own time for what lies before it or ahead: another clock said so (clock_watch.py)."""

    def believable(moment: float | None) -> float | None:
        if moment is None:
            return None
        return max(moment, seen.placed_at) if moment <= now + CLOCK_SLACK else seen.placed_at

    since = seen.asterisk_since
    return replace(
        seen,
        dialling_since=believable(seen.dialling_since),
        done_at=believable(seen.done_at),
        started_at=believable(seen.started_at),
        asterisk_since=None if since is not None and since > now + CLOCK_SLACK else since,
    )


def _judge_started(seen: Seen, started_at: float, now: float) -> Verdict:
    """SendFAX has begun: only its report, its end or Asterisk's own end tells more."""
    if seen.asterisk_since is not None and seen.asterisk_since > started_at:
        ended_by = seen.asterisk_since + REPORT_GRACE
        why = "the telephone system was restarted during the call; pages may have arrived"
    elif seen.done is not None and seen.done_at is not None:
        ended_by = seen.done_at + REPORT_GRACE
        why = "the call ended without a report; pages may have arrived"
    else:
        ended_by = max(started_at, seen.dialling_since or 0.0) + seen.allowance
        why = "no report came in the time that the call may take; pages may have arrived"
    return Wait(ended_by) if now < ended_by else Ended(unknown(why))


def _judge_done(seen: Seen, done: str, now: float) -> Verdict:
    reported = (seen.done_at or seen.placed_at) + REPORT_GRACE
    if now < reported:
        return Wait(reported)
    if done.casefold() == "completed":
        # a dialplan without our guard leaves no .started: it was answered, and nothing more is known
        return Ended(
            unknown("the call was answered, but its outcome was not reported; pages may have arrived")
        )
    return Ended(unanswered(Cause.NO_ANSWER))


def _judge_waiting(seen: Seen, now: float) -> Verdict:
    """Not answered yet. An untouched file waits as long as Asterisk is away; it dials when it is back."""
    if seen.dialling_since is None:
        return Wait(now + TRACE_GRACE)
    if seen.asterisk_since is not None and seen.asterisk_since > seen.dialling_since:
        gone = seen.asterisk_since + REPORT_GRACE
        # without our dialplan's .started nobody knows whether it still rang
        why = "the telephone system was restarted during the call; pages may have arrived"
        return Wait(gone) if now < gone else Ended(unknown(why))
    deadline = seen.dialling_since + seen.allowance
    if now < deadline:
        return Wait(deadline)
    return Ended(
        unknown("Asterisk did not report in the time that the call may take; pages may have arrived")
    )


@dataclass(frozen=True, slots=True)
class SeenReceived:
    """What is seen of a TIFF in ``rx_dir``.

    ``entered`` and ``delivered`` tell what the journal has of it, ``written`` whether a process has it open for
    writing (its lease is refused), ``reported`` whether a whole outcome file lies beside it, ``modified`` when it was
    last written.
    """

    modified: float
    entered: bool = False
    delivered: bool = False
    written: bool = False
    reported: bool = False


class Received(Enum):
    """What is to be done with a received TIFF."""

    LEAVE = "leave"  # it is taken care of, or not finished yet
    TAKE = "take"  # enter it into the journal
    TAKE_UNREPORTED = "take-unreported"  # as well, though nobody says whether it is whole
    CLEAR = "clear"  # remove it from the spool


def judge_received(seen: SeenReceived, now: float) -> Received:
    """Return what is to be done with a TIFF in ``rx_dir`` at ``now``."""
    if seen.entered:
        return Received.CLEAR if seen.delivered else Received.LEAVE
    if seen.written:
        return Received.LEAVE
    if seen.reported:
        return Received.TAKE
    has_settled = now - seen.modified >= SETTLED_SECONDS
    was_ahead = (
        seen.modified > now + CLOCK_SLACK
    )  # the clock, and nobody writes it: it would be left for ever
    return Received.TAKE_UNREPORTED if has_settled or was_ahead else Received.LEAVE
