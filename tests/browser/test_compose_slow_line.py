"""A slow line, on which answers get lost or come late: what the person sees is what is faxed, or it is said."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from playwright.async_api import Locator, Request, Route, expect

from tests.browser.composing import NUMBER, PASTE, TEXT, WRITTEN, Compose, compose
from tests.browser.slow_line import late_answer, late_request, lose_answer, lose_request
from tests.documents import pdf_bytes

__all__ = ["compose"]  # the fixture

pytestmark = pytest.mark.asyncio(loop_scope="session")

LOSE_UPLOADS = """() => {
    const { send } = XMLHttpRequest.prototype;
    XMLHttpRequest.prototype.send = function (body) {
        XMLHttpRequest.prototype.send = send; // the first only
        this.addEventListener("load", (event) => {
            event.stopImmediatePropagation();
            this.dispatchEvent(new ProgressEvent("error"));
        }, { once: true });
        send.call(this, body);
    };
}"""


def remover(compose: Compose, name: str) -> Locator:
    return compose.page.get_by_role("button", name=f"Remove {name}")


async def two_documents(compose: Compose) -> None:
    await compose.to.fill(NUMBER)
    for at, name in enumerate(("first.pdf", "second.pdf"), 1):
        await compose.add_pdf(name)
        await compose.expect_ready(at)
    await compose.subject.fill("Offer")
    await compose.expect_quiet()


async def names(compose: Compose) -> list[str]:
    return [document["name"] for document in (await compose.saved())["documents"]]


async def test_a_document_that_could_not_be_removed_is_not_faxed(
    compose: Compose, complaints: list[str]
) -> None:
    await two_documents(compose)
    async with late_request(compose.page, "**/documents/*", lost=True):
        await remover(compose, "second.pdf").click()
        await compose.send()
        await expect(compose.page.locator("#transfer-say")).to_have_text(TEXT["handing"])
    await expect(compose.page.locator("#fax_file-error")).to_contain_text("not those that you saw last")
    await expect(compose.papers).to_contain_text(["first.pdf", "second.pdf"])
    assert await compose.faxes() == []
    complaints.clear()
    await remover(compose, "second.pdf").click()
    await compose.send()
    await expect(compose.done).to_have_text("Queued as fax #1")
    assert (await compose.faxes())[0].document_name == "first.pdf"


async def test_a_document_whose_removal_was_not_confirmed_stays_away(
    compose: Compose, complaints: list[str]
) -> None:
    await two_documents(compose)
    await lose_answer(compose.page, "**/documents/*")
    await remover(compose, "second.pdf").click()
    await compose.send()
    await expect(compose.done).to_have_text("Queued as fax #1")
    assert (await compose.faxes())[0].document_name == "first.pdf"
    complaints.clear()


async def test_what_is_typed_is_kept_though_a_turned_page_goes(compose: Compose) -> None:
    await two_documents(compose)
    async with late_request(compose.page, "**/documents/*"):
        await compose.cards.last.get_by_role("button", name="Rotate").click()
        await remover(compose, "second.pdf").click()
        await compose.subject.fill("Another offer")
        await compose.message.fill("Hello")
    await compose.expect_saved()
    saved = await compose.saved()
    assert (saved["subject"], saved["message"]) == ("Another offer", "Hello")
    await expect(compose.page.locator("#fax_file-error")).to_be_empty()


async def test_a_new_order_is_kept_though_a_document_arrives_meanwhile(compose: Compose) -> None:
    """From another tab, say; or its answer is still on the way."""
    await two_documents(compose)
    reply = await compose.desk.bob.add(compose.draft, pdf_bytes(1), "third.pdf")
    assert reply.status == 201
    await compose.page.get_by_role("button", name="Move first.pdf down").click()
    await compose.subject.fill("Another offer")
    await expect(compose.papers).to_contain_text(["second.pdf", "first.pdf", "third.pdf"])
    await compose.expect_saved()
    assert await names(compose) == ["second.pdf", "first.pdf", "third.pdf"]
    assert (await compose.saved())["subject"] == "Another offer"


async def test_too_many_recipients_are_said_and_not_sent_in_part(compose: Compose) -> None:
    await compose.message.fill("Hello")
    await compose.page.get_by_label("Cover page").check()
    await compose.page.evaluate(PASTE, ["\n".join(f"2025550{at}" for at in range(100, 250)), "fax_to"])
    await compose.expect_saved()
    await compose.page.evaluate(PASTE, ["\n".join(f"2025550{at}" for at in range(250, 301)), "fax_to"])
    await compose.subject.fill("To all of you")
    await expect(compose.page.locator("#saved")).to_have_text(TEXT["savingRefused"])
    await expect(compose.page.locator("#fax_to-error")).to_contain_text("200 ")
    await expect(compose.subject).to_be_focused()
    for _ in range(2):
        await compose.send()
        await expect(compose.page.locator("#fax_to-error")).to_contain_text("200 ")
        await expect(compose.send_button).not_to_have_attribute("aria-disabled", "true")
    assert await compose.faxes() == []
    assert (await compose.saved())["subject"] == "To all of you"
    await compose.chips.last.get_by_role("button", name="Remove").click()
    await compose.expect_saved()
    await expect(compose.page.locator("#fax_to-error")).to_be_empty()
    assert len((await compose.saved())["recipients"]) == 200


async def test_an_upload_that_is_stopped_too_late_is_taken_back(
    compose: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    await two_documents(compose)
    drafts = compose.desk.worker.desk.drafts
    add, taken, told = drafts.add_document, asyncio.Event(), asyncio.Event()

    async def slow(*arguments: Any) -> Any:
        draft = await add(*arguments)
        taken.set()
        await told.wait()
        return draft

    monkeypatch.setattr(drafts, "add_document", slow)
    await compose.add_pdf("wrong.pdf")
    await taken.wait()
    await compose.page.get_by_role("button", name="Stop the upload of wrong.pdf").click()
    await expect(compose.papers).to_have_count(2)
    told.set()
    async with asyncio.timeout(20):
        while "wrong.pdf" in await names(compose):
            await asyncio.sleep(0.05)
    await expect(compose.papers).to_contain_text(["first.pdf", "second.pdf"])
    await compose.send()
    await expect(compose.done).to_have_text("Queued as fax #1")


async def test_an_upload_that_arrived_without_an_answer_is_there_once(compose: Compose) -> None:
    await two_documents(compose)
    await compose.page.evaluate(LOSE_UPLOADS)
    await compose.add_pdf("third.pdf")
    await compose.expect_ready(3)
    await expect(compose.papers).to_contain_text(["first.pdf", "second.pdf", "third.pdf"])
    await expect(compose.papers.get_by_role("alert")).to_have_count(0)
    assert await names(compose) == ["first.pdf", "second.pdf", "third.pdf"]


async def test_nothing_is_sent_while_a_document_waits_to_be_tried_again(
    compose: Compose, complaints: list[str]
) -> None:
    await two_documents(compose)
    await lose_request(compose.page, "**/documents?*")
    await compose.add_pdf("third.pdf")
    await expect(compose.papers.get_by_role("alert")).to_have_text(TEXT["uploadLost"])
    complaints.clear()
    for _ in range(2):
        await compose.send()
        await expect(compose.page.locator("#fax_file-error")).to_have_text(TEXT["uploadFailed"])
    assert await compose.faxes() == []
    await compose.papers.get_by_role("button", name="Try again").click()
    await compose.expect_ready(3)
    await compose.send()
    await expect(compose.done).to_have_text("Queued as fax #1")


async def test_what_uploads_is_fetched_again_where_it_got_lost(
    compose: Compose, complaints: list[str]
) -> None:
    await lose_request(compose.page, "**/js/upload.js*", times=2)
    await compose.add_pdf()
    await expect(compose.papers.get_by_role("alert")).to_have_text(TEXT["unreachable"])
    complaints.clear()
    await compose.papers.get_by_role("button", name="Try again").click()
    await compose.expect_ready(1)


async def test_nothing_is_sent_before_the_page_can_say_that_it_was(
    compose: Compose, complaints: list[str]
) -> None:
    await compose.fill()
    await compose.expect_quiet()
    await lose_request(compose.page, "**/js/done.js*", times=2)
    await compose.send()
    await expect(compose.problem).to_have_text(TEXT["unreachable"])
    assert await compose.faxes() == []
    complaints.clear()
    await compose.send()
    await expect(compose.done).to_have_text("Queued as fax #1")


async def test_a_first_draft_that_could_not_be_made_is_said(compose: Compose, complaints: list[str]) -> None:
    await compose.page.route("**/api/drafts", lambda route: route.abort())
    await compose.to.fill(NUMBER)
    await compose.message.fill("Hello")
    await compose.page.get_by_label("Cover page").check()
    await compose.send()
    await expect(compose.problem).to_have_text(TEXT["unreachable"])
    await compose.page.unroute("**/api/drafts")
    complaints.clear()
    await compose.send()
    await expect(compose.done).to_have_text("Queued as fax #1")


async def test_nothing_is_typed_into_the_page_while_a_draft_is_opened(compose: Compose) -> None:
    await compose.fill()
    await compose.expect_quiet()
    async with late_request(compose.page, "**/api/drafts/*"):
        await compose.page.reload()
        await expect(compose.page.locator("#saved")).to_have_text(TEXT["opening"])
        assert await compose.subject.evaluate("field => Boolean(field.closest('[inert]'))")
        await compose.send()
        await expect(compose.page.locator("[aria-invalid]")).to_have_count(0)
    await compose.expect_untouched()
    await compose.message.fill("Hello there")
    await compose.expect_saved()
    await compose.send()
    await expect(compose.done).to_have_text("Queued as fax #1")


async def test_what_is_chosen_before_the_account_is_known_stays(compose: Compose) -> None:
    async with late_request(compose.page, "**/api/me"):
        await compose.open()
        await compose.page.get_by_label("Cover page").check()
        await compose.page.get_by_role("radio", name="Standard").check()
    await compose.message.fill("Hello")
    await compose.expect_saved()
    await expect(compose.page.get_by_label("Cover page")).to_be_checked()
    await expect(compose.page.get_by_role("radio", name="Standard")).to_be_checked()
    saved = await compose.saved()
    assert (saved["cover"], saved["resolution"]) == (True, "standard")


async def test_the_controls_show_what_the_draft_has(compose: Compose, complaints: list[str]) -> None:
    await lose_request(compose.page, "**/api/me")
    await compose.open()
    await compose.subject.fill("Offer")
    await compose.expect_saved()
    complaints.clear()
    await compose.desk.bob.change(compose.draft, cover=True, resolution="standard")
    await compose.message.fill("Hello")
    await expect(compose.page.get_by_label("Cover page")).to_be_checked()
    await expect(compose.page.get_by_role("radio", name="Standard")).to_be_checked()


async def test_the_next_draft_has_all_that_is_still_shown_of_one_that_went(compose: Compose) -> None:
    await compose.to.fill(NUMBER)
    await compose.page.get_by_label("Cover page").check()
    await compose.page.get_by_role("radio", name="Standard").check()
    await compose.expect_saved()
    await compose.expect_ready(1)  # nothing is asked for any more
    gone = compose.draft
    assert (await compose.desk.bob.ask("DELETE", f"/{gone}")).status == 204
    await compose.message.fill("Hello")
    await expect(compose.problem).to_have_text(TEXT["draftGone"])
    await compose.expect_saved()
    assert compose.draft != gone
    saved = await compose.saved()
    assert (saved["cover"], saved["resolution"], saved["message"]) == (True, "standard", "Hello")


async def test_who_sends_is_told_once_and_the_next_fax_is_left_alone(compose: Compose) -> None:
    asked: list[str] = []

    def note(request: Request) -> None:
        if request.url.endswith("/send") and request.method == "POST":
            asked.append(request.url)

    compose.page.on("request", note)
    await compose.fill()
    await compose.expect_quiet()
    async with late_answer(compose.page, "**/send") as answered:
        await compose.send()
        await answered.wait()
        assert len(await compose.faxes()) == 1
        await compose.page.evaluate("dispatchEvent(new Event('online'))")
    await expect(compose.done).to_have_text("Queued as fax #1")
    await compose.page.get_by_role("link", name="Send another fax").click()
    await compose.subject.fill("The next one")
    await compose.expect_saved()
    await expect(compose.subject).to_have_value("The next one")
    assert len(asked) == 1


async def test_what_became_of_a_fax_is_asked_until_it_is_known(
    compose: Compose, complaints: list[str]
) -> None:
    await compose.fill()
    await compose.expect_quiet()
    await compose.send_unanswered()
    await lose_request(compose.page, "**/send")
    await compose.subject.fill("Another offer")
    await expect(compose.page.locator("#saved")).to_have_text(TEXT["savingNow"])
    await expect(compose.problem).to_have_text(TEXT["lost"])
    complaints.clear()
    await compose.send()
    await expect(compose.done).to_have_text("Queued as fax #1")
    assert len(await compose.faxes()) == 1


async def test_a_number_in_the_editor_is_the_one_that_is_faxed_to(compose: Compose) -> None:
    await compose.fill()
    await compose.chips.first.locator(".who-to").click()
    await compose.page.locator("#edit-number").fill("+1 202 555 0111")
    await compose.send()
    await expect(compose.done).to_have_text("Queued as fax #1")
    assert [fax.number for fax in await compose.faxes()] == ["+12025550111"]


async def test_a_wrong_number_in_the_editor_is_said(compose: Compose) -> None:
    await compose.fill()
    await compose.chips.first.locator(".who-to").click()
    await compose.page.locator("#edit-number").fill("nobody")
    await compose.send()
    await expect(compose.page.locator("#edit-number")).to_be_focused()
    await expect(compose.page.locator("#edit-number-error")).not_to_be_empty()
    assert await compose.faxes() == []
    await compose.page.keyboard.press("Escape")
    await expect(compose.chips).to_have_text([WRITTEN])


async def test_a_name_is_no_other_one_for_which_a_number_was_offered(compose: Compose) -> None:
    offered = {"numbers": [{"number": "12025550199", "name": "Dr. Gray"}]}
    held = asyncio.Event()

    async def offer(route: Route) -> None:
        if "Grayson" in route.request.url:
            await held.wait()
        await route.fulfill(json=offered)

    await compose.page.route("**/api/numbers?*", offer)
    await compose.to.press_sequentially("Gray")
    offers = compose.page.get_by_role("listbox", name="Recent numbers").get_by_role("option")
    await expect(offers).to_have_count(1)
    await compose.to.press_sequentially("son")
    await compose.to.press("Enter")
    await expect(compose.page.locator("#fax_to-error")).not_to_be_empty()
    await expect(compose.chips).to_have_count(0)
    held.set()
