"""What the cage costs: the same child started caged and bare, alternately, and the daemon's memory after many.

Run it as ``python -m tests.bench.cage``. ``true`` does nothing, so the difference is the launcher: Python's own start,
Landlock, seccomp, exec. Medians count: the machine may have other things to do. ``--aim 25`` makes a dearer cage (in
milliseconds) an error.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

from nexefax.process import Limits, run, scratch_directory

LIMITS = Limits(seconds=60, cpu_seconds=60, memory=1 << 30, file_size=1 << 26)


def resident() -> int:
    """This process's own memory in KiB (RssAnon)."""
    return int(Path("/proc/self/status").read_text().split("RssAnon:")[1].split()[0])


async def measure(rounds: int, parent: Path) -> float:
    """Milliseconds that the cage adds to one child, by medians."""
    times: dict[bool, list[float]] = {True: [], False: []}
    before = resident()
    async with scratch_directory(parent) as scratch:
        for _ in range(rounds):
            for caged in (True, False):
                started = time.perf_counter()
                await run(["true"], scratch=scratch, limits=LIMITS, caged=caged)
                times[caged].append(1000 * (time.perf_counter() - started))
    with_cage, bare = statistics.median(times[True]), statistics.median(times[False])
    print(
        f"caged {with_cage:.1f} ms, bare {bare:.1f} ms, the cage {with_cage - bare:.1f} ms ({rounds} rounds)"
    )
    print(f"memory of this process grew by {resident() - before} KiB over {2 * rounds} children")
    return with_cage - bare


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--aim", type=float, help="most milliseconds that the cage may add")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as parent:
        added = asyncio.run(measure(options.rounds, Path(parent)))
    return int(options.aim is not None and added > options.aim)


if __name__ == "__main__":
    sys.exit(main())
