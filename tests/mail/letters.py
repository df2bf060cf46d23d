"""Letters, settings and a parser for the tests of mail."""

from __future__ import annotations

import dataclasses
import email
import email.policy
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.message import EmailMessage
from typing import Any

from nexefax.config import Email
from nexefax.fax.mail import Letter

LETTER = Letter(
    message_id="<20261122.1@pbx.example.com>",
    date=datetime(2026, 11, 22, 20, 9, tzinfo=UTC),
    sender_name="Zoë's Fäx, Inc.",
    sender_address="nexefax@pbx.example.com",
    to=("a@example.com", "b@example.com"),
    cc=("c@example.com",),
    bcc=("d@example.com",),
    subject="Neues Fax für Zoë: 電話番号",
    text="A fax has arrived.\n\n.\n.a line with a dot\nFrom: Ünal\n",
)


def letter(**changes: Any) -> Letter:
    return dataclasses.replace(LETTER, **changes)


def settings(**changes: Any) -> Email:
    return dataclasses.replace(Email(from_email="nexefax@pbx.example.com"), **changes)


def parsed(message: bytes) -> EmailMessage:
    found = email.message_from_bytes(message, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    assert not found.defects
    return found


def sender_name_of(message: bytes) -> str:
    """The name in From. Python's newer parser keeps the spaces between encoded words (RFC 2047, 6.2 drops them)."""
    header = email.message_from_bytes(message)["From"]
    return (
        str(make_header(decode_header(header))).rpartition("<")[0].strip().removeprefix('"').removesuffix('"')
    )


def text_of(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    content: str = body.get_content()
    return content.replace("\r\n", "\n")
