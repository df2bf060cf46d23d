"""The system calls of a running daemon, as strace saw them, and whether they came in the right order."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

END_SECONDS = 60.0  # until a killed process is gone, or strace has begun; a limit, never a duration

# What makes things durable, visible, told or heard.
CALLS = "fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,sendto,recvfrom"

# Yama (Debian's kernels may have it on) lets a process be traced by its ancestors alone, unless it allows more.
TRACEABLE = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(0x59616d61, -1, 0, 0, 0)  # PR_SET_PTRACER, PR_SET_PTRACER_ANY
os.execv(sys.argv[1], sys.argv[1:])
"""

_LINE = re.compile(r"(?P<thread>\d+) +(?P<rest>.*)")
_RESUMED = re.compile(r"<\.\.\. (?P<name>\w+) resumed>(?P<rest>.*)")
_UNFINISHED = " <unfinished ...>"
_CALL = re.compile(r"(?P<name>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+).*")
# A descriptor with what it stands for (strace -y), a text (without its end where it is long), or a bare word.
_ARGUMENT = re.compile(
    r'(?:\w+<(?P<named>.*?)>(?=,|$))|"(?P<text>(?:[^"\\]|\\.)*)"(?:\.\.\.)?|(?P<bare>[^,\s"]+)'
)


@dataclass(frozen=True, slots=True)
class SystemCall:
    """One call that succeeded. ``text`` is "fsync PATH", "rename FROM TO", "sendto SOCKET TEXT", …

    ``began`` and ``ended`` are numbers of the trace's lines: a call is before another if it ended before that began.
    """

    text: str
    began: int
    ended: int


def parse(lines: list[str]) -> list[SystemCall]:
    """Return the calls that succeeded, in the order in which they began. Paths of ``*at`` calls are joined."""
    open_calls: dict[str, tuple[int, str]] = {}
    calls = []
    for number, line in enumerate(lines):
        parts = _LINE.fullmatch(line)
        if parts is None:
            continue
        thread, rest = parts["thread"], parts["rest"]
        began = number
        resumed = _RESUMED.fullmatch(rest)
        if resumed is not None and thread in open_calls:
            began, start = open_calls.pop(thread)
            rest = start + resumed["rest"]
        if rest.endswith(_UNFINISHED):
            open_calls[thread] = began, rest.removesuffix(_UNFINISHED)
            continue
        call = _CALL.fullmatch(rest)
        if call is not None and int(call["result"]) >= 0:
            calls.append(SystemCall(_text(call["name"], call["arguments"]), began, number))
    return sorted(calls, key=lambda call: call.began)


def _text(name: str, arguments: str) -> str:
    in_folder = name.endswith(("at", "at2"))
    words: list[str] = []
    folder = Path()
    for found in _ARGUMENT.finditer(arguments):
        if found["named"] is not None:
            folder = Path(found["named"])
            words += [] if in_folder else [found["named"]]
        elif found["text"] is not None:
            words.append(str(folder / found["text"]) if in_folder else found["text"])
    return " ".join([re.sub("at2?$", "", name), *words])


class OutOfOrder(AssertionError):
    """A step did not come, or not where it belongs."""


def follow(calls: list[SystemCall], *steps: str) -> list[SystemCall]:
    """Return a call for each step (a regular expression for the whole text), each begun after the one before ended.

    A step that begins with "!" makes something known to others: it may not have happened any earlier either.
    Raises OutOfOrder.
    """
    found: list[SystemCall] = []
    for step in steps:
        pattern = re.compile(step.removeprefix("!"), re.DOTALL)
        matching = [call for call in calls if pattern.fullmatch(call.text)]
        after = [call for call in matching if not found or call.began > found[-1].ended]
        if not after or (step.startswith("!") and after[0] != matching[0]):
            before = f" after {found[-1].text!r}" if found else ""
            seen = "".join(f"\n{call.began:6} {call.text[:120]}" for call in calls)
            raise OutOfOrder(f"{step!r} is missing{before}, or came too early, in{seen}")
        found.append(after[0])
    return found


@contextmanager
def traced(process: subprocess.Popen[bytes], folder: Path) -> Iterator[list[SystemCall]]:
    """The calls of all threads of ``process`` while the context lasts; the list is filled when it is left.

    Children are let go. The process must allow to be traced (see tests/daemon/crashes.py).
    """
    output = folder / "trace"
    tracer = subprocess.Popen(
        ["strace", "-f", "-y", "-qqq", "-s", "80", "-b", "execve", "-o", str(output), "-p", str(process.pid),
         "-e", f"trace={CALLS}", "-e", "signal=none"],
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    calls: list[SystemCall] = []
    try:
        wait_for_tracer(process, tracer)
        yield calls
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(END_SECONDS)
    calls += parse(output.read_text(errors="replace").splitlines())


def end_of(process: subprocess.Popen[bytes], tracer: subprocess.Popen[bytes] | None) -> int:
    """Wait until a process that was killed is gone, and its tracer; return the process's exit status.

    What is traced is not gone before its tracer has taken note. One that never does is killed, which lets all go.
    """
    if tracer is None:
        return process.wait(END_SECONDS)
    try:
        status = process.wait(END_SECONDS)
        tracer.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        tracer.kill()
        tracer.wait(END_SECONDS)
        status = process.wait(END_SECONDS)
    return status


def wait_for_tracer(process: subprocess.Popen[bytes], tracer: subprocess.Popen[bytes]) -> None:
    """Wait until ``tracer`` sees every thread of ``process``, or one of both has ended."""
    tasks = Path(f"/proc/{process.pid}/task")
    deadline = time.monotonic() + END_SECONDS
    while process.poll() is None and tracer.poll() is None:
        assert time.monotonic() < deadline, f"strace does not see every thread of {process.pid}"
        try:
            texts = [(task / "status").read_text() for task in tasks.iterdir()]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if all(f"TracerPid:\t{tracer.pid}" in text for text in texts):
            break
        time.sleep(0.005)
    if process.poll() is None and tracer.poll() is not None:
        raise AssertionError("strace can't trace the daemon; may this machine's users use ptrace(2)?")
