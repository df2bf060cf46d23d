"""The bin: what somebody deleted can be had back for a day, then its files go, for good and durably."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nexefax.fax import bin as fax_bin
from nexefax.fax import records, retention
from nexefax.fax.events import AccountAppeared, LetterTakenUp
from nexefax.fax.job import Policy, State, step
from nexefax.fax.page_images import images_folder
from tests.fax.test_retention import NAME, NOW, Clock, believed, configure, ended, folder_of, mail
from tests.fax.workshop import Workshop, open_workshop


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr(retention, "PAUSE_SECONDS", 0)
    return Clock()


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Workshop]:
    async with open_workshop(tmp_path) as opened:
        configure(opened, 0, 0)  # nothing goes for its age
        yield opened


async def delete(shop: Workshop, fax: records.Fax, at: float) -> None:
    after = await shop.journal.write(lambda c: fax_bin.delete(c, fax.id, "ann", at))
    assert after is not None
    assert after.deleted_at == at


async def test_a_day_later_the_files_are_gone_and_the_record_stays(
    shop: Workshop,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "nexefax.fax")
    old, young = await ended(shop, 1), await ended(shop, 1)
    await delete(shop, old, NOW - fax_bin.BIN_SECONDS)
    await delete(shop, young, NOW - fax_bin.BIN_SECONDS + 1)
    for fax in (old, young):
        images_folder(shop.folders.data_dir, fax.id).mkdir(parents=True)
        (images_folder(shop.folders.data_dir, fax.id) / "1-thumb-x.png").write_bytes(b"x")
    await (await believed(shop, clock)).look()
    assert (folder_of(shop, old).exists(), folder_of(shop, young).exists()) == (False, True)
    assert [path.name for path in (shop.folders.data_dir / "images").iterdir()] == [str(young.id)]
    gone = await shop.fax(old.id)
    assert (gone.files_deleted, gone.message, gone.deleted_by, gone.changed) == (NOW, "", "ann", old.changed)
    assert caplog.messages == [f"fax {old.id}: its document and pages are gone, as ann deleted it"]
    events = await shop.journal.read(lambda c: records.events_of(c, old.id))
    assert [text for _, text in events] == [
        "deleted by ann", "its document and pages are gone for good, a day after ann deleted it",
    ]  # fmt: skip
    for fax, had_back in ((old, False), (young, True)):
        restored = await shop.journal.write(lambda c, fax=fax: fax_bin.restore(c, fax.id, "ann", NOW))  # type: ignore[misc]
        assert (restored is not None) is had_back


async def test_a_wrong_clock_empties_no_bin(shop: Workshop, clock: Clock) -> None:
    fax = await ended(shop, 1)
    await delete(shop, fax, NOW)
    keeper = await believed(shop, clock)
    clock.now += 365 * 86_400
    await keeper.look()
    assert folder_of(shop, fax).exists()


async def test_what_a_mail_waits_for_is_left(shop: Workshop, clock: Clock) -> None:
    fax = await ended(shop, 3)
    await delete(shop, fax, NOW - 2 * fax_bin.BIN_SECONDS)
    await mail(shop, fax, "waiting")
    await (await believed(shop, clock)).look()
    assert folder_of(shop, fax).exists()


@pytest.mark.parametrize("killed", [False, True])
async def test_what_could_not_be_delivered_leaves_asterisks_spool_too(
    shop: Workshop,
    clock: Clock,
    killed: bool,
) -> None:
    fax = await ended(shop, 3, state=State.UNDELIVERABLE, spool_name=NAME)
    tiff = shop.config.general.rx_dir / NAME
    tiff.write_bytes(b"II*")
    await delete(shop, fax, NOW - 2 * fax_bin.BIN_SECONDS)
    if killed:  # between the mark and the files
        await shop.journal.write(lambda c: fax_bin.mark_emptied(c, NOW, 9))
    await (await believed(shop, clock)).look()
    assert not tiff.exists()
    assert not folder_of(shop, fax).exists()


@pytest.mark.parametrize("event", [LetterTakenUp(), AccountAppeared()])
async def test_what_is_deleted_is_not_delivered_any_more(shop: Workshop, event: LetterTakenUp) -> None:
    fax = await ended(shop, 3, state=State.UNDELIVERABLE)
    await delete(shop, fax, NOW)
    deleted = await shop.fax(fax.id)
    policy = Policy(60, notify_success=True, notify_failure=True)
    assert step(deleted, event, policy, NOW).fax is deleted
