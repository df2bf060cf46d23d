"""A model check: every event in every state, twice, late, never and out of order, against a much simpler model.

The model knows nothing of states. It keeps what happened in the world (who was called, what was heard of it, which
letters lie in the outbox) and says from that alone what must be true of the fax.
"""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from nexefax.fax import events, retry
from nexefax.fax.cause import Cause, Ending
from nexefax.fax.commands import (
    ClearSpool,
    Command,
    Letter,
    StopCall,
    WithdrawCall,
    WithdrawLetter,
    WriteLetter,
)
from nexefax.fax.job import Policy, State, Step, step
from nexefax.fax.records import Fax

ENDS = (State.SENT, State.FAILED, State.CANCELLED)
FAILURES = tuple(cause for cause in Cause if cause not in (Cause.SENT, Cause.CANCELLED))
MANY_STEPS = settings(max_examples=200, stateful_step_count=60, deadline=None)


def after(outbox: dict[Letter, str], commands: Iterable[Command]) -> dict[Letter, str]:
    """The outbox as the bookkeeper leaves it: a letter is written once, and withdrawn while it waits."""
    outbox = dict(outbox)
    for command in commands:
        match command:
            case WriteLetter(letter):
                outbox.setdefault(letter, "waiting")
            case WithdrawLetter(letter) if outbox.get(letter) == "waiting":
                del outbox[letter]
    return outbox


class Life(RuleBasedStateMachine):
    """One fax, and the outbox that its letters lie in."""

    fax: Fax
    policy: Policy

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000.0
        self.outbox: dict[Letter, str] = {}  # letter -> waiting, accepted

    def happen(self, event: events.Event) -> Step:
        """Let ``event`` happen to the fax; whatever happens twice at one time changes nothing the second time."""
        self.now += 1.0
        taken = step(self.fax, event, self.policy, self.now)
        self.outbox = after(self.outbox, taken.commands)
        twice = step(taken.fax, event, self.policy, self.now)
        assert twice.fax == taken.fax, f"{event} twice"
        assert after(self.outbox, twice.commands) == self.outbox, f"{event} twice"
        others = [each for each in twice.commands if not isinstance(each, StopCall | WriteLetter)]
        assert not others, f"{event} twice"
        if taken.fax != self.fax:
            assert taken.fax.changed == self.now
        self.fax = taken.fax
        return taken

    @property
    def state(self) -> State:
        return State(self.fax.state)

    @precondition(lambda self: "waiting" in self.outbox.values())
    @rule(data=st.data())
    def a_letter_is_accepted(self, data: st.DataObject) -> None:
        waiting = [letter for letter, at in self.outbox.items() if at == "waiting"]
        self.outbox[data.draw(st.sampled_from(waiting))] = "accepted"


class Outgoing(Life):
    """A fax that goes out. ``truth`` has what really became of each attempt, whether or not anybody heard of it."""

    def __init__(self) -> None:
        super().__init__()
        self.truth: dict[int, Ending] = {}
        self.ended: dict[int, Cause] = {}  # what the fax was told first of each attempt
        self.good_news = False  # it was told of an attempt that every page of it arrived
        self.cancelled = False
        self.refused = False
        self.fruitless = 0  # attempts that ended without a new page being confirmed

    @initialize(
        most=st.integers(1, 5),
        resume=st.booleans(),
        success=st.booleans(),
        failure=st.booleans(),
    )
    def accepted(self, most: int, resume: bool, success: bool, failure: bool) -> None:
        self.policy = Policy(300.0, success, failure, resume)
        self.fax = Fax(1, "out", "ACME", State.QUEUED, self.now, self.now, number="123", max_attempts=most)

    @rule()
    def rendering_begins(self) -> None:
        self.happen(events.RenderingBegan())

    @rule(pages=st.integers(1, 6))
    def document_is_rendered(self, pages: int) -> None:
        rendering = self.state is State.RENDERING
        self.happen(events.DocumentRendered(pages, "fine", 30.0 * pages))
        assert (self.state is State.READY) or not rendering

    @rule()
    def document_is_refused(self) -> None:
        self.refused |= self.state is State.RENDERING
        self.happen(events.DocumentRefused("it is damaged"))

    @rule()
    def work_is_interrupted(self) -> None:
        self.happen(events.WorkInterrupted(self.now + 300, "the disk is full"))

    @rule()
    def spool_is_away(self) -> None:
        self.happen(events.CallDeferred(self.now + 60, "Asterisk's spool is away"))

    @rule(by=st.sampled_from(["jane", "the administrator"]))
    def retry_is_asked_for(self, by: str) -> None:
        self.happen(events.RetryRequested(by))
        if self.state is State.READY:
            assert self.fax.next_try is not None
            assert self.fax.next_try <= self.now

    @rule(by=st.sampled_from(["jane", "the administrator"]))
    def cancel_is_asked_for(self, by: str) -> None:
        was = self.state
        taken = self.happen(events.CancelRequested(by))
        self.cancelled |= was not in ENDS
        if was is State.CALLING:
            assert taken.commands == (StopCall(self.fax.attempts),)

    @rule(data=st.data())
    def call_is_placed(self, data: st.DataObject) -> None:
        before = self.fax
        self.happen(events.CallPlaced(data.draw(st.sampled_from(["", "no-v17"]))))
        if self.fax.attempts == before.attempts:
            return
        assert before.state == State.READY
        assert not self.cancelled
        assert not self.good_news
        assert not self.refused
        attempt = self.fax.attempts
        assert attempt == len(self.truth) + 1, "an attempt is dialled once"
        assert attempt == 1 or attempt - 1 in self.ended, "one call at a time"
        pages = self.fax.pages or 0
        # Pages that are left out have all been confirmed, and not only by an attempt that nobody knows about.
        known = [self.truth[number].pages for number in self.truth if self.ended[number] is not Cause.UNKNOWN]
        assert self.fax.first_page - 1 <= max(known, default=0)
        if self.ended.get(attempt - 1) is Cause.UNKNOWN or not self.policy.resume:
            assert self.fax.first_page == 1
        confirmed = data.draw(st.integers(self.fax.first_page - 1, pages))
        cause = data.draw(st.sampled_from([Cause.SENT, *FAILURES]))
        self.truth[attempt] = Ending(cause, str(cause), pages if cause is Cause.SENT else confirmed)

    @precondition(lambda self: self.truth)
    @rule(data=st.data())
    def attempt_is_reported(self, data: st.DataObject) -> None:
        """By its outcome file, by FastAGI, by both, late, or again and again."""
        attempt = data.draw(st.sampled_from(sorted(self.truth)))
        self.hear(attempt, self.truth[attempt])

    @precondition(lambda self: self.truth)
    @rule(data=st.data())
    def attempt_is_given_up(self, data: st.DataObject) -> None:
        """Its deadline has passed without a word."""
        attempt = data.draw(st.sampled_from(sorted(self.truth)))
        self.hear(attempt, Ending(Cause.UNKNOWN, "no word came"))

    @precondition(lambda self: self.state is State.CALLING and self.cancelled)
    @rule()
    def guard_refuses_the_cancelled_call(self) -> None:
        self.truth[self.fax.attempts] = Ending(Cause.CANCELLED, "cancelled before the transmission began")
        self.hear(self.fax.attempts, self.truth[self.fax.attempts])

    @rule(attempt=st.integers(-1, 99), cause=st.sampled_from(list(Cause)))
    def attempt_that_never_was_is_reported(self, attempt: int, cause: Cause) -> None:
        if attempt in self.truth:
            return
        before = self.fax
        self.happen(events.AttemptEnded(attempt, Ending(cause, "made up", 1)))
        assert self.fax == before

    def hear(self, attempt: int, ending: Ending) -> None:
        before = self.fax
        taken = self.happen(events.AttemptEnded(attempt, ending, 14400, "+1 202"))
        if attempt == before.attempts and before.state == State.CALLING:
            assert WithdrawCall(attempt) in taken.commands
            self.ended[attempt] = ending.cause
            self.fruitless += not before.first_page <= ending.pages
        if before.state != State.SENT:
            self.good_news |= ending.cause is Cause.SENT
        if self.fax.state != before.state:
            assert taken.text, "what changes is told in the timeline"

    @invariant()
    def calls_end_one_by_one(self) -> None:
        open_calls = set(self.truth) - set(self.ended)
        late = self.good_news and self.state is State.SENT
        assert open_calls == ({self.fax.attempts} if self.state is State.CALLING else set()) or late

    @invariant()
    def sent_is_what_was_confirmed_and_nothing_else(self) -> None:
        if self.state is State.SENT:
            assert self.good_news
            assert self.fax.pages_done == self.fax.pages
        if self.good_news:
            assert self.state in (State.SENT, State.CALLING)
        arrived = [attempt for attempt, ending in self.truth.items() if ending.cause is Cause.SENT]
        if self.state is State.SENT and len(arrived) > 1:
            assert self.fax.doubtful, "what may have arrived twice is told"

    @invariant()
    def no_call_for_a_cancelled_fax(self) -> None:
        if self.cancelled:
            assert self.state in (State.CALLING, State.CANCELLED, State.SENT)

    @invariant()
    def it_ends_and_says_why(self) -> None:
        fax = self.fax
        assert 0 <= fax.counted <= min(fax.attempts, fax.max_attempts)
        assert fax.attempts <= fax.max_attempts + retry.MOST_UNCOUNTED
        assert 1 <= fax.first_page <= max(fax.pages or 1, 1)
        if self.state is State.READY:
            assert fax.next_try is not None
            assert self.fruitless < fax.max_attempts
        if self.state in ENDS:
            assert fax.next_try is None
        if self.state is State.FAILED:
            assert fax.reason
            assert self.refused or fax.counted
        if self.state is State.CANCELLED:
            assert self.cancelled
            assert fax.reason.startswith("cancelled by ")

    @invariant()
    def letters_tell_the_end(self) -> None:
        told_sent, told_failed = self.outbox.get(Letter.SENT), self.outbox.get(Letter.FAILED)
        if self.state is State.SENT:
            assert told_failed != "waiting", "nobody is told any more that it failed"
            assert told_sent or not (self.policy.notify_success or told_failed)
        elif self.state is State.FAILED:
            assert bool(told_failed) == self.policy.notify_failure
            assert told_sent is None
        else:
            assert not self.outbox


class Incoming(Life):
    """A fax that came in."""

    def __init__(self) -> None:
        super().__init__()
        self.mailed = False
        self.cleared = 0

    @initialize()
    def received(self) -> None:
        self.policy = Policy(300.0, notify_success=True, notify_failure=True)
        self.fax = Fax(1, "in", "ACME", State.RECEIVED, self.now, self.now, spool_name="nexefax-1.tiff")

    @rule(
        event=st.sampled_from(
            [
                events.ConversionBegan(),
                events.WorkInterrupted(2_000.0, "the disk is full"),
                events.WorkInterrupted(),
                events.FaxConverted(3, "fine", ("page 2 has damaged lines",), tiff_wanted=True),
                events.FaxKept("the account is not configured"),
                events.AccountAppeared(),
                events.LetterTakenUp(),
                events.MailAccepted(),
                events.MailRefused("550 no such user"),
                events.CancelRequested("jane"),
                events.RetryRequested("jane"),
                events.AttemptEnded(1, Ending(Cause.SENT, "every page was confirmed", 3)),
                events.CallPlaced(),
            ]
        )
    )
    def anything_happens(self, event: events.Event) -> None:
        if isinstance(event, events.LetterTakenUp) and not self.outbox:
            return  # there is no letter to take up
        before = self.fax
        taken = self.happen(event)
        if ClearSpool() in taken.commands:
            self.cleared += 1
            assert isinstance(event, events.MailAccepted)
        if before.state == State.DELIVERED:
            assert self.fax == before, "what is delivered stays so"
        if isinstance(event, events.MailAccepted) and before.state == State.DELIVERING:
            self.mailed = True

    @invariant()
    def the_spool_is_cleared_once_and_only_after_the_mail(self) -> None:
        assert (self.state is State.DELIVERED) == self.mailed
        assert self.cleared == int(self.mailed)

    @invariant()
    def what_is_kept_says_why_and_what_is_mailed_has_a_letter(self) -> None:
        if self.state is State.UNDELIVERABLE:
            assert self.fax.reason
        if self.state in (State.DELIVERING, State.DELIVERED):
            assert self.fax.pages == 3
            assert Letter.RECEIVED in self.outbox
        notes = self.fax.notes
        assert len(set(notes)) == len(notes)


TestOutgoing = Outgoing.TestCase
TestOutgoing.settings = MANY_STEPS
TestIncoming = Incoming.TestCase
TestIncoming.settings = MANY_STEPS
