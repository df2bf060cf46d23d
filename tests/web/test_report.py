"""The confirmation report through the API."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest

from nexefax.errors import ChildFailed, ChildMissing, JournalError
from nexefax.fax import records, reports
from nexefax.fax.report import ReportFacts
from tests.web.office import IN, OUT, Office, problem


@pytest.fixture
def trouble(monkeypatch: pytest.MonkeyPatch) -> list[Exception]:
    """What goes wrong, if anything, when a report is drawn; it takes no WeasyPrint."""
    errors: list[Exception] = []

    async def draw(_facts: ReportFacts, destination: Path, *, tmp_dir: Path) -> None:
        if errors:
            raise errors.pop()
        destination.write_bytes(b"%PDF-the report")

    monkeypatch.setattr(reports, "draw_report", draw)
    return errors


@pytest.mark.parametrize("state", ["sent", "failed"])
async def test_a_report_is_shown_or_saved(office: Office, trouble: list[Exception], state: str) -> None:
    fax = await office.add(replace(OUT, state=state))
    reply = await office.bob.get(f"/api/faxes/{fax}/report.pdf")
    assert (reply.status, reply.body) == (200, b"%PDF-the report")
    assert reply.headers["Content-Type"] == "application/pdf"
    assert reply.headers["Content-Disposition"].startswith('inline; filename="fax-12025550199-')
    assert reply.headers["Content-Disposition"].endswith('-report.pdf"')
    part = await office.bob.get(f"/api/faxes/{fax}/report.pdf?download=1", Range="bytes=0-3")
    assert (part.status, part.body) == (206, b"%PDF")
    assert part.headers["Content-Disposition"].startswith("attachment; ")


@pytest.mark.parametrize(
    ("fax", "status"),
    [
        (IN, 409),
        (replace(OUT, state="ready"), 409),
        (replace(OUT, state="cancelled"), 409),
        (replace(OUT, account="Quiet"), 404),
    ],
)
async def test_there_is_none_of_what_was_not_sent_by_one(
    office: Office, trouble: list[Exception], fax: records.Fax, status: int
) -> None:
    number = await office.add(fax)
    reply = await office.bob.get(f"/api/faxes/{number}/report.pdf")
    assert reply.status == status
    problem(reply)


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (ChildMissing("WeasyPrint is not installed"), 503, "a program for it is missing"),
        (ChildFailed("it made nothing"), 503, "Try again soon"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), 507, "disk is full"),
        (OSError(errno.EIO, os.strerror(errno.EIO)), 503, "Try again soon"),
        (JournalError("the journal is locked"), 503, "can't use its journal"),
    ],
)
async def test_what_can_not_be_made_is_told(
    office: Office, trouble: list[Exception], error: Exception, status: int, words: str
) -> None:
    trouble.append(error)
    fax = await office.add(OUT)
    reply = await office.bob.get(f"/api/faxes/{fax}/report.pdf")
    assert (reply.status, words in problem(reply)["detail"]) == (status, True)
    assert (await office.bob.get(f"/api/faxes/{fax}/report.pdf")).status == 200
