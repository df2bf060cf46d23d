"""The outbox: delays that grow, and a cancellation that gets through."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import cast

import pytest

from nexefax.config import Config
from nexefax.errors import MailDelayed, MailRefused
from nexefax.fax import job, records
from nexefax.fax.bookkeeper import Bookkeeper
from nexefax.fax.outbox import FIRST_DELAY, LONGEST_DELAY, Outbox, delay_after
from nexefax.store import Journal

Deliver = Callable[[records.Mail, records.Fax], Awaitable[None]]
FAX = records.Fax(id=0, direction="out", account="ACME", state=job.State.SENT, created=1.0, changed=1.0)


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    opened = await Journal.open(tmp_path)
    yield opened
    await opened.close()


async def outbox_with_letter(journal: Journal, deliver: Deliver) -> Outbox:
    def add(connection: object) -> None:
        fax = records.add_fax(connection, FAX)  # type: ignore[arg-type]  # the journal's connection
        records.add_mail(connection, fax, "sent", "<1@pbx.example>", 1.0)  # type: ignore[arg-type]

    await journal.write(add)
    unused = cast(Config, None)  # a letter about a sent fax needs no policy
    return Outbox(Bookkeeper(journal, lambda: unused, lambda: None), deliver)


async def the_letter(journal: Journal) -> records.Mail:
    return (await journal.read(lambda connection: records.mails_of(connection, 1)))[0]


def test_delays_double_to_a_limit_with_jitter() -> None:
    for attempts in range(1, 40):
        middle = min(FIRST_DELAY * 2 ** (attempts - 1), LONGEST_DELAY)
        assert middle * 0.8 <= delay_after(attempts) <= middle * 1.2


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
    async def deliver(_mail: records.Mail, _fax: records.Fax) -> None:
        raise error

    outbox = await outbox_with_letter(journal, deliver)
    await outbox.deliver_due()
    letter = await the_letter(journal)
    assert (letter.state, letter.error, letter.attempts) == (state, said, 1)


async def test_a_letter_that_is_taken_is_not_sent_again(journal: Journal) -> None:
    delivered = []

    async def deliver(mail: records.Mail, fax: records.Fax) -> None:
        delivered.append((mail.message_id, fax.id))

    outbox = await outbox_with_letter(journal, deliver)
    await outbox.deliver_due()
    await outbox.deliver_due()
    assert delivered == [("<1@pbx.example>", 1)]
    assert (await the_letter(journal)).state == "accepted"


async def test_a_cancellation_that_a_library_forgets_still_ends_the_loop(journal: Journal) -> None:
    """asyncio.wait_for of Python 3.11 does so when result and cancellation come together; the daemon hung then."""
    delivering = asyncio.Event()

    async def deliver(_mail: records.Mail, _fax: records.Fax) -> None:
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
