"""Run a program that may fail without harm: another one will be tried, or the page is given up."""

from __future__ import annotations

import asyncio
import logging
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from nexefax.errors import ChildBroken, ChildFailed, ChildTimeout
from nexefax.process import Finished, Limits, run

log = logging.getLogger("nexefax.convert")


async def attempt(
    argv: Sequence[str],
    *,
    scratch: Path,
    readable: Sequence[Path],
    limits: Limits,
    environment: Mapping[str, str] | None = None,
) -> Finished | None:
    """Run a caged child; None when it broke a limit. What it left in ``scratch`` may then be read all the same.

    Raises ChildMissing, and ChildBroken when children can't be started or caged here at all.
    """
    try:
        return await run(argv, scratch=scratch, readable=readable, limits=limits, environment=environment)
    except ChildTimeout as error:
        log.info("%s", error)
    except ChildBroken:
        raise
    except ChildFailed as error:
        log.warning("%s", error)
    await asyncio.to_thread(_drop_strangers, scratch)
    return None


def _drop_strangers(scratch: Path) -> None:
    """Remove what is no plain file with one name: nothing may be read through links."""
    with os.scandir(scratch) as entries:
        for entry in entries:
            status = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode) or (stat.S_ISREG(status.st_mode) and status.st_nlink == 1):
                continue
            Path(entry).unlink()
