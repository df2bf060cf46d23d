"""The life of a fax, pure: states, events, and the one table of what follows what.

``step(fax, event, policy, now)`` returns the fax as it is after the event, the commands that carry it out, and a line
for its timeline. An event that its state does not know changes nothing: every event may come twice, late, or never.
Events (:mod:`nexefax.fax.events`) are in the past tense, commands in the imperative; no clock, no files, no loop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from nexefax.fax.cause import Cause
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
from nexefax.fax.events import (
    AccountAppeared,
    AttemptEnded,
    BackupRestored,
    CallDeferred,
    CallPlaced,
    CancelRequested,
    ConversionBegan,
    DocumentRefused,
    DocumentRendered,
    Event,
    FaxConverted,
    FaxKept,
    LetterTakenUp,
    MailAccepted,
    MailRefused,
    RenderingBegan,
    RetryRequested,
    WorkInterrupted,
)
from nexefax.fax.records import Fax
from nexefax.fax.retry import MOST_UNCOUNTED, RULES, Again, delay, may_resume, safer, settings_in_words


class State(StrEnum):
    """Where a fax is. The first row is of faxes that go out, the second of those that came in."""

    QUEUED, RENDERING, READY, CALLING = "queued", "rendering", "ready", "calling"
    SENT, FAILED, CANCELLED = "sent", "failed", "cancelled"
    RECEIVED, CONVERTING, DELIVERING = "received", "converting", "delivering"
    DELIVERED, UNDELIVERABLE = "delivered", "undeliverable"


@dataclass(frozen=True, slots=True)
class Policy:
    """What the configuration says about retries and letters; ``retry_time`` is in seconds.

    ``resume``: a fax whose line dropped goes on with the first page that was not confirmed.
    """

    retry_time: float
    notify_success: bool
    notify_failure: bool
    resume: bool = True


@dataclass(frozen=True, slots=True)
class Step:
    """What follows an event: the fax as it is now, what is to be done, and a line for the timeline ("" for none)."""

    fax: Fax
    commands: tuple[Command, ...] = ()
    text: str = ""


def step(fax: Fax, event: Event, policy: Policy, now: float) -> Step:
    """Return what follows ``event`` for ``fax`` at ``now`` (seconds since 1970)."""
    transition = TRANSITIONS.get((State(fax.state), type(event)))
    if transition is None:
        return Step(fax)
    return transition(fax, event, policy, now)


def _to(fax: Fax, state: State, now: float, reason: str = "") -> Fax:
    return replace(fax, state=state, changed=now, next_try=None, reason=reason)


def _begin_rendering(fax: Fax, _event: RenderingBegan, _policy: Policy, now: float) -> Step:
    return Step(_to(fax, State.RENDERING, now))


def _render_again(fax: Fax, event: WorkInterrupted, _policy: Policy, now: float) -> Step:
    return Step(replace(_to(fax, State.QUEUED, now, event.reason), next_try=event.until), text=event.reason)


def _rendered(fax: Fax, event: DocumentRendered, _policy: Policy, now: float) -> Step:
    ready = replace(
        _to(fax, State.READY, now),
        pages=event.pages,
        resolution=event.resolution,
        line_seconds=event.line_seconds,
        notes=event.notes,
        next_try=max(now, fax.send_at or now),
    )
    return Step(ready, text=f"rendered: {count(event.pages, 'page')}, {event.resolution}")


def _refused(fax: Fax, event: DocumentRefused, policy: Policy, now: float) -> Step:
    return _fail(fax, event.reason, policy, now)


def _place(fax: Fax, event: CallPlaced, _policy: Policy, now: float) -> Step:
    calling = replace(
        _to(fax, State.CALLING, now), attempts=fax.attempts + 1, line_settings=event.line_settings
    )
    how = settings_in_words(event.line_settings)
    text = f"attempt {calling.attempts} begins"
    if fax.first_page > 1:
        text += f", from page {fax.first_page} on"
    return Step(calling, text=f"{text}, {how}" if how else text)


def _defer(fax: Fax, event: CallDeferred, _policy: Policy, now: float) -> Step:
    return Step(replace(fax, changed=now, next_try=event.until, reason=event.reason))


def _attempt_ended(fax: Fax, event: AttemptEnded, policy: Policy, now: float) -> Step:
    if event.attempt != fax.attempts:
        return _late_report(fax, event, policy, now)
    ending = event.ending
    withdraw = WithdrawCall(event.attempt)
    rule = RULES.get(ending.cause)
    if rule is None or fax.arrived:
        return _sent(_with_line(fax, event), event, policy, now)
    known = replace(_with_line(fax, event), doubtful=fax.doubtful or ending.cause is Cause.UNKNOWN)
    if fax.cancelled_by or ending.cause is Cause.CANCELLED:
        return _cancelled_call(known, event, now)
    resumed = policy.resume and may_resume(ending.cause) and fax.first_page <= ending.pages < (fax.pages or 0)
    # tx_max_retries=0 means one call, whatever becomes of it
    goes_on = resumed and fax.max_attempts > 1 and fax.attempts - 1 - fax.counted < MOST_UNCOUNTED
    uncounted = goes_on or not rule.counts
    known = replace(known, counted=fax.counted + (not uncounted))
    said = f"attempt {event.attempt}: {ending.sentence}"
    most = min(rule.most or fax.max_attempts, fax.max_attempts)
    if rule.again is Again.NEVER or known.counted >= most:
        failed = _fail(known, ending.sentence, policy, now, before=f"attempt {event.attempt}: ")
        return replace(failed, commands=(withdraw, *failed.commands))
    settings = fax.line_settings
    # one dropped line says little; a second one, with nothing confirmed in between, that something must change
    if rule.again is Again.SAFER or (ending.cause is Cause.DROPPED and not resumed and fax.counted):
        settings = safer(ending.cause, settings)
    first_page = fax.first_page
    if resumed:
        first_page = ending.pages + 1
    elif ending.cause is Cause.UNKNOWN or not policy.resume:
        first_page = 1
    retry = replace(
        _to(known, State.READY, now, ending.sentence),
        next_try=now + delay(ending.cause, policy.retry_time),
        line_settings=settings,
        first_page=first_page,
    )
    if settings == fax.line_settings:
        return Step(retry, (withdraw,), f"{said}; another try follows")
    text = f"{said}; another try follows, {settings_in_words(settings)}"
    return Step(retry, (withdraw, RememberLine(fax.number, settings)), text)


def _cancelled_call(fax: Fax, event: AttemptEnded, now: float) -> Step:
    """A call that was to be ended has ended: what became of it is told as it is."""
    reason = f"cancelled by {fax.cancelled_by}" if fax.cancelled_by else "cancelled"
    if event.ending.cause is Cause.UNKNOWN:
        reason += "; pages may have arrived"
    elif fax.pages_done:
        reason += f"; {fax.pages_done} of {count(fax.pages or 0, 'page')} had arrived"
    ended = _to(fax, State.CANCELLED, now, reason)
    return Step(
        ended, (WithdrawCall(event.attempt),), f"attempt {event.attempt}: {event.ending.sentence}; {reason}"
    )


def _late_report(fax: Fax, event: AttemptEnded, policy: Policy, now: float) -> Step:
    """An attempt that was given up for unknown did arrive: that is better news than any retry."""
    if event.ending.cause is not Cause.SENT or not 1 <= event.attempt <= fax.attempts:
        return Step(fax)
    known = _with_line(fax, event)
    if fax.state == State.CALLING:
        return Step(replace(known, arrived=True), text=f"attempt {event.attempt} did arrive, as is known now")
    # more than one attempt may have arrived, unless there was only this one
    sent = _sent(replace(known, doubtful=fax.doubtful and fax.attempts > 1), event, policy, now)
    if fax.state != State.FAILED:
        return sent
    # Whoever was told that it failed, or is about to be, must hear that it did not.
    return replace(
        sent, commands=(WithdrawLetter(Letter.FAILED), *_once(sent.commands, WriteLetter(Letter.SENT)))
    )


def _once(commands: tuple[Command, ...], command: Command) -> tuple[Command, ...]:
    return commands if command in commands else (*commands, command)


def _sent(fax: Fax, event: AttemptEnded, policy: Policy, now: float) -> Step:
    commands: tuple[Command, ...] = (WithdrawCall(event.attempt),)
    if policy.notify_success:
        commands += (WriteLetter(Letter.SENT),)
    sent = replace(_to(fax, State.SENT, now), pages_done=fax.pages)
    return Step(sent, commands, f"sent: {count(fax.pages or 0, 'page')} confirmed in attempt {event.attempt}")


def _with_line(fax: Fax, event: AttemptEnded) -> Fax:
    return replace(
        fax,
        pages_done=max(fax.pages_done or 0, event.ending.pages),
        bitrate=event.bitrate or fax.bitrate,
        station=event.station or fax.station,
    )


def _fail(fax: Fax, reason: str, policy: Policy, now: float, *, before: str = "") -> Step:
    letters = (WriteLetter(Letter.FAILED),) if policy.notify_failure else ()
    return Step(_to(fax, State.FAILED, now, reason), letters, f"{before}{reason}; failed")


def _cancel(fax: Fax, event: CancelRequested, _policy: Policy, now: float) -> Step:
    reason = f"cancelled by {event.by}"
    return Step(_to(fax, State.CANCELLED, now, reason), text=reason)


def _cancel_call(fax: Fax, event: CancelRequested, _policy: Policy, now: float) -> Step:
    stop = StopCall(fax.attempts)
    if fax.cancelled_by:  # asked again: perhaps the call did not hear it
        return Step(replace(fax, changed=now), (stop,))
    cancelled = replace(fax, changed=now, cancelled_by=event.by, reason=f"being cancelled by {event.by}")
    return Step(cancelled, (stop,), f"{event.by} cancels it while attempt {fax.attempts} is made")


def _hasten(fax: Fax, event: RetryRequested, _policy: Policy, now: float) -> Step:
    if fax.next_try is None or fax.next_try <= now:
        return Step(fax)
    return Step(replace(fax, changed=now, next_try=now), text=f"{event.by} asks for the next try at once")


def _restored(fax: Fax, event: BackupRestored, policy: Policy, now: float) -> Step:
    """What waited when a backup was made may have been sent since; nobody knows, so it is not dialled again."""
    said = f"NexeFax was restored from a backup of {event.made}"
    if fax.arrived:
        letters = (WriteLetter(Letter.SENT),) if policy.notify_success else ()
        return Step(
            replace(_to(fax, State.SENT, now), pages_done=fax.pages), letters, f"{said}; it had arrived"
        )
    unknown = replace(fax, doubtful=True)
    if fax.cancelled_by:
        reason = f"cancelled by {fax.cancelled_by}; {said}, pages may have arrived"
        return Step(_to(unknown, State.CANCELLED, now, reason), text=reason)
    return _fail(unknown, f"{said}, and the fax may have been sent since then", policy, now)


def _begin_conversion(fax: Fax, _event: ConversionBegan, _policy: Policy, now: float) -> Step:
    return Step(_to(fax, State.CONVERTING, now))


def _convert_again(fax: Fax, event: WorkInterrupted, _policy: Policy, now: float) -> Step:
    return Step(replace(_to(fax, State.RECEIVED, now, event.reason), next_try=event.until), text=event.reason)


def _converted(fax: Fax, event: FaxConverted, _policy: Policy, now: float) -> Step:
    converted = replace(
        _to(fax, State.DELIVERING, now),
        pages=event.pages,
        resolution=event.resolution,
        tiff_wanted=event.tiff_wanted,
        notes=(*fax.notes, *(note for note in event.notes if note not in fax.notes)),
    )
    return Step(converted, (WriteLetter(Letter.RECEIVED),), f"converted: {count(event.pages, 'page')}")


def _keep(fax: Fax, event: FaxKept | MailRefused, _policy: Policy, now: float) -> Step:
    return Step(_to(fax, State.UNDELIVERABLE, now, event.reason), text=f"kept: {event.reason}")


def _take_again(fax: Fax, _event: AccountAppeared, _policy: Policy, now: float) -> Step:
    if fax.deleted_at is not None:
        return Step(fax)
    return Step(_to(fax, State.RECEIVED, now), text="its account is configured now")


def _deliver_again(fax: Fax, _event: LetterTakenUp, _policy: Policy, now: float) -> Step:
    if fax.deleted_at is not None:
        return Step(fax)
    return Step(_to(fax, State.DELIVERING, now), text="its mail is tried again")


def _write_again(fax: Fax, _event: LetterTakenUp, _policy: Policy, now: float) -> Step:
    return Step(replace(fax, changed=now), (WriteLetter(Letter.RECEIVED),))  # which is written only once


def _delivered(fax: Fax, _event: MailAccepted, _policy: Policy, now: float) -> Step:
    return Step(_to(fax, State.DELIVERED, now), (ClearSpool(),), "mailed")


def count(number: int, thing: str) -> str:
    """Return "1 page", "2 pages"."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


# Transition functions take their own event type; the table below is what pairs them.
Transition = Callable[..., Step]

TRANSITIONS: Final[dict[tuple[State, type[Event]], Transition]] = {
    (State.QUEUED, RenderingBegan): _begin_rendering,
    (State.RENDERING, WorkInterrupted): _render_again,
    (State.RENDERING, DocumentRendered): _rendered,
    (State.RENDERING, DocumentRefused): _refused,
    **{(state, CancelRequested): _cancel for state in (State.QUEUED, State.RENDERING, State.READY)},
    (State.CALLING, CancelRequested): _cancel_call,
    **{(state, RetryRequested): _hasten for state in (State.QUEUED, State.READY, State.RECEIVED)},
    **{(s, BackupRestored): _restored for s in (State.QUEUED, State.RENDERING, State.READY, State.CALLING)},
    (State.READY, CallPlaced): _place,
    (State.READY, CallDeferred): _defer,
    (State.READY, AttemptEnded): _late_report,
    (State.CALLING, AttemptEnded): _attempt_ended,
    (State.FAILED, AttemptEnded): _late_report,
    (State.CANCELLED, AttemptEnded): _late_report,
    (State.RECEIVED, ConversionBegan): _begin_conversion,
    (State.RECEIVED, FaxKept): _keep,
    (State.RECEIVED, WorkInterrupted): _convert_again,
    (State.CONVERTING, WorkInterrupted): _convert_again,
    (State.CONVERTING, FaxConverted): _converted,
    (State.UNDELIVERABLE, LetterTakenUp): _deliver_again,
    (State.DELIVERING, LetterTakenUp): _write_again,
    (State.DELIVERING, MailAccepted): _delivered,
    (State.DELIVERING, MailRefused): _keep,
    (State.UNDELIVERABLE, AccountAppeared): _take_again,
}
