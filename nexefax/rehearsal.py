"""A rehearsal of the cage for ``nexefax check``: a stand-in converter tries to get out, and what it managed is told."""

from __future__ import annotations

import sys
from pathlib import Path

from nexefax.cage import LAYERS
from nexefax.errors import ChildFailed
from nexefax.process import Limits, run, scratch_directory

# Python itself needs little; a rehearsal that takes longer is a finding of its own.
LIMITS = Limits(seconds=20, cpu_seconds=10, memory=1 << 30, file_size=1 << 20)

# What the stand-in tries, in this order, each printed when it was not refused.
_ATTEMPTS = """
import os, socket, sys
outside = sys.argv[1]
def read(): open(outside + "/secret").read()
def write(): open(outside + "/planted", "w").close()
def connect(): socket.socket(socket.AF_INET, socket.SOCK_STREAM)
def fork(): os.fork() or os._exit(0)
def signal(): os.kill(os.getppid(), 0)
def link(): os.symlink(outside + "/secret", "result"); os.unlink("result")
for attempt in read, write, connect, fork, signal, link:
    try:
        attempt()
    except OSError:
        continue
    print(attempt.__name__)
"""

SENTENCES = {
    "read": "read files outside its scratch directory",
    "write": "write files outside its scratch directory",
    "connect": "open a network socket",
    "fork": "start processes",
    "signal": "send signals to NexeFax",
    "link": "leave a link in place of a result",
}


async def rehearse(parent: Path) -> tuple[str, ...]:
    """Let a stand-in converter try to escape; what it managed, in words that follow "a converter can".

    ``parent`` is the directory for scratch (tmp_dir). Raises ChildError when the stand-in can't be run at all.
    """
    async with scratch_directory(parent) as outside, scratch_directory(parent) as scratch:
        (outside / "secret").touch()
        prefixes = (Path(sys.base_prefix, "lib"), Path(sys.exec_prefix, "lib"))
        command = [sys.executable, "-I", "-S", "-c", _ATTEMPTS, str(outside)]
        finished = await run(command, scratch=scratch, readable=prefixes, limits=LIMITS, layers=LAYERS)
    if finished.returncode != 0:
        said = finished.stderr.decode(errors="replace").strip()
        raise ChildFailed(f"the rehearsal of the cage ended with {finished.returncode}: {said}")
    return tuple(SENTENCES[name] for name in finished.stdout.decode().split() if name in SENTENCES)
