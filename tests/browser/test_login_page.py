"""The sign-in page in Chromium."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Page, expect

from nexefax.web.pages import RESOURCES
from nexefax.web.templates import read_text
from tests.web.client import Client
from tests.web.ground import PASSWORD

TEXT = read_text(RESOURCES / "js" / "text.js")
pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_signing_in_by_keyboard_alone(page: Page) -> None:
    await page.goto("/")
    await expect(page.get_by_label("Account")).to_be_focused()
    await page.keyboard.type("acme")
    await page.keyboard.press("Tab")
    await page.keyboard.type("bob.smith")
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/send")
    await expect(page.locator(".who")).to_contain_text("bob.smith")


async def test_a_link_from_a_mail_leads_through_the_sign_in_to_the_fax(page: Page) -> None:
    """Here a fax that is not there, whose page stays to be looked at."""
    await page.goto("/faxes/7/fax.pdf")
    await page.wait_for_url("**/login?next=/faxes/7/fax.pdf")
    await page.get_by_label("Account").fill("ACME")
    await page.get_by_label("User").fill("bob.smith")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/faxes/7/fax.pdf")
    await expect(page.locator(".lead")).to_contain_text("The account ACME has no such fax.")


async def test_a_wrong_password_is_told_and_what_was_typed_stays(page: Page) -> None:
    await page.goto("/login")
    await page.get_by_label("Account").fill("ACME")
    await page.get_by_label("User").fill("bob.smith")
    await page.get_by_label("Password").fill("wrong")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_have_text(TEXT["wrongLogin"])
    await expect(page.get_by_label("Account")).to_have_value("ACME")
    await expect(page.get_by_label("Password")).to_be_focused()
    await page.keyboard.type(PASSWORD)  # what was wrong is selected, so typing replaces it
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/send")


async def test_an_empty_field_is_named_before_anything_is_sent(page: Page) -> None:
    await page.goto("/login")
    await page.get_by_label("Account").fill("ACME")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_have_text(TEXT["missingLogin"])
    await expect(page.get_by_label("User")).to_be_focused()


async def test_the_password_can_be_looked_at(page: Page) -> None:
    await page.goto("/login")
    await page.get_by_label("Password").fill("secret")
    await page.get_by_role("button", name="Show").click()
    await expect(page.get_by_label("Password")).to_have_attribute("type", "text")
    await page.get_by_role("button", name="Hide").click()
    await expect(page.get_by_label("Password")).to_have_attribute("type", "password")


async def test_the_account_is_remembered_and_the_way_back_is_closed(page: Page) -> None:
    await sign_in(page)
    await page.get_by_role("link", name="Sign out").click()
    await page.wait_for_url("**/login")
    await expect(page.get_by_label("Account")).to_have_value("ACME")
    await expect(page.get_by_label("User")).to_be_focused()
    await page.go_back()
    await page.wait_for_url("**/login")


async def test_guessing_is_told_with_the_seconds_to_wait(page: Page, client: Client) -> None:
    for guess in range(10):
        await client.post("/api/login", {"account": "ACME", "user": "bob.smith", "password": str(guess)})
    await page.goto("/login")
    await fill(page)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_contain_text("Too many wrong passwords. Try again in")


async def test_a_server_that_is_gone_is_told(page: Page, complaints: list[str]) -> None:
    await page.goto("/login")
    await fill(page)
    await page.route("**/api/login", lambda route: route.abort())
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_have_text(TEXT["unreachable"])
    complaints.clear()


async def test_a_proxys_own_error_page_is_told(page: Page) -> None:
    await page.goto("/login")
    await fill(page)
    await page.route("**/api/login", lambda route: route.fulfill(status=502, body="<h1>Bad Gateway</h1>"))
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_contain_text("status 502")


async def test_signing_in_without_javascript(browser: Browser, client: Client) -> None:
    context = await browser.new_context(base_url=f"http://127.0.0.1:{client.port}", java_script_enabled=False)
    page = await context.new_page()
    await page.goto("/login")
    await page.get_by_label("Account").fill("ACME")
    await page.get_by_label("User").fill("bob.smith")
    await page.get_by_label("Password").fill("wrong")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_have_text(TEXT["wrongLogin"])
    await expect(page.get_by_label("User")).to_have_value("bob.smith")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/send")
    await context.close()


async def fill(page: Page) -> None:
    await page.get_by_label("Account").fill("ACME")
    await page.get_by_label("User").fill("bob.smith")
    await page.get_by_label("Password").fill(PASSWORD)


async def sign_in(page: Page) -> None:
    await page.goto("/login")
    await fill(page)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/send")
