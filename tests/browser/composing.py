"""Somebody at the compose page, before the real site with a real worker that draws pages and calls nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from nexefax.fax.records import Fax, faxes_in
from nexefax.web.pages import RESOURCES
from nexefax.web.templates import read_text
from tests.browser.conftest import listen
from tests.browser.slow_line import lose_answer
from tests.documents import pdf_bytes
from tests.web.composing import Desk, open_desk
from tests.web.ground import Installation
from tests.web.running import open_journal

TEXT = read_text(RESOURCES / "js" / "text.js")
NUMBER = "+1 (202) 555-0199"
WRITTEN = "+1 202 555 0199"

PASTE = """([text, id]) => {
    const data = new DataTransfer();
    data.setData("text/plain", text);
    document.getElementById(id).focus();
    document.getElementById(id).dispatchEvent(
        new ClipboardEvent("paste", { bubbles: true, cancelable: true, clipboardData: data }));
}"""
DROP = """([type, names]) => {
    const data = new DataTransfer();
    for (const name of names) data.items.add(new File(["A note.\\n"], name, { type: "text/plain" }));
    document.getElementById("drop").dispatchEvent(new DragEvent(type, {
        bubbles: true, cancelable: true, dataTransfer: data,
    }));
}"""


@dataclass
class Compose:
    """The page, its parts by the names that people read, and the desk behind it."""

    page: Page
    desk: Desk
    folder: Path

    @property
    def to(self) -> Locator:
        return self.page.get_by_label("To", exact=True)

    @property
    def subject(self) -> Locator:
        return self.page.get_by_label("Subject")

    @property
    def message(self) -> Locator:
        return self.page.get_by_label("Message")

    @property
    def chips(self) -> Locator:
        return self.page.get_by_role("list", name="Recipients").get_by_role("listitem")

    @property
    def papers(self) -> Locator:
        return self.page.get_by_role("list", name="Documents").get_by_role("listitem")

    @property
    def cards(self) -> Locator:
        return self.page.locator("#sheets > li")

    @property
    def problem(self) -> Locator:
        return self.page.locator("#problem")

    @property
    def status(self) -> Locator:
        return self.page.locator("#live")

    @property
    def send_button(self) -> Locator:
        return self.page.locator("#send")

    @property
    def done(self) -> Locator:
        return self.page.locator("#done-title")

    @property
    def draft(self) -> str:
        """The draft's id, as the address has it."""
        return self.page.url.partition("draft=")[2]

    async def open(self, address: str = "/send") -> None:
        await self.page.goto(address)
        await expect(self.page.locator("html.js")).to_be_attached()

    def file(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path

    async def add(self, *files: Path) -> None:
        await self.page.locator("#fax_file").set_input_files(files)

    async def add_pdf(self, name: str = "Offer 4711.pdf", pages: int = 1) -> Path:
        path = self.file(name, pdf_bytes(pages))
        await self.add(path)
        return path

    async def fill(self) -> None:
        """All that the beta's form had."""
        await self.to.fill(NUMBER)
        await self.subject.fill("Offer")
        await self.message.fill("Hello\nthere")
        await self.add_pdf()
        await expect(self.papers).to_contain_text(["Offer 4711.pdf"])

    async def expect_untouched(self) -> None:
        await expect(self.chips).to_have_text([WRITTEN])
        await expect(self.subject).to_have_value("Offer")
        await expect(self.message).to_have_value("Hello\nthere")
        await expect(self.papers).to_contain_text(["Offer 4711.pdf"])

    async def expect_saved(self) -> None:
        """The server knows everything."""
        await expect(self.page.locator("#saved")).to_have_text(TEXT["savingSaved"])

    async def expect_ready(self, pages: int) -> None:
        """All pages are there, and drawn."""
        await expect(self.cards).to_have_count(pages)
        await expect(self.page.locator("#sheets > .drawing")).to_have_count(0)

    async def expect_quiet(self) -> None:
        """The server knows everything, all pages are drawn, and the page has no more to ask."""
        await self.expect_saved()
        await expect(self.page.locator("#sheets > li").first).to_be_attached()
        await expect(self.page.locator("#early")).to_be_empty()

    async def send(self) -> None:
        await self.send_button.click()

    async def faxes(self) -> list[Fax]:
        """What was accepted, in its order."""
        states = ("queued", "rendering", "ready", "calling", "failed")
        found = await self.desk.office.journal.read(lambda connection: faxes_in(connection, *states))
        return sorted(found, key=lambda fax: fax.id)

    async def saved(self) -> Any:
        """The draft as the server has it."""
        return await self.desk.bob.look(self.draft)

    async def end_session(self) -> None:
        await self.page.evaluate("fetch('/logout')")

    async def send_unanswered(self) -> None:
        """Send; it arrives, and its answer gets lost."""
        await lose_answer(self.page, "**/send")
        await self.send()
        await expect(self.problem).to_have_text(TEXT["lost"])


@asynccontextmanager
async def compose_page(
    browser: Browser, installation: Installation, folder: Path, **context: Any
) -> AsyncIterator[Compose]:
    """Bob before an empty compose page."""
    data_dir = folder / "data"
    async with open_journal(data_dir) as journal, open_desk(installation, journal, folder) as desk:
        site = f"http://127.0.0.1:{desk.office.port}"
        window = await browser.new_context(base_url=site, **context)
        window.set_default_timeout(20_000)
        await window.add_cookies([{"name": "nexefax-session", "value": desk.bob.client.cookie, "url": site}])
        compose = Compose(await window.new_page(), desk, folder)
        try:
            await compose.open()
            yield compose
        finally:
            await window.close()


@pytest_asyncio.fixture(loop_scope="session")
async def compose(
    browser: Browser, installation: Installation, tmp_path: Path, complaints: list[str]
) -> AsyncIterator[Compose]:
    async with compose_page(browser, installation, tmp_path) as compose:
        listen(compose.page, complaints)
        yield compose
    assert complaints == []
