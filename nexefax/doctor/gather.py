"""Looking at everything: the thin edge below ``findings.py``. Nothing here changes anything."""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from nexefax.config import Config
from nexefax.doctor.picture import CallSeen, Daemon, FolderSeen, Picture, Rows, SpooledSeen
from nexefax.durable import is_temporary
from nexefax.errors import JournalError
from nexefax.fax import mail_records, records, webhook_records
from nexefax.fax.callfile import parse_call_name
from nexefax.fax.job import State
from nexefax.fax.records import Attempt
from nexefax.fax.spool_files import find_received, is_written, journal_name
from nexefax.store import JOURNAL_NAME, LOCK_NAME, RESTORING, SCHEMA_VERSION, read_only

SIDES: Final = ("in", "out")
STRAY_SECONDS = 3_600.0  # a file is written in less; then nobody writes it any more
CHUNK = 500  # numbers in one query

_OVER = (State.SENT, State.FAILED, State.CANCELLED, State.DELIVERED)


def gather(config: Config, daemon: Daemon, warnings: Sequence[str]) -> Picture:
    """Look at everything as NexeFax's user; blocks on the disk.

    ``warnings`` is what :func:`nexefax.control.spool_warnings` says.
    """
    data_dir = config.general.data_dir
    folders, missing, unusable = _folders(data_dir)
    calls = tuple(_calls(config, unusable))
    rows: Rows | None = None
    problem = ""
    try:
        if (data_dir / JOURNAL_NAME).exists():
            rows = read_only(data_dir, lambda connection: _rows(connection, folders, calls))
        elif folders:
            problem = f"{data_dir / JOURNAL_NAME} is missing, though there are faxes in {data_dir}"
    except JournalError as error:
        problem = str(error)
    if rows is not None:
        # Looked at before and after: what came with a row that is newer has its folder by now
        folders, missing, unusable_now = _folders(data_dir)
        unusable = unusable_now + [sentence for sentence in unusable if sentence not in unusable_now]
    unusable += _unusable(data_dir)
    return Picture(
        now=time.time(),
        data_dir=str(data_dir),
        daemon=daemon,
        rows=rows,
        journal_problem=problem,
        folders=tuple(folders),
        missing_sides=tuple(missing) if rows is not None and rows.faxes else (),
        calls=calls,
        spool=tuple(_spooled(config)),
        reports=tuple(_reports(config.general.rx_dir)),
        accounts=frozenset(config.accounts),
        unusable=tuple(unusable),
        warnings=tuple(warnings),
        half_restored=(data_dir / RESTORING).exists(),
        leftovers=()
        if daemon is Daemon.SILENT
        else tuple(sorted(p.name for p in data_dir.glob(".restoring-*"))),
        deletes=bool(config.general.retention_days or config.general.journal_days),
    )


def _folders(data_dir: Path) -> tuple[list[FolderSeen], list[str], list[str]]:
    """Return the entries of ``in/`` and ``out/``, which of the two are missing, and what can't be used."""
    seen: list[FolderSeen] = []
    missing: list[str] = []
    unusable: list[str] = []
    for side in SIDES:
        parent = data_dir / side
        try:
            with os.scandir(parent) as entries:
                for entry in entries:
                    with suppress(FileNotFoundError):
                        seen.append(_folder(side, entry, unusable))
        except FileNotFoundError:
            missing.append(side)
        except OSError as error:
            unusable.append(f"{parent} can't be read by NexeFax: {error.strerror}")
            continue
        if parent.is_dir() and not os.access(parent, os.W_OK | os.X_OK):
            unusable.append(f"{parent} can't be written by NexeFax")
    return seen, missing, unusable


def _folder(side: str, entry: os.DirEntry[str], unusable: list[str]) -> FolderSeen:
    age = time.time() - entry.stat(follow_symlinks=False).st_ctime
    if not entry.is_dir(follow_symlinks=False):
        return FolderSeen(side, f"{entry.name}", age, strays=(entry.name,))
    if not os.access(entry.path, os.R_OK | os.W_OK | os.X_OK):
        unusable.append(f"{entry.path} can't be read and written by NexeFax")
        if not os.access(entry.path, os.R_OK | os.X_OK):
            return FolderSeen(side, entry.name, age)
    names, strays = set(), []
    with os.scandir(entry.path) as files:
        for file in files:
            with suppress(FileNotFoundError):
                status = file.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    continue
                if not stat.S_ISREG(status.st_mode):
                    strays.append(file.name)
                elif file.name.startswith("."):
                    if is_temporary(file.name) and time.time() - status.st_ctime > STRAY_SECONDS:
                        strays.append(file.name)
                else:
                    names.add(file.name)
                    if not os.access(file.path, os.R_OK):
                        unusable.append(f"{file.path} can't be read by NexeFax")
    return FolderSeen(side, entry.name, age, frozenset(names), tuple(sorted(strays)))


def _calls(config: Config, unusable: list[str]) -> Iterator[CallSeen]:
    general = config.general
    for folder in (general.ast_staging_dir, general.ast_call_dir, general.ast_done_dir):
        try:
            paths = list(folder.iterdir())
        except FileNotFoundError:
            continue
        except OSError as error:
            unusable.append(f"{folder} can't be read by NexeFax: {error.strerror}")
            continue
        for path in paths:
            named = parse_call_name(path.name)
            if named is not None:
                with suppress(FileNotFoundError):
                    # Asterisk sets the time of what it dials a day ahead; the inode's change time is true
                    yield CallSeen(str(folder), *named, time.time() - path.lstat().st_ctime)


def _spooled(config: Config) -> Iterator[SpooledSeen]:
    rx_dir = config.general.rx_dir
    try:
        files = find_received(rx_dir)
    except OSError:
        return  # the warnings say so
    found = {}
    with suppress(JournalError):
        names = [journal_name(file.path.name) for file in files]
        if names:
            found = read_only(config.general.data_dir, lambda c: _by_spool_name(c, names))
    for file in files:
        name = journal_name(file.path.name)
        yield SpooledSeen(
            name=name,
            age=time.time() - file.modified,
            reported=file.path.with_name(f"{file.path.name}.outcome").exists(),
            written=is_written(file.path),
            readable=os.access(file.path, os.R_OK),
            fax=found.get(name),
        )


def _by_spool_name(connection: sqlite3.Connection, names: Sequence[str]) -> dict[str, int]:
    faxes = ((name, records.fax_by_spool_name(connection, name)) for name in names)
    return {name: fax.id for name, fax in faxes if fax is not None}


def _reports(rx_dir: Path) -> Iterator[tuple[str, float]]:
    with suppress(OSError):
        for path in rx_dir.glob("nexefax-*.outcome"):
            with suppress(FileNotFoundError):
                if not path.with_suffix("").exists():
                    yield journal_name(path.name), time.time() - path.lstat().st_mtime


def _unusable(data_dir: Path) -> list[str]:
    """Return what NexeFax's user may not write of data_dir and the journal, as root may have left it."""
    found = []
    if not os.access(data_dir, os.R_OK | os.W_OK | os.X_OK):
        found.append(f"{data_dir} can't be written by NexeFax")
    return found + [
        f"{path} can't be read and written by NexeFax"
        for path in (*data_dir.glob(f"{JOURNAL_NAME}*"), data_dir / LOCK_NAME)
        if path.exists() and not os.access(path, os.R_OK | os.W_OK)
    ]


def _rows(connection: sqlite3.Connection, folders: Sequence[FolderSeen], calls: Sequence[CallSeen]) -> Rows:
    connection.execute("BEGIN")  # all of one moment
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise JournalError(
            f"the journal was written by a newer NexeFax (schema {version}, this one knows {SCHEMA_VERSION})"
        )
    damage = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if damage == "ok" and (wrong := connection.execute("PRAGMA foreign_key_check").fetchone()):
        damage = f"a row of {wrong[0]} speaks of a fax that is not there"
    if damage != "ok":
        raise JournalError(f"the journal is damaged: {damage}")
    marks = ", ".join("?" * len(_OVER))
    ids = connection.execute(
        f"SELECT id FROM fax WHERE files_deleted IS NULL OR state NOT IN ({marks}) OR files_deleted > 0 AND id IN"  # noqa: S608 - question marks
        " (SELECT fax FROM attempt WHERE ended IS NULL)",
        _OVER,
    )
    faxes = {fax.id: fax for fax in records.load_faxes(connection, [row[0] for row in ids.fetchall()])}
    numbers = sorted({folder.number for folder in folders if folder.number is not None})
    known: dict[int, str] = {}
    for start in range(0, len(numbers), CHUNK):
        for fax in records.load_faxes(connection, numbers[start : start + CHUNK]):
            known[fax.id] = fax.direction
            faxes.setdefault(fax.id, fax)
    return Rows(
        faxes=faxes,
        known=known,
        attempts=_attempts(connection, faxes, calls),
        mails=_mails(connection),
        webhooks=webhook_records.waiting_calls(connection),
        latest=_latest(connection),
        last_look=_last_look(connection),
    )


def _attempts(
    connection: sqlite3.Connection, faxes: dict[int, records.Fax], calls: Sequence[CallSeen]
) -> dict[tuple[int, int], Attempt]:
    wanted = {(call.fax, call.attempt) for call in calls}
    wanted |= {(fax.id, fax.attempts) for fax in faxes.values() if fax.state == State.CALLING}
    wanted |= {
        (row[0], row[1]) for row in connection.execute("SELECT fax, number FROM attempt WHERE ended IS NULL")
    }
    loaded = {key: records.load_attempt(connection, *key) for key in sorted(wanted)}
    return {key: attempt for key, attempt in loaded.items() if attempt is not None}


def _mails(connection: sqlite3.Connection) -> tuple[mail_records.Mail, ...]:
    rows = connection.execute(
        "SELECT DISTINCT mail.fax FROM mail JOIN fax ON fax.id = mail.fax"
        " WHERE mail.state <> 'accepted' OR fax.state IN ('delivering', 'undeliverable')"
    ).fetchall()
    return tuple(mail for row in rows for mail in mail_records.mails_of(connection, row[0]))


def _latest(connection: sqlite3.Connection) -> float:
    """Return the latest time that was written down when something happened; next tries lie in the future."""
    row = connection.execute(
        "SELECT max(coalesce((SELECT max(max(created, changed)) FROM fax), 0),"
        " coalesce((SELECT max(started) FROM attempt), 0), coalesce((SELECT max(changed) FROM mail), 0),"
        " coalesce((SELECT max(at) FROM upkeep), 0))"
    ).fetchone()
    return float(row[0])


def _last_look(connection: sqlite3.Connection) -> float | None:
    row = connection.execute("SELECT at FROM upkeep WHERE what = 'retention'").fetchone()
    return None if row is None else float(row[0])
