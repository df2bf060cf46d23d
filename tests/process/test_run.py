"""run(): what a child gets, what comes back, and that nothing of it is left, whatever happens."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
import os
import signal
from pathlib import Path

import pytest

from nexefax import process
from nexefax.errors import ChildFailed, ChildMissing, ChildTimeout
from nexefax.process import Limits, find_program, run
from tests.process.standin import AMPLE, MEGABYTE, end_of_orphan, foster_parent, stand_in

SLEEPER = """
import os, signal, sys, time
if "stubborn" in sys.argv: signal.signal(signal.SIGTERM, signal.SIG_IGN)
with open("ready", "w") as ready: ready.write(str(os.getpid()))
time.sleep(600)
"""


async def pid_told(scratch: Path) -> int:
    """Wait until a child that runs SLEEPER is ready; its process id."""
    return int(await asyncio.to_thread((scratch / "ready").read_text))


def is_gone(pid: int) -> bool:
    """Whether no process has this id any more, not even a zombie."""
    return not Path(f"/proc/{pid}").exists()


def open_descriptors() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


async def test_a_child_gets_a_private_clean_world(tmp_path: Path) -> None:
    script = """
import json, os
leads = [os.getpgid(0) == os.getpid(), os.getsid(0) == os.getpid()]
print(json.dumps([dict(os.environ), os.getcwd(), os.umask(0), leads]))
"""
    finished = await stand_in(script, scratch=tmp_path)
    assert finished.returncode == 0, finished
    environment, cwd, umask, leads = json.loads(finished.stdout)
    assert environment == {
        "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
        "LC_ALL": "C.UTF-8",
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
        "OMP_NUM_THREADS": "1",
        "MAGICK_THREAD_LIMIT": "1",
    }
    assert cwd == str(tmp_path.resolve())
    assert umask == 0o077
    assert leads == [True, True]  # its own process group and session


async def test_what_is_named_is_added_to_the_environment(tmp_path: Path) -> None:
    (tmp_path / "policy").mkdir()
    finished = await run(
        ["env"],
        scratch=tmp_path,
        limits=AMPLE,
        environment={"MAGICK_CONFIGURE_PATH": "/policy", "LC_ALL": "C"},
    )
    assert b"MAGICK_CONFIGURE_PATH=/policy\n" in finished.stdout
    assert b"LC_ALL=C\n" in finished.stdout


async def test_only_the_three_standard_descriptors_are_inherited(tmp_path: Path) -> None:
    with (tmp_path / "journal").open("w") as journal:
        os.set_inheritable(journal.fileno(), True)
        script = (
            "import os\nfor fd in range(3, 64):\n    try: os.fstat(fd); print(fd)\n    except OSError: pass"
        )
        finished = await stand_in(script, scratch=tmp_path)
    assert finished.stdout == b""


async def test_paths_may_be_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scratch").mkdir()
    (tmp_path / "document").write_text("read me")
    monkeypatch.chdir(tmp_path)
    finished = await run(
        ["cat", str(tmp_path / "document")],
        scratch=Path("scratch"),
        readable=[Path("document")],
        limits=AMPLE,
    )
    assert finished.stdout == b"read me"


async def test_output_comes_back_and_a_bad_status_is_no_error(tmp_path: Path) -> None:
    script = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)"
    finished = await stand_in(script, scratch=tmp_path)
    assert finished == process.Finished(7, b"out\n", b"err\n")


async def test_a_signal_comes_back_as_minus_its_number(tmp_path: Path) -> None:
    finished = await stand_in("import os; os.abort()", scratch=tmp_path)
    assert finished.returncode == -signal.SIGABRT


@pytest.mark.parametrize("caged", [True, False])
async def test_standard_input_is_what_was_given_and_nothing_else(tmp_path: Path, caged: bool) -> None:
    letter = os.urandom(3 * MEGABYTE)
    script = "import sys, shutil, hashlib; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())"
    finished = await stand_in(script, scratch=tmp_path, stdin=letter, caged=caged)
    assert finished.stdout.decode().strip() == hashlib.sha256(letter).hexdigest(), finished
    nothing = await stand_in("import sys; print(repr(sys.stdin.read()))", scratch=tmp_path, caged=caged)
    assert nothing.stdout == b"''\n"
    assert not list(tmp_path.iterdir())


async def test_a_child_need_not_read_its_input(tmp_path: Path) -> None:
    finished = await stand_in("import sys; sys.stdin.close()", scratch=tmp_path, stdin=b"x" * MEGABYTE)
    assert finished.returncode == 0


async def test_a_flood_of_output_is_kept_to_the_limit_and_read_to_its_end(tmp_path: Path) -> None:
    script = "import sys; sys.stdout.write('o' * 3_000_000); sys.stderr.write('e' * 70_000); print('end')"
    limits = Limits(seconds=60, cpu_seconds=30, memory=AMPLE.memory, file_size=MEGABYTE, output=1000)
    finished = await stand_in(script, scratch=tmp_path, limits=limits)
    assert finished == process.Finished(0, b"o" * 1000, b"e" * 1000)


async def test_an_endless_flood_ends_with_the_time(tmp_path: Path) -> None:
    limits = Limits(seconds=0.5, cpu_seconds=30, memory=AMPLE.memory, file_size=MEGABYTE)
    with pytest.raises(ChildTimeout, match=r"cat took longer than 0\.5 s"):
        await run(["cat", "/dev/zero"], scratch=tmp_path, readable=[Path("/dev/zero")], limits=limits)


async def test_time_runs_out(tmp_path: Path) -> None:
    limits = Limits(seconds=2, cpu_seconds=30, memory=AMPLE.memory, file_size=MEGABYTE)
    with pytest.raises(ChildTimeout, match="took longer than 2 s"):
        await stand_in(SLEEPER, scratch=tmp_path, limits=limits)
    assert is_gone(await pid_told(tmp_path))


async def test_who_ignores_sigterm_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "GRACE", 0.05)
    limits = Limits(seconds=2, cpu_seconds=30, memory=AMPLE.memory, file_size=MEGABYTE)
    with pytest.raises(ChildTimeout, match="took longer than 2 s"):
        await stand_in(SLEEPER, "stubborn", scratch=tmp_path, limits=limits)
    assert is_gone(await pid_told(tmp_path))


@pytest.mark.parametrize("caged", [True, False])
async def test_a_cancelled_task_leaves_nothing_behind(tmp_path: Path, caged: bool) -> None:
    os.mkfifo(tmp_path / "ready")
    before = open_descriptors()
    task = asyncio.ensure_future(stand_in(SLEEPER, scratch=tmp_path, caged=caged))
    pid = await pid_told(tmp_path)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert is_gone(pid)
    assert open_descriptors() == before


async def test_cancelled_twice_the_grace_ends_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "GRACE", 3600)
    os.mkfifo(tmp_path / "ready")
    task = asyncio.ensure_future(stand_in(SLEEPER, "stubborn", scratch=tmp_path))
    pid = await pid_told(tmp_path)
    task.cancel()
    for _ in range(3):  # let it send SIGTERM and begin to wait
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()  # even in the last wait, which does not give up
    with pytest.raises(asyncio.CancelledError):
        await task
    assert is_gone(pid)


def test_a_loop_that_is_stopped_leaves_nothing_behind(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "ready")

    async def begin() -> int:
        asyncio.ensure_future(stand_in(SLEEPER, scratch=tmp_path)).set_name("the child")
        return await pid_told(tmp_path)

    assert is_gone(asyncio.run(begin()))


async def test_forked_children_go_with_their_parent(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "ready")
    script = """
import os, sys, time
if os.fork() == 0:
    with open("ready", "w") as ready: ready.write(str(os.getpid()))
    time.sleep(600)
print("parent ends")
"""
    with foster_parent():
        async with asyncio.TaskGroup() as group:
            told = group.create_task(pid_told(tmp_path))
            with pytest.raises(ChildFailed, match="no plain file"):  # the FIFO of this test
                await stand_in(script, scratch=tmp_path, may_fork=True)
        assert await end_of_orphan(told.result()) == -signal.SIGKILL


async def test_a_background_process_of_sendmail_is_left_to_its_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exim delivers in the background after the letter is taken: its output may stay open, and it is not killed."""
    monkeypatch.setattr(process, "DRAIN", 0.05)
    with foster_parent():
        finished = await run(["sh", "-c", "sleep 600 & echo $!"], scratch=tmp_path, limits=AMPLE, caged=False)
        background = int(finished.stdout)
        os.kill(background, signal.SIGTERM)
        assert await end_of_orphan(background) == -signal.SIGTERM  # and not SIGKILL, from us


async def test_a_missing_program_names_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "PROGRAM_PATH", str(tmp_path))
    with pytest.raises(ChildMissing, match=r"the program gs is missing: install the package ghostscript$"):
        await run(["gs"], scratch=tmp_path, limits=AMPLE)
    with pytest.raises(ChildMissing, match=r"the program /nowhere/odd is missing: install it$"):
        find_program("/nowhere/odd")
    (tmp_path / "gs").write_text("not executable")
    with pytest.raises(ChildMissing):
        find_program("gs")


def test_programs_come_from_the_system_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "sh").write_text("")
    (tmp_path / "sh").chmod(0o755)
    assert find_program("sh") == Path("/usr/bin/sh")
    assert find_program("/bin/sh") == Path("/bin/sh")


async def test_a_child_that_cannot_be_started_is_an_error_and_leaks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = open_descriptors()
    with pytest.raises(ChildFailed, match="true could not be started"):
        await run(["true"], scratch=tmp_path / "gone", limits=AMPLE)

    def refuse(pid: int, flags: int = 0) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(os, "pidfd_open", refuse)
    with pytest.raises(ChildFailed, match="true could not be started"):
        await run(["true"], scratch=tmp_path, limits=AMPLE)
    assert open_descriptors() == before


async def test_a_program_that_may_not_be_executed_is_an_error_of_ours(tmp_path: Path) -> None:
    """A script needs its interpreter among ``programs``; the launcher's failure is not taken for the program's."""
    script = tmp_path / "script"
    script.write_text("#!/usr/bin/env true\n")
    script.chmod(0o755)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with pytest.raises(ChildFailed, match=r"script could not be caged: .*Permission denied"):
        await run([str(script)], scratch=scratch, limits=AMPLE)
    programs = [Path("/usr/bin/env"), Path("/usr/bin/true")]
    finished = await run([str(script)], scratch=scratch, limits=AMPLE, programs=programs, readable=[tmp_path])
    assert finished.returncode == 0


async def test_exit_status_125_of_a_program_is_its_own(tmp_path: Path) -> None:
    assert (await stand_in("import sys; sys.exit(125)", scratch=tmp_path)).returncode == 125


def children_of_this_process() -> set[str]:
    """The process numbers of all children, zombies too, whichever thread started them (proc(5))."""
    return {
        child
        for task in Path("/proc/self/task").iterdir()
        for child in (task / "children").read_text().split()
    }


async def test_many_side_by_side_leave_no_zombie_and_no_descriptor(tmp_path: Path) -> None:
    before = open_descriptors()
    others = children_of_this_process()
    scratches = [tmp_path / str(number) for number in range(12)]
    for scratch in scratches:
        scratch.mkdir()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(stand_in("print(1)", scratch=scratch)) for scratch in scratches]
    assert [task.result().stdout for task in tasks] == [b"1\n"] * 12
    assert open_descriptors() == before
    assert children_of_this_process() <= others
