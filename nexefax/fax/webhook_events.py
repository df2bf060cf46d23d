"""What webhooks are told: changes of faxes that are events to others, written down where they happen."""

from __future__ import annotations

import json
import sqlite3

from nexefax.config import Account
from nexefax.fax.job import State
from nexefax.fax.records import Fax
from nexefax.fax.summary import fax_summary
from nexefax.fax.webhook_records import add_call
from nexefax.times import timestamp

_ENDS = {State.SENT: "fax.sent", State.FAILED: "fax.failed", State.CANCELLED: "fax.cancelled"}


def event_of(before: Fax, after: Fax) -> str:
    """What others are told of this change of a fax; "" for nothing. Pure."""
    if before.state == after.state:
        return ""
    if (before.state, after.state) == (State.CONVERTING, State.DELIVERING):
        return "fax.received"  # it can be read; whether the mail about it goes out is another matter
    return _ENDS.get(State(after.state), "")


def note_event(
    connection: sqlite3.Connection, account: Account | None, before: Fax, after: Fax, now: float
) -> bool:
    """Let the account's webhook be told what happened, in the transaction in which it does; False for nobody."""
    event = event_of(before, after)
    if not event or account is None or not account.webhook_url:
        return False
    import uuid  # for those who have a webhook: with what it brings a fifth of a megabyte

    body = {"event": event, "at": timestamp(now), "fax": fax_summary(after)}
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    add_call(connection, after.id, event, delivery=str(uuid.uuid4()), body=text, now=now)
    return True
