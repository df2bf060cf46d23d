"""Room on the disk: documents to be sent are refused before it runs out, so that received faxes still have some.

What is received can't be refused: the sender was told that it arrived. What is sent can, in words, to somebody who is
there. So the last ``min_free_mb`` megabytes belong to received faxes, the journal and the log.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from collections.abc import Callable

from nexefax.config import General
from nexefax.errors import SpaceError

log = logging.getLogger("nexefax.fax")

_MEGABYTE = 1 << 20


def lack_of_space(general: General) -> str:
    """Return what is short, a sentence for the administrator; "" when there is room. Blocks.

    A folder that can't be looked at lacks nothing here: whoever needs it says better what is wrong with it.
    """
    for folder in (general.data_dir, general.tmp_dir):
        try:
            disk = os.statvfs(folder)
        except OSError:
            continue
        left = disk.f_bavail * disk.f_frsize // _MEGABYTE  # what a user who is not root may still write
        if left < general.min_free_mb:
            return (
                f"{folder} has {left} MB left, fewer than min_free_mb={general.min_free_mb} (config.conf, [general]):"
                " documents to be sent are refused until there is room; received faxes are still taken"
            )
    return ""


async def require_space(general: General) -> None:
    """Raise SpaceError unless there is room for a document that somebody wants to send."""
    lack = await asyncio.to_thread(lack_of_space, general)
    if lack:
        raise SpaceError(errno.ENOSPC, lack)


class SpaceWatch:
    """Tells the log when room begins to be short, and when there is some again."""

    def __init__(self, general: Callable[[], General]) -> None:
        self._general = general
        self._short = False

    async def look(self) -> None:
        """Look once."""
        lack = await asyncio.to_thread(lack_of_space, self._general())
        if lack and not self._short:
            log.error("THE DISK IS NEARLY FULL: %s", lack)
        if self._short and not lack:
            log.info("there is room on the disk again: documents to be sent are taken")
        self._short = bool(lack)

    async def run(self) -> None:
        """Look at every ``sweep_interval``, for ever."""
        while True:
            await self.look()
            await asyncio.sleep(self._general().sweep_interval)
