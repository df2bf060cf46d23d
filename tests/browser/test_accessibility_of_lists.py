"""axe-core finds nothing on the inbox, the sent faxes, a fax and the account, with all that opens there."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.browser.axe import check
from tests.browser.clinic import incoming, outgoing
from tests.browser.office import TEXT, Clinic, choose, row

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_inbox(visit: Page, clinic: Clinic) -> None:
    fax = await clinic.add(incoming(caller_name="Looked at"), pages=True)
    await visit.goto("/inbox")
    await expect(row(visit, fax)).to_be_visible()
    await check(visit)
    await row(visit, fax).get_by_role("button", name=f"All actions for fax {fax}").click()
    await expect(visit.get_by_role("menu")).to_be_visible()
    await check(visit)
    await visit.keyboard.press("Escape")
    await choose(visit, fax, "Forward by mail")
    dialog = visit.get_by_role("dialog")
    await dialog.get_by_role("button", name="Forward").click()
    await expect(dialog.get_by_role("alert")).to_have_text(TEXT["addressMissing"])
    await check(visit)
    await visit.keyboard.press("Escape")
    await visit.get_by_role("button", name="Keys").click()
    await expect(visit.get_by_role("dialog", name="Keys")).to_be_visible()
    await check(visit)
    await visit.keyboard.press("Escape")
    await row(visit, fax).locator("a.row-link").focus()
    await visit.keyboard.press("#")
    await expect(visit.locator(".toast")).to_be_visible()
    await check(visit)
    await visit.goto("/inbox?q=nobody-is-called-so&since=2026-01-01")
    await expect(visit.get_by_text(TEXT["nothingFound"])).to_be_visible()
    await check(visit)


async def test_the_sent_faxes(visit: Page) -> None:
    await visit.goto("/sent")
    group = visit.get_by_role("button", name=re.compile("^6 recipients"))
    await expect(group).to_be_visible()
    await check(visit)
    await group.click()
    await expect(group).to_have_attribute("aria-expanded", "true")
    await check(visit)
    await visit.get_by_role("button", name=TEXT["actionsForGroup"]).click()
    await visit.get_by_role("menuitem", name=re.compile("^Cancel")).click()
    await expect(visit.get_by_role("dialog")).to_be_visible()
    await check(visit)


async def test_sending_again(visit: Page, clinic: Clinic) -> None:
    fax = await clinic.add(outgoing(to_name="Looked at"), pages=True)
    await visit.goto("/sent")
    await choose(visit, fax, TEXT["resend"])
    dialog = visit.get_by_role("dialog", name=f"Send fax {fax} again")
    await dialog.get_by_label("To").fill("555-CALL")
    await dialog.get_by_role("button", name="Send fax").click()
    await expect(dialog.get_by_role("alert")).not_to_be_empty()
    await check(visit)


async def test_the_page_of_a_fax(visit: Page, clinic: Clinic) -> None:
    received, sent = clinic.known["St. Mary Radiology"], clinic.known["County Hospital"]
    await visit.goto(f"/faxes/{received}")
    await expect(visit.get_by_role("heading", name="Fax from St. Mary Radiology")).to_be_visible()
    await check(visit)
    await visit.goto(f"/faxes/{sent}")
    await expect(visit.get_by_role("heading", name="Fax to County Hospital")).to_be_visible()
    await check(visit)
    await visit.goto("/faxes/99999")
    await check(visit)


async def test_the_account(visit: Page, clinic: Clinic) -> None:
    accounts = clinic.office.installation.folder / "accounts.conf"
    accounts.write_text(accounts.read_text().replace("[ACME]\n", "[ACME]\nadmins=bob.smith\n"))
    clinic.office.installation.reload()
    await visit.goto("/account")
    await expect(visit.get_by_role("button", name="New user")).to_be_visible()
    await visit.get_by_role("button", name="Change password").click()
    await expect(visit.locator("#password-problem")).to_have_text(TEXT["passwordMissing"])
    await check(visit)
    await visit.get_by_role("button", name="New token").click()
    dialog = visit.get_by_role("dialog", name="New token")
    await check(visit)
    await dialog.get_by_label("Name").fill("Looked at")
    await dialog.get_by_role("button", name=TEXT["tokenMake"]).click()
    made = visit.get_by_role("dialog", name="Token “Looked at”")
    await expect(made).to_be_visible()
    await check(visit)
    await made.get_by_role("button", name="Close").click()
    await visit.get_by_role("button", name="New user").click()
    await expect(visit.get_by_role("dialog", name="New user")).to_be_visible()
    await check(visit)


async def test_the_password_asked_for_in_place(visit: Page) -> None:
    await visit.goto("/inbox")
    await expect(visit.locator("li.row").first).to_be_visible()
    await visit.context.clear_cookies()
    await visit.get_by_text("New", exact=True).click()
    await expect(visit.get_by_role("dialog", name=TEXT["expiredTitle"])).to_be_visible()
    await check(visit)
