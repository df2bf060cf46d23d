"""`nexefax doctor`: what is stuck, orphaned or inconsistent, and with ``--repair``, mending what can be mended."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from nexefax.config import Config, load
from nexefax.control import spool_warnings
from nexefax.control_client import ask_daemon, tell_daemon
from nexefax.errors import JournalError, NexeFaxError
from nexefax.fax.job import count
from nexefax.queue_command import plain
from nexefax.store import Journal, is_in_use

if TYPE_CHECKING:
    import argparse

    from nexefax.doctor.finding import Finding
    from nexefax.doctor.picture import Daemon, Picture
    from nexefax.fax.mending import Repair

BETWEEN_LOOKS = 1.0  # seconds; what is in the middle of something at one look is not at the other
SHOWN = 200  # findings; more are the same one over and over


def doctor(options: argparse.Namespace) -> int:
    """Look, say what is wrong, and mend it where that is asked for; 1 when something is (still) wrong."""
    from nexefax.check import become_owner

    become_owner(options.config)  # what NexeFax itself may not read is a finding
    config = load(options.config)
    _require_owner(config)
    picture, found = examine(config)
    print("\n".join(finding_lines(found, picture)))
    repairs = list(dict.fromkeys(finding.repair for finding in found if finding.repair is not None))
    if not options.repair:
        if repairs:
            print(f"`nexefax doctor --repair` mends {len(repairs)} of it.")
        return 1 if found else 0
    if not repairs:
        print("There is nothing that --repair can mend." if found else "There is nothing to repair.")
        return 1 if found else 0
    print("\nThis will be done:")
    for repair in repairs:
        print(f"  {plain(str(repair))}")
    print()
    _carry_out(config, picture.daemon, repairs)
    picture, found = examine(config)
    print("\nAfterwards:")
    print("\n".join(finding_lines(found, picture)))
    return 1 if found else 0


def _require_owner(config: Config) -> None:
    data_dir = config.general.data_dir
    try:
        is_ours = data_dir.stat().st_uid == os.geteuid()
    except OSError as error:
        raise JournalError(
            f"config.conf, [general]: data_dir={data_dir} can't be looked at ({error.strerror}); see `nexefax check`"
        ) from error
    if not is_ours and os.geteuid() != 0:
        raise JournalError(f"{data_dir} belongs to another user; look with sudo")


def examine(config: Config) -> tuple[Picture, list[Finding]]:
    """Look at everything, twice when something is found while NexeFax works, and return what lasts."""
    from nexefax.doctor.finding import lasting
    from nexefax.doctor.findings import findings
    from nexefax.doctor.gather import gather
    from nexefax.doctor.picture import Daemon

    def look() -> tuple[Picture, list[Finding]]:
        picture = gather(config, daemon_of(config), spool_warnings(config))
        return picture, findings(picture)

    picture, found = look()
    if found and picture.daemon is not Daemon.STOPPED:
        time.sleep(BETWEEN_LOOKS)
        picture, again = look()
        found = lasting(found, again)
    return picture, found


def daemon_of(config: Config) -> Daemon:
    """Ask whether NexeFax runs."""
    from nexefax.doctor.picture import Daemon

    try:
        if ask_daemon(config, "/status", lambda _connection: {}).get("pid"):
            return Daemon.RUNNING
    except JournalError:  # it does not answer, or there is neither a daemon nor a journal
        pass
    try:
        return Daemon.SILENT if is_in_use(config.general.data_dir) else Daemon.STOPPED
    except OSError:
        return Daemon.STOPPED


def finding_lines(found: Sequence[Finding], picture: Picture) -> Iterator[str]:
    """Yield the findings in words, or that there are none."""
    if not found:
        number = len(picture.rows.faxes) if picture.rows is not None else 0
        yield f"Nothing is stuck, orphaned or inconsistent ({number} faxes looked at)."
        return
    for finding in found[:SHOWN]:
        yield f"{finding.severity:8}{plain(finding.sentence)}"
        yield f"        {plain(finding.remedy)}"
        if finding.repair is not None:
            yield f"        --repair: {plain(str(finding.repair))}"
    if len(found) > SHOWN:
        yield f"… and {len(found) - SHOWN} more"
    errors = sum(finding.severity == "error" for finding in found)
    yield f"{count(errors, 'error')}, {count(len(found) - errors, 'warning')}."


def _carry_out(config: Config, daemon: Daemon, repairs: Sequence[Repair]) -> None:
    from nexefax.doctor.picture import Daemon

    if daemon is Daemon.RUNNING:
        _say_each(repairs, lambda repair: tell_daemon(config, f"/repair?{urlencode(repair.query())}"))
    elif daemon is Daemon.STOPPED:
        asyncio.run(_mend_alone(config, repairs))
    else:
        print("nexefax: somebody has the journal and does not answer; nothing was done", file=sys.stderr)


async def _mend_alone(config: Config, repairs: Sequence[Repair]) -> None:
    """Mend what is in a journal that no daemon has, under its lock."""
    from nexefax.fax.folders import Folders
    from nexefax.fax.worker import Worker

    journal = await Journal.open(config.general.data_dir)
    try:
        await asyncio.to_thread(Folders(config.general.data_dir).prepare)
        worker = Worker(journal, lambda: config)
        for repair in repairs:
            try:
                await worker.mend(repair)
            except (NexeFaxError, OSError) as error:
                _say_failed(repair, error)
            else:
                _say_done(repair)
    finally:
        await journal.close()


def _say_each(repairs: Sequence[Repair], mend: Callable[[Repair], object]) -> None:
    for repair in repairs:
        try:
            mend(repair)
        except JournalError as error:
            _say_failed(repair, error)
        else:
            _say_done(repair)


def _say_done(repair: Repair) -> None:
    print(f"  done: {plain(str(repair))}")


def _say_failed(repair: Repair, error: Exception) -> None:
    print(f"nexefax: NOT done: {plain(str(repair))}: {plain(str(error))}", file=sys.stderr)
