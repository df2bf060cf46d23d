"""The demo as a person starts it, after control/demo has installed what it needs."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

DEMO = Path(__file__).resolve().parents[2] / "control" / "demo.py"


def test_once(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, DEMO, "--once", "--folder", folder / "demo"],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"page 1: all \d{7} pixels below the header line arrived as sent", done.stdout)
    assert "it went by T.38, in one attempt" in done.stdout
    assert done.stdout.rstrip().endswith("The whole way works.")
    for named in re.findall(
        r"^ +(?:sent|as TIFF|received|mails|log|Asterisk) +(/.*)$", done.stdout, re.MULTILINE
    ):
        assert Path(named).exists()


def test_live_until_ctrl_c(folder: Path) -> None:
    demo = subprocess.Popen(
        [sys.executable, DEMO, "--folder", folder / "demo"], stdout=subprocess.PIPE, text=True
    )
    assert demo.stdout is not None
    shown = ""
    for line in demo.stdout:
        shown += line
        if "Ctrl-C" in line:
            break
    page = re.search(r"page +(http\S+)", shown)
    assert page is not None
    with urllib.request.urlopen(page[1]) as answer:
        assert answer.status == 200
        assert "NexeFax" in answer.read().decode()
    began = subprocess.run(
        ["pgrep", "-f", str(folder)], capture_output=True, text=True, check=True
    ).stdout.split()
    assert len(began) >= 3  # the demo, Asterisk and NexeFax
    demo.send_signal(signal.SIGINT)
    rest, _ = demo.communicate(timeout=60)
    assert demo.returncode == 0
    assert "All is stopped." in rest
    left = subprocess.run(
        ["pgrep", "-f", str(folder)], capture_output=True, text=True, check=False
    ).stdout.split()
    assert left == []
