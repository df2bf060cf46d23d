"""The confirmation report: what became of a fax that was to be sent, on paper, with a picture of its first page."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from nexefax.durable import copy_file
from nexefax.fax.cover import MONTHS
from nexefax.markup import Markup, Record, Value
from nexefax.process import scratch_directory

_TEMPLATE: Final = Path(__file__).with_name("report.html")
_LONGEST_VALUE: Final = 300  # characters of a name, a subject and the like: what nobody writes fills no page
_BIGGEST_PICTURE: Final = 8 << 20  # bytes; a page 864 pixels wide has 100 KB

_PLACES: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(
        (
            "mark", "result", "reason", "warning", "fax", "from_name", "from_number", "user", "to_name", "to_number",
            "station", "subject", "document", "pages", "resolution", "speed", "duration", "handed_in", "ended",
            "picture", "made",
        ),
        (),
    ),
    "attempts": ("number", "started", "seconds", "sentence", "pages_confirmed", "rate", "remote"),
}  # fmt: skip

_RESULTS: Final = {"sent": "Sent", "failed": "Not sent", "cancelled": "Cancelled"}
_MARKS: Final = {"sent": "✓", "failed": "✕", "cancelled": "–"}


@dataclass(frozen=True, slots=True)
class ReportAttempt:
    """One call; ``seconds`` is how long it took, ``sentence`` how it ended, ``bitrate`` in bit/s."""

    number: int
    started: datetime
    seconds: float | None
    sentence: str
    pages: int | None
    bitrate: int | None
    station: str
    mode: str


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """What a report tells; times are shown in their own zones, what is blank or None is left out.

    ``result`` is the fax's last state (sent, failed, cancelled), ``doubtful`` that it may have arrived all the same, or
    twice; ``first_page`` a PNG, 864 pixels wide or so.
    """

    fax: int
    account: str
    result: str
    reason: str
    from_name: str
    from_number: str
    to_name: str
    to_number: str
    user: str
    subject: str
    document_name: str
    handed_in: datetime
    ended: datetime
    pages: int | None
    pages_done: int | None
    resolution: str
    bitrate: int | None
    station: str
    doubtful: bool
    attempts: tuple[ReportAttempt, ...]
    first_page: Path | None


async def draw_report(facts: ReportFacts, destination: Path, *, tmp_dir: Path) -> None:
    """Draw the report as a PDF at ``destination``, which appears whole or not at all.

    Raises ChildMissing without WeasyPrint, ChildTimeout, ChildFailed, OSError.
    """
    from nexefax.fax.convert.html import html_to_pdf

    async with scratch_directory(tmp_dir) as room:
        pdf = room / "report.pdf"
        await html_to_pdf(await asyncio.to_thread(_page, facts), pdf, room=room)
        await asyncio.to_thread(copy_file, pdf, destination)


def _page(facts: ReportFacts) -> str:
    from nexefax.fax.convert.reading_direction import clean, steadied

    def line(text: str) -> str:
        return steadied(" ".join(clean(text)[:_LONGEST_VALUE].split()))[1]

    sent = facts.result == "sent"
    calls = [attempt.seconds for attempt in facts.attempts if attempt.seconds is not None]
    values: dict[str, Value] = {
        "mark": _MARKS.get(facts.result, ""),
        "result": _RESULTS.get(facts.result, facts.result.capitalize()),
        "reason": line(_sentence(_all_confirmed(facts) if sent else facts.reason)),
        "warning": _DOUBTFUL[sent] if facts.doubtful else "",
        "fax": str(facts.fax),
        "from_name": line(facts.from_name),
        "from_number": line(facts.from_number),
        "user": line(facts.user),
        "to_name": line(facts.to_name),
        "to_number": line(facts.to_number),
        "station": line(facts.station),
        "subject": line(facts.subject),
        "document": line(facts.document_name),
        "pages": _pages(facts),
        "resolution": facts.resolution,
        "speed": _rate(facts.bitrate),
        "duration": _length(sum(calls)) if calls else "",
        "handed_in": _moment(facts.handed_in),
        "ended": _moment(facts.ended),
        "made": f"{facts.account}, fax {facts.fax}",
        "picture": _picture(facts.first_page),
        "attempts": [
            _attempt(attempt, line(attempt.sentence), line(attempt.station)) for attempt in facts.attempts
        ],
    }
    return Markup(_TEMPLATE.read_text("utf-8"), _PLACES).fill(values)


_DOUBTFUL: Final = {
    True: "One of the calls ended in a way that can't be known: it may have arrived twice.",
    False: "One of the calls ended in a way that can't be known: it may have arrived all the same.",
}


def _attempt(attempt: ReportAttempt, sentence: str, station: str) -> Record:
    return {
        "number": str(attempt.number),
        "started": _short(attempt.started),
        "seconds": "" if attempt.seconds is None else _length(attempt.seconds),
        "sentence": _sentence(sentence),
        "pages_confirmed": "" if attempt.pages is None else str(attempt.pages),
        "rate": " ".join(filter(None, (_rate(attempt.bitrate), attempt.mode))),
        "remote": station,
    }


def _all_confirmed(facts: ReportFacts) -> str:
    if not facts.pages:
        return "every page was confirmed by the other machine"
    if facts.pages == 1:
        return "its one page was confirmed by the other machine"
    return f"all {facts.pages} pages were confirmed by the other machine"


def _pages(facts: ReportFacts) -> str:
    if facts.pages is None:
        return ""
    if facts.result == "sent" or facts.pages_done is None:
        return str(facts.pages)
    return f"{facts.pages_done} of {facts.pages} confirmed"


def _sentence(words: str) -> str:
    """A sentence of its own, from one that the journal keeps to follow others."""
    words = words.strip()
    if not words:
        return ""
    return words[:1].upper() + words[1:] + ("" if words.endswith((".", "!", "?")) else ".")


def _rate(bitrate: int | None) -> str:
    return f"{bitrate:,} bit/s" if bitrate else ""


def _length(seconds: float) -> str:
    minutes, rest = divmod(max(0, round(seconds)), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _moment(moment: datetime) -> str:
    zone = "" if moment.tzinfo is None else f"{moment:%z}"
    offset = f" {zone[:3]}:{zone[3:5]}" if zone else ""
    return f"{moment.day} {MONTHS[moment.month - 1]} {moment.year}, {moment:%H:%M:%S}{offset}"


def _short(moment: datetime) -> str:
    return f"{moment.day} {MONTHS[moment.month - 1][:3]} {moment.year}, {moment:%H:%M:%S}"


def _picture(png: Path | None) -> str:
    if png is None:
        return ""
    try:
        with png.open("rb") as file:
            data = file.read(_BIGGEST_PICTURE + 1)
    except FileNotFoundError:  # cleared away meanwhile; the words are still worth their paper
        return ""
    if len(data) > _BIGGEST_PICTURE or not data.startswith(b"\x89PNG"):
        return ""
    return f"data:image/png;base64,{base64.b64encode(data).decode('ascii')}"
