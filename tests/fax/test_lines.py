"""The line budget at work: who is called for, and what the others are told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest_asyncio

from nexefax.fax import events
from nexefax.fax.cause import Cause, Ending
from tests.fax.workshop import Workshop, open_workshop


@pytest_asyncio.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Workshop]:
    async with open_workshop(tmp_path) as shop:
        yield shop


async def begin(shop: Workshop) -> None:
    await shop.sending.start_due(None)  # type: ignore[arg-type]  # nothing is to be rendered


async def test_no_more_calls_than_lines(shop: Workshop) -> None:
    shop.config = replace(shop.config, general=replace(shop.config.general, tx_max_calls=2))
    for last in range(4):
        await shop.add_ready(number=f"202555010{last}")
    await begin(shop)
    assert [(await shop.fax(fax)).state for fax in (1, 2, 3, 4)] == ["calling", "calling", "ready", "ready"]
    assert (await shop.fax(3)).reason == "waiting for a free line"
    assert len(list(shop.outgoing.iterdir())) == 2
    await begin(shop)
    assert len(list(shop.outgoing.iterdir())) == 2
    await shop.bookkeeper.record(1, events.AttemptEnded(1, Ending(Cause.SENT, "sent", 1)))
    await begin(shop)
    third = await shop.fax(3)
    assert (third.state, third.reason) == ("calling", "")


async def test_one_call_at_a_time_to_a_number(shop: Workshop) -> None:
    await shop.add_ready()
    await shop.add_ready()
    await begin(shop)
    second = await shop.fax(2)
    assert (second.state, second.reason) == ("ready", "waiting: another fax to this number is being sent")


async def test_an_accounts_own_lines(shop: Workshop) -> None:
    account = replace(shop.account, tx_max_calls=1)
    shop.config = replace(shop.config, accounts={"acme": account})
    await shop.add_ready(number="1")
    await shop.add_ready(number="2")
    await begin(shop)
    assert [(await shop.fax(fax)).state for fax in (1, 2)] == ["calling", "ready"]


async def test_who_waits_for_a_line_does_not_wake_the_loop(shop: Workshop) -> None:
    await shop.add_ready()
    await shop.add_ready()
    await begin(shop)
    assert await shop.sending._pause() == 60.0
