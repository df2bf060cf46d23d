"""`nexefax backup` and `nexefax restore`."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from nexefax.config import Config, load
from nexefax.errors import BackupError
from nexefax.fax.job import count
from nexefax.queue_command import plain

if TYPE_CHECKING:
    import argparse

    from nexefax.backup.restoring import Restored
    from nexefax.backup.writing import Written

LISTED = 20  # faxes that are named one by one; `nexefax queue list` has all

Add = Callable[[str, Callable[["argparse.Namespace"], int], str], "argparse.ArgumentParser"]


def add_backup(add: Add) -> None:
    """Add both commands to the command line; ``add`` takes a name, what it runs and its purpose."""
    backup = add("backup", _backup, "write all faxes, the journal and the configuration into one file")
    backup.add_argument("file", type=_path, metavar="FILE", help="the file to write, such as nexefax.tar.gz")
    backup.add_argument("--force", action="store_true", help="write over a file that is there")
    restore = add("restore", _restore, "put a backup in the place of what is there; NexeFax must not run")
    restore.add_argument("file", type=_path, metavar="FILE", help="what `nexefax backup` wrote")
    restore.add_argument(
        "--force", action="store_true", help="also where there are faxes; they are moved aside, never deleted"
    )
    restore.add_argument(
        "--moved",
        action="store_true",
        help="nothing was sent since the backup, as when NexeFax moves to another machine: waiting faxes are sent",
    )


def _path(text: str) -> Path:
    return Path(text).absolute()


def _backup(options: argparse.Namespace) -> int:
    from nexefax.backup.writing import write_backup

    config = load(options.config)
    written = write_backup(config, options.file, force=options.force)
    print("\n".join(backup_lines(written, config, options.file)))
    for fax in written.missing[:LISTED]:
        print(f"nexefax: fax {fax}: not all of its files are there; see `nexefax doctor`", file=sys.stderr)
    if len(written.missing) > LISTED:
        print(f"nexefax: … and {len(written.missing) - LISTED} more faxes", file=sys.stderr)
    for name in written.left_out[:LISTED]:
        print(f"nexefax: left out, since it is no plain file of ours: {plain(name)}", file=sys.stderr)
    return 0


def backup_lines(written: Written, config: Config, file: Path) -> Iterator[str]:
    """Yield what is said of a backup."""
    manifest = written.manifest
    yield (
        f"{file} has {_faxes(manifest.faxes)}, {count(len(manifest.files), 'file')} of"
        f" {megabytes(manifest.size)}, as of {_time(manifest.made_at)} ({megabytes(written.size)} packed)."
    )
    yield (
        f"It holds what is in {config.general.data_dir} and the configuration, with passwords: keep it as safe as"
        " the machine, and on another one."
    )


def _restore(options: argparse.Namespace) -> int:
    from nexefax.backup.restoring import restore
    from nexefax.check import become_owner

    config = load(options.config)
    with options.file.open("rb") as file:
        _make_data_dir(config)
        become_owner(options.config)  # a file of root's would be of no use to NexeFax
        restored = asyncio.run(restore(config, file, force=options.force, moved=options.moved))
    print("\n".join(restore_lines(restored, config)))
    return 0


def _make_data_dir(config: Config) -> None:
    """Make data_dir when it is not there, for the user that Asterisk's spool belongs to, which NexeFax runs as."""
    data_dir = config.general.data_dir
    if data_dir.is_dir():
        return
    option = f"config.conf, [general]: data_dir={data_dir}"
    try:
        owner = config.general.ast_call_dir.stat()
        data_dir.mkdir(mode=0o750)
        if os.geteuid() == 0:
            os.chown(data_dir, owner.st_uid, owner.st_gid)
    except OSError as error:
        raise BackupError(
            f"{option} can't be made ({error.filename}: {error.strerror}); make it, owned by NexeFax's user"
        ) from error


def restore_lines(restored: Restored, config: Config) -> Iterator[str]:
    """Yield what is said of a restore."""
    manifest = restored.manifest
    yield (
        f"{config.general.data_dir} is as it was on {_time(manifest.made_at)}: {_faxes(manifest.faxes)},"
        f" {count(len(manifest.files), 'file')} of {megabytes(manifest.size)}, all checked."
    )
    if restored.replaced is not None:
        yield f"What was there before is in {restored.replaced}."
    if restored.configuration is not None:
        yield (
            f"The backup's configuration is not that of {config.directory}, which stays in force; it is in"
            f" {restored.configuration}."
        )
    if restored.withdrawn:
        yield f"{count(restored.withdrawn, 'call file')} of the time since the backup taken out of Asterisk's spool."
    if restored.spool_problem:
        yield f"WARNING: call files may be left in Asterisk's spool, and be dialled: {restored.spool_problem}"
    yield f"The next fax gets the number {restored.next_number}: lower ones may have been given out since the backup."
    if restored.ended:
        yield (
            f"{_faxes(len(restored.ended))} waited to be sent then, and may have been sent since. So as not to be sent"
            " twice, they are not sent now; `nexefax queue resend FAX` sends one again:"
        )
        for fax in restored.ended[:LISTED]:
            yield f"  fax {fax.id} of {plain(fax.account)} to {plain(fax.number)}: {fax.state}"
        if len(restored.ended) > LISTED:
            yield f"  … and {len(restored.ended) - LISTED} more; `nexefax queue list --all` has them"
    yield "Faxes handed in after the backup are not in it. Start NexeFax now, and look with `nexefax doctor`."


def megabytes(size: int) -> str:
    """Return bytes as people say them."""
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"


def _faxes(number: int) -> str:
    return "1 fax" if number == 1 else f"{number} faxes"


def _time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds):%Y-%m-%d %H:%M:%S}"  # noqa: DTZ006 - the administrator's own zone
