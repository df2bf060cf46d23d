"""What the command line asks the running daemon over its Unix socket."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from nexefax import __version__
from nexefax.config import Config
from nexefax.fax import records
from nexefax.httpd import Handler, Request, Response, Router
from nexefax.store import Journal

STUCK_SECONDS = 3_600.0  # a mail that has waited longer is worth a line to the administrator


def control_handler(config: Callable[[], Config], journal: Journal) -> Handler:
    """Return the handler for the control socket: ``GET /status``."""
    started = time.time()

    async def status(_request: Request) -> Response:
        counts = await journal.read(count)
        seen = {
            "version": __version__,
            "pid": os.getpid(),
            "running_since": started,
            "accounts": [account.id for account in config().accounts.values()],
            "warnings": spool_warnings(config()),
        }
        return Response.json(seen | counts)

    router = Router()
    router.add("GET", "/status", status)
    return router


def count(connection: sqlite3.Connection) -> dict[str, object]:
    """Return the faxes and mails of the journal, counted by what becomes of them."""
    faxes: dict[str, dict[str, int]] = {"out": {}, "in": {}}
    for (direction, state), number in records.count_states(connection).items():
        faxes[direction][state] = number
    return {
        "faxes": faxes,
        "mails": records.count_mails(connection),
        "mails_stuck": records.count_stuck_mails(connection, time.time() - STUCK_SECONDS),
    }


def spool_warnings(config: Config) -> list[str]:
    """Return what keeps faxes waiting now, a sentence each."""
    general = config.general
    found = []
    if not _is_writable(general.ast_call_dir):
        found.append(f"{general.ast_call_dir} can't be written: faxes wait")
    if not os.access(general.rx_dir, os.R_OK | os.X_OK):
        found.append(f"{general.rx_dir} can't be read: no fax is received")
    if not general.ast_control.exists():
        found.append(f"Asterisk does not seem to run: {general.ast_control} is not there; faxes wait for it")
    return found


def _is_writable(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
