"""Sent in Chromium: what waits, what runs, what became of the rest, and what can be done about it."""

from __future__ import annotations

import re
import time

import pytest
from playwright.async_api import Page, expect

from nexefax.fax.records import Fax
from tests.browser.clinic import MINUTE, outgoing
from tests.browser.office import TEXT, Clinic, choose, row

pytestmark = pytest.mark.asyncio(loop_scope="session")


def waiting(**fields: object) -> Fax:
    now = time.time()
    return outgoing(
        created=now, changed=now, state="ready", reason="the line was busy", attempts=1, next_try=now + 5 * MINUTE,
        pages_done=0, **fields,
    )  # fmt: skip


async def test_each_state_has_words_and_its_reason(visit: Page, clinic: Clinic) -> None:
    await visit.goto("/sent")
    known = clinic.known
    states = {
        known["12025550142"]: r"Waiting\s*the line was busy, next try at .*\d:\d\d.*, attempt 2 of 6",
        known["County Hospital"]: r"Calling\s*attempt 2 of 6",
        known["Royal London Imaging"]: r"Scheduled\s*for .*\d:\d\d",
        known["Dr. Patel"]: "Preparing pages",
        known["12025550000"]: r"Failed\s*the number does not exist",
    }
    for fax, said in states.items():
        await expect(row(visit, fax).locator(".state")).to_have_text(re.compile(said), use_inner_text=True)
        await expect(row(visit, fax).locator(".state svg")).to_be_visible()
    await expect(visit.get_by_text(TEXT["maybeTwice"])).to_be_visible()
    await expect(row(visit, known["Royal London Imaging"])).to_contain_text("Films for Mr. Hart, 3 pages")


async def test_what_was_sent_together_is_folded_with_a_summary(visit: Page, clinic: Clinic) -> None:
    await visit.goto("/sent")
    group = visit.get_by_role("button", name=re.compile("^6 recipients"))
    await expect(group).to_contain_text("Flu clinic on Saturday")
    await expect(group.locator(".state")).to_have_text("1 waiting1 failed1 cancelled3 sent")
    await expect(row(visit, clinic.known["Harbor Dental"])).to_be_hidden()
    await group.focus()
    await visit.keyboard.press("Enter")
    await expect(group).to_have_attribute("aria-expanded", "true")
    await expect(row(visit, clinic.known["Harbor Dental"])).to_contain_text("nobody answered")
    await visit.keyboard.press("j")
    await expect(visit.locator(".members li.row").first.locator("a.row-link")).to_be_focused()
    await visit.keyboard.press("k")
    await visit.keyboard.press("Enter")
    await expect(row(visit, clinic.known["Harbor Dental"])).to_be_hidden()


async def test_a_group_is_cancelled_as_far_as_it_waits(visit: Page, clinic: Clinic) -> None:
    faxes = [await clinic.add(waiting(batch="stop", subject="Wrong list")) for _ in range(2)]
    faxes.append(await clinic.add(outgoing(batch="stop", subject="Wrong list", created=time.time())))
    await visit.goto("/sent?q=wrong+list")
    await visit.get_by_role("button", name=TEXT["actionsForGroup"]).click()
    await visit.get_by_role("menuitem", name="Cancel 2 faxes").click()
    dialog = visit.get_by_role("dialog", name="Cancel 2 faxes of this group?")
    await expect(dialog.get_by_role("button", name="Cancel", exact=True)).to_be_focused()
    await dialog.get_by_role("button", name="Cancel 2 faxes").click()
    await expect(visit.locator(".group-head .state")).to_have_text("2 cancelled1 sent")
    assert [(await clinic.office.load(fax)).state for fax in faxes] == ["cancelled", "cancelled", "sent"]


async def test_what_waits_is_cancelled_at_once_and_what_runs_only_when_meant(
    visit: Page, clinic: Clinic
) -> None:
    fax = await clinic.add(waiting(to_name="Never mind"))
    now = time.time()
    running = await clinic.add(
        outgoing(created=now, changed=now, state="calling", to_name="On the line", attempts=1)
    )
    await visit.goto("/sent")
    await row(visit, fax).locator("a.row-link").focus()
    await visit.keyboard.press("c")
    await expect(row(visit, fax).locator(".state")).to_contain_text("Cancelledcancelled by bob.smith")
    await expect(visit.locator(".toast")).to_have_text(f"Fax {fax} is cancelled.")
    await choose(visit, running, "Cancel fax")
    dialog = visit.get_by_role("dialog", name="Cancel the fax to On the line?")
    await expect(dialog).to_contain_text(TEXT["cancelText"])
    await visit.keyboard.press("Enter")  # the safe button has the focus
    await expect(dialog).to_have_count(0)
    assert not (await clinic.office.load(running)).cancelled_by
    await choose(visit, running, "Cancel fax")
    await dialog.get_by_role("button", name=TEXT["cancelFax"]).click()
    await expect(row(visit, running).locator(".state")).to_contain_text("being cancelled by bob.smith")


async def test_the_next_try_is_made_now(visit: Page, clinic: Clinic) -> None:
    fax = await clinic.add(waiting(to_name="Impatient"))
    now = time.time()
    scheduled = await clinic.add(
        outgoing(
            created=now, changed=now, state="ready", to_name="Sooner", send_at=now + 9e4, next_try=now + 9e4
        )
    )
    await visit.goto("/sent")
    await choose(visit, fax, "Try now")
    await expect(visit.locator(".toast")).to_have_text(TEXT["retried"])
    await expect(row(visit, fax)).not_to_contain_text("next try at")
    await choose(visit, scheduled, "Send now")
    await expect(row(visit, scheduled)).not_to_contain_text("Scheduled")
    assert ((await clinic.office.load(scheduled)).next_try or 0) <= time.time()


async def test_sending_again_to_the_same_or_another_number(visit: Page, clinic: Clinic) -> None:
    fax = await clinic.add(outgoing(to_name="Again", state="failed", reason="nobody answered"), pages=True)
    await visit.goto("/sent")
    await row(visit, fax).locator("a.row-link").focus()
    await visit.keyboard.press("r")
    dialog = visit.get_by_role("dialog", name=f"Send fax {fax} again")
    await expect(dialog.get_by_label("To")).to_have_value("+1 202 555 0199")
    await dialog.get_by_label("To").fill("555-CALL")
    await dialog.get_by_role("button", name="Send fax").click()
    await expect(dialog.get_by_role("alert")).to_have_text(
        "A fax number has digits only; “A” can’t be dialled."
    )
    await dialog.get_by_label("To").fill("(202) 555-0111")
    await dialog.get_by_role("button", name="Send fax").click()
    await expect(visit.locator(".toast")).to_have_text(re.compile(r"Fax \d+ to 202 555 0111 is queued\."))
    new = visit.locator("li.row").first
    await expect(new).to_contain_text("202 555 0111")
    sent = await clinic.office.load(int((await new.get_attribute("id") or "")[4:]))
    assert (sent.number, sent.resent_from) == ("2025550111", fax)


async def test_one_kind_at_a_time(visit: Page, clinic: Clinic) -> None:
    await visit.goto("/sent?show=failed")
    await expect(row(visit, clinic.known["12025550000"])).to_be_visible()
    await expect(visit.locator("li.row", has_text="Preparing pages")).to_have_count(0)
    await visit.get_by_text("Waiting", exact=True).first.click()
    await expect(row(visit, clinic.known["Dr. Patel"])).to_be_visible()
    await expect(row(visit, clinic.known["12025550000"])).to_have_count(0)
    await expect(visit).to_have_url(re.compile("show=waiting$"))
    await visit.get_by_label("Bin").press("Space")
    await expect(visit.get_by_text(TEXT["binEmpty"])).to_be_visible()


async def test_passing_pages_on_as_a_fax_leads_to_composing(visit: Page, clinic: Clinic) -> None:
    fax = await clinic.add(outgoing(to_name="Passed on"), pages=True)
    await visit.goto("/sent")
    await choose(visit, fax, "Forward as a fax")
    await visit.wait_for_url(re.compile(r"/send\?draft=.+"))
