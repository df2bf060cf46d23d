"""Cover pages of composed faxes: previewed for the first recipient, drawn for each, counted with the rest."""

from __future__ import annotations

from pathlib import Path

from nexefax.fax import cover_previews
from tests.documents import pdf_bytes
from tests.web.composing import Desk
from tests.web.office import problem
from tests.web.test_drafts import TO_GRAY, same

TO_TWO = [*TO_GRAY, {"number": "2025550101", "name": "Praxis Groß"}]


async def test_the_cover_is_part_of_the_preview_and_each_recipient_gets_their_own(desk: Desk) -> None:
    draft = await desk.bob.begin(recipients=TO_TWO, subject="Results", message="As agreed.\nBob", cover=True)
    assert (await desk.bob.look(draft))["cover"]
    await desk.bob.add(draft, pdf_bytes(2))
    await desk.bob.change(draft, pages={"1.2": {"left_out": True}})
    seen = await desk.bob.wait(draft)
    (cover,) = seen["cover_pages"]
    assert (cover["key"], cover["document"], cover["page"], cover["ready"], cover["width"]) == (
        "cover-1", 0, 1, True, 1728,
    )  # fmt: skip
    assert (seen["page_count"], seen["cover_problem"]) == (2, "")
    shown = [await desk.bob.pixels(cover), await desk.bob.pixels(seen["pages"][0])]
    thumb = await desk.bob.client.get(f"{cover['image']}&size=thumb")
    assert "immutable" in thumb.headers["Cache-Control"]
    first, second = await desk.bob.send(draft)
    for fax in (first, second):
        assert (await desk.rendered(fax["id"])).pages == 2
        assert await desk.files(fax["id"]) == ["document", "fax.tiff"]
    dialled, others = desk.pages(first["id"]), desk.pages(second["id"])
    assert [same(*pair) for pair in zip(shown, dialled, strict=True)] == [True, True]
    assert [same(*pair) for pair in zip(dialled, others, strict=True)] == [False, True]


async def test_what_stands_on_the_cover_draws_it_anew(desk: Desk) -> None:
    draft = await desk.bob.begin(recipients=TO_GRAY, cover=True)
    await desk.bob.add(draft, pdf_bytes(2))
    images = [(await desk.bob.wait(draft))["cover_pages"][0]["image"]]
    for change in (
        {"subject": "Results"},
        {"message": "As agreed"},
        {"recipients": [{"number": "2025550101", "name": "Dr. Gray"}]},
        {"pages": {"1.1": {"left_out": True}}},  # one page fewer follows
        {"resolution": "standard"},
        {"send_at": "2027-01-01T00:00:00Z"},
    ):
        await desk.bob.change(draft, **change)
        images.append((await desk.bob.wait(draft))["cover_pages"][0]["image"])
    assert len(set(images)) == len(images)
    assert (await desk.bob.client.get(images[0])).headers["Cache-Control"] == "private, no-cache"
    folder = desk.office.folders.drafts / draft
    assert len([path for path in folder.glob("cover.*") if path.suffix == ".tiff"]) == 1
    seen = await desk.bob.change(draft, cover=False)
    assert (seen["cover_pages"], seen["page_count"]) == ([], 1)


async def test_a_cover_alone_is_a_fax(desk: Desk) -> None:
    draft = await desk.bob.begin(recipients=TO_GRAY, message="Please call me back.", cover=True)
    seen = await desk.bob.wait(draft)
    shown = await desk.bob.pixels(seen["cover_pages"][0])
    (fax,) = await desk.bob.send(draft)
    assert (await desk.rendered(fax["id"])).pages == 1
    assert same(desk.pages(fax["id"])[0], shown)
    again = await desk.office.worker.resend(fax["id"], "carol", "2025550199")
    assert (await desk.rendered(again)).pages == 1


async def test_an_account_may_want_a_cover_on_every_fax(desk: Desk) -> None:
    installation = desk.office.installation
    accounts = Path(installation.folder / "accounts.conf")
    accounts.write_text(accounts.read_text().replace("[ACME]", "[ACME]\ncover=yes"))
    installation.reload()
    draft = await desk.bob.begin()
    assert (await desk.bob.look(draft))["cover"]
    reply = await desk.bob.client.post_multipart(
        "/api/send", {"fax_to": "2025550100"}, {"fax_file": ("scan.pdf", pdf_bytes())}
    )
    assert (await desk.rendered(reply.json["fax"])).pages == 2


async def test_a_cover_that_cannot_be_made_is_told(desk: Desk) -> None:
    installation = desk.office.installation
    accounts = Path(installation.folder / "accounts.conf")
    template = installation.folder / "cover.html"
    template.write_text("<p>{{no_such_thing}}</p>")
    accounts.write_text(accounts.read_text().replace("[ACME]", f"[ACME]\ncover_template={template}"))
    installation.reload()
    draft = await desk.bob.begin(recipients=TO_GRAY, cover=True)
    await desk.bob.add(draft, pdf_bytes())
    seen = await desk.bob.wait(draft)
    assert (seen["cover_pages"], "cover_template" in seen["cover_problem"]) == ([], True)
    refused = await desk.bob.ask("POST", f"/{draft}/send", {})
    assert (refused.status, problem(refused)["field"], problem(refused)["detail"]) == (
        400, "cover", seen["cover_problem"],
    )  # fmt: skip
    template.write_text("<p>{{to_name}}</p>")  # another file: it is tried at once
    assert len((await desk.bob.wait(draft))["cover_pages"]) == 1
    assert cover_previews.RETRY_SECONDS > 1
    assert len(await desk.bob.send(draft)) == 1


async def test_letters_without_a_font_are_named(desk: Desk) -> None:
    draft = await desk.bob.begin(recipients=TO_GRAY, message="Here: \U000f1234", cover=True)
    (note,) = (await desk.bob.wait(draft))["notes"]
    assert "\U000f1234" in note
    (fax,) = await desk.bob.send(draft)
    assert (await desk.rendered(fax["id"])).notes == (note,)
