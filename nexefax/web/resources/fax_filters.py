"""What a query asks for in a list of faxes, checked."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Final

from nexefax.fax.job import State
from nexefax.fax.listing import Filters
from nexefax.httpd import Request
from nexefax.web.problem import Problem

USUAL, MOST = 50, 200  # faxes in one answer

_MOST_SEARCHED: Final = 200  # characters; and words, each of which is looked for in every fax
_MOST_WORDS: Final = 12
_NAMES: Final = frozenset(
    ("direction", "state", "q", "since", "until", "unread", "deleted", "batch", "user", "limit", "cursor")
)
_STATES: Final = frozenset(str(state) for state in State)
_FAX: Final = re.compile(r"#([1-9][0-9]{0,14})")
_CURSOR: Final = re.compile(r"[1-9][0-9]{0,14}")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def filters_of(request: Request, account: str) -> Filters:
    """The filters of a request, for this account. Raises Problem (400) for what is none."""
    query = request.query
    for name in query:
        if name not in _NAMES:
            raise Problem(
                400, "There is no such filter.", field=name if name.isascii() and name.isprintable() else ""
            )
    words, fax = _words(query.get("q", ""))
    direction = query.get("direction", "")
    if direction not in ("", "in", "out"):
        raise Problem(400, "The direction is in or out.", field="direction")
    return Filters(
        account,
        direction,
        _states(query.get("state", "")),
        words,
        fax,
        _moment(query.get("since", ""), "since"),
        _moment(query.get("until", ""), "until", days=1),
        unread=_flag(query.get("unread", ""), "unread"),
        deleted=_flag(query.get("deleted", ""), "deleted"),
        batch=query.get("batch", ""),
        user=query.get("user", ""),
    )


def limit_of(request: Request, *, usual: int = USUAL, most: int = MOST) -> int:
    """How many are wanted; more than ``most`` are never given. Raises Problem (400)."""
    text = request.query.get("limit", "")
    if not text:
        return usual
    if not (text.isascii() and text.isdecimal()) or len(text) > 9 or int(text) < 1:
        raise Problem(400, f"The limit is a number from 1 to {most}.", field="limit")
    return min(int(text), most)


def cursor_of(request: Request) -> int | None:
    """Where the list goes on. Raises Problem (400) for what no answer gave."""
    text = request.query.get("cursor", "")
    if text and not _CURSOR.fullmatch(text):
        raise Problem(400, "This cursor is none that was given here.", field="cursor")
    return int(text) if text else None


def _words(text: str) -> tuple[tuple[str, ...], int | None]:
    if len(text) > _MOST_SEARCHED:
        raise Problem(400, f"Search for at most {_MOST_SEARCHED} characters.", field="q")
    words, fax = [], None
    for word in dict.fromkeys(text.split()):
        named = _FAX.fullmatch(word)
        if named and fax is None:
            fax = int(named[1])
        else:
            words.append(word)
    if len(words) > _MOST_WORDS:
        raise Problem(400, f"Search for at most {_MOST_WORDS} words.", field="q")
    return tuple(words), fax


def _states(text: str) -> tuple[str, ...]:
    states = tuple(dict.fromkeys(filter(None, text.split(","))))
    if not _STATES.issuperset(states):
        raise Problem(400, f"A state is one of {', '.join(sorted(_STATES))}.", field="state")
    return states


def _flag(text: str, name: str) -> bool:
    if text not in ("", "0", "1"):
        raise Problem(400, f"{name} is 0 or 1.", field=name)
    return text == "1"


def _moment(text: str, name: str, *, days: int = 0) -> float | None:
    """Seconds since 1970 of a time, or of the beginning of a day here and ``days`` later."""
    if not text:
        return None
    try:
        if _DAY.fullmatch(text):
            day = date.fromisoformat(text) + timedelta(days)
            return datetime(day.year, day.month, day.day).astimezone().timestamp()
        # "+" of a zone that was not percent-encoded came as a blank
        if _TIME.fullmatch(text):
            return datetime.fromisoformat(text.upper()).timestamp()
    except (ValueError, OverflowError):
        pass
    raise Problem(400, f"{name} is a day like 2026-11-24, or a time like 2026-11-24T23:59:00Z.", field=name)
