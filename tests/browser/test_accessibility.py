"""axe-core finds nothing on any page in any state, light and dark."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.axe import check, violations
from tests.browser.test_login_page import sign_in

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


async def test_the_compose_page(page: Page, pdf: Path) -> None:
    await sign_in(page)
    await check(page)
    await page.get_by_role("button", name="Send fax").click()
    await expect(page.locator("[aria-invalid]").first).to_be_visible()
    await check(page)
    await page.locator("#fax_file").set_input_files(pdf)
    await expect(page.locator("#chosen-name")).to_have_text(pdf.name)
    await check(page)
