"""Taking a backup, while the daemon runs or not."""

from __future__ import annotations

import hashlib
import io
import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from nexefax import __version__
from nexefax.backup.archive import ArchiveWriter
from nexefax.backup.manifest import (
    CONFIGURATION,
    MANIFEST,
    Entry,
    Manifest,
    is_member_name,
    write_manifest,
)
from nexefax.backup.snapshot import JournalReader, Snapshot
from nexefax.config import Config
from nexefax.durable import sync_folder
from nexefax.errors import BackupError
from nexefax.fax import records
from nexefax.fax.bookkeeper import spooled
from nexefax.fax.folders import Folders
from nexefax.fax.job import State
from nexefax.fax.kept_files import needed_files
from nexefax.store import JOURNAL_NAME, is_in_use

# What is so small is read at once: Asterisk writes outcome files in place, all else is renamed into it
SMALL = 1 << 16
MAX_DEPTH = 3  # folders within a fax's folder
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class Written:
    """What a backup came to. ``missing`` are faxes whose files are not all there, ``left_out`` names not taken."""

    manifest: Manifest
    size: int
    missing: tuple[int, ...]
    left_out: tuple[str, ...]


def write_backup(config: Config, destination: Path, *, force: bool = False) -> Written:
    """Write a backup of ``config``'s data_dir to ``destination``, mode 0600, whole and durable or not at all.

    Raises BackupError when it can't be made, or ``destination`` is there and ``force`` is not given.
    """
    data_dir = config.general.data_dir
    _check_place(destination, data_dir, force=force)
    temporary = destination.with_name(f".{destination.name}.{os.getpid()}.{os.urandom(4).hex()}")
    copy = temporary.with_name(f"{temporary.name}.journal")
    try:
        handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "r+b") as file, JournalReader(data_dir) as journal:
            os.close(os.open(copy, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            in_use = is_in_use(data_dir)
            writing = _Writing(config, ArchiveWriter(file))
            manifest = writing.write(
                journal, copy, lambda: not in_use and not is_in_use(data_dir) and journal.is_unchanged()
            )
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        _check_place(destination, data_dir, force=force)
        temporary.rename(destination)
        sync_folder(destination.parent)
    except OSError as error:
        raise BackupError(
            f"the backup {destination} can't be made ({error.filename or destination.parent}: {error.strerror});"
            f" nothing was changed. It needs the rights of root or of NexeFax's user, and room on the disk"
        ) from error
    finally:
        for path in (temporary, copy, copy.with_name(f"{copy.name}-journal")):
            path.unlink(missing_ok=True)
    return Written(manifest, size, tuple(writing.missing), tuple(writing.left_out))


def _check_place(destination: Path, data_dir: Path, *, force: bool) -> None:
    if not destination.parent.is_dir():
        raise BackupError(f"{destination.parent} is no folder; name a file in a folder that is there")
    if destination.parent.resolve().is_relative_to(data_dir.resolve()):
        raise BackupError(
            f"{destination} is in {data_dir}, which is to be backed up; name a file elsewhere, best on another disk"
        )
    if destination.is_dir() or (destination.exists() and not destination.is_file()):
        raise BackupError(f"{destination} is no plain file; name one")
    if destination.exists() and not force:
        raise BackupError(f"{destination} is there already; name another file, or write over it with --force")


@dataclass
class _Writing:
    """One backup under way."""

    config: Config
    archive: ArchiveWriter
    files: dict[str, Entry] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    missing: list[int] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def write(self, journal: JournalReader, copy: Path, is_quiet: Callable[[], bool]) -> Manifest:
        """Write all members: files first, since the journal must know which of them were deleted meanwhile."""
        snapshot = journal.copy_to(copy)
        self._add_faxes(journal, snapshot)
        self._add_configuration()
        with copy.open("rb") as file:
            self._add(JOURNAL_NAME, file)
        manifest = Manifest(
            version=__version__,
            schema=snapshot.schema,
            made_at=snapshot.taken,
            quiet=is_quiet(),
            faxes=snapshot.numbers,
            files=self.files,
            links=self.links,
        )
        content = write_manifest(manifest)
        self.archive.add(MANIFEST, len(content), time.time(), io.BytesIO(content).read)
        self.archive.close()
        return manifest

    def _add_faxes(self, journal: JournalReader, snapshot: Snapshot) -> None:
        deleted = []
        for fax in snapshot.faxes:
            needed = {"fax.tiff"} if fax.state == State.RECEIVED else needed_files(fax)
            if needed <= self._add_fax(fax):
                continue
            now = journal.fax(fax.id)
            if now is None or now.files_deleted is not None:
                deleted.append(fax.id)  # for its age, since the journal was copied
            else:
                self.missing.append(fax.id)
        if deleted:
            snapshot.forget_files(deleted, snapshot.taken)

    def _add_fax(self, fax: records.Fax) -> set[str]:
        """Add a fax's files; return their names, as seen from its folder."""
        folders = Folders(self.config.general.data_dir)
        is_in = fax.direction == "in"
        folder = folders.received_fax(fax.id) if is_in else folders.sent_fax(fax.id)
        prefix = f"{folder.parent.name}/{fax.id}"
        names: set[str] = set()
        added: dict[tuple[int, int], str] = {}
        for path in self._files_below(folder):
            below = str(path.relative_to(folder))
            name = f"{prefix}/{below}"
            with suppress(FileNotFoundError), _open(path) as file:
                status = os.fstat(file.fileno())
                inode = status.st_dev, status.st_ino
                if inode in added:
                    self.links[name] = added[inode]
                elif self._add(name, file):
                    added[inode] = name
                else:
                    continue
                names.add(below)
        if is_in and "fax.tiff" not in names and fax.spool_name:
            # Not taken over yet: what Asterisk has goes to where we would have put it. Then once more into our own
            # folder, since it may have been taken over this moment.
            for path in (
                spooled(self.config.general.rx_dir, fax.spool_name),
                folders.received_tiff(fax.id),
            ):
                with suppress(FileNotFoundError, NotADirectoryError), _open(path) as file:
                    if self._add(f"{prefix}/fax.tiff", file):
                        return names | {"fax.tiff"}
        return names

    def _files_below(self, folder: Path, depth: int = 1) -> Iterator[Path]:
        """Yield a fax's files, ``fax.tiff`` first, since attempts' TIFFs are mostly the same file.

        What does not have a name of ours is nobody's fax: half-written files begin with a dot.
        """
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: (entry.name != "fax.tiff", entry.name))
        except FileNotFoundError:
            return
        for entry in entries:
            path = folder / entry.name
            if entry.name.startswith("."):
                continue
            if not _NAME.fullmatch(entry.name) or entry.is_symlink() or depth > MAX_DEPTH:
                self.left_out.append(str(path))
            elif entry.is_dir():
                yield from self._files_below(path, depth + 1)
            elif entry.is_file():
                yield path
            else:
                self.left_out.append(str(path))

    def _add_configuration(self) -> None:
        directory = self.config.directory
        paths = [directory / "config.conf", directory / "accounts.conf"]
        with suppress(FileNotFoundError, NotADirectoryError):
            paths += sorted(path for path in (directory / "auth").iterdir() if path.is_file())
        for path in paths:
            name = f"{CONFIGURATION}/{path.relative_to(directory)}"
            if not is_member_name(name):
                self.left_out.append(str(path))
                continue
            with suppress(FileNotFoundError), path.open("rb") as file:  # links are usual among configurations
                self._add(name, file)

    def _add(self, name: str, file: IO[bytes]) -> bool:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            self.left_out.append(name)
            return False
        size, read = status.st_size, file.read
        if size <= SMALL:
            content = file.read(2 * SMALL)
            size, read = len(content), io.BytesIO(content).read
        digest = hashlib.sha256()

        def hashed(most: int) -> bytes:
            chunk = read(most)
            digest.update(chunk)
            return chunk

        try:
            self.archive.add(name, size, status.st_mtime, hashed)
        except ValueError:
            self.left_out.append(name)
            return False
        except EOFError as error:
            raise BackupError(
                f"{name} became shorter while it was copied: no backup was made; take it again, and look with `nexefax"
                " doctor` when it happens twice"
            ) from error
        self.files[name] = Entry(size, digest.hexdigest())
        return True


def _open(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK), "rb")
