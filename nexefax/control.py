"""What the command line asks the running daemon over its Unix socket."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

from nexefax import __version__
from nexefax.config import Config
from nexefax.errors import DocumentError, HttpError, NumberError, RepairError, SpaceError
from nexefax.fax import mail_records, records, webhook_records
from nexefax.fax.free_space import lack_of_space
from nexefax.fax.mending import Repair
from nexefax.httpd import Handler, Request, Response, Router
from nexefax.queue_list import Wanted, listed, shown
from nexefax.store import Journal
from nexefax.token_desk import TokenDesk

UNTAKEN_SECONDS = 120.0  # Asterisk looks into its spool every second
BY = "the administrator"
STUCK_SECONDS = 3_600.0  # a mail that has waited longer is worth a line to the administrator


class Queue(Protocol):
    """Who has the faxes: :class:`nexefax.fax.worker.Worker`."""

    async def cancel(self, fax_id: int, by: str) -> records.Fax | None:
        """Do not send a fax; the fax as it is then, None when there is none of this number."""

    async def retry_now(self, fax_id: int, by: str) -> records.Fax | None:
        """Do not wait for the next try of it and its letters; the fax as it is then, None when there is none."""

    async def mend(self, repair: Repair) -> None:
        """Carry out what `nexefax doctor` wants. Raises RepairError."""

    async def resend(self, fax_id: int, by: str, number: str = "") -> int:
        """Send a fax once more and return the new one's number. Raises KeyError, NumberError or DocumentError."""


def control_handler(config: Callable[[], Config], journal: Journal, queue: Queue) -> Handler:
    """Return the handler for the control socket.

    ``GET /status``; ``GET /faxes``, with the fields of :class:`nexefax.queue_list.Wanted` as its query; ``GET
    /faxes/NUMBER``; ``POST /faxes/NUMBER/cancel``, ``…/retry``, ``…/resend?to=NUMBER``; ``POST /repair``, with the
    fields of :class:`nexefax.fax.mending.Repair`.
    """
    started = time.time()

    async def status(_request: Request) -> Response:
        counts = await journal.read(count)
        seen = {
            "version": __version__,
            "pid": os.getpid(),
            "running_since": started,
            "accounts": [account.id for account in config().accounts.values()],
            "warnings": await asyncio.to_thread(spool_warnings, config()),
        }
        return Response.json(seen | counts)

    async def list_faxes(request: Request) -> Response:
        wanted = Wanted.of(dict(request.query))
        return Response.json(await journal.read(lambda c: listed(c, wanted)))

    async def show(request: Request) -> Response:
        number = _number(request)
        seen = await journal.read(lambda c: shown(c, number))
        if seen is None:
            raise _unknown(number)
        return Response.json(seen)

    async def cancel(request: Request) -> Response:
        number = _number(request)
        return _answer(await queue.cancel(number, BY), number)

    async def retry(request: Request) -> Response:
        number = _number(request)
        return _answer(await queue.retry_now(number, BY), number)

    async def resend(request: Request) -> Response:
        number = _number(request)
        try:
            again = await queue.resend(number, BY, request.query.get("to", ""))
        except KeyError:
            raise HttpError(404, f"There is no fax {number} that was sent from here.") from None
        except (NumberError, DocumentError, SpaceError) as error:
            raise HttpError(409, str(error)) from error
        return Response.json({"fax": again})

    async def repair(request: Request) -> Response:
        try:
            wanted = Repair.of(dict(request.query))
        except ValueError:
            raise HttpError(400, "There is no such repair.") from None
        try:
            await queue.mend(wanted)
        except RepairError as error:
            raise HttpError(409, str(error)) from error
        except OSError as error:
            raise HttpError(409, f"{error.filename or wanted}: {error.strerror or error}") from error
        return Response.json({"done": str(wanted)})

    router = Router()
    router.add("GET", "/faxes", list_faxes)
    router.add("GET", "/faxes/{number}", show)
    router.add("POST", "/faxes/{number}/cancel", cancel)
    router.add("POST", "/faxes/{number}/retry", retry)
    router.add("POST", "/faxes/{number}/resend", resend)
    router.add("POST", "/repair", repair)
    router.add("GET", "/status", status)
    TokenDesk(config, journal).add_to(router)
    return router


def _number(request: Request) -> int:
    text = request.params["number"]
    if not text.isdecimal() or len(text) > 15:
        raise _unknown(text)
    return int(text)


def _answer(fax: records.Fax | None, number: int) -> Response:
    if fax is None:
        raise _unknown(number)
    return Response.json(asdict(fax))


def _unknown(number: object) -> HttpError:
    return HttpError(404, f"There is no fax {number}.")


def count(connection: sqlite3.Connection) -> dict[str, object]:
    """Return the faxes and mails of the journal, counted by what becomes of them."""
    faxes: dict[str, dict[str, int]] = {"out": {}, "in": {}}
    for (direction, state), number in records.count_states(connection).items():
        faxes[direction][state] = number
    return {
        "faxes": faxes,
        "mails": mail_records.count_mails(connection),
        "webhooks": webhook_records.count_calls(connection),
        "mails_stuck": mail_records.count_stuck_mails(connection, time.time() - STUCK_SECONDS),
    }


def spool_warnings(config: Config) -> list[str]:
    """Return what keeps faxes waiting now, a sentence each."""
    general = config.general
    found = []
    if not _is_writable(general.ast_call_dir):
        found.append(f"{general.ast_call_dir} can't be written: faxes wait")
    if not os.access(general.rx_dir, os.R_OK | os.X_OK):
        found.append(f"{general.rx_dir} can't be read: no fax is received")
    if general.ast_control.exists() and _has_untaken_call(general.ast_call_dir):
        found.append(
            f"Asterisk runs, but leaves call files in {general.ast_call_dir} alone: faxes wait; config.conf, [general]:"
            " ast_call_dir must be the folder outgoing of its spool"
        )
    if not general.ast_control.exists():
        found.append(f"Asterisk does not seem to run: {general.ast_control} is not there; faxes wait for it")
    if lack := lack_of_space(general):
        found.append(lack)
    return found


def _has_untaken_call(outgoing: Path) -> bool:
    """Whether a call file of ours lies untouched: Asterisk sets the time of one that it takes far ahead."""
    for path in outgoing.glob("nexefax-*.call"):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < time.time() - UNTAKEN_SECONDS:
                return True
    return False


def _is_writable(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
