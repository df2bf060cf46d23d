"""Which page is on the line: asked of Asterisk every few seconds, while somebody watches and a call is made.

It is a kindness, nothing hangs on it: whatever is odd is passed over, and said once in the log.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from nexefax.config import Config
from nexefax.fax import records
from nexefax.fax.asterisk_console import MOST_COMMANDS, ask_asterisk
from nexefax.fax.folders import Folders, attempt_of
from nexefax.fax.job import State
from nexefax.store import Journal

log = logging.getLogger("nexefax.fax")

ASK_SECONDS: Final = 3.0

_SESSIONS: Final = "fax show sessions"
# Channel, technology, session, type, operation, state, file: res_fax.c, cli_fax_show_sessions
_SENDING: Final = re.compile(r"^\S+[ ]+\S+[ ]+([0-9]{1,9})[ ]+\S+[ ]+send[ ]+\S", re.MULTILINE)
_HEAD: Final = "FAX Session Details:"
_FIELD: Final = re.compile(r"^([A-Za-z ]{1,30}?)[ ]*: (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Progress:
    """The page that is on the line (from 1), of how many, and its rate in bit/s; None where it is not known."""

    page: int
    pages: int | None
    bitrate: int | None


@dataclass(frozen=True, slots=True)
class Shown:
    """What Asterisk shows of a session that sends: its number, file, page (from 1 in that file) and rate in bit/s."""

    session: int
    file: str
    page: int
    bitrate: int | None


def sending_sessions(answer: str) -> list[int]:
    """The numbers of the sessions that send, in the answer to ``fax show sessions``."""
    return [int(number) for number in _SENDING.findall(answer)]


def shown_sessions(answer: str) -> Iterator[Shown]:
    """The sessions that send, in the answers to ``fax show session N`` (res_fax_spandsp.c)."""
    for part in answer.split(_HEAD)[1:]:
        fields = {name.casefold(): value.strip() for name, value in _FIELD.findall(part)}
        numbers = [fields.get(name, "") for name in ("session", "page number", "data rate")]
        session, page, rate = (int(text) if re.fullmatch("[0-9]{1,9}", text) else None for text in numbers)
        if session is not None and page and fields.get("operation") == "Transmit" and fields.get("file name"):
            yield Shown(session, fields["file name"], page, rate or None)


class RunningPages:
    """Watches. ``now`` is what is known, by fax; ``tell`` is called with account, fax and what is new.

    ``watched`` returns the accounts, casefolded, of which somebody watches; ``somebody`` is set while there are any.
    """

    def __init__(
        self,
        config: Callable[[], Config],
        journal: Journal,
        *,
        somebody: asyncio.Event,
        watched: Callable[[], Collection[str]],
        now: MutableMapping[int, Mapping[str, Any]],
        tell: Callable[[str, int, Mapping[str, Any]], None],
    ) -> None:
        self._config = config
        self._journal = journal
        self._somebody = somebody
        self._watched = watched
        self._now = now
        self._tell = tell
        self._known: list[int] = []  # sessions that were sending when last asked
        self._odd = False

    async def run(self) -> None:
        """Watch, for ever."""
        while True:
            if not self._somebody.is_set():
                self._now.clear()  # nobody asks any more which page it is by now
            await self._somebody.wait()
            try:
                await self.look()
                self._odd = False
            except Exception as error:  # a kindness must not end the daemon
                self._now.clear()
                if not self._odd:
                    trace = not isinstance(error, OSError)  # a fault of ours
                    log.info("which page is on the line can't be told: %s", error, exc_info=trace)
                self._odd = True
            await asyncio.sleep(ASK_SECONDS)

    async def look(self) -> None:
        """Ask once, if a call is made that somebody watches. Raises SpoolError, JournalError."""
        calling = await self._journal.read(lambda connection: records.faxes_in(connection, State.CALLING))
        watched = self._watched()
        faxes = {fax.id: fax for fax in calling if fax.account.casefold() in watched}
        for gone in [fax_id for fax_id in self._now if fax_id not in faxes]:
            del self._now[gone]
        if not faxes:
            self._known.clear()
            return
        folders = Folders(self._config().general.data_dir)
        for shown in await self._sessions():
            fax = faxes.get(_fax_of(folders, shown.file, faxes.values()))
            if fax is not None:
                self._note(fax, shown)

    async def _sessions(self) -> list[Shown]:
        """What Asterisk shows: mostly in one question, since each one is a line on a talkative console."""
        socket = self._config().general.ast_control
        answer = await ask_asterisk(socket, [_SESSIONS, *_details(self._known[: MOST_COMMANDS - 1])])
        sending = sending_sessions(answer)
        asked = set(self._known[: MOST_COMMANDS - 1])
        rest = [session for session in sending if session not in asked]
        for start in range(0, len(rest), MOST_COMMANDS):
            answer += await ask_asterisk(socket, list(_details(rest[start : start + MOST_COMMANDS])))
        self._known = sending
        return list(shown_sessions(answer))

    def _note(self, fax: records.Fax, shown: Shown) -> None:
        page = (
            shown.page + fax.first_page - 1
        )  # the file of a later attempt begins with the first page not confirmed
        if fax.pages:
            page = min(page, fax.pages)  # after the last one, spandsp is at the one behind it
        progress = asdict(Progress(page, fax.pages, shown.bitrate))
        if self._now.get(fax.id) != progress:
            self._now[fax.id] = progress
            self._tell(fax.account, fax.id, progress)


def _details(sessions: Iterable[int]) -> Iterator[str]:
    return (f"fax show session {session}" for session in sessions)


def _fax_of(folders: Folders, file: str, faxes: Iterable[records.Fax]) -> int:
    """The fax whose running attempt sends this file; 0 for none."""
    named = attempt_of(folders, file)
    running = {(fax.id, fax.attempts) for fax in faxes}
    return named[0] if named in running and named is not None else 0
