"""The outbox: delays that grow, and a cancellation that gets through."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import cast

import pytest

from nexefax.config import Config
from nexefax.errors import MailDelayed, MailRefused, MailServerDown
from nexefax.fax import job, mail_records, records
from nexefax.fax.bookkeeper import Bookkeeper
from nexefax.fax.outbox import FIRST_DELAY, LONGEST_DELAY, Outbox, delay_after
from nexefax.fax.smtp import PATIENT_TRIES
from nexefax.store import Journal
from tests.fax.workshop import open_workshop

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
    await outbox.deliver_due()
    letter = await the_letter(journal)
    assert (letter.state, letter.error, letter.attempts) == (state, said, 1)


async def test_a_letter_that_is_taken_is_not_sent_again(journal: Journal) -> None:
    delivered = []

    async def deliver(mail: mail_records.Mail, fax: records.Fax) -> None:
        delivered.append((mail.message_id, fax.id))

    outbox = await outbox_with_letter(journal, deliver)
    await outbox.deliver_due()
    await outbox.deliver_due()
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
    await outbox.deliver_due()
    await journal.write(add)
    await outbox.deliver_due()
    await outbox.deliver_due()  # the first again, if it was called
    await journal.write(add)
    await outbox.deliver_due()  # a third that goes well calls nobody
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
        await outbox.deliver_due()
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


async def test_a_fax_that_comes_in_overtakes_notices(tmp_path: Path) -> None:
    async with open_workshop(tmp_path) as shop:
        brought: list[tuple[int, str]] = []
        done = asyncio.Event()

        async def write(kind: str) -> None:
            ways = {"received": ("in", "delivering"), "sent": ("out", "sent")}
            fax = await shop.add(direction=ways[kind][0], state=ways[kind][1])
            await shop.journal.write(
                lambda c: mail_records.add_mail(c, fax.id, kind, f"<{fax.id}@pbx.example>", float(fax.id))
            )

        async def deliver(mail: mail_records.Mail, fax: records.Fax) -> None:
            brought.append((fax.id, mail.kind))
            if fax.id == 3:  # while the first letter goes out, another fax comes in
                await write("received")
                outbox.wake()
            if len(brought) == 4:
                done.set()

        for kind in ("sent", "sent", "received"):
            await write(kind)
        outbox = Outbox(shop.bookkeeper, deliver)
        task = asyncio.create_task(outbox.run())
        await done.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert brought == [(3, "received"), (4, "received"), (1, "sent"), (2, "sent")]
