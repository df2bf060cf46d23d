"""What is old is deleted: in order, finished after a kill, and never by a clock that is wrong."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from nexefax.fax import mail_records, records, retention
from nexefax.fax.clock_watch import seconds_since_boot
from nexefax.fax.job import State
from nexefax.fax.retention import DAY, ENDS, MOST_AT_A_LOOK, STEADY_SECONDS, Retention
from tests.fax.workshop import Workshop, open_workshop

NOW = 1_800_000_000.0  # January 2027
NAME = "nexefax-ACME-20261122-200905-12025550100-1700000000.4.tiff"


class Clock:
    """Both clocks of a machine, under our thumb."""

    def __init__(self) -> None:
        self.now = NOW
        self.counted = 1_000.0

    def go_on(self, seconds: float) -> None:
        self.now += seconds
        self.counted += seconds

    def keeper(self, shop: Workshop) -> Retention:
        """As after a start of the daemon."""
        return Retention(
            shop.journal,
            shop.folders,
            lambda: shop.config,
            clock=lambda: self.now,
            counter=lambda: self.counted,
        )


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr(retention, "PAUSE_SECONDS", 0)
    return Clock()


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Workshop]:
    async with open_workshop(tmp_path) as opened:
        configure(opened, 90, 0)
        yield opened


def configure(shop: Workshop, retention_days: int, journal_days: int) -> None:
    general = replace(shop.config.general, retention_days=retention_days, journal_days=journal_days)
    shop.config = replace(shop.config, general=general)


async def believed(shop: Workshop, clock: Clock) -> Retention:
    """A keeper whose clock was looked at an hour ago."""
    await shop.journal.write(
        lambda c: c.execute("INSERT OR REPLACE INTO upkeep VALUES ('retention', ?)", (clock.now - 3600,))
    )
    return clock.keeper(shop)


async def ended(shop: Workshop, days: float, *, state: str = "sent", **more: object) -> records.Fax:
    """A fax with its files, whose end was so many days ago."""
    at = NOW - days * DAY
    values: dict[str, object] = {
        "state": state,
        "created": at - 60,
        "changed": at,
        "message": "in confidence",
    }
    if State(state) in (State.DELIVERED, State.UNDELIVERABLE, State.DELIVERING, State.RECEIVED):
        values["direction"] = "in"
    fax = await shop.add(**(values | more))
    folder = folder_of(shop, fax)
    folder.mkdir()
    for name in ("fax.tiff", "document", "1.tiff", "1.outcome"):
        (folder / name).write_bytes(b"II*")
    return fax


def folder_of(shop: Workshop, fax: records.Fax) -> Path:
    return shop.folders.received_fax(fax.id) if fax.direction == "in" else shop.folders.sent_fax(fax.id)


async def mail(shop: Workshop, fax: records.Fax, state: str) -> None:
    def add(connection: object) -> None:
        mail_records.add_mail(connection, fax.id, "sent", f"<{fax.id}@x>", NOW)  # type: ignore[arg-type]  # the journal's
        connection.execute("UPDATE mail SET state = ? WHERE fax = ?", (state, fax.id))  # type: ignore[attr-defined]

    await shop.journal.write(add)


async def has(shop: Workshop, number: int) -> bool:
    return await shop.journal.read(lambda c: records.load_fax(c, number)) is not None


@pytest.mark.parametrize("state", ENDS)
async def test_the_files_go_after_their_days_and_the_record_stays(
    shop: Workshop, clock: Clock, state: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "nexefax.fax")
    old, young = await ended(shop, 90.01, state=state), await ended(shop, 89.99, state=state)
    await (await believed(shop, clock)).look()
    assert not folder_of(shop, old).exists()
    assert len(list(folder_of(shop, young).iterdir())) == 4
    kept = await shop.fax(old.id)
    assert kept == replace(old, files_deleted=NOW, message="")
    assert await shop.fax(young.id) == young
    events = await shop.journal.read(lambda c: records.events_of(c, old.id))
    assert events == [(NOW, "its document and pages are deleted, 90 days after its end")]
    assert caplog.messages == ["fax 1: its document and pages are deleted, 90 days after its end"]


@pytest.mark.parametrize("state", sorted(set(State) - set(ENDS)))
async def test_what_has_not_ended_is_kept_however_old(shop: Workshop, clock: Clock, state: str) -> None:
    configure(shop, 1, 1)
    fax = await ended(shop, 200, state=state)
    await (await believed(shop, clock)).look()
    assert await shop.fax(fax.id) == fax
    assert folder_of(shop, fax).exists()


@pytest.mark.parametrize(("state", "kept"), [("waiting", True), ("accepted", False), ("refused", False)])
async def test_a_mail_that_waits_keeps_everything(
    shop: Workshop, clock: Clock, state: str, kept: bool
) -> None:
    configure(shop, 1, 1)
    fax = await ended(shop, 200)
    await mail(shop, fax, state)
    await (await believed(shop, clock)).look()
    assert folder_of(shop, fax).exists() is kept
    assert await has(shop, fax.id) is kept


async def test_zero_days_are_for_ever(shop: Workshop, clock: Clock) -> None:
    configure(shop, 0, 0)
    fax = await ended(shop, 300)
    await (await believed(shop, clock)).look()
    assert folder_of(shop, fax).exists()
    configure(shop, 0, 1)
    await clock.keeper(shop).look()
    assert await has(shop, fax.id), "a record does not go before its files"


async def test_what_a_kill_left_is_finished_whatever_the_clock_says(
    shop: Workshop, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "nexefax.fax")

    class Killed(BaseException):
        pass

    def kill(*_arguments: object) -> None:
        raise Killed

    sent, received = await ended(shop, 100), await ended(shop, 100, state="delivered")
    young = await ended(shop, 1)
    (shop.folders.sent_fax(999)).mkdir()  # of no record: a restored journal, perhaps
    with monkeypatch.context() as patch:
        patch.setattr(Retention, "_remove_folders", kill)
        keeper = await believed(shop, clock)
        patch.setattr(Retention, "_finish", lambda _self: asyncio.sleep(0))
        with pytest.raises(Killed):
            await keeper.look()
    assert (await shop.fax(sent.id)).files_deleted == NOW
    assert folder_of(shop, sent).exists()
    assert folder_of(shop, received).exists()
    clock.now = 0.0  # the power cut took the clock's battery as well
    await clock.keeper(shop).look()
    assert not folder_of(shop, sent).exists()
    assert not folder_of(shop, received).exists()
    assert folder_of(shop, young).exists()
    assert shop.folders.sent_fax(999).exists()
    assert "fax 1: the deletion of its document and pages is finished" in caplog.messages


async def test_what_cannot_be_deleted_is_told_and_tried_again(
    shop: Workshop, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    configure(shop, 1, 1)
    stuck, other = await ended(shop, 100), await ended(shop, 100)
    folder_of(shop, stuck).chmod(0o500)
    keeper = await believed(shop, clock)
    await keeper.look()
    folder_of(shop, stuck).chmod(0o700)
    assert "fax 1: its document and pages can't be deleted: " in caplog.text
    assert await has(shop, stuck.id)
    assert not await has(shop, other.id)
    await keeper.look()
    assert not folder_of(shop, stuck).exists()
    assert not await has(shop, stuck.id)


async def test_a_record_goes_with_all_that_hangs_on_it(
    shop: Workshop, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "nexefax.fax")
    configure(shop, 90, 365)
    old, middle = await ended(shop, 366), await ended(shop, 364)
    await mail(shop, old, "accepted")
    await shop.journal.write(lambda c: records.save_attempt(c, records.Attempt(old.id, 1, 1.0, 2.0)))
    await (await believed(shop, clock)).look()
    assert not await has(shop, old.id)
    assert (await shop.fax(middle.id)).files_deleted == NOW
    assert "fax 1: its record is deleted, 365 days after its end" in caplog.messages
    left = await shop.journal.read(
        lambda c: [c.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("attempt", "mail")]
    )
    assert left == [0, 0]
    assert (await shop.add()).id > middle.id, "no number is given away twice"


async def test_a_record_stays_while_asterisks_spool_has_its_file(shop: Workshop, clock: Clock) -> None:
    """Without the record, the TIFF would be received and mailed once more."""
    configure(shop, 1, 1)
    there = await ended(shop, 9, state="delivered", spool_name=NAME)
    gone = await ended(shop, 9, state="delivered", spool_name=NAME.replace(".4.", ".5."))
    (shop.rx_dir / NAME).write_bytes(b"II*")
    keeper = await believed(shop, clock)
    await keeper.look()
    assert (await has(shop, there.id), await has(shop, gone.id)) == (True, False)
    (shop.rx_dir / NAME).unlink()
    shop.rx_dir.rename(shop.rx_dir.with_name("away"))
    with pytest.raises(FileNotFoundError):
        await keeper.look()
    assert await has(shop, there.id), "a spool that is not there tells nothing"
    shop.rx_dir.with_name("away").rename(shop.rx_dir)
    await keeper.look()
    assert not await has(shop, there.id)


async def test_a_fax_ended_no_earlier_than_others_before_it_began(shop: Workshop, clock: Clock) -> None:
    """Its clock had gone back to the machine's birth when it was written down."""
    await ended(shop, 10)
    wrong = await ended(shop, 200)
    await (await believed(shop, clock)).look()
    assert folder_of(shop, wrong).exists()


async def test_an_end_before_there_was_a_nexefax_is_no_end(shop: Workshop, clock: Clock) -> None:
    first = await ended(shop, 1, created=100.0, changed=200.0)
    await (await believed(shop, clock)).look()
    assert folder_of(shop, first).exists()


async def test_a_look_deletes_only_so_much(shop: Workshop, clock: Clock) -> None:
    def add(connection: object) -> None:
        old = records.Fax(
            id=0,
            direction="out",
            account="ACME",
            state="sent",
            created=NOW - 100 * DAY,
            changed=NOW - 100 * DAY,
        )
        for _ in range(MOST_AT_A_LOOK + 1):
            records.add_fax(connection, old)  # type: ignore[arg-type]  # the journal's

    async def kept() -> int:
        query = "SELECT count(*) FROM fax WHERE files_deleted IS NULL"
        return int(await shop.journal.read(lambda c: c.execute(query).fetchone()[0]))

    await shop.journal.write(add)
    keeper = await believed(shop, clock)
    await keeper.look()
    assert await kept() == 1
    await keeper.look()
    assert await kept() == 0
    configure(shop, 90, 90)
    await keeper.look()
    assert [await has(shop, number) for number in (1, MOST_AT_A_LOOK, MOST_AT_A_LOOK + 1)] == [
        False,
        False,
        True,
    ]


async def test_a_new_clock_is_watched_for_half_a_day(
    shop: Workshop, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    fax = await ended(shop, 100)
    keeper = clock.keeper(shop)
    await keeper.look()
    clock.go_on(STEADY_SECONDS - 1)
    await keeper.look()
    assert folder_of(shop, fax).exists()
    clock.go_on(1)
    await keeper.look()
    assert not folder_of(shop, fax).exists()
    assert caplog.text == ""
    other = await ended(shop, 100)
    await clock.keeper(shop).look()  # after a restart it is known
    assert not folder_of(shop, other).exists()


@pytest.mark.parametrize("years", [-3, 4])
async def test_a_clock_that_jumps_deletes_nothing_until_it_is_steady(
    shop: Workshop, clock: Clock, years: int, caplog: pytest.LogCaptureFixture
) -> None:
    young = await ended(shop, 1)
    keeper = await believed(shop, clock)
    await keeper.look()
    clock.go_on(STEADY_SECONDS * 3)  # a long quiet time before counts for nothing
    await keeper.look()
    clock.now += years * 365 * DAY
    for _ in range(3):
        clock.go_on(3600)
        await keeper.look()
    assert folder_of(shop, young).exists()
    assert caplog.text.count("nothing is deleted for its age before") == 1
    assert "2031-01" in caplog.text or years < 0
    await clock.keeper(shop).look()  # nor after a restart
    assert folder_of(shop, young).exists()
    clock.now -= years * 365 * DAY  # mended
    clock.go_on(3600)
    await keeper.look()
    assert folder_of(shop, young).exists()
    assert len(caplog.messages) == 2, "one for each start"


async def test_a_clock_that_stays_far_ahead_is_believed_at_last(shop: Workshop, clock: Clock) -> None:
    """A machine that was off for a year has to go on, too."""
    fax = await ended(shop, 1)
    await believed(shop, clock)
    clock.now += 365 * DAY
    keeper = clock.keeper(shop)
    for _ in range(12):
        await keeper.look()
        assert folder_of(shop, fax).exists()
        clock.go_on(3600)
    await keeper.look()
    assert not folder_of(shop, fax).exists()


async def test_a_machine_that_was_off_for_a_holiday_goes_on_at_once(shop: Workshop, clock: Clock) -> None:
    fax = await ended(shop, 85)
    await believed(shop, clock)
    clock.now += 6 * DAY
    await clock.keeper(shop).look()
    assert not folder_of(shop, fax).exists()


async def test_a_fault_does_not_end_the_looking(
    shop: Workshop, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(retention, "FIRST_LOOK_SECONDS", 0)
    monkeypatch.setattr(retention, "LOOK_SECONDS", 0)
    looked = asyncio.Event()
    keeper = clock.keeper(shop)
    faults = [OSError("the disk is gone"), ValueError("a fault of ours")]

    async def look() -> None:
        if faults:
            raise faults.pop()
        looked.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(keeper, "look", look)
    task = asyncio.create_task(keeper.run())
    async with asyncio.timeout(30):
        await looked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert "what is old can't be deleted; trying again: the disk is gone" in caplog.text
    assert "ValueError: a fault of ours" in caplog.text


def test_the_kernels_count_cannot_go_back() -> None:
    assert 0 < seconds_since_boot() <= seconds_since_boot()
