"""Scratch directories: a fresh one for each child, measured while the child runs, removed afterwards.

What a child leaves behind is hostile until shown otherwise: trees deeper than a path may be long, directories
that nobody may enter, links that point at somebody else's files. So measuring stops at caps, and removing needs
neither recursion nor long paths nor more than two open directories.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
import logging
import os
import signal
import socket
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger("nexefax.process")

# Deeper than any converter builds (LibreOffice's profile goes 8 down), far from PATH_MAX.
MAX_DEPTH = 32

# What the names of scratch directories begin with.
PREFIX = "child-"


@dataclass(frozen=True, slots=True)
class Usage:
    """What lies in a scratch directory: bytes on disk and the number of entries.

    ``hidden`` names a directory that can't be looked into; ``stranger`` the first entry that is no plain file,
    directory or socket, or has a second name: no result may be read through such a thing.
    """

    size: int
    entries: int
    hidden: str = ""
    stranger: str = ""


@asynccontextmanager
async def scratch_directory(parent: Path) -> AsyncIterator[Path]:
    """A fresh directory below ``parent`` (an existing directory of ours), mode 0700; removed on leaving.

    Removal runs in a thread and is waited for even when the task is cancelled meanwhile. A directory that can't be
    removed is only logged: what was made there counts, and the next start clears it away.
    """
    path = parent / f"{PREFIX}{os.urandom(8).hex()}"
    path.mkdir(mode=0o700)  # at once, not in a thread: cancelled there it would be left behind
    try:
        yield path
    finally:
        await asyncio.shield(asyncio.to_thread(_remove_or_log, path))


def _remove_or_log(path: Path) -> None:
    try:
        remove_tree(path)
    except OSError as error:
        log.warning("The scratch directory %s could not be removed: %s", path, error)


def remove_leftovers(parent: Path) -> int:
    """Clear away what an earlier daemon, killed in the middle, left in ``parent``; how many directories there were.

    Processes that still work there (LibreOffice's second one has no death signal) are killed first. For the start
    of the daemon, in a thread, before any child runs.
    """
    leftovers = [path for path in parent.glob(f"{PREFIX}*") if path.is_dir() and not path.is_symlink()]
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any((process / "cwd").readlink().is_relative_to(path) for path in leftovers):
                os.kill(int(process.name), signal.SIGKILL)
    for path in leftovers:
        remove_tree(path)
    return len(leftovers)


def remove_dead_sockets(directory: Path, prefix: str) -> None:
    """Remove our own Unix sockets whose names begin with ``prefix`` and where nobody listens any more.

    LibreOffice makes one outside its scratch directory, may not remove it there, and would not start again with it.
    """
    for path in directory.glob(f"{prefix}*"):
        with contextlib.suppress(OSError):
            status = path.lstat()
            if stat.S_ISSOCK(status.st_mode) and status.st_uid == os.geteuid():
                with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
                    try:
                        probe.connect(str(path))
                    except ConnectionRefusedError:
                        path.unlink()


def measure(scratch: Path, *, entries_cap: int, processes: tuple[int, ...] = ()) -> Usage:
    """Sum up what lies in ``scratch`` and what the processes hold open though it is deleted.

    Counting stops once more than ``entries_cap`` entries were seen. Entries that vanish meanwhile count nothing.
    """
    size = entries = 0
    hidden = stranger = ""
    waiting = [(str(scratch), 0)]
    while waiting and entries <= entries_cap:
        directory, depth = waiting.pop()
        try:
            with os.scandir(directory) as found:
                for entry in itertools.islice(found, entries_cap + 1 - entries):
                    entries += 1
                    try:
                        status = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue
                    size += status.st_blocks * 512
                    if stat.S_ISDIR(status.st_mode):
                        waiting.append((entry.path, depth + 1))
                    elif not _harmless(status):
                        stranger = stranger or ascii(entry.name)
                    if depth >= MAX_DEPTH:
                        hidden = hidden or "directories without end"
                        waiting.clear()
        except FileNotFoundError:
            continue
        except OSError as error:
            hidden = hidden or f"{Path(directory).name!a} ({error.strerror})"
    return Usage(size + sum(_deleted_but_open(pid) for pid in processes), entries, hidden, stranger)


def _harmless(status: os.stat_result) -> bool:
    """A plain file with one name, or a socket: opening a socket fails, while a FIFO would hold its reader."""
    return stat.S_ISSOCK(status.st_mode) or (stat.S_ISREG(status.st_mode) and status.st_nlink == 1)


def _deleted_but_open(pid: int) -> int:
    """Bytes of files without a name that a process has open: they fill the disk, but no directory shows them."""
    sizes: dict[tuple[int, int], int] = {}
    with contextlib.suppress(OSError), os.scandir(f"/proc/{pid}/fd") as found:
        for entry in found:
            with contextlib.suppress(OSError):
                status = entry.stat()
                if status.st_nlink == 0 and stat.S_ISREG(status.st_mode):
                    sizes[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(sizes.values())


def remove_tree(path: Path) -> None:
    """Remove a directory and all in it, however deep, wide or forbidden; what is gone already is no error.

    Subdirectories are first moved up beside their parent, so no path grows longer than two names, and each is
    made enterable by descriptor, so no link is ever followed.
    """
    try:
        top = _enter(path)
    except FileNotFoundError:
        return
    try:
        names = (f".removed-{number}" for number in itertools.count())
        _empty(top, top, names)
        while True:
            with os.scandir(top) as found:
                waiting = [entry.name for entry in itertools.islice(found, 1024)]
            if not waiting:
                break
            for name in waiting:
                directory = _enter(name, top)
                try:
                    _empty(directory, top, names)
                finally:
                    os.close(directory)
                os.rmdir(name, dir_fd=top)
    finally:
        os.close(top)
    path.rmdir()


def _enter(name: str | Path, top: int | None = None) -> int:
    """Open a directory (a name below the descriptor ``top``) whatever its mode says."""
    handle = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=top)
    try:
        link = f"/proc/self/fd/{handle}"
        os.chmod(link, 0o700)  # noqa: PTH101 - the descriptor, not the name
        return os.open(link, os.O_RDONLY | os.O_DIRECTORY)
    finally:
        os.close(handle)


def _empty(directory: int, top: int, names: Iterator[str]) -> None:
    """Unlink the files of a directory and move its subdirectories to ``top`` under fresh names."""
    with os.scandir(directory) as found:
        entries = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in found]
    for name, is_directory in entries:
        if not is_directory:
            os.unlink(name, dir_fd=directory)
            continue
        os.close(_enter(name, directory))  # a directory can only be moved when it may be written
        while True:
            try:
                os.rename(name, next(names), src_dir_fd=directory, dst_dir_fd=top)
            except OSError as error:  # the child made that name itself
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                    raise
            else:
                break
