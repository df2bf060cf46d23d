"""A backup put in the place of what data_dir has, which is moved aside and never deleted.

Order. The lock of data_dir is held from the beginning to the end, so no daemon starts meanwhile. All of the backup is
unpacked beside, checked and made durable (``.restoring-…``) before anything is touched. Then a file ``restoring`` is
written: while it is there, the daemon refuses to start. What was there moves to ``replaced-…``, what was restored
takes its place, the journal last. Who is killed in between restores once more, with ``--force``.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from nexefax.backup.holding import settle_restored
from nexefax.backup.manifest import CONFIGURATION, Manifest
from nexefax.backup.reading import unpack
from nexefax.config import Config
from nexefax.durable import FOLDER_MODE, make_folder, remove_file, sync_folder, write_file
from nexefax.errors import BackupError, JournalError, SpoolError
from nexefax.fax import records
from nexefax.fax.callfile import Spool
from nexefax.fax.folders import Folders
from nexefax.store import JOURNAL_NAME, LOCK_NAME, RESTORING, is_in_use, lock_folder, read_only

# What lies in data_dir beside the faxes, for people to look into; the daemon has no use for it
LOST, REPLACED, RESTORED_CONFIG = "lost", "replaced-", "restored-config"
UNPACKED = ".restoring-"


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore came to.

    ``ended`` are the faxes that may have been sent since the backup and are not sent now, ``replaced`` is where the
    former content went, ``configuration`` where the backup's lies (None: it is the one in force). ``next_number`` is
    the next fax's. ``withdrawn`` counts call files taken out of Asterisk's spool, ``spool_problem`` is why some were
    not.
    """

    manifest: Manifest
    ended: tuple[records.Fax, ...]
    next_number: int
    replaced: Path | None
    configuration: Path | None
    withdrawn: int
    spool_problem: str


async def restore(config: Config, file: IO[bytes], *, force: bool = False, moved: bool = False) -> Restored:
    """Restore the backup in ``file``; ``force`` moves aside what is there, ``moved`` lets waiting faxes go on.

    Blocks, and runs without a daemon. Raises BackupError when it can't be done; nothing has been changed then, unless
    the text says so.
    """
    data_dir = config.general.data_dir
    with _locked(data_dir):
        there = _content(data_dir)
        if there and not force:
            raise BackupError(
                f"{data_dir} is not empty ({', '.join(there)}); --force moves that aside, and deletes nothing"
            )
        for leftover in data_dir.glob(f"{UNPACKED}*"):
            shutil.rmtree(leftover)  # copies of a restore that was killed before it touched anything
        folder = data_dir / f"{UNPACKED}{os.urandom(4).hex()}"
        folder.mkdir(mode=FOLDER_MODE)
        try:
            manifest = unpack(file, folder)
            _check_moved(manifest, moved=moved)
            highest = _highest_number(config)
            ended, next_number = await settle_restored(folder, manifest, config, moved=moved, highest=highest)
            configuration = _configuration(folder, config)
            (folder / LOCK_NAME).unlink()
            sync_folder(folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        replaced, configuration = _switch(data_dir, folder, configuration)
    withdrawn, problem = _withdraw_calls(config)
    return Restored(manifest, tuple(ended), next_number, replaced, configuration, withdrawn, problem)


def _check_moved(manifest: Manifest, *, moved: bool) -> None:
    if moved and not manifest.quiet:
        raise BackupError(
            "the backup was made while NexeFax ran: faxes may have been sent since, so --moved can't be believed;"
            " restore it without, or stop NexeFax and take the backup again"
        )


@contextmanager
def _locked(data_dir: Path) -> Iterator[None]:
    try:
        lock = lock_folder(data_dir)
    except JournalError as error:
        with suppress(OSError):
            if is_in_use(data_dir):
                raise BackupError(
                    f"NexeFax runs on {data_dir}: stop it first (systemctl stop nexefax); nothing was restored"
                ) from error
        raise BackupError(f"{error}; nothing was restored") from error
    try:
        yield
    finally:
        os.close(lock)


def _content(data_dir: Path) -> list[str]:
    """Return the names of what must move aside; a journal without faxes and empty folders are nothing."""
    if (data_dir / RESTORING).exists():
        return [f"{RESTORING}, of a restore that was interrupted"]
    names = [path.name for path in _entries(data_dir) if not (path.is_dir() and not any(path.iterdir()))]
    if all(name.startswith(JOURNAL_NAME) for name in names):
        with suppress(JournalError):
            if not read_only(data_dir, records.count_states):
                return []
    return sorted(names)


def _entries(data_dir: Path) -> list[Path]:
    side = (LOST, REPLACED, RESTORED_CONFIG, UNPACKED)
    kept = (LOCK_NAME, RESTORING)
    return [path for path in data_dir.iterdir() if path.name not in kept and not path.name.startswith(side)]


def _highest_number(config: Config) -> int:
    """Return the highest fax number of which anything is left, here or in Asterisk's spool."""
    numbers = [0]
    with suppress(OSError):
        numbers.append(Folders(config.general.data_dir).highest_number())
    with suppress(OSError):
        numbers += (fax for fax, _attempt in _spool(config).call_files())
    with suppress(JournalError):
        numbers.append(
            read_only(
                config.general.data_dir,
                lambda c: c.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence").fetchone()[0],
            )
        )
    return max(numbers)


def _configuration(folder: Path, config: Config) -> Path | None:
    """Return where the backup's configuration is, None when it is the one in force: then it goes."""
    kept = folder / CONFIGURATION
    if not kept.is_dir():
        return None
    for path in kept.rglob("*"):
        with suppress(OSError):
            if path.is_dir() or (config.directory / path.relative_to(kept)).read_bytes() == path.read_bytes():
                continue
        return kept
    shutil.rmtree(kept)
    return None


def _switch(data_dir: Path, folder: Path, configuration: Path | None) -> tuple[Path | None, Path | None]:
    """Put ``folder``'s content in the place of ``data_dir``'s; return where that and the configuration went."""
    moment = f"{datetime.now():%Y%m%d-%H%M%S}"  # noqa: DTZ005 - the administrator's own zone
    there = _entries(data_dir)
    replaced = data_dir / f"{REPLACED}{moment}"
    try:
        write_file(data_dir / RESTORING, b"")
        if there:
            make_folder(replaced)
        for path in there:
            path.rename(replaced / path.name)
        if configuration is not None:
            place = data_dir / RESTORED_CONFIG
            configuration = place if not place.exists() else data_dir / f"{RESTORED_CONFIG}-{moment}"
            (folder / CONFIGURATION).rename(configuration)
        for path in sorted(folder.iterdir(), key=lambda path: path.name == JOURNAL_NAME):
            path.rename(data_dir / path.name)
        folder.rmdir()
        if there:
            sync_folder(replaced)
        sync_folder(data_dir)
        remove_file(data_dir / RESTORING)
    except OSError as error:
        raise BackupError(
            f"the backup was unpacked, but can't be put in its place ({error}); NexeFax does not start now. Mend that,"
            " and restore once more with --force"
        ) from error
    return replaced if there else None, configuration


def _spool(config: Config) -> Spool:
    general = config.general
    return Spool(general.ast_call_dir, general.ast_staging_dir, general.ast_done_dir)


def _withdraw_calls(config: Config) -> tuple[int, str]:
    """Take all our call files out of Asterisk's spool: none is of an attempt that the restored journal waits for."""
    spool, withdrawn = _spool(config), 0
    try:
        for fax, attempt in spool.call_files():
            spool.withdraw(fax, attempt)
            withdrawn += 1
    except SpoolError as error:
        return withdrawn, str(error)
    return withdrawn, ""
