"""The journal of one moment, copied while the daemon goes on writing."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from nexefax.errors import BackupError
from nexefax.fax import records
from nexefax.store import BUSY_SECONDS, JOURNAL_NAME, SCHEMA_VERSION

_DRAFTS_SINCE = 3  # schema version


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A copied journal in the file ``path``; ``taken`` is of when, ``schema`` its version."""

    path: Path
    taken: float
    schema: int
    faxes: tuple[records.Fax, ...]
    numbers: int  # of records, those without files among them

    def forget_files(self, faxes: Iterable[int], now: float) -> None:
        """Note that the files of ``faxes`` were deleted for their age while they were to be copied."""
        with closing(sqlite3.connect(self.path)) as copy, copy:
            copy.executemany(
                "UPDATE fax SET files_deleted = ?, message = '' WHERE id = ?", [(now, fax) for fax in faxes]
            )


class JournalReader:
    """The journal of ``data_dir``, open for reading only; a daemon may write it meanwhile."""

    def __init__(self, data_dir: Path) -> None:
        path = data_dir / JOURNAL_NAME
        if not path.exists():
            raise BackupError(
                f"{data_dir} has no journal: there is nothing to back up; config.conf, [general]: data_dir names it"
            )
        self._path = path
        try:
            self._source = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)
            self._version = self._data_version()
        except sqlite3.Error as error:
            raise self._unreadable(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._source.close()

    def copy_to(self, target: Path) -> Snapshot:
        """Copy it to ``target``, a new file, as it is at one moment; sessions stay out of it.

        Writers are not kept waiting: in WAL mode a reader has its own view (sqlite.org/wal.html), and all is copied
        in one step. Raises BackupError when the journal is damaged: such a copy must not take a good backup's place.
        """
        try:
            taken = time.time()
            self._source.execute("BEGIN")
            self._version = self._data_version()
            schema = int(self._source.execute("PRAGMA user_version").fetchone()[0])
            if schema > SCHEMA_VERSION:
                raise BackupError(
                    f"{self._path} was written by a newer NexeFax (schema {schema}, this one knows {SCHEMA_VERSION});"
                    " take the backup with that one"
                )
            with closing(sqlite3.connect(target, isolation_level=None)) as copy:
                # The copy is in WAL mode as well, which would make two more files beside it
                copy.execute("PRAGMA locking_mode = EXCLUSIVE")
                self._source.backup(copy)
                self._source.execute("ROLLBACK")
                return self._tidy(copy, target, taken, schema)
        except sqlite3.Error as error:
            raise self._unreadable(error) from error

    def _tidy(self, copy: sqlite3.Connection, target: Path, taken: float, schema: int) -> Snapshot:
        copy.row_factory = sqlite3.Row
        found = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if found != "ok":
            raise self._unreadable(sqlite3.DatabaseError(found))
        copy.execute("PRAGMA journal_mode = DELETE")
        # Whoever had signed in signs in again: a restore must not bring back sessions that were ended since.
        copy.execute("DELETE FROM session")
        if schema >= _DRAFTS_SINCE:  # their documents are not in a backup: nobody was told that they are sent
            copy.execute("DELETE FROM draft_document")
            copy.execute("DELETE FROM draft")
        copy.execute("VACUUM")  # and nothing deleted is left in it to be read
        rows = copy.execute("SELECT id FROM fax WHERE files_deleted IS NULL ORDER BY id").fetchall()
        faxes = records.load_faxes(copy, [row[0] for row in rows])
        number = copy.execute("SELECT count(*) FROM fax").fetchone()[0]
        return Snapshot(target, taken, schema, tuple(faxes), number)

    def is_unchanged(self) -> bool:
        """Whether nobody has written the journal since :meth:`copy_to` began."""
        return self._data_version() == self._version

    def fax(self, fax_id: int) -> records.Fax | None:
        """Return a fax as it is now."""
        self._source.row_factory = sqlite3.Row
        try:
            return records.load_fax(self._source, fax_id)
        except sqlite3.Error as error:
            raise self._unreadable(error) from error

    def _data_version(self) -> int:
        return int(self._source.execute("PRAGMA data_version").fetchone()[0])

    def _unreadable(self, error: sqlite3.Error) -> BackupError:
        return BackupError(
            f"{self._path} can't be copied ({error}): no backup was made, and older ones are left alone;"
            " `nexefax doctor` says what is wrong with it"
        )
