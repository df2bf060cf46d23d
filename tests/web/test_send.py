"""Sending: from a form to the fax worker's tray, and every way in which that can fail."""

from __future__ import annotations

import asyncio
import errno
import http.client
import json

import pytest

from nexefax.errors import JournalError
from tests.web.client import BOUNDARY, Client, multipart
from tests.web.ground import PASSWORD, Installation, Tray, htpasswd

PDF = b"%PDF-1.7\n" + bytes(range(256)) * 40
FORM = {"fax_to": "+1 (202) 555-0199", "subject": "Offer", "message": "Hello\r\nthere"}
FILE = {"fax_file": ("Offer 4711.pdf", PDF)}


async def test_a_document_reaches_the_tray_whole(bob: Client, tray: Tray, installation: Installation) -> None:
    reply = await bob.post_multipart("/api/send", FORM, FILE)
    assert (reply.status, reply.json) == (200, {"result": "ok", "data": "Sent!", "fax": 12})
    (taken,) = tray.taken
    assert taken.document == PDF
    submission = taken.submission
    assert (submission.account.id, submission.user) == ("ACME", "bob.smith")
    assert (submission.number, submission.subject, submission.message) == (
        FORM["fax_to"],
        "Offer",
        "Hello\nthere",
    )
    assert (submission.document_name, submission.request_id) == ("Offer 4711.pdf", "")
    assert installation.leftovers() == []


async def test_what_is_sent_twice_under_one_key_is_one_fax(
    bob: Client, tray: Tray, installation: Installation
) -> None:
    replies = [await bob.post_multipart("/api/send", FORM | {"request_id": "key-1"}, FILE) for _ in range(2)]
    assert [reply.json["fax"] for reply in replies] == [12, 12]
    assert (await bob.post_multipart("/api/send", FORM | {"request_id": "key-2"}, FILE)).json["fax"] == 13
    htpasswd(installation.auth / "ACME", "jane", PASSWORD)
    await bob.post("/api/login", {"account": "acme", "user": "jane", "password": PASSWORD})
    reply = await bob.post_multipart("/api/send", FORM | {"request_id": "key-1"}, FILE)
    assert reply.json["fax"] == 14, "another user's key is another key"


async def test_signed_out_leads_to_the_sign_in_and_keeps_nothing(
    client: Client, tray: Tray, installation: Installation
) -> None:
    reply = await client.post_multipart("/api/send", FORM, FILE)
    assert (reply.status, reply.location) == (302, "/login")
    assert tray.taken == []
    assert installation.leftovers() == []


@pytest.mark.parametrize(
    ("form", "files", "field", "sentence"),
    [
        (FORM | {"fax_to": ""}, FILE, "fax_to", "Enter the fax number to send to."),
        (FORM | {"fax_to": " "}, FILE, "fax_to", "Enter the fax number to send to."),
        (FORM | {"fax_to": "1555CALLME"}, FILE, "fax_to", "A fax number has digits only"),
        (FORM | {"fax_to": "1\nApplication: System"}, FILE, "fax_to", "A fax number has digits only"),
        (FORM, {}, "fax_file", "Choose the document to fax."),
        (FORM, {"fax_file": ("", b"")}, "fax_file", "Choose the document to fax."),
        (FORM, {"other": ("x.pdf", PDF)}, "fax_file", "Choose the document to fax."),
        (FORM, {"fax_file": ("notes.pdf", b"only text")}, "fax_file", "This is not a PDF."),
        (FORM | {"subject": "x" * 201}, FILE, "subject", "The subject has 201 characters"),
        (FORM | {"message": "x" * 5001}, FILE, "message", "The message has 5001 characters"),
        (FORM | {"request_id": "a b"}, FILE, None, "request_id may have"),
    ],
)
async def test_what_cannot_be_faxed_gets_a_sentence_and_its_field(
    bob: Client,
    tray: Tray,
    installation: Installation,
    form: dict[str, str],
    files: dict[str, tuple[str, bytes]],
    field: str | None,
    sentence: str,
) -> None:
    reply = await bob.post_multipart("/api/send", form, files)
    assert (reply.status, reply.json["result"]) == (400, "error")
    assert reply.json["error"].startswith(sentence)
    assert reply.json.get("field") == field
    assert tray.taken == []
    assert installation.leftovers() == []


async def test_one_document_at_a_time(bob: Client, installation: Installation) -> None:
    two = multipart(FORM, FILE).removesuffix(b"--\r\n") + b"\r\n" + multipart({}, FILE).split(b"\r\n", 1)[1]
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    reply = await bob.ask("POST", "/api/send", two, {"Content-Type": kind})
    assert (reply.status, reply.json["error"]) == (400, "Send one document at a time.")
    assert installation.leftovers() == []


async def test_a_form_without_a_file_may_come_urlencoded(bob: Client) -> None:
    reply = await bob.post("/api/send", FORM)
    assert (reply.status, reply.json["field"]) == (400, "fax_file")


@pytest.mark.parametrize(
    "body",
    [b"", b"no form at all", multipart(FORM, FILE)[:-40], b"--" + BOUNDARY.encode() + b"\r\n\r\n"],
)
async def test_a_broken_form_is_an_error_in_json(
    bob: Client, installation: Installation, body: bytes
) -> None:
    reply = await bob.ask(
        "POST", "/api/send", body, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    )
    assert (reply.status, reply.json["result"]) == (400, "error")
    assert installation.leftovers() == []


async def test_the_largest_document_passes_and_one_byte_more_does_not(
    bob: Client, tray: Tray, installation: Installation
) -> None:
    largest = PDF.ljust(1 << 20, b"x")
    assert (await bob.post_multipart("/api/send", FORM, {"fax_file": ("a.pdf", largest)})).status == 200
    assert tray.taken[0].document == largest
    reply = await bob.post_multipart("/api/send", FORM, {"fax_file": ("a.pdf", largest + b"x")})
    assert (reply.status, reply.json) == (
        413,
        {
            "result": "error",
            "error": "The document is too large: at most 1 MB can be sent.",
            "field": "fax_file",
        },
    )
    assert installation.leftovers() == []


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_a_much_too_large_document_gets_its_sentence_too(
    bob: Client, installation: Installation, framing: str
) -> None:
    def ask() -> tuple[int, bytes]:
        body = multipart(FORM, {"fax_file": ("a.pdf", b"%PDF-" + b"x" * (1 << 21))})
        connection = http.client.HTTPConnection("127.0.0.1", bob.port, timeout=30)
        headers = {
            "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
            "Cookie": f"nexefax-session={bob.cookie}",
        }
        pieces = [body[start : start + 65536] for start in range(0, len(body), 65536)]
        try:
            if framing == "length":
                connection.request("POST", "/api/send", body, headers)
            else:
                connection.request("POST", "/api/send", iter(pieces), headers, encode_chunked=True)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    status, body = await asyncio.to_thread(ask)
    assert status == 413
    assert json.loads(body)["field"] == "fax_file"
    assert installation.leftovers() == []


FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("failure", "status", "words"),
    [
        (JournalError("the journal is damaged"), 503, "could not be stored"),
        (OSError(errno.EIO, "Input/output error"), 503, "could not be stored"),
        (FULL, 507, "disk is full"),
    ],
)
async def test_what_could_not_be_kept_is_not_taken(
    bob: Client, tray: Tray, installation: Installation, caplog: pytest.LogCaptureFixture,
    failure: Exception, status: int, words: str,
) -> None:  # fmt: skip
    tray.failure = failure
    reply = await bob.post_multipart("/api/send", FORM, FILE)
    assert reply.status == status
    assert words in reply.json["error"]
    assert ("Retry-After" in reply.headers) == (status == 503)
    assert str(failure) in caplog.text
    assert installation.leftovers() == []


async def test_an_error_of_ours_is_500_and_leaves_nothing(
    bob: Client, tray: Tray, installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    tray.failure = RuntimeError("a mistake")
    reply = await bob.post_multipart("/api/send", FORM, FILE)
    assert (reply.status, reply.json["result"]) == (500, "error")
    assert "a mistake" not in reply.text
    assert "a mistake" in caplog.text
    assert installation.leftovers() == []


async def test_a_missing_scratch_folder_is_told_to_the_administrator(
    bob: Client, installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    installation.tmp.rmdir()
    reply = await bob.post_multipart("/api/send", FORM, FILE)
    assert (reply.status, "could not be stored" in reply.json["error"]) == (503, True)
    assert str(installation.tmp) in caplog.text


async def test_a_browser_without_javascript_sends_and_keeps_what_it_wrote_on_errors(
    bob: Client, tray: Tray
) -> None:
    page = await bob.post_multipart("/api/send", FORM | {"fax_to": "<none>"}, FILE, Accept="text/html")
    assert page.status == 400
    assert 'value="&lt;none&gt;"' in page.text
    assert ">Hello\r\nthere</textarea>" in page.text
    assert "can&#x27;t be dialled" in page.text
    page = await bob.post_multipart("/api/send", FORM, FILE, Accept="text/html")
    assert page.status == 200
    assert "Queued as fax #12" in page.text
    assert "Offer 4711.pdf" in page.text
    assert len(tray.taken) == 1


async def test_every_page_has_its_own_key(bob: Client) -> None:
    def key(page: str) -> str:
        return page.split('id="request_id" value="')[1].split('"', maxsplit=1)[0]

    first, second = [key((await bob.get("/send")).text) for _ in range(2)]
    assert len(first) == 32
    assert first != second


@pytest.mark.parametrize("accept", ["", "text/html"])
async def test_without_room_a_document_is_refused_before_it_is_read(
    bob: Client, tray: Tray, installation: Installation, caplog: pytest.LogCaptureFixture, accept: str
) -> None:
    installation.configure(general="min_free_mb=10000000")
    stated = {"Content-Length": "1000000", "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    headers = stated | {"Cookie": f"nexefax-session={bob.cookie}", "Accept": accept, "Expect": "100-continue"}

    def ask() -> tuple[int, str]:
        connection = bob.connect()
        try:
            connection.putrequest("POST", "/api/send", skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders()  # and not a byte of the body
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    status, body = await asyncio.to_thread(ask)
    assert status == 507
    assert "disk is full" in body
    assert body.startswith("{") != bool(accept)
    assert tray.taken == []
    assert "min_free_mb" in caplog.text
    installation.configure()
    assert (await bob.post_multipart("/api/send", FORM, FILE)).status == 200
