"""A fax as the API and webhooks show it: the one place that makes it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from nexefax.fax import bin as fax_bin
from nexefax.fax.job import State
from nexefax.fax.records import Fax
from nexefax.times import timestamp

WAITING: Final = frozenset((State.QUEUED, State.RENDERING, State.READY))
_SENT_OR_NOT: Final = frozenset((State.SENT, State.FAILED, State.CANCELLED))

# What fax/convert/notes.py says of pages that did not come whole.
_DAMAGE: Final = re.compile(
    r"damaged|could not be read|cut off|arrived empty|lines are missing|No page of this fax|is empty"
)


def fax_summary(fax: Fax, *, progress: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What lists and events tell of a fax; ``progress`` is the page that is on the line, where that is known."""
    received = fax.direction == "in"
    return {
        "id": fax.id,
        "direction": fax.direction,
        "state": str(fax.state),
        "reason": fax.reason,
        "created": timestamp(fax.created),
        "changed": timestamp(fax.changed),
        "ended": timestamp(fax.changed) if fax.state in fax_bin.OVER else None,
        "next_try": timestamp(fax.next_try),
        "send_at": timestamp(fax.send_at),
        "number": fax.number,
        "name": fax.caller_name if received else fax.to_name,
        "station": fax.station,
        "user": fax.user,
        "subject": fax.subject,
        "document_name": fax.document_name,
        "pages": fax.pages,
        "pages_done": fax.pages_done,
        "resolution": resolution_word(fax.resolution),
        "bitrate": fax.bitrate,
        "line_seconds": fax.line_seconds,
        "attempts": fax.attempts,
        "max_attempts": fax.max_attempts,
        "incomplete": fax.incomplete,
        "doubtful": fax.doubtful,
        "damaged": received and any(_DAMAGE.search(note) for note in fax.notes),
        "repeat_of": fax.repeat_of,
        "resent_from": fax.resent_from,
        "batch": fax.batch,
        "notes": list(fax.notes),
        "unread": received and fax.read_at is None and fax.deleted_at is None,
        "deleted": timestamp(fax.deleted_at),
        "files": fax.files_deleted is None,
        "progress": dict(progress) if progress and fax.state == State.CALLING else None,
        "can": list(_possible(fax)),
    }


def resolution_word(text: str) -> str:
    """The name of a resolution: ``fine`` of ``fine (204x196)``; others as they are."""
    return text.partition(" (")[0]


def _possible(fax: Fax) -> Iterator[str]:
    """What may be done with a fax now, in the words of the API's addresses."""
    if fax.deleted_at is not None:
        if fax_bin.may_restore(fax):
            yield "restore"
        return
    over = fax.state in fax_bin.OVER
    if fax.direction == "out":
        if fax.state in WAITING or (fax.state == State.CALLING and not fax.cancelled_by):
            yield "cancel"
        if fax.state in WAITING and (fax.next_try or 0) > time.time():
            yield "retry"
        if fax.state in _SENT_OR_NOT and fax.files_deleted is None:
            yield "resend"
    else:
        if fax.state == State.UNDELIVERABLE and fax.files_deleted is None:
            yield "retry"
        yield "read" if fax.read_at is None else "unread"
    if fax.pages and fax.files_deleted is None:
        yield "forward"
    if over:
        yield "delete"
