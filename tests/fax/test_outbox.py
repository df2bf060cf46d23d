"""The outbox: delays that grow, and a cancellation that gets through."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import cast

import pytest

from nexefax.config import Config
from nexefax.errors import JournalError, MailDelayed, MailRefused, MailServerDown
from nexefax.fax import job, mail_records, records
from nexefax.fax.bookkeeper import Bookkeeper
from nexefax.fax.outbox import FIRST_DELAY, LONGEST_DELAY, Outbox, delay_after
from nexefax.fax.smtp import PATIENT_TRIES
from nexefax.store import Journal
from tests.fax.deliveries import deliver_due, nothing_due
from tests.fax.workshop import Workshop, open_workshop

Deliver = Callable[[mail_records.Mail, records.Fax], Awaitable[None]]
FAX = records.Fax(id=0, direction="out", account="ACME", state=job.State.SENT, created=1.0, changed=1.0)


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    opened = await Journal.open(tmp_path)
    yield opened
    await opened.close()


async def outbox_with_letter(journal: Journal, deliver: Deliver) -> Outbox:
    def add(connection: object) -> None:
        fax = records.add_fax(connection, FAX)  # type: ignore[arg-type]  # the journal's connection
        mail_records.add_mail(connection, fax, "sent", "<1@pbx.example>", 1.0)  # type: ignore[arg-type]

    await journal.write(add)
    unused = cast(Config, None)  # a letter about a sent fax needs no policy
    return Outbox(Bookkeeper(journal, lambda: unused, lambda: None), deliver)


async def the_letter(journal: Journal) -> mail_records.Mail:
    return (await journal.read(lambda connection: mail_records.mails_of(connection, 1)))[0]


def test_delays_double_up_to_a_day_with_jitter() -> None:
    for attempts in range(1, 40):
        longest = min(FIRST_DELAY * 2 ** (attempts - 1), LONGEST_DELAY)
        found = [delay_after(attempts) for _ in range(50)]
        assert longest * 0.8 <= min(found) < max(found) <= longest
    assert LONGEST_DELAY == 24 * 3600
    # Greylisting lasts five minutes: whoever is refused for now is waited for as long.
    assert sum(FIRST_DELAY * 2**tries * 0.8 for tries in range(PATIENT_TRIES - 1)) > 300


@pytest.mark.parametrize(
    ("error", "state", "said"),
    [
        (MailDelayed("451 try later"), "waiting", "451 try later"),
        (MailRefused("550 no such user"), "refused", "550 no such user"),
        (ValueError("a fault of ours"), "waiting", "ValueError('a fault of ours')"),
    ],
)
async def test_a_letter_that_is_not_taken_is_kept_with_the_reason(
    journal: Journal, error: Exception, state: str, said: str
) -> None:
    async def deliver(_mail: mail_records.Mail, _fax: records.Fax) -> None:
        raise error

    outbox = await outbox_with_letter(journal, deliver)
    await deliver_due(outbox, journal)
    letter = await the_letter(journal)
    assert (letter.state, letter.error, letter.attempts) == (state, said, 1)


async def test_a_letter_that_is_taken_is_not_sent_again(journal: Journal) -> None:
    delivered = []

    async def deliver(mail: mail_records.Mail, fax: records.Fax) -> None:
        delivered.append((mail.message_id, fax.id))

    outbox = await outbox_with_letter(journal, deliver)
    await deliver_due(outbox, journal)
    await deliver_due(outbox, journal)
    assert delivered == [("<1@pbx.example>", 1)]
    assert (await the_letter(journal)).state == "accepted"


@pytest.mark.parametrize(
    ("error", "delivered", "left"),
    [(MailServerDown("no connection"), [1, 2, 1, 3], []), (MailDelayed("452 mailbox full"), [1, 2, 3], [1])],
)
async def test_a_server_that_is_back_calls_what_waits_for_it_but_not_what_waits_for_a_mailbox(
    journal: Journal, error: Exception, delivered: list[int], left: list[int]
) -> None:
    """The second letter gets through at its first try; the first one may be a day away from its next."""
    failures = [error]
    found = []

    async def deliver(_mail: mail_records.Mail, fax: records.Fax) -> None:
        found.append(fax.id)
        if failures:
            raise failures.pop()

    def add(connection: sqlite3.Connection) -> None:
        fax = records.add_fax(connection, FAX)
        mail_records.add_mail(connection, fax, "sent", f"<{fax}@pbx.example>", 1.0)

    outbox = await outbox_with_letter(journal, deliver)
    await deliver_due(outbox, journal)
    await journal.write(add)
    await deliver_due(outbox, journal)
    await deliver_due(outbox, journal)  # the first again, if it was called
    await journal.write(add)
    await deliver_due(outbox, journal)  # a third that goes well calls nobody
    assert found == delivered
    assert [fax for fax in (1, 2, 3) if await is_waiting(journal, fax)] == left


async def is_waiting(journal: Journal, fax: int) -> bool:
    (mail,) = await journal.read(lambda connection: mail_records.mails_of(connection, fax))
    return mail.state == "waiting"


async def test_a_repeat_has_the_same_message_id_and_date(journal: Journal) -> None:
    failures = [MailDelayed("the connection broke after the data"), MailDelayed("and again")]
    found = []

    async def deliver(mail: mail_records.Mail, _fax: records.Fax) -> None:
        found.append((mail.message_id, mail.created, mail.attempts))
        if failures:
            raise failures.pop()

    outbox = await outbox_with_letter(journal, deliver)
    for _ in range(3):
        await deliver_due(outbox, journal)
        await journal.write(lambda connection: mail_records.hasten_mails(connection, 1.0))
    assert found == [("<1@pbx.example>", 1.0, attempt) for attempt in (1, 2, 3)]


async def test_a_cancellation_that_a_library_forgets_still_ends_the_loop(journal: Journal) -> None:
    """asyncio.wait_for of Python 3.11 does so when result and cancellation come together; the daemon hung then."""
    delivering = asyncio.Event()

    async def deliver(_mail: mail_records.Mail, _fax: records.Fax) -> None:
        delivering.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return

    outbox = await outbox_with_letter(journal, deliver)
    task = asyncio.create_task(outbox.run())
    await delivering.wait()
    task.cancel()
    async with asyncio.timeout(30):
        with pytest.raises(asyncio.CancelledError):
            await task
    assert (await the_letter(journal)).state == "accepted"


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Workshop]:
    async with open_workshop(tmp_path) as opened:
        yield opened


async def write_letter(shop: Workshop, kind: str) -> int:
    state = "delivering" if kind == "received" else "sent"
    fax = await shop.add(direction="in" if kind == "received" else "out", state=state)
    await shop.journal.write(lambda c: mail_records.add_mail(c, fax.id, kind, f"<{fax.id}@x>", 1.0))
    return fax.id


class StallingServer:
    """Takes no letter until it is told to; ``under_way`` are the faxes of those that it lets wait."""

    def __init__(self) -> None:
        self.under_way: list[int] = []
        self.begun: list[int] = []
        self._may_end: dict[int, asyncio.Event] = {}

    async def deliver(self, _mail: mail_records.Mail, fax: records.Fax) -> None:
        self.begun.append(fax.id)
        self.under_way.append(fax.id)
        await self._may_end.setdefault(fax.id, asyncio.Event()).wait()
        self.under_way.remove(fax.id)

    def take(self, fax: int) -> None:
        self._may_end.setdefault(fax, asyncio.Event()).set()

    async def wait_for(self, *under_way: int) -> None:
        async with asyncio.timeout(30):
            while sorted(self.under_way) != sorted(under_way):
                await asyncio.sleep(0.005)


async def test_a_letter_that_the_server_lets_wait_holds_up_no_other(shop: Workshop) -> None:
    for kind in ("sent", "failed", "sent", "sent"):
        await write_letter(shop, kind)
    server = StallingServer()
    outbox = Outbox(shop.bookkeeper, server.deliver)
    task = asyncio.create_task(outbox.run())
    await server.wait_for(1, 2)  # the others wait: not all at once
    fax = await write_letter(shop, "received")
    outbox.wake()
    await server.wait_for(1, 2, fax)  # what brings a fax waits for no notice
    for letter in (2, 3):
        server.take(letter)
    await server.wait_for(1, 4, fax)
    for letter in (1, 4, fax):
        server.take(letter)
    await nothing_due(shop.journal)
    assert await shop.journal.read(mail_records.count_mails) == {"accepted": 5}
    assert sorted(server.begun) == [1, 2, 3, 4, fax]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_letter_that_is_taken_while_the_journal_is_read_is_not_delivered_again(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read before it was noted says that it waits."""
    await write_letter(shop, "sent")
    server = StallingServer()
    outbox = Outbox(shop.bookkeeper, server.deliver)
    task = asyncio.create_task(outbox.run())
    await server.wait_for(1)
    read = shop.journal.read
    looked = asyncio.Event()

    async def read_slowly(query: Callable[[sqlite3.Connection], object]) -> object:
        found = await read(query)
        monkeypatch.setattr(shop.journal, "read", read)
        server.take(1)
        await nothing_due(shop.journal)
        looked.set()
        return found

    monkeypatch.setattr(shop.journal, "read", read_slowly)
    outbox.wake()
    async with asyncio.timeout(30):
        await looked.wait()
    await nothing_due(shop.journal)
    assert server.begun == [1]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_became_of_a_letter_is_noted_later_when_the_journal_can_not_be_written(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("nexefax.fax.outbox.IDLE_SECONDS", 0)
    await write_letter(shop, "sent")
    failures = [JournalError("disk full")]
    write = shop.journal.write

    async def fail_once(change: Callable[[sqlite3.Connection], object]) -> object:
        if failures:
            raise failures.pop()
        return await write(change)

    async def deliver(_mail: mail_records.Mail, _fax: records.Fax) -> None:
        raise MailDelayed("452 mailbox full")

    monkeypatch.setattr(shop.journal, "write", fail_once)
    await deliver_due(Outbox(shop.bookkeeper, deliver), shop.journal)
    (letter,) = await shop.journal.read(lambda c: mail_records.mails_of(c, 1))
    assert (letter.state, letter.error, letter.attempts) == ("waiting", "452 mailbox full", 1)
    assert "fax 1: what became of its mail can't be noted" in caplog.text
