"""What is believed of an attempt, from what lies on the disk."""

from nexefax.fax.cause import Cause
from nexefax.fax.outcome import Outcome
from nexefax.fax.reconcile import (
    REPORT_GRACE,
    SETTLED_SECONDS,
    TRACE_GRACE,
    Ended,
    HandOver,
    Received,
    Seen,
    SeenReceived,
    Verdict,
    Wait,
    judge,
    judge_received,
)
from nexefax.fax.records import CLOCK_SLACK

PLACED, ALLOWANCE = 1_000.0, 500.0
LATER = 1_000_000.0


def seen(**values: object) -> Seen:
    return Seen(pages=5, placed_at=PLACED, allowance=ALLOWANCE, **values)  # type: ignore[arg-type]


def cause(verdict: Verdict) -> Cause:
    assert isinstance(verdict, Ended)
    return verdict.ending.cause


def test_a_report_is_believed_whatever_else_lies_there() -> None:
    outcome = Outcome(kind="sent", status="SUCCESS", pages=5)
    verdict = judge(seen(outcome=outcome, staged=True, waiting=True, done="Failed", done_at=1.0), PLACED)
    assert isinstance(verdict, Ended)
    assert (verdict.ending.cause, verdict.outcome) == (Cause.SENT, outcome)


def test_a_staged_call_file_was_never_dialled() -> None:
    assert judge(seen(staged=True), LATER) == HandOver()


def test_an_untouched_call_file_waits_as_long_as_asterisk_is_away() -> None:
    assert judge(seen(waiting=True), LATER) == Wait(LATER + TRACE_GRACE)


def test_a_call_file_that_is_dialled_waits_for_its_deadline() -> None:
    dialling = seen(waiting=True, dialling_since=PLACED + 1, asterisk_since=10.0)
    assert judge(dialling, PLACED + 5) == Wait(PLACED + 1 + ALLOWANCE)
    assert cause(judge(dialling, PLACED + 1 + ALLOWANCE)) is Cause.UNKNOWN


def test_a_call_file_that_waited_for_hours_has_its_whole_allowance_once_it_is_dialled() -> None:
    dialling = seen(waiting=True, dialling_since=LATER, asterisk_since=LATER - 1)
    assert judge(dialling, LATER + 5) == Wait(LATER + ALLOWANCE)
    running = seen(waiting=True, dialling_since=LATER, started_at=LATER + 9, asterisk_since=LATER - 1)
    assert judge(running, LATER + ALLOWANCE) == Wait(LATER + 9 + ALLOWANCE)


def test_asterisk_restarted_while_it_rang() -> None:
    restarted = seen(waiting=True, dialling_since=PLACED + 1, asterisk_since=PLACED + 10)
    assert judge(restarted, PLACED + 11) == Wait(PLACED + 10 + REPORT_GRACE)
    assert cause(judge(restarted, PLACED + 10 + REPORT_GRACE)) is Cause.UNKNOWN


def test_asterisk_restarted_in_the_middle_of_a_page() -> None:
    restarted = seen(
        waiting=True, dialling_since=PLACED + 1, started_at=PLACED + 5, asterisk_since=PLACED + 30
    )
    assert judge(restarted, PLACED + 31) == Wait(PLACED + 30 + REPORT_GRACE)
    assert cause(judge(restarted, PLACED + 30 + REPORT_GRACE)) is Cause.UNKNOWN


def test_a_running_fax_has_its_deadline() -> None:
    running = seen(waiting=True, started_at=PLACED + 5, asterisk_since=10.0)
    assert judge(running, PLACED + 6) == Wait(PLACED + 5 + ALLOWANCE)
    assert cause(judge(running, PLACED + 5 + ALLOWANCE)) is Cause.UNKNOWN


def test_a_call_that_ended_without_a_report_has_a_moments_grace() -> None:
    silent = seen(started_at=PLACED + 5, done="Completed", done_at=PLACED + 60)
    assert judge(silent, PLACED + 61) == Wait(PLACED + 60 + REPORT_GRACE)
    assert cause(judge(silent, PLACED + 60 + REPORT_GRACE)) is Cause.UNKNOWN


def test_without_a_failed_extension_nobody_answered_is_learned_from_the_done_folder() -> None:
    for status in ("Expired", "Failed"):
        verdict = judge(seen(done=status, done_at=PLACED + 40), PLACED + 40 + REPORT_GRACE)
        assert cause(verdict) is Cause.NO_ANSWER
    assert judge(seen(done="Expired", done_at=PLACED + 40), PLACED + 41) == Wait(PLACED + 40 + REPORT_GRACE)
    assert judge(seen(done="Expired"), PLACED + 1) == Wait(PLACED + REPORT_GRACE)
    answered = judge(seen(done="completed", done_at=PLACED + 40), PLACED + 40 + REPORT_GRACE)
    assert cause(answered) is Cause.UNKNOWN


def test_a_vanished_call_file_is_told_as_unknown() -> None:
    assert judge(seen(), PLACED + 1) == Wait(PLACED + TRACE_GRACE)
    assert cause(judge(seen(), PLACED + TRACE_GRACE)) is Cause.UNKNOWN


def test_times_of_another_clock_are_not_compared() -> None:
    """It was set back by a year: what was written before lies ahead; or ahead: it lies before the attempt itself."""
    year = 365 * 86_400.0
    for other in (year, -year):
        begun = PLACED + other
        running = seen(waiting=True, started_at=begun, dialling_since=begun, asterisk_since=begun - 900)
        assert judge(running, PLACED + 30) == Wait(PLACED + ALLOWANCE)
        assert cause(judge(running, PLACED + ALLOWANCE)) is Cause.UNKNOWN
        silent = seen(started_at=begun, done="Completed", done_at=begun)
        assert judge(silent, PLACED + 1) == Wait(PLACED + REPORT_GRACE)
    restarted = seen(waiting=True, started_at=PLACED + 5, asterisk_since=PLACED + year)
    assert judge(restarted, PLACED + 30) == Wait(PLACED + 5 + ALLOWANCE)


def received(now: float, **values: object) -> Received:
    return judge_received(SeenReceived(modified=PLACED, **values), now)  # type: ignore[arg-type]


def test_a_reported_tiff_is_taken_at_once_and_one_that_nobody_reported_when_it_has_settled() -> None:
    assert received(PLACED, reported=True) is Received.TAKE
    assert received(PLACED + SETTLED_SECONDS - 1) is Received.LEAVE
    assert received(PLACED + SETTLED_SECONDS) is Received.TAKE_UNREPORTED
    assert received(PLACED - CLOCK_SLACK) is Received.LEAVE
    assert received(PLACED - CLOCK_SLACK - 1) is Received.TAKE_UNREPORTED  # the clock was set back


def test_a_tiff_that_is_written_is_not_touched_whatever_its_age_or_report() -> None:
    assert received(LATER, written=True) is Received.LEAVE
    assert received(LATER, written=True, reported=True) is Received.LEAVE


def test_a_tiff_is_cleared_away_when_its_fax_is_delivered_and_not_before() -> None:
    assert received(LATER, entered=True, reported=True) is Received.LEAVE
    assert received(LATER, entered=True, delivered=True) is Received.CLEAR
    assert received(PLACED, entered=True, delivered=True, written=True) is Received.CLEAR
