"""The journal: one SQLite file, one writer, every commit durable before it is believed.

Functions that take a ``sqlite3.Connection`` hold the SQL and stand beside what they are about (``fax/records.py``,
``web/sessions.py``); the journal runs them in its own threads, so that the event loop never waits for a disk.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self, TypeVar

from nexefax.errors import JournalError
from nexefax.folding import search_text
from nexefax.migrations import MIGRATIONS

SCHEMA_VERSION = 3
JOURNAL_NAME = "journal.sqlite3"
LOCK_NAME = "lock"
RESTORING = "restoring"  # a folder that is there while a backup takes the place of what was there
BUSY_SECONDS = 10.0  # only a backup or a curious administrator with sqlite3 can hold the file for longer

_SCHEMA = Path(__file__).with_name("schema.sql")

T = TypeVar("T")


class Journal:
    """The open journal of one ``data_dir``; make it with :meth:`open`."""

    def __init__(self, path: Path, lock: int, writer: sqlite3.Connection, reader: sqlite3.Connection) -> None:
        self.path = path
        self._lock = lock
        self._writer = writer
        self._reader = reader
        self._write_thread = ThreadPoolExecutor(1, thread_name_prefix="journal-write")
        self._read_thread = ThreadPoolExecutor(1, thread_name_prefix="journal-read")
        #: Called in the event loop after each write that was committed; they must be quick, and must not raise.
        self.after_write: list[Callable[[], None]] = []

    @classmethod
    async def open(cls, data_dir: Path) -> Self:
        """Open the journal below ``data_dir``, making it when it is new.

        Raises JournalError when another NexeFax runs on this folder, or the file is damaged, from a newer
        NexeFax, or can't be written; the text names the remedy.
        """
        return await asyncio.to_thread(cls._open, data_dir)

    @classmethod
    def _open(cls, data_dir: Path) -> Self:
        path = data_dir / JOURNAL_NAME
        lock = lock_folder(data_dir)
        try:
            _refuse_half_restored(data_dir)
            writer = _connect(path)
            try:
                _migrate(writer, path)
                reader = _connect(path)
            except BaseException:
                writer.close()
                raise
        except BaseException:
            os.close(lock)
            raise
        return cls(path, lock, writer, reader)

    async def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``query`` in one read transaction: all that it reads is of one moment."""
        return await _run(self._read_thread, self._transaction, self._reader, "BEGIN", query)

    async def write(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``change`` in one write transaction; it is on the disk when this returns, or not at all.

        A cancelled caller does not undo a change that has begun.
        """
        result: T = await _run(self._write_thread, self._transaction, self._writer, "BEGIN IMMEDIATE", change)
        for tell in self.after_write:
            tell()
        return result

    async def close(self) -> None:
        """Finish what is under way and close the file."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._write_thread.shutdown()
        self._read_thread.shutdown()
        self._reader.close()
        self._writer.close()
        os.close(self._lock)

    def _transaction(
        self, connection: sqlite3.Connection, begin: str, work: Callable[[sqlite3.Connection], T]
    ) -> T:
        try:
            connection.execute(begin)
            try:
                result = work(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.IntegrityError:
            raise
        except sqlite3.Error as error:
            raise JournalError(_explain(self.path, error)) from error
        return result


def read_only(data_dir: Path, query: Callable[[sqlite3.Connection], T]) -> T:
    """Run ``query`` on a journal that no daemon has open, for the command line.

    Raises JournalError when there is none or it can't be read.
    """
    path = data_dir / JOURNAL_NAME
    try:
        connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)
        try:
            connection.row_factory = sqlite3.Row
            return query(connection)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise JournalError(_explain(path, error)) from error


def empty_journal() -> sqlite3.Connection:
    """Return a new journal in memory, to compare another with."""
    connection = sqlite3.connect(":memory:")
    connection.executescript(_SCHEMA.read_text(encoding="utf-8"))
    return connection


def _refuse_half_restored(data_dir: Path) -> None:
    if (data_dir / RESTORING).exists():
        raise JournalError(
            f"a restore into {data_dir} was interrupted; run it again: nexefax restore --force FILE"
        )


def is_in_use(data_dir: Path) -> bool:
    """Whether a NexeFax runs on this folder, or somebody holds its lock. Raises OSError when that can't be told."""
    try:
        handle = os.open(data_dir / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


async def _run(executor: ThreadPoolExecutor, work: Callable[..., T], *arguments: object) -> T:
    return await asyncio.get_running_loop().run_in_executor(executor, work, *arguments)


def lock_folder(data_dir: Path) -> int:
    """Take the one lock of ``data_dir``; it is held until the handle that is returned is closed.

    Raises JournalError when somebody has it, or the folder can't be used.
    """
    path = data_dir / LOCK_NAME
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
    except OSError as error:
        raise JournalError(
            f"{data_dir} can't be used ({error.strerror}): config.conf, [general]: data_dir must be a folder that"
            " NexeFax's user may write"
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise JournalError(
            f"{data_dir} is in use by another NexeFax; stop that one, or give this one its own data_dir"
        ) from error
    return handle


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.row_factory = sqlite3.Row
        connection.create_function("search_text", -1, search_text, deterministic=True)  # for a migration
        connection.execute("PRAGMA journal_mode = WAL")
        # FULL, not NORMAL: in WAL mode NORMAL may lose the last commits to a power cut (sqlite.org/pragma.html)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA cache_size = -512")  # KiB; rows are small and idle memory is a headline
    except sqlite3.Error as error:
        connection.close()
        raise JournalError(_explain(path, error)) from error
    return connection


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise JournalError(
                f"{path} was written by a newer NexeFax (schema {version}, this one knows {SCHEMA_VERSION}); install"
                " that version again, or restore the backup made before the upgrade"
            )
        if version == 0:
            schema = _SCHEMA.read_text(encoding="utf-8")
            connection.executescript(
                f"BEGIN IMMEDIATE; {schema} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
            )
        elif version < SCHEMA_VERSION:
            steps = " ".join(MIGRATIONS[step] for step in range(version + 1, SCHEMA_VERSION + 1))
            connection.executescript(
                f"BEGIN IMMEDIATE; {steps} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
            )
        check = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        raise JournalError(_explain(path, error)) from error
    if check != "ok":
        raise JournalError(_explain(path, sqlite3.DatabaseError(check)))


def _explain(path: Path, error: sqlite3.Error) -> str:
    if isinstance(error, sqlite3.OperationalError):
        return f"{path} can't be used ({error}); check free space and permissions of its folder; faxes wait meanwhile"
    return (
        f"{path} is damaged ({error}). Stop NexeFax, move the file away, restore the last backup (or start with a new"
        " journal), and start again; received faxes not yet delivered are still in Asterisk's spool"
    )
