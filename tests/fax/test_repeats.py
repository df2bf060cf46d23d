"""Faxes that come twice are delivered twice, and the second says what it probably is."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from nexefax.fax import mail_records, records
from nexefax.fax.letters import Letters
from nexefax.fax.repeats import PAGE_SECONDS, REPEAT_SECONDS, is_near, is_repeat, page_sizes, repeat_sentence
from tests.fax.workshop import Workshop, open_workshop
from tests.mail.letters import text_of
from tests.mail.servers import Mailbox, mail_server

FIRST = records.Fax(
    id=11,
    direction="in",
    account="ACME",
    state="delivered",
    created=1000.0,
    changed=1000.0,
    number="12025550100",
)
SECOND = replace(FIRST, id=12, state="received", created=1180.0)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Workshop]:
    async with open_workshop(tmp_path) as opened:
        yield opened


def letter(words: int, time: str, *, noise: int = 0) -> Image.Image:
    """A letter of one office: its head, ``words`` words that differ from letter to letter, a header line on top."""
    image = Image.new("1", (1728, 2200), 1)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(32)
    draw.text((40, 4), f"{time}   Dr. Example   +1 202 555 0100   p. 1", fill=0, font=font)
    draw.text((200, 120), "Dr. Example, Laboratory", fill=0, font=ImageFont.load_default(64))
    draw.rectangle((150, 260, 1600, 2100), outline=0, width=3)
    chance = random.Random(words)
    for number in range(words):
        word = "".join(chance.choices("abcdefghilmnorstu", k=chance.randint(3, 9)))
        draw.text((200 + number % 7 * 195, 300 + number // 7 * 44), word, fill=0, font=font)
    for _ in range(noise):
        at = chance.randrange(1728), chance.randrange(300, 2200)
        draw.point(at, fill=1 - int(image.getpixel(at) == 255))
    return image


def write(path: Path, *pages: Image.Image) -> Path:
    first, *others = pages
    first.save(path, "TIFF", save_all=True, append_images=others, compression="group4", dpi=(204, 196))
    return path


def sizes(path: Path, *pages: Image.Image) -> tuple[int, ...]:
    return page_sizes(write(path, *pages))


def test_the_same_letter_at_another_minute_is_a_repeat_and_another_letter_is_not(tmp_path: Path) -> None:
    path = tmp_path / "a.tiff"
    once = sizes(path, letter(180, "22-NOV-2026 20:09"))
    again = sizes(path, letter(180, "22-NOV-2026 20:13"))
    scanned = sizes(path, letter(180, "22-NOV-2026 20:13", noise=60))
    other = sizes(path, letter(150, "22-NOV-2026 20:13"))
    assert once != again
    assert once != scanned
    assert is_repeat(SECOND, again, FIRST, once)
    assert is_repeat(SECOND, scanned, FIRST, once)
    assert not is_repeat(SECOND, other, FIRST, once)


@pytest.mark.parametrize(
    ("pages", "cut", "before", "cut_before", "repeat"),
    [
        ((9000, 5000), False, (9000, 5100), False, True),
        ((9000, 5000), False, (9000, 5200), False, False),
        ((9000, 5000), False, (9000,), False, False),
        ((900, 500), False, (960, 440), False, True),
        ((), False, (), False, False),
        # the whole of one that broke off, whose last page is cut
        ((9000, 5000, 7000), False, (9000, 900), True, True),
        ((9000, 5000, 7000), False, (4000, 900), True, False),
        ((9000,), False, (700,), True, True),
        ((9000,), False, (9000, 5000), True, False),
        # broken off twice
        ((9000, 80), True, (9000, 4000, 70), True, True),
        ((9000, 80), True, (7000, 4000, 70), True, False),
        ((80,), True, (70,), True, True),
        # broken off after a whole one: not by its first page alone
        ((9000, 80), True, (9000, 5000), False, True),
        ((9000, 80, 70), True, (9000, 5000), False, False),
        ((80,), True, (9000,), False, False),
    ],
)
def test_what_is_compared(
    pages: Sequence[int], cut: bool, before: Sequence[int], cut_before: bool, repeat: bool
) -> None:
    found = is_repeat(replace(SECOND, incomplete=cut), pages, replace(FIRST, incomplete=cut_before), before)
    assert found is repeat


@pytest.mark.parametrize(
    ("number", "station", "before", "station_before", "near"),
    [
        ("12025550100", "", "12025550100", "", True),
        ("+1 202 555 0100", "", "12025550100", "", True),
        ("12025550100", "", "12025550101", "", False),
        ("", "+1 202 555 0199", "anonymous", "12025550199", True),
        ("", "12025550199", "12025550100", "12025550199", False),
        ("", "", "", "", False),
        ("anonymous", "FAX", "anonymous", "FAX", False),
        ("0", "000000", "0", "000000", False),
        ("201", "", "201", "", True),
    ],
)
def test_the_caller_is_the_same(
    number: str, station: str, before: str, station_before: str, near: bool
) -> None:
    fax, earlier = (
        replace(SECOND, number=number, station=station),
        replace(FIRST, number=before, station=station_before),
    )
    assert is_near(fax, earlier, 1) is near


def test_the_time_is_some_minutes_and_a_long_fax_has_longer() -> None:
    last = FIRST.created + REPEAT_SECONDS + 2 * PAGE_SECONDS
    assert is_near(replace(SECOND, created=last), FIRST, 2)
    assert not is_near(replace(SECOND, created=last + 1), FIRST, 2)
    assert is_near(replace(SECOND, created=last + 1), FIRST, 3)
    assert not is_near(replace(SECOND, created=FIRST.created - REPEAT_SECONDS - PAGE_SECONDS - 1), FIRST, 1)


@pytest.mark.parametrize(
    ("cut", "cut_before", "words"),
    [
        (False, False, "probably a repeat of fax 11, which came 3 minutes before"),
        (False, True, "probably the whole of fax 11, which broke off 3 minutes before"),
        (True, True, "probably another try at fax 11, which broke off 3 minutes before"),
        (True, False, "probably the beginning of fax 11 once more, which came 3 minutes before"),
    ],
)
def test_what_people_are_told(cut: bool, cut_before: bool, words: str) -> None:
    fax, earlier = replace(SECOND, incomplete=cut), replace(FIRST, incomplete=cut_before)
    assert words in repeat_sentence(fax, earlier)
    assert "1 minute before" in repeat_sentence(replace(fax, created=1001.0), earlier)


def test_what_is_no_tiff_has_no_pages(tmp_path: Path) -> None:
    assert page_sizes(tmp_path / "none") == ()
    (tmp_path / "rubbish").write_bytes(b"II*rubbish")
    assert page_sizes(tmp_path / "rubbish") == ()


def said(ended: int, *, status: str = "SUCCESS", account: str = "ACME") -> str:
    return (
        f"v=1&kind=received&account={account}&caller=12025550100&status={status}&pages=1&ended={ended}"
        f"&uniqueid=17000000{ended}.4&end=1"
    )


async def receive(shop: Workshop, ended: int, *pages: Image.Image, **more: str) -> None:
    path = shop.receive(f"nexefax-ACME-20261122-200905-12025550100-17000000{ended}.4.tiff", None)
    write(path, *pages)
    path.with_name(f"{path.name}.outcome").write_text(said(ended, **more))
    await shop.receiving.sweep()
    await shop.receiving.convert_due()


async def mailed(shop: Workshop, fax: records.Fax) -> EmailMessage:
    mailbox = Mailbox()
    (mail,) = await shop.journal.read(lambda connection: mail_records.mails_of(connection, fax.id))
    async with mail_server(mailbox) as port:
        email = replace(shop.config.email, method="smtp", smtp_host="127.0.0.1", smtp_port=port)
        config = replace(shop.config, email=email)
        await Letters(shop.journal, shop.folders, lambda: config).deliver(mail, fax)
    return mailbox.message()


async def test_a_repeat_is_delivered_and_marked(shop: Workshop) -> None:
    await receive(shop, 100, letter(180, "20:09"))
    await receive(shop, 280, letter(180, "20:12"))
    await receive(shop, 400, letter(150, "20:14"))
    first, second, third = [await shop.fax(number) for number in (1, 2, 3)]
    assert [fax.repeat_of for fax in (first, second, third)] == [None, 1, None]
    assert {fax.state for fax in (first, second, third)} == {"delivering"}
    assert shop.letters == 3
    message = await mailed(shop, second)
    assert message["Subject"] == "New eFax Received (probably repeats fax 1)"
    assert "- This is probably a repeat of fax 1, which came 3 minutes before" in text_of(message)
    assert len(list(message.iter_attachments())) == 1
    assert (await mailed(shop, third))["Subject"] == "New eFax Received"


async def test_the_whole_of_one_that_broke_off(shop: Workshop) -> None:
    page = letter(180, "20:09")
    await receive(shop, 100, page, page.crop((0, 0, 1728, 300)), status="FAILED")
    await receive(shop, 220, page, letter(150, "20:11"))
    assert (await shop.fax(1)).incomplete
    whole = await shop.fax(2)
    assert (whole.repeat_of, whole.incomplete) == (1, False)
    assert "the whole of fax 1" in whole.notes[0]


async def test_another_accounts_fax_and_a_late_one_are_no_repeats(shop: Workshop) -> None:
    page = letter(180, "20:09")
    await receive(shop, 100, page)
    other = replace(await shop.fax(1), account="OTHER")
    await shop.journal.write(lambda connection: records.save_fax(connection, other))
    await receive(shop, 200, page)
    assert (await shop.fax(2)).repeat_of is None
    await receive(shop, 200 + 16 * 60 + 1, page)
    assert (await shop.fax(3)).repeat_of is None
