"""What the tests of the cage share: a stand-in converter (Python itself), and people it could harm."""

from __future__ import annotations

import asyncio
import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from nexefax.launcher import LAYERS
from nexefax.process import Finished, Limits, run

# Where the stand-in's own library lies; a converter would find its own below /usr/lib.
PYTHON_LIBRARY = (Path(sys.base_prefix, "lib"),)

MEGABYTE = 1 << 20

# Far more than any stand-in needs unless it misbehaves.
AMPLE = Limits(seconds=60, cpu_seconds=30, memory=2048 * MEGABYTE, file_size=256 * MEGABYTE)


async def stand_in(
    script: str,
    *arguments: str | Path | int,
    scratch: Path,
    limits: Limits = AMPLE,
    layers: Sequence[str] = LAYERS,
    readable: Sequence[Path] = (),
    stdin: bytes = b"",
    caged: bool = True,
    may_fork: bool = False,
    programs: Sequence[Path] = (),
    unix_sockets: bool = False,
) -> Finished:
    """Run a Python script as if it were a converter."""
    return await run(
        [sys.executable, "-I", "-S", "-B", "-c", script, *map(str, arguments)],
        scratch=scratch,
        readable=[*PYTHON_LIBRARY, *readable],
        limits=limits,
        layers=layers,
        stdin=stdin,
        caged=caged,
        may_fork=may_fork,
        programs=programs,
        unix_sockets=unix_sockets,
    )


@contextmanager
def foster_parent() -> Iterator[None]:
    """Orphans become children of this process (PR_SET_CHILD_SUBREAPER), so that their end can be waited for."""
    libc = ctypes.CDLL(None)
    libc.prctl(36, 1, 0, 0, 0)
    try:
        yield
    finally:
        libc.prctl(36, 0, 0, 0, 0)


async def end_of_orphan(pid: int) -> int:
    """Wait for an orphan's end, as foster parent; minus the number of the signal that ended it."""
    return os.waitstatus_to_exitcode((await asyncio.to_thread(os.waitpid, pid, 0))[1])


@contextmanager
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """A process of the same user that has nothing to do with the converter, as Asterisk has not."""
    process = subprocess.Popen(["sleep", "600"], stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
