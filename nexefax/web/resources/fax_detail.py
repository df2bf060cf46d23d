"""All that is known of one fax, as the API shows it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nexefax.errors import TiffError
from nexefax.fax import mail_records, readers, records
from nexefax.fax.convert.paper import paper
from nexefax.fax.convert.tiff import survey
from nexefax.fax.folders import Folders
from nexefax.fax.page_images import fax_tiff
from nexefax.fax.retry import settings_in_words
from nexefax.web.json_body import timestamp
from nexefax.web.resources.fax_json import fax_summary


def fax_detail(
    connection: sqlite3.Connection, fax: records.Fax, progress: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The summary with message, attempts, mails, timeline and readers."""
    return fax_summary(fax, progress=progress) | {
        "message": fax.message,
        "attempts_made": [_attempt(attempt) for attempt in records.attempts_of(connection, fax.id)],
        "mails": [_mail(mail) for mail in mail_records.mails_of(connection, fax.id)],
        "timeline": [
            {"at": timestamp(at), "text": text} for at, text in records.events_of(connection, fax.id)
        ],
        "readers": [
            {"user": user, "at": timestamp(at)} for user, at in readers.readers_of(connection, fax.id)
        ],
    }


def page_sizes(data_dir: Path, fax: records.Fax) -> list[dict[str, float]]:
    """Pixels and dots per inch of each page, as far as the TIFF can be read; none without one. Blocks."""
    try:
        pages = survey(fax_tiff(Folders(data_dir), fax)).pages
    except (OSError, TiffError):
        return []
    shown = ((page, paper(page)) for page in pages)
    return [
        {
            "width": page.width,
            "length": page.length,
            "across": round(dots.across, 2),
            "down": round(dots.down, 2),
        }
        for page, dots in shown
    ]


def _attempt(attempt: records.Attempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "started": timestamp(attempt.started),
        "ended": timestamp(attempt.ended),
        "cause": attempt.cause,
        "sentence": attempt.sentence,
        "pages": attempt.pages,
        "bitrate": attempt.bitrate,
        "station": attempt.station,
        "mode": attempt.mode,
        "first_page": attempt.first_page,
        "settings": settings_in_words(attempt.line_settings),
    }


def _mail(mail: mail_records.Mail) -> dict[str, Any]:
    return {
        "kind": mail.kind,
        "state": mail.state,
        "address": mail.address,
        "user": mail.user,
        "created": timestamp(mail.created),
        "changed": timestamp(mail.changed),
        "next_try": timestamp(mail.next_try) if mail.state == "waiting" else None,
        "attempts": mail.attempts,
        "error": mail.error,
    }
