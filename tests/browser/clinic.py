"""A clinic's front desk in the middle of the day: faxes in all states, with pages to look at."""

from __future__ import annotations

import functools
import io
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import replace

from PIL import Image, ImageChops, ImageDraw, ImageFont
from PIL.TiffImagePlugin import TiffImageFile

from nexefax.fax import mail_records, records
from nexefax.fax.folders import Folders
from nexefax.fax.records import Attempt, Fax
from tests.browser.pdf import small_pdf
from tests.convert.fax_pages import Page, write_tiff
from tests.convert.fax_pages import fax as fax_page

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
ACCOUNT, USER = "ACME", "bob.smith"
__all__ = ["fill", "incoming", "outgoing", "put_pages"]


def incoming(**fields: object) -> Fax:
    """A received fax, an hour ago."""
    now = time.time()
    fax = Fax(0, "in", ACCOUNT, "delivered", now - HOUR, now - HOUR, number="12025550123", pages=1)
    return replace(fax, **fields)  # type: ignore[arg-type]  # fields of Fax


def outgoing(**fields: object) -> Fax:
    """A fax that went out an hour ago."""
    now = time.time()
    fax = Fax(
        0, "out", ACCOUNT, "sent", now - HOUR, now - HOUR, number="12025550199", to_name="Dr. Gray", user=USER,
        subject="Lab results", document_name="lab.pdf", pages=2, pages_done=2, resolution="fine (204x196)",
        max_attempts=6,
    )  # fmt: skip
    return replace(fax, **fields)  # type: ignore[arg-type]  # fields of Fax


def _letter(page: int) -> Image.Image:
    image = Image.new("1", (1728, 2200), 1)
    draw = ImageDraw.Draw(image)
    text = ImageFont.load_default(38)
    draw.text((60, 24), f"24-NOV-2026 09:12     +1 202 555 0123     P.{page:03}", font=text, fill=0)
    draw.text((150, 120), "Referral", font=ImageFont.load_default(84), fill=0)
    draw.rectangle((150, 240, 1578, 248), fill=0)
    words = "Patient seen in clinic today; continues present medication."
    draw.text(
        (150, 330),
        "\n".join(words[: 60 - line * 7 % 30] for line in range(24)),
        font=text,
        spacing=26,
        fill=0,
    )
    draw.rectangle((150, 1960, 620, 2060), outline=0, width=5)
    draw.text((180, 1985), f"Page {page}", font=text, fill=0)
    return image


@functools.cache
def _page(number: int) -> Page:
    """Coded by libtiff, which is quick; there 1 is white, so the picture is turned over."""
    letter = _letter(number)
    coded = io.BytesIO()
    ImageChops.invert(letter.convert("L")).convert("1").save(
        coded, "TIFF", compression="group4", tiffinfo={278: letter.height}
    )
    coded.seek(0)
    with TiffImageFile(coded) as tiff:
        (start,), (length,) = tiff.tag_v2[273], tiff.tag_v2[279]
    return fax_page(letter, coded.getvalue()[start : start + length])


def put_pages(
    folders: Folders, fax: int, direction: str, pages: int, *, dots: tuple[int, int] = (204, 196)
) -> None:
    """Lay a TIFF of so many pages where the fax has its own; ``dots`` are those to the inch, across and down."""
    path = folders.received_tiff(fax) if direction == "in" else folders.fax_tiff(fax)
    path.parent.mkdir(parents=True, exist_ok=True)
    across, down = ((5, (number, 1)) for number in dots)
    drawn = (_page(page) for page in range(1, pages + 1))
    write_tiff(path, [replace(page, tags={**page.tags, 282: across, 283: down}) for page in drawn])
    if direction == "in":
        (path.parent / "fax.pdf").write_bytes(b"%PDF-1.4\n%%EOF\n")
    else:
        folders.document(fax).write_bytes(small_pdf("Referral"))


def _bulletin(now: float) -> Sequence[Fax]:
    """One document to six numbers."""
    ends = (
        ("Pharmacy on Main", "sent", ""),
        ("Dr. Abara", "sent", ""),
        ("Harbor Dental", "failed", "nobody answered"),
        ("Dr. Nguyen", "sent", ""),
        ("Lakeside Clinic", "ready", "the line was busy"),
        ("", "cancelled", "cancelled by bob.smith"),
    )
    return [
        outgoing(created=now - 4 * HOUR + at, changed=now - 3 * HOUR, batch="b1", subject="Flu clinic on Saturday",
                 document_name="bulletin.pdf", number=f"120255501{at:02}", to_name=name, state=state, reason=reason,
                 pages=1, pages_done=int(state == "sent"), attempts=int(state != "cancelled"),
                 next_try=now + 11 * MINUTE if state == "ready" else None)
        for at, (name, state, reason) in enumerate(ends)
    ]  # fmt: skip


def _day(now: float) -> Sequence[Fax]:
    """Oldest first."""
    return (
        *(incoming(created=now - 40 * DAY - at, changed=now - 40 * DAY, read_at=now, number=f"1202555{at:04}")
          for at in range(3)),
        incoming(created=now - DAY - 5 * HOUR, changed=now - DAY, read_at=now, caller_name="St. Mary Radiology",
                 number="13015550147", station="ST MARY RAD", pages=4),
        outgoing(created=now - DAY - 4 * HOUR, changed=now - DAY - 4 * HOUR, attempts=1, bitrate=14400,
                 station="GRAY MD", pages=2),
        outgoing(created=now - DAY - 3 * HOUR, changed=now - DAY, state="failed", reason="the number does not exist",
                 number="12025550000", to_name="", subject="Referral Ms. Doe", attempts=1, pages_done=0),
        incoming(created=now - DAY - 2 * HOUR, changed=now - DAY, read_at=now, number="493012345678", caller_name="",
                 station="+49 30 12345678", pages=1),
        *_bulletin(now),
        incoming(created=now - 3 * HOUR, changed=now - 3 * HOUR, read_at=now, number="12025550123",
                 caller_name="Dr. Gray", pages=12),
        incoming(created=now - 2 * HOUR, changed=now - 2 * HOUR, number="12025550123", caller_name="Dr. Gray", pages=2,
                 incomplete=True, notes=("The call ended before the last page was complete",)),
        incoming(created=now - 100 * MINUTE, changed=now - 100 * MINUTE, number="", station="", pages=3,
                 notes=("Page 2 has 14 damaged lines",)),
        incoming(created=now - 70 * MINUTE, changed=now - 70 * MINUTE, number="18005550188",
                 caller_name="Northside Laboratory", station="NORTHSIDE LAB", pages=5),
        outgoing(created=now - 65 * MINUTE, changed=now - HOUR, attempts=1, bitrate=33600, subject="Prescription 5521",
                 number="12025550177", to_name="Pharmacy on Main", pages=1, doubtful=True),
        outgoing(created=now - 50 * MINUTE, changed=now, state="ready", number="+442079460018",
                 to_name="Royal London Imaging", subject="Films for Mr. Hart", send_at=now + 18 * HOUR,
                 next_try=now + 18 * HOUR, pages=3, pages_done=None),
        outgoing(created=now - 30 * MINUTE, changed=now, state="ready", reason="the line was busy", attempts=1,
                 next_try=now + 4 * MINUTE, number="12025550142", to_name="", subject="Insurance form 88-A", pages=2,
                 pages_done=0),
        outgoing(created=now - 12 * MINUTE, changed=now, state="calling", attempts=2, number="12025550161",
                 to_name="County Hospital", subject="Discharge letter", pages=5, pages_done=1, station="COUNTY HOSP"),
        incoming(created=now - 9 * MINUTE, changed=now, number="18005550188", caller_name="Northside Laboratory",
                 station="NORTHSIDE LAB", pages=5),
        incoming(created=now - 6 * MINUTE, changed=now, state="undeliverable", number="12025550133",
                 caller_name="Riverside Pediatrics", reason="the mail server does not take it", pages=1),
        outgoing(created=now - MINUTE, changed=now, state="rendering", number="12025550150", to_name="Dr. Patel",
                 subject="Vaccination record", pages=None, pages_done=None),
    )  # fmt: skip


def _tell(connection: sqlite3.Connection, fax_id: int, fax: Fax) -> None:
    at, text = fax.created, "received" if fax.direction == "in" else f"accepted from {USER}"
    records.add_event(connection, fax_id, at, text)
    if fax.direction == "in":
        mail_records.add_mail(connection, fax_id, "received", f"<{fax_id}@clinic>", at + 4)
        return
    if fax.pages:
        records.add_event(connection, fax_id, at + 2, f"rendered: {fax.pages} pages, {fax.resolution}")
    for number in range(1, fax.attempts + 1):
        begun, last = at + 10 + (number - 1) * 5 * MINUTE, number == fax.attempts
        records.add_event(connection, fax_id, begun, f"attempt {number} begins")
        attempt = Attempt(fax_id, number, begun, begun + HOUR)
        if last and fax.state == "calling":
            records.save_attempt(connection, attempt)
            continue
        if last and fax.state == "sent":
            said = f"sent: {fax.pages} pages confirmed in attempt {number}"
            ended = replace(attempt, cause="sent", pages=fax.pages, bitrate=fax.bitrate or 14400, mode="T.38",
                            station=fax.station)  # fmt: skip
        else:
            sentence = fax.reason if last else "the line was busy"
            end = "failed" if fax.state == "failed" else "another try follows"
            said, ended = f"attempt {number}: {sentence}; {end}", replace(attempt, sentence=sentence)
        records.save_attempt(connection, replace(ended, ended=begun + 50))
        records.add_event(connection, fax_id, begun + 50, said)


def fill(connection: sqlite3.Connection, folders: Folders, *, pages: bool = True) -> dict[str, int]:
    """Put the day into the journal, and the pages on disk; the numbers of the faxes by name, or by number or state."""
    known: dict[str, int] = {}
    for fax in _day(time.time()):
        repeated = known.get("Northside Laboratory") if fax.direction == "in" and fax.pages == 5 else None
        fax_id = records.add_fax(connection, replace(fax, repeat_of=repeated))
        known[fax.to_name or fax.caller_name or fax.number or fax.state] = fax_id
        _tell(connection, fax_id, fax)
        if pages and fax.pages:
            put_pages(folders, fax_id, fax.direction, fax.pages)
    return known
