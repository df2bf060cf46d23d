"""The life of a fax: each way through the table, and every event in every state."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexefax.fax import events, retry
from nexefax.fax.cause import Cause, Ending, unanswered, unknown
from nexefax.fax.commands import (
    ClearSpool,
    Command,
    Letter,
    RememberLine,
    StopCall,
    WithdrawCall,
    WithdrawLetter,
    WriteLetter,
)
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


def ended(attempt: int, ending: Ending) -> events.AttemptEnded:
    return events.AttemptEnded(attempt, ending, 14400, "+1 202")


def walk(start: Fax, *events: events.Event, policy: Policy = POLICY) -> list[Step]:
    steps = []
    for at, event in enumerate(events):
        steps.append(step(start, event, policy, 100.0 + at))
        start = steps[-1].fax
    return steps


def test_a_fax_is_rendered_called_and_sent() -> None:
    steps = walk(
        fax(State.QUEUED),
        events.RenderingBegan(),
        events.DocumentRendered(5, "fine", 150.0, ("page 2 is dark",)),
        events.CallPlaced(),
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
    calling = fax(State.CALLING, attempts=5, counted=4)
    again = step(calling, ended(5, busy), POLICY, 100.0)
    assert (again.fax.state, again.fax.next_try, again.fax.reason) == (
        State.READY,
        400.0,
        "the line was busy",
    )
    assert again.commands == (WithdrawCall(5),)
    last = step(replace(calling, attempts=6, counted=5), ended(6, busy), POLICY, 100.0)
    assert (last.fax.state, last.fax.next_try, last.fax.reason) == (State.FAILED, None, "the line was busy")
    assert last.commands == (WithdrawCall(6), WriteLetter(Letter.FAILED))


def test_letters_are_written_only_when_they_are_wanted() -> None:
    calling = fax(State.CALLING, attempts=6, counted=5)
    assert step(calling, ended(6, SENT), QUIET, 1.0).commands == (WithdrawCall(6),)
    assert step(calling, ended(6, unanswered(Cause.BUSY)), QUIET, 1.0).commands == (WithdrawCall(6),)
    refused = step(fax(State.RENDERING), events.DocumentRefused("It is encrypted."), QUIET, 1.0)
    assert (refused.fax.state, refused.fax.reason, refused.commands) == (State.FAILED, "It is encrypted.", ())


def test_an_unknown_attempt_is_counted_retried_and_remembered() -> None:
    lost = step(fax(State.CALLING, attempts=1), ended(1, unknown("no report came")), POLICY, 1.0)
    assert (lost.fax.state, lost.fax.doubtful) == (State.READY, True)
    calling = step(lost.fax, events.CallPlaced(), POLICY, 2.0).fax
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


@pytest.mark.parametrize("state", [State.READY, State.FAILED, State.CANCELLED])
@pytest.mark.parametrize("attempt", [-1, 0, 2])
def test_an_attempt_that_never_was_did_not_arrive(state: State, attempt: int) -> None:
    known = fax(state, attempts=1)
    assert step(known, ended(attempt, SENT), POLICY, 1.0).fax == known


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
    again = step(fax(State.UNDELIVERABLE, reason="550"), events.LetterTakenUp(), POLICY, 1.0)
    assert (again.fax.state, again.commands) == (State.DELIVERING, ())


@pytest.mark.parametrize("state", [State.QUEUED, State.RENDERING, State.READY])
def test_a_fax_that_is_not_dialled_yet_is_cancelled(state: State) -> None:
    cancelled = step(fax(state), events.CancelRequested("bob"), POLICY, 1.0)
    assert (cancelled.fax.state, cancelled.fax.reason, cancelled.commands) == (
        State.CANCELLED,
        "cancelled by bob",
        (),
    )
    assert step(cancelled.fax, events.CallPlaced(), POLICY, 2.0).fax is cancelled.fax


def cancelled_while_calling(**values: object) -> Fax:
    asked = step(fax(State.CALLING, attempts=1, **values), events.CancelRequested("bob"), POLICY, 1.0)
    assert (asked.fax.state, asked.fax.reason) == (State.CALLING, "being cancelled by bob")
    assert asked.commands == (StopCall(1),)
    return asked.fax


def test_a_call_that_is_being_made_is_ended() -> None:
    calling = cancelled_while_calling()
    again = step(calling, events.CancelRequested("eve"), POLICY, 2.0)
    assert (again.fax.cancelled_by, again.commands, again.text) == ("bob", (StopCall(1),), "")
    over = step(calling, ended(1, Ending(Cause.DROPPED, "the line dropped on page 3 of 5", 2)), POLICY, 3.0)
    assert (over.fax.state, over.fax.reason) == (
        State.CANCELLED,
        "cancelled by bob; 2 of 5 pages had arrived",
    )
    assert over.commands == (WithdrawCall(1),)
    assert (
        over.text == "attempt 1: the line dropped on page 3 of 5; cancelled by bob; 2 of 5 pages had arrived"
    )


@pytest.mark.parametrize(
    ("ending", "state", "reason"),
    [
        (SENT, State.SENT, ""),
        (unanswered(Cause.BUSY), State.CANCELLED, "cancelled by bob"),
        (unknown("no report came"), State.CANCELLED, "cancelled by bob; pages may have arrived"),
        (Ending(Cause.CANCELLED, "cancelled before it was dialled"), State.CANCELLED, "cancelled by bob"),
    ],
)
def test_what_became_of_a_cancelled_call_is_told_as_it_is(ending: Ending, state: State, reason: str) -> None:
    over = step(cancelled_while_calling(), ended(1, ending), POLICY, 2.0).fax
    assert (over.state, over.reason) == (state, reason)


def test_the_guards_word_alone_cancels_as_well() -> None:
    ending = Ending(Cause.CANCELLED, "cancelled before the transmission began")
    over = step(fax(State.CALLING, attempts=1), ended(1, ending), POLICY, 2.0).fax
    assert (over.state, over.reason) == (State.CANCELLED, "cancelled")


def test_success_after_a_cancelled_call_is_told() -> None:
    over = step(cancelled_while_calling(), ended(1, unknown("no report came")), POLICY, 2.0).fax
    assert step(over, ended(1, SENT), POLICY, 3.0).fax.state == State.SENT


def test_who_does_not_want_to_wait_need_not() -> None:
    waiting = fax(State.READY, next_try=500.0, reason="the line was busy")
    asked = step(waiting, events.RetryRequested("bob"), POLICY, 100.0)
    assert (asked.fax.next_try, asked.fax.reason) == (100.0, "the line was busy")
    assert step(asked.fax, events.RetryRequested("bob"), POLICY, 101.0).fax is asked.fax
    received = step(fax(State.RECEIVED, next_try=500.0), events.RetryRequested("bob"), POLICY, 100.0)
    assert received.fax.next_try == 100.0
    for state in (State.SENT, State.FAILED, State.CANCELLED, State.CALLING):
        assert step(fax(state, next_try=500.0), events.RetryRequested("bob"), POLICY, 1.0).text == ""


DROPPED = Ending(Cause.DROPPED, "the line dropped on page 3 of 5", 2)


def test_a_dropped_line_goes_on_with_the_first_page_that_was_not_confirmed() -> None:
    after = step(fax(State.CALLING, attempts=1), ended(1, DROPPED), POLICY, 100.0).fax
    assert (after.state, after.first_page, after.counted, after.pages_done) == (State.READY, 3, 0, 2)
    placed = step(after, events.CallPlaced(), POLICY, 400.0)
    assert placed.text == "attempt 2 begins, from page 3 on"
    busy = step(placed.fax, ended(2, unanswered(Cause.BUSY)), POLICY, 500.0).fax
    assert (busy.first_page, busy.counted) == (3, 1)
    sent = step(replace(busy, state=State.CALLING, attempts=3), ended(3, SENT), POLICY, 900.0).fax
    assert (sent.state, sent.pages_done) == (State.SENT, 5)


def test_nothing_is_resumed_after_unknown_or_when_it_is_not_wanted() -> None:
    resumed = fax(State.CALLING, attempts=2, first_page=3, pages_done=2)
    assert step(resumed, ended(2, unknown("no report came")), POLICY, 1.0).fax.first_page == 1
    whole = replace(POLICY, resume=False)
    after = step(fax(State.CALLING, attempts=1), ended(1, DROPPED), whole, 1.0).fax
    assert (after.first_page, after.counted) == (1, 1)


def test_without_retries_a_dropped_line_is_the_end() -> None:
    after = step(fax(State.CALLING, attempts=1, max_attempts=1), ended(1, DROPPED), POLICY, 1.0).fax
    assert (after.state, after.pages_done) == (State.FAILED, 2)


def test_all_pages_confirmed_but_not_the_end_are_sent_again() -> None:
    ending = Ending(Cause.DROPPED, "the line dropped after the last page, before the end was confirmed", 5)
    assert step(fax(State.CALLING, attempts=1), ended(1, ending), POLICY, 1.0).fax.first_page == 1


def test_a_line_that_drops_on_every_page_is_not_called_for_ever() -> None:
    now = fax(State.READY, pages=500, next_try=1.0)
    while now.state == State.READY:
        now = step(now, events.CallPlaced(), POLICY, 1.0).fax
        now = step(now, ended(now.attempts, Ending(Cause.DROPPED, "dropped", now.attempts)), POLICY, 2.0).fax
    assert (now.state, now.attempts) == (State.FAILED, retry.MOST_UNCOUNTED + now.max_attempts)


def test_safer_settings_follow_negotiations_that_failed_and_are_remembered() -> None:
    failed = Ending(Cause.NEGOTIATION, "the two fax machines found no common way to talk")
    first = step(fax(State.CALLING, attempts=1, number="555"), ended(1, failed), POLICY, 100.0)
    assert first.commands == (WithdrawCall(1), RememberLine("555", "no-v17"))
    assert first.text == (
        "attempt 1: the two fax machines found no common way to talk; another try follows, at 9,600 bit/s without V.17"
    )
    assert first.fax.line_settings == "no-v17"
    placed = step(first.fax, events.CallPlaced("no-v17"), POLICY, 400.0)
    assert placed.text == "attempt 2 begins, at 9,600 bit/s without V.17"
    second = step(placed.fax, ended(2, failed), POLICY, 500.0).fax
    assert second.line_settings == "no-v17 audio"


def test_a_second_dropped_line_in_a_row_takes_safer_settings() -> None:
    nothing = Ending(Cause.DROPPED, "the line dropped on page 1 of 5")
    first = step(fax(State.CALLING, attempts=1), ended(1, nothing), POLICY, 1.0).fax
    assert first.line_settings == ""
    second = step(replace(first, state=State.CALLING, attempts=2), ended(2, nothing), POLICY, 2.0).fax
    assert second.line_settings == "no-v17"


def test_causes_have_their_own_delay_and_end() -> None:
    unreachable = step(fax(State.CALLING, attempts=1), ended(1, unanswered(Cause.UNREACHABLE)), POLICY, 100.0)
    assert unreachable.fax.next_try == 100.0 + 3 * 300
    missing = unanswered(Cause.UNALLOCATED)
    once = step(fax(State.CALLING, attempts=1), ended(1, missing), POLICY, 100.0).fax
    assert (once.state, once.next_try) == (State.READY, 400.0)
    twice = step(replace(once, state=State.CALLING, attempts=2), ended(2, missing), POLICY, 100.0).fax
    assert (twice.state, twice.reason) == (State.FAILED, "the number does not exist")


@pytest.mark.parametrize("state", [State.QUEUED, State.RENDERING, State.READY, State.CALLING])
def test_what_may_have_been_sent_since_a_backup_is_not_sent_again(state: State) -> None:
    restored = step(fax(state, next_try=5.0), events.BackupRestored("yesterday"), POLICY, 9.0)
    assert (restored.fax.state, restored.fax.doubtful, restored.fax.next_try) == (State.FAILED, True, None)
    assert restored.fax.reason == (
        "NexeFax was restored from a backup of yesterday, and the fax may have been sent since then"
    )
    assert restored.commands == (WriteLetter(Letter.FAILED),)
    again = step(restored.fax, events.BackupRestored("yesterday"), POLICY, 10.0)
    assert again.fax is restored.fax


def test_a_backup_does_not_undo_what_was_known_or_wanted() -> None:
    calling = fax(State.CALLING, attempts=2)
    arrived = step(replace(calling, arrived=True), events.BackupRestored("yesterday"), POLICY, 9.0)
    assert (arrived.fax.state, arrived.fax.pages_done) == (State.SENT, 5)
    assert arrived.commands == (WriteLetter(Letter.SENT),)
    quiet = step(replace(calling, arrived=True), events.BackupRestored("yesterday"), QUIET, 9.0)
    assert (quiet.fax.state, quiet.commands) == (State.SENT, ())
    cancelled = step(replace(calling, cancelled_by="bob"), events.BackupRestored("yesterday"), POLICY, 9.0)
    assert (cancelled.fax.state, cancelled.commands) == (State.CANCELLED, ())
    assert cancelled.fax.reason == (
        "cancelled by bob; NexeFax was restored from a backup of yesterday, pages may have arrived"
    )


def test_a_call_that_cannot_be_placed_waits_and_costs_no_attempt() -> None:
    deferred = step(fax(State.READY), events.CallDeferred(60.0, "the spool is missing"), POLICY, 1.0).fax
    assert (deferred.state, deferred.attempts, deferred.next_try) == (State.READY, 0, 60.0)


def test_interrupted_work_begins_again() -> None:
    assert step(fax(State.RENDERING), events.WorkInterrupted(), POLICY, 1.0).fax.state == State.QUEUED
    waiting = step(fax(State.CONVERTING), events.WorkInterrupted(9.0, "disk full"), POLICY, 1.0).fax
    assert (waiting.state, waiting.next_try, waiting.reason) == (State.RECEIVED, 9.0, "disk full")


def test_a_received_fax_is_converted_and_delivered() -> None:
    steps = walk(
        fax(State.RECEIVED, notes=("The call ended early: hangup",)),
        events.ConversionBegan(),
        events.FaxConverted(2, "fine (204x196)", ("page 2 has 14 damaged lines",)),
        events.MailAccepted(),
    )
    assert [after.fax.state for after in steps] == [State.CONVERTING, State.DELIVERING, State.DELIVERED]
    assert steps[1].commands == (WriteLetter(Letter.RECEIVED),)
    assert steps[1].fax.notes == ("The call ended early: hangup", "page 2 has 14 damaged lines")
    assert steps[2].commands == (ClearSpool(),)


def test_what_cannot_be_delivered_is_kept_and_taken_up_when_the_account_appears() -> None:
    kept = step(fax(State.RECEIVED), events.FaxKept("no account"), POLICY, 1.0)
    assert (kept.fax.state, kept.fax.reason) == (State.UNDELIVERABLE, "no account")
    assert step(kept.fax, events.AccountAppeared(), POLICY, 2.0).fax.state == State.RECEIVED
    refused = step(fax(State.DELIVERING), events.MailRefused("550 no such user"), POLICY, 1.0)
    assert (refused.fax.state, refused.commands) == (State.UNDELIVERABLE, ())


ENDINGS = st.sampled_from(
    [
        SENT,
        unanswered(Cause.BUSY),
        unknown("no report"),
        Ending(Cause.DROPPED, "dropped", 2),
        Ending(Cause.NEGOTIATION, "failed"),
        Ending(Cause.CANCELLED, "cancelled"),
    ]
)
EVENTS = st.one_of(
    st.just(events.RenderingBegan()),
    st.just(events.WorkInterrupted()),
    st.just(events.DocumentRendered(5, "fine", 1.0)),
    st.just(events.DocumentRefused("no")),
    st.just(events.CallPlaced()),
    st.just(events.CallDeferred(5.0, "no")),
    st.builds(ended, st.integers(0, 7), ENDINGS),
    st.just(events.CancelRequested("bob")),
    st.just(events.RetryRequested("bob")),
    st.just(events.BackupRestored("2026-11-23 09:00 UTC")),
    st.just(events.ConversionBegan()),
    st.just(events.FaxConverted(1, "fine")),
    st.just(events.FaxKept("no")),
    st.just(events.AccountAppeared()),
    st.just(events.LetterTakenUp()),
    st.just(events.MailAccepted()),
    st.just(events.MailRefused("no")),
)


@given(st.sampled_from([State.QUEUED, State.RECEIVED]), st.lists(EVENTS, max_size=40))
def test_whatever_happens_in_whatever_order_a_fax_ends_once(start: State, story: list[events.Event]) -> None:
    now = fax(start)
    letters: list[Letter] = []
    for event in story:
        after = step(now, event, POLICY, 1.0)
        letters += [command.letter for command in after.commands if isinstance(command, WriteLetter)]
        assert after.fax.counted <= after.fax.max_attempts
        assert after.fax.attempts <= after.fax.counted + retry.MOST_UNCOUNTED + 1
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
