"""The outbox: every letter is tried until the mail server takes it, or says that it never will."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Final

from nexefax.errors import JournalError, MailDelayed, MailRefused, MailServerDown
from nexefax.fax import events, mail_records, records
from nexefax.fax.bookkeeper import Bookkeeper
from nexefax.fax.commands import Letter
from nexefax.fax.fault_log import tell_fault

log = logging.getLogger("nexefax.mail")

FIRST_DELAY = 30.0  # seconds; doubled with each try
LONGEST_DELAY = (
    86_400.0  # what is wrong for so long is mended by somebody, who restarts, reloads or sends a fax
)
JOURNAL_RETRY = 10.0  # seconds until a journal that can't be written is tried again
IDLE_SECONDS = 60.0  # how long a lane sleeps when nothing is due

# What brings a fax never waits for a notice: those of success take a second each for their report.
LANES: Final = (frozenset((Letter.RECEIVED, Letter.FORWARDED)), frozenset((Letter.SENT, Letter.FAILED)))
AT_ONCE = 2  # letters of a lane that are under way side by side, so that one that a server lets wait holds up no other


def delay_after(attempts: int) -> float:
    """Return the seconds to wait after ``attempts`` tries, with jitter so that a queue does not come all at once.

    Jitter only shortens: nothing waits longer than a day.
    """
    delay: float = min(FIRST_DELAY * 2 ** min(attempts - 1, 16), LONGEST_DELAY)
    return delay * random.uniform(0.8, 1.0)  # noqa: S311  # jitter, no secret


@dataclass(slots=True)
class _Lane:
    """Letters of some kinds, which wait for nobody but each other; the ids of those that are under way."""

    kinds: frozenset[str]
    under_way: set[int] = field(default_factory=set)
    wake: asyncio.Event = field(default_factory=asyncio.Event)


class Outbox:
    """Delivers due letters, a few at a time. ``deliver`` builds and sends the letter of (mail, fax)."""

    def __init__(
        self,
        bookkeeper: Bookkeeper,
        deliver: Callable[[mail_records.Mail, records.Fax], Awaitable[None]],
    ) -> None:
        self._bookkeeper = bookkeeper
        self._journal = bookkeeper.journal
        self._deliver = deliver
        self._lanes = [_Lane(kinds) for kinds in LANES]
        self._server_is_down = False

    def wake(self) -> None:
        """Look at once: a letter was written."""
        for lane in self._lanes:
            lane.wake.set()

    async def run(self) -> None:
        """Deliver for ever."""
        async with asyncio.TaskGroup() as tasks:
            for lane in self._lanes:
                tasks.create_task(self._run_lane(lane, tasks))

    async def _run_lane(self, lane: _Lane, tasks: asyncio.TaskGroup) -> None:
        while True:
            lane.wake.clear()
            pause = IDLE_SECONDS
            try:
                pause = await self._start_due(lane, tasks)
            except Exception as error:
                tell_fault(error, "the outbox can't be read; trying again")
            try:
                async with asyncio.timeout(pause):
                    await lane.wake.wait()
            except TimeoutError:
                continue

    async def _start_due(self, lane: _Lane, tasks: asyncio.TaskGroup) -> float:
        """Start as many due letters as may be under way; return the seconds until the next one is due."""
        now = time.time()
        # Seen before the journal is: one that ends meanwhile may still be read as waiting.
        under_way = frozenset(lane.under_way)
        waiting = await self._journal.read(
            lambda connection: mail_records.next_mails(
                connection, lane.kinds, now, len(under_way) + AT_ONCE + 1
            )
        )
        for mail in waiting:
            if mail.id in under_way:
                continue
            if not mail.is_due(now):
                return min(max(mail.next_try - time.time(), 0.1), IDLE_SECONDS)
            if len(lane.under_way) >= AT_ONCE:  # whichever ends wakes the lane
                break
            lane.under_way.add(mail.id)
            tasks.create_task(self._carry(lane, mail), name=f"mail {mail.id}")
        return IDLE_SECONDS

    async def _carry(self, lane: _Lane, mail: mail_records.Mail) -> None:
        try:
            await self._try(mail)
        except Exception as error:
            tell_fault(error, "fax %d: what became of its mail can't be noted", mail.fax)
            await asyncio.sleep(IDLE_SECONDS)
        finally:
            lane.under_way.discard(mail.id)
            lane.wake.set()

    async def _try(self, mail: mail_records.Mail) -> None:
        fax = await self._journal.read(lambda connection: records.load_fax(connection, mail.fax))
        if fax is None:  # the foreign key deletes letters with their fax; between two reads it may go
            return
        attempt = replace(mail, attempts=mail.attempts + 1)
        try:
            await self._deliver(attempt, fax)
        except MailRefused as error:
            log.error("fax %d: the mail server refuses the mail for good: %s", fax.id, error)
            refused = replace(attempt, state="refused", error=str(error))
            await self._end(refused, events.MailRefused(f"the mail was refused: {error}"))
        except MailDelayed as error:
            self._server_is_down |= isinstance(error, MailServerDown)
            await self._delay(attempt, fax, str(error))
        except Exception as error:
            tell_fault(error, "fax %d: its mail could not be written", fax.id)
            await self._delay(attempt, fax, repr(error))
        else:
            log.info("fax %d: mail accepted (%s)", fax.id, mail.kind)
            await self._end(replace(attempt, state="accepted", error=""), events.MailAccepted())
            if self._server_is_down or attempt.attempts > 1:
                # The server is back: what waits for it need not wait its time out. Not at every mail that goes well:
                # one whose recipient's mailbox is full would be tried each time.
                self._server_is_down = False
                await self._journal.write(
                    lambda connection: mail_records.hasten_mails(connection, time.time())
                )
                self.wake()

    async def _end(self, mail: mail_records.Mail, event: events.MailAccepted | events.MailRefused) -> None:
        """Close a letter; a received fax ends with it, in the same transaction.

        A journal that can't be written is waited for: a letter that was accepted would be sent again and again.
        """
        ended = replace(mail, changed=time.time())
        while True:
            try:
                if mail.kind != Letter.RECEIVED:
                    await self._save(mail)
                else:
                    await self._bookkeeper.record(
                        mail.fax,
                        event,
                        also=lambda connection, _fax: mail_records.save_mail(connection, ended),
                    )
            except JournalError as error:
                log.error("fax %d: its mail is %s, but that can't be noted: %s", mail.fax, mail.state, error)
                _pass_cancellation_on()
                await asyncio.sleep(JOURNAL_RETRY)
            else:
                return

    async def _delay(self, mail: mail_records.Mail, fax: records.Fax, reason: str) -> None:
        delay = delay_after(mail.attempts)
        log.warning("fax %d: mail not delivered, next try in %d s: %s", fax.id, delay, reason)
        await self._save(replace(mail, error=reason, next_try=time.time() + delay))

    async def _save(self, mail: mail_records.Mail) -> None:
        changed = replace(mail, changed=time.time())
        await self._journal.write(lambda connection: mail_records.save_mail(connection, changed))


def _pass_cancellation_on() -> None:
    """End this task when it was cancelled meanwhile.

    aiosmtplib uses ``asyncio.wait_for``, which before Python 3.12 forgets a cancellation that comes together with the
    result (cpython issue 86296); the daemon would then wait for ever for this task to end.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
