"""The files of faxes: who gets them, how, and the way there through the sign-in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nexefax.fax import records
from nexefax.fax.folders import Folders
from nexefax.store import Journal
from nexefax.web.fax_files import link_target
from tests.web.client import Client
from tests.web.ground import PASSWORD, Installation, htpasswd

PDF, TIFF = b"%PDF-1.7 0123456789", b"II*\0 a fax"
RECEIVED = records.Fax(
    id=0, direction="in", account="ACME", state="delivered", created=1.8e9, changed=1.8e9, number='1"; x="2/3'
)


@pytest.fixture
async def fax(journal: Journal, installation: Installation, tmp_path: Path) -> int:
    """A received fax of ACME, number 1, and one that ACME sent, number 2."""
    installation.configure(general=f"data_dir={tmp_path / 'data'}")
    folders = Folders(tmp_path / "data")
    folders.prepare()
    fax = await journal.write(lambda connection: records.add_fax(connection, RECEIVED))
    folders.received_fax(fax).mkdir()
    folders.received_pdf(fax).write_bytes(PDF)
    folders.received_tiff(fax).write_bytes(TIFF)
    sent = replace(RECEIVED, direction="out", state="sent", number="2025550100")
    other = await journal.write(lambda connection: records.add_fax(connection, sent))
    folders.sent_fax(other).mkdir()
    folders.fax_tiff(other).write_bytes(TIFF)
    return fax


async def test_a_pdf_is_shown_and_a_tiff_is_saved(fax: int, bob: Client) -> None:
    pdf = await bob.get(f"/faxes/{fax}/fax.pdf")
    assert (pdf.status, pdf.body, pdf.headers["Content-Type"]) == (200, PDF, "application/pdf")
    assert pdf.headers["Content-Disposition"].startswith('inline; filename="fax-1-x-2-3-')
    assert pdf.headers["Content-Disposition"].endswith('.pdf"')
    assert pdf.headers["Cache-Control"] == "no-store"
    assert "script-src" not in pdf.headers["Content-Security-Policy"]
    for number in (fax, 2):
        tiff = await bob.get(f"/faxes/{number}/fax.tiff")
        assert (tiff.status, tiff.body, tiff.headers["Content-Type"]) == (200, TIFF, "image/tiff")
        assert tiff.headers["Content-Disposition"].startswith("attachment; ")


async def test_ranges_and_head(fax: int, bob: Client) -> None:
    part = await bob.get(f"/faxes/{fax}/fax.pdf", Range="bytes=5-7")
    assert (part.status, part.body, part.headers["Content-Range"]) == (206, PDF[5:8], f"bytes 5-7/{len(PDF)}")
    head = await bob.ask("HEAD", f"/faxes/{fax}/fax.pdf", None, {})
    assert (head.status, head.headers["Content-Length"], head.body) == (200, str(len(PDF)), b"")


async def test_another_accounts_fax_is_not_there(
    fax: int, client: Client, installation: Installation
) -> None:
    htpasswd(installation.auth / "Quiet", "eve", PASSWORD)
    await client.post("/api/login", {"account": "Quiet", "user": "eve", "password": PASSWORD})
    foreign, unknown = await client.get(f"/faxes/{fax}/fax.pdf"), await client.get("/faxes/777/fax.pdf")
    assert (foreign.status, unknown.status) == (404, 404)
    assert foreign.text == unknown.text
    assert "Quiet has no such fax" in foreign.text
    assert "fax-1" not in str(foreign.headers)


@pytest.mark.parametrize(
    "path",
    [
        "/faxes/1/document", "/faxes/1/1.tiff", "/faxes/1/fax.png", "/faxes/01/fax.pdf", "/faxes/0/fax.pdf",
        "/faxes/-1/fax.pdf", "/faxes/x/fax.pdf", "/faxes/1%20/fax.pdf", "/faxes/%D9%A1/fax.pdf",
        "/faxes/9999999999999999/fax.pdf", "/faxes/2/fax.pdf",
    ],
)  # fmt: skip
async def test_nothing_else_is_there(fax: int, bob: Client, path: str) -> None:
    assert (await bob.get(path)).status == 404


async def test_deleted_for_its_age_is_gone_not_missing(fax: int, bob: Client, journal: Journal) -> None:
    deleted = replace(RECEIVED, id=fax, files_deleted=1.9e9)
    await journal.write(lambda connection: records.save_fax(connection, deleted))
    reply = await bob.get(f"/faxes/{fax}/fax.pdf")
    assert reply.status == 410
    assert "No longer kept" in reply.text
    assert "pages of fax 1 are no longer kept" in reply.text


async def test_the_sign_in_leads_back_to_the_fax(fax: int, client: Client) -> None:
    link = f"/faxes/{fax}/fax.pdf"
    sent_away = await client.get(link)
    assert (sent_away.status, sent_away.location) == (302, f"/login?next={link}")
    page = await client.get(sent_away.location or "")
    assert f'name="next" value="{link}"' in page.text
    form = {"account": "ACME", "user": "bob.smith", "next": link}
    wrong = await client.post("/api/login", {**form, "password": "no"}, Accept="text/html")
    assert wrong.status == 400
    assert f'name="next" value="{link}"' in wrong.text
    right = await client.post("/api/login", {**form, "password": PASSWORD}, Accept="text/html")
    assert (right.status, right.location) == (303, link)
    assert (await client.get(link)).body == PDF
    again = await client.get(f"/login?next={link}")
    assert (again.status, again.location) == (302, link)


FOREIGN = [
    "https://evil.example/", "//evil.example/faxes/1/fax.pdf", "/\\evil.example", "/faxes/1/fax.pdf\n",
    "/faxes/1/fax.pdf?x", "/faxes/1/../fax.pdf", "/logout", "javascript:alert(1)", "faxes/1/fax.pdf",
    "/faxes/1/faxxpdf", "/faxes/\u0661/fax.pdf", "",
]  # fmt: skip


@pytest.mark.parametrize("target", FOREIGN)
async def test_the_sign_in_leads_nowhere_else(client: Client, target: str) -> None:
    assert link_target(target) == ""
    form = {"account": "ACME", "user": "bob.smith", "password": PASSWORD, "next": target}
    reply = await client.post("/api/login", form, Accept="text/html")
    assert (reply.status, reply.location) == (303, "/send")


async def test_an_address_that_is_no_link_leads_to_the_plain_sign_in(client: Client, bob: Client) -> None:
    bob.cookie = ""
    assert (await client.get("/faxes/1/evil")).location == "/login"
    page = await client.get("/login?next=https://evil.example/")
    assert 'name="next" value=""' in page.text
