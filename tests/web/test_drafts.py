"""Composing and sending faxes through the API, with documents that are really rendered."""

from __future__ import annotations

import asyncio
import io
import time
from datetime import UTC, datetime

import pytest
from PIL import Image, ImageChops

from nexefax.errors import ChildFailed
from nexefax.fax import convert, drawing
from nexefax.fax import desk as desk_module
from nexefax.fax import drafts as drafts_module
from tests.documents import pdf_bytes
from tests.web.composing import Composer, Desk
from tests.web.office import problem

TO_GRAY = [{"number": "202 555 0100", "name": "Dr. Gray"}]


def same(one: Image.Image, other: Image.Image) -> bool:
    return one.size == other.size and ImageChops.difference(one, other).getbbox() is None


async def test_what_is_previewed_is_what_is_faxed(desk: Desk) -> None:
    draft = await desk.bob.begin(recipients=TO_GRAY)
    first = await desk.bob.add(draft, pdf_bytes(3))
    assert first.status == 201, first.text
    await desk.bob.add(draft, b"A note.\n", "note.txt")
    await desk.bob.change(
        draft, order=[2, 1], pages={"1.2": {"left_out": True}, "1.3": {"turn": 1, "tone": "photo"}}
    )
    seen = await desk.bob.wait(draft)
    assert [(page["key"], page["ready"], page["left_out"]) for page in seen["pages"]] == [
        ("2.1", True, False), ("1.1", True, False), ("1.2", True, True), ("1.3", True, False),
    ]  # fmt: skip
    assert (seen["page_count"], seen["documents"][1]["state"], seen["documents"][1]["pages"]) == (
        3,
        "ready",
        3,
    )
    assert seen["seconds"] == pytest.approx(
        sum(page["seconds"] for page in seen["pages"] if not page["left_out"]), abs=0.2
    )
    shown = [await desk.bob.pixels(page) for page in seen["pages"] if not page["left_out"]]
    (fax,) = await desk.bob.send(draft)
    assert (fax["number"], fax["name"], fax["document_name"]) == (
        "2025550100",
        "Dr. Gray",
        "note.txt, scan.pdf",
    )
    rendered = await desk.rendered(fax["id"])
    assert (rendered.pages, rendered.resolution) == (3, "fine")
    dialled = desk.pages(fax["id"])
    assert [same(*pair) for pair in zip(shown, dialled, strict=True)] == [True, True, True]
    assert await desk.files(fax["id"]) == ["document", "document-2", "fax.tiff"]
    assert not list(desk.office.folders.drafts.iterdir())


async def test_each_recipient_gets_a_fax_and_nothing_is_drawn_twice(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []
    render = convert.render

    async def counted(*arguments: object, **more: object) -> object:
        drawn.append(arguments[0])
        return await render(*arguments, **more)  # type: ignore[arg-type]  # handed through

    monkeypatch.setattr(drawing, "render", counted)
    numbers = ["2025550101", "", "+1 202 555 0102", "2025550103"]
    draft = await desk.bob.begin(recipients=[{"number": number} for number in numbers], subject="Results")
    await desk.bob.add(draft, pdf_bytes(2))
    await desk.bob.change(draft, pages={"1.1": {"turn": 2}})
    faxes = await desk.bob.send(draft)  # before anything is drawn, perhaps
    assert [fax["number"] for fax in faxes] == ["2025550101", "+12025550102", "2025550103"]
    assert len({fax["batch"] for fax in faxes}) == 1
    assert faxes[0]["batch"]
    for fax in faxes:
        await desk.rendered(fax["id"])
        assert await desk.files(fax["id"]) == ["document", "fax.tiff"]
    first, *others = [desk.pages(fax["id"]) for fax in faxes]
    assert all(same(*pair) for other in others for pair in zip(first, other, strict=True))
    made_for_faxes = [path for path in drawn if "drafts" not in path.parts]  # type: ignore[attr-defined]
    assert len(made_for_faxes) <= 2  # all pages once, and the turned one


async def test_sent_twice_at_once_is_sent_once(desk: Desk) -> None:
    draft = await desk.bob.begin(recipients=TO_GRAY)
    await desk.bob.add(draft, pdf_bytes())
    replies = await asyncio.gather(*(desk.bob.ask("POST", f"/{draft}/send", {}) for _ in range(5)))
    assert sorted(reply.status for reply in replies) == [200, 200, 200, 200, 201]
    assert {tuple(fax["id"] for fax in reply.json["faxes"]) for reply in replies} == {(1,)}
    seen = await desk.bob.look(draft)
    assert [fax["id"] for fax in seen["sent"]["faxes"]] == [1]
    assert (seen["busy"], seen["pages"], seen["documents"]) == (False, [], [])
    for reply in (
        await desk.bob.ask("PATCH", f"/{draft}", {"subject": "late"}),
        await desk.bob.add(draft, pdf_bytes()),
        await desk.bob.ask("DELETE", f"/{draft}/documents/1"),
    ):
        assert (reply.status, "sent already" in problem(reply)["detail"]) == (409, True)
    assert (await desk.bob.ask("GET", "")).json == {"drafts": []}


async def test_a_draft_with_other_documents_than_were_seen_is_not_sent(desk: Desk) -> None:
    draft = await desk.bob.begin(recipients=TO_GRAY)
    for _ in range(2):
        await desk.bob.add(draft, pdf_bytes())
    for seen in ([], [1], [2, 1], [1, 2, 3]):
        refused = await desk.bob.ask("POST", f"/{draft}/send", {"documents": seen})
        assert (refused.status, problem(refused)["field"]) == (400, "documents")
    for odd in (["1"], [True], 1):
        assert (await desk.bob.ask("POST", f"/{draft}/send", {"documents": odd})).status == 400
    await desk.bob.change(draft, order=[2, 1])
    sent = await desk.bob.ask("POST", f"/{draft}/send", {"documents": [2, 1]})
    again = await desk.bob.ask(
        "POST", f"/{draft}/send", {"documents": [7]}
    )  # it is only asked what became of it
    assert (sent.status, again.status, again.json) == (201, 200, sent.json)


async def test_numbers_are_kept_as_typed_with_what_is_wrong_with_them(desk: Desk) -> None:
    draft = await desk.bob.begin(
        recipients=[{"number": "(202) 555-0100"}, {"number": "555-FAX", "name": "Gray"}]
    )
    await desk.bob.add(draft, pdf_bytes())
    good, bad = (await desk.bob.look(draft))["recipients"]
    assert good == {"number": "(202) 555-0100", "name": "", "problem": ""}
    assert (bad["number"], "can't be dialled" in bad["problem"]) == ("555-FAX", True)
    refused = await desk.bob.ask("POST", f"/{draft}/send", {})
    assert (refused.status, problem(refused)["field"]) == (400, "recipients.1")
    (line,) = (await desk.bob.ask("GET", "")).json["drafts"]
    assert (line["id"], line["recipients"][1], line["documents"]) == (draft, bad, 1)


async def test_what_would_be_no_fax_is_refused(desk: Desk) -> None:
    draft = await desk.bob.begin()

    async def refusal() -> tuple[str, str]:
        reply = await desk.bob.ask("POST", f"/{draft}/send", {})
        found = problem(reply)
        assert reply.status == 400
        return found["field"], found["detail"]

    assert await refusal() == ("recipients.0", "Enter the fax number to send to.")
    await desk.bob.change(draft, recipients=TO_GRAY)
    assert await refusal() == ("documents", "Add a document to fax.")
    await desk.bob.add(draft, pdf_bytes())
    await desk.bob.wait(draft)
    await desk.bob.change(draft, pages={"1.1": {"left_out": True}})
    assert (await refusal())[1].startswith("All pages are left out")
    reply = await desk.bob.add(draft, pdf_bytes()[:300], "half.pdf")
    assert reply.status == 201
    seen = await desk.bob.wait(draft)
    assert (seen["documents"][1]["state"], seen["documents"][1]["pages"]) == ("refused", None)
    field, said = await refusal()
    assert (field, said) == ("documents", f"half.pdf: {seen['documents'][1]['reason']}")
    await desk.bob.ask("DELETE", f"/{draft}/documents/2")
    for send_at in ("2030-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
        await desk.bob.change(draft, send_at=send_at, pages={"1.1": {"left_out": False}})
        assert (await refusal())[0] == "send_at"
    desk.office.installation.configure(general=f"{desk.general}\ntx_max_pages=1")
    await desk.bob.add(draft, b"More.\n", "more.txt")
    await desk.bob.change(draft, send_at=None)
    await desk.bob.wait(draft)
    assert (await refusal())[1].startswith("These are 2 pages, but not more than 1 may be faxed")


@pytest.mark.parametrize(
    ("document", "said"),
    [(b"", "empty"), (b"\x7fELF\x02\x01\x01\x00", "of a kind"), (b"%!PS\nshowpage", "PostScript")],
)
async def test_what_can_be_no_document_is_refused_at_once(desk: Desk, document: bytes, said: str) -> None:
    draft = await desk.bob.begin()
    reply = await desk.bob.add(draft, document)
    assert (reply.status, problem(reply)["field"], said in problem(reply)["detail"]) == (
        400,
        "document",
        True,
    )
    assert (await desk.bob.look(draft))["documents"] == []
    assert desk.office.installation.leftovers() == []
    assert list((desk.office.folders.drafts / draft).iterdir()) == []


async def test_a_document_that_is_too_large_is_refused(desk: Desk) -> None:
    draft = await desk.bob.begin()
    reply = await desk.bob.add(draft, b"%PDF-1.4\n" + bytes(1 << 20))
    assert (reply.status, problem(reply)["field"]) == (413, "document")
    assert desk.office.installation.leftovers() == []


async def test_a_disk_that_is_nearly_full_takes_no_documents(desk: Desk) -> None:
    draft = await desk.bob.begin(recipients=TO_GRAY)
    await desk.bob.add(draft, pdf_bytes())
    general = desk.general.replace("min_free_mb=0", "min_free_mb=10000000")
    desk.office.installation.configure(general=general)
    for reply in (
        await desk.bob.add(draft, pdf_bytes()),
        await desk.bob.ask("POST", "", {}),
        await desk.bob.ask("POST", f"/{draft}/send", {}),
    ):
        assert (reply.status, "disk is full" in problem(reply)["detail"]) == (507, True)
    assert len((await desk.bob.look(draft))["documents"]) == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"surprise": 1}, "surprise"),
        ({"recipients": "all"}, "recipients"),
        ({"recipients": ["2025550100"]}, "recipients.0"),
        ({"recipients": [{"number": "1"}, {"name": "x"}]}, "recipients.1"),
        ({"recipients": [{"number": 2025550100}]}, "recipients.0"),
        ({"recipients": [{"number": "1", "fax": "2"}]}, "recipients.0"),
        ({"recipients": [{"number": "1" * 201}]}, "recipients.0"),
        ({"recipients": [{"number": "1"}] * 201}, "recipients"),
        ({"subject": "x" * 201}, "subject"),
        ({"subject": None}, "subject"),
        ({"message": "x" * 5001}, "message"),
        ({"cover": 1}, "cover"),
        ({"resolution": "superfine"}, "resolution"),
        ({"resolution": ["fine"]}, "resolution"),
        ({"send_at": 17}, "send_at"),
        ({"send_at": "tomorrow"}, "send_at"),
        ({"send_at": "2026-11-24T23:59:00"}, "send_at"),
        ({"order": []}, "order"),
        ({"order": [1, 1]}, "order"),
        ({"order": [True]}, "order"),
        ({"order": ["1"]}, "order"),
        ({"order": [[1]]}, "order"),
        ({"pages": {"2.1": {"turn": 1}}}, "pages.2.1"),
        ({"pages": {"1.0": {"turn": 1}}}, "pages.1.0"),
        ({"pages": {"../../1": {"turn": 1}}}, "pages.../../1"),
        ({"pages": {"9" * 400: {"turn": 1}}}, "pages"),
        ({"pages": {"1.1": {"turn": 4}}}, "pages.1.1"),
        ({"pages": {"1.1": {"turn": True}}}, "pages.1.1"),
        ({"pages": {"1.1": {"turn": 1.0}}}, "pages.1.1"),
        ({"pages": {"1.1": {"tone": "loud"}}}, "pages.1.1"),
        ({"pages": {"1.1": {"tone": []}}}, "pages.1.1"),
        ({"pages": {"1.1": {"left_out": "yes"}}}, "pages.1.1"),
        ({"pages": {"1.1": {"crop": 1}}}, "pages.1.1"),
        ({"pages": {"1.1": []}}, "pages.1.1"),
    ],
)
async def test_changes_that_make_no_sense_change_nothing(
    still: Desk, body: dict[str, object], field: str
) -> None:
    draft = await still.bob.begin(subject="Results")
    await still.bob.add(draft, pdf_bytes())
    before = await still.bob.look(draft)
    reply = await still.bob.ask("PATCH", f"/{draft}", {"subject": "other"} | body)
    assert (reply.status, problem(reply)["field"]) == (400, field)
    after = await still.bob.look(draft)
    assert (after["subject"], after["changed"]) == ("Results", before["changed"])


async def test_what_people_write_is_kept_without_control_characters(still: Desk) -> None:
    draft = await still.bob.begin(
        recipients=[{"number": "2025550100\r\nApplication: System", "name": "Zoë\x00 Ω"}],
        subject="One\ntwo",
        message="One\r\ntwo\x07",
    )
    reply = await still.bob.add(draft, pdf_bytes(), "..%2F..%2Fetc%2Fpasswd.pdf")
    seen = reply.json
    assert seen["recipients"][0]["number"] == "2025550100 Application: System"
    assert seen["recipients"][0]["problem"]
    assert (seen["recipients"][0]["name"], seen["subject"], seen["message"]) == (
        "Zoë Ω",
        "One two",
        "One\ntwo",
    )
    assert seen["documents"][0]["name"] == "passwd.pdf"
    assert sorted(path.name for path in (still.office.folders.drafts / draft).iterdir())[:1] == ["1"]


async def test_nobody_elses_draft_can_be_seen_or_guessed(still: Desk) -> None:
    draft = await still.bob.begin(subject="In confidence")
    await still.bob.add(draft, pdf_bytes())
    carol = await still.composer("ACME", "carol")  # of the same account
    quiet = await still.composer("Quiet", "bob.smith")  # of the same name
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {"subject": "mine"}),
        ("DELETE", "", None),
        ("DELETE", "/documents/1", None),
        ("GET", "/pages/1.1.png", None),
        ("POST", "/send", {}),
    ):
        for other in (carol, quiet):
            reply = await other.ask(method, f"/{draft}{path}", body)
            assert (reply.status, problem(reply)["detail"][:21]) == (404, "There is no such draf")
        unknown = await carol.ask(method, f"/{'0' * 24}{path}", body)
        assert (unknown.status, unknown.json) == (404, reply.json)
        nobody = await Composer(still.nobody()).ask(method, f"/{draft}{path}", body)
        assert nobody.status == 401
    assert (await carol.add(draft, pdf_bytes())).status == 404
    assert (await carol.ask("GET", "")).json == {"drafts": []}
    seen = await still.bob.look(draft)
    assert (seen["subject"], len(seen["documents"])) == ("In confidence", 1)


async def test_a_resolution_changes_all_pages(desk: Desk) -> None:
    draft = await desk.bob.begin(recipients=TO_GRAY)
    await desk.bob.add(draft, pdf_bytes())
    (fine,) = (await desk.bob.wait(draft))["pages"]
    await desk.bob.change(draft, resolution="standard")
    seen = await desk.bob.wait(draft)
    (standard,) = seen["pages"]
    assert (seen["resolution"], fine["down"], standard["down"]) == ("standard", 196, 98)
    assert fine["length"] == pytest.approx(2 * standard["length"], abs=2)
    assert standard["image"] != fine["image"]
    shown = await desk.bob.pixels(standard)
    (fax,) = await desk.bob.send(draft)
    assert (await desk.rendered(fax["id"])).resolution == "standard"
    assert same(desk.pages(fax["id"])[0], shown)


async def test_a_document_that_is_removed_leaves_nothing_behind(desk: Desk) -> None:
    draft = await desk.bob.begin()
    await desk.bob.add(draft, pdf_bytes(30))
    await desk.bob.add(draft, b"Two.\n", "two.txt")
    await desk.bob.change(draft, pages={"1.1": {"turn": 1}})
    seen = (await desk.bob.ask("DELETE", f"/{draft}/documents/1")).json  # while it is drawn, perhaps
    assert [document["number"] for document in seen["documents"]] == [2]
    assert (await desk.bob.ask("DELETE", f"/{draft}/documents/1")).status == 404
    seen = (await desk.bob.add(draft, b"Three.\n", "three.txt")).json
    assert [document["number"] for document in seen["documents"]] == [2, 3]
    seen = await desk.bob.wait(draft)
    assert [page["key"] for page in seen["pages"]] == ["2.1", "3.1"]
    left = sorted(path.name for path in (desk.office.folders.drafts / draft).iterdir())
    assert left == ["2", "2.fine.json", "2.fine.tiff", "3", "3.fine.json", "3.fine.tiff"]
    assert (await desk.bob.ask("DELETE", f"/{draft}")).status == 204
    assert (await desk.bob.ask("GET", f"/{draft}")).status == 404
    assert not list(desk.office.folders.drafts.iterdir())


async def test_pictures_can_be_kept_as_long_as_they_are_true(desk: Desk) -> None:
    draft = await desk.bob.begin()
    await desk.bob.add(draft, pdf_bytes())
    (page,) = (await desk.bob.wait(draft))["pages"]
    address = page["image"]
    for size, width in (("thumb", 240), ("page", 864), ("full", 1728)):
        reply = await desk.bob.client.get(f"{address}&size={size}")
        picture = Image.open(io.BytesIO(reply.body))
        assert (picture.format, picture.width) == ("PNG", width)
        assert "immutable" in reply.headers["Cache-Control"]
        again = await desk.bob.client.get(f"{address}&size={size}", If_None_Match=reply.headers["ETag"])
        assert (again.status, again.body) == (304, b"")
    await desk.bob.change(draft, pages={"1.1": {"turn": 1}})
    (turned,) = (await desk.bob.wait(draft))["pages"]
    assert turned["image"] != address
    stale = await desk.bob.client.get(address)
    assert (stale.status, stale.headers["Cache-Control"]) == (200, "private, no-cache")
    assert (await desk.bob.client.get(f"{address}&size=poster")).status == 400
    for key in ("1.2", "2.1", "0.0", "1.1.1", "cover-1"):
        reply = await desk.bob.client.get(f"/api/drafts/{draft}/pages/{key}.png")
        assert reply.status == 404, key


async def test_a_fax_can_wait_for_its_time(desk: Desk) -> None:
    later = time.time() + 3600
    said = datetime.fromtimestamp(later, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    draft = await desk.bob.begin(recipients=TO_GRAY, send_at=said)
    await desk.bob.add(draft, pdf_bytes())
    assert (await desk.bob.look(draft))["send_at"] == said
    (fax,) = await desk.bob.send(draft)
    assert fax["send_at"] == said
    waiting = await desk.rendered(fax["id"])
    assert (waiting.state, waiting.attempts) == ("ready", 0)
    assert waiting.next_try == pytest.approx(later, abs=0.001)
    past = await desk.bob.begin(recipients=TO_GRAY, send_at="2020-02-29T12:00:00Z")
    await desk.bob.add(past, pdf_bytes())
    assert (await desk.bob.send(past))[0]["send_at"] is None


async def test_a_user_has_a_number_of_drafts(still: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafts_module, "MOST_DRAFTS", 2)
    first = await still.bob.begin(subject="first")
    second = await still.bob.begin(subject="second")
    await still.bob.change(first, subject="still wanted")
    third = await still.bob.begin()
    listed = (await still.bob.ask("GET", "")).json["drafts"]
    assert [draft["id"] for draft in listed] == [third, first]
    assert (await still.bob.ask("GET", f"/{second}")).status == 404
    assert sorted(path.name for path in still.office.folders.drafts.iterdir()) == sorted([first, third])


async def test_a_draft_has_a_number_of_documents(still: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafts_module, "MOST_DOCUMENTS", 1)
    draft = await still.bob.begin()
    assert (await still.bob.add(draft, pdf_bytes())).status == 201
    reply = await still.bob.add(draft, pdf_bytes())
    assert (reply.status, problem(reply)["field"]) == (400, "document")
    names = [path.name for path in (still.office.folders.drafts / draft).iterdir()]
    assert names == ["1"]


async def test_a_page_whose_picture_cannot_be_made_is_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = await desk.bob.begin()
    await desk.bob.add(draft, pdf_bytes())
    (page,) = (await desk.bob.wait(draft))["pages"]

    async def fails(*_arguments: object, **_more: object) -> None:
        raise ChildFailed("no picture could be made")

    monkeypatch.setattr(desk_module, "page_png", fails)
    reply = await desk.bob.client.get(page["image"])
    assert (reply.status, problem(reply)["detail"]) == (404, "This page can't be shown.")
    monkeypatch.undo()
    assert (await desk.bob.client.get(page["image"])).status == 200
