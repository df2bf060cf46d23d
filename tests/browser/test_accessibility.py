"""axe-core finds nothing on any page in any state, light and dark."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.axe import check, violations
from tests.browser.composing import compose_page
from tests.web.ground import Installation

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_axe_finds_what_is_wrong(page: Page) -> None:
    """Else an axe that did not run would pass every page."""
    await page.goto("/login")
    await page.locator("#account").evaluate("(field) => field.labels[0].remove()")
    await page.locator("h1").evaluate("(heading) => { heading.style.color = '#ddd'; }")
    found = "\n".join(await violations(page))
    assert "label: Form elements must have labels" in found
    assert "color-contrast" in found


async def test_signing_in(page: Page) -> None:
    await page.goto("/login")
    await check(page)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).not_to_be_empty()
    await check(page)


async def test_a_page_that_is_not_there(page: Page) -> None:
    await page.goto("/nothing")
    await check(page)


async def test_the_compose_page(browser: Browser, installation: Installation, tmp_path: Path) -> None:
    async with compose_page(browser, installation, tmp_path) as compose:
        page = compose.page
        await check(page)
        await compose.send()
        await expect(page.locator("[aria-invalid]").first).to_be_visible()
        await check(page)
        await compose.to.fill("Dr. Gray <+1 202 555 0199>, 555-CALL")
        await compose.to.press("Enter")
        await page.locator("#later").check()
        await compose.add(compose.file("broken.pdf", b"%PDF-1.4 nothing"))
        await compose.add_pdf(pages=2)
        await compose.expect_ready(2)
        await compose.cards.last.get_by_role("button", name="Leave out").click()
        await expect(compose.papers.locator(".error")).to_be_visible()
        await check(page)
        await compose.chips.last.locator(".who-to").click()
        await check(page)
        await page.keyboard.press("Escape")
        await compose.cards.first.locator(".look").click()
        await check(page)
        await page.keyboard.press("Escape")
        await compose.chips.last.locator(".who-to").press("Delete")
        await compose.send()
        await expect(page.locator("#fax_file-error")).to_contain_text("Remove it, then send.")
        await check(page)
        await page.get_by_role("button", name="Remove broken.pdf").click()
        await compose.send()
        await expect(compose.done).to_have_text("Queued as fax #1")
        await check(page)
