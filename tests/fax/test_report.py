"""Confirmation reports: all that a reader asks is on them, in words; hostile values are text."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from nexefax.errors import ChildMissing
from nexefax.fax.convert import page_png
from nexefax.fax.report import ReportAttempt, ReportFacts, draw_report
from tests.convert.fax_pages import drawing, fax, write_tiff

ZONE = timezone(timedelta(hours=1))
BEGUN = datetime(2026, 11, 25, 14, 4, 50, tzinfo=ZONE)


def call(number: int, sentence: str, **more: object) -> ReportAttempt:
    started = BEGUN + timedelta(minutes=15 * number)
    plain = ReportAttempt(number, started, 95.4, sentence, None, None, "", "")
    return replace(plain, **more)  # type: ignore[arg-type]  # by name


FACTS = ReportFacts(
    fax=1284,
    account="ACME",
    result="sent",
    reason="",
    from_name="Harbour Street Clinic",
    from_number="12025550154",
    to_name="Dr. Gray",
    to_number="12025550199",
    user="jane.harbour",
    subject="Referral",
    document_name="letter.pdf",
    handed_in=BEGUN,
    ended=BEGUN + timedelta(minutes=32),
    pages=5,
    pages_done=5,
    resolution="fine",
    bitrate=9600,
    station="CARDIOLOGY",
    doubtful=False,
    attempts=(
        call(1, "the line was busy", seconds=31.0),
        call(2, "every page was confirmed", pages=5, bitrate=14400, station="CARDIOLOGY", mode="T.38"),
    ),
    first_page=None,
)


async def written(facts: ReportFacts, folder: Path) -> str:
    """What is written on the report, as pdftotext reads it."""
    pdf = folder / "report.pdf"
    await draw_report(facts, pdf, tmp_dir=folder)
    argv = ["/usr/bin/pdftotext", str(pdf), "-"]
    return " ".join(subprocess.run(argv, capture_output=True, check=True, timeout=60).stdout.decode().split())


async def test_a_sent_fax_with_all_that_is_known(tmp_path: Path) -> None:
    said = await written(FACTS, tmp_path)
    for words in (
        "Sent All 5 pages were confirmed by the other machine.", "Dr. Gray", "12025550199 answered as CARDIOLOGY",
        "Harbour Street Clinic 12025550154 sent by jane.harbour", "Referral", "letter.pdf",
        "25 November 2026, 14:04:50 +01:00", "25 November 2026, 14:36:50 +01:00", "2 min 6 s", "9,600 bit/s", "fine",
        "1284", "25 Nov 2026, 14:19:50", "31 s", "The line was busy.", "1 min 35 s", "14,400 bit/s T.38",
        "Every page was confirmed.", "Answered as CARDIOLOGY", "ACME, fax 1284", "Page 1 of 1",
    ):  # fmt: skip
        assert words in said, words
    assert "may have arrived" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["report.pdf"]


async def test_a_fax_that_failed_without_a_call(tmp_path: Path) -> None:
    facts = replace(
        FACTS, result="failed", reason="The document has no pages.", pages=None, pages_done=None, attempts=(),
        bitrate=None, station="", to_name="", subject="", resolution="",
    )  # fmt: skip
    said = await written(facts, tmp_path)
    assert "Not sent The document has no pages. To 12025550199 From" in said
    assert "No call was made." in said
    assert not {"None", "Subject", "Resolution", "bit/s"} & set(said.split())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pages": 1}, "Its one page was confirmed by the other machine."),
        ({"pages": None}, "Every page was confirmed by the other machine."),
        ({"doubtful": True}, "it may have arrived twice."),
        (
            {"doubtful": True, "result": "failed", "reason": "nobody answered"},
            "it may have arrived all the same.",
        ),
        (
            {"result": "cancelled", "reason": "cancelled by bob", "pages_done": 2},
            "Cancelled Cancelled by bob.",
        ),
        ({"result": "failed", "pages_done": 2}, "2 of 5 confirmed"),
    ],
)
async def test_other_ends(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    assert words in await written(replace(FACTS, **changes), tmp_path)


async def test_many_calls_run_over_to_more_pages(tmp_path: Path) -> None:
    calls = tuple(call(number, f"call {number} was not answered") for number in range(1, 60))
    said = await written(replace(FACTS, attempts=calls), tmp_path)
    assert all(f"Call {number} was not answered." in said for number in range(1, 60))
    assert "Page 3 of " in said


async def test_values_are_text_and_reach_nothing(tmp_path: Path) -> None:
    hostile = '</style><script>x</script>{{fax}}"><img src="file:///etc/passwd">'
    names = (
        "account",
        "reason",
        "from_name",
        "to_name",
        "to_number",
        "user",
        "subject",
        "document_name",
        "station",
    )
    values: dict[str, Any] = dict.fromkeys(names, hostile)
    calls = (call(1, hostile, station=hostile),)
    facts = replace(FACTS, result="failed", attempts=calls, **values)
    said = "".join((await written(facts, tmp_path)).split())
    assert said.count("".join(hostile.split())) >= len(names)


def pictures(pdf: Path) -> list[str]:
    argv = ["/usr/bin/pdfimages", "-list", str(pdf)]
    return subprocess.run(argv, capture_output=True, check=True, timeout=60).stdout.decode().splitlines()[2:]


async def test_the_first_page_is_shown_as_it_was_dialled(tmp_path: Path) -> None:
    tiff = write_tiff(tmp_path / "fax.tif", [fax(drawing(1728, 2156))])
    png = tmp_path / "page.png"
    await page_png(tiff, 1, png, width=864, tmp_dir=tmp_path)
    assert "The first page as it was dialled" in await written(replace(FACTS, first_page=png), tmp_path)
    (found,) = pictures(tmp_path / "report.pdf")
    with Image.open(png) as picture:
        assert [int(word) for word in found.split()[3:5]] == list(picture.size)


@pytest.mark.parametrize("content", [None, b"no PNG", b"\x89PNG" + b"x" * (8 << 20)])
async def test_a_picture_that_cannot_be_had_is_left_out(tmp_path: Path, content: bytes | None) -> None:
    png = tmp_path / "page.png"
    if content is not None:
        png.write_bytes(content)
    said = await written(replace(FACTS, first_page=png), tmp_path)
    assert "All 5 pages were confirmed" in said
    assert "The first page" not in said
    assert pictures(tmp_path / "report.pdf") == []


async def test_without_weasyprint_the_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nexefax.process.PROGRAM_PATH", str(tmp_path))
    with pytest.raises(ChildMissing, match="install the package weasyprint"):
        await draw_report(FACTS, tmp_path / "report.pdf", tmp_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []
