"""Dates in header fields (RFC 9110 section 5.6.7), without locale."""

from __future__ import annotations

import time

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def format_date(seconds: float) -> str:
    """Unix seconds as ``Sun, 06 Nov 1994 08:49:37 GMT``."""
    year, month, day, hour, minute, second, weekday, *_ = time.gmtime(seconds)
    return f"{_DAYS[weekday]}, {day:02} {_MONTHS[month - 1]} {year:04} {hour:02}:{minute:02}:{second:02} GMT"


def parse_date(text: str) -> float | None:
    """Unix seconds from any of the three formats that a recipient must accept; None for anything else."""
    # Imported here: seldom needed, and it brings half of `email`.
    from calendar import timegm
    from email.utils import parsedate_tz

    parsed = parsedate_tz(text)
    if parsed is None:
        return None
    try:
        return timegm((*parsed[:6], 0, 0, 0)) - (parsed[9] or 0)
    except (ValueError, OverflowError):
        return None
