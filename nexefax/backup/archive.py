"""The tar file of a backup: written and read one member after another, never whole in memory.

Reading is for hostile input as well. ``tarfile`` would read extended headers of any size into memory and follow
links; what is read here is plain POSIX ustar (IEEE Std 1003.1, pax), regular files under names of ours, each once.
"""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Final

from nexefax.backup.manifest import is_member_name
from nexefax.errors import BackupError

BLOCK: Final = 512
CHUNK: Final = 1 << 20  # what is held of a file at a time
MAX_SIZE: Final = 1 << 33  # what ustar's eleven octal digits can say, 8 GiB
# Two blocks of zeros end a tar file, and its writer may fill up to a record (20 blocks)
MAX_PADDING: Final = 1 << 16
LEVEL: Final = 1  # faxes are compressed already; a telephone system has better things to do

DAMAGED = "the backup is damaged"
REMEDY = "take another backup"


class ArchiveWriter:
    """Writes members, one after another, to ``file``."""

    def __init__(self, file: IO[bytes]) -> None:
        self._gzip = gzip.GzipFile(filename="", mode="wb", compresslevel=LEVEL, fileobj=file, mtime=0)

    def add(self, name: str, size: int, modified: float, read: Callable[[int], bytes]) -> None:
        """Add ``size`` bytes that ``read`` gives, at most so many at a time as it is asked for.

        Raises ValueError when the name is too long for a tar file, EOFError when there are fewer bytes.
        """
        head = tarfile.TarInfo(name)
        head.size, head.mode, head.mtime = size, 0o640, int(modified)
        self._gzip.write(head.tobuf(tarfile.USTAR_FORMAT, "utf-8", "surrogateescape"))
        left = size
        while left:
            chunk = read(min(left, CHUNK))
            if not chunk:
                raise EOFError(name)
            self._gzip.write(chunk)
            left -= len(chunk)
        self._gzip.write(bytes(-size % BLOCK))

    def close(self) -> None:
        """Write the end; the file itself stays open."""
        self._gzip.write(bytes(2 * BLOCK))
        self._gzip.close()


def members(file: IO[bytes]) -> Iterator[tuple[str, int, Iterator[bytes]]]:
    """Yield (name, size, content) of every member; the content must be read before the next one is asked for.

    Raises BackupError for everything that is not, to the last byte, what :class:`ArchiveWriter` writes.
    """
    with gzip.GzipFile(fileobj=file, mode="rb") as stream:
        yield from _members(stream)


def _members(stream: gzip.GzipFile) -> Iterator[tuple[str, int, Iterator[bytes]]]:
    seen: set[str] = set()
    while (block := _exactly(stream, BLOCK)) != bytes(BLOCK):
        name, size = _read_head(block)
        if name in seen:
            raise BackupError(f"the backup has {name} twice, which none of ours has; {REMEDY}")
        seen.add(name)
        content = _content(stream, size)
        yield name, size, content
        for _rest in content:
            raise AssertionError("a member's content was not read")
        if _exactly(stream, -size % BLOCK).strip(b"\0"):
            raise BackupError(f"{DAMAGED} after {name}; {REMEDY}")
    left = MAX_PADDING
    # To the end, where gzip's checksum is: a file that was cut or changed there is no backup either.
    while chunk := _some(stream, CHUNK):
        left -= len(chunk)
        if left < 0 or chunk.strip(b"\0"):
            raise BackupError(f"{DAMAGED}: something follows its end; {REMEDY}")


def _read_head(block: bytes) -> tuple[str, int]:
    try:
        head = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError as error:
        raise BackupError(f"{DAMAGED} or no backup of NexeFax's ({error}); {REMEDY}") from error
    if head.type != tarfile.REGTYPE or head.linkname:
        raise BackupError(f"the backup has {head.name!r}, which is no plain file; it is not one of ours")
    if not is_member_name(head.name):
        raise BackupError(f"the backup has a file {head.name!r}, a name that none of ours has; {REMEDY}")
    if not 0 <= head.size < MAX_SIZE:
        raise BackupError(f"{DAMAGED}: {head.name} has {head.size} bytes; {REMEDY}")
    return head.name, head.size


def _content(stream: gzip.GzipFile, size: int) -> Iterator[bytes]:
    while size:
        chunk = _exactly(stream, min(size, CHUNK))
        size -= len(chunk)
        yield chunk


def _exactly(stream: gzip.GzipFile, size: int) -> bytes:
    chunk = _some(stream, size)
    while len(chunk) < size:
        more = _some(stream, size - len(chunk))
        if not more:
            raise BackupError(f"{DAMAGED}: it ends in the middle; {REMEDY}")
        chunk += more
    return chunk


def _some(stream: gzip.GzipFile, size: int) -> bytes:
    try:
        return stream.read(size)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise BackupError(f"{DAMAGED} or no backup of NexeFax's ({error}); {REMEDY}") from error
