"""A long crash campaign: ``python -m tests.bench.crash --kills 500 [--seed N] [--houses 2]``, from the checkout's root.

Needs strace and the packages of the tests; not to be run as root. Each house is one daemon that is killed again and
again (see tests/daemon/crashes.py). What went wrong is printed house by house, and the exit status says whether there
was anything.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "control"))

from tests.daemon.crashes import open_campaign, plan

MOST_A_HOUSE = 100  # kills in one house: its spool and Maildir are read again and again


def campaign(kills: int, seed: int) -> tuple[Counter[str], int, int, list[str]]:
    """Return how the lives ended, the documents and calls, and what was wrong."""
    with (
        tempfile.TemporaryDirectory(prefix="nexefax-crash-") as folder,
        open_campaign(Path(folder)) as opened,
    ):
        opened.run(plan(kills, seed))
        wrong = [f"seed {seed}: {what}" for what in opened.check()]
        return opened.ends, len(opened.accepted), len(opened.incoming), wrong


def main() -> int:
    """Run the campaign and print what came of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--houses", type=int, default=2, help="daemons side by side")
    options = parser.parse_args()
    shares = [min(MOST_A_HOUSE, options.kills - begun) for begun in range(0, options.kills, MOST_A_HOUSE)]
    began = time.monotonic()
    ends: Counter[str] = Counter()
    documents = calls = 0
    wrong: list[str] = []
    with ProcessPoolExecutor(options.houses) as houses:
        for ended, accepted, received, found in houses.map(
            campaign, shares, range(options.seed, options.seed + len(shares))
        ):
            ends += ended
            documents += accepted
            calls += received
            wrong += found
            print(f"{sum(ends.values())} kills, {len(wrong)} wrong", *found, sep="\n  ", flush=True)
    for calls_named, number in ends.most_common():
        print(f"{number:6} killed at {calls_named}")
    seconds = time.monotonic() - began
    print(f"{sum(ends.values())} kills, {documents} documents, {calls} received faxes in {seconds:.0f} s")
    print(f"{len(wrong)} wrong" if wrong else "nothing lost, stuck or sent twice")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
