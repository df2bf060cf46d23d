"""What a page weighs at its first load, as the browser counts the bytes on the line.

The faxes themselves, which the API tells and draws, are what people came for, and not counted.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.office import Clinic

MOST = 60_000  # bytes: heads, HTML, CSS, JS and SVG
pytestmark = pytest.mark.asyncio(loop_scope="session")


async def weigh(page: Page, load: Callable[[], Awaitable[object]]) -> dict[str, int]:
    """The bytes that came over the line for each address while ``load`` ran, heads included."""
    devtools = await page.context.new_cdp_session(page)
    addresses: dict[str, str] = {}
    weights: dict[str, int] = {}

    def finished(event: dict[str, Any]) -> None:
        address = addresses[event["requestId"]]
        weights[address] = weights.get(address, 0) + round(event["encodedDataLength"])

    devtools.on(
        "Network.requestWillBeSent",
        lambda event: addresses.update({event["requestId"]: event["request"]["url"]}),
    )
    devtools.on("Network.loadingFinished", finished)
    await devtools.send("Network.enable")
    await load()
    await devtools.detach()
    return weights


def assert_light(weights: dict[str, int]) -> None:
    told = "\n".join(
        f"{size:7} {address}" for address, size in sorted(weights.items(), key=lambda pair: -pair[1])
    )
    assert sum(weights.values()) < MOST, told


@pytest.mark.parametrize("address", ["/login", "/nothing"])
async def test_pages_for_anybody_are_light(page: Page, address: str) -> None:
    weights = await weigh(page, lambda: page.goto(address, wait_until="networkidle"))
    assert any(name.endswith(".css") for name in weights)
    assert_light(weights)


@pytest.mark.parametrize("address", ["/send", "/inbox", "/sent", "/faxes/{fax}", "/account"])
async def test_each_page_is_light(browser: Browser, clinic: Clinic, visit: Page, address: str) -> None:
    """In a context that has seen no page yet, but for the session: nothing comes from the cache."""
    fresh = await browser.new_context(
        base_url=f"http://127.0.0.1:{clinic.office.port}", storage_state=await visit.context.storage_state()
    )
    first = await fresh.new_page()
    address = address.format(fax=clinic.known["St. Mary Radiology"])
    weights = await weigh(first, lambda: look_at(first, address))
    assert first.url.endswith(address)
    files = {name: size for name, size in weights.items() if "/api/" not in name}
    assert any(name.endswith("/js/text.js") for name in files)
    assert_light(files)
    await fresh.close()


async def look_at(page: Page, address: str) -> None:
    """Open a page and wait for all that it is made of; the stream of what happens goes on for ever."""
    await page.goto(address)
    await expect(page.get_by_role("heading", level=1)).not_to_be_empty()
    await page.wait_for_function("document.fonts.status === 'loaded'")
