"""The inbox in Chromium: what came in, found again, passed on, thrown away and taken back."""

from __future__ import annotations

import asyncio
import json
import re

import pytest
from playwright.async_api import Browser, Page, Request, Route, expect

from tests.browser.clinic import incoming
from tests.browser.office import TEXT, Clinic, choose, renew_session, row

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_each_fax_says_who_how_much_and_what_is_wrong(visit: Page, clinic: Clinic) -> None:
    await visit.goto("/inbox")
    laboratory = row(visit, clinic.known["Northside Laboratory"])
    await expect(laboratory).to_contain_text("Northside Laboratory")
    await expect(laboratory).to_contain_text("+1 800 555 0188 · NORTHSIDE LAB")
    await expect(laboratory).to_contain_text("5 pages")
    await expect(laboratory).to_contain_text(re.compile(r"Probably the same as fax \d+"))
    await expect(laboratory.get_by_role("link", name="New: Northside Laboratory")).to_be_visible()
    await expect(laboratory.locator("time")).to_have_attribute("datetime", re.compile(r"^\d{4}-.*Z$"))
    await expect(row(visit, clinic.known["Riverside Pediatrics"])).to_contain_text("Not mailed")
    await expect(visit.locator(".row", has_text="Incomplete")).to_contain_text("2 pages")
    await expect(visit.locator(".row", has_text="Damaged lines")).to_contain_text(TEXT["unknownEnd"])
    old = row(visit, clinic.known["St. Mary Radiology"])
    await expect(old.get_by_role("link", name=re.compile("^New"))).to_have_count(0)
    await expect(visit.locator("h2.day").last).to_have_text(re.compile(r"^\w+, \w+ \d+"))
    await laboratory.scroll_into_view_if_needed()
    drawn = "(picture) => picture.decode().then(() => picture.naturalWidth)"
    assert await laboratory.locator(".thumb img").evaluate(drawn) == 240


async def test_walking_by_keys_opening_and_the_way_back(visit: Page, clinic: Clinic) -> None:
    fresh = await clinic.add(incoming(caller_name="Walk-in"), pages=True)
    await visit.goto("/inbox")
    await expect(row(visit, fresh)).to_be_visible()
    await visit.keyboard.press("j")
    await expect(row(visit, fresh).locator("a.row-link")).to_be_focused()
    await visit.keyboard.press("ArrowDown")
    second = visit.locator("li.row").nth(1)
    await expect(second.locator("a.row-link")).to_be_focused()
    await visit.keyboard.press("k")
    await visit.keyboard.press("Enter")
    await visit.wait_for_url(f"**/faxes/{fresh}")
    await expect(visit.get_by_role("heading", name="Fax from Walk-in")).to_be_visible()
    await visit.go_back()
    await expect(row(visit, fresh).locator("a.row-link")).to_be_focused()
    await expect(row(visit, fresh)).not_to_have_class(re.compile("unread"))


async def test_a_mark_is_set_and_taken_by_a_key(visit: Page, clinic: Clinic) -> None:
    fax = await clinic.add(incoming(caller_name="Marked"))
    await visit.goto("/inbox")
    link = row(visit, fax).locator("a.row-link")
    await link.focus()
    await visit.keyboard.press("u")
    await expect(row(visit, fax)).not_to_have_class(re.compile("unread"))
    await expect(link).to_be_focused()
    await visit.keyboard.press("u")
    await expect(row(visit, fax)).to_have_class(re.compile("unread"))


@pytest.mark.parametrize("way", ["toast", "key", "bin"])
async def test_what_is_deleted_comes_back(visit: Page, clinic: Clinic, way: str) -> None:
    fax = await clinic.add(incoming(caller_name="Deleted"))
    await visit.goto("/inbox")
    await row(visit, fax).locator("a.row-link").focus()
    await visit.keyboard.press("#")
    await expect(row(visit, fax)).to_have_count(0)
    await expect(visit.locator(".toast")).to_contain_text(f"Fax {fax} (Deleted) deleted.")
    await expect(visit.locator("li.row").first.locator("a.row-link")).to_be_focused()
    if way == "toast":
        await visit.get_by_role("button", name="Undo").click()
    elif way == "key":
        await visit.keyboard.press("z")
    else:
        await visit.get_by_text("Bin", exact=True).click()
        await choose(visit, fax, "Put back")
        await expect(row(visit, fax)).to_have_count(0)
        await visit.get_by_text("All", exact=True).click()
    await expect(row(visit, fax)).to_be_visible()
    assert (await clinic.office.load(fax)).deleted_at is None


async def test_forwarding_by_mail_with_every_mistake_on_the_way(visit: Page, clinic: Clinic) -> None:
    fax = await clinic.add(incoming(caller_name="Forwarded"), pages=True)
    await visit.goto("/inbox")
    asked: list[dict[str, object]] = []

    async def refuse(route: Route, request: Request) -> None:
        asked.append(json.loads(request.post_data or ""))
        await route.fulfill(status=409, json={"detail": "The mail server is away."})

    await visit.route(f"**/api/faxes/{fax}/forward", refuse)
    await choose(visit, fax, "Forward by mail")
    dialog = visit.get_by_role("dialog", name=f"Forward fax {fax} by mail")
    await expect(dialog.get_by_label("To")).to_be_focused()
    go = dialog.get_by_role("button", name="Forward")
    await go.click()
    await expect(dialog.get_by_role("alert")).to_have_text(TEXT["addressMissing"])
    await dialog.get_by_label("To").fill("ann@clinic.example, nobody")
    await go.click()
    await expect(dialog.get_by_role("alert")).to_have_text("“nobody” is no mail address.")
    await dialog.get_by_label("To").fill("ann@clinic.example, ben@clinic.example")
    await dialog.get_by_label("Note").fill("For you")
    await go.click()
    await expect(dialog.get_by_role("alert")).to_have_text("The mail server is away.")
    await expect(dialog.get_by_label("Note")).to_have_value("For you")
    assert [[given["to"], given["note"]] for given in asked] == [
        [["ann@clinic.example", "ben@clinic.example"], "For you"]
    ]
    await visit.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await expect(row(visit, fax).get_by_role("button", name=f"All actions for fax {fax}")).to_be_focused()


async def test_a_double_click_acts_once(visit: Page, clinic: Clinic) -> None:
    fax = await clinic.add(incoming(caller_name="Once"), pages=True)
    await visit.goto("/inbox")
    summary = (await clinic.office.bob.get(f"/api/faxes/{fax}")).json
    asked = 0

    async def answer(route: Route) -> None:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.05)
        await route.fulfill(json=summary)

    await visit.route(f"**/api/faxes/{fax}/forward", answer)
    await choose(visit, fax, "Forward by mail")
    await visit.get_by_role("dialog").get_by_label("To").fill("ann@clinic.example")
    await visit.get_by_role("dialog").get_by_role("button", name="Forward").dblclick()
    await expect(visit.locator(".toast")).to_have_text("Forwarded to ann@clinic.example.")
    assert asked == 1


async def test_the_menu_by_keyboard_alone(visit: Page, clinic: Clinic) -> None:
    fax = clinic.known["St. Mary Radiology"]
    await visit.goto("/inbox")
    button = row(visit, fax).get_by_role("button", name=f"All actions for fax {fax}")
    await button.focus()
    await visit.keyboard.press("Enter")
    items = visit.get_by_role("menuitem")
    await expect(items.first).to_be_focused()
    await expect(items.first).to_have_text("Open PDF")
    await visit.keyboard.press("End")
    await expect(items.last).to_be_focused()
    await expect(items.last).to_have_text("Delete")
    await visit.keyboard.press("ArrowDown")
    await expect(items.first).to_be_focused()
    await visit.keyboard.press("ArrowUp")
    await expect(items.last).to_be_focused()
    await visit.keyboard.press("Escape")
    await expect(visit.get_by_role("menu")).to_have_count(0)
    await expect(button).to_be_focused()


async def test_searching_stays_in_the_address_and_the_way_back_works(visit: Page, clinic: Clinic) -> None:
    await visit.goto("/inbox")
    await expect(visit.locator("li.row").first).to_be_visible()
    await visit.keyboard.press("/")
    words = visit.get_by_role("searchbox")
    await expect(words).to_be_focused()
    await words.fill("(301) 555")
    await expect(visit.locator("li.row")).to_have_count(1)
    await expect(row(visit, clinic.known["St. Mary Radiology"])).to_be_visible()
    await expect(visit).to_have_url(re.compile(r"/inbox\?q=%28301%29\+555$"))
    await expect(visit).to_have_title(re.compile(r"\(301\) 555 in Inbox · NexeFax$"))
    await expect(visit.get_by_role("link", name="Export")).to_have_attribute(
        "href", re.compile("direction=in&q=")
    )
    await visit.get_by_text("New", exact=True).click()
    await expect(visit.get_by_text(TEXT["nothingFound"])).to_be_visible()
    await visit.go_back()
    await expect(visit.locator("li.row")).to_have_count(1)
    await expect(words).to_have_value("(301) 555")
    await visit.reload()
    await expect(visit.locator("li.row")).to_have_count(1)
    await words.fill("nobody at all")
    await expect(visit.get_by_text(TEXT["nothingHint"])).to_be_visible()
    await visit.locator("#list-end").get_by_role("button", name=TEXT["clearSearch"]).click()
    await expect(words).to_be_focused()
    await expect(visit.locator("li.row").nth(3)).to_be_visible()
    await expect(visit).to_have_url(re.compile(r"/inbox$"))


async def test_days_are_those_of_the_reader(browser: Browser, clinic: Clinic, complaints: list[str]) -> None:
    """Midnight is elsewhere in Kiritimati, 14 hours ahead."""
    fax = await clinic.add(
        incoming(created=1.7e9, changed=1.7e9, caller_name="Elsewhere")
    )  # 22:13:20 UTC, 14 November
    context = await browser.new_context(
        base_url=f"http://127.0.0.1:{clinic.office.port}", timezone_id="Pacific/Kiritimati"
    )
    page = await context.new_page()
    await clinic.sign_in(page)
    await page.goto("/inbox?since=2023-11-15&until=2023-11-15")
    await expect(page.locator("li.row")).to_have_count(1)
    await expect(row(page, fax).locator("time")).to_have_text(re.compile(r"^12:13"))
    await expect(page.locator("h2.day")).to_have_text("Wednesday, November 15, 2023")
    await expect(page.get_by_label("From")).to_have_value("2023-11-15")
    await page.get_by_label("From").fill("2023-11-16")
    await expect(page.get_by_text(TEXT["nothingFound"])).to_be_visible()
    await context.close()


async def test_years_of_faxes_come_as_one_goes_down(visit: Page, clinic: Clinic) -> None:
    old = [await clinic.add(incoming(user="archive", read_at=1.0, subject="archive")) for _ in range(120)]
    await visit.goto("/inbox?q=archive")
    await expect(visit.locator("li.row")).to_have_count(50)
    async with asyncio.timeout(20):
        while await visit.locator("li.row").count() < 120:
            await visit.keyboard.press("End")  # leads to where the end is just then
            await asyncio.sleep(0.2)
    await expect(row(visit, old[0])).to_be_attached()
    await expect(visit.locator("li.row")).to_have_count(120)
    await expect(visit.locator("#list-end")).to_have_text(TEXT["listEnd"])


async def test_a_list_that_cannot_be_had_is_said_and_tried_again(visit: Page) -> None:
    problem = {"detail": "NexeFax can't use its journal at this moment."}
    await visit.route("**/api/faxes?*", lambda route: route.fulfill(status=503, json=problem), times=1)
    await visit.goto("/inbox")
    await expect(visit.get_by_role("alert").filter(has_text="journal")).to_be_visible()
    await visit.get_by_role("button", name=TEXT["tryAgain"]).click()
    await expect(visit.locator("li.row").first).to_be_visible()
    await expect(visit.locator("#problem")).to_be_empty()


async def test_an_action_that_fails_is_said_and_nothing_changes(visit: Page, clinic: Clinic) -> None:
    fax = await clinic.add(incoming(caller_name="Stays"))
    await visit.goto("/inbox")
    refusal = {"detail": "Fax 1 is still under way."}
    await visit.route(f"**/api/faxes/{fax}", lambda route: route.fulfill(status=409, json=refusal))
    await row(visit, fax).locator("a.row-link").focus()
    await visit.keyboard.press("Delete")
    await expect(visit.locator(".toast")).to_have_text("Fax 1 is still under way.")
    await expect(row(visit, fax)).to_be_visible()


async def test_a_session_that_ended_is_renewed_in_place(visit: Page, clinic: Clinic) -> None:
    fax = await clinic.add(incoming(caller_name="Later"))
    await visit.goto("/inbox")
    await row(visit, fax).locator("a.row-link").focus()
    await visit.context.clear_cookies()
    await visit.keyboard.press("#")
    await visit.get_by_role("button", name=TEXT["later"]).click()
    await expect(visit.locator(".toast")).to_have_text(TEXT["expiredStay"])
    await row(visit, fax).locator("a.row-link").focus()
    await visit.keyboard.press("#")
    await renew_session(visit)
    await expect(visit.locator(".toast")).to_contain_text(f"Fax {fax} (Later) deleted.")


async def test_the_keys_are_shown_and_can_be_switched_off(visit: Page, clinic: Clinic) -> None:
    await visit.goto("/inbox")
    await expect(visit.locator("li.row").first).to_be_visible()
    await visit.keyboard.press("?")
    dialog = visit.get_by_role("dialog", name="Keys")
    await expect(dialog.get_by_role("row", name="# Delete")).to_be_visible()
    await dialog.get_by_label(TEXT["keysOn"]).uncheck()
    await visit.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await visit.keyboard.press("j")
    await visit.keyboard.press("ArrowDown")
    await expect(visit.locator("li.row").first.locator("a.row-link")).to_be_focused()
    await visit.get_by_role("button", name="Keys").click()
    await visit.get_by_label(TEXT["keysOn"]).check()


async def test_without_javascript_a_sentence_says_so(browser: Browser, clinic: Clinic) -> None:
    context = await browser.new_context(
        base_url=f"http://127.0.0.1:{clinic.office.port}", java_script_enabled=False
    )
    page = await context.new_page()
    await clinic.sign_in(page)
    for address in ("/inbox", "/sent", "/account", f"/faxes/{clinic.known['Dr. Gray']}"):
        await page.goto(address)
        # Chromium parses this as if there were scripts, when they are switched off for a test
        assert TEXT["needsScript"] in (await page.locator("noscript").text_content() or "")
    await context.close()
