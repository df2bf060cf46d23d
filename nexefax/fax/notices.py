"""What people read about a fax: letters made from its record, pure.

Plain text, one thought a line, facts as "name: value": that reads well in every mail program, in any font and on a
telephone. Lines are not broken here; quoted-printable does that on the wire, and the reader's window for the eye.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from nexefax.config import Account, Email
from nexefax.fax.job import count
from nexefax.fax.letter_text import (
    MONTHS,
    attached,
    listed,
    local_time,
    named,
    notes_listed,
    paragraphs,
    sentence,
    speed,
    time_in_words,
)
from nexefax.fax.message import Attachment, Letter, TextAttachment, clean
from nexefax.fax.records import Attempt, Fax

# Letters kept of a number in a file's name; E.164 has 15 digits.
_NUMBER_IN_NAME = 32
# Attempts listed in a letter: the last ones, when somebody configured hundreds of retries.
_LISTED_ATTEMPTS = 30


def received_letter(
    fax: Fax,
    account: Account,
    settings: Email,
    *,
    message_id: str,
    date: datetime,
    attachments: Sequence[Attachment],
    kept: str = "",
    zone: tzinfo | None = None,
) -> Letter:
    """Return the letter that brings a received fax; one that is too large says where it is instead (``kept``).

    ``zone`` is that of the times in it, None for the machine's.
    """
    warning = incomplete_sentence(fax)
    text = paragraphs(
        f"A fax has arrived from {clean(fax.number or fax.station) or 'an unknown number'}.",
        f"INCOMPLETE: {warning}" if warning else "",
        kept,
        listed(
            (
                ("From", named(fax.number or "unknown number", fax.caller_name)),
                ("Station ID", fax.station),
                ("For", account.id),
                ("Received", time_in_words(fax.created, zone)),
                ("Pages", "" if fax.pages is None else str(fax.pages)),
                ("Resolution", fax.resolution),
                ("Speed", speed(fax.bitrate)),
                ("Fax no.", str(fax.id)),
            )
        ),
        notes_listed(fax.notes),
        attached(attachments),
    )
    return Letter(
        message_id=message_id,
        date=date,
        sender_name=settings.from_name,
        sender_address=settings.from_email,
        to=account.rx_email_to,
        cc=account.rx_email_cc,
        bcc=account.rx_email_bcc,
        subject=(account.rx_email_subject or settings.subject) + _repeated(fax),
        text=text,
        attachments=tuple(attachments),
    )


def sent_letter(
    fax: Fax,
    attempts: Sequence[Attempt],
    account: Account,
    settings: Email,
    *,
    message_id: str,
    date: datetime,
    attachments: Sequence[Attachment],
    kept: str = "",
    zone: tzinfo | None = None,
) -> Letter:
    """Return the notice that a fax has arrived; ``attachments`` are what was faxed, or ``kept`` says where it is."""
    opening = f"The fax to {fax.number} was sent. Every page was confirmed by the receiving machine."
    sending = _Sending(fax, account, tuple(attempts), zone)
    subject = f"eFax sent to {fax.number}"
    return sending.letter(
        subject, (opening,), settings, message_id=message_id, date=date, faxed=attachments, kept=kept
    )


def failed_letter(
    fax: Fax,
    attempts: Sequence[Attempt],
    account: Account,
    settings: Email,
    *,
    message_id: str,
    date: datetime,
    attachments: Sequence[Attachment],
    kept: str = "",
    zone: tzinfo | None = None,
) -> Letter:
    """Return the notice that a fax was given up; what was faxed is in ``attachments``, or ``kept`` says where."""
    never = "Nobody knows whether it was dialled" if fax.doubtful else "It was never dialled"
    tries = f"It was tried {_times(len(attempts))}" if attempts else never
    openings = (
        f"The fax to {fax.number} could not be sent: {sentence(fax.reason or 'no reason is known')}",
        f"{tries}, and will not be tried again. To send it, hand it in anew.",
    )
    sending = _Sending(fax, account, tuple(attempts), zone)
    subject = f"eFax failed to send to {fax.number}"
    return sending.letter(
        subject, openings, settings, message_id=message_id, date=date, faxed=attachments, kept=kept
    )


def incomplete_sentence(fax: Fax) -> str:
    """Return what a received fax lacks, as a sentence; empty when it is whole."""
    if not fax.incomplete:
        return ""
    if fax.pages_done is None:  # nobody reported how the call ended; a note says so
        return "This fax may be incomplete."
    if fax.pages_done == 0:
        return "The line dropped on the first page; this fax is incomplete."
    return f"The line dropped after {count(fax.pages_done, 'page')}; this fax is incomplete."


def file_stem(fax: Fax, zone: tzinfo | None = None) -> str:
    """Return a name for a fax's files, such as ``fax-12025550100-20261122-2009``.

    Numbers are cut to what is safe in file names; one that has nothing of the kind is ``unknown``.
    """
    number = re.sub(r"[^0-9A-Za-z]+", "-", fax.number)[:_NUMBER_IN_NAME].strip("-")
    return f"fax-{number or 'unknown'}-{local_time(fax.created, zone):%Y%m%d-%H%M}"


@dataclass(frozen=True, slots=True)
class _Sending:
    """What is said about a fax that went out, in the letter and in the file beside its TIFF."""

    fax: Fax
    account: Account
    attempts: tuple[Attempt, ...]
    zone: tzinfo | None

    def letter(
        self,
        subject: str,
        openings: Sequence[str],
        settings: Email,
        *,
        message_id: str,
        date: datetime,
        faxed: Sequence[Attachment],
        kept: str,
    ) -> Letter:
        """Return the letter that begins with ``openings``."""
        attachments: tuple[Attachment | TextAttachment, ...] = (
            *faxed,
            TextAttachment(self._details(), "details.txt"),
        )
        text = paragraphs(
            *map(clean, openings),
            kept,
            self._doubt(),
            listed(self._facts()),
            notes_listed(self.fax.notes),
            self._attempts(self._attempt_in_short),
            attached(attachments),
        )
        return Letter(
            message_id=message_id,
            date=date,
            sender_name=settings.from_name,
            sender_address=settings.from_email,
            to=self.account.rx_email_to,
            cc=self.account.rx_email_cc,
            bcc=(),
            subject=subject,
            text=text,
            attachments=attachments,
        )

    def _facts(self) -> Iterator[tuple[str, str]]:
        fax, account = self.fax, self.account
        yield "To", fax.number
        yield "Station ID", fax.station
        yield "Subject", fax.subject
        yield "Document", fax.document_name
        yield "From", f"{account.tx_name}, {account.tx_number}"
        yield "Handed in", f"{time_in_words(fax.created, self.zone)}{f' by {fax.user}' if fax.user else ''}"
        if fax.pages is not None:
            partly = fax.pages_done is not None and fax.pages_done != fax.pages
            yield "Pages", f"{fax.pages}, of which {fax.pages_done} arrived" if partly else str(fax.pages)
        yield "Resolution", fax.resolution
        yield "Speed", speed(fax.bitrate)
        yield "Fax no.", str(fax.id)

    def _details(self) -> str:
        """All that is known."""
        fax = self.fax
        facts = (
            ("Result", fax.state),
            ("Reason", fax.reason),
            *self._facts(),
            ("Account", self.account.id),
            ("Ended", time_in_words(fax.changed, self.zone)),
            ("Attempts", f"{len(self.attempts)} of at most {fax.max_attempts}"),
        )
        message = "\n".join(map(clean, fax.message.splitlines())).strip()
        return paragraphs(
            listed(facts),
            self._doubt(),
            f"Message:\n{message}" if message else "",
            notes_listed(fax.notes),
            self._attempts(self._attempt_in_full),
        )

    def _attempts(self, described: Callable[[Attempt], str]) -> str:
        if not self.attempts:
            return ""
        return "\n".join(["Attempts:", *map(described, self.attempts[-_LISTED_ATTEMPTS:])])

    def _attempt_in_short(self, attempt: Attempt) -> str:
        moment = local_time(attempt.started, self.zone)
        day = f"{moment.day} {MONTHS[moment.month - 1]} {moment:%H:%M}"
        return f"{attempt.number}. {day}: {sentence(attempt.sentence or 'its end is not known')}"

    def _attempt_in_full(self, attempt: Attempt) -> str:
        facts = (
            ("", "" if attempt.pages is None else count(attempt.pages, "page")),
            ("", speed(attempt.bitrate)),
            ("", attempt.mode),
            ("station ID ", attempt.station),
            ("", "" if attempt.ended is None else f"took {attempt.ended - attempt.started:.0f} s"),
        )
        known = "; ".join(f"{name}{clean(value)}" for name, value in facts if clean(value))
        return f"{self._attempt_in_short(attempt)}" + (f"\n   {known}" if known else "")

    def _doubt(self) -> str:
        if not self.fax.doubtful:
            return ""
        if not self.attempts:
            return "It may have been sent all the same: ask the recipient before you send it again."
        if self.fax.state == "sent":
            return (
                "How one of the attempts ended could not be learned, so the fax may have arrived once more."
            )
        return (
            "How one of the attempts ended could not be learned, so the fax may have arrived all the same: ask the"
            " recipient before you send it again."
        )


def _repeated(fax: Fax) -> str:
    return f" (probably repeats fax {fax.repeat_of})" if fax.repeat_of is not None else ""


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")
