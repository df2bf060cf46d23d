"""The whole way, nothing stood in for: two people at their browsers, and a real Asterisk between them."""

from __future__ import annotations

import asyncio
import base64
import io
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.async_api import Browser, Page, expect

from compare_pages import compare_page
from tests.asterisk.office import Office, open_office, words
from tests.browser.conftest import listen
from tests.documents import pdf_bytes

ON_THE_LINE = 240_000  # milliseconds; a limit for a slow machine, never a duration
# Files as somebody lets them fall upon the page.
DROP = """([files]) => {
    const data = new DataTransfer();
    for (const {name, type, content} of files) {
        data.items.add(new File([Uint8Array.from(atob(content), (sign) => sign.charCodeAt(0))], name, {type}));
    }
    for (const kind of ["dragenter", "dragover", "drop"]) {
        document.getElementById("drop").dispatchEvent(
            new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer: data}));
    }
}"""
# The draft as soon as the server knows all that was chosen, and has drawn it.
SETTLED = """async (address) => {
    for (;;) {
        const draft = await (await fetch(address)).json();
        const chosen = draft.pages.map(({turn, left_out}) => `${turn} ${left_out}`).join();
        if (!draft.busy && draft.cover && draft.subject === "Offer 4711" && draft.recipients.length === 1
            && chosen === "1 false,0 true,0 false") return draft;
        await new Promise((resume) => setTimeout(resume, 100));
    }
}"""
pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("journey")]


@pytest.fixture
def office() -> Iterator[Office]:
    """Two accounts on one Asterisk, in a folder whose name is short enough for its control socket."""
    folder = Path(tempfile.mkdtemp(prefix="nx-"))
    try:
        with open_office(folder) as office:
            yield office
    finally:
        shutil.rmtree(folder)


async def sit_down(browser: Browser, office: Office, account: str, complaints: list[str]) -> Page:
    """Somebody of an account who has just signed in."""
    context = await browser.new_context(base_url=office.nexefax.url)
    context.set_default_timeout(30_000)
    page = await context.new_page()
    listen(page, complaints)
    await page.goto("/")
    await page.get_by_label("Account").fill(account)
    await page.get_by_label("User").fill("bob")
    await page.get_by_label("Password", exact=True).fill("secret")
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/send")
    return page


async def stay(page: Page) -> None:
    """Whatever is seen from now on came without loading the page again."""
    await page.evaluate("window.stayed = true")


async def picture(page: Page, address: str) -> Image.Image:
    """The pixels of a page, as the API gives them to whoever is signed in there."""
    reply = await page.request.get(address)
    assert reply.ok, address
    with Image.open(io.BytesIO(await reply.body())) as image:
        return image.convert("1")


async def compose(page: Page) -> list[Image.Image]:
    """Two documents with a cover, a page rotated and one left out; what the preview shows of what is sent."""
    files = [
        {
            "name": "Offer 4711.pdf",
            "type": "application/pdf",
            "content": base64.b64encode(pdf_bytes(2)).decode(),
        },
        {
            "name": "Note.txt",
            "type": "text/plain",
            "content": base64.b64encode(b"With kind regards\n").decode(),
        },
    ]
    await page.evaluate(DROP, [files])
    await page.get_by_role("switch", name="Cover page").check()
    await page.get_by_label("Subject").fill("Offer 4711")
    await page.get_by_label("To", exact=True).fill("Smith <2001>")
    cards = page.locator("#sheets > li")
    await expect(cards).to_have_count(4)
    await cards.nth(1).get_by_role("button", name="Rotate").click()
    await cards.nth(2).get_by_role("button", name="Leave out").click()
    await expect(cards.nth(2).get_by_role("button", name="Put back")).to_be_visible()
    draft_address = f"/api/drafts/{page.url.partition('draft=')[2]}"
    async with asyncio.timeout(60):
        draft = await page.evaluate(SETTLED, draft_address)
    sent = [*draft["cover_pages"], *(one for one in draft["pages"] if not one["left_out"])]
    assert len(sent) == draft["page_count"] == 3
    return [await picture(page, f"{one['image']}&size=full") for one in sent]


async def test_what_one_sees_is_what_the_other_gets(
    browser: Browser, office: Office, complaints: list[str]
) -> None:
    receiver = await sit_down(browser, office, "Smith-Sons", complaints)
    await receiver.goto("/inbox")
    await expect(receiver.get_by_role("heading", level=1)).to_be_visible()
    await stay(receiver)
    sender = await sit_down(browser, office, "ACME", complaints)
    preview = await compose(sender)
    await sender.locator("#send").click()
    await expect(sender.locator("#done-title")).to_have_text("Queued as fax #1")

    await sender.get_by_role("link", name=re.compile("^Sent")).first.click()
    await stay(sender)
    state = sender.locator("#fax-1 .state")
    await expect(state).to_contain_text("Calling", timeout=ON_THE_LINE)
    await expect(state).to_have_text(re.compile("^Sent"), timeout=ON_THE_LINE)

    row = receiver.locator("li.row")
    await expect(row).to_contain_text("3 pages", timeout=ON_THE_LINE)
    await expect(row).to_contain_text("ACME Corporation")
    await expect(receiver).to_have_title(re.compile(r"^\(1\) "))
    for page in (sender, receiver):
        assert await page.evaluate("window.stayed === true")

    await row.locator("a.row-link").click()
    await expect(receiver.get_by_role("heading", name="Fax from ACME Corporation")).to_be_visible()
    (received,) = office.wait_for_received(1)
    assert receiver.url == f"{office.nexefax.url}/faxes/{received.id}"
    for number, shown in enumerate(preview, 1):
        came = await picture(receiver, f"/api/faxes/{received.id}/pages/{number}.png?size=full")
        difference = compare_page(number, shown, came)
        assert (difference.pixels, difference.header_rows) == (0, 32), difference
    assert (await receiver.request.get(f"/api/faxes/{received.id}/pages/4.png")).status == 404
    await expect(receiver).to_have_title(re.compile(r"^(?!\()"))  # read by now

    report = await sender.request.get("/api/faxes/1/report.pdf")
    assert (report.status, report.headers["content-type"]) == (200, "application/pdf")
    notice = office.wait_for_mail("eFax sent to 2001")
    (attached,) = (
        part for part in notice.iter_attachments() if str(part.get_filename()).endswith("-report.pdf")
    )
    assert attached.get_content().startswith(b"%PDF-")
    assert "ACME Corporation" in words(office.wait_for_mail("New eFax Received", "smith@sons.example"))
    assert (await receiver.request.get("/api/faxes/1")).status == 404  # the other side's fax is theirs
    assert office.asterisk.invites() == ["2001"]
    for page in (sender, receiver):
        await page.context.close()
    assert complaints == []
