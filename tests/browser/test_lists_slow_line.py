"""A slow line before the lists, a fax's page and the account: what is shown ends as what the server has."""

from __future__ import annotations

import asyncio
import re
import time

import pytest
from playwright.async_api import Page, expect

from tests.browser.clinic import incoming, outgoing
from tests.browser.conftest import listen
from tests.browser.office import TEXT, Clinic, choose, renew_session, row
from tests.browser.slow_line import late_answer, lose_answer, lose_request
from tests.browser.test_account_page import sign_in
from tests.documents import write_pdf
from tests.web.ground import PASSWORD

pytestmark = pytest.mark.asyncio(loop_scope="session")
HIDDEN = "Object.defineProperty(document, 'hidden', { get: () => window.behind === true });"


async def delete(page: Page, fax: int) -> None:
    await row(page, fax).locator("a.row-link").focus()
    await page.keyboard.press("#")


async def test_a_fax_is_sent_again_once_though_the_answer_was_lost(
    visit: Page, clinic: Clinic, complaints: list[str]
) -> None:
    fax = await clinic.add(outgoing(to_name="Once more"))
    clinic.office.folders.sent_fax(fax).mkdir()
    write_pdf(clinic.office.folders.document(fax))
    await visit.goto("/sent")
    await lose_answer(visit, f"**/api/faxes/{fax}/resend")
    await choose(visit, fax, TEXT["resend"])
    dialog = visit.get_by_role("dialog")
    await dialog.get_by_role("button", name=TEXT["send"]).click()
    await expect(dialog.get_by_role("alert")).to_have_text(TEXT["unreachable"])
    complaints.clear()
    await dialog.get_by_role("button", name=TEXT["send"]).click()
    await expect(dialog).to_have_count(0)
    reply = await clinic.office.bob.get("/api/faxes?direction=out&limit=200")
    assert [found["resent_from"] for found in reply.json["faxes"]].count(fax) == 1


async def test_what_happens_while_the_list_is_on_its_way_is_shown(visit: Page, clinic: Clinic) -> None:
    fax = await clinic.add(outgoing(state="ready", reason="the line was busy", to_name="Under way"))
    async with late_answer(visit, "**/api/faxes?*") as answered:
        await visit.goto("/sent")
        await answered.wait()
        await clinic.change(fax, state="sent", reason="", changed=time.time())
        new = await clinic.add(outgoing(created=time.time(), to_name="Brand new"))
        counts = (await clinic.office.bob.get("/api/counts")).json
        await expect(visit.locator("#waiting")).to_contain_text(f"({counts['waiting']} ")  # it was heard of
    await expect(row(visit, fax).locator(".state")).to_contain_text("Sent")
    await expect(row(visit, new)).to_be_visible()


async def test_what_is_deleted_does_not_come_back_with_an_older_list(visit: Page, clinic: Clinic) -> None:
    fax = await clinic.add(incoming(caller_name="Deleted in between"))
    await visit.goto("/inbox")
    await expect(row(visit, fax)).to_be_visible()
    async with late_answer(visit, "**/api/faxes?*") as answered:
        await visit.get_by_text("New", exact=True).click()
        await answered.wait()
        await delete(visit, fax)
        await expect(row(visit, fax)).to_have_count(0)
        async with asyncio.timeout(20):
            while (await clinic.office.load(fax)).deleted_at is None:
                await asyncio.sleep(0.05)
    await expect(visit.locator("#list")).not_to_have_attribute("aria-busy", "true")
    await expect(row(visit, fax)).to_have_count(0)


async def test_a_search_that_failed_and_is_tried_again_finds_only_what_was_searched(
    visit: Page, clinic: Clinic, complaints: list[str]
) -> None:
    for _ in range(60):
        await clinic.add(incoming(caller_name="One of many", read_at=1.0))
    fax = await clinic.add(incoming(caller_name="Miller", read_at=1.0))
    await visit.goto("/inbox")
    await expect(visit.locator("li.row")).to_have_count(50)
    await lose_request(visit, "**/api/faxes?*")
    await visit.locator("#q").fill("Miller")
    await expect(visit.locator("#problem")).to_have_text(TEXT["unreachable"])
    await expect(visit.locator("li.row")).to_have_count(0)
    complaints.clear()
    await visit.get_by_role("button", name=TEXT["tryAgain"]).click()
    await expect(row(visit, fax)).to_be_visible()
    await expect(visit.locator("li.row")).to_have_count(1)


async def test_a_list_that_could_not_be_refreshed_is_fetched_again(
    visit: Page, clinic: Clinic, complaints: list[str]
) -> None:
    await visit.goto("/inbox?q=awaited")
    await expect(visit.get_by_text(TEXT["nothingFound"])).to_be_visible()
    await lose_request(visit, "**/api/faxes?*")
    fax = await clinic.add(incoming(caller_name="The awaited one"))
    await expect(row(visit, fax)).to_be_visible()
    complaints.clear()


async def test_a_faxs_page_shows_what_became_of_it_though_a_request_is_lost(
    visit: Page, clinic: Clinic, complaints: list[str]
) -> None:
    fax = await clinic.add(outgoing(state="ready", reason="the line was busy", pages_done=0), pages=True)
    await visit.goto(f"/faxes/{fax}")
    await expect(visit.locator("#standing")).to_contain_text("Waiting")
    await lose_request(visit, f"**/api/faxes/{fax}")
    await clinic.change(fax, state="sent", reason="", pages_done=2, station="GRAY MD", changed=time.time())
    await expect(visit.locator("#standing")).to_have_text("Sent")
    await clinic.office.journal.write(lambda c: c.execute("UPDATE fax SET station = 'GRAY 2'"))
    await expect(visit.locator("#facts")).to_contain_text("GRAY 2")
    complaints.clear()


async def test_undo_is_about_what_was_deleted_last_at_once(
    visit: Page, clinic: Clinic, complaints: list[str]
) -> None:
    first = await clinic.add(incoming(caller_name="Rightly deleted"))
    second = await clinic.add(incoming(caller_name="Deleted by mistake"))
    await visit.goto("/inbox")
    async with late_answer(visit, f"**/api/faxes/{first}"), late_answer(visit, f"**/api/faxes/{second}"):
        await delete(visit, first)
        await expect(row(visit, first)).to_have_count(0)
        await delete(visit, second)
        await expect(row(visit, second)).to_have_count(0)
        await expect(visit.locator(".toast")).to_contain_text("Deleted by mistake")
        await visit.keyboard.press("z")
    await expect(row(visit, second)).to_be_visible()
    await expect(row(visit, first)).to_have_count(0)
    assert (await clinic.office.load(first)).deleted_at is not None
    await lose_request(visit, f"**/api/faxes/{second}")
    await delete(visit, second)
    await expect(visit.locator(".toast")).to_have_text(TEXT["unreachable"])
    await expect(row(visit, second)).to_be_visible()
    complaints.clear()
    await lose_answer(visit, f"**/api/faxes/{second}")
    await delete(visit, second)
    await expect(visit.locator(".toast")).to_have_text(TEXT["unreachable"])
    await expect(row(visit, second)).to_have_count(0)
    complaints.clear()
    await visit.keyboard.press("z")  # nothing is offered any more
    await visit.get_by_text("Bin", exact=True).click()
    await expect(row(visit, second)).to_be_visible()


async def test_a_hidden_tab_misses_nothing_of_a_front_one_that_began_later(
    visit: Page, clinic: Clinic, complaints: list[str]
) -> None:
    await visit.add_init_script(HIDDEN)
    await visit.goto("/inbox")
    await expect(visit.locator("li.row").first).to_be_visible()
    await visit.evaluate("window.behind = true")
    # its stream is dead, and does not know it yet
    await visit.evaluate("EventSource.prototype.dispatchEvent.call(window, new Event('pagehide'))")
    missed = await clinic.add(incoming(caller_name="While it was deaf"))
    front = await visit.context.new_page()
    listen(front, complaints)
    await front.goto("/inbox")
    await expect(row(front, missed)).to_be_visible()
    heard = await clinic.add(incoming(caller_name="In front"))
    await expect(row(front, heard)).to_be_visible()
    await expect(row(visit, heard)).to_be_attached()
    await expect(row(visit, missed)).to_be_attached()
    await front.close()


async def test_a_tab_does_nothing_in_the_name_of_who_signed_in_in_another(
    visit: Page, clinic: Clinic, complaints: list[str]
) -> None:
    fax = await clinic.add(incoming(caller_name="Of ACME"))
    await visit.goto("/inbox")
    await expect(row(visit, fax)).to_be_visible()
    client = await clinic.office.signed_in("Quiet", "quinn")
    url = f"http://127.0.0.1:{clinic.office.port}"
    await visit.context.add_cookies([{"name": "nexefax-session", "value": client.cookie, "url": url}])
    clinic.office.running.cut_connections()
    sign = visit.locator(".line-sign")
    await expect(sign).to_contain_text(TEXT["lineOut"])
    of_others = await clinic.add(incoming(account="Quiet", caller_name="Of Quiet"))
    await delete(visit, fax)
    dialog = visit.get_by_role("dialog", name=TEXT["expiredTitle"])
    await expect(dialog.get_by_label("Password (bob.smith, ACME)")).to_be_visible()
    await renew_session(visit)
    await expect(row(visit, fax)).to_have_count(0)
    await expect(sign).to_be_hidden()  # and the page listens again
    mine = await clinic.add(incoming(caller_name="Of ACME again"))
    await expect(row(visit, mine)).to_be_visible()
    await expect(row(visit, of_others)).to_have_count(0)
    complaints.clear()


async def test_what_was_revoked_though_the_answer_was_lost_is_gone(
    visit: Page, clinic: Clinic, complaints: list[str]
) -> None:
    await sign_in(visit, clinic, "rita")
    await visit.evaluate(
        """fetch("/api/tokens", { method: "POST", headers: { "Content-Type": "application/json" },
                 body: JSON.stringify({ name: "Old software", scopes: ["read"] }) })"""
    )
    await visit.reload()
    await expect(visit.locator("#tokens")).to_contain_text("Old software")
    await lose_answer(visit, "**/api/tokens/*")
    await visit.get_by_role("button", name=TEXT["revoke"]).click()
    dialog = visit.get_by_role("dialog")
    await dialog.get_by_role("button", name=TEXT["revoke"]).click()
    await expect(dialog.get_by_role("alert")).to_have_text(TEXT["unreachable"])
    complaints.clear()
    await dialog.get_by_role("button", name=TEXT["revoke"]).click()
    await expect(visit.locator("#tokens")).to_have_text(TEXT["noTokens"])
    await expect(dialog).to_have_count(0)


async def test_a_password_that_was_changed_is_not_called_unchanged(
    visit: Page, clinic: Clinic, complaints: list[str]
) -> None:
    await sign_in(visit, clinic, "sue")
    await lose_request(visit, "**/api/sessions")
    for label, words in (
        ("Current password", PASSWORD),
        ("New password", "a new secret"),
        ("New password once more", "a new secret"),
    ):
        await visit.get_by_label(label, exact=True).fill(words)
    await visit.get_by_role("button", name="Change password").click()
    await expect(visit.locator(".toast")).to_have_text(re.compile(TEXT["unreachable"]))
    await expect(visit.locator("#password-problem")).to_be_empty()
    complaints.clear()


async def test_of_a_group_all_are_cancelled_that_still_can_be(
    visit: Page, clinic: Clinic, complaints: list[str]
) -> None:
    first, second = [
        await clinic.add(
            outgoing(
                state="ready", batch="b" * 16, to_name=name, next_try=time.time() + 9999, subject="To both"
            )
        )
        for name in ("One", "Two")
    ]
    await visit.goto("/sent")
    refusal = {"detail": f"It is too late to cancel fax {first}: it is sent."}
    await visit.route(
        f"**/api/faxes/{first}/cancel", lambda route: route.fulfill(status=409, json=refusal), times=1
    )
    group = visit.locator("li.group", has_text="To both")
    await group.get_by_role("button", name=TEXT["actionsForGroup"]).click()
    await visit.get_by_role("menuitem").click()
    await visit.get_by_role("dialog").get_by_role("button", name="Cancel 2 faxes").click()
    await expect(visit.get_by_role("dialog")).to_have_count(0)
    await expect(visit.locator(".toast")).to_have_text(refusal["detail"])
    assert (await clinic.office.load(second)).state == "cancelled"
    complaints.clear()
