"""A clock that is set makes nothing wait for the time that it said, and gives up no call that runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nexefax.fax import mail_records, records
from nexefax.fax.clock_watch import ClockWatch, shift_attempts, take_attempts_back
from nexefax.fax.records import CLOCK_SLACK
from tests.fax.workshop import Workshop, open_workshop

NOW = 1_800_000_000.0
YEAR = 365 * 86_400.0


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Workshop]:
    async with open_workshop(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize(
    ("changed", "next_try", "due"),
    [
        (NOW - 10, NOW, True),
        (NOW - 10, NOW + 1, False),
        (NOW - 10, NOW + 6 * 86_400, False),  # tx_retry_time may be a week
        (NOW + CLOCK_SLACK, NOW + 300, False),
        (NOW + CLOCK_SLACK + 1, NOW + 300, True),
        (NOW + YEAR, NOW + YEAR + 300, True),
    ],
)
async def test_what_waits_for_a_time_that_a_wrong_clock_said_is_due(
    shop: Workshop, changed: float, next_try: float, due: bool
) -> None:
    for state in ("queued", "ready"):
        await shop.add(state=state, changed=changed, next_try=next_try)

    def mail(connection: object) -> None:
        mail_records.add_mail(connection, 1, "sent", "<1@x>", changed)  # type: ignore[arg-type]  # the journal's
        connection.execute("UPDATE mail SET next_try = ?", (next_try,))  # type: ignore[attr-defined]

    await shop.journal.write(mail)
    queued = await shop.journal.read(lambda c: records.due_faxes(c, "queued", NOW))
    ready = await shop.journal.read(lambda c: records.due_calls(c, NOW))
    (letter,) = await shop.journal.read(lambda c: mail_records.next_mails(c, ["sent"], NOW, 5))
    assert [bool(queued), bool(ready), letter.is_due(NOW)] == [due] * 3


def test_how_far_a_clock_was_set_is_told_once_it_is_surprising() -> None:
    clock, counter = [NOW], [500.0]
    watch = ClockWatch(lambda: clock[0], lambda: counter[0])
    counter[0], clock[0] = 900.0, NOW + 400 + CLOCK_SLACK
    assert watch.jump() == 0
    clock[0] = NOW + 400 - YEAR
    assert watch.jump() == -YEAR
    assert watch.jump() == -YEAR  # as long as nobody has taken care of it
    watch.follow(-YEAR)
    counter[0], clock[0] = 901.0, clock[0] + 1
    assert watch.jump() == 0


async def calling(shop: Workshop, started: float) -> int:
    fax = (await shop.add(state="calling", attempts=1, max_attempts=2, pages=1)).id
    row = records.Attempt(fax, 1, started, started + 300)
    await shop.journal.write(lambda connection: records.save_attempt(connection, row))
    return fax


async def times(shop: Workshop, fax: int) -> tuple[float, float, float | None]:
    row = await shop.journal.read(lambda c: records.load_attempt(c, fax, 1))
    assert row is not None
    return row.started, row.deadline, row.ended


@pytest.mark.parametrize("jump", [YEAR, -YEAR])
async def test_a_call_that_runs_has_as_much_time_as_before(shop: Workshop, jump: float) -> None:
    begun = NOW - 60
    fax = await calling(shop, begun)
    over = records.Attempt(2, 1, NOW, NOW + 300, ended=NOW + 30)
    await shop.add(state="sent")
    await shop.journal.write(lambda connection: records.save_attempt(connection, over))
    await shop.journal.write(lambda connection: shift_attempts(connection, jump))
    assert await times(shop, fax) == (begun + jump, begun + 300 + jump, None)
    assert await times(shop, 2) == (NOW, NOW + 300, NOW + 30)


async def test_at_a_start_what_lies_ahead_begins_now(shop: Workshop) -> None:
    ahead, right = await calling(shop, NOW + YEAR), await calling(shop, NOW - 100)
    await shop.journal.write(lambda connection: take_attempts_back(connection, NOW))
    assert await times(shop, ahead) == (NOW, NOW + 300, None)
    assert await times(shop, right) == (NOW - 100, NOW + 200, None)
