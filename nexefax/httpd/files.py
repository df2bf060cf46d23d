"""Files as bodies: opened, read and closed in threads."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from nexefax.errors import HttpError
from nexefax.httpd.conditional import Selection, select
from nexefax.httpd.headers import Headers

# One trip to a thread costs about 50 µs, reading this much from the page cache as long again.
PIECE = 262144


@dataclass(slots=True)
class OpenedFile:
    """The part of a file that answers one request.

    ``first`` are its first bytes; ``rest`` has the others, and is None when ``first`` is all.
    """

    selection: Selection
    etag: str
    modified: float
    size: int
    first: bytes
    rest: FileIO | None


def open_selected(path: Path, etag: str, method: str, headers: Headers) -> OpenedFile:
    """Open a file and read the first piece of what the request selects. Blocking.

    Args:
        etag: its entity tag without quotes, "" to make one from its size and time of change.

    Raises:
        HttpError: 404 when there is no such regular file.
        OSError: it can't be read.
    """
    file, facts = _open_regular(path)
    opened: OpenedFile | None = None
    try:
        tag = f'"{etag or f"{facts.st_mtime_ns:x}-{facts.st_size:x}"}"'
        chosen = select(method, headers, etag=tag, modified=facts.st_mtime, size=facts.st_size)
        opened = OpenedFile(chosen, tag, facts.st_mtime, facts.st_size, b"", None)
        if method != "HEAD" and chosen.length:
            file.seek(chosen.start)
            opened.first = read_piece(file, chosen.length)
            if len(opened.first) < chosen.length:
                opened.rest = file
        return opened
    finally:
        if opened is None or opened.rest is None:
            file.close()


def _open_regular(path: Path) -> tuple[FileIO, os.stat_result]:
    try:
        # O_NONBLOCK: opening a FIFO that lies there by mistake must not wait for its other end.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        raise HttpError(404, "There is no such file.") from None
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode):
        os.close(descriptor)
        raise HttpError(404, "There is no such file.")
    return FileIO(descriptor, "rb"), facts


def read_piece(file: FileIO, wanted: int) -> bytes:
    """Up to PIECE of the ``wanted`` bytes. Blocking.

    Raises:
        OSError: the file is shorter than it was.
    """
    piece = file.read(min(wanted, PIECE))
    if not piece:
        raise OSError(f"The file {file.name} became shorter while it was sent.")
    return piece


def remove_quietly(*paths: Path) -> None:
    """Remove files that may be gone already. Blocking."""
    for path in paths:
        with suppress(FileNotFoundError):
            path.unlink()
