"""Received TIFFs in Asterisk's spool: what their names say, and whether somebody still writes them.

Names come from the dialplan: ``nexefax-ACCOUNT-YYYYmmdd-HHMMSS-CALLERID-UNIQUEID.tiff``. Accounts, caller ids and
unique ids (``systemname-1700000000.42``) may contain dashes and the caller id may be empty: the date is looked for.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import signal
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"nexefax-(?P<account>.+)-(?P<when>[0-9]{8}-[0-9]{6})-(?P<rest>.*)\.tiff?", re.DOTALL)
_CALLER = re.compile(r"(?P<caller>[+*#]?[0-9*#]*)-")


@dataclass(frozen=True, slots=True)
class ReceivedName:
    """What the name of a received TIFF says; ``when`` is local time, ``20261122-200905``."""

    account: str
    when: str
    caller: str


def parse_received_name(
    name: str, *, unique_id: str = "", accounts: Iterable[str] = ()
) -> ReceivedName | None:
    """Return what ``name`` says, or None when it is not a received fax's.

    ``unique_id``, where it is known, tells where the caller id ends; ``accounts`` settle names in which a date
    occurs twice.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    readings = [match, *_earlier_dates(name)]
    known = {account.casefold() for account in accounts}
    chosen = next((reading for reading in readings if reading["account"].casefold() in known), readings[-1])
    rest = chosen["rest"]
    if unique_id and rest.endswith(f"-{unique_id}"):
        caller = rest[: -len(unique_id) - 1]
    else:
        found = _CALLER.match(rest)
        caller = found["caller"] if found else ""
    return ReceivedName(chosen["account"], chosen["when"], caller)


def _earlier_dates(name: str) -> list[re.Match[str]]:
    """Return the other ways to read a name in which something else looks like a date, the earliest last."""
    readings = []
    shorter = re.compile(_NAME.pattern.replace(".+)", ".+?)", 1), re.DOTALL)
    match = shorter.fullmatch(name)
    if match is not None:
        readings.append(match)
    return readings


@dataclass(frozen=True, slots=True)
class SpoolFile:
    """A TIFF found in ``rx_dir``; ``modified`` in seconds since 1970, ``size`` in bytes."""

    path: Path
    size: int
    modified: float


def journal_name(name: str) -> str:
    """Return a file's name as text that any journal, log and mail can hold.

    The beta's dialplan puts the caller id into the name as it came: a byte that is no UTF-8 (a surrogate in Python's
    names) would stop whoever writes it down.
    """
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def find_received(rx_dir: Path) -> list[SpoolFile]:
    """Return the regular files in ``rx_dir`` that have a received fax's name, oldest first.

    Raises OSError when the folder can't be read.
    """
    found = []
    with os.scandir(rx_dir) as entries:
        for entry in entries:
            if not _NAME.fullmatch(entry.name):
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if stat.S_ISREG(status.st_mode):
                found.append(SpoolFile(Path(entry.path), status.st_size, status.st_mtime))
    return sorted(found, key=lambda file: file.modified)


def is_written(path: Path) -> bool:
    """Tell whether a process has ``path`` open for writing: the kernel then refuses a read lease (fcntl(2)).

    Leases need the file's owner; for a file of another user nobody can tell, and False is returned: its age decides.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        # A writer who comes while the lease is held is announced by a signal: SIGIO would end this process, SIGURG is
        # ignored unless somebody asks for it (signal(7)).
        fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    finally:
        os.close(handle)
    return False
