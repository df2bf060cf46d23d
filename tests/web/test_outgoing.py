"""Programs hand in documents for one or several numbers with one request."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import pytest

from nexefax.fax.composition import read_composition
from tests.documents import pdf_bytes
from tests.web.client import Client, Reply
from tests.web.composing import Desk
from tests.web.office import problem

Field = tuple[str, str] | tuple[str, str, bytes]

PDF: Field = ("document", "scan.pdf", pdf_bytes())
TO: Field = ("to", "2025550100")


async def hand_in(client: Client, *fields: Field) -> Reply:
    """Post a form whose fields may be there several times; those with content are files."""
    boundary = secrets.token_hex(8)
    return await client.ask(
        "POST",
        "/api/faxes",
        form(boundary, fields),
        {"Content-Type": f"multipart/form-data; boundary={boundary}"},
    )


def form(boundary: str, fields: Sequence[Field]) -> bytes:
    body = b""
    for name, value, *content in fields:
        file = f'; filename="{value}"' if content else ""
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
        body += head.encode() + (content[0] if content else value.encode()) + b"\r\n"
    return body + f"--{boundary}--\r\n".encode()


async def test_documents_go_to_several_numbers_at_once(desk: Desk) -> None:
    reply = await hand_in(
        desk.bob.client,
        ("to", "Dr. Gray <+1 202 555 0100>"),
        ("to", '"Praxis" <2025550101>'),
        PDF,
        ("document", "note.txt", b"A note.\n"),
        ("subject", "Results"),
        ("resolution", "standard"),
    )
    assert reply.status == 201, reply.text
    first, second = reply.json["faxes"]
    assert (first["number"], first["name"], second["number"], second["name"]) == (
        "+12025550100", "Dr. Gray", "2025550101", "Praxis",
    )  # fmt: skip
    assert (first["document_name"], first["subject"]) == ("scan.pdf, note.txt", "Results")
    assert reply.json["batch"] == first["batch"] == second["batch"] != ""
    for fax in (first, second):
        rendered = await desk.rendered(fax["id"])
        assert (rendered.pages, rendered.resolution) == (2, "standard")
        assert await desk.files(fax["id"]) == ["document", "document-2", "fax.tiff"]
    assert desk.office.installation.leftovers() == []


async def test_a_plain_document_is_sent_as_the_page_does(still: Desk) -> None:
    (fax,) = (await hand_in(still.bob.client, TO, PDF)).json["faxes"]
    kept = await still.office.load(fax["id"])
    assert (kept.composition, kept.batch, kept.user) == ("", "", "bob.smith")


async def test_the_same_request_is_taken_once(still: Desk) -> None:
    fields = (TO, ("to", "2025550101"), PDF, ("request_id", "order-1"))
    first = await hand_in(still.bob.client, *fields)
    again = await hand_in(still.bob.client, *fields)
    assert (first.status, again.status) == (201, 200)
    assert again.json == first.json
    assert len(first.json["faxes"]) == 2
    carol = await still.composer("ACME", "carol")
    assert (await hand_in(carol.client, *fields)).status == 201
    assert len(list(still.office.folders.outgoing.iterdir())) == 4


async def test_it_can_wait_and_have_a_cover(still: Desk) -> None:
    reply = await hand_in(
        still.bob.client,
        TO,
        PDF,
        ("cover", "1"),
        ("send_at", "2020-01-01T00:00:00Z"),
        ("message", "As agreed"),
    )
    (fax,) = reply.json["faxes"]
    kept = await still.office.load(fax["id"])
    assert (read_composition(kept.composition).cover, kept.send_at, kept.message) == (True, None, "As agreed")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ([PDF], "to.0"),
        ([TO, ("to", "555-FAX"), PDF], "to.1"),
        ([("to", "x <2025550100\r\nApplication: System>"), PDF], "to.0"),
        ([TO], "document"),
        ([TO, ("document", "not a file")], "document"),
        ([TO, ("fax_file", "scan.pdf", b"%PDF-")], "document"),
        ([TO, PDF, ("document", "x", b"\x7fELF\x02\x01\x01\x00")], "document"),
        ([TO, PDF, ("cover", "perhaps")], "cover"),
        ([TO, PDF, ("resolution", "superfine")], "resolution"),
        ([TO, PDF, ("send_at", "tomorrow")], "send_at"),
        ([TO, PDF, ("send_at", "9999-01-01T00:00:00Z")], "send_at"),
        ([TO, PDF, ("subject", "x" * 201)], "subject"),
        ([TO, PDF, ("number", "1")], "number"),
    ],
)
async def test_what_makes_no_sense_is_refused(still: Desk, fields: list[Field], field: str) -> None:
    reply = await hand_in(still.bob.client, *fields)
    assert (reply.status, problem(reply).get("field")) == (400, field)
    assert still.office.installation.leftovers() == []
    assert list(still.office.folders.outgoing.iterdir()) == []


async def test_too_much_no_room_and_nobody_are_refused(still: Desk) -> None:
    reply = await hand_in(still.bob.client, TO, ("document", "scan.pdf", bytes(2 << 20)))
    assert (reply.status, problem(reply)["field"]) == (413, "document")
    assert (await hand_in(still.nobody(), TO, PDF)).status == 401
    general = still.general.replace("min_free_mb=0", "min_free_mb=10000000")
    still.office.installation.configure(general=general)
    assert (await hand_in(still.bob.client, TO, PDF)).status == 507
