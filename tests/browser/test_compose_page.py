"""The compose page in Chromium: every action, every error, and nothing ever lost."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from nexefax.errors import DocumentError, JournalError, NumberError
from nexefax.fax.number import clean_number
from tests.browser.conftest import listen
from tests.browser.test_login_page import TEXT, sign_in
from tests.web.client import Client
from tests.web.ground import PASSWORD, Installation, Tray
from tests.web.running import Running

NUMBER = "+1 (202) 555-0199"
pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def compose(page: Page) -> Page:
    await sign_in(page)
    return page


async def fill(page: Page, pdf: Path) -> None:
    await page.get_by_label("To", exact=True).fill(NUMBER)
    await page.get_by_label("Subject").fill("Offer")
    await page.get_by_label("Message").fill("Hello\nthere")
    await page.locator("#fax_file").set_input_files(pdf)
    await expect(page.locator("#chosen-name")).to_have_text(pdf.name)


async def expect_untouched(page: Page, pdf: Path) -> None:
    await expect(page.get_by_label("To", exact=True)).to_have_value(NUMBER)
    await expect(page.get_by_label("Subject")).to_have_value("Offer")
    await expect(page.get_by_label("Message")).to_have_value("Hello\nthere")
    await expect(page.locator("#chosen-name")).to_have_text(pdf.name)


async def send(page: Page) -> None:
    await page.get_by_role("button", name="Send fax").click()


async def test_a_document_is_sent_and_another_after_it(compose: Page, pdf: Path, tray: Tray) -> None:
    await expect(compose.locator(".sender")).to_have_text("ACME Corporation +1 202 555 0154")
    await fill(compose, pdf)
    await expect(compose.locator("#fax_to-hint")).to_have_text("Dials +1 202 555 0199")
    await send(compose)
    done = compose.get_by_role("heading", name="Queued as fax #12")
    await expect(done).to_be_focused()
    await expect(compose.locator("#done-to")).to_have_text("+1 202 555 0199")
    await expect(compose.locator("#done-document")).to_have_text("Offer 4711.pdf")
    (taken,) = tray.taken
    assert taken.document == pdf.read_bytes()
    assert (taken.submission.number, taken.submission.subject) == (NUMBER, "Offer")
    assert (taken.submission.message, taken.submission.document_name) == ("Hello\nthere", "Offer 4711.pdf")
    await compose.get_by_role("link", name="Send another fax").click()
    await expect(compose.get_by_label("To", exact=True)).to_be_focused()
    await expect(compose.get_by_label("To", exact=True)).to_have_value("")
    await expect(compose.locator("#drop")).to_be_visible()
    await fill(compose, pdf)
    await send(compose)
    await expect(compose.get_by_role("heading", name="Queued as fax #13")).to_be_visible()


async def test_the_preview_shows_the_document(compose: Page, pdf: Path) -> None:
    await fill(compose, pdf)
    frame = compose.locator("#preview iframe")
    await expect(frame).to_have_attribute("title", "Preview of Offer 4711.pdf")
    address = await compose.locator("#chosen-open").get_attribute("href")
    assert address is not None
    assert address.startswith("blob:")
    shown = (await frame.get_attribute("src") or "").split("#")[0]
    assert shown == address
    # Chromium's viewer is an extension in a frame of its own, which the policy must let pass.
    while not any(inner.url.startswith("chrome-extension:") for inner in compose.frames):
        await asyncio.sleep(0.05)


async def test_without_a_viewer_the_document_can_still_be_opened(page: Page, pdf: Path) -> None:
    await page.add_init_script("Object.defineProperty(navigator, 'pdfViewerEnabled', {value: false})")
    await sign_in(page)
    await fill(page, pdf)
    await expect(page.locator("#preview")).to_have_text(TEXT["noPreview"])
    await expect(page.get_by_role("link", name="Open")).to_be_visible()


async def test_what_is_missing_is_said_beside_its_field(compose: Page, pdf: Path, tray: Tray) -> None:
    await send(compose)
    await expect(compose.locator("#fax_to-error")).to_have_text(TEXT["toMissing"])
    await expect(compose.locator("#fax_file-error")).to_have_text(TEXT["documentMissing"])
    await expect(compose.get_by_label("To", exact=True)).to_be_focused()
    await compose.get_by_label("To", exact=True).fill("1")
    await expect(compose.locator("#fax_to-error")).to_be_empty()
    await send(compose)
    await expect(compose.locator("#fax_file")).to_be_focused()
    await compose.locator("#fax_file").set_input_files(pdf)
    await expect(compose.locator("#fax_file-error")).to_be_empty()
    assert tray.taken == []


async def test_an_odd_number_is_said_on_leaving_the_field(compose: Page) -> None:
    to = compose.get_by_label("To", exact=True)
    await to.fill("555-CALL")
    await to.blur()
    await expect(compose.locator("#fax_to-error")).to_have_text(
        "A fax number has digits only; “A” can’t be dialled."
    )
    await expect(to).to_have_attribute("aria-invalid", "true")
    await expect(to).to_have_accessible_description(
        f"{TEXT['toHint']} A fax number has digits only; “A” can’t be dialled."
    )


async def test_the_page_knows_the_servers_rules_for_numbers(compose: Page) -> None:
    """The same number, or a refusal, from both; sentences differ in typography only."""
    source = random.Random(4711)
    signs = "0123456789" * 3 + "+*# -().//–\tA٣ "
    samples = ["".join(source.choices(signs, k=source.randint(0, 12))) for _ in range(500)]
    samples += [
        "+49 (0)30 123",
        "+49(0)(0)1",
        "(0)30",
        "**",
        "#",
        "*31#",
        "1" * 40,
        "1" * 41,
        "２０２",
        "ª",
        "1‐2−3",
    ]
    expected = []
    for sample in samples:
        try:
            expected.append(clean_number(sample))
        except NumberError as error:
            expected.append(str(error).replace("'", "’"))
    found: list[str] = await compose.evaluate(
        """async (samples) => {
            const { checkNumber } = await import("/res/js/number.js");
            return samples.map(checkNumber).map(({ number, problem }) => number || problem);
        }""",
        samples,
    )
    assert dict(zip(samples, found, strict=True)) == dict(zip(samples, expected, strict=True))


@pytest.mark.parametrize(
    ("number", "written"),
    [
        ("12025550199", "+1 202 555 0199"),
        ("+12025550199", "+1 202 555 0199"),
        ("2025550199", "202 555 0199"),
        ("+4930123456", "+49 301 234 56"),
        ("+390612345678", "+39 061 234 5678"),
        ("+35312345678", "+353 123 456 78"),
        ("030123456", "030123456"),
        ("*31#", "*31#"),
    ],
)
async def test_numbers_are_shown_as_people_write_them(page: Page, number: str, written: str) -> None:
    await page.goto("/login")
    shown = await page.evaluate(
        'async (number) => (await import("/res/js/number.js")).writeNumber(number)', number
    )
    assert shown == written


async def test_what_cannot_be_faxed_is_refused_at_once(compose: Page, tmp_path: Path) -> None:
    files = {
        "sound.pdf": (b"ID3\x04\0\0\0", "“sound.pdf” is nothing that can be faxed."),
        "empty.pdf": (b"", "“empty.pdf” is empty."),
        "large.pdf": (b"%PDF-" + b"x" * (1 << 20), "“large.pdf” has 1 MB; at most 1 MB can be sent."),
    }
    for name, (content, sentence) in files.items():
        (tmp_path / name).write_bytes(content)
        await compose.locator("#fax_file").set_input_files(tmp_path / name)
        await expect(compose.locator("#fax_file-error")).to_contain_text(sentence)
        await expect(compose.locator("#chosen")).to_be_hidden()


PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABc3UBGAAAAABJRU5ErkJggg=="
)


@pytest.mark.parametrize(
    ("name", "content", "shown", "type"),
    [
        ("mail.pdf", b"\xef\xbb\xbf\r\n%PDF-1.4 and so on", "iframe", "application/pdf"),
        ("dot.png", PNG, "img", "image/png"),
        ("photo.jpg", b"\xff\xd8\xff\xe0 broken", "p", "image/jpeg"),
        ("scan.tif", b"II*\0\x08\0\0\0", "p", None),
        ("notes.txt", "Grüße".encode(), "iframe", "text/plain"),
        ("page.html", b"<script>parent.location = '/logout'</script>", "iframe", "text/plain"),
        ("letter.docx", b"PK\x03\x04\x14\0", "p", None),
    ],
)
async def test_other_documents_are_shown_as_far_as_the_browser_can(
    compose: Page, tmp_path: Path, name: str, content: bytes, shown: str, type: str | None
) -> None:
    (tmp_path / name).write_bytes(content)
    await compose.locator("#fax_file").set_input_files(tmp_path / name)
    await expect(compose.locator("#chosen-name")).to_have_text(name)
    await expect(compose.locator(f"#preview > {shown}")).to_be_visible()
    opened = compose.get_by_role("link", name="Open")
    if type is None:
        await expect(opened).to_be_hidden()
        return
    await expect(opened).to_be_visible()
    async with compose.expect_popup() as opening:
        await opened.click()
    popup = await opening.value
    await popup.wait_for_load_state()
    assert await popup.evaluate("document.contentType") == type
    await popup.close()


async def test_a_document_is_replaced_and_removed(compose: Page, pdf: Path, tmp_path: Path) -> None:
    await fill(compose, pdf)
    other = tmp_path / "Other.pdf"
    other.write_bytes(pdf.read_bytes())
    async with compose.expect_file_chooser() as choosing:
        await compose.get_by_role("button", name="Replace").click()
    await (await choosing.value).set_files(other)
    await expect(compose.locator("#chosen-name")).to_have_text("Other.pdf")
    await expect(compose.get_by_role("status")).to_contain_text("Other.pdf added")
    await compose.get_by_role("button", name="Remove").click()
    await expect(compose.locator("#chosen")).to_be_hidden()
    await expect(compose.locator("#fax_file")).to_be_focused()
    await send(compose)
    await expect(compose.locator("#fax_file-error")).to_have_text(TEXT["documentMissing"])


DROP = """([type, names]) => {
    const data = new DataTransfer();
    for (const name of names) data.items.add(new File(["%PDF-1.4"], name, { type: "application/pdf" }));
    document.getElementById("drop").dispatchEvent(new DragEvent(type, {
        bubbles: true, cancelable: true, dataTransfer: data,
    }));
}"""


async def test_a_document_is_dropped_anywhere(compose: Page) -> None:
    await compose.evaluate(DROP, ["dragenter", ["a.pdf"]])
    await expect(compose.locator("#drop-say")).to_have_text(TEXT["dropNow"])
    await compose.evaluate(DROP, ["dragleave", ["a.pdf"]])
    await expect(compose.locator("#drop-say")).to_contain_text(TEXT["dropHere"])
    await compose.evaluate(DROP, ["drop", ["a.pdf", "b.pdf"]])
    await expect(compose.locator("#fax_file-error")).to_have_text(TEXT["documentSeveral"])
    await compose.evaluate(DROP, ["drop", ["a.pdf"]])
    await expect(compose.locator("#chosen-name")).to_have_text("a.pdf")


@pytest.mark.parametrize(
    ("failure", "place", "sentence"),
    [
        (DocumentError("This PDF is encrypted."), "#fax_file-error", "This PDF is encrypted."),
        (NumberError("This number is barred."), "#fax_to-error", "This number is barred."),
        (JournalError("a secret path"), "#problem", "The fax could not be stored"),
        (RuntimeError("a secret path"), "#problem", "Something went wrong here"),
    ],
)
async def test_what_the_server_refuses_is_said_in_its_place_and_can_be_sent_again(
    compose: Page, pdf: Path, tray: Tray, failure: Exception, place: str, sentence: str
) -> None:
    tray.failure = failure
    await fill(compose, pdf)
    await send(compose)
    await expect(compose.locator(place)).to_contain_text(sentence)
    await expect_untouched(compose, pdf)
    tray.failure = None
    await send(compose)
    await expect(compose.get_by_role("heading", name="Queued as fax #12")).to_be_visible()


@pytest.mark.parametrize(
    ("status", "place", "sentence"),
    [(413, "#fax_file-error", "larger than this NexeFax takes"), (502, "#problem", "status 502")],
)
async def test_a_proxys_own_error_page_is_told(
    compose: Page, pdf: Path, status: int, place: str, sentence: str
) -> None:
    await fill(compose, pdf)
    await compose.route("**/api/send", lambda route: route.fulfill(status=status, body="<h1>Proxy</h1>"))
    await send(compose)
    await expect(compose.locator(place)).to_contain_text(sentence)
    await expect_untouched(compose, pdf)


async def test_an_expired_session_is_renewed_in_place(compose: Page, pdf: Path, tray: Tray) -> None:
    await fill(compose, pdf)
    await compose.evaluate("fetch('/logout')")
    await send(compose)
    dialog = compose.get_by_role("dialog", name="Please sign in again")
    await expect(dialog.get_by_label("Password (bob.smith, ACME)")).to_be_focused()
    await compose.keyboard.type("wrong")
    await compose.keyboard.press("Enter")
    await expect(dialog.get_by_role("alert")).to_have_text(TEXT["wrongLogin"])
    await compose.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(compose.locator("#problem")).to_have_text(TEXT["expiredStay"])
    await expect_untouched(compose, pdf)
    await send(compose)
    await expect(dialog.get_by_label("Password (bob.smith, ACME)")).to_be_focused()
    await compose.keyboard.type(PASSWORD)
    await compose.keyboard.press("Enter")
    await expect(compose.get_by_role("heading", name="Queued as fax #12")).to_be_visible()
    assert len(tray.taken) == 1


async def test_a_session_that_ends_during_the_upload_is_renewed_as_well(compose: Page, pdf: Path) -> None:
    await fill(compose, pdf)
    await compose.evaluate("fetch('/logout')")
    still = {"result": "ok", "data": {}}
    await compose.route("**/api/status", lambda route: route.fulfill(json=still), times=1)
    await send(compose)
    await compose.get_by_label("Password (bob.smith, ACME)").fill(PASSWORD)
    await compose.get_by_role("button", name="Sign in and go on").click()
    await expect(compose.get_by_role("heading", name="Queued as fax #12")).to_be_visible()


async def test_a_double_click_sends_once(compose: Page, pdf: Path, tray: Tray) -> None:
    await fill(compose, pdf)
    await compose.get_by_role("button", name="Send fax").dblclick()
    await compose.keyboard.press("Enter")
    await expect(compose.get_by_role("heading", name="Queued as fax #12")).to_be_visible()
    assert len(tray.taken) == 1


async def test_an_answer_that_was_lost_is_asked_for_again_not_sent_again(
    compose: Page, pdf: Path, tray: Tray, running: Running, complaints: list[str]
) -> None:
    await fill(compose, pdf)
    tray.after = running.cut_connections
    await send(compose)
    await expect(compose.locator("#problem")).to_have_text(TEXT["lost"])
    await expect_untouched(compose, pdf)
    assert len(tray.taken) == 1
    complaints.clear()
    tray.after = lambda: None
    await send(compose)
    await expect(compose.get_by_role("heading", name="Queued as fax #12")).to_be_visible()
    assert len(tray.taken) == 1


async def test_another_content_is_another_fax(
    compose: Page, pdf: Path, tray: Tray, running: Running, complaints: list[str]
) -> None:
    await fill(compose, pdf)
    tray.after = running.cut_connections
    await send(compose)
    await expect(compose.locator("#problem")).to_have_text(TEXT["lost"])
    complaints.clear()
    tray.after = lambda: None
    await compose.get_by_label("To", exact=True).fill("202 555 0111")
    await send(compose)
    await expect(compose.get_by_role("heading", name="Queued as fax #13")).to_be_visible()
    assert [taken.submission.number for taken in tray.taken] == [NUMBER, "202 555 0111"]


async def test_an_upload_shows_its_progress_and_can_be_stopped(
    compose: Page, tmp_path: Path, tray: Tray, installation: Installation
) -> None:
    large = tmp_path / "large.pdf"
    large.write_bytes(b"%PDF-1.4\n" + random.Random(1).randbytes(1_000_000))
    await fill(compose, large)
    line = await compose.context.new_cdp_session(compose)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 100_000}
    await line.send("Network.enable")
    await line.send("Network.emulateNetworkConditions", slow)
    await send(compose)
    await expect(compose.locator("#transfer-say")).to_have_text(re.compile("Uploading, [1-9]"))
    assert await compose.locator("#transfer-bar").evaluate("(bar) => bar.value > 0")
    await compose.get_by_role("button", name="Cancel").click()
    await expect(compose.get_by_role("status")).to_have_text(TEXT["cancelled"])
    await expect(compose.get_by_role("button", name="Send fax")).to_be_focused()
    await expect_untouched(compose, large)
    while installation.leftovers():
        await asyncio.sleep(0.02)
    assert tray.taken == []
    await line.send("Network.emulateNetworkConditions", slow | {"uploadThroughput": -1})
    await send(compose)
    await expect(compose.get_by_role("heading", name="Queued as fax #12")).to_be_visible()


async def test_a_document_that_changed_on_disk_is_said(
    compose: Page, pdf: Path, tray: Tray, complaints: list[str]
) -> None:
    await fill(compose, pdf)
    pdf.unlink()
    await send(compose)
    await expect(compose.locator("#problem")).to_contain_text("can’t be read any more")
    await expect(compose.get_by_label("Subject")).to_have_value("Offer")
    complaints.clear()
    assert tray.taken == []


async def test_a_reload_keeps_what_was_written_and_signing_out_forgets_it(compose: Page, pdf: Path) -> None:
    await fill(compose, pdf)
    await compose.reload()
    await expect(compose.get_by_label("To", exact=True)).to_have_value(NUMBER)
    await expect(compose.get_by_label("Message")).to_have_value("Hello\nthere")
    await expect(compose.locator("#fax_to-hint")).to_have_text("Dials +1 202 555 0199")
    await compose.get_by_role("link", name="Sign out").click()
    await sign_in(compose)
    await expect(compose.get_by_label("Subject")).to_have_value("")


async def test_another_users_draft_is_not_shown(compose: Page) -> None:
    draft = {"owner": "ACME/jane", "fax_to": "1", "subject": "private", "message": ""}
    await compose.evaluate("(draft) => sessionStorage.setItem('nexefax.draft', draft)", json.dumps(draft))
    await compose.reload()
    await expect(compose.get_by_label("Subject")).to_have_value("")


async def test_sending_by_keyboard_alone(compose: Page, pdf: Path) -> None:
    # Playwright does not wait until Chromium has agreed to hand choosers over, so it is asked well before the key.
    async with compose.expect_file_chooser() as choosing:
        await compose.get_by_label("To", exact=True).focus()
        await compose.keyboard.type("202 555 0199")
        await compose.keyboard.press("Tab")
        await expect(compose.locator("#fax_file")).to_be_focused()
        await compose.keyboard.press("Space")
    await (await choosing.value).set_files(pdf)
    await expect(compose.locator("#chosen-name")).to_have_text(pdf.name)
    await compose.get_by_label("Message").focus()
    await compose.keyboard.type("by keyboard")
    await compose.keyboard.press("Control+Enter")
    await expect(compose.get_by_role("heading", name="Queued as fax #12")).to_be_visible()
    await compose.keyboard.press("Tab")
    await compose.keyboard.press("Enter")
    await expect(compose.get_by_label("To", exact=True)).to_be_focused()


@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (360, "dark"), (768, "light"), (1440, "dark")])
async def test_nothing_overflows_at_any_width(
    browser: Browser, client: Client, pdf: Path, complaints: list[str], width: int, scheme: Any
) -> None:
    context = await browser.new_context(
        base_url=f"http://127.0.0.1:{client.port}",
        viewport={"width": width, "height": 800},
        color_scheme=scheme,
    )
    page = await context.new_page()
    listen(page, complaints)
    await page.goto("/login")
    await expect_no_overflow(page)
    await sign_in(page)
    await send(page)
    await expect_no_overflow(page)
    await fill(page, pdf)
    await expect_no_overflow(page)
    await send(page)
    await expect(page.get_by_role("heading", name="Queued as fax #12")).to_be_visible()
    await expect_no_overflow(page)
    await page.goto("/nowhere")
    await expect_no_overflow(page)
    await context.close()
    assert complaints == []


async def expect_no_overflow(page: Page) -> None:
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_sending_without_javascript(browser: Browser, client: Client, pdf: Path, tray: Tray) -> None:
    context = await browser.new_context(base_url=f"http://127.0.0.1:{client.port}", java_script_enabled=False)
    page = await context.new_page()
    await sign_in(page)
    await page.get_by_label("To", exact=True).fill("none")
    await page.get_by_label("Subject").fill("Offer")
    await page.locator("#fax_file").set_input_files(pdf)
    await send(page)
    await expect(page.get_by_role("alert").first).to_contain_text("A fax number has digits only")
    await expect(page.get_by_label("Subject")).to_have_value("Offer")
    await page.get_by_label("To", exact=True).fill(NUMBER)
    await page.locator("#fax_file").set_input_files(pdf)
    await send(page)
    await expect(page.get_by_role("heading", name="Queued as fax #12")).to_be_visible()
    assert tray.taken[0].document == pdf.read_bytes()
    await context.close()
