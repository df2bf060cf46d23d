"""``/api/faxes.csv``: a list of faxes for spreadsheets, written while it is read from the journal."""

from __future__ import annotations

import io
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Final

from nexefax.fax.listing import Filters, list_faxes
from nexefax.fax.records import Fax
from nexefax.fax.summary import fax_summary
from nexefax.httpd import Request, Response, Router
from nexefax.store import Journal
from nexefax.web.caller import Callers
from nexefax.web.resources.fax_filters import filters_of

PIECE: Final = 500  # faxes read and written at once: some 100 KB

COLUMNS: Final = (
    "fax", "direction", "state", "reason", "created (UTC)", "ended (UTC)", "number", "name", "station", "user",
    "subject", "document", "pages", "pages done", "resolution", "bit/s", "attempts", "incomplete",
    "may have arrived twice",
    "repeats", "resent from", "notes",
)  # fmt: skip

# What a spreadsheet takes for a formula, and East Asian ones for the same (OWASP, "CSV Injection").
_FORMULA: Final = tuple("=+-@\t\r\n|%＝＋－＠")


class FaxCsv:
    """The handler."""

    def __init__(self, journal: Journal, callers: Callers) -> None:
        self._journal = journal
        self._callers = callers

    def add_to(self, router: Router) -> None:
        """Give the handler its address."""
        router.add("GET", "/api/faxes.csv", self._export)

    async def _export(self, request: Request) -> Response:
        caller = await self._callers.find(request, "read")
        filters = filters_of(request, caller.account.id)
        headers = {
            "Content-Type": "text/csv; charset=utf-8",
            "Content-Disposition": f'attachment; filename="faxes-{time.strftime("%Y-%m-%d")}.csv"',
        }
        return Response(200, headers, self._pieces(filters))

    async def _pieces(self, filters: Filters) -> AsyncIterator[bytes]:
        yield b"\xef\xbb\xbf" + _lines([COLUMNS])  # the mark tells spreadsheets that this is UTF-8
        before = None
        while faxes := await list_faxes(self._journal, filters, before=before, limit=PIECE):
            yield _lines([_row(fax) for fax in faxes])
            before = faxes[-1].id


def _lines(rows: list[tuple[object, ...]]) -> bytes:
    import csv  # late: who exports nothing need not have it in memory

    text = io.StringIO()
    csv.writer(text).writerows([disarmed(value) for value in row] for row in rows)  # RFC 4180
    return text.getvalue().encode()


def disarmed(value: object) -> object:
    """A cell that no spreadsheet takes for a formula: text of strangers stands in it."""
    if isinstance(value, str) and value.lstrip(" \u00a0").startswith(_FORMULA):
        return f"'{value}"
    return value


def _row(fax: Fax) -> tuple[object, ...]:
    shown = fax_summary(fax)
    ended = _time(fax.changed if shown["ended"] else None)
    return (
        fax.id, fax.direction, shown["state"], fax.reason, _time(fax.created), ended,
        fax.number, shown["name"], fax.station, fax.user, fax.subject, fax.document_name, fax.pages, fax.pages_done,
        shown["resolution"], fax.bitrate, fax.attempts, _yes(fax.incomplete), _yes(fax.doubtful), fax.repeat_of,
        fax.resent_from, "; ".join(fax.notes),
    )  # fmt: skip


def _time(seconds: float | None) -> str:
    return "" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"


def _yes(value: bool) -> str:
    return "yes" if value else ""
