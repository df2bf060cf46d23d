"""htpasswd files on the disk: read with a limit, changed by one writer at a time, replaced in one step."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nexefax.errors import ConfigError

#: A line has about 80 bytes: a hundred thousand users of one account. More is no htpasswd file.
LARGEST_FILE = 8_000_000

#: How long a writer waits for another one; writing takes milliseconds.
LOCK_SECONDS = 10.0


def state(status: os.stat_result) -> tuple[int, ...]:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def state_of(path: Path) -> tuple[int, ...]:
    try:
        return state(path.stat())
    except OSError:
        return ()


def read(path: Path) -> tuple[os.stat_result, bytes]:
    """The file's status and content; raises ConfigError."""
    try:
        # O_NONBLOCK: a FIFO of this name would hold the thread for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise ConfigError(f"{path} is no file; put an htpasswd file there")
            with open(descriptor, "rb", closefd=False) as file:
                content = file.read(LARGEST_FILE + 1)
        finally:
            os.close(descriptor)
    except FileNotFoundError as error:
        raise ConfigError(f"{path} is missing; add a user with: nexefax user add") from error
    except OSError as error:
        raise ConfigError(
            f"{path} can't be read: {error.strerror}; run: chgrp asterisk {path} && chmod 640 {path}"
        ) from error
    if len(content) > LARGEST_FILE:
        raise ConfigError(
            f"{path} has more than {LARGEST_FILE} bytes, which is no htpasswd file; put one there"
        )
    return status, content


@contextmanager
def one_writer(path: Path) -> Iterator[None]:
    """Hold the lock of the directory that ``path`` is in, against a second writer of ours. Raises ConfigError."""
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise ConfigError(
                        f"{path} is being changed by another program; try again later"
                    ) from None
                time.sleep(0.02)
        yield
        os.fsync(directory)
    finally:
        os.close(directory)


def replace(path: Path, content: bytes, old: os.stat_result | None) -> None:
    """Put ``content`` in the place of ``path`` in one step, durable, with mode and owner as they were.

    A new file is for its directory's group (asterisk) to read, and for nobody else.
    """
    # One name, since the lock is held: what a crash left is not left twice. auth_file never takes it for an account.
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        _own(file.fileno(), *((old.st_uid, old.st_gid) if old else (-1, path.parent.stat().st_gid)))
        os.fchmod(file.fileno(), stat.S_IMODE(old.st_mode) if old else 0o640)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _own(file: int, user: int, group: int) -> None:
    """Give the file away, as far as this user may: where the daemon changes a file of root's, it becomes its own."""
    for owner in (user, -1):
        with suppress(PermissionError):
            os.fchown(file, owner, group)
            return
