"""Thousands of faxes each way through one daemon, with every fault now and then: ``python -m tests.bench.soak``.

From the checkout's root, with ``control`` in PYTHONPATH; not to be run as root. ``--faxes`` (10,000: half of them come
in), ``--chance`` (0.05) of each fault of tests/bench/rough_world.py. Memory, handles and files are printed as it goes
on; they must stay flat. At the end the faults cease, and everything must end as it should: what did not is printed, and
the exit status says whether there was anything.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "control"))

from private_nexefax import PrivateNexeFax
from tests.bench.memory import Memory, threads
from tests.bench.rough_people import QUIET, People
from tests.bench.rough_world import Luck, RoughAsterisk, RoughMail, Saboteur
from tests.bench.soak_checks import check
from tests.daemon.conftest import ACME

SAMPLES = 20
QUIET_SECONDS = (
    300.0  # in which something more must have ended after the last fault; a limit, never a duration
)
# Two accounts of which one wants no notices of what was sent: each has a report, which takes a second to draw.
ACCOUNTS = {"ACME": ACME, QUIET: ACME | {"tx_notify_success": "no"}}
WARM = 0.25  # of all faxes: what grows until then is what Python and SQLite keep for good
GROWTH_KB = (
    4_096  # private memory that may come on top from there to the end; what is under way swings by as much
)


@dataclass(frozen=True)
class Sample:
    """The daemon at one moment; ``files`` are those in scratch and spool, but for faxes that nobody is to get."""

    seconds: float
    ended: int
    memory: Memory
    handles: int
    threads: int
    files: int

    def __str__(self) -> str:
        return (
            f"{self.seconds:7.0f} s {self.ended:6} faxes  {self.memory}  {self.handles} handles"
            f"  {self.threads} threads  {self.files} files"
        )


class Soak:
    """One run."""

    def __init__(self, folder: Path, faxes: int, chance: float, seed: int) -> None:
        self.luck = Luck(chance, seed)
        self.mail = RoughMail(self.luck)
        self.nexefax = PrivateNexeFax(
            folder,
            folder / "spool",
            ACCOUNTS,
            general={"tx_retry_time": "1", "tx_max_retries": "4", "sweep_interval": "1", "tx_max_calls": "40",
                     "ast_control": str(folder / "spool" / "asterisk.ctl")},
            email={"method": "smtp", "smtp_port": str(self.mail.port), "smtp_timeout": "1",
                   "from_email": "fax@pbx.example"},
        )  # fmt: skip
        self.nexefax.write_config()
        for account in ACCOUNTS:
            self.nexefax.add_user(account, "bob", "secret")
        self.asterisk = RoughAsterisk(self.nexefax.spool, self.nexefax.port_fagi, self.luck)
        self.people = People(self.nexefax, self.luck, faxes)
        self.saboteur = Saboteur(self.nexefax, self.mail, self.asterisk, self.luck)
        self.samples: list[Sample] = []
        self._faxes = faxes
        self._began = time.monotonic()

    @contextmanager
    def alive(self) -> Iterator[None]:
        """The world and the daemon, running."""
        self.mail.start()
        self.asterisk.start()
        self.nexefax.start()
        try:
            yield
        finally:
            self.asterisk.stop()
            self.nexefax.stop()
            self.mail.stop()

    def run(self) -> list[str]:
        """Live through it; return what is wrong."""
        with self.alive():
            self._sample()
            self.people.start()
            self.saboteur.start()
            while self.people.busy():
                time.sleep(0.5)
                self.people.look()
                if self.people.ended * SAMPLES >= self._faxes * len(self.samples):
                    self._sample()
            self.saboteur.stop()
            self.luck.end()
            wrong = self._come_to_rest()
            self._sample()
            return wrong + check(self.nexefax, self.mail, self.asterisk, self.people)

    def _come_to_rest(self) -> list[str]:
        """Mend everything, have what waits tried at once, and wait until all has ended."""
        fewest, moved = sys.maxsize, time.monotonic()
        for number in itertools.count():
            stuck, waiting = self._unfinished()
            if not stuck and not waiting:
                return self._growth()
            if len(stuck) + waiting < fewest:
                fewest, moved = len(stuck) + waiting, time.monotonic()
            if time.monotonic() - moved > QUIET_SECONDS:
                return [f"faxes that did not end: {stuck[:50]}, and {waiting} mails that wait"]
            if number % 20 == 0:
                self.nexefax.reload()  # all mails and kept faxes again
                for fax in stuck:
                    self.people.hasten(fax)
            time.sleep(1)
        raise AssertionError

    def _unfinished(self) -> tuple[list[int], int]:
        """The faxes that have not ended, or whose mail was refused; and how many mails wait."""
        journal = sqlite3.connect(
            f"file:{self.nexefax.data_dir}/journal.sqlite3?mode=ro", uri=True, timeout=30
        )
        rows = journal.execute(
            "SELECT id FROM fax WHERE state NOT IN ('sent', 'failed', 'cancelled', 'delivered')"
            " AND NOT (state = 'undeliverable' AND account = 'NOBODY')"
            " UNION SELECT fax FROM mail WHERE state = 'refused'"
        ).fetchall()
        (waiting,) = journal.execute("SELECT count(*) FROM mail WHERE state = 'waiting'").fetchone()
        journal.close()
        return [row[0] for row in rows], waiting

    def _sample(self) -> None:
        assert self.nexefax.process is not None
        pid = self.nexefax.process.pid
        scratch = self.nexefax.folder / "scratch"
        sample = Sample(
            time.monotonic() - self._began,
            self.people.ended,
            Memory.of(pid),
            len(list(Path(f"/proc/{pid}/fd").iterdir())),
            threads(pid),
            _count(scratch) + _count(self.nexefax.spool),
        )
        self.samples.append(sample)
        print(sample, flush=True)

    def _growth(self) -> list[str]:
        """What is not flat, once everything has come to rest."""
        self._sample()
        warm = [sample for sample in self.samples if sample.ended >= WARM * self._faxes]
        first, last = warm[: len(warm) // 3], warm[-(len(warm) // 3) :]
        if not first:
            return []
        wrong = []
        before, after = (min(sample.memory.private_dirty for sample in some) for some in (first, last))
        print(f"private memory: {before / 1024:.1f} MB after a quarter, {after / 1024:.1f} MB at the end")
        if after - before > GROWTH_KB:
            wrong.append(f"private memory grew by {after - before:.0f} KB")
        idle, rest = self.samples[0], self.samples[-1]
        if rest.handles > idle.handles + 5:  # threads of the pool, each with its connection to the journal
            wrong.append(f"{rest.handles} handles at the end, {idle.handles} at the start")
        return wrong


def _count(folder: Path) -> int:
    return sum("-NOBODY-" not in name for _, _, files in os.walk(folder) for name in files)


def main() -> int:
    """Run it and print what came of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--faxes", type=int, default=10_000)
    parser.add_argument("--chance", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    threading.excepthook = _fail
    with tempfile.TemporaryDirectory(prefix="nexefax-soak-") as folder:
        soak = Soak(Path(folder), options.faxes, options.chance, options.seed)
        wrong = soak.run() + FAILED
        counts = soak.luck.counts
        if wrong:
            print(soak.nexefax.log_text()[-20_000:])
    print(", ".join(f"{fault} {number}" for fault, number in counts.most_common()))
    print(f"{len(soak.asterisk.calls)} calls, {sum(soak.mail.accepted.values())} mails accepted")
    print("\n".join(wrong) or "nothing lost, stuck or sent twice; nothing grew")
    return 1 if wrong else 0


FAILED: list[str] = []


def _fail(failure: threading.ExceptHookArgs) -> None:
    FAILED.append(f"{failure.thread}: {failure.exc_value!r}")
    threading.__excepthook__(failure)


if __name__ == "__main__":
    sys.exit(main())
