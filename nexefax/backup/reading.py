"""A backup taken apart and checked, to the last byte, before anything is done with it."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import IO

from nexefax.backup.archive import members
from nexefax.backup.manifest import CONFIGURATION, MANIFEST, Entry, Manifest, read_manifest
from nexefax.durable import FILE_MODE, FOLDER_MODE, sync_folder
from nexefax.errors import BackupError
from nexefax.store import JOURNAL_NAME, SCHEMA_VERSION, empty_journal

MAX_MANIFEST = 1 << 27  # bytes; 150 for each file of nearly a million
SPARE = 1 << 24  # bytes that stay free on the disk, for the log and whatever else is written meanwhile


def unpack(file: IO[bytes], folder: Path) -> Manifest:
    """Unpack a backup into ``folder``, empty and ours, and check all of it; what is there then is durable.

    Raises BackupError when anything is not as it was written; the folder's content is of no use then.
    """
    found: dict[str, Entry] = {}
    manifest: Manifest | None = None
    for name, size, content in members(file):
        if manifest is not None:
            raise BackupError(f"the backup has {name} behind its manifest; it is not one of ours")
        if name == MANIFEST:
            if size > MAX_MANIFEST:
                raise BackupError(f"the backup's manifest has {size} bytes; it is not one of ours")
            manifest = read_manifest(b"".join(content))
            continue
        _require_room(folder, size, name)
        found[name] = _unpack(content, folder, name)
    if manifest is None:
        raise BackupError("the backup has no manifest: it was never finished; take another one")
    _compare(found, manifest)
    for name, target in manifest.links.items():
        _make_parents(folder, name, FOLDER_MODE)
        os.link(folder / target, folder / name)
    _check_journal(folder / JOURNAL_NAME, manifest)
    for parent in {path.parent for path in folder.rglob("*")}:
        sync_folder(parent)
    return manifest


def _unpack(content: Iterator[bytes], folder: Path, name: str) -> Entry:
    private = name.startswith(f"{CONFIGURATION}/")  # it has the mail server's password
    _make_parents(folder, name, 0o700 if private else FOLDER_MODE)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    size, digest = 0, hashlib.sha256()
    with os.fdopen(os.open(folder / name, flags, 0o600 if private else FILE_MODE), "wb") as file:
        for chunk in content:
            digest.update(chunk)
            size += len(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return Entry(size, digest.hexdigest())


def _make_parents(folder: Path, name: str, mode: int) -> None:
    for parent in reversed(
        PurePosixPath(name).parents[:-1]
    ):  # mkdir(parents=True) would not give them the mode
        (folder / parent).mkdir(mode=mode, exist_ok=True)


def _require_room(folder: Path, size: int, name: str) -> None:
    """A small file can unpack into a huge one: what is on the disk already must not be pushed off it."""
    disk = os.statvfs(folder)
    if disk.f_bavail * disk.f_frsize < size + SPARE:
        raise BackupError(
            f"{folder.parent} has no room for {name} of the backup ({size} bytes); make some, or name another data_dir"
            " in config.conf, [general]"
        )


def _compare(found: dict[str, Entry], manifest: Manifest) -> None:
    for name in sorted(found.keys() | manifest.files.keys()):
        if name not in found:
            raise BackupError(f"the backup lacks {name}, which its manifest lists; take another backup")
        if found[name] != manifest.files.get(name):
            raise BackupError(f"{name} in the backup is not what was backed up; take another backup")
    if JOURNAL_NAME not in found:
        raise BackupError("the backup has no journal; take another backup")


def _check_journal(path: Path, manifest: Manifest) -> None:
    """Check a journal that came from anywhere before its content is believed or changed."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as journal:
            journal.execute("PRAGMA trusted_schema = OFF")  # sqlite.org/security.html
            version = journal.execute("PRAGMA user_version").fetchone()[0]
            if version != manifest.schema:
                raise BackupError(
                    f"the backup's journal has schema {version}, its manifest says {manifest.schema}; take another one"
                )
            if version > SCHEMA_VERSION:
                raise BackupError(
                    f"the backup is of a newer NexeFax ({manifest.version}, schema {version}; this one knows"
                    f" {SCHEMA_VERSION}); install that version and restore it there"
                )
            if journal.execute("SELECT 1 FROM sqlite_schema WHERE type NOT IN ('table', 'index')").fetchone():
                raise BackupError(
                    "the backup's journal has triggers or views, which none of ours has; it is not one of ours"
                )
            damage = journal.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if damage != "ok":
                raise BackupError(f"the backup's journal is damaged ({damage}); take another backup")
            if journal.execute("PRAGMA foreign_key_check").fetchone():
                raise BackupError("the backup's journal speaks of faxes that it has not; take another backup")
    except sqlite3.Error as error:
        raise BackupError(f"the backup's journal can't be read ({error}); take another backup") from error


def require_our_columns(journal: sqlite3.Connection) -> None:
    """Raise BackupError unless a journal, brought up to date, has the tables and columns that ours have."""
    with closing(empty_journal()) as ours:
        if columns(ours) != columns(journal):
            raise BackupError(
                "the backup's journal has other tables than this NexeFax's; install the version that made it, and"
                " restore it there"
            )


def columns(journal: sqlite3.Connection) -> dict[str, list[str]]:
    """Return the names of the columns of each table, sorted."""
    tables = journal.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    ).fetchall()
    return {
        table[0]: sorted(row[1] for row in journal.execute("SELECT * FROM pragma_table_info(?)", (table[0],)))
        for table in tables
    }
