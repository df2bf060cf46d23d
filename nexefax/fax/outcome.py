"""Outcome files: what the dialplan writes about a call before it says a word to NexeFax.

One line of URI-encoded pairs joined by ``&``, the first ``v=1`` and the last ``end=1`` (``FILE()`` of Asterisk's
func_env.c does not write atomically: without the end the line is not whole yet). Values were said by strangers on the
phone; control characters in them become spaces.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from urllib.parse import parse_qsl, urlencode

MAX_BYTES = 16_384  # some twenty values, each at most a dialplan variable of a few hundred bytes, encoded
MAX_VALUE = 500  # characters of one value that anybody will ever read

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What Asterisk said about the end of one call; "" and None mean that it did not say.

    ``kind`` is ``sent`` (from SendFAX), ``failed`` (nobody answered) or ``received``. ``status``, ``error`` and
    ``text`` are FAXSTATUS, FAXERROR and FAXSTATUSSTRING; ``pages`` those that the other side confirmed; ``rate`` in
    bit/s; ``cause`` the Q.850 hangup cause; ``reason`` the REASON of pbx_spool (frame.h, AST_CONTROL_*); times in
    seconds since 1970.
    """

    kind: str
    status: str = ""
    error: str = ""
    text: str = ""
    pages: int | None = None
    rate: int | None = None
    resolution: str = ""
    station: str = ""
    mode: str = ""
    cause: int | None = None
    reason: int | None = None
    uniqueid: str = ""
    account: str = ""
    caller: str = ""
    name: str = ""
    started: int | None = None
    ended: int | None = None


_KINDS = ("sent", "failed", "received")
_NUMBERS = frozenset({"pages", "rate", "cause", "reason", "started", "ended"})
_NAMES = frozenset(field.name for field in fields(Outcome))


def parse_outcome(line: bytes) -> Outcome | None:
    """Return what an outcome file says, or None when it is not whole or not one of ours."""
    if len(line) > MAX_BYTES:
        return None
    try:
        pairs = parse_qsl(
            line.decode("ascii", "replace").strip(),
            keep_blank_values=True,
            errors="replace",
            max_num_fields=64,
        )
    except ValueError:
        return None
    if len(pairs) < 3 or pairs[0] != ("v", "1") or pairs[-1] != ("end", "1"):
        return None
    values: dict[str, str | int | None] = {}
    for key, text in pairs[1:-1]:
        if key in _NUMBERS:
            values[key] = _number(text)
        elif key in _NAMES:
            values[key] = clean_text(text)
    if values.get("kind") not in _KINDS:
        return None
    return Outcome(**values)  # type: ignore[arg-type]  # numbers and texts were told apart by _NUMBERS


def outcome_line(outcome: Outcome) -> bytes:
    """Write ``outcome`` as our dialplan does, for reports that came by FastAGI alone."""
    pairs = [("v", "1")]
    for field in fields(Outcome):
        value = getattr(outcome, field.name)
        pairs.append((field.name, "" if value is None else str(value)))
    return urlencode([*pairs, ("end", "1")]).encode("ascii")


def clean_text(text: str) -> str:
    """Return what a stranger said without control characters, stripped and at most MAX_VALUE characters long."""
    return _CONTROL.sub(" ", text).strip()[:MAX_VALUE]


def _number(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
