"""What is wrong with faxes, their mails and webhooks: stuck, inconsistent, without files. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nexefax.doctor.finding import DAY, HOUR, Finding, age_in_words
from nexefax.doctor.picture import Daemon, FolderSeen, Picture, Rows
from nexefax.fax.commands import Letter
from nexefax.fax.job import State
from nexefax.fax.kept_files import needed_files
from nexefax.fax.mail_records import Mail
from nexefax.fax.mending import Mend, Repair
from nexefax.fax.records import Attempt, Fax
from nexefax.fax.webhook_records import Waiting

WAIT_SECONDS = HOUR  # something that is due for so long is stuck, or waits for something that should be said
# No document takes so long to be rendered or converted: its converter is ended long before
WORK_SECONDS = 2 * HOUR
CALL_SECONDS = HOUR  # after the time by which a call must have ended
MAIL_SECONDS = HOUR
WEBHOOK_SECONDS = HOUR

_OVER: Final = (State.SENT, State.FAILED, State.CANCELLED, State.DELIVERED)


def look(picture: Picture) -> Iterator[Finding]:
    """Yield what is wrong with the faxes, by their numbers."""
    rows = picture.rows
    if rows is None:
        return
    folders = {(folder.side, folder.number): folder for folder in picture.folders}
    for number, fax in sorted(rows.faxes.items()):
        folder = folders.get((fax.direction, number))
        yield from _files(fax, folder, picture)
        if fax.direction == "out":
            yield from _sending(fax, picture, rows)
        else:
            yield from _receiving(fax, picture, rows)
    for attempt in rows.attempts.values():
        yield from _attempt(attempt, rows)
    for mail in rows.mails:
        yield from _mail(mail, picture, rows)
    for waiting in rows.webhooks:
        yield from _webhook(waiting, picture)


def _files(fax: Fax, folder: FolderSeen | None, picture: Picture) -> Iterator[Finding]:
    if fax.direction in picture.missing_sides:
        return
    if fax.files_deleted is not None:
        if folder is not None and picture.now - fax.files_deleted > DAY and picture.daemon is Daemon.RUNNING:
            yield _finding(
                fax,
                "not-deleted",
                "its files were to be deleted for their age, but are there",
                f"see the log; NexeFax's user must be able to write {folder.path}",
                is_error=False,
            )
        return
    missing = needed_files(fax) - (folder.names if folder else frozenset())
    if fax.state == State.RECEIVED and not (folder and "fax.tiff" in folder.names):
        missing = frozenset() if fax.spool_name in picture.spool_names else frozenset({"fax.tiff"})
    if not missing:
        return
    remedy = f"restore {fax.direction}/{fax.id} from a backup"
    if fax.state in (State.QUEUED, State.RENDERING, State.READY):
        can_resend = "document" not in missing
        remedy += (
            f"; or `nexefax queue resend {fax.id}`, which renders it again, and `nexefax queue cancel {fax.id}`"
            if can_resend
            else f"; or `nexefax queue cancel {fax.id}`, and have it handed in again"
        )
    elif fax.state in (State.RECEIVED, State.CONVERTING, State.DELIVERING):
        remedy += "; without one, ask its sender to send it again"
    yield _finding(
        fax,
        "files-missing",
        f"it is {fax.state}, but {', '.join(sorted(missing))} is missing in {fax.direction}/{fax.id}",
        remedy,
        is_error=fax.state not in _OVER,
    )


def _sending(fax: Fax, picture: Picture, rows: Rows) -> Iterator[Finding]:
    if fax.state not in _OVER and fax.account.casefold() not in picture.accounts:
        yield _finding(
            fax,
            "account-gone",
            f"it waits for the account {fax.account}, which is no longer in accounts.conf",
            f"add the account and `systemctl reload nexefax`, or `nexefax queue cancel {fax.id}`",
        )
        return
    match fax.state:
        case State.QUEUED | State.READY:
            busy = State.RENDERING if fax.state == State.QUEUED else State.CALLING
            moves = any(other.state == busy for other in rows.faxes.values())
            yield from _overdue(
                fax, picture, Repair(Mend.HASTEN, fax.id), patience=DAY if moves else WAIT_SECONDS
            )
        case State.RENDERING:
            yield from _working(fax, picture, "rendered")
        case State.CALLING:
            attempt = rows.attempts.get((fax.id, fax.attempts))
            again = Repair(Mend.LOOK_AGAIN, fax.id, fax.attempts)
            if attempt is None or attempt.ended is not None:
                what = "of which there is no record" if attempt is None else "which is over"
                yield _finding(
                    fax,
                    "attempt-lost",
                    f"it is in attempt {fax.attempts}, {what}",
                    "no report can end it any more",
                    repair=again,
                )
            elif picture.now > attempt.deadline + CALL_SECONDS:
                late = age_in_words(picture.now - attempt.deadline)
                yield _finding(
                    fax,
                    "call-overdue",
                    f"attempt {fax.attempts} should have ended {late} ago, and nothing tells how it did",
                    f"is Asterisk running? `nexefax queue cancel {fax.id}` ends it",
                    repair=again,
                )


def _receiving(fax: Fax, picture: Picture, rows: Rows) -> Iterator[Finding]:
    letters = [mail for mail in rows.mails if mail.fax == fax.id and mail.kind == Letter.RECEIVED]
    match fax.state:
        case State.RECEIVED:
            yield from _overdue(fax, picture, Repair(Mend.SWEEP), patience=WAIT_SECONDS)
        case State.CONVERTING:
            yield from _working(fax, picture, "converted")
        case State.DELIVERING if not any(mail.state == "waiting" for mail in letters):
            yield _finding(
                fax,
                "letter-lost",
                "it is to be delivered, but no mail about it waits",
                "without a mail it is never delivered",
                repair=Repair(Mend.LETTER, fax.id),
            )
        case State.UNDELIVERABLE if fax.account.casefold() not in picture.accounts:
            yield _finding(
                fax,
                "account-unknown",
                f"it came for the account {fax.account or '(none)'}, which is not in accounts.conf; it is kept",
                "add the account and `systemctl reload nexefax`, or correct the dialplan",
            )
        case State.UNDELIVERABLE if not letters:
            yield _finding(
                fax,
                "undeliverable",
                f"it can't be delivered: {fax.reason}",
                "`systemctl reload nexefax` tries it again",
                repair=Repair(Mend.SWEEP),
            )


def _overdue(fax: Fax, picture: Picture, repair: Repair, *, patience: float) -> Iterator[Finding]:
    """A fax that is due; where others are worked on, it may have to wait for its turn."""
    due = fax.next_try if fax.next_try is not None else fax.changed
    waited = picture.now - due
    if waited < patience or picture.daemon is not Daemon.RUNNING:
        return
    yield _finding(
        fax,
        "waits",
        f"it has been due for {age_in_words(waited)}: {fax.reason or 'nobody says why'}",
        "mend what it waits for; the log says more",
        is_error=not fax.reason,
        repair=repair,
    )


def _working(fax: Fax, picture: Picture, work: str) -> Iterator[Finding]:
    lasted = picture.now - fax.changed
    if lasted > WORK_SECONDS and picture.daemon is Daemon.RUNNING:
        yield _finding(
            fax,
            "work-stuck",
            f"it has been {work} for {age_in_words(lasted)}, far longer than any document takes",
            "systemctl restart nexefax: it begins again, and nothing is lost",
        )


def _attempt(attempt: Attempt, rows: Rows) -> Iterator[Finding]:
    if attempt.ended is not None:
        return
    fax = rows.faxes.get(attempt.fax)
    if fax is None or (fax.state == State.CALLING and fax.attempts == attempt.number):
        return
    yield Finding(
        "attempt-open",
        "warning",
        f"fax {attempt.fax}, attempt {attempt.number}",
        f"fax {attempt.fax}: attempt {attempt.number} has no end in the journal, though the fax is {fax.state}",
        "what is on the disk tells how it ended",
        Repair(Mend.LOOK_AGAIN, attempt.fax, attempt.number),
    )


def _mail(mail: Mail, picture: Picture, rows: Rows) -> Iterator[Finding]:
    fax = rows.faxes.get(mail.fax)
    if mail.kind == Letter.RECEIVED and fax is not None and fax.account.casefold() not in picture.accounts:
        return  # what is told of the fax says it all
    again = Repair(Mend.HASTEN, mail.fax)
    if mail.state == "refused":
        yield Finding(
            "mail-refused",
            "error",
            f"fax {mail.fax}, {mail.kind}",
            f"fax {mail.fax}: the mail server refused its mail ({mail.kind}): {mail.error}",
            "correct the address in accounts.conf, or the mail server; then it can be tried again",
            again,
        )
    waited = picture.now - mail.created
    if mail.state == "waiting" and waited > MAIL_SECONDS:
        yield Finding(
            "mail-waits",
            "warning",
            f"fax {mail.fax}, {mail.kind}",
            f"fax {mail.fax}: its mail ({mail.kind}) has waited for {age_in_words(waited)}, after {mail.attempts}"
            f" tries: {mail.error or 'it was not tried yet'}",
            "see config.conf, [email], and the mail server; `nexefax check` tries to greet it",
            again,
        )


def _webhook(waiting: Waiting, picture: Picture) -> Iterator[Finding]:
    waited = picture.now - waiting.since
    if waited > WEBHOOK_SECONDS:
        yield Finding(
            "webhook-waits",
            "warning",
            f"account {waiting.account}, webhook",
            f"account {waiting.account}: calls of its webhook wait ({waiting.calls}), the first one for"
            f" {age_in_words(waited)}: {waiting.error or 'it was not tried yet'}",
            f"see accounts.conf, [{waiting.account}]: webhook_url, and the program there; `systemctl reload nexefax`"
            " tries at once; a call is given up after three days",
        )


def _finding(
    fax: Fax, kind: str, sentence: str, remedy: str, *, is_error: bool = True, repair: Repair | None = None
) -> Finding:
    about = f"fax {fax.id}"
    return Finding(kind, "error" if is_error else "warning", about, f"{about}: {sentence}", remedy, repair)
