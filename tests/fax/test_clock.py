"""A clock that was ahead, and was set right, makes nothing wait for the time that it said."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nexefax.fax import mail_records, records
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
    mails = await shop.journal.read(lambda c: mail_records.due_mails(c, NOW))
    assert [bool(queued), bool(ready), bool(mails)] == [due] * 3
