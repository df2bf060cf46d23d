"""The way out, when something on it fails."""

import asyncio
import errno
import logging
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nexefax.errors import ChildBroken, ChildFailed, ChildMissing, JournalError
from nexefax.fax import events, job, records, rendering
from nexefax.fax.folders import attempt_of
from nexefax.fax.outcome import Outcome
from nexefax.fax.worker import Worker
from tests.fax.workshop import Workshop, open_workshop


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Workshop]:
    async with open_workshop(tmp_path) as opened:
        yield opened


def no_space(*_arguments: object, **_more: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


async def render_all(shop: Workshop) -> None:
    async with asyncio.TaskGroup() as tasks:
        await shop.sending.start_due(tasks)


async def test_a_full_disk_takes_no_document_and_leaves_nothing(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nexefax.durable.shutil.copyfileobj", no_space)
    with pytest.raises(OSError, match="No space"):
        await shop.sending.accept(shop.submission())
    assert list(shop.folders.outgoing.iterdir()) == []
    assert await shop.journal.read(records.count_states) == {}


async def test_a_row_that_cannot_be_written_leaves_no_document(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object) -> int:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(records, "add_fax", full)
    with pytest.raises(JournalError, match="disk is full"):
        await shop.sending.accept(shop.submission())
    assert list(shop.folders.outgoing.iterdir()) == []


async def test_the_same_request_twice_at_once_is_one_fax(shop: Workshop) -> None:
    ids = await asyncio.gather(*(shop.sending.accept(shop.submission("bob:1")) for _ in range(5)))
    assert set(ids) == {1}
    assert [path.name for path in shop.folders.outgoing.iterdir()] == ["1"]


async def test_a_document_left_by_a_rolled_back_transaction_is_replaced(shop: Workshop) -> None:
    (shop.folders.sent_fax(1)).mkdir()
    (shop.folders.sent_fax(1) / "document").write_bytes(b"of nobody")
    assert await shop.sending.accept(shop.submission()) == 1
    assert shop.folders.document(1).read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("error", "state", "reason"),
    [
        (ChildMissing("gs is not installed; install ghostscript"), "queued", "not rendered yet: gs is not"),
        (ChildBroken("gs does not work here"), "queued", "not rendered yet: gs does not work"),
        (OSError(errno.ENOSPC, "No space left on device"), "queued", "No space left"),
        (ZeroDivisionError("a fault of ours"), "queued", "rendering broke down, see the log"),
        (ChildFailed("gs ended with 1"), "failed", "could not be turned into fax pages"),
    ],
)
async def test_what_goes_wrong_while_rendering(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, error: Exception, state: str, reason: str
) -> None:
    async def fail(*_arguments: object, **_more: object) -> None:
        raise error

    monkeypatch.setattr(rendering, "render", fail)
    await shop.sending.accept(shop.submission())
    await render_all(shop)
    fax = await shop.fax()
    assert fax.state == state
    assert reason in fax.reason
    assert (fax.next_try is not None) == (state == "queued")
    assert shop.letters == (state == "failed")


async def test_a_rendered_fax_is_entered_when_the_journal_is_back(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stayed "rendering" until the next start, or took the whole daemon down."""
    monkeypatch.setattr(rendering, "JOURNAL_RETRY", 0.0)
    await shop.sending.accept(shop.submission())
    whole, failures = shop.bookkeeper.record, 3

    async def record(fax_id: int, event: events.Event) -> job.Step | None:
        nonlocal failures
        if failures and not isinstance(event, events.RenderingBegan):
            failures -= 1
            raise JournalError("disk is full")
        return await whole(fax_id, event)

    monkeypatch.setattr(shop.bookkeeper, "record", record)
    await render_all(shop)
    assert (failures, (await shop.fax()).state) == (0, "ready")


async def test_a_fax_that_is_no_longer_queued_is_not_rendered(shop: Workshop) -> None:
    fax = await shop.add(state="failed")
    await rendering.Rendering(shop.bookkeeper, shop.folders).render(fax)
    assert (await shop.fax()).state == "failed"


async def test_one_faxs_fault_does_not_keep_the_others(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await shop.add_ready(), await shop.add_ready(number="2025550101")
    whole = shop.sending._calling.call

    async def call(fax: records.Fax) -> None:
        if fax.id == first.id:
            raise ZeroDivisionError
        await whole(fax)

    monkeypatch.setattr(shop.sending._calling, "call", call)
    await render_all(shop)
    assert ((await shop.fax(1)).state, (await shop.fax(2)).state) == ("ready", "calling")
    assert ((await shop.fax(1)).next_try or 0) > 1_000
    assert [path.name for path in shop.outgoing.iterdir()] == [f"nexefax-{second.id}-1.call"]


async def test_a_spool_that_goes_between_stage_and_hand_over(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await shop.add_ready()
    whole = shop.bookkeeper.record

    async def record(*arguments: object, **more: object) -> job.Step | None:
        step = await whole(*arguments, **more)  # type: ignore[arg-type]  # handed through
        shop.outgoing.rename(shop.outgoing.with_name("away"))
        return step

    monkeypatch.setattr(shop.bookkeeper, "record", record)
    await render_all(shop)
    assert "fax 1: attempt 1 waits for Asterisk's spool" in caplog.text
    assert (await shop.fax()).state == "calling"
    monkeypatch.setattr(shop.bookkeeper, "record", whole)
    shop.outgoing.with_name("away").rename(shop.outgoing)
    await shop.sending.settle(1, 1)
    assert [path.name for path in shop.outgoing.iterdir()] == ["nexefax-1-1.call"]
    assert (await shop.fax()).attempts == 1


async def test_a_rename_that_fails_costs_no_attempt(shop: Workshop) -> None:
    await shop.add_ready()
    shop.folders.fax_tiff(1).unlink()
    await render_all(shop)
    fax = await shop.fax()
    assert (fax.state, fax.attempts) == ("ready", 0)
    assert "waiting for the telephone system" in fax.reason


async def test_a_late_report_during_staging_withdraws_the_call(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    fax = await shop.add_ready()
    stage = shop.sending._calling._stage

    def stage_and_hear(*arguments: object) -> None:
        stage(*arguments)  # type: ignore[arg-type]  # handed through
        with sqlite3.connect(shop.journal.path) as other:
            other.execute("UPDATE fax SET state = 'sent'")
        other.close()

    monkeypatch.setattr(shop.sending._calling, "_stage", stage_and_hear)
    await shop.sending._calling.call(fax)
    assert list(shop.outgoing.iterdir()) == []
    assert list((shop.nexefax.spool / "nexefax").iterdir()) == []


async def test_call_files_of_attempts_that_are_over_are_cleared_away(shop: Workshop) -> None:
    """A kill between the commit and the removal left them, and Asterisk dials what lies in its spool a day later."""
    await shop.add(state="sent", attempts=1)
    await shop.journal.write(lambda c: records.save_attempt(c, records.Attempt(1, 1, 1.0, 2.0, ended=3.0)))
    await shop.journal.write(lambda c: records.save_attempt(c, records.Attempt(1, 2, 1.0, 2.0)))
    done = shop.nexefax.spool / "outgoing_done"
    for folder in (shop.outgoing, done):
        (folder / "nexefax-1-1.call").touch()
        (folder / "nexefax-1-2.call").touch()
        (folder / "nexefax-9-9.call").touch()
        (folder / "somebody-elses.call").touch()
    await shop.sending._calling.clear_away()
    left = {"nexefax-1-2.call", "nexefax-9-9.call", "somebody-elses.call"}
    assert {path.name for path in shop.outgoing.iterdir()} == {path.name for path in done.iterdir()} == left


async def test_an_outcome_half_written_is_read_when_it_is_whole(shop: Workshop) -> None:
    await shop.add_ready()
    await render_all(shop)
    outcome = shop.folders.sent_fax(1) / "1.outcome"
    line = "v=1&kind=sent&status=SUCCESS&pages=1&end=1"
    outcome.write_text(line[:-4])
    await shop.sending.settle(1, 1)
    assert (await shop.fax()).state == "calling"
    outcome.write_text(line)
    await shop.sending.settle(1, 1)
    assert (await shop.fax()).state == "sent"
    assert (await shop.attempts())[0].outcome == line
    await shop.sending.settle(1, 1)
    assert list(shop.outgoing.iterdir()) == []


async def test_an_outcome_that_is_a_folder_is_none(shop: Workshop) -> None:
    await shop.add_ready()
    await render_all(shop)
    (shop.folders.sent_fax(1) / "1.outcome").mkdir()
    await shop.sending.settle(1, 1)
    assert (await shop.fax()).state == "calling"


async def test_events_for_a_fax_that_is_not_there_are_told(
    shop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    assert await shop.bookkeeper.record(7, events.CallPlaced()) is None
    assert "fax 7: CallPlaced, but there is no such fax" in caplog.text
    await shop.sending.settle(7, 1)
    assert "fax 7: a report came for attempt 1, which was never made" in caplog.text


async def test_too_many_reports_are_dropped_with_a_word(
    shop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker(shop.journal, lambda: shop.config)
    for number in range(1_001):
        worker.nudge_sent(number, 1)
    assert "fax 1000: too many reports at once" in caplog.text


async def test_a_report_that_cannot_be_judged_does_not_end_the_worker(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker(shop.journal, lambda: shop.config)
    judged = asyncio.Event()

    async def settle(fax: int, _attempt: int) -> None:
        if fax == 1:
            raise ZeroDivisionError
        judged.set()

    monkeypatch.setattr(worker._sending, "settle", settle)
    await worker.recover()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(worker.run())
        worker.nudge_sent(1, 1)
        worker.nudge_sent(2, 1)
        await judged.wait()
        running.cancel()
    assert "the report of attempt 1 can't be judged" in caplog.text


async def test_a_report_by_path_is_heard_once_and_for_its_own_account(shop: Workshop) -> None:
    await shop.add_ready()
    await render_all(shop)
    worker = Worker(shop.journal, lambda: shop.config)
    file = str(shop.folders.sent_fax(1) / "1.tiff")
    said = Outcome("sent", status="SUCCESS", pages=1)
    await worker.send_reported(file, "OTHER", said)
    await worker.send_reported(f"{file}x", "ACME", said)
    assert not (shop.folders.sent_fax(1) / "1.outcome").exists()
    await worker.send_reported(file, "acme", said)
    first = (shop.folders.sent_fax(1) / "1.outcome").read_bytes()
    await worker.send_reported(file, "", Outcome("sent", status="FAILED"))
    assert (shop.folders.sent_fax(1) / "1.outcome").read_bytes() == first
    assert attempt_of(shop.folders, "/etc/1/2.tiff") is None


async def test_a_new_journal_gives_no_number_away_that_has_a_folder(shop: Workshop) -> None:
    """After "start with a new journal" the old fax 1's TIFF was mailed as the new fax 1, and the new one removed."""
    shop.folders.received_fax(41).mkdir()
    shop.folders.sent_fax(17).mkdir()
    await Worker(shop.journal, lambda: shop.config).recover()
    assert await shop.sending.accept(shop.submission()) == 42
    await Worker(shop.journal, lambda: shop.config).recover()
    assert await shop.sending.accept(shop.submission()) == 43


async def test_recovery_begins_again_and_clears_away(
    shop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await shop.add(state="rendering")
    shop.folders.sent_fax(1).mkdir()
    half = shop.folders.sent_fax(1) / ".fax.tiff.123.0123abcd"
    half.touch()
    (shop.folders.outgoing / ".incoming-00").mkdir()
    await shop.sending.recover()
    assert ((await shop.fax()).state, half.exists()) == ("queued", False)
    assert "1 half-uploaded documents of a former run removed" in caplog.text
