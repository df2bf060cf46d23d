"""Confirmation reports, made from the journal and kept for the next time."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from nexefax.errors import ChildFailed
from nexefax.fax import records, reports
from nexefax.fax.page_images import PageImages
from nexefax.fax.report import ReportFacts
from nexefax.fax.reports import Reports, report_facts
from tests.convert.fax_pages import STANDARD, drawing, write_tiff
from tests.convert.fax_pages import fax as page_of
from tests.fax.workshop import Workshop, open_workshop


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Workshop]:
    async with open_workshop(tmp_path) as opened:
        yield opened


def reports_of(shop: Workshop) -> Reports:
    return Reports(shop.journal, lambda: shop.config, PageImages(lambda: shop.config))


async def sent(shop: Workshop, *, with_pages: bool = True) -> records.Fax:
    fax = await shop.add(state="sent", pages=1, pages_done=1, to_name="Dr. Gray", changed=1.8e9, attempts=1)
    attempt = records.Attempt(
        fax.id, 1, 1.8e9 - 60, 1.9e9, 1.8e9, "sent", "sent", 1, 14400, "+1 202", "audio"
    )
    await shop.journal.write(lambda connection: records.save_attempt(connection, attempt))
    if with_pages:
        shop.folders.sent_fax(fax.id).mkdir()
        write_tiff(shop.folders.fax_tiff(fax.id), [page_of(drawing(1728, 1146, seed=1), tags=STANDARD)])
    return fax


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[ReportFacts]:
    """What was drawn; it takes no WeasyPrint to see what is told."""
    done: list[ReportFacts] = []

    async def draw(facts: ReportFacts, destination: Path, *, tmp_dir: Path) -> None:
        assert tmp_dir.is_dir()
        done.append(facts)
        destination.write_bytes(b"%PDF-report")

    monkeypatch.setattr(reports, "draw_report", draw)
    return done


async def test_a_report_tells_what_the_journal_knows(shop: Workshop, drawn: list[ReportFacts]) -> None:
    fax = await sent(shop)
    made = await reports_of(shop).report(fax)
    assert made.path.read_bytes() == b"%PDF-report"
    (facts,) = drawn
    assert (facts.fax, facts.result, facts.to_name, facts.to_number) == (1, "sent", "Dr. Gray", "2025550100")
    assert (facts.from_name, facts.from_number) == ("ACME", "12025550154")
    assert facts.ended.timestamp() == 1.8e9
    assert facts.ended.utcoffset() is not None
    (attempt,) = facts.attempts
    assert (attempt.number, attempt.seconds, attempt.pages, attempt.bitrate) == (1, 60.0, 1, 14400)
    assert facts.first_page is not None
    assert facts.first_page.read_bytes().startswith(b"\x89PNG")


async def test_a_report_is_made_once_and_anew_when_it_says_something_else(
    shop: Workshop, drawn: list[ReportFacts]
) -> None:
    fax, made = await sent(shop), reports_of(shop)
    first = await made.report(fax)
    assert await made.report(fax) == first
    assert await reports_of(shop).report(fax) == first
    assert len(drawn) == 1
    other = await made.report(replace(fax, state="failed", reason="nobody answered"))
    assert other.path != first.path
    assert [facts.result for facts in drawn] == ["sent", "failed"]


async def test_without_pages_there_is_a_report_without_a_picture(
    shop: Workshop, drawn: list[ReportFacts], monkeypatch: pytest.MonkeyPatch
) -> None:
    await reports_of(shop).report(await sent(shop, with_pages=False))
    assert drawn[0].first_page is None

    async def broken(*_: object) -> None:
        raise ChildFailed("ImageMagick made nothing of it")

    monkeypatch.setattr(PageImages, "page", broken)
    await reports_of(shop).report(await sent(shop))
    assert drawn[1].first_page is None


def test_an_account_that_is_gone_has_its_name_left() -> None:
    fax = records.Fax(1, "out", "Gone", "failed", 1.0, 2.0, reason="busy")
    facts = report_facts(fax, [records.Attempt(1, 1, 1.0, 2.0)], None)
    assert (facts.from_name, facts.from_number, facts.attempts[0].seconds) == ("Gone", "", None)


async def test_the_report_itself_is_a_pdf_that_says_it(shop: Workshop) -> None:
    made = await reports_of(shop).report(await sent(shop))
    said = subprocess.run(
        ["pdftotext", "-layout", made.path, "-"], capture_output=True, text=True, check=True
    ).stdout
    assert "Sent" in said
    assert "2025550100" in said
    assert "Dr. Gray" in said
