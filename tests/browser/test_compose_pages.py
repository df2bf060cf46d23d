"""Documents and their pages: what is seen is what will be faxed, and each page as one wants it."""

from __future__ import annotations

import asyncio
import random
import re

import pytest
from PIL import Image
from playwright.async_api import Route, expect

from tests.browser.composing import DROP, NUMBER, TEXT, Compose, compose
from tests.browser.slow_line import late_request
from tests.documents import pdf_bytes

__all__ = ["compose"]  # the fixture

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_documents_are_joined_in_the_order_that_one_gives_them(compose: Compose) -> None:
    page = compose.page
    await compose.add(compose.file("one.pdf", pdf_bytes(2)), compose.file("two.txt", b"Two.\n"))
    await compose.expect_ready(3)
    await expect(compose.papers).to_contain_text(["one.pdf", "two.txt"])
    await expect(compose.papers.first).to_contain_text("2 pages")
    await compose.add(compose.file("three.txt", b"Three.\n"))
    await expect(compose.papers).to_contain_text(["one.pdf", "two.txt", "three.txt"])
    up = page.get_by_role("button", name="Move three.txt up")
    await up.focus()
    await page.keyboard.press("Enter")
    await expect(compose.papers).to_contain_text(["one.pdf", "three.txt", "two.txt"])
    await expect(compose.status).to_have_text("three.txt is now document 2.")
    await expect(up).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(compose.papers).to_contain_text(["three.txt", "one.pdf", "two.txt"])
    await compose.expect_ready(4)
    handle = compose.papers.last.locator(".handle")
    await handle.hover()
    await page.mouse.down()
    first = await compose.papers.first.bounding_box()
    assert first is not None
    await page.mouse.move(first["x"] + 10, first["y"] + 5, steps=4)
    await page.mouse.up()
    await expect(compose.papers).to_contain_text(["two.txt", "three.txt", "one.pdf"])
    await compose.expect_saved()
    saved = await compose.saved()
    assert [document["name"] for document in saved["documents"]] == ["two.txt", "three.txt", "one.pdf"]
    keys = await compose.cards.evaluate_all("(cards) => cards.map((card) => card.dataset.key)")
    assert keys == [sheet["key"] for sheet in saved["pages"]]
    await page.get_by_role("button", name="Remove three.txt").click()
    await expect(compose.papers).to_contain_text(["two.txt", "one.pdf"])
    await expect(page.locator(":focus")).to_be_attached()
    await compose.expect_ready(3)
    await compose.to.fill(NUMBER)
    await compose.send()
    await expect(page.locator("#done-document")).to_have_text("two.txt, one.pdf")


async def test_a_page_is_rotated_left_out_and_put_back(compose: Compose) -> None:
    page = compose.page
    await compose.add_pdf(pages=2)
    await compose.expect_ready(2)
    first, second = compose.cards.nth(0), compose.cards.nth(1)
    image = first.locator("img")
    before = await image.get_attribute("src")
    await expect(image).to_have_js_property("complete", value=True)
    await first.get_by_role("button", name="Rotate Page 1").click()
    await expect(compose.status).to_have_text("Page 1 rotated, now 90 degrees.")
    await expect(image).not_to_have_attribute("src", str(before))
    await expect(image).to_have_attribute("data-quarters", "0")  # the picture itself is the turned one now
    await second.get_by_role("button", name="Leave out Page 2").click()
    await expect(second).to_contain_text("Left out")
    await expect(page.locator("#pages-title")).to_contain_text("1 page,")
    await expect(page.locator("#total")).to_contain_text("1 page,")
    await second.get_by_role("button", name="Put back").click()
    await expect(second).not_to_contain_text("Left out")
    await expect(compose.status).to_contain_text("is sent again")
    await first.get_by_role("combobox").select_option("Photo")
    await expect(compose.status).to_have_text("Page 1: Photo.")
    await compose.expect_ready(2)
    await compose.expect_saved()
    saved = (await compose.saved())["pages"]
    assert [(one["turn"], one["tone"], one["left_out"]) for one in saved] == [
        (1, "photo", False),
        (0, "auto", False),
    ]
    await compose.to.fill(NUMBER)
    await compose.send()
    await expect(compose.done).to_have_text("Queued as fax #1")
    fax = await compose.desk.rendered(1)
    assert fax.pages == 2
    dialled = compose.desk.pages(1)
    plain = Image.new("1", dialled[0].size)
    assert dialled[0].tobytes() != dialled[1].tobytes() != plain.tobytes()


async def test_one_page_is_looked_at_large_by_keys(compose: Compose) -> None:
    page = compose.page
    await compose.add_pdf(pages=3)
    await compose.expect_ready(3)
    first = compose.cards.first.locator(".look")
    await first.focus()
    await page.keyboard.press("ArrowRight")
    await expect(compose.cards.nth(1).locator(".look")).to_be_focused()
    await page.keyboard.press("Delete")
    await expect(compose.cards.nth(1)).to_have_class(re.compile("left-out"))
    await page.keyboard.press("Delete")
    await page.keyboard.press("Home")
    await page.keyboard.press("Enter")
    viewer = page.get_by_role("dialog", name="Page 1")
    await expect(viewer).to_be_visible()
    image = page.locator("#viewer-image")
    await expect(image).to_have_attribute("src", re.compile("size=page"))
    await page.keyboard.press("+")
    await expect(image).to_have_attribute("src", re.compile("size=full"))
    await expect(image).to_have_js_property("naturalWidth", 1728)  # the very pixels of the line
    await page.keyboard.press("-")
    await page.keyboard.press("PageDown")
    await expect(page.locator("#viewer-title")).to_have_text("Page 2")
    await expect(page.locator("#viewer-about")).to_contain_text("2 of 3")
    await page.keyboard.press("r")
    await expect(compose.status).to_have_text("Page 2 rotated, now 90 degrees.")
    await page.keyboard.press("Escape")
    await expect(page.locator("#viewer")).to_be_hidden()
    await expect(compose.cards.nth(1).locator(".look")).to_be_focused()


async def test_the_cover_page_comes_first_and_shows_in_the_preview(compose: Compose) -> None:
    page = compose.page
    await compose.fill()
    await compose.expect_ready(1)
    cover = page.get_by_role("switch", name="Cover page")
    await expect(cover).not_to_be_checked()
    await expect(page.locator("#message-hint")).to_have_text(TEXT["noteHint"])
    await cover.focus()
    await page.keyboard.press("Space")
    await expect(page.locator("#message-hint")).to_have_text(TEXT["notePrinted"])
    await compose.expect_ready(2)
    await expect(compose.cards.first).to_contain_text("Cover")
    await expect(compose.cards.first.get_by_role("button")).to_have_count(1)  # nothing but to look at it
    await expect(page.locator("#total")).to_contain_text("2 pages")
    await cover.uncheck()
    await expect(compose.cards).to_have_count(1)
    await cover.check()
    await compose.expect_ready(2)
    await compose.send()
    await expect(compose.done).to_have_text("Queued as fax #1")
    assert (await compose.desk.rendered(1)).pages == 2


async def test_what_is_to_be_known_of_a_cover_page_is_said_beside_its_switch(compose: Compose) -> None:
    await compose.fill()
    await compose.message.fill("Here: \U000f1234")  # for private use: no font has it
    await compose.page.get_by_role("switch", name="Cover page").check()
    await expect(compose.page.locator("#cover-notes")).to_contain_text("no font: \U000f1234")
    installation = compose.desk.office.installation
    template = installation.folder / "cover.html"
    template.write_text("<p>{{no_such_thing}}</p>")
    accounts = installation.folder / "accounts.conf"
    accounts.write_text(accounts.read_text().replace("[ACME]", f"[ACME]\ncover_template={template}"))
    installation.reload()
    await compose.message.fill("Hello")
    await expect(compose.page.locator("#cover-error")).to_contain_text("cover_template")
    await compose.send()
    await expect(compose.page.locator("#cover")).to_be_focused()
    assert await compose.faxes() == []


async def test_standard_takes_less_time_and_is_what_is_sent(compose: Compose) -> None:
    page = compose.page
    await compose.fill()
    await compose.expect_ready(1)
    fine = (await compose.saved())["seconds"]
    await page.get_by_role("radio", name="Standard").check()
    await expect(page.locator("#quality-hint")).to_have_text(TEXT["standardHint"])
    await expect(compose.cards.locator("img")).to_have_attribute("src", re.compile("standard"))
    await compose.expect_quiet()
    assert (await compose.saved())["seconds"] < fine
    await compose.send()
    await expect(compose.done).to_have_text("Queued as fax #1")
    assert "standard" in (await compose.desk.rendered(1)).resolution


async def test_pages_that_take_long_are_told_with_what_helps(compose: Compose) -> None:
    page = compose.page
    noise = Image.frombytes("L", (850, 1100), random.Random(1).randbytes(850 * 1100))
    path = compose.folder / "noise.png"
    noise.save(path, dpi=(100, 100))
    compose.desk.office.installation.configure(general=f"{compose.desk.general}\ntx_page_minutes=1")
    await compose.add(path)
    warning = page.locator("#slow")
    await expect(warning).to_contain_text(re.compile(r"Page 1 takes about \d+ minutes? on the line"))
    await expect(compose.cards.first).to_have_class(re.compile("slow"))
    await warning.get_by_role("button", name="Use standard resolution").click()
    await expect(page.get_by_role("radio", name="Standard")).to_be_checked()
    await expect(warning.get_by_role("button", name="Use standard resolution")).to_have_count(0)
    await compose.cards.first.get_by_role("button", name="Leave out").click()
    await expect(warning).to_be_hidden()


async def test_what_cannot_be_faxed_is_refused_at_once(compose: Compose) -> None:
    files = {
        "sound.mp3": (b"ID3\x04\0\0\0", "“sound.mp3” is nothing that can be faxed."),
        "empty.pdf": (b"", "“empty.pdf” is empty."),
        "large.pdf": (b"%PDF-" + b"x" * (1 << 20), "“large.pdf” has 1 MB; at most 1 MB can be sent."),
    }
    for name, (content, sentence) in files.items():
        await compose.add(compose.file(name, content))
        await expect(compose.page.locator("#fax_file-error")).to_contain_text(sentence)
        await expect(compose.papers).to_have_count(0)
    # Of several the good ones are taken, and each bad one is named.
    await compose.add(*(compose.folder / name for name in files), compose.file("note.txt", b"A note.\n"))
    for _content, sentence in files.values():
        await expect(compose.page.locator("#fax_file-error")).to_contain_text(sentence)
    await expect(compose.papers).to_contain_text(["note.txt"])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("mail.pdf", b"\xef\xbb\xbf\r\n%PDF-1.4 and so on"),
        ("scan.tif", b"II*\0\x08\0\0\0"),
        ("big.tif", b"MM\0+\0\x08\0\0"),
        ("photo.jpg", b"\xff\xd8\xff\xe0 broken"),
        ("dot.png", b"\x89PNG\r\n\x1a\n broken"),
        ("notes.txt", "Grüße".encode()),
        ("notes-16.txt", "Grüße".encode("utf-16")),
        ("letter.docx", b"PK\x03\x04\x14\0"),
    ],
)
async def test_what_can_be_faxed_is_known_by_its_first_bytes(
    compose: Compose, name: str, content: bytes
) -> None:
    faxable = await compose.page.evaluate(
        """async ([name, bytes]) => (await import("/res/js/kind.js")).isFaxable(
            new File([new Uint8Array(bytes)], name))""",
        [name, list(content)],
    )
    assert faxable


async def test_a_document_that_turns_out_to_be_broken_says_why_and_is_in_the_way(compose: Compose) -> None:
    await compose.to.fill(NUMBER)
    await compose.add(compose.file("broken.pdf", b"%PDF-1.4 nothing"), compose.file("note.txt", b"A note.\n"))
    await expect(compose.papers.first.locator(".error")).not_to_be_empty()
    await compose.expect_ready(1)
    await compose.send()
    await expect(compose.page.locator("#fax_file-error")).to_contain_text("Remove it, then send.")
    assert await compose.faxes() == []
    await compose.page.get_by_role("button", name="Remove broken.pdf").click()
    await expect(compose.status).to_have_text("broken.pdf removed.")
    await compose.send()
    await expect(compose.done).to_have_text("Queued as fax #1")


async def test_a_document_is_out_of_the_way_before_the_server_has_dropped_it(compose: Compose) -> None:
    await compose.to.fill(NUMBER)
    await compose.add(compose.file("broken.pdf", b"%PDF-1.4 nothing"), compose.file("note.txt", b"A note.\n"))
    await compose.expect_ready(1)
    await expect(compose.papers.first.locator(".error")).not_to_be_empty()
    await compose.send()
    await expect(compose.page.locator("#fax_file-error")).to_contain_text("Remove it, then send.")
    async with late_request(compose.page, "**/documents/*"):
        await compose.page.get_by_role("button", name="Remove broken.pdf").click()
        await expect(compose.papers).to_have_count(1)
        await expect(compose.page.locator("#fax_file-error")).to_be_empty()
        await compose.send()
        await expect(compose.page.locator("#transfer-say")).to_have_text(TEXT["handing"])
    await expect(compose.done).to_have_text("Queued as fax #1")


async def test_pages_go_with_their_document_at_once_and_come_back_where_it_stays(
    compose: Compose, complaints: list[str]
) -> None:
    await compose.add_pdf("first.pdf", pages=2)
    await compose.expect_ready(2)
    await compose.add_pdf("second.pdf")
    await compose.expect_ready(3)
    await expect(compose.page.locator("#early")).to_be_empty()
    async with late_request(compose.page, "**/documents/*", lost=True):
        await compose.page.get_by_role("button", name="Remove first.pdf").click()
        await expect(compose.cards).to_have_count(1)
        await expect(compose.papers).to_contain_text(["second.pdf"])
    await expect(compose.papers).to_contain_text(["first.pdf", "second.pdf"])
    await expect(compose.cards).to_have_count(3)
    await expect(compose.page.locator("#fax_file-error")).not_to_be_empty()
    complaints.clear()  # Chromium complains that the request was lost


async def test_documents_are_dropped_anywhere_and_pasted(compose: Compose) -> None:
    page = compose.page
    await page.evaluate(DROP, ["dragenter", ["a.txt"]])
    await expect(page.locator("#drop-say")).to_have_text(TEXT["dropNow"])
    await page.evaluate(DROP, ["dragleave", ["a.txt"]])
    await expect(page.locator("#drop-say")).to_contain_text(TEXT["dropHere"])
    await page.evaluate(DROP, ["drop", ["a.txt", "b.txt"]])
    await expect(compose.papers).to_contain_text(["a.txt", "b.txt"])
    await page.evaluate(
        """() => {
            const data = new DataTransfer();
            data.items.add(new File(["A note.\\n"], "pasted.txt", { type: "text/plain" }));
            document.body.dispatchEvent(
                new ClipboardEvent("paste", { bubbles: true, cancelable: true, clipboardData: data }));
        }"""
    )
    await expect(compose.papers).to_contain_text(["a.txt", "b.txt", "pasted.txt"])


async def test_an_upload_shows_its_progress_and_can_be_stopped(compose: Compose) -> None:
    large = compose.file("large.pdf", b"%PDF-1.4\n" + random.Random(1).randbytes(1_000_000))
    line = await compose.page.context.new_cdp_session(compose.page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 100_000}
    await compose.subject.fill("Offer")
    await compose.expect_saved()
    await line.send("Network.enable")
    await line.send("Network.emulateNetworkConditions", slow)
    await compose.add(large, compose.file("note.txt", b"A note.\n"))
    await expect(compose.papers.first).to_contain_text(re.compile("Uploading, [1-9]"))
    assert await compose.papers.first.locator("progress").evaluate("(bar) => bar.value > 0")
    await expect(compose.papers.last).to_contain_text(TEXT["uploadWaits"])
    await compose.page.get_by_role("button", name="Stop the upload of large.pdf").click()
    await expect(compose.papers).to_have_count(1)
    await compose.expect_ready(1)  # the other one goes on
    while compose.desk.office.installation.leftovers():
        await asyncio.sleep(0.02)
    assert [document["name"] for document in (await compose.saved())["documents"]] == ["note.txt"]


async def test_an_upload_that_breaks_can_be_tried_again(compose: Compose, complaints: list[str]) -> None:
    await compose.page.route("**/documents?*", lambda route: route.abort(), times=1)
    await compose.add(compose.file("note.txt", b"A note.\n"))
    await expect(compose.papers.get_by_role("alert")).to_have_text(TEXT["uploadLost"])
    complaints.clear()
    await compose.to.fill(NUMBER)
    await compose.send()
    await expect(compose.page.locator("#fax_file-error")).to_have_text(TEXT["documentMissing"])
    await compose.papers.get_by_role("button", name="Try again").click()
    await compose.expect_ready(1)


async def test_a_document_that_changed_on_disk_is_said(compose: Compose, complaints: list[str]) -> None:
    held = asyncio.Event()

    async def hold(route: Route) -> None:
        await held.wait()
        await route.continue_()

    await compose.page.route("**/api/drafts", hold, times=1)
    path = compose.file("note.txt", b"A note.\n")
    await compose.add(path)
    await expect(compose.papers).to_contain_text(["note.txt"])
    path.unlink()
    held.set()
    await expect(compose.page.locator("#fax_file-error")).to_contain_text("can’t be read any more")
    await expect(compose.papers).to_have_count(0)
    complaints.clear()


async def test_a_hundred_pages_stay_quick(compose: Compose) -> None:
    """Only the pictures in sight are fetched, the Tab key stops once, and a change redraws one card."""
    page = compose.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if ".png" in request.url else None)
    await compose.add_pdf(pages=100)
    await compose.expect_ready(100)
    await expect(page.locator("#pages-title")).to_contain_text("100 pages")
    assert 0 < len({address.split("?")[0] for address in asked}) < 60
    stops = (
        "(list) => [...list.querySelectorAll('button, select')].filter((one) => one.tabIndex === 0).length"
    )
    assert await page.locator("#sheets").evaluate(stops) == 4
    await page.evaluate(
        """() => {
            window.changed = new Set();
            new MutationObserver((records) => {
                for (const { target } of records) window.changed.add(target.closest?.("#sheets > li")?.dataset.key);
            }).observe(document.getElementById("sheets"), { subtree: true, childList: true, attributes: true });
        }"""
    )
    await compose.cards.nth(99).get_by_role("combobox").select_option("Photo")
    await compose.expect_saved()
    await expect(compose.cards.nth(99).locator("img")).to_have_attribute("src", re.compile("photo"))
    assert await page.evaluate("[...window.changed].filter((key) => key)") == ["1.100"]
    await compose.to.fill(NUMBER)
    await compose.send()
    await expect(compose.done).to_have_text("Queued as fax #1")
