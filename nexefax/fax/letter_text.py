"""How letters say things: one thought a line, facts as "name: value"; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, tzinfo

from nexefax.fax.message import Attachment, TextAttachment, clean

# In English whatever the daemon's locale says; strftime's %A and %B would follow it.
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def time_in_words(moment: float, zone: tzinfo | None = None) -> str:
    """Return a time such as ``Sunday, 22 November 2026, 20:09 (UTC+01:00)``."""
    local = local_time(moment, zone)
    offset = local.strftime("%z")
    day = f"{DAYS[local.weekday()]}, {local.day} {MONTHS[local.month - 1]} {local.year}"
    return f"{day}, {local:%H:%M} (UTC{offset[:3]}:{offset[3:5]})"


def local_time(moment: float, zone: tzinfo | None) -> datetime:
    """Return a time (seconds since 1970) in ``zone``."""
    return datetime.fromtimestamp(moment, UTC).astimezone(zone)  # None is the machine's zone


def attached(attachments: Sequence[Attachment | TextAttachment]) -> str:
    """Return what is attached, by name."""
    return "Attached: " + ", ".join(attachment.name for attachment in attachments) if attachments else ""


def notes_listed(notes: Sequence[str]) -> str:
    """Return what is to be known of a fax, a line each."""
    if not notes:
        return ""
    return "\n".join(["Please note:", *(f"- {sentence(note, capital=True)}" for note in notes)])


def listed(facts: Iterable[tuple[str, str]]) -> str:
    """One line for each fact that is known; whatever callers and users put into a value stays on its line."""
    return "\n".join(f"{name}: {value}" for name, raw in facts if (value := clean(raw)))


def paragraphs(*paragraphs: str) -> str:
    """Return a letter's text of those paragraphs that are not empty."""
    return "\n\n".join(filter(None, paragraphs)) + "\n"


def sentence(text: str, *, capital: bool = False) -> str:
    """Return ``text`` on one line, with a full stop unless it has an end of its own."""
    text = clean(text)
    if capital:
        text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def named(number: str, name: str) -> str:
    """Return a number with the name of who has it."""
    return f"{number} ({name})" if name and name != number else number


def speed(bitrate: int | None) -> str:
    """Return a bit rate with its unit."""
    return f"{bitrate:,} bit/s" if bitrate else ""
