"""The loops that work for ever: a fault in one turn does not end them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from nexefax.errors import JournalError, SpoolError
from nexefax.fax import events, job, mail_records, outbox, records, sending
from nexefax.fax.callfile import Spool
from nexefax.fax.outbox import Outbox
from tests.fax.workshop import Workshop, open_workshop


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Workshop]:
    async with open_workshop(tmp_path) as opened:
        yield opened


class Faulty:
    """An asynchronous function that fails at first and then tells that it was called."""

    def __init__(self, answer: object = None) -> None:
        self.again = asyncio.Event()
        self._failed = False
        self._answer = answer

    async def __call__(self, *_arguments: object) -> object:
        if not self._failed:
            self._failed = True
            raise ZeroDivisionError
        self.again.set()
        return self._answer


async def until(loop: Callable[[], Awaitable[None]], done: asyncio.Event) -> None:
    """Run ``loop`` until ``done``; it must not have ended by itself."""
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:

        async def turn() -> None:
            await loop()

        running = tasks.create_task(turn())
        await done.wait()
        assert not running.done()
        running.cancel()


async def test_the_queue_goes_on_after_a_fault(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sending, "WATCH_SECONDS", 0.0)
    faulty = Faulty()
    monkeypatch.setattr(shop.sending, "start_due", faulty)
    async with asyncio.TaskGroup() as tasks:
        await until(lambda: shop.sending.run(tasks), faulty.again)
    assert "the queue can't be worked on; trying again" in caplog.text


@pytest.mark.parametrize("broken", ["_in_state", "settle"])
async def test_the_watch_goes_on_after_a_fault(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    monkeypatch.setattr(sending, "WATCH_SECONDS", 0.0)
    await shop.add(state="calling", attempts=1)
    faulty = Faulty([])
    monkeypatch.setattr(shop.sending, broken, faulty)
    await until(shop.sending.watch, faulty.again)
    assert "trying again" in caplog.text


async def test_receiving_goes_on_after_a_fault(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    faulty = Faulty()

    async def sweep() -> None:
        shop.receiving.nudge()
        await faulty()

    monkeypatch.setattr(shop.receiving, "sweep", sweep)
    await until(shop.receiving.run, faulty.again)
    assert "received faxes can't be taken; trying again" in caplog.text


async def test_the_outbox_goes_on_after_a_fault(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outbox, "IDLE_SECONDS", 0.0)

    async def deliver(_mail: mail_records.Mail, _fax: records.Fax) -> None:
        raise AssertionError("there is no letter")

    box = Outbox(shop.bookkeeper, deliver)
    faulty = Faulty(0.0)
    monkeypatch.setattr(box, "_start_due", faulty)
    await until(box.run, faulty.again)
    assert "the outbox can't be" in caplog.text


async def test_a_call_file_that_cannot_be_removed_is_told(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    await shop.add_ready()
    async with asyncio.TaskGroup() as tasks:
        await shop.sending.start_due(tasks)
    (shop.folders.sent_fax(1) / "1.outcome").write_text("v=1&kind=sent&status=SUCCESS&pages=1&end=1")
    shop.outgoing.chmod(0o500)
    await shop.sending.settle(1, 1)
    shop.outgoing.chmod(0o700)
    assert (await shop.fax()).state == job.State.SENT
    assert "fax 1: its call file can't be removed" in caplog.text
    await shop.sending._calling.clear_away()
    assert list(shop.outgoing.iterdir()) == []


async def test_a_journal_that_cannot_be_written_costs_no_attempt(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.add_ready()
    whole = shop.bookkeeper.record

    async def record(*arguments: object, **more: object) -> job.Step | None:
        if isinstance(arguments[1], events.CallPlaced):
            raise JournalError("disk is full")
        return await whole(*arguments, **more)  # type: ignore[arg-type]  # handed through

    monkeypatch.setattr(shop.bookkeeper, "record", record)
    async with asyncio.TaskGroup() as tasks:
        await shop.sending.start_due(tasks)
    assert ((await shop.fax()).state, list(shop.outgoing.iterdir())) == ("ready", [])


def test_call_files_of_a_folder_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SpoolError, match="can't be used"):
        Spool(tmp_path / "none", tmp_path / "file", tmp_path / "none").call_files()
