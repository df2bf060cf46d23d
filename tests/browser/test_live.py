"""What happens shows by itself: through the stream, by polling, after a pause, in a tab that nobody looks at."""

from __future__ import annotations

import re
import time

import pytest
from playwright.async_api import Page, expect

from tests.browser.clinic import incoming, outgoing
from tests.browser.conftest import listen
from tests.browser.office import TEXT, Clinic, renew_session, row

pytestmark = pytest.mark.asyncio(loop_scope="session")
NEW = re.compile(r"^\((\d+)\) Inbox · NexeFax$")


async def unread(page: Page) -> int:
    found = NEW.match(await page.title())
    return int(found[1]) if found else 0


async def test_a_fax_that_comes_in_shows_and_is_counted(visit: Page, clinic: Clinic) -> None:
    await visit.goto("/inbox")
    await expect(visit).to_have_title(NEW)
    before = await unread(visit)
    fax = await clinic.add(incoming(caller_name="Just now"))
    await expect(row(visit, fax)).to_contain_text("Just now")
    await expect(visit).to_have_title(f"({before + 1}) Inbox · NexeFax")
    await expect(visit.locator("#unread")).to_contain_text(str(before + 1))
    await clinic.change(fax, read_at=time.time())
    await expect(row(visit, fax)).not_to_have_class(re.compile("unread"))
    await expect(visit).to_have_title(f"({before}) Inbox · NexeFax")


async def test_what_happens_disturbs_neither_focus_nor_scroll(visit: Page, clinic: Clinic) -> None:
    await visit.set_viewport_size({"width": 1000, "height": 500})
    await visit.goto("/sent")
    fax = clinic.known["12025550000"]
    button = row(visit, fax).get_by_role("button", name=f"All actions for fax {fax}")
    await button.focus()
    await row(visit, fax).evaluate("(row) => row.scrollIntoView({ block: 'center' })")
    place = await row(visit, fax).bounding_box()
    await clinic.change(fax, reason="nobody answered")
    await expect(row(visit, fax)).to_contain_text("nobody answered")
    await expect(button).to_be_focused()
    now = time.time()
    new = await clinic.add(outgoing(created=now, changed=now, to_name="On top"))
    await expect(row(visit, new)).to_be_attached()
    await expect(button).to_be_focused()
    after = await row(visit, fax).bounding_box()
    assert place is not None
    assert after is not None
    assert abs(after["y"] - place["y"]) < 2


async def test_a_search_finds_what_comes_later(visit: Page, clinic: Clinic) -> None:
    await visit.goto("/inbox?q=expected")
    await expect(visit.get_by_text(TEXT["nothingFound"])).to_be_visible()
    await clinic.add(incoming(caller_name="Something else"))
    fax = await clinic.add(incoming(caller_name="The expected one"))
    await expect(row(visit, fax)).to_be_visible()
    await expect(visit.locator("li.row")).to_have_count(1)


async def test_a_faxs_own_page_follows_it(visit: Page, clinic: Clinic) -> None:
    fax = await clinic.add(
        outgoing(state="ready", reason="the line was busy", pages=2, pages_done=0), pages=True
    )
    await visit.goto(f"/faxes/{fax}")
    await expect(visit.locator("#standing")).to_contain_text("Waiting")
    await clinic.change(fax, state="sent", reason="", pages_done=2, station="GRAY MD")
    await expect(visit.locator("#standing")).to_have_text("Sent")
    await expect(visit.locator("#facts")).to_contain_text("GRAY MD")
    await expect(visit.get_by_role("button", name="Send again")).to_be_visible()


async def test_polling_takes_the_place_of_a_stream_that_does_not_come_through(
    visit: Page, clinic: Clinic
) -> None:
    await visit.route("**/api/events*", lambda route: route.fulfill(status=502))
    await visit.goto("/inbox")
    await expect(visit.locator("li.row").first).to_be_visible()
    fax = await clinic.add(incoming(caller_name="By polling"))
    await expect(row(visit, fax)).to_be_visible()
    await expect(visit.locator(".line-sign")).to_be_hidden()


async def test_a_line_that_is_down_is_said_and_nothing_is_missed(
    visit: Page, clinic: Clinic, complaints: list[str]
) -> None:
    await visit.goto("/inbox")
    await expect(visit.locator("li.row").first).to_be_visible()
    await visit.route("**/api/**", lambda route: route.abort())
    clinic.office.running.cut_connections()
    await expect(visit.locator(".line-sign")).to_have_text(TEXT["lineOff"])
    fax = await clinic.add(incoming(caller_name="Meanwhile"))
    await visit.unroute("**/api/**")
    await expect(row(visit, fax)).to_be_visible()
    await expect(visit.locator(".line-sign")).to_be_hidden()
    complaints.clear()


async def test_a_session_that_ends_is_said_and_renewed_when_one_likes(
    visit: Page, clinic: Clinic, complaints: list[str]
) -> None:
    await visit.goto("/inbox")
    await expect(visit.locator("li.row").first).to_be_visible()
    await visit.context.clear_cookies()
    clinic.office.running.cut_connections()
    sign = visit.locator(".line-sign")
    await expect(sign).to_contain_text(TEXT["lineOut"])
    await sign.get_by_role("button", name="Sign in").click()
    await renew_session(visit)
    await expect(sign).to_be_hidden()
    complaints.clear()
    fax = await clinic.add(incoming(caller_name="After that"))
    await expect(row(visit, fax)).to_be_visible()


async def test_a_tab_in_the_background_listens_to_the_one_in_front(
    visit: Page, clinic: Clinic, complaints: list[str]
) -> None:
    """Browsers open six connections to a server: many tabs must not use them up."""
    hide = "Object.defineProperty(document, 'hidden', { get: () => window.behind === true });"
    await visit.add_init_script(hide)
    await visit.goto("/inbox")
    await expect(visit).to_have_title(NEW)
    front = await visit.context.new_page()
    listen(front, complaints)
    await front.goto("/inbox")
    await expect(front).to_have_title(NEW)
    await visit.evaluate("window.behind = true")
    await visit.evaluate(
        "{ const { close } = EventSource.prototype; window.streamEnds = new Promise((resolve) => {"
        " EventSource.prototype.close = function () { close.call(this); resolve('closed'); }; }); }"
    )
    fax = await clinic.add(incoming(caller_name="In front"))
    await expect(row(front, fax)).to_be_visible()
    await expect(row(visit, fax)).to_be_attached()
    assert await visit.evaluate("window.streamEnds") == "closed"
    another = await clinic.add(incoming(caller_name="In front again"))
    await expect(row(visit, another)).to_be_attached()
    await visit.evaluate("window.behind = false; document.dispatchEvent(new Event('visibilitychange'))")
    await front.close()
    last = await clinic.add(incoming(caller_name="Alone"))
    await expect(row(visit, last)).to_be_visible()
