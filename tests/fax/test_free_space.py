"""Room on the disk: who is refused, who is told, and when."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from nexefax.config import General
from nexefax.control import spool_warnings
from nexefax.errors import SpaceError
from nexefax.fax.free_space import SpaceWatch, lack_of_space, require_space
from nexefax.fax.worker import Worker
from tests.fax.workshop import Workshop, open_workshop

MORE_THAN_ANY_DISK = 10_000_000  # megabytes: the option's largest value
NAME = "nexefax-ACME-20261122-200905-12025550100-1700000000.4.tiff"
SAID = "v=1&kind=received&account=ACME&caller=12025550100&status=SUCCESS&pages=1&end=1"


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Workshop]:
    async with open_workshop(tmp_path) as opened:
        yield opened


def fill(shop: Workshop, megabytes: int = MORE_THAN_ANY_DISK) -> General:
    general = replace(shop.config.general, min_free_mb=megabytes)
    shop.config = replace(shop.config, general=general)
    return general


class Disks:
    """Free megabytes of each folder; ``statvfs`` stands in for the system's."""

    def __init__(self, free: dict[Path, int]) -> None:
        self.free = free

    def statvfs(self, folder: Path) -> os.statvfs_result:
        if folder not in self.free:
            raise FileNotFoundError(folder)
        blocks = self.free[folder] * 256
        return os.statvfs_result((4096, 4096, 10**9, blocks + 10**6, blocks, 0, 0, 0, 0, 255))


async def test_documents_are_refused_and_received_faxes_are_taken(shop: Workshop) -> None:
    worker = Worker(shop.journal, lambda: shop.config)
    await worker.recover()
    fill(shop)
    with pytest.raises(SpaceError, match=r"min_free_mb=10000000 \(config.conf") as caught:
        await worker.accept(shop.submission())
    assert caught.value.errno == errno.ENOSPC
    assert list(shop.folders.outgoing.iterdir()) == []
    shop.receive(NAME, SAID)
    await shop.receiving.sweep()
    await shop.receiving.convert_due()
    fax = await shop.fax()
    assert (fax.direction, fax.state) == ("in", "delivering")
    fill(shop, 0)
    assert await worker.accept(shop.submission()) == 2


@pytest.mark.parametrize(
    ("data", "tmp", "short"),
    [(500, 500, ""), (499, 9000, "data_dir"), (9000, 0, "tmp_dir"), (None, 900, ""), (None, 1, "tmp_dir")],
)
async def test_both_folders_count_and_one_that_is_missing_does_not(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, data: int | None, tmp: int, short: str
) -> None:
    general = fill(shop, 500)
    free = {general.data_dir: data, general.tmp_dir: tmp}
    disks = Disks({folder: left for folder, left in free.items() if left is not None})
    monkeypatch.setattr("nexefax.fax.free_space.os.statvfs", disks.statvfs)
    lack = lack_of_space(general)
    if not short:
        assert lack == ""
        await require_space(general)
        return
    folder = getattr(general, short)
    assert lack.startswith(f"{folder} has {free[folder]} MB left, fewer than min_free_mb=500")
    with pytest.raises(SpaceError):
        await require_space(general)


async def test_the_log_has_its_beginning_and_its_end_once(
    shop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "nexefax.fax")
    watch = SpaceWatch(lambda: shop.config.general)
    fill(shop, 0)
    await watch.look()
    assert caplog.messages == []
    fill(shop)
    await watch.look()
    await watch.look()
    fill(shop, 0)
    await watch.look()
    await watch.look()
    assert [(record.levelname, "min_free_mb" in record.message) for record in caplog.records] == [
        ("ERROR", True),
        ("INFO", False),
    ]


async def test_status_tells(shop: Workshop) -> None:
    fill(shop, 0)
    assert not any("min_free_mb" in warning for warning in spool_warnings(shop.config))
    fill(shop)
    assert any("min_free_mb" in warning for warning in spool_warnings(shop.config))


async def test_the_watch_goes_on(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(shop, 0)
    shop.config = replace(shop.config, general=replace(shop.config.general, sweep_interval=0))
    watch, looks = SpaceWatch(lambda: shop.config.general), asyncio.Semaphore(0)

    async def look() -> None:
        looks.release()

    monkeypatch.setattr(watch, "look", look)
    task = asyncio.create_task(watch.run())
    async with asyncio.timeout(30):
        for _ in range(3):
            await looks.acquire()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
