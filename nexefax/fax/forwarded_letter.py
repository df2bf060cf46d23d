"""The letter that brings somebody a fax which a user forwards: made from its record, pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo

from nexefax.config import Account, Email
from nexefax.fax.letter_text import attached, listed, named, notes_listed, paragraphs, time_in_words
from nexefax.fax.mail_records import Mail
from nexefax.fax.message import Attachment, Letter, clean
from nexefax.fax.notices import incomplete_sentence
from nexefax.fax.records import Fax


def forwarded_letter(
    mail: Mail,
    fax: Fax,
    account: Account,
    settings: Email,
    *,
    date: datetime,
    attachments: Sequence[Attachment],
    kept: str = "",
    zone: tzinfo | None = None,
) -> Letter:
    """Return the letter to ``mail.address``: the note of the user who forwards the fax, and what is known of it.

    One that is too large says where it is instead (``kept``). ``zone`` is that of the times in it, None for the
    machine's.
    """
    received = fax.direction == "in"
    number = clean(fax.number or fax.station) or "an unknown number"
    name = fax.caller_name if received else fax.to_name
    warning = incomplete_sentence(fax) if received else ""
    text = paragraphs(
        f"{clean(mail.user) or account.id} of {account.tx_name} forwards a fax to you.",
        "\n".join(map(clean, mail.note.splitlines())).strip(),
        f"INCOMPLETE: {warning}" if warning else "",
        kept,
        listed(
            (
                ("From" if received else "To", named(number, name)),
                ("Station ID", fax.station),
                ("Subject", fax.subject),
                ("Received" if received else "Handed in", time_in_words(fax.created, zone)),
                ("Pages", "" if fax.pages is None else str(fax.pages)),
                ("Resolution", fax.resolution),
                ("Fax no.", str(fax.id)),
            )
        ),
        notes_listed(fax.notes),
        attached(attachments),
    )
    return Letter(
        message_id=mail.message_id,
        date=date,
        sender_name=settings.from_name,
        sender_address=settings.from_email,
        to=(mail.address,),
        cc=(),
        bcc=(),
        subject=f"Fax {'from' if received else 'to'} {number}",
        text=text,
        attachments=tuple(attachments),
    )
