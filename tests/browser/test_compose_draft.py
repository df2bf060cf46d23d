"""Nothing that was typed or uploaded is lost; and a fax for later."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.browser.composing import NUMBER, TEXT, WRITTEN, Compose, compose

__all__ = ["compose"]  # the fixture

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_reload_keeps_everything(compose: Compose) -> None:
    await compose.fill()
    await compose.page.get_by_role("radio", name="Standard").check()
    await compose.expect_ready(1)
    await compose.cards.get_by_role("button", name="Rotate").click()
    await compose.expect_quiet()
    await compose.page.reload()
    await compose.expect_untouched()
    await compose.expect_ready(1)
    await expect(compose.page.get_by_role("radio", name="Standard")).to_be_checked()
    assert (await compose.saved())["pages"][0]["turn"] == 1


async def test_what_was_typed_a_moment_before_a_reload_is_kept(compose: Compose) -> None:
    await compose.to.fill(NUMBER)
    await compose.subject.fill("Offer")
    await compose.page.reload()
    await expect(compose.subject).to_have_value("Offer")
    await expect(compose.chips).to_have_text([WRITTEN])
    await compose.expect_saved()
    await compose.message.fill("Hello")
    await compose.page.reload()
    await expect(compose.message).to_have_value("Hello")
    await expect(compose.subject).to_have_value("Offer")


async def test_back_and_new_fax_come_back_to_what_was_written(compose: Compose) -> None:
    page = compose.page
    await compose.fill()
    await compose.expect_quiet()
    draft = compose.draft
    await page.get_by_role("link", name="Inbox").click()
    await page.wait_for_url("**/inbox")
    await page.go_back()
    await compose.expect_untouched()
    await page.get_by_role("link", name="Sent", exact=True).click()
    await page.wait_for_url("**/sent")
    await page.get_by_role("link", name="New fax").click()
    await compose.expect_untouched()
    assert compose.draft == draft
    await compose.send()
    await expect(compose.done).to_have_text("Queued as fax #1")
    await page.go_back()
    await page.go_forward()
    await expect(compose.to).to_have_value("")
    assert len(await compose.faxes()) == 1


async def test_an_address_of_a_sent_draft_tells_what_became_of_it(compose: Compose) -> None:
    await compose.fill()
    await compose.expect_quiet()
    draft = compose.draft
    await compose.send()
    await expect(compose.done).to_have_text("Queued as fax #1")
    await compose.open(f"/send?draft={draft}")
    await expect(compose.done).to_have_text("Queued as fax #1")
    await compose.open("/send?draft=nothing")
    await expect(compose.problem).to_have_text(TEXT["draftGone"])
    assert len(await compose.faxes()) == 1


async def test_two_tabs_are_two_drafts_even_when_one_is_a_copy(compose: Compose) -> None:
    await compose.fill()
    await compose.expect_quiet()
    other = Compose(await compose.page.context.new_page(), compose.desk, compose.folder)
    await other.open()
    await expect(other.subject).to_have_value("")
    await other.subject.fill("Another")
    await other.expect_saved()
    assert other.draft != compose.draft
    copy = Compose(await compose.page.context.new_page(), compose.desk, compose.folder)
    await copy.open(f"/send?draft={compose.draft}")
    await expect(copy.problem).to_have_text(TEXT["openElsewhere"])
    await expect(copy.subject).to_have_value("")
    await compose.expect_untouched()
    await compose.send()
    await expect(compose.done).to_have_text("Queued as fax #1")
    await expect(other.subject).to_have_value("Another")


async def test_an_unfinished_fax_is_offered_and_can_be_discarded(compose: Compose) -> None:
    page = compose.page
    await compose.fill()
    await compose.expect_quiet()
    await page.get_by_role("link", name="Sign out").click()
    await page.wait_for_url("**/login")
    cookie = (await compose.desk.composer("ACME", "bob.smith")).client.cookie
    await page.context.add_cookies([{"name": "nexefax-session", "value": cookie, "url": page.url}])
    await compose.open()
    await expect(compose.subject).to_have_value("")
    offer = page.get_by_role("button", name=f"Continue the fax to {WRITTEN}? (Today)", exact=True)
    await offer.click()
    await compose.expect_untouched()
    await expect(offer).to_be_hidden()
    await page.get_by_role("button", name="Discard", exact=True).click()
    await expect(page.get_by_role("button", name="Keep it")).to_be_focused()
    await page.keyboard.press("Enter")
    await compose.expect_untouched()
    await page.get_by_role("button", name="Discard", exact=True).click()
    await page.locator("#discarding").get_by_role("button", name="Discard").click()
    await expect(compose.subject).to_have_value("")
    await expect(compose.chips).to_have_count(0)
    await expect(compose.papers).to_have_count(0)
    await compose.open()
    await expect(page.locator("#unfinished")).to_be_hidden()


async def test_nothing_of_another_user_is_shown(compose: Compose) -> None:
    page = compose.page
    await compose.fill()
    await compose.expect_quiet()
    draft = compose.draft
    jane = await compose.desk.composer("ACME", "jane")
    await page.context.add_cookies(
        [{"name": "nexefax-session", "value": jane.client.cookie, "url": page.url}]
    )
    await compose.open()
    await expect(page.locator(".who")).to_contain_text("jane")
    await expect(compose.subject).to_have_value("")
    await compose.open(f"/send?draft={draft}")
    await expect(compose.problem).to_have_text(TEXT["draftGone"])
    await expect(compose.subject).to_have_value("")


async def test_a_draft_that_is_gone_leaves_what_was_typed(compose: Compose) -> None:
    await compose.fill()
    await compose.expect_quiet()
    gone = compose.draft
    assert (await compose.desk.bob.ask("DELETE", f"/{gone}")).status == 204
    await compose.subject.fill("Another offer")
    await expect(compose.problem).to_have_text(TEXT["draftGone"])
    await expect(compose.papers).to_have_count(0)
    await compose.expect_saved()
    assert compose.draft != gone
    saved = await compose.saved()
    assert (saved["subject"], saved["message"], len(saved["recipients"])) == (
        "Another offer",
        "Hello\nthere",
        1,
    )


async def test_a_fax_for_later(compose: Compose) -> None:
    page = compose.page
    await compose.fill()
    await page.get_by_role("radio", name="At a time").check()
    await expect(page.locator("#send_at")).to_be_focused()
    await expect(page.locator("#send_at-hint")).to_have_text(re.compile("Goes out: tomorrow, "))
    await page.locator("#send_at").fill("2020-01-01T08:00")
    await compose.send()
    await expect(page.locator("#send_at-error")).to_have_text(TEXT["timePast"])
    await expect(page.locator("#send_at")).to_be_focused()
    await page.locator("#send_at").fill("")
    await compose.send()
    await expect(page.locator("#send_at-error")).to_have_text(TEXT["timeMissing"])
    await page.get_by_role("button", name=re.compile("^Tomorrow, ")).click()
    await expect(compose.send_button).to_have_text(re.compile("Send: tomorrow, "))
    await compose.expect_saved()
    saved = await compose.saved()
    await compose.send()
    await expect(compose.done).to_have_text("Queued as fax #1")
    await expect(page.locator("#done-note")).to_contain_text(re.compile("It goes out: tomorrow, "))
    (fax,) = await compose.faxes()
    assert fax.send_at is not None
    assert await page.evaluate("(at) => new Date(at * 1000).toISOString()", fax.send_at) == saved["send_at"]


async def test_a_line_that_is_away_for_a_while_loses_nothing(compose: Compose, complaints: list[str]) -> None:
    await compose.subject.fill("Offer")
    await compose.expect_saved()
    await compose.page.context.set_offline(True)
    await compose.message.fill("Written on the train")
    await expect(compose.page.locator("#saved")).to_have_text(TEXT["savingOffline"])
    await compose.page.context.set_offline(False)
    await compose.expect_saved()
    assert (await compose.saved())["message"] == "Written on the train"
    complaints.clear()
