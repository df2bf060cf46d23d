"""The life of a fax: each way through the table, and every event in every state."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexefax.fax import job
from nexefax.fax.cause import Cause, Ending, unanswered, unknown
from nexefax.fax.commands import ClearSpool, Command, Letter, WithdrawCall, WithdrawLetter, WriteLetter
from nexefax.fax.job import Policy, State, Step, step
from nexefax.fax.records import Fax

POLICY = Policy(retry_time=300, notify_success=True, notify_failure=True)
QUIET = Policy(retry_time=300, notify_success=False, notify_failure=False)
SENT = Ending(Cause.SENT, "every page was confirmed", 5)


def fax(state: State, **values: object) -> Fax:
    start = Fax(
        id=12, direction="out", account="ACME", state=state, created=1.0, changed=1.0, pages=5, max_attempts=6
    )
    return replace(start, **values)  # type: ignore[arg-type]


def ended(attempt: int, ending: Ending) -> job.AttemptEnded:
    return job.AttemptEnded(attempt, ending, 14400, "+1 202")


def walk(start: Fax, *events: job.Event, policy: Policy = POLICY) -> list[Step]:
    steps = []
    for at, event in enumerate(events):
        steps.append(step(start, event, policy, 100.0 + at))
        start = steps[-1].fax
    return steps


def test_a_fax_is_rendered_called_and_sent() -> None:
    steps = walk(
        fax(State.QUEUED),
        job.RenderingBegan(),
        job.DocumentRendered(5, "fine", 150.0, ("page 2 is dark",)),
        job.CallPlaced(),
        ended(1, SENT),
    )
    assert [after.fax.state for after in steps] == [State.RENDERING, State.READY, State.CALLING, State.SENT]
    assert steps[1].fax.next_try == 101.0
    assert steps[-1].commands == (WithdrawCall(1), WriteLetter(Letter.SENT))
    final = steps[-1].fax
    assert (final.pages_done, final.bitrate, final.station, final.notes) == (
        5,
        14400,
        "+1 202",
        ("page 2 is dark",),
    )


def test_busy_is_tried_again_until_the_attempts_are_used_up() -> None:
    busy = unanswered(Cause.BUSY)
    calling = fax(State.CALLING, attempts=5)
    again = step(calling, ended(5, busy), POLICY, 100.0)
    assert (again.fax.state, again.fax.next_try, again.fax.reason) == (
        State.READY,
        400.0,
        "the line was busy",
    )
    assert again.commands == (WithdrawCall(5),)
    last = step(replace(calling, attempts=6), ended(6, busy), POLICY, 100.0)
    assert (last.fax.state, last.fax.next_try, last.fax.reason) == (State.FAILED, None, "the line was busy")
    assert last.commands == (WithdrawCall(6), WriteLetter(Letter.FAILED))


def test_letters_are_written_only_when_they_are_wanted() -> None:
    calling = fax(State.CALLING, attempts=6)
    assert step(calling, ended(6, SENT), QUIET, 1.0).commands == (WithdrawCall(6),)
    assert step(calling, ended(6, unanswered(Cause.BUSY)), QUIET, 1.0).commands == (WithdrawCall(6),)
    refused = step(fax(State.RENDERING), job.DocumentRefused("It is encrypted."), QUIET, 1.0)
    assert (refused.fax.state, refused.fax.reason, refused.commands) == (State.FAILED, "It is encrypted.", ())


def test_an_unknown_attempt_is_counted_retried_and_remembered() -> None:
    lost = step(fax(State.CALLING, attempts=1), ended(1, unknown("no report came")), POLICY, 1.0)
    assert (lost.fax.state, lost.fax.doubtful) == (State.READY, True)
    calling = step(lost.fax, job.CallPlaced(), POLICY, 2.0).fax
    sent = step(calling, ended(2, SENT), POLICY, 3.0).fax
    assert (sent.state, sent.doubtful) == (State.SENT, True)


@pytest.mark.parametrize(("attempts", "doubtful"), [(1, False), (2, True)])
@pytest.mark.parametrize("state", [State.READY, State.FAILED])
def test_a_late_report_of_success_ends_the_retries(state: State, attempts: int, doubtful: bool) -> None:
    waiting = fax(state, attempts=attempts, doubtful=True)
    late = step(waiting, ended(1, SENT), POLICY, 1.0)
    assert (late.fax.state, late.fax.doubtful) == (State.SENT, doubtful)
    assert step(waiting, ended(1, unanswered(Cause.BUSY)), POLICY, 1.0).fax is waiting
    assert step(waiting, ended(attempts + 1, SENT), POLICY, 1.0).fax is waiting


@pytest.mark.parametrize("policy", [POLICY, QUIET])
def test_who_was_told_that_it_failed_is_told_that_it_did_not(policy: Policy) -> None:
    late = step(fax(State.FAILED, attempts=1), ended(1, SENT), policy, 1.0)
    wanted: list[Command] = [WithdrawLetter(Letter.FAILED), WithdrawCall(1), WriteLetter(Letter.SENT)]
    assert list(late.commands) == wanted


def test_success_that_is_known_while_a_later_attempt_runs_is_not_forgotten() -> None:
    running = step(fax(State.CALLING, attempts=2, doubtful=True), ended(1, SENT), POLICY, 1.0)
    assert (running.fax.state, running.commands) == (State.CALLING, ())
    over = step(running.fax, ended(2, unanswered(Cause.BUSY)), POLICY, 2.0)
    assert over.fax.state == State.SENT


def test_a_report_of_another_attempt_does_not_end_the_running_one() -> None:
    calling = fax(State.CALLING, attempts=2)
    assert step(calling, ended(1, unanswered(Cause.BUSY)), POLICY, 1.0).fax is calling
    assert step(calling, ended(3, SENT), POLICY, 1.0).fax is calling


def test_a_letter_that_was_refused_is_taken_up_again() -> None:
    again = step(fax(State.UNDELIVERABLE, reason="550"), job.LetterTakenUp(), POLICY, 1.0)
    assert (again.fax.state, again.commands) == (State.DELIVERING, ())


@pytest.mark.parametrize("state", [State.QUEUED, State.RENDERING, State.READY])
def test_a_fax_that_is_not_dialled_yet_is_cancelled(state: State) -> None:
    cancelled = step(fax(state), job.CancelRequested("bob"), POLICY, 1.0)
    assert (cancelled.fax.state, cancelled.fax.reason, cancelled.commands) == (
        State.CANCELLED,
        "cancelled by bob",
        (),
    )
    assert step(cancelled.fax, job.CallPlaced(), POLICY, 2.0).fax is cancelled.fax


def test_a_fax_that_is_being_dialled_goes_on() -> None:
    calling = fax(State.CALLING, attempts=1)
    assert step(calling, job.CancelRequested("bob"), POLICY, 1.0).fax is calling


def test_a_call_that_cannot_be_placed_waits_and_costs_no_attempt() -> None:
    deferred = step(fax(State.READY), job.CallDeferred(60.0, "the spool is missing"), POLICY, 1.0).fax
    assert (deferred.state, deferred.attempts, deferred.next_try) == (State.READY, 0, 60.0)


def test_interrupted_work_begins_again() -> None:
    assert step(fax(State.RENDERING), job.WorkInterrupted(), POLICY, 1.0).fax.state == State.QUEUED
    waiting = step(fax(State.CONVERTING), job.WorkInterrupted(9.0, "disk full"), POLICY, 1.0).fax
    assert (waiting.state, waiting.next_try, waiting.reason) == (State.RECEIVED, 9.0, "disk full")


def test_a_received_fax_is_converted_and_delivered() -> None:
    steps = walk(
        fax(State.RECEIVED, notes=("The call ended early: hangup",)),
        job.ConversionBegan(),
        job.FaxConverted(2, "fine (204x196)", ("page 2 has 14 damaged lines",)),
        job.MailAccepted(),
    )
    assert [after.fax.state for after in steps] == [State.CONVERTING, State.DELIVERING, State.DELIVERED]
    assert steps[1].commands == (WriteLetter(Letter.RECEIVED),)
    assert steps[1].fax.notes == ("The call ended early: hangup", "page 2 has 14 damaged lines")
    assert steps[2].commands == (ClearSpool(),)


def test_what_cannot_be_delivered_is_kept_and_taken_up_when_the_account_appears() -> None:
    kept = step(fax(State.RECEIVED), job.FaxKept("no account"), POLICY, 1.0)
    assert (kept.fax.state, kept.fax.reason) == (State.UNDELIVERABLE, "no account")
    assert step(kept.fax, job.AccountAppeared(), POLICY, 2.0).fax.state == State.RECEIVED
    refused = step(fax(State.DELIVERING), job.MailRefused("550 no such user"), POLICY, 1.0)
    assert (refused.fax.state, refused.commands) == (State.UNDELIVERABLE, ())


ENDINGS = st.sampled_from(
    [SENT, unanswered(Cause.BUSY), unknown("no report"), Ending(Cause.DROPPED, "dropped", 2)]
)
EVENTS = st.one_of(
    st.just(job.RenderingBegan()),
    st.just(job.WorkInterrupted()),
    st.just(job.DocumentRendered(5, "fine", 1.0)),
    st.just(job.DocumentRefused("no")),
    st.just(job.CallPlaced()),
    st.just(job.CallDeferred(5.0, "no")),
    st.builds(ended, st.integers(0, 7), ENDINGS),
    st.just(job.CancelRequested("bob")),
    st.just(job.ConversionBegan()),
    st.just(job.FaxConverted(1, "fine")),
    st.just(job.FaxKept("no")),
    st.just(job.AccountAppeared()),
    st.just(job.LetterTakenUp()),
    st.just(job.MailAccepted()),
    st.just(job.MailRefused("no")),
)


@given(st.sampled_from([State.QUEUED, State.RECEIVED]), st.lists(EVENTS, max_size=40))
def test_whatever_happens_in_whatever_order_a_fax_ends_once(start: State, events: list[job.Event]) -> None:
    now = fax(start)
    letters: list[Letter] = []
    for event in events:
        after = step(now, event, POLICY, 1.0)
        letters += [command.letter for command in after.commands if isinstance(command, WriteLetter)]
        assert after.fax.attempts <= after.fax.max_attempts
        assert after.fax.id == now.id
        if now.state in (State.SENT, State.DELIVERED):
            assert after.fax is now
        if after.fax.state == State.READY:
            assert after.fax.next_try is not None
        if start == State.QUEUED:
            assert after.fax.state in {
                State.QUEUED, State.RENDERING, State.READY, State.CALLING, State.SENT, State.FAILED,
                State.CANCELLED,
            }  # fmt: skip
        now = after.fax
    assert letters.count(Letter.SENT) <= 1
    assert letters.count(Letter.FAILED) <= 1
