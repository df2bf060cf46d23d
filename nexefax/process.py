"""The only place that starts child processes.

Every converter runs caged (:mod:`nexefax.cage`), in its own session, with a clean environment and a private
scratch directory that is the only place it may write. :func:`run` waits for the child without threads (a pidfd
in the event loop), keeps the beginning of what it prints, watches time and disk, and whatever happens, also
when its task is cancelled, leaves with the whole process group ended and reaped.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from nexefax import cage
from nexefax.child import Child, session_members
from nexefax.errors import ChildBroken, ChildFailed, ChildMissing, ChildTimeout
from nexefax.scratch import Usage, measure, remove_dead_sockets, scratch_directory

__all__ = ["Finished", "Limits", "find_program", "run", "scratch_directory"]

log = logging.getLogger("nexefax.process")

# Where programs are looked for: the distribution's, never /usr/local, never the daemon's own PATH.
PROGRAM_PATH = "/usr/bin:/bin:/usr/sbin:/sbin"

# Between SIGTERM and SIGKILL: long enough for LibreOffice and sendmail to put their files away.
GRACE = 2.0

# How often the scratch directory is measured. A disk that takes 1 GB/s overshoots Limits.disk by 100 MB.
WATCH_INTERVAL = 0.1

# After the child has ended, how long its output may stay open (a background process of sendmail may hold it).
DRAIN = 2.0

# There when the kernel has seccomp filters (Documentation/userspace-api/seccomp_filter.rst).
SECCOMP_ACTIONS = Path("/proc/sys/kernel/seccomp/actions_avail")

# How the names of LibreOffice's sockets begin (PIPESYSTEM in sal/osl/unx/pipe.cxx).
OFFICE_SOCKET = "OSL_PIPE_"

# Which Debian package a missing program is in.
PACKAGES = {
    "gs": "ghostscript",
    "pdfinfo": "poppler-utils",
    "pdftoppm": "poppler-utils",
    "pdftocairo": "poppler-utils",
    "pdftops": "poppler-utils",
    "tiff2pdf": "libtiff-tools",
    "tiffinfo": "libtiff-tools",
    "tiffcp": "libtiff-tools",
    "tiff2rgba": "libtiff-tools",
    "convert": "imagemagick",
    "convert-im6.q16": "imagemagick",
    "identify": "imagemagick",
    "identify-im6.q16": "imagemagick",
    "qpdf": "qpdf",
    "paps": "paps",
    "weasyprint": "weasyprint",
    "soffice": "libreoffice-writer-nogui",
    "sendmail": "default-mta",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What one child may use.

    ``seconds`` on the wall clock, ``cpu_seconds`` of processor time, ``memory`` in bytes of address space for
    each of its processes, ``file_size`` in bytes for each file, ``open_files``; ``output`` is how many bytes of
    stdout and of stderr are kept (the rest is read slowly and dropped); ``disk`` bytes and ``files`` entries are
    for the whole scratch directory, what the caller put there included; ``processes`` counts for
    ``may_fork`` only.
    """

    seconds: float
    cpu_seconds: int
    memory: int
    file_size: int
    open_files: int = 64
    output: int = 65536
    disk: int = 1 << 30
    files: int = 8192
    processes: int = 32


@dataclass(frozen=True, slots=True)
class Finished:
    """How a child ended: its exit status, or minus the signal's number; stdout and stderr cut at the limit."""

    returncode: int
    stdout: bytes
    stderr: bytes


def find_program(name: str) -> Path:
    """The absolute path of a program, looked up in :data:`PROGRAM_PATH` unless it is absolute already.

    Raises ChildMissing, which names the Debian package.
    """
    candidates = [Path(name)] if name.startswith("/") else [Path(d, name) for d in PROGRAM_PATH.split(":")]
    for candidate in candidates:
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return candidate
    package = PACKAGES.get(Path(name).name)
    remedy = f"install the package {package}" if package else "install it"
    raise ChildMissing(f"the program {name} is missing: {remedy}")


async def run(
    argv: Sequence[str],
    *,
    scratch: Path,
    readable: Sequence[Path] = (),
    limits: Limits,
    stdin: bytes = b"",
    caged: bool = True,
    may_fork: bool = False,
    programs: Sequence[Path] = (),
    unix_sockets: bool = False,
    environment: Mapping[str, str] | None = None,
    layers: Sequence[str] = cage.LAYERS,
) -> Finished:
    """Run a program to its end and return how it ended; a bad exit status is returned, not raised.

    ``argv[0]`` is absolute or looked up in a fixed PATH. ``scratch`` is a private directory of the caller's
    (:func:`scratch_directory`): cwd, TMPDIR and HOME of the child, and all that it may write. ``readable`` are
    the other files and directories it may read, beside the system's libraries, fonts and converter resources.
    ``stdin`` is all that it can read from there. With ``may_fork`` it may start processes, from its own file and
    from ``programs`` (files or directories); with ``unix_sockets`` it may make (not connect to) Unix stream
    sockets: LibreOffice needs both. ``environment`` is added to the clean one. ``caged=False`` is for sendmail
    only, whose setgid helpers can't run caged; ``layers`` exists for the tests of the cage.

    Raises ChildMissing; ChildTimeout when it outlived ``seconds`` or used up ``cpu_seconds``; ChildBroken
    when it could not be started or caged; ChildFailed when it filled its scratch directory, or left links or devices
    there.
    """
    scratch = scratch.absolute()  # noqa: ASYNC240 - asks for the working directory, no disk
    program = find_program(argv[0])
    command = [str(program), *argv[1:]]
    if caged:
        allowed = cage.Allowance(scratch, tuple(readable), (program, *programs), may_fork, unix_sockets)
        command = cage.launcher_command(allowed, limits, layers) + command
    clean = {"PATH": PROGRAM_PATH, "LC_ALL": "C.UTF-8", "HOME": str(scratch), "TMPDIR": str(scratch)}
    # One thread each: NexeFax runs as many converters side by side as there are cores.
    clean |= {"OMP_NUM_THREADS": "1", "MAGICK_THREAD_LIMIT": "1"}
    started = time.monotonic()
    with _standard_input(scratch, stdin) as source:
        if stdin:
            await asyncio.to_thread(_fill, source, stdin)
        try:
            child = Child(
                command,
                cwd=scratch,
                environment=clean | dict(environment or {}),
                stdin=source.fileno(),
                output_cap=limits.output,
            )
        except OSError as error:
            raise ChildBroken(f"{program.name} could not be started: {error}") from error
    try:
        try:
            await _watch(child, program.name, scratch, limits, forks=may_fork or not _forks_refused(layers))
        except BaseException:  # CancelledError too: nothing of ours outlives its task
            await child.end(GRACE)
            raise
        returncode = child.reap(end_group=caged)
        await child.drain(DRAIN)
    finally:
        child.release(end_group=True)
        if unix_sockets:
            await asyncio.shield(
                asyncio.to_thread(remove_dead_sockets, Path(cage.SOCKET_DIRECTORY), OFFICE_SOCKET)
            )
    seconds = time.monotonic() - started
    log.debug(
        "%s ended with %d after %.3f s (processor %.3f s)",
        program.name,
        returncode,
        seconds,
        child.cpu_seconds,
    )
    finished = Finished(returncode, child.stdout, child.stderr)
    if caged:
        await _judge(finished, child.cpu_seconds, program.name, scratch, limits)
    return finished


def _standard_input(scratch: Path, content: bytes) -> IO[bytes]:
    """Where the child reads from: nothing, or a nameless file. No task has to feed a pipe that may be closed."""
    if not content:
        return Path(os.devnull).open("rb")
    path = scratch / f".stdin-{os.urandom(8).hex()}"
    source = path.open("x+b")
    path.unlink()
    return source


def _fill(source: IO[bytes], content: bytes) -> None:
    source.write(content)
    source.seek(0)


async def _watch(child: Child, name: str, scratch: Path, limits: Limits, *, forks: bool) -> None:
    """Wait for the child's end; raises ChildTimeout or ChildFailed as soon as it goes beyond a limit."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + limits.seconds
    while True:
        left = deadline - loop.time()
        if left <= 0:
            raise ChildTimeout(f"{name} took longer than {limits.seconds:g} s")
        await asyncio.wait([child.ended], timeout=min(left, WATCH_INTERVAL))
        if child.ended.done():
            return
        await asyncio.to_thread(_check, name, scratch, limits, child.pid, forks=forks)


def _forks_refused(layers: Sequence[str]) -> bool:
    """Whether the seccomp layer keeps children from forking, so that nobody need count their processes."""
    return "seccomp" in layers and SECCOMP_ACTIONS.exists()


def _check(name: str, scratch: Path, limits: Limits, pid: int, *, forks: bool) -> None:
    """Look at a running child: its scratch directory and, where it can fork, how many processes it has become."""
    processes = session_members(pid) if forks else (pid,)
    if len(processes) > limits.processes:
        raise ChildFailed(f"{name} started more than {limits.processes} processes")
    _check_scratch(name, scratch, limits, processes)


def _check_scratch(name: str, scratch: Path, limits: Limits, processes: tuple[int, ...]) -> Usage:
    """Measure the scratch directory; raises ChildFailed when there is more in it than the limits say."""
    usage = measure(scratch, entries_cap=limits.files, processes=processes)
    if usage.size > limits.disk:
        raise ChildFailed(f"{name} wrote more than {limits.disk} bytes into its scratch directory")
    if usage.entries > limits.files:
        raise ChildFailed(f"{name} made more than {limits.files} files in its scratch directory")
    if usage.hidden:
        raise ChildFailed(f"{name} left what can't be looked into in its scratch directory: {usage.hidden}")
    return usage


async def _judge(finished: Finished, cpu_seconds: float, name: str, scratch: Path, limits: Limits) -> None:
    """Raise for an end that a limit caused, and for a scratch directory that can't be read safely."""
    # SIGXCPU may be ignored; SIGKILL follows a second later, as it may from the out-of-memory killer at any time.
    killed_for_time = finished.returncode == -signal.SIGKILL and cpu_seconds >= limits.cpu_seconds
    if finished.returncode == -signal.SIGXCPU or killed_for_time:
        raise ChildTimeout(f"{name} used more than {limits.cpu_seconds} s of processor time")
    if finished.returncode == -signal.SIGXFSZ:
        raise ChildFailed(f"{name} wrote a file of more than {limits.file_size} bytes")
    if finished.returncode == cage.BROKEN and finished.stderr.startswith(cage.BROKEN_MARK):
        raise ChildBroken(f"{name} could not be caged: {finished.stderr.decode(errors='replace').strip()}")
    usage = await asyncio.to_thread(_check_scratch, name, scratch, limits, ())
    if usage.stranger:
        raise ChildFailed(
            f"{name} left something that is no plain file in its scratch directory: {usage.stranger}"
        )
