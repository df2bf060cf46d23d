"""The clinic before a browser: its site, with faxes of all kinds, as somebody who is signed in sees it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace

from playwright.async_api import Locator, Page

from nexefax.fax import records
from nexefax.fax.records import Fax
from nexefax.web.pages import RESOURCES
from nexefax.web.sessions import COOKIE
from nexefax.web.templates import read_text
from tests.browser.clinic import put_pages
from tests.web.ground import PASSWORD
from tests.web.office import Office

TEXT = read_text(RESOURCES / "js" / "text.js")


@dataclass
class Clinic:
    """The site and what is in it; ``known`` has the numbers of the faxes by whom they are from or to."""

    office: Office
    known: Mapping[str, int]

    async def add(self, fax: Fax, *, pages: bool = False) -> int:
        """Another fax, perhaps with pages to look at."""
        number = await self.office.add(fax)
        if pages:
            put_pages(self.office.folders, number, fax.direction, fax.pages or 1)
        return number

    async def change(self, fax: int, **fields: object) -> None:
        """Let something happen to a fax."""

        def write(connection: sqlite3.Connection) -> None:
            known = records.load_fax(connection, fax)
            assert known is not None
            records.save_fax(connection, replace(known, **fields))  # type: ignore[arg-type]

        await self.office.journal.write(write)

    async def sign_in(self, page: Page) -> None:
        """Let the page's context have bob.smith's session."""
        await page.context.add_cookies(
            [{"name": COOKIE, "value": self.office.bob.cookie, "url": f"http://127.0.0.1:{self.office.port}"}]
        )


def row(page: Page, fax: int) -> Locator:
    """The row of a fax in a list."""
    return page.locator(f"#fax-{fax}")


async def renew_session(page: Page) -> None:
    """Answer the dialog that asks for the password."""
    dialog = page.get_by_role("dialog", name=TEXT["expiredTitle"])
    await dialog.get_by_label(re.compile("^Password")).fill(PASSWORD)
    await dialog.get_by_role("button", name=TEXT["continue"]).click()


async def choose(page: Page, fax: int, action: str) -> None:
    """Choose an action from the menu of a row."""
    await row(page, fax).get_by_role("button", name=f"All actions for fax {fax}").click()
    await page.get_by_role("menuitem", name=action, exact=True).click()
