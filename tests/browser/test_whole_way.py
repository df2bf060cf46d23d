"""Chromium, the whole daemon in a process of its own, and a call that comes to a good end."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.browser.conftest import listen
from tests.daemon.conftest import House, house
from tests.daemon.scripted_asterisk import sent

__all__ = ["house"]  # the fixture

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_somebody_signs_in_sends_and_signs_out(
    browser: Browser, house: House, pdf: Path, complaints: list[str]
) -> None:
    house.answers.append(lambda _call: sent(1))
    context = await browser.new_context(base_url=house.nexefax.url)
    context.set_default_timeout(20_000)
    page = await context.new_page()
    listen(page, complaints)
    await page.goto("/")
    await page.get_by_label("Account").fill("acme")
    await page.get_by_label("User").fill("bob")
    await page.get_by_label("Password", exact=True).fill("secret")
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_label("To", exact=True).fill("+1 (202) 555-0100")
    await page.get_by_label("Subject").fill("Offer")
    await page.locator("#fax_file").set_input_files(pdf)
    await page.get_by_role("button", name="Send fax").click()
    await expect(page.get_by_role("heading", name="Queued as fax #1")).to_be_visible()
    house.wait_for_state(1, "sent")
    assert house.fax(1).document_name == "Offer 4711.pdf"
    assert house.wait_for_mail("eFax sent to +12025550100")["To"] == "front.desk@acme.example"
    await page.goto("/logout")
    await expect(page.get_by_label("Account")).to_be_visible()
    await page.goto("/send")
    await expect(page).to_have_url(f"{house.nexefax.url}/login")
    await context.close()
    assert complaints == []
