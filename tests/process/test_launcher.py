"""The launcher without a kernel: in which order it gives what up, and what it does where the kernel has less."""

from __future__ import annotations

import errno
import os
import resource
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nexefax import cage, launcher, rehearsal
from nexefax.cage import Allowance, Report
from nexefax.errors import ChildFailed
from nexefax.launcher import Kernel
from nexefax.process import Limits, run
from nexefax.rehearsal import rehearse
from tests.process.standin import AMPLE

KERNEL = cage.report()


class Became(BaseException):
    """The launcher became a program."""


class PaperKernel(Kernel):
    """A kernel that only writes down what it is asked; ``missing`` maps what it lacks to the error it gives."""

    def __init__(self, missing: dict[str, int] | None = None, abi: int = 7) -> None:
        self.asked: list[tuple[str, tuple[int | bytes, ...]]] = []
        self.missing = missing or {}
        self.abi = abi

    def _note(self, name: str, *arguments: int | bytes) -> int:
        self.asked.append((name, arguments))
        if name in self.missing:
            raise OSError(self.missing[name], name)
        return 0

    def prctl(self, option: int, *arguments: int | bytes) -> int:
        return self._note(f"prctl {option}", *arguments)

    def syscall(self, number: int, *arguments: int | bytes) -> int:
        self._note(f"call {number}", *arguments)
        if number == launcher.CREATE_RULESET:
            return self.abi if arguments[0] == 0 else os.open("/dev/null", os.O_RDONLY)
        return 0

    def filter_calls(self, program: bytes) -> None:
        self._note("filter", program)

    def default_signal(self, number: int) -> None:
        self._note(f"signal {number}")

    def names(self) -> list[str]:
        return [name for name, _ in self.asked]


@pytest.fixture(autouse=True)
def spared(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the launcher gives up without the help of :class:`Kernel`, this process keeps."""
    monkeypatch.setattr(os, "nice", lambda _: 0)
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)
    monkeypatch.setattr(launcher, "OOM_SCORE", Path("/proc/self/oom_score_adj").read_bytes().strip())


@pytest.fixture
def on_paper(monkeypatch: pytest.MonkeyPatch) -> Callable[[PaperKernel, list[str]], None]:
    """Run the launcher on a paper kernel; nothing happens to this process."""

    def launch(kernel: PaperKernel, arguments: list[str]) -> None:
        def become(path: str, words: list[str]) -> None:
            kernel.asked.append(("exec", tuple(word.encode() for word in (path, *words))))
            raise Became

        monkeypatch.setattr(launcher, "Kernel", lambda: kernel)
        monkeypatch.setattr(os, "execv", become)
        monkeypatch.setattr(os, "nice", lambda _: 0)
        monkeypatch.setattr(
            resource, "setrlimit", lambda number, values: kernel._note(f"limit {number}", *values)
        )
        monkeypatch.setattr(launcher, "OOM_SCORE", (Path("/proc/self/oom_score_adj").read_bytes()).strip())
        with pytest.raises(Became):
            launcher.launch(arguments)

    return launch


def arguments(tmp_path: Path, *more: str, parent: int | None = None) -> list[str]:
    allowance = Allowance(tmp_path, (Path("/etc/hosts"),), (Path("/bin/true"),))
    limits = Limits(seconds=1, cpu_seconds=2, memory=3 << 20, file_size=4 << 20, open_files=5)
    command = cage.launcher_command(allowance, limits)
    command = command[command.index("-c") + 3 : -1]
    command[0] = f"parent={os.getppid() if parent is None else parent}"
    return [*command, *more, "--", "/bin/true", "argument"]


def test_the_order_of_giving_up(tmp_path: Path, on_paper: Callable[[PaperKernel, list[str]], None]) -> None:
    kernel = PaperKernel()
    on_paper(kernel, arguments(tmp_path))
    names = kernel.names()
    landmarks = ["prctl 1", "prctl 38", f"limit {resource.RLIMIT_CPU}", "call 446", "filter", "exec"]
    assert [name for name in names if name in landmarks] == landmarks
    assert kernel.asked[-1] == ("exec", (b"/bin/true", b"/bin/true", b"argument"))
    assert (f"limit {resource.RLIMIT_AS}", (3 << 20, 3 << 20)) in kernel.asked
    dropped = [arguments[0] for name, arguments in kernel.asked if name == "prctl 24"]
    assert dropped == [capability for capability in range(64) if capability not in (1, 2)]


@pytest.mark.parametrize(
    ("abi", "rights", "words"),
    [(1, 13, 1), (2, 14, 1), (3, 15, 1), (4, 15, 2), (5, 16, 2), (6, 16, 3), (9, 16, 3)],
)
def test_each_version_of_landlock_gets_what_it_knows(
    tmp_path: Path, on_paper: Callable[[PaperKernel, list[str]], None], abi: int, rights: int, words: int
) -> None:
    kernel = PaperKernel(abi=abi)
    on_paper(kernel, arguments(tmp_path))
    attributes = next(args[0] for name, args in kernel.asked if name == "call 444" and args[0] != 0)
    assert attributes == struct.pack(f"={words}Q", *[(1 << rights) - 1, 3, 3][:words])
    for name, given in kernel.asked:
        if name == "call 445":
            assert isinstance(given[2], bytes)
            allowed, _ = struct.unpack("=Qi", given[2])
            assert 0 < allowed < 1 << rights


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM])
def test_a_kernel_without_landlock_goes_on_with_the_rest(
    tmp_path: Path, on_paper: Callable[[PaperKernel, list[str]], None], number: int
) -> None:
    kernel = PaperKernel(missing={"call 444": number})
    on_paper(kernel, arguments(tmp_path))
    assert "call 446" not in kernel.names()
    assert "filter" in kernel.names()


def test_a_kernel_without_seccomp_goes_on_with_the_rest(
    tmp_path: Path, on_paper: Callable[[PaperKernel, list[str]], None]
) -> None:
    kernel = PaperKernel(missing={"prctl 21": errno.EINVAL})
    on_paper(kernel, arguments(tmp_path))
    assert "filter" not in kernel.names()
    assert "call 446" in kernel.names()


def test_an_ordinary_user_has_no_capabilities_to_drop(
    tmp_path: Path, on_paper: Callable[[PaperKernel, list[str]], None]
) -> None:
    kernel = PaperKernel(missing={"prctl 24": errno.EPERM})
    on_paper(kernel, arguments(tmp_path))
    assert kernel.names().count("prctl 24") == 1


def test_niceness_is_wished_for_only(
    tmp_path: Path, on_paper: Callable[[PaperKernel, list[str]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "nice", refuse)
    kernel = PaperKernel()
    on_paper(kernel, arguments(tmp_path))
    assert kernel.names()[-1] == "exec"


def test_without_proc_all_are_equal_before_the_killer(
    tmp_path: Path, on_paper: Callable[[PaperKernel, list[str]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = PaperKernel()
    real = os.open

    def no_proc(path: str, flags: int, *rest: int) -> int:
        if str(path).startswith("/proc"):
            raise FileNotFoundError(path)
        return real(path, flags, *rest)

    monkeypatch.setattr(os, "open", no_proc)
    on_paper(kernel, arguments(tmp_path))
    assert kernel.names()[-1] == "exec"


def test_fork_and_sockets_are_passed_on(
    tmp_path: Path, on_paper: Callable[[PaperKernel, list[str]], None]
) -> None:
    kernels = PaperKernel(), PaperKernel()
    on_paper(kernels[0], arguments(tmp_path))
    on_paper(kernels[1], arguments(tmp_path, "fork=1", "unix=1"))
    filters = [next(args[0] for name, args in kernel.asked if name == "filter") for kernel in kernels]
    assert filters[0] != filters[1]
    allowance = Allowance(tmp_path, (), (Path("/bin/true"),), may_fork=True, unix_sockets=True)
    assert cage.launcher_command(allowance, AMPLE)[-3:] == ["fork=1", "unix=1", "--"]


class Exited(BaseException):
    pass


@pytest.fixture
def exits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    statuses: list[int] = []

    def leave(status: int) -> None:
        statuses.append(status)
        raise Exited

    monkeypatch.setattr(os, "_exit", leave)
    return statuses


def test_a_layer_that_cannot_be_put_up_is_the_end(
    tmp_path: Path,
    exits: list[int],
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    kernel = PaperKernel(missing={"call 446": errno.E2BIG})
    monkeypatch.setattr(launcher, "Kernel", lambda: kernel)
    with pytest.raises(Exited):
        launcher.main(arguments(tmp_path))
    assert exits == [launcher.BROKEN]
    assert capfdbinary.readouterr().err.startswith(launcher.BROKEN_MARK + b"OSError: ")
    assert "exec" not in kernel.names()


def test_another_parent_is_the_end(tmp_path: Path, exits: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = PaperKernel()
    monkeypatch.setattr(launcher, "Kernel", lambda: kernel)
    with pytest.raises(Exited):
        launcher.launch(arguments(tmp_path, parent=2**22 + 1))
    assert kernel.names() == ["prctl 1"]


async def test_a_broken_launcher_is_an_error_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cage, "_BOOT", cage._BOOT.replace("main(sys.argv[2:])", "main(['parent=1'])"))
    with pytest.raises(
        ChildFailed, match="true could not be caged: nexefax launcher: ValueError: '--' is not in list"
    ):
        await run(["true"], scratch=tmp_path, limits=AMPLE)


def test_the_real_kernel_says_its_errors() -> None:
    kernel = Kernel()
    assert kernel.prctl(launcher.PR_GET_SECCOMP) in (0, 2)
    with pytest.raises(OSError, match="prctl 9999: Invalid argument") as caught:
        kernel.prctl(9999)
    assert caught.value.errno == errno.EINVAL
    with pytest.raises(OSError, match="system call 445: "):
        kernel.syscall(launcher.ADD_RULE, -1, 99, b"", 0)


def test_signals_go_back_to_their_default_and_filters_are_taken_by_the_kernel() -> None:
    """In a process of its own, since neither can be undone."""
    allow_all = struct.pack("=HBBI", 0x06, 0, 0, 0x7FFF0000)
    script = f"""
import signal
from nexefax import launcher
kernel = launcher.Kernel()
kernel.default_signal(signal.SIGPIPE)
kernel.prctl(launcher.PR_SET_NO_NEW_PRIVS, 1)
if {KERNEL.seccomp}:
    kernel.filter_calls({allow_all!r})
for line in open("/proc/self/status"):
    if line.startswith(("SigIgn", "Seccomp:")): print(line.strip())
"""
    command = [sys.executable, "-c", script]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True, timeout=60)
    status = dict(line.split(":\t") for line in done.stdout.splitlines())
    assert int(status["SigIgn"], 16) & 1 << signal.SIGPIPE - 1 == 0
    if KERNEL.seccomp:
        assert status["Seccomp"] == "2"


def test_an_unknown_machine_has_no_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher, "ARCHITECTURES", {})
    assert not launcher.has_seccomp(PaperKernel())


@pytest.mark.parametrize(
    ("landlock", "seccomp", "holds", "said"),
    [
        (
            7,
            True,
            True,
            ["Landlock (version 7) cages converters: files, TCP, signals.", "seccomp cages converters"],
        ),
        (4, True, True, ["Landlock (version 4) cages converters: files, TCP.", "seccomp cages converters"]),
        (2, True, True, ["Landlock (version 2) cages converters: files.", "seccomp cages converters"]),
        (0, True, True, ["Landlock is missing", "seccomp cages converters"]),
        (7, False, True, ["Landlock (version 7)", "seccomp is missing"]),
        (0, False, False, ["Landlock is missing", "seccomp is missing", "Nothing cages the converters"]),
    ],
)
def test_the_report_says_what_is_there_and_what_to_do(
    landlock: int, seccomp: bool, holds: bool, said: list[str]
) -> None:
    report = Report(landlock, seccomp)
    assert report.holds is holds
    assert len(report.sentences) == len(said)
    for sentence, beginning in zip(report.sentences, said, strict=True):
        assert sentence.startswith(beginning)


def test_the_report_asks_this_kernel_and_changes_nothing() -> None:
    before = Path("/proc/self/status").read_text().split("Seccomp:")[1].split()[0]
    assert isinstance(KERNEL.landlock, int)
    assert cage.report() == KERNEL
    assert Path("/proc/self/status").read_text().split("Seccomp:")[1].split()[0] == before


async def test_the_rehearsal_finds_no_way_out(tmp_path: Path) -> None:
    managed = await rehearse(tmp_path)
    if KERNEL.landlock >= 6 and KERNEL.seccomp:
        assert managed == ()
    assert not list(tmp_path.iterdir())


async def test_the_rehearsal_tells_every_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "LAYERS", ())
    assert await rehearse(tmp_path) == tuple(rehearsal.SENTENCES.values())


async def test_a_rehearsal_that_fails_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "_ATTEMPTS", "raise SystemExit('no room')")
    with pytest.raises(ChildFailed, match="the rehearsal of the cage ended with 1: no room"):
        await rehearse(tmp_path)
