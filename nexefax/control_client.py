"""The command line's side of the control socket; without a daemon it reads the journal itself."""

from __future__ import annotations

import http.client
import json
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nexefax.config import Config
from nexefax.control import count
from nexefax.errors import JournalError
from nexefax.store import JOURNAL_NAME, read_only

TIMEOUT = 10.0  # seconds; the watchdog ends a daemon that does not answer for so long


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def ask_daemon(
    config: Config, target: str, instead: Callable[[sqlite3.Connection], dict[str, Any] | None] = count
) -> dict[str, Any]:
    """Return what the daemon answers to ``GET target``, or without a daemon what ``instead`` reads in the journal.

    Raises JournalError when there is neither, the user may not ask, or ``instead`` finds nothing.
    """
    try:
        return _ask(config, "GET", target)
    except (FileNotFoundError, ConnectionRefusedError):
        return _read_journal(config, instead)


def tell_daemon(
    config: Config, target: str, instead: Callable[[], dict[str, Any]] | None = None
) -> dict[str, Any]:
    """Return what the daemon answers to ``POST target``, or without a daemon what ``instead`` does.

    Raises JournalError when there is neither, or it refuses.
    """
    try:
        return _ask(config, "POST", target)
    except (FileNotFoundError, ConnectionRefusedError) as error:
        if instead is not None:
            return instead()
        raise JournalError("NexeFax does not run; start it first") from error


def _ask(config: Config, method: str, target: str) -> dict[str, Any]:
    connection = _UnixConnection(config.server.control_socket)
    try:
        connection.request(method, target)
        response = connection.getresponse()
        body = response.read()
        if response.status in (404, 409):
            raise JournalError(body.decode(errors="replace").strip())
        if response.status != 200:
            raise JournalError(
                f"NexeFax runs, but can't say what it does: {body.decode(errors='replace').strip()}"
            )
        answer: dict[str, Any] = json.loads(body)
    except PermissionError as error:
        raise JournalError(
            f"{config.server.control_socket} may be used by root and NexeFax's user only; try with sudo"
        ) from error
    except (http.client.HTTPException, TimeoutError, ValueError) as error:
        raise JournalError(f"NexeFax runs, but does not answer: {error!r}; see its log") from error
    else:
        return answer
    finally:
        connection.close()


def _read_journal(
    config: Config, query: Callable[[sqlite3.Connection], dict[str, Any] | None]
) -> dict[str, Any]:
    data_dir = config.general.data_dir
    if not (data_dir / JOURNAL_NAME).exists():
        raise JournalError(f"NexeFax does not run, and there is no journal in {data_dir}; start it first")
    found = read_only(data_dir, query)
    if found is None:
        raise JournalError("There is no such fax.")
    return found
