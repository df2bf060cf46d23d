"""Faxes forwarded by mail through the API."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

import pytest

from nexefax.fax import mail_records
from nexefax.fax.mail_records import Mail
from tests.web.client import Client
from tests.web.office import IN, OUT, Office, do, problem


async def mails(office: Office, fax: int = 1) -> list[Mail]:
    return await office.journal.read(lambda connection: mail_records.mails_of(connection, fax))


def body(*to: object, note: object = None) -> bytes:
    return json.dumps({"to": [*to]} | ({} if note is None else {"note": note})).encode()


async def test_each_address_has_a_letter_of_its_own_and_the_timeline_a_line(office: Office) -> None:
    fax = await office.add(IN)
    reply = await do(
        office.bob,
        fax,
        "forward",
        body("gray@clinic.example", " lab@x.example", "gray@clinic.example", note="See\r\npage 2"),
    )
    assert (reply.status, reply.json["id"]) == (200, fax)
    found = await mails(office)
    assert [(mail.kind, mail.state, mail.address, mail.note, mail.user) for mail in found] == [
        ("forwarded", "waiting", "gray@clinic.example", "See\npage 2", "bob.smith"),
        ("forwarded", "waiting", "lab@x.example", "See\npage 2", "bob.smith"),
    ]
    assert len({mail.message_id for mail in found}) == 2
    assert (await office.timeline(fax))[-1] == "bob.smith forwards it to gray@clinic.example, lab@x.example"
    shown = (await office.bob.get(f"/api/faxes/{fax}")).json["mails"]
    assert [(mail["kind"], mail["address"], mail["user"]) for mail in shown] == [
        ("forwarded", "gray@clinic.example", "bob.smith"),
        ("forwarded", "lab@x.example", "bob.smith"),
    ]


async def test_forwarding_again_sends_again_but_a_double_click_does_not(office: Office) -> None:
    fax = await office.add(OUT)
    for _ in range(2):
        assert (await do(office.bob, fax, "forward", body("a@b.example"))).status == 200
    (first,) = await mails(office)
    accepted = replace(first, state="accepted", attempts=1)
    await office.journal.write(lambda connection: mail_records.save_mail(connection, accepted))
    assert (await do(office.bob, fax, "forward", body("a@b.example"))).status == 200
    assert (await do(office.bob, fax, "forward", body("a@b.example", note="other words"))).status == 200
    assert [mail.state for mail in await mails(office)] == ["accepted", "waiting", "waiting"]
    assert len(await office.timeline(fax)) == 3


async def test_what_is_forwarded_twice_under_one_key_is_mailed_once(office: Office) -> None:
    fax, other = await office.add(IN), await office.add(OUT)
    asked = json.dumps({"to": ["a@b.example", "c@d.example"], "request_id": "k1"}).encode()
    assert (await do(office.bob, fax, "forward", asked)).status == 200
    taken = [replace(mail, state="accepted", attempts=1) for mail in await mails(office, fax)]
    for mail in taken:
        await office.journal.write(partial(mail_records.save_mail, mail=mail))
    assert (await do(office.bob, fax, "forward", asked)).status == 200
    assert [mail.state for mail in await mails(office, fax)] == ["accepted", "accepted"]
    assert len(await office.timeline(fax)) == 1
    assert (await do(office.bob, other, "forward", asked)).status == 200
    assert len(await mails(office, other)) == 2
    assert (await do(office.bob, fax, "forward", asked.replace(b"k1", b"k2"))).status == 200
    assert len(await mails(office, fax)) == 4


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        (body(), "to"),
        (b"{}", "to"),
        (b'{"to": "a@b.example"}', "to"),
        (body(""), "to"),
        (body("a@b.example", 12), "to"),
        (body("a@b.example\r\nBcc: eve@x.example"), "to"),
        (body("a@b.example\nsubject: x"), "to"),
        (body("a@b.example, c@d.example"), "to"),
        (body("Dr. Gray <gray@x.example>"), "to"),
        (body("a b@c.example"), "to"),
        (body("a@b@c.example"), "to"),
        (body("a@\u202ec.example"), "to"),
        (body("@c.example"), "to"),
        (body("x" * 250 + "@c.example"), "to"),
        (body(*[f"{at}@c.example" for at in range(21)]), "to"),
        (body("a@b.example", note=7), "note"),
        (body("a@b.example", note="x" * 5001), "note"),
        (b'{"to": ["a@b.example"], "cc": []}', "cc"),
    ],
)
async def test_what_can_not_be_forwarded_to_gets_nothing(office: Office, sent: bytes, field: str) -> None:
    fax = await office.add(IN)
    reply = await do(office.bob, fax, "forward", sent)
    assert (reply.status, problem(reply)["field"]) == (400, field)
    assert await mails(office) == []


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"pages": None, "state": "converting"}, 409),
        ({"deleted_at": 1.9e9, "deleted_by": "bob.smith"}, 409),
        ({"files_deleted": 1.9e9}, 410),
        ({"account": "Quiet"}, 404),
    ],
)
async def test_a_fax_without_pages_of_ones_own_is_not_forwarded(
    office: Office, changes: dict[str, object], status: int
) -> None:
    fax = await office.add(replace(IN, **changes))  # type: ignore[arg-type]  # fields by name
    reply = await do(office.bob, fax, "forward", body("a@b.example"))
    assert reply.status == status
    problem(reply)
    assert await mails(office) == []


async def test_a_program_that_may_send_and_read_may_forward(office: Office) -> None:
    """Whoever it is forwarded to reads it: sending alone is not enough."""
    fax = await office.add(IN)
    program = Client(office.port)
    for scopes, status in ((["send", "read"], 200), (["send"], 403), (["read"], 403)):
        made = await office.bob.send("POST", "/api/tokens", {"name": "x", "scopes": scopes})
        header = f"Bearer {made.json['token']}"
        reply = await do(program, fax, "forward", body("a@b.example"), Authorization=header)
        assert reply.status == status
    assert [mail.address for mail in await mails(office)] == ["a@b.example"]
