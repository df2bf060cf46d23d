"""One fax in Chromium: its pages, its story, and what can be done with it."""

from __future__ import annotations

import re
import time

import pytest
from playwright.async_api import Locator, Page, expect

from nexefax.fax import records
from tests.browser.clinic import incoming, outgoing, put_pages
from tests.browser.office import TEXT, Clinic, row

pytestmark = pytest.mark.asyncio(loop_scope="session")


def sheet(page: Page, number: int) -> Locator:
    return page.locator(f"#page-{number} img")


async def drawn(picture: Locator) -> int:
    width: int = await picture.evaluate("(picture) => picture.decode().then(() => picture.naturalWidth)")
    return width


async def test_a_received_fax_is_shown_and_marked_as_read(visit: Page, clinic: Clinic) -> None:
    fax = await clinic.add(
        incoming(
            caller_name="Dr. Gray", station="GRAY MD", pages=2, incomplete=True, notes=("Page 2 was cut off",)
        ),
        pages=True,
    )
    await visit.goto(f"/faxes/{fax}")
    await expect(visit).to_have_title(re.compile(r"Fax from Dr\. Gray · NexeFax$"))
    await expect(visit.locator("#title small")).to_have_text(f"Fax {fax} · +1 202 555 0123 · GRAY MD")
    await expect(sheet(visit, 1)).to_have_attribute("alt", f"Page 1 of fax {fax}")
    assert await drawn(sheet(visit, 1)) == 864
    await expect(visit.locator(".about")).to_contain_text("Incomplete")
    await expect(visit.locator(".about")).to_contain_text("Page 2 was cut off")
    await expect(visit.locator("#facts")).to_contain_text("Read bybob.smith")
    assert (await clinic.office.load(fax)).read_at is not None
    await visit.keyboard.press("u")
    await expect(visit.get_by_role("button", name=TEXT["markRead"])).to_be_visible()
    assert (await clinic.office.load(fax)).read_at is None


async def test_the_story_of_a_fax_has_what_a_fault_is_found_by(visit: Page, clinic: Clinic) -> None:
    await visit.goto(f"/faxes/{clinic.known['12025550142']}")
    story = visit.locator("#timeline li")
    await expect(story.first).to_contain_text("Accepted from bob.smith")
    await expect(story.last).to_contain_text("Attempt 1: the line was busy; another try follows")
    await expect(visit.locator("#standing")).to_contain_text("next try at")
    now = time.time()
    fax = await clinic.add(outgoing(attempts=1, subject="Facts", message="Two\nlines"), pages=True)
    attempt = records.Attempt(fax, 1, now - 60, now, now - 9, "sent", "", 2, 14400, "GRAY MD", "T.38")
    await clinic.office.journal.write(lambda connection: records.save_attempt(connection, attempt))
    await clinic.office.journal.write(
        lambda connection: records.add_event(connection, fax, now, "Asterisk reported: v=1&status=SUCCESS")
    )
    await visit.goto(f"/faxes/{fax}")
    await expect(visit.get_by_text("v=1&status=SUCCESS")).to_be_hidden()
    await visit.get_by_text(TEXT["technical"]).click()
    await expect(visit.get_by_text("v=1&status=SUCCESS")).to_be_visible()
    await expect(visit.locator("#timeline")).to_contain_text("T.38 · 14,400 bit/s · GRAY MD · 2 pages")
    await expect(visit.locator("#facts")).to_contain_text("Two\nlines")
    report = visit.get_by_role("link", name=TEXT["report"])
    await expect(report).to_have_attribute("href", f"/api/faxes/{fax}/report.pdf")
    pdf = visit.get_by_role("link", name=TEXT["pdf"])
    await expect(pdf).to_have_attribute("href", f"/api/faxes/{fax}/fax.pdf")


async def test_zoom_and_turn_by_keys(visit: Page, clinic: Clinic) -> None:
    fax = await clinic.add(incoming(pages=1), pages=True)
    await visit.goto(f"/faxes/{fax}")
    place = visit.locator("#page-1")
    zoom = visit.locator("#zoom")
    await expect(zoom).to_have_text("Fit width")
    fitting = (await place.bounding_box() or {"width": 0})["width"]
    await visit.keyboard.press("0")
    await expect(zoom).to_have_text("100%")
    box = await place.bounding_box()
    assert box is not None
    assert (round(box["width"]), round(box["height"])) == (
        813,
        1078,
    )  # 1728 dots at 204, 2200 at 196 to the inch
    for _ in range(3):
        await visit.keyboard.press("+")
    await expect(zoom).to_have_text("200%")
    await expect(sheet(visit, 1)).to_have_attribute("src", re.compile("size=full"))
    assert await drawn(sheet(visit, 1)) == 1728
    await visit.keyboard.press("-")
    await expect(zoom).to_have_text("150%")
    await visit.keyboard.press("0")
    await expect(zoom).to_have_text("Fit width")
    await visit.keyboard.press("t")
    await expect(place).to_have_attribute("data-turns", "1")
    turned = await place.bounding_box()
    assert turned is not None
    assert turned["width"] > turned["height"]
    assert abs(turned["width"] - fitting) < 3
    shown = await sheet(visit, 1).bounding_box()
    assert shown is not None
    assert abs(shown["width"] - turned["width"]) < 3


async def test_a_long_fax_is_gone_through(visit: Page, clinic: Clinic) -> None:
    """Pages that are far away are not fetched."""
    fax = await clinic.add(incoming(pages=12), pages=True)
    asked: list[str] = []
    visit.on("request", lambda request: asked.append(request.url))
    await visit.goto(f"/faxes/{fax}")
    await expect(visit.locator("#page-most")).to_have_text("of 12")
    await expect(visit.locator("#strip a")).to_have_count(12)
    await drawn(sheet(visit, 1))
    assert not any("/pages/12.png?size=page" in url for url in asked)
    await visit.keyboard.press("ArrowRight")
    await expect(visit.locator("#page")).to_have_value("2")
    await expect(visit.locator("#strip a").nth(1)).to_have_attribute("aria-current", "page")
    await visit.get_by_label("Page", exact=True).fill("12")
    await visit.keyboard.press("Enter")
    await expect(visit.locator("#page-12")).to_be_in_viewport()
    assert await drawn(sheet(visit, 12)) == 864
    await visit.locator("#strip a").nth(4).click()
    await expect(visit.locator("#page-5")).to_be_in_viewport()
    await expect(visit.locator("#page")).to_have_value("5")
    await visit.keyboard.press("b")
    await expect(visit.locator("#page")).to_have_value("4")


async def test_arrows_move_over_a_page_that_is_wider_than_its_place(visit: Page, clinic: Clinic) -> None:
    fax = await clinic.add(incoming(pages=2), pages=True)
    await visit.goto(f"/faxes/{fax}")
    await expect(visit.locator("#page")).to_have_value("1")
    await visit.keyboard.press("0")
    for _ in range(3):
        await visit.keyboard.press("+")
    await expect(visit.locator("#zoom")).to_have_text("200%")
    before = await visit.locator("#sheets").evaluate("(sheets) => sheets.scrollLeft")
    await visit.keyboard.press("ArrowRight")
    after = await visit.locator("#sheets").evaluate("(sheets) => sheets.scrollLeft")
    assert after == before + 80
    await visit.keyboard.press("n")
    await expect(visit.locator("#page")).to_have_value("2")


@pytest.mark.parametrize(("dots", "pages"), [((204, 196), 3), ((204, 98), 2)])
async def test_each_page_is_printed_on_a_sheet_of_its_own_in_its_shape(
    visit: Page, clinic: Clinic, dots: tuple[int, int], pages: int
) -> None:
    fax = await clinic.add(incoming(pages=pages))
    put_pages(clinic.office.folders, fax, "in", pages, dots=dots)
    await visit.add_init_script("window.printed = new Promise((resolve) => { window.print = resolve; });")
    await visit.goto(f"/faxes/{fax}")
    await expect(sheet(visit, pages)).to_be_attached()
    await visit.keyboard.press("t")  # for reading, not for the paper
    await visit.get_by_role("button", name="Print").click()
    await visit.evaluate("window.printed.then(() => true)")
    paper = await visit.pdf(format="A4", prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", paper)) == pages
    await visit.emulate_media(media="print")
    box = await sheet(visit, 1).bounding_box()
    assert box is not None
    assert box["width"] / box["height"] == pytest.approx((1728 / dots[0]) / (2200 / dots[1]), rel=0.01)


@pytest.mark.parametrize("way", ["button", "key"])
async def test_printing_waits_for_all_pages(visit: Page, clinic: Clinic, way: str) -> None:
    fax = await clinic.add(incoming(pages=4), pages=True)
    await visit.add_init_script(
        "window.printed = new Promise((resolve) => { window.print = () => resolve("
        "[...document.querySelectorAll('.sheet img')].map((picture) => picture.complete && picture.naturalWidth)); });"
    )
    await visit.goto(f"/faxes/{fax}")
    await expect(sheet(visit, 4)).to_be_attached()
    if way == "button":
        await visit.get_by_role("button", name="Print").click()
    else:
        await visit.keyboard.press("Control+p")
    assert await visit.evaluate("window.printed") == [1728] * 4
    await visit.emulate_media(media="print")
    for hidden in (".bar", ".reader-bar", ".about", ".strip", ".fax-tools"):
        await expect(visit.locator(hidden)).to_be_hidden()
    await expect(sheet(visit, 1)).to_be_visible()


async def test_a_page_that_cannot_be_shown_says_so_and_is_tried_again(visit: Page, clinic: Clinic) -> None:
    fax = await clinic.add(incoming(pages=1), pages=True)
    await visit.route("**/pages/1.png?size=page", lambda route: route.fulfill(status=503))
    await visit.goto(f"/faxes/{fax}")
    await expect(visit.locator("#page-1")).to_contain_text("Page 1 can’t be shown at this moment.")
    await visit.unroute("**/pages/1.png?size=page")
    await visit.get_by_role("button", name=TEXT["tryAgain"]).click()
    assert await drawn(sheet(visit, 1)) == 864


async def test_a_fax_that_cannot_be_had_is_said_and_tried_again(
    visit: Page, clinic: Clinic, complaints: list[str]
) -> None:
    fax = clinic.known["Dr. Gray"]
    await visit.route(f"**/api/faxes/{fax}", lambda route: route.abort(), times=1)
    await visit.goto(f"/faxes/{fax}")
    await expect(visit.get_by_role("alert").filter(has_text=TEXT["unreachable"])).to_be_visible()
    await visit.get_by_role("button", name=TEXT["tryAgain"]).click()
    await expect(sheet(visit, 1)).to_be_visible()
    complaints.clear()


async def test_pages_that_are_gone_or_not_yet_there(visit: Page, clinic: Clinic) -> None:
    gone = await clinic.add(incoming(files_deleted=time.time()))
    await visit.goto(f"/faxes/{gone}")
    await expect(visit.get_by_text(TEXT["pagesGone"])).to_be_visible()
    await visit.goto(f"/faxes/{clinic.known['Dr. Patel']}")
    await expect(visit.get_by_text(TEXT["pagesSoon"])).to_be_visible()
    failed = await clinic.add(
        outgoing(state="failed", reason="This PDF is encrypted.", pages=None, pages_done=None)
    )
    await visit.goto(f"/faxes/{failed}")
    await expect(visit.get_by_text(TEXT["pagesNone"])).to_be_visible()
    await expect(visit.locator("#standing")).to_contain_text("This PDF is encrypted.")


async def test_going_from_fax_to_fax_and_back_to_the_list(visit: Page, clinic: Clinic) -> None:
    older, newer = [await clinic.add(incoming(caller_name="Neighbours"), pages=True) for _ in range(2)]
    await visit.goto("/inbox?q=neighbours")
    await row(visit, newer).locator("a.row-link").click()
    await expect(visit.get_by_role("link", name="Newer fax")).to_be_hidden()
    await expect(visit.get_by_role("heading", name="Fax from Neighbours")).to_be_visible()
    await visit.keyboard.press("j")
    await visit.wait_for_url(f"**/faxes/{older}")
    await expect(visit.get_by_role("link", name="Older fax")).to_be_hidden()
    await expect(visit.get_by_role("link", name="Newer fax")).to_be_visible()
    await visit.keyboard.press("Escape")
    await visit.wait_for_url("**/inbox?q=neighbours")
    await expect(visit.locator("li.row")).to_have_count(2)


async def test_a_fax_opened_by_its_address_leads_to_the_list_of_its_kind(visit: Page, clinic: Clinic) -> None:
    received, sent = await clinic.add(incoming(), pages=True), await clinic.add(outgoing(), pages=True)
    await visit.goto("/sent?q=nobody")
    await expect(visit.locator("li.row")).to_have_count(0)
    await visit.goto(f"/faxes/{received}")
    await expect(visit.locator("#back")).to_have_attribute("href", "/inbox")
    await expect(visit.locator("#back")).to_have_text(TEXT["titleInbox"])
    await visit.goto(f"/faxes/{sent}")
    await expect(visit.locator("#back")).to_have_attribute("href", "/sent")
    await expect(visit.locator("#back")).to_have_text(TEXT["titleSent"])


async def test_deleting_and_taking_it_back(visit: Page, clinic: Clinic) -> None:
    fax = await clinic.add(incoming(caller_name="Gone"), pages=True)
    await visit.goto(f"/faxes/{fax}")
    await visit.get_by_role("button", name="Delete").click()
    await expect(visit.get_by_role("button", name=TEXT["restore"])).to_be_visible()
    await visit.get_by_role("button", name="Undo").click()
    await expect(visit.get_by_role("button", name="Delete")).to_be_visible()
    assert (await clinic.office.load(fax)).deleted_at is None


async def test_a_fax_of_nobody_is_a_page_of_its_own(visit: Page) -> None:
    answer = await visit.goto("/faxes/4711")
    assert answer is not None
    assert answer.status == 404
    await expect(visit.locator(".lead")).to_contain_text("The account ACME has no such fax.")
