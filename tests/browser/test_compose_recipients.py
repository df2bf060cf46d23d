"""To whom: one number or a pasted list, with names; wrong ones stay where they can be put right."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.async_api import expect

from tests.browser.composing import PASTE, TEXT, Compose, compose
from tests.web.office import OUT

__all__ = ["compose"]  # the fixture

pytestmark = pytest.mark.asyncio(loop_scope="session")

LISTS = {
    "+1 (202) 555-0199": ["+1 (202) 555-0199"],
    "202 555 0199, 202 555 0111; 303 555 1111": ["202 555 0199", "202 555 0111", "303 555 1111"],
    "Dr. Gray <202-555-0199>, Smith, John <+49 30 1234>": [
        "202-555-0199 Dr. Gray",
        "+49 30 1234 Smith, John",
    ],
    "Dr. Gray; +1 202 555 0199\nBlack, 303.555.1111": ["+1 202 555 0199 Dr. Gray", "303.555.1111 Black"],
    '"Gray, Ellen",2025550199': ["2025550199 Gray, Ellen"],
    "1\tGray\t+1 202 555 0199": ["+1 202 555 0199 Gray"],
    "Gray: 202 555 0199\n+49 (0)30 1234 Praxis Weiß": ["202 555 0199 Gray", "+49 (0)30 1234 Praxis Weiß"],
    "Name;Phone;Fax\nGray;111111;222222\nBlack;;333333\nNone;1;": ["222222 Gray", "333333 Black", " None"],
    "A, 1111, B, 2222": ["1111 A", "2222 B"],
    "1111, A, 2222, B": ["1111 A", "2222 B"],
    "A 1111111, B 2222222": ["1111111 A", "2222222 B"],
    "Praxis 2000 <030123>\r\n\r\n*31#": ["030123 Praxis 2000", "*31#"],
    "Gray; 555-CALL": ["555-CALL Gray"],
    "Gray <+49 30 1234567>, 555-CALL": ["+49 30 1234567 Gray", "555-CALL"],
    "Gray Hospital": ["Gray Hospital"],
    "a < b": ["a < b"],
    " \n\t;,": [],
}


async def test_lists_are_understood_as_people_write_them(compose: Compose) -> None:
    found = await compose.page.evaluate(
        """async (lists) => {
            const { readRecipients } = await import("/res/js/address.js");
            const one = ({ number, name }) => name ? `${number} ${name}` : number;
            return lists.map((list) => readRecipients(list).map(one));
        }""",
        list(LISTS),
    )
    assert dict(zip(LISTS, found, strict=True)) == LISTS


async def test_a_pasted_list_becomes_recipients_whose_faults_can_be_mended(compose: Compose) -> None:
    page = compose.page
    text = "Dr. Gray <+1 202 555 0199>\nBlack; 555-CALL\nWhite\t+49 30 1234567\n+12025550199"
    await page.evaluate(PASTE, [text, "fax_to"])
    await expect(compose.chips).to_contain_text(["Dr. Gray", "Black", "White"])
    said = "3 recipients added. 1 was there twice and is kept once. One number can’t be dialled."
    await expect(compose.status).to_contain_text(said)
    await expect(page.locator("#fax_to-hint")).to_contain_text(said)
    await expect(compose.chips.nth(1)).to_contain_text("A fax number has digits only; “A” can’t be dialled.")
    await compose.add(compose.file("note.txt", b"A note.\n"))
    await compose.expect_ready(1)
    await compose.send()
    await expect(page.locator("#edit-number")).to_be_focused()
    await expect(page.locator("#edit-number-error")).to_contain_text("digits only")
    await page.keyboard.type("202 555 0111")
    await page.keyboard.press("Enter")
    await expect(compose.chips).to_have_text(
        ["Dr. Gray+1 202 555 0199", "Black202 555 0111", "White+49 301 234 567"]
    )
    await expect(compose.chips.nth(1).locator(".who-to")).to_be_focused()
    await expect(compose.send_button).to_have_text("Send 3 faxes")
    await compose.send()
    await expect(compose.done).to_have_text("3 faxes queued")
    faxes = await compose.faxes()
    assert [(fax.number, fax.to_name) for fax in faxes] == [
        ("+12025550199", "Dr. Gray"), ("2025550111", "Black"), ("+49301234567", "White"),
    ]  # fmt: skip
    assert len({fax.batch for fax in faxes}) == 1
    links = page.locator("#done-to a")
    await expect(links).to_have_text(
        ["Dr. Gray, +1 202 555 0199", "Black, 202 555 0111", "White, +49 301 234 567"]
    )
    await expect(links.last).to_have_attribute("href", "/faxes/3")
    watch = page.get_by_role("link", name="See how they go")
    await expect(watch).to_have_attribute("href", f"/sent?batch={faxes[0].batch}")


async def test_an_odd_number_is_said_on_leaving_the_field_and_stays_in_it(compose: Compose) -> None:
    await compose.to.fill("555-CALL")
    await compose.to.blur()
    sentence = "A fax number has digits only; “A” can’t be dialled."
    await expect(compose.page.locator("#fax_to-error")).to_have_text(sentence)
    await expect(compose.to).to_have_value("555-CALL")
    await expect(compose.to).to_have_attribute("aria-invalid", "true")
    await expect(compose.to).to_have_accessible_description(f"{TEXT['toHint']} {sentence}")
    await expect(compose.chips).to_have_count(0)


async def test_numbers_are_parted_by_enter_comma_and_semicolon_and_handled_by_keys(compose: Compose) -> None:
    keyboard = compose.page.keyboard
    await compose.to.focus()
    for typed in ("111111", ",", "Gray, 222222", ";", "333333", "Enter"):
        await (keyboard.press if typed == "Enter" else keyboard.type)(typed)
    await expect(compose.chips).to_have_text(["111111", "Gray222222", "333333"])
    await expect(compose.to).to_be_focused()
    await keyboard.type("111 111")
    await keyboard.press("Enter")
    await expect(compose.status).to_have_text("111111 was there already.")
    await expect(compose.chips).to_have_count(3)
    await keyboard.press("Backspace")
    await expect(compose.chips.last.locator(".who-to")).to_be_focused()
    await keyboard.press("ArrowLeft")
    await keyboard.press("Delete")
    await expect(compose.chips).to_have_text(["111111", "333333"])
    await expect(compose.status).to_have_text("Gray, 222222 removed.")
    await expect(compose.chips.last.locator(".who-to")).to_be_focused()
    await keyboard.press("Enter")
    await expect(compose.page.locator("#edit-number")).to_be_focused()
    await keyboard.press("Tab")
    await keyboard.type("Black")
    await keyboard.press("Escape")
    await expect(compose.chips).to_have_text(["111111", "333333"])
    await keyboard.press("Enter")
    await keyboard.press("Tab")
    await keyboard.type("Black")
    await keyboard.press("Enter")
    await expect(compose.chips).to_have_text(["111111", "Black333333"])
    await keyboard.press("ArrowRight")
    await expect(compose.to).to_be_focused()
    await compose.chips.first.get_by_role("button", name="Remove").click()
    await compose.expect_saved()
    assert [(one["number"], one["name"]) for one in (await compose.saved())["recipients"]] == [
        ("333333", "Black")
    ]


async def test_numbers_used_lately_are_offered(compose: Compose) -> None:
    await compose.desk.office.add(OUT)
    await compose.desk.office.add(replace(OUT, number="4930123456", to_name="Praxis Weiß", created=1.8e9 + 5))
    keyboard = compose.page.keyboard
    offers = compose.page.get_by_role("listbox", name="Recent numbers").get_by_role("option")
    await compose.to.focus()
    await keyboard.press("ArrowDown")
    await expect(offers).to_have_text(["Praxis Weiß4930123456", "Dr. Gray+1 202 555 0199"])
    await expect(compose.to).to_have_attribute("aria-expanded", "true")
    await keyboard.press("ArrowDown")
    await keyboard.press("ArrowDown")
    await expect(offers.last).to_have_attribute("aria-selected", "true")
    marked = await offers.last.get_attribute("id")
    await expect(compose.to).to_have_attribute("aria-activedescendant", str(marked))
    await keyboard.press("Enter")
    await expect(compose.chips).to_have_text(["Dr. Gray+1 202 555 0199"])
    await keyboard.type("weiß")
    await expect(offers).to_have_count(1)
    await expect(compose.status).to_have_text("1 recent number fits.")
    await keyboard.press("Escape")
    await expect(offers).to_have_count(0)
    await keyboard.press("ArrowDown")
    await offers.first.click()
    await expect(compose.chips).to_contain_text(["Dr. Gray", "Praxis Weiß"])
    await expect(compose.to).to_be_focused()


async def test_a_click_on_send_right_after_typing_is_not_lost(compose: Compose) -> None:
    """Leaving the field says what is wrong below it, which moves the button that is being pressed."""
    await compose.page.set_viewport_size({"width": 1000, "height": 1600})
    await compose.add(compose.file("note.txt", b"A note.\n"))
    await compose.expect_ready(1)
    await compose.to.fill("555-CALL")
    at = await compose.send_button.bounding_box()
    assert at is not None
    await compose.page.mouse.click(at["x"] + at["width"] / 2, at["y"] + 3)
    await expect(compose.to).to_be_focused()
    await expect(compose.page.locator("#fax_to-error")).to_contain_text("digits only")
    assert (await compose.send_button.bounding_box() or at)["y"] > at["y"]
    await compose.to.fill("202 555 0199")
    await compose.send()
    await expect(compose.done).to_have_text("Queued as fax #1")
