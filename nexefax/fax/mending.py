"""What an administrator may have mended by `nexefax doctor --repair`: done by whoever has the journal.

Each repair looks again whether it is still wanted, since some time has passed and others work as well. Nothing is
deleted: what belongs to no fax moves to ``data_dir/lost/``. Call files alone are removed, and only of attempts that
the journal has no use for.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import stat
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

from nexefax.durable import make_folder, sync_folder
from nexefax.errors import RepairError
from nexefax.fax import events, job, mail_records, records
from nexefax.fax.bookkeeper import Bookkeeper
from nexefax.fax.cause import unknown
from nexefax.fax.commands import Letter
from nexefax.fax.folders import Folders
from nexefax.fax.receiving import Receiving
from nexefax.fax.sending import Sending

LOST = "lost"  # below data_dir
BY = "nexefax doctor"

# Something in in/ or out/, in a fax's folder there, or what a killed restore left
_MOVABLE = re.compile(r"(?:(?:in|out)/[^/\0]{1,255}(?:/[^/\0]{1,255})?|\.restoring-[0-9a-f]{8})")


class Mend(StrEnum):
    """The kinds of repairs."""

    LOOK_AGAIN = "look-again"  # judge an attempt by what is on the disk
    HASTEN = "hasten"  # try a fax and its letters at once, refused letters too
    SWEEP = "sweep"  # look through Asterisk's spool
    LETTER = "letter"  # write the letter that a received fax lacks
    WITHDRAW = "withdraw"  # remove a call file
    SET_ASIDE = "set-aside"  # move what belongs to no fax to lost/


@dataclass(frozen=True, slots=True)
class Repair:
    """One repair; ``attempt`` is for call files and attempts, ``path`` (below data_dir) for what is set aside."""

    kind: Mend
    fax: int = 0
    attempt: int = 0
    path: str = ""

    def query(self) -> dict[str, str]:
        """As it goes over the control socket."""
        return {
            "kind": self.kind,
            "fax": str(self.fax),
            "attempt": str(self.attempt),
            "path": self.path,
        }

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Self:
        """The other way round. Raises ValueError for what is none."""
        numbers = [query.get(name, "0") for name in ("fax", "attempt")]
        if not all(text.isascii() and text.isdecimal() and len(text) <= 15 for text in numbers):
            raise ValueError(numbers)
        return cls(Mend(query.get("kind", "")), int(numbers[0]), int(numbers[1]), query.get("path", ""))

    def __str__(self) -> str:
        """What will be done, in words."""
        match self.kind:
            case Mend.LOOK_AGAIN:
                return f"judge attempt {self.attempt} of fax {self.fax} by what is on the disk"
            case Mend.HASTEN:
                return f"try fax {self.fax} and its mails at once"
            case Mend.SWEEP:
                return "look through Asterisk's spool, and for accounts that are there now"
            case Mend.LETTER:
                return f"write the mail about fax {self.fax} that is missing"
            case Mend.WITHDRAW:
                return f"remove the call file of attempt {self.attempt} of fax {self.fax}"
            case Mend.SET_ASIDE:
                return f"move {self.path} to {LOST}/"


class Mending:
    """Carries repairs out. ``retry`` is :meth:`nexefax.fax.worker.Worker.retry_now`."""

    def __init__(
        self,
        bookkeeper: Bookkeeper,
        folders: Folders,
        sending: Sending,
        receiving: Receiving,
        retry: Callable[[int, str], Awaitable[records.Fax | None]],
    ) -> None:
        self._bookkeeper = bookkeeper
        self._journal = bookkeeper.journal
        self._folders = folders
        self._sending = sending
        self._receiving = receiving
        self._retry = retry

    async def mend(self, repair: Repair) -> None:
        """Carry ``repair`` out. Raises RepairError when it is not wanted any more; JournalError, OSError."""
        match repair.kind:
            case Mend.LOOK_AGAIN:
                await self._look_again(repair)
            case Mend.HASTEN:
                if await self._retry(repair.fax, BY) is None:
                    raise RepairError(f"there is no fax {repair.fax}")
            case Mend.SWEEP:
                await self._receiving.look_for_accounts()
            case Mend.LETTER:
                await self._write_letter(repair.fax)
            case Mend.WITHDRAW:
                await self._withdraw(repair)
            case Mend.SET_ASIDE:
                await self._journal.write(lambda connection: self._set_aside(connection, repair.path))

    async def _look_again(self, repair: Repair) -> None:
        row = await self._journal.read(lambda c: records.load_attempt(c, repair.fax, repair.attempt))
        if row is not None:
            await self._sending.settle(repair.fax, repair.attempt)
            return
        ending = unknown("the journal has no record of this attempt; pages may have arrived")
        after = await self._bookkeeper.record(repair.fax, events.AttemptEnded(repair.attempt, ending))
        if after is None or after.fax.state == job.State.CALLING:
            raise RepairError(f"fax {repair.fax} is not in attempt {repair.attempt}")

    async def _write_letter(self, fax_id: int) -> None:
        letters = await self._journal.read(lambda c: mail_records.mails_of(c, fax_id))
        received = next((mail for mail in letters if mail.kind == Letter.RECEIVED), None)
        if received is not None and received.state == "accepted":
            await self._bookkeeper.record(fax_id, events.MailAccepted())
            return

        def wait_again(connection: sqlite3.Connection, fax: records.Fax) -> None:
            mail_records.requeue_mails(connection, fax.id, time.time())

        if await self._bookkeeper.record(fax_id, events.LetterTakenUp(), also=wait_again) is None:
            raise RepairError(f"there is no fax {fax_id}")

    async def _withdraw(self, repair: Repair) -> None:
        row = await self._journal.read(lambda c: records.load_attempt(c, repair.fax, repair.attempt))
        if row is not None and row.ended is None:
            raise RepairError(f"attempt {repair.attempt} of fax {repair.fax} is under way")
        await asyncio.to_thread(self._bookkeeper.spool.withdraw, repair.fax, repair.attempt)

    def _set_aside(self, connection: sqlite3.Connection, name: str) -> None:
        """Move what belongs to no fax; inside a transaction, as whoever gives a fax its folder is in one, too."""
        path = self._folders.data_dir / name
        if not _MOVABLE.fullmatch(name) or ".." in path.parts or self._belongs(connection, path, name):
            raise RepairError(f"{name} belongs to a fax, or is none of ours")
        lost = self._folders.data_dir / LOST
        make_folder(lost)
        moment = time.strftime("%Y%m%d-%H%M%S")
        place = lost / f"{name.replace('/', '-').strip('.')[:200]}-{moment}"
        if place.exists():
            raise RepairError(f"{place} is there already")
        try:
            path.rename(place)
        except FileNotFoundError:
            raise RepairError(f"{name} is not there any more") from None
        sync_folder(path.parent)
        sync_folder(lost)

    def _belongs(self, connection: sqlite3.Connection, path: Path, name: str) -> bool:
        side, _, below = name.partition("/")
        number, _, file = below.partition("/")
        fax = records.load_fax(connection, int(number)) if number.isdecimal() and len(number) <= 15 else None
        its_own = fax is not None and fax.direction == side
        if not file:
            return its_own
        try:
            is_regular = stat.S_ISREG(path.lstat().st_mode)
        except OSError:
            return True
        return its_own and is_regular and not file.startswith(".")
