"""Pictures of every page of a clinic's day, to be looked at: ``python -m tests.browser.screenshots FOLDER [PAGE...]``.

Each page at 360, 768 and 1440 pixels, light and dark.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from playwright.async_api import Browser, async_playwright

from tests.api.ground import PASSWORD
from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.browser.riverside import (
    ACCOUNT,
    USER,
    Clinic,
    begin_draft,
    live_a_day,
    make_documents,
    open_clinic,
)

SIZES = {360: 740, 768: 1024, 1440: 900}
PAGES = {
    "login": "/login", "send-empty": "/send", "send": "/send?draft={draft}", "inbox": "/inbox", "sent": "/sent",
    "fax-in": "/faxes/5", "fax-waiting": "/faxes/10", "fax-sent": "/faxes/7", "account": "/account",
    "nothing": "/nothing",
}  # fmt: skip


async def take(browser: Browser, clinic: Clinic, folder: Path, wanted: list[str]) -> None:
    """Write the pictures."""
    draft = await asyncio.to_thread(begin_draft, clinic)
    for width, height in SIZES.items():
        for scheme in ("light", "dark"):
            context = await browser.new_context(
                base_url=clinic.house.nexefax.url, viewport={"width": width, "height": height},
                color_scheme=scheme, reduced_motion="reduce",
            )  # fmt: skip
            page = await context.new_page()
            for name in wanted:
                if name != "login" and not await context.cookies():
                    fields: dict[str, str | float | bool] = {
                        "account": ACCOUNT,
                        "user": USER,
                        "password": PASSWORD,
                    }
                    await context.request.post("/api/login", form=fields)
                await page.goto(PAGES[name].format(draft=draft))
                # The stream of events never ends, so the network is never idle: pictures tell when the page is whole.
                await page.wait_for_function(
                    "() => { for (const image of document.images) image.loading = 'eager';"
                    " return [...document.images].every((image) => image.complete)"
                    " && document.readyState === 'complete' }"
                )
                await page.wait_for_timeout(700)
                await page.screenshot(path=folder / f"{name}-{width}-{scheme}.png", full_page=True)
                print(f"{name}-{width}-{scheme}.png")
            await context.close()


async def main(folder: Path, wanted: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            documents = await make_documents(browser, Path(made))
            (Path(made) / "clinic").mkdir()
            with open_clinic(Path(made) / "clinic", documents) as clinic:
                await asyncio.to_thread(live_a_day, clinic)
                await take(browser, clinic, folder, wanted)
            await browser.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2:] or list(PAGES)))
