"""A fax becomes a draft again: to be sent to somebody else."""

from __future__ import annotations

from dataclasses import replace

from tests.documents import pdf_bytes
from tests.web.composing import Composer, Desk
from tests.web.office import IN, OUT, problem
from tests.web.test_drafts import TO_GRAY, same


async def begin_from(composer: Composer, fax_id: int) -> str:
    reply = await composer.ask("POST", "", {"from_fax": fax_id})
    assert reply.status == 201, reply.text
    draft: str = reply.json["id"]
    assert reply.headers["Location"] == f"/api/drafts/{draft}"
    return draft


async def test_what_was_sent_begins_as_it_was_composed(desk: Desk) -> None:
    draft = await desk.bob.begin(
        recipients=TO_GRAY, subject="Results", message="As agreed", resolution="standard"
    )
    await desk.bob.add(draft, pdf_bytes(2))
    await desk.bob.add(draft, b"A note.\n", "note.txt")
    await desk.bob.change(draft, order=[2, 1], pages={"1.1": {"left_out": True}, "1.2": {"turn": 2}})
    await desk.bob.wait(draft)
    (fax,) = await desk.bob.send(draft)
    await desk.rendered(fax["id"])
    again = await begin_from(desk.bob, fax["id"])
    seen = await desk.bob.wait(again)
    assert (seen["subject"], seen["message"], seen["resolution"], seen["recipients"]) == (
        "Results", "As agreed", "standard", [],
    )  # fmt: skip
    assert [document["name"] for document in seen["documents"]] == ["note.txt", "scan.pdf"]
    assert [(page["key"], page["turn"], page["left_out"]) for page in seen["pages"]] == [
        ("1.1", 0, False), ("2.1", 0, True), ("2.2", 2, False),
    ]  # fmt: skip
    shown = [await desk.bob.pixels(page) for page in seen["pages"] if not page["left_out"]]
    assert [same(*pair) for pair in zip(shown, desk.pages(fax["id"]), strict=True)] == [True, True]


async def test_what_came_in_can_be_sent_on(desk: Desk) -> None:
    fax_id = await desk.office.add(IN)
    sent = await desk.bob.begin(recipients=TO_GRAY)
    await desk.bob.add(sent, pdf_bytes())
    (other,) = await desk.bob.send(sent)
    await desk.rendered(other["id"])
    folder = desk.office.folders.received_fax(fax_id)
    folder.mkdir()
    (folder / "fax.tiff").write_bytes((desk.folder(other["id"]) / "fax.tiff").read_bytes())
    seen = await desk.bob.wait(await begin_from(desk.bob, fax_id))
    assert seen["documents"][0]["name"] == f"Fax {fax_id}.tiff"
    (page,) = seen["pages"]
    assert same(await desk.bob.pixels(page), desk.pages(other["id"])[0])


async def test_what_is_not_there_or_not_theirs_makes_no_draft(still: Desk) -> None:
    theirs = await still.office.add(replace(OUT, account="Quiet"))
    deleted = await still.office.add(replace(OUT, files_deleted=1.0))
    lost = await still.office.add(OUT)
    odd = await still.office.add(replace(OUT, composition='{"parts": [{"file": "../../../etc/passwd"}]}'))
    for fax_id, status in (
        (theirs, 404),
        (99, 404),
        (-1, 404),
        (10**15, 404),
        (deleted, 410),
        (lost, 409),
        (odd, 409),
    ):
        reply = await still.bob.ask("POST", "", {"from_fax": fax_id})
        assert (reply.status, problem(reply)["status"]) == (status, status), fax_id
    assert (await still.bob.ask("POST", "", {"from_fax": "12"})).status == 400
    assert list(still.office.folders.drafts.iterdir()) == []
