"""Files that survive a power cut: written beside their place, fsynced, renamed, directory fsynced.

Every function here blocks on the disk: call it in a thread, never on the event loop. The order (file, rename,
directory) is what fsync(2) and rename(2) promise on ext4, XFS and Btrfs; a reader sees the old file or the
whole new one, never half of one.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

FILE_MODE = 0o640
FOLDER_MODE = 0o750

_TEMPORARY = re.compile(r"\..+\.[0-9]+\.[0-9a-f]{8}")  # what _placing() has filled before it renames


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_file(path: Path, content: bytes, *, mode: int = FILE_MODE) -> None:
    """Put ``content`` at ``path``, durable when this returns."""
    with _placing(path, mode) as (file, _):
        file.write(content)


def copy_file(source: Path, path: Path, *, mode: int = FILE_MODE) -> None:
    """Copy ``source`` (a regular file, never a link) to ``path``, durable when this returns."""
    handle = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as original, _placing(path, mode) as (file, _):
        shutil.copyfileobj(original, file, 1 << 20)


def build_file(path: Path, build: Callable[[Path], object], *, mode: int = FILE_MODE) -> None:
    """Have ``build`` write a file and read it as often as it likes, then put it at ``path``; durable on return.

    Nothing comes there when ``build`` raises.
    """
    with _placing(path, mode) as (_, temporary):
        build(temporary)


def share_file(source: Path, path: Path) -> None:
    """Have ``source``, durable already and never changed, at ``path`` as well; durable when its folder is synced."""
    try:
        os.link(source, path, follow_symlinks=False)
    except FileNotFoundError:
        raise
    except OSError:  # another filesystem, one without links, or one with too many of them
        copy_file(source, path)


def move_file(path: Path, destination: Path) -> None:
    """Rename ``path``, already fsynced, to ``destination`` on the same filesystem; durable on return."""
    path.rename(destination)
    sync_folder(destination.parent)
    if destination.parent != path.parent:
        sync_folder(path.parent)


def remove_file(path: Path) -> bool:
    """Remove ``path``; False when it was not there."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    sync_folder(path.parent)
    return True


def make_folder(folder: Path, *, mode: int = FOLDER_MODE) -> None:
    """Make ``folder`` (its parent exists) unless it is there; durable on return."""
    with suppress(FileExistsError):
        folder.mkdir(mode=mode)
    sync_folder(folder.parent)  # also of one that is there: who made it may have been killed before this line


def is_temporary(name: str) -> bool:
    """Whether this is what a file is called before it has been renamed into place."""
    return bool(_TEMPORARY.fullmatch(name))


def remove_temporaries(folder: Path) -> int:
    """Remove the unfinished files that killed writers left in ``folder``; return how many.

    Nobody of ours may be writing there now. A folder that can't be used is left to who needs it.
    """
    removed = 0
    with suppress(OSError):
        for path in [path for path in folder.iterdir() if is_temporary(path.name)]:
            path.unlink()
            removed += 1
    return removed


@contextmanager
def _placing(path: Path, mode: int) -> Iterator[tuple[BinaryIO, Path]]:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file, temporary
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
