"""A clinic's day at the fax machine: believable faxes in both directions, for pictures and for looking at pages."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import Browser

from nexefax.fax.convert.tiff import survey
from tests.api.ground import PASSWORD, Caller
from tests.daemon.conftest import House, open_house
from tests.daemon.scripted_asterisk import Answer, CallFile, nudge, outcome_line, sent, unanswered

ACCOUNT, USER = "Riverside", "maria"
SETTINGS = {
    "tx_number": "12025550154", "tx_name": "Riverside Family Clinic", "rx_email_to": "desk@riverside.example",
    "admins": USER, "cover": "yes", "tx_notify_success": "no",
}  # fmt: skip
_RUNNING, _BUSY, _SILENT = "12025550177", "12025550142", "12025550120"
_HOUR = 3600.0

_STYLE = """<style>
  @page { size: letter; margin: 18mm 20mm }
  body { font: 12pt/1.45 "DejaVu Serif", serif } h1 { font: bold 19pt "DejaVu Sans"; margin: 0 0 2pt }
  .from { font: 10pt "DejaVu Sans"; border-bottom: 2pt solid; padding-bottom: 6pt; margin-bottom: 16pt }
  table { border-collapse: collapse; width: 100% } td, th { border: 1pt solid; padding: 4pt 7pt; text-align: left }
  .next { break-before: page }
</style>"""


def letter(sender: str, title: str, *pages: str) -> str:
    """A document as HTML; each of ``pages`` begins a new one."""
    head = (
        f'<p class="from"><b>{sender}</b><br>Phone +1 202 555 0100 · Fax +1 202 555 0199</p><h1>{title}</h1>'
    )
    return _STYLE + head + '<div class="next"></div>'.join(pages)


_RESULTS = "<table><tr><th>Test<th>Result<th>Unit<th>Range</tr>" + "".join(
    f"<tr><td>{name}<td>{value}<td>{unit}<td>{usual}</tr>"
    for name, value, unit, usual in (
        ("Haemoglobin", "13.9", "g/dl", "12.0–15.5"), ("Leucocytes", "6.4", "/nl", "4.0–10.0"),
        ("Platelets", "248", "/nl", "150–400"), ("Creatinine", "0.8", "mg/dl", "0.5–1.1"),
        ("TSH", "2.31", "mU/l", "0.40–4.00"), ("Ferritin", "41", "µg/l", "15–150"),
        ("C-reactive protein", "1.2", "mg/l", "below 5.0"), ("Glucose, fasting", "92", "mg/dl", "70–99"),
    )
) + "</table>"  # fmt: skip
_PROSE = (
    "<p>Dear colleague,</p><p>thank you for referring this patient, who was seen in our clinic on Monday. The symptoms "
    "have been stable over the past four weeks, and the examination was without findings. We suggest to go on with the "
    "treatment as it is and to repeat the laboratory tests in three months.</p><p>Please let us know if anything "
    "changes before that. A copy of the report is on the following page.</p><p>With kind regards</p>"
)
DOCUMENTS = {
    "lab": letter("Gray Laboratories", "Laboratory report", _RESULTS, "<h1>Remarks</h1>" + _PROSE),
    "referral": letter("Dr. Amelia Stone, Cardiology", "Referral", _PROSE),
    "refill": letter("Northgate Pharmacy", "Refill request", "<p>Please confirm:</p>" + _RESULTS),
    "discharge": letter("Mercy Hospital", "Discharge summary", _PROSE, _RESULTS, _PROSE),
    "insurance": letter("Northwind Health Insurance", "Authorization 2026-4711", _PROSE),
}


@dataclass
class Clinic:
    """The house, signed in to."""

    house: House
    maria: Caller
    documents: dict[str, Path]
    ages: dict[int, float] = field(default_factory=dict)  # hours ago, by fax
    over: threading.Event = field(default_factory=threading.Event)

    def receive(self, document: str, hours: float, **said: object) -> None:
        """A fax that came in some hours ago."""
        number = len(self.ages) + 1
        name = f"nexefax-{ACCOUNT}-20261122-200{number:03}-{said.get('caller', '')}-1700000000.{number}.tiff"
        told = {"account": ACCOUNT, "status": "SUCCESS", "rate": 14400, "resolution": "204x196", "mode": "T.38",
                "uniqueid": f"1700000000.{number}"} | said  # fmt: skip
        self.house.receive(
            self.documents[f"{document}.tiff"].read_bytes(), name, outcome_line("received", told)
        )
        nudge(self.house.nexefax.port_fagi, "received", name)
        self.house.wait_for_state(number, "delivered")
        self.ages[number] = hours

    def send(self, document: str, hours: float, to: str, subject: str, state: str) -> int:
        """A fax that was sent some hours ago; ``to`` is `Name <number>`."""
        name, _, number = to.rstrip(">").partition(" <")
        draft = self.maria.done("POST", "/api/drafts", {})["id"]
        self.add(draft, document, f"{subject}.pdf")
        self.maria.done(
            "PATCH",
            f"/api/drafts/{draft}",
            {"recipients": [{"number": number, "name": name}], "subject": subject, "cover": False},
        )
        fax: int = self.maria.done("POST", f"/api/drafts/{draft}/send", {})["faxes"][0]["id"]
        self.house.wait_for_state(fax, state)
        self.ages[fax] = hours
        return fax

    def add(self, draft: str, document: str, name: str) -> None:
        """Put a document into a draft."""
        content = self.documents[f"{document}.pdf"].read_bytes()
        reply = self.maria.ask(
            "POST", f"/api/drafts/{draft}/documents?name={name.replace(' ', '%20')}", content
        )
        assert reply.status == 201, reply.body

    def grow_old(self) -> None:
        """Let the faxes be as old as was said; the daemon must not run."""
        tables = {"fax": ("id", "created", "changed"), "event": ("fax", "at"), "attempt": ("fax", "started", "ended"),
                  "mail": ("fax", "created", "changed")}  # fmt: skip
        with closing(sqlite3.connect(self.house.nexefax.data_dir / "journal.sqlite3")) as journal, journal:
            for fax, hours in self.ages.items():
                for table, (key, *columns) in tables.items():
                    for column in columns:
                        journal.execute(
                            f"UPDATE {table} SET {column} = {column} - ? WHERE {key} = ?",
                            (hours * _HOUR, fax),
                        )


async def make_documents(browser: Browser, folder: Path) -> dict[str, Path]:
    """Each document as PDF and as a fax's TIFF, by file name."""
    page = await browser.new_page()
    made: dict[str, Path] = {}
    for name, html in DOCUMENTS.items():
        pdf, tiff = folder / f"{name}.pdf", folder / f"{name}.tiff"
        await page.set_content(html)
        await page.pdf(path=pdf, prefer_css_page_size=True)
        subprocess.run(
            ["gs", "-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", "-sDEVICE=tiffg4", "-r204x196", "-g1728x2156",
             "-dFIXEDMEDIA", "-dPDFFitPage", f"-sOutputFile={tiff}", pdf],
            check=True,
        )  # fmt: skip
        made |= {pdf.name: pdf, tiff.name: tiff}
    await page.close()
    return made


@contextmanager
def open_clinic(folder: Path, documents: dict[str, Path]) -> Iterator[Clinic]:
    """The clinic at noon: faxes of the last days in every state; one is on the line until the end."""
    over = threading.Event()

    def behave(call: CallFile) -> Answer:
        channel = call.keys["Channel"]
        if _BUSY in channel:
            return unanswered(5, 17)
        if _SILENT in channel:
            return unanswered(3, 19)
        if _RUNNING in channel:
            return Answer(None, hold=over)
        return sent(len(survey(Path(call.variables["FAXFILE"])).pages))

    general = {"tx_retry_time": "900", "tx_max_retries": "5"}
    with open_house(folder, {ACCOUNT: SETTINGS}, behave=behave, general=general) as house:
        for user in (USER, "tom"):
            house.nexefax.add_user(ACCOUNT, user, PASSWORD)
        clinic = Clinic(house, sign_in(house), documents, over=over)
        try:
            yield clinic
        finally:
            over.set()


def sign_in(house: House) -> Caller:
    """Maria's session."""
    session = house.sign_in(ACCOUNT, USER, PASSWORD).session
    return Caller(USER, house.nexefax.port_http, {"Cookie": f"nexefax-session={session}"})


def live_a_day(clinic: Clinic) -> None:
    """Receive and send what there was in the last days; the running call comes last."""
    clinic.receive(
        "discharge", 74, caller="12025550161", name="Mercy Hospital", pages=3, station="+1 202 555 0161"
    )
    clinic.receive(
        "insurance", 49, caller="18005550139", name="Northwind Health", pages=1, station="NORTHWIND"
    )
    clinic.receive("referral", 26, caller="12025550188", name="Dr. Stone", pages=1, station="+1 202 555 0188")
    clinic.receive("refill", 3.2, caller="12025550173", name="Northgate Pharmacy", pages=1, station="NORTHGATE RX",
                   status="FAILED", error="HANGUP", statusstr="The call dropped prematurely")  # fmt: skip
    clinic.receive(
        "lab", 0.4, caller="12025550199", name="Gray Laboratories", pages=2, station="+1 202 555 0199"
    )
    for fax in (1, 2, 3):
        clinic.maria.done("POST", f"/api/faxes/{fax}/read")
    clinic.send("referral", 50, "Mercy Hospital <12025550161>", "Referral J. Doe", "sent")
    clinic.send("lab", 27, "Dr. Stone <12025550188>", "Lab results J. Doe", "sent")
    clinic.send("insurance", 2.0, "Northwind Health <18005550139>", "Authorization 2026-4711", "sent")
    cancelled = clinic.send("refill", 1.5, "Northgate Pharmacy <12025550142>", "Refill", "ready")
    clinic.maria.done("POST", f"/api/faxes/{cancelled}/cancel")
    clinic.send("discharge", 0.3, "Lakeside Rehab <12025550142>", "Discharge summary", "ready")
    clinic.house.nexefax.stop()
    clinic.grow_old()
    clinic.house.nexefax.start()
    clinic.maria = sign_in(clinic.house)
    clinic.send("lab", 0, "Dr. Amelia Stone <12025550177>", "Lab results A. Miller", "calling")


def begin_draft(clinic: Clinic) -> str:
    """A fax that is being written: two documents, two recipients, a cover."""
    draft = clinic.maria.done("POST", "/api/drafts", {})["id"]
    clinic.add(draft, "referral", "Referral A. Miller.pdf")
    clinic.add(draft, "lab", "Lab report.pdf")
    change = {
        "recipients": [
            {"number": "+1 202 555 0188", "name": "Dr. Amelia Stone"},
            {"number": "+1 202 555 0161", "name": "Mercy Hospital"},
        ],
        "subject": "Referral A. Miller",
        "message": "Please see the attached referral and the laboratory report.\nThank you!",
        "cover": True,
    }
    clinic.maria.done("PATCH", f"/api/drafts/{draft}", change)
    deadline = time.monotonic() + 60
    while clinic.maria.done("GET", f"/api/drafts/{draft}")["busy"]:
        assert time.monotonic() < deadline, json.dumps(clinic.maria.done("GET", f"/api/drafts/{draft}"))
        time.sleep(0.2)
    return str(draft)
