"""Eaters of memory, disk, time and processes are ended by their limits."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from nexefax import cage
from nexefax.errors import ChildFailed, ChildTimeout
from nexefax.process import Limits
from tests.process.standin import AMPLE, MEGABYTE, end_of_orphan, foster_parent, stand_in
from tests.process.test_run import SLEEPER, pid_told


def limits(**changed: float) -> Limits:
    return replace(AMPLE, **changed)  # type: ignore[arg-type]  # one dictionary for int and float fields


async def test_memory(tmp_path: Path) -> None:
    script = "try: bytearray(300 << 20)\nexcept MemoryError: print('refused')\nelse: print('done')"
    little = await stand_in(script, scratch=tmp_path, limits=limits(memory=200 * MEGABYTE))
    assert little.stdout == b"refused\n"
    assert (await stand_in(script, scratch=tmp_path)).stdout == b"done\n"


async def test_processor_time(tmp_path: Path) -> None:
    with pytest.raises(ChildTimeout, match="used more than 1 s of processor time"):
        await stand_in("while True: pass", scratch=tmp_path, limits=limits(cpu_seconds=1))


async def test_who_ignores_sigxcpu_is_killed(tmp_path: Path) -> None:
    script = "import signal; signal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass"
    with pytest.raises(ChildTimeout, match="used more than 1 s of processor time"):
        await stand_in(script, scratch=tmp_path, limits=limits(cpu_seconds=1))


async def test_size_of_a_file(tmp_path: Path) -> None:
    script = """
import os, signal
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
file = os.open("big", os.O_CREAT | os.O_WRONLY)
while True: os.write(file, b"x" * 65536)
"""
    with pytest.raises(ChildFailed, match=f"wrote a file of more than {MEGABYTE} bytes"):
        await stand_in(script, scratch=tmp_path, limits=limits(file_size=MEGABYTE))
    assert (tmp_path / "big").stat().st_size == MEGABYTE


async def test_open_files(tmp_path: Path) -> None:
    script = """
import os
try:
    while True: os.dup(0)
except OSError as error: print(error.strerror)
"""
    finished = await stand_in(script, scratch=tmp_path, limits=limits(open_files=32))
    assert finished.stdout == b"Too many open files\n"


DISK_EATERS = {
    "many files": "open(str(number), 'wb').write(b'x' * 1048576)",
    "deleted but open": "f = open(str(number), 'wb'); os.unlink(str(number)); f.write(b'x' * 1048576); kept.append(f)",
    "deep down": "os.mkdir('d'); os.chdir('d'); open('f', 'wb').write(b'x' * 1048576)",
}


@pytest.mark.parametrize("eater", DISK_EATERS.values(), ids=DISK_EATERS)
async def test_disk_as_a_whole(tmp_path: Path, eater: str) -> None:
    """It eats 24 MB and then waits, far below what one file may be, until somebody notices."""
    script = f"import os, time\nkept = []\nfor number in range(24): {eater}\ntime.sleep(600)"
    few = limits(disk=20 * MEGABYTE)
    with pytest.raises(ChildFailed, match="wrote more than 20971520 bytes into its scratch directory"):
        await stand_in(script, scratch=tmp_path, limits=few)


async def test_a_directory_that_hides_what_is_in_it(tmp_path: Path) -> None:
    script = """
import os, time
os.mkdir("hidden", 0)
for number in range(40):
    os.mkdir("deep"); os.chdir("deep")
time.sleep(600)
"""
    with pytest.raises(ChildFailed, match="left what can't be looked into"):
        await stand_in(script, scratch=tmp_path)
    (tmp_path / "hidden").chmod(0o700)  # so that it can be removed


@pytest.mark.parametrize("waits", [True, False])
async def test_number_of_files(tmp_path: Path, waits: bool) -> None:
    script = (
        f"import time\nfor number in range(120): open(str(number), 'w').close()\ntime.sleep({600 * waits})"
    )
    with pytest.raises(ChildFailed, match="made more than 100 files in its scratch directory"):
        await stand_in(script, scratch=tmp_path, limits=limits(files=100))


@pytest.mark.parametrize("layers", [("limits", "landlock", "seccomp"), ()], ids=["may fork", "no layer"])
async def test_number_of_processes(tmp_path: Path, layers: tuple[str, ...]) -> None:
    script = """
import os, time
pids = [os.fork() or time.sleep(600) for number in range(20)]
with open("pids", "w") as file: file.write(" ".join(map(str, pids)))
time.sleep(600)
"""
    with foster_parent():
        with pytest.raises(ChildFailed, match="started more than 8 processes"):
            await stand_in(
                script, scratch=tmp_path, limits=limits(processes=8), may_fork=bool(layers), layers=layers
            )
        for name in (tmp_path / "pids").read_text().split():
            assert await end_of_orphan(int(name)) in (-signal.SIGTERM, -signal.SIGKILL)


@pytest.mark.parametrize(
    "trick", ["os.symlink('/etc/passwd', 'result')", "os.mkfifo('result')", "os.link('a', 'b')"]
)
async def test_what_is_no_plain_file_is_no_result(tmp_path: Path, trick: str) -> None:
    """Without the layers that keep a child from making such things, they are noticed all the same."""
    script = f"import os; open('a', 'w').close(); {trick}"
    with pytest.raises(ChildFailed, match="left something that is no plain file"):
        await stand_in(script, scratch=tmp_path, layers=())


async def test_all_layers_are_in_force_together(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "ready")
    task = asyncio.ensure_future(stand_in(SLEEPER, scratch=tmp_path))
    proc = Path("/proc", str(await pid_told(tmp_path)))
    status = dict(line.split(":\t", 1) for line in (proc / "status").read_text().splitlines())
    adjustment = (proc / "oom_score_adj").read_text().strip()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert adjustment == "500"
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == ("2" if cage.report().seccomp else "0")


@pytest.fixture
def started_in_the_background() -> Iterator[None]:
    """As `nohup` and a shell's & leave a process."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGHUP, signal.SIGQUIT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("started_in_the_background")
async def test_what_the_layer_of_limits_gives_up(tmp_path: Path) -> None:
    script = """
import os, resource
print(open("/proc/self/oom_score_adj").read().strip(), os.getpriority(os.PRIO_PROCESS, 0))
for name in "CPU AS FSIZE NOFILE MEMLOCK MSGQUEUE CORE".split():
    print(name, *resource.getrlimit(getattr(resource, "RLIMIT_" + name)))
for line in open("/proc/self/status"):
    if line.startswith(("NoNewPrivs", "CapBnd", "CapPrm", "SigIgn")): print(line.strip())
"""
    asked = Limits(seconds=60, cpu_seconds=20, memory=1 << 30, file_size=1 << 20, open_files=40)
    finished = await stand_in(script, scratch=tmp_path, limits=asked, layers=("limits",))
    lines = finished.stdout.decode().splitlines()
    base = os.getpriority(os.PRIO_PROCESS, 0)
    assert lines[0] == f"500 {min(base + 10, 19)}"
    assert lines[1:8] == [
        "CPU 20 21",
        f"AS {1 << 30} {1 << 30}",
        f"FSIZE {1 << 20} {1 << 20}",
        "NOFILE 40 40",
        "MEMLOCK 0 0",
        "MSGQUEUE 0 0",
        "CORE 0 0",
    ]
    status = dict(line.split(":\t") for line in lines[8:])
    assert status["NoNewPrivs"] == "1"
    assert int(status["CapPrm"], 16) & ~0b110 == 0
    if os.getuid() == 0:
        assert int(status["CapBnd"], 16) & ~0b110 == 0
    ignored = int(status["SigIgn"], 16)  # Python has ignored these again by itself
    assert ignored & ~(1 << signal.SIGPIPE - 1) & ~(1 << signal.SIGXFSZ - 1) == 0
