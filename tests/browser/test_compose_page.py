"""The compose page in Chromium: sending, every error, and nothing ever lost."""

from __future__ import annotations

import asyncio
import random
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Route, expect

from nexefax.errors import NumberError
from nexefax.fax.number import clean_number
from tests.browser.composing import NUMBER, TEXT, WRITTEN, Compose, compose, compose_page
from tests.browser.conftest import listen
from tests.browser.pdf import small_pdf
from tests.browser.test_login_page import sign_in
from tests.web.client import Client
from tests.web.ground import PASSWORD, Installation, Tray

__all__ = ["compose"]  # the fixture

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_document_is_sent_and_another_after_it(compose: Compose) -> None:
    """As in the beta: a number, a document, subject and message, and Send."""
    page = compose.page
    await expect(page.locator(".sender")).to_have_text("ACME Corporation +1 202 555 0154")
    await compose.to.fill(NUMBER)
    await expect(page.locator("#fax_to-hint")).to_have_text(f"Dials {WRITTEN}")
    await compose.fill()
    await compose.expect_ready(1)
    await expect(page.locator("#total")).to_have_text(re.compile(r"1 page, about \d+ seconds on the line"))
    await compose.send()
    await expect(compose.done).to_have_text("Queued as fax #1")
    await expect(compose.done).to_be_focused()
    await expect(page.get_by_role("link", name=WRITTEN)).to_have_attribute("href", "/faxes/1")
    await expect(page.locator("#done-document")).to_have_text("Offer 4711.pdf")
    (fax,) = await compose.faxes()
    assert (fax.number, fax.subject, fax.message, fax.user) == (
        "+12025550199",
        "Offer",
        "Hello\nthere",
        "bob.smith",
    )
    await expect(page).to_have_url(re.compile(r"/send$"))
    await page.get_by_role("link", name="Send another fax").click()
    await expect(compose.to).to_be_focused()
    await expect(compose.subject).to_have_value("")
    await expect(compose.chips).to_have_count(0)
    await expect(compose.papers).to_have_count(0)
    await compose.fill()
    await compose.send()
    await expect(compose.done).to_have_text("Queued as fax #2")


async def test_what_is_missing_is_said_beside_its_field(compose: Compose) -> None:
    await compose.send()
    await expect(compose.page.locator("#fax_to-error")).to_have_text(TEXT["toMissing"])
    await expect(compose.page.locator("#fax_file-error")).to_have_text(TEXT["documentMissing"])
    await expect(compose.to).to_be_focused()
    await compose.to.fill("123")
    await expect(compose.page.locator("#fax_to-error")).to_be_empty()
    await compose.send()
    await expect(compose.page.locator("#fax_file")).to_be_focused()
    await compose.add_pdf()
    await expect(compose.page.locator("#fax_file-error")).to_be_empty()
    assert await compose.faxes() == []


async def test_the_page_knows_the_servers_rules_for_numbers(compose: Compose) -> None:
    """The same number, or a refusal, from both; sentences differ in typography only."""
    source = random.Random(4711)
    signs = "0123456789" * 3 + "+*# -().//–\tA٣ "
    samples = ["".join(source.choices(signs, k=source.randint(0, 12))) for _ in range(500)]
    samples += [
        "+49 (0)30 123", "+49(0)(0)1", "(0)30", "**", "#", "*31#", "1" * 40, "1" * 41, "２０２", "ª", "1‐2−3",
    ]  # fmt: skip
    expected = []
    for sample in samples:
        try:
            expected.append(clean_number(sample))
        except NumberError as error:
            expected.append(str(error).replace("'", "’"))
    found: list[str] = await compose.page.evaluate(
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
async def test_numbers_are_shown_as_people_write_them(page: Any, number: str, written: str) -> None:
    await page.goto("/login")
    shown = await page.evaluate(
        'async (number) => (await import("/res/js/number.js")).writeNumber(number)', number
    )
    assert shown == written


async def test_a_double_click_sends_once(compose: Compose) -> None:
    await compose.fill()
    await compose.send_button.dblclick()
    await compose.page.keyboard.press("Control+Enter")
    await expect(compose.done).to_have_text("Queued as fax #1")
    assert len(await compose.faxes()) == 1


async def test_an_answer_that_was_lost_is_asked_for_again_not_sent_again(
    compose: Compose, complaints: list[str]
) -> None:
    await compose.fill()
    await compose.expect_quiet()
    await compose.send_unanswered()
    await expect(compose.send_button).to_be_focused()
    await compose.expect_untouched()
    assert len(await compose.faxes()) == 1
    complaints.clear()
    await compose.send()
    await expect(compose.done).to_have_text("Queued as fax #1")
    assert len(await compose.faxes()) == 1


async def test_what_is_changed_after_it_was_sent_is_told_not_sent(
    compose: Compose, complaints: list[str]
) -> None:
    await compose.fill()
    await compose.expect_quiet()
    await compose.send_unanswered()
    complaints.clear()
    await compose.subject.fill("Another offer")
    await expect(compose.done).to_have_text("Queued as fax #1")
    await expect(compose.page.locator("#done-note")).to_contain_text(TEXT["sentBefore"])
    (fax,) = await compose.faxes()
    assert fax.subject == "Offer"


@pytest.mark.parametrize(
    ("field", "place"),
    [("recipients.0", "#edit-number-error"), ("documents", "#fax_file-error"), ("send_at", "#send_at-error"),
     ("subject", "#subject-error"), ("message", "#message-error"), ("cover", "#cover-error"), ("", "#problem")],
)  # fmt: skip
async def test_what_the_server_refuses_is_said_in_its_place_and_can_be_sent_again(
    compose: Compose, field: str, place: str
) -> None:
    """Refusals that the page did not foresee, so here from a stand-in."""
    await compose.fill()
    await compose.page.locator("#later").check()
    problem = {
        "type": "about:blank",
        "title": "No",
        "status": 400,
        "detail": "This is barred.",
        "field": field,
    }
    await compose.page.route(
        "**/send",
        lambda route: route.fulfill(status=400, json=problem, content_type="application/problem+json"),
        times=1,
    )
    await compose.send()
    await expect(compose.page.locator(place)).to_have_text("This is barred.")
    await expect(compose.page.locator(":focus")).to_be_attached()
    await expect(compose.subject).to_have_value("Offer")
    if field == "recipients.0":
        await expect(compose.page.get_by_label("Number", exact=True)).to_be_focused()
        await compose.page.get_by_label("Number", exact=True).fill("202 555 0111")
        await compose.page.keyboard.press("Enter")
    await compose.send()
    await expect(compose.done).to_have_text("Queued as fax #1")


async def test_a_fault_of_the_server_is_told_and_nothing_is_lost(
    compose: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_arguments: object) -> None:
        raise RuntimeError("a secret path")

    await compose.fill()
    await compose.expect_saved()
    with monkeypatch.context() as broken:
        broken.setattr(compose.desk.worker.desk.sending, "send", fail)
        await compose.send()
        await expect(compose.problem).to_contain_text("Something went wrong here")
    await compose.expect_untouched()
    await compose.send()
    await expect(compose.done).to_have_text("Queued as fax #1")


async def test_a_full_disk_is_told_at_the_document(compose: Compose, installation: Installation) -> None:
    await compose.to.fill(NUMBER)
    await compose.to.blur()
    await compose.expect_saved()
    config = installation.folder / "config.conf"
    usual = config.read_text()
    config.write_text(usual.replace("min_free_mb=0", "min_free_mb=10000000"))
    installation.reload()
    await compose.add_pdf()
    await expect(compose.papers.get_by_role("alert")).to_contain_text("disk is full")
    config.write_text(usual)
    installation.reload()
    await compose.papers.get_by_role("button", name="Try again").click()
    await compose.expect_ready(1)
    await compose.send()
    await expect(compose.done).to_have_text("Queued as fax #1")


async def test_a_proxys_own_error_page_is_told(compose: Compose) -> None:
    await compose.fill()
    await compose.expect_saved()
    for status, words in ((502, TEXT["lost"]), (418, "status 418")):

        async def answer(route: Route) -> None:
            await route.fulfill(status=status, body="<h1>Proxy</h1>")  # noqa: B023  # used within this round

        await compose.page.route("**/send", answer, times=1)
        await compose.send()
        await expect(compose.problem).to_contain_text(words)
    await compose.expect_untouched()


async def test_an_expired_session_is_renewed_in_place(compose: Compose) -> None:
    await compose.fill()
    await compose.expect_saved()
    await compose.end_session()
    await compose.send()
    dialog = compose.page.get_by_role("dialog", name="Please sign in again")
    await expect(dialog.get_by_label("Password (bob.smith, ACME)")).to_be_focused()
    await compose.page.keyboard.type("wrong")
    await compose.page.keyboard.press("Enter")
    await expect(dialog.get_by_role("alert")).to_have_text(TEXT["wrongLogin"])
    await compose.page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(compose.problem).to_have_text(TEXT["expiredStay"])
    await compose.expect_untouched()
    await compose.send()
    await expect(dialog.get_by_label("Password (bob.smith, ACME)")).to_be_focused()
    await compose.page.keyboard.type(PASSWORD)
    await compose.page.keyboard.press("Enter")
    await expect(compose.done).to_have_text("Queued as fax #1")
    assert len(await compose.faxes()) == 1


async def test_a_session_that_ends_before_an_upload_is_renewed_and_the_upload_goes_on(
    compose: Compose,
) -> None:
    await compose.to.fill(NUMBER)
    await compose.to.blur()
    await compose.expect_saved()
    await compose.end_session()
    await compose.add_pdf()
    await compose.page.get_by_label("Password (bob.smith, ACME)").fill(PASSWORD)
    await compose.page.get_by_role("button", name="Sign in and go on").click()
    await compose.expect_ready(1)
    await compose.send()
    await expect(compose.done).to_have_text("Queued as fax #1")


async def test_a_session_that_ends_while_somebody_writes_disturbs_nobody(compose: Compose) -> None:
    await compose.subject.fill("One")
    await compose.expect_saved()
    await compose.end_session()
    await compose.subject.press_sequentially(" and two")
    await expect(compose.page.locator("#saved")).to_have_text(TEXT["savingOut"])
    await expect(compose.page.locator("dialog[open]")).to_have_count(0)
    await compose.fill()
    await compose.page.get_by_label("Password (bob.smith, ACME)").fill(PASSWORD)
    await compose.page.get_by_role("button", name="Sign in and go on").click()
    await compose.expect_untouched()
    await compose.send()
    await expect(compose.done).to_have_text("Queued as fax #1")
    (fax,) = await compose.faxes()
    assert fax.subject == "Offer"


async def test_sending_before_the_pages_are_drawn_and_while_a_document_goes_up(compose: Compose) -> None:
    await compose.to.fill(NUMBER)
    held = asyncio.Event()

    async def hold(route: Route) -> None:
        await held.wait()
        await route.continue_()

    await compose.page.route("**/documents?*", hold, times=1)
    await compose.add_pdf()
    await expect(compose.page.locator("#early")).to_have_text(TEXT["earlyUpload"])
    await compose.send()
    await expect(compose.page.locator("#transfer-say")).to_have_text(TEXT["waitsForUpload"])
    await compose.page.locator("#cancel").click()
    await expect(compose.status).to_have_text(TEXT["notSent"])
    await expect(compose.send_button).to_be_focused()
    assert await compose.faxes() == []
    await compose.send()
    held.set()
    await expect(compose.done).to_have_text("Queued as fax #1")


async def test_sending_by_keyboard_alone(compose: Compose) -> None:
    page = compose.page
    document = compose.file("note.txt", b"A note.\n")
    # Playwright does not wait until Chromium has agreed to hand choosers over, so it is asked well before the key.
    async with page.expect_file_chooser() as choosing:
        await compose.to.focus()
        await page.keyboard.type("202 555 0199")
        await page.keyboard.press("Enter")
        await page.keyboard.type("202 555 0111")
        await page.keyboard.press("Tab")
        await expect(page.locator("#fax_file")).to_be_focused()
        await page.keyboard.press("Space")
    await (await choosing.value).set_files(document)
    await compose.expect_ready(1)
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="Page 1", exact=True)).to_be_focused()
    for _ in range(4):  # its three tools, and then the form goes on
        await page.keyboard.press("Tab")
    await expect(compose.subject).to_be_focused()
    await page.keyboard.press("Tab")
    await page.keyboard.type("by keyboard")
    await page.keyboard.press("Control+Enter")
    await expect(compose.done).to_have_text("2 faxes queued")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(compose.to).to_be_focused()


@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (360, "dark"), (768, "light"), (1440, "dark")])
async def test_nothing_overflows_at_any_width(
    browser: Browser,
    installation: Installation,
    tmp_path: Path,
    complaints: list[str],
    width: int,
    scheme: Any,
) -> None:
    viewport = {"width": width, "height": 800}
    async with compose_page(
        browser, installation, tmp_path, viewport=viewport, color_scheme=scheme
    ) as compose:
        page = compose.page
        listen(page, complaints)
        await compose.send()
        await expect_no_overflow(compose)
        await compose.fill()
        await compose.to.fill("A recipient with quite a long name <+49 (0)30 1234567890>, 555-CALL")
        await compose.to.press("Enter")
        await page.locator("#later").check()
        await compose.add_pdf("a-name-that-is-far-too-long-for-any-line-" * 4 + ".pdf", pages=5)
        await compose.expect_ready(6)
        await expect_no_overflow(compose)
        await compose.chips.last.locator(".who-to").click()
        await expect_no_overflow(compose)
        await page.get_by_role("button", name="Remove", exact=True).click()
        await compose.cards.first.locator(".look").click()
        await expect(page.locator("#viewer")).to_be_visible()
        await expect_no_overflow(compose)
        await page.keyboard.press("Escape")
        await compose.send()
        await expect(compose.done).to_have_text("2 faxes queued")
        await expect_no_overflow(compose)
    assert complaints == []


async def expect_no_overflow(compose: Compose) -> None:
    assert await compose.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_sending_without_javascript(
    browser: Browser, client: Client, tray: Tray, tmp_path: Path
) -> None:
    pdf = tmp_path / "Offer 4711.pdf"
    pdf.write_bytes(small_pdf("Offer 4711"))
    context = await browser.new_context(base_url=f"http://127.0.0.1:{client.port}", java_script_enabled=False)
    page = await context.new_page()
    await sign_in(page)
    await page.get_by_label("To", exact=True).fill("none")
    await page.get_by_label("Subject").fill("Offer")
    await page.locator("#fax_file").set_input_files(pdf)
    await page.get_by_role("button", name="Send fax").click()
    await expect(page.get_by_role("alert").first).to_contain_text("A fax number has digits only")
    await expect(page.get_by_label("Subject")).to_have_value("Offer")
    await expect(page.get_by_label("Cover page")).to_be_hidden()
    await page.get_by_label("To", exact=True).fill(NUMBER)
    await page.locator("#fax_file").set_input_files(pdf)
    await page.get_by_role("button", name="Send fax").click()
    await expect(page.get_by_role("heading", name="Queued as fax #12")).to_be_visible()
    assert tray.taken[0].document == pdf.read_bytes()
    await context.close()
