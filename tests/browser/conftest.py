"""Chromium before the real site; console errors and pages' exceptions fail a test unless it expects them.

One Chromium serves all tests, each with a context (cookies, storage) of its own; so they share one event loop.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect

from tests.browser.clinic import fill
from tests.browser.office import Clinic
from tests.browser.pdf import small_pdf
from tests.web.client import Client
from tests.web.ground import Installation, Tray
from tests.web.office import run_office
from tests.web.running import Running, open_journal, run_site

CHROMIUM = "/usr/bin/chromium"
expect.set_options(timeout=20_000)  # on a machine with much else to do
# In containers without privileges or a large /dev/shm, and without a screen.
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path / "etc")


@pytest.fixture
def tray() -> Tray:
    return Tray()


@pytest_asyncio.fixture(loop_scope="session")
async def running(installation: Installation, tray: Tray, tmp_path: Path) -> AsyncIterator[Running]:
    async with open_journal(tmp_path / "data") as journal, run_site(installation, journal, tray) as running:
        yield running


@pytest.fixture
def client(running: Running) -> Client:
    return Client(running.port)


@pytest.fixture
def complaints() -> list[str]:
    """What the console and uncaught exceptions said; a test that expects some clears it."""
    return []


def listen(page: Page, complaints: list[str]) -> None:
    def hear(message: ConsoleMessage) -> None:
        # Chromium reports every status from 400 on as an error, also those that the page handles.
        if (
            message.type in ("error", "warning")
            and "the server responded with a status of" not in message.text
        ):
            complaints.append(f"{message.type}: {message.text}")

    page.on("console", hear)
    page.on("pageerror", lambda error: complaints.append(f"exception: {error}"))


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser, client: Client, complaints: list[str]) -> AsyncIterator[Page]:
    """A page whose addresses are relative to the site."""
    context = await browser.new_context(base_url=f"http://127.0.0.1:{client.port}")
    context.set_default_timeout(20_000)
    page = await context.new_page()
    listen(page, complaints)
    yield page
    await context.close()
    assert complaints == []


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def clinic(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Clinic]:
    """A clinic's day, shared by the tests of a module: each brings the faxes that it changes."""
    folder = tmp_path_factory.mktemp("clinic")
    installation = Installation(folder / "etc")
    async with (
        open_journal(folder / "data") as journal,
        run_office(folder, installation, journal) as office,
    ):
        known = await journal.write(lambda connection: fill(connection, office.folders))
        yield Clinic(office, known)


@pytest_asyncio.fixture(loop_scope="session")
async def visit(browser: Browser, clinic: Clinic, complaints: list[str]) -> AsyncIterator[Page]:
    """A page of the clinic's site, signed in."""
    context = await browser.new_context(
        base_url=f"http://127.0.0.1:{clinic.office.port}", viewport={"width": 1280, "height": 900}
    )
    context.set_default_timeout(20_000)
    page = await context.new_page()
    await clinic.sign_in(page)
    listen(page, complaints)
    yield page
    await context.close()
    assert complaints == []


@pytest.fixture
def pdf(tmp_path: Path) -> Path:
    path = tmp_path / "Offer 4711.pdf"
    path.write_bytes(small_pdf("Offer 4711"))
    return path
