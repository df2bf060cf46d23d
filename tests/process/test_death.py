"""Killed with SIGKILL, the daemon takes its converters with it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nexefax import launcher

DAEMON = """
import asyncio, sys
from pathlib import Path
from nexefax.process import Limits, run
from tests.process.test_run import SLEEPER
from tests.process.standin import stand_in
asyncio.run(stand_in(SLEEPER, scratch=Path(sys.argv[1])))
"""


def test_converters_die_with_a_killed_daemon(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "ready")
    root = Path(__file__).parents[2]
    daemon = subprocess.Popen([sys.executable, "-c", DAEMON, str(tmp_path)], cwd=root)
    try:
        converter = int((tmp_path / "ready").read_text())
        handle = os.pidfd_open(converter)
        try:
            assert os.stat(f"/proc/{converter}/cwd").st_ino == tmp_path.stat().st_ino  # noqa: PTH116 - through a link
            daemon.kill()
            assert select.select([handle], [], [], 60)[0]
        finally:
            os.close(handle)
    finally:
        daemon.kill()
        daemon.wait()


def test_a_launcher_whose_daemon_died_before_it_began_gives_up() -> None:
    """Between fork and prctl no death signal is set yet; then the parent is another."""
    command = [
        sys.executable,
        "-c",
        "from nexefax.launcher import main; main(['parent=1', '--', '/bin/echo', 'x'])",
    ]
    finished = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, check=False)
    assert (finished.returncode, finished.stdout, finished.stderr) == (launcher.BROKEN, b"", b"")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_death_signal_is_sigkill_and_cannot_be_ignored(number: signal.Signals, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "ready")
    script = DAEMON.replace("(SLEEPER,", "(SLEEPER, 'stubborn',")
    daemon = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], cwd=Path(__file__).parents[2])
    try:
        handle = os.pidfd_open(int((tmp_path / "ready").read_text()))
        try:
            daemon.send_signal(number)
            assert select.select([handle], [], [], 60)[0]
        finally:
            os.close(handle)
    finally:
        daemon.kill()
        daemon.wait()
