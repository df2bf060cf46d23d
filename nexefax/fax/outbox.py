"""The outbox: every letter is tried until the mail server takes it, or says that it never will."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

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
IDLE_SECONDS = 60.0  # how long the loop sleeps when nothing is due


def delay_after(attempts: int) -> float:
    """Return the seconds to wait after ``attempts`` tries, with jitter so that a queue does not come all at once.

    Jitter only shortens: nothing waits longer than a day.
    """
    delay: float = min(FIRST_DELAY * 2 ** min(attempts - 1, 16), LONGEST_DELAY)
    return delay * random.uniform(0.8, 1.0)  # noqa: S311  # jitter, no secret


class Outbox:
    """Delivers due letters one after another. ``deliver`` builds and sends the letter of (mail, fax)."""

    def __init__(
        self,
        bookkeeper: Bookkeeper,
        deliver: Callable[[mail_records.Mail, records.Fax], Awaitable[None]],
    ) -> None:
        self._bookkeeper = bookkeeper
        self._journal = bookkeeper.journal
        self._deliver = deliver
        self._wake = asyncio.Event()
        self._server_is_down = False

    def wake(self) -> None:
        """Look at once: a letter was written."""
        self._wake.set()

    async def run(self) -> None:
        """Deliver for ever."""
        while True:
            self._wake.clear()
            pause = IDLE_SECONDS
            try:
                await self.deliver_due()
                due = await self._journal.read(mail_records.next_mail)
                if due is not None:
                    pause = min(max(due - time.time(), 0.1), IDLE_SECONDS)
            except Exception as error:
                tell_fault(error, "the outbox can't be read; trying again")
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def deliver_due(self) -> None:
        """Deliver the letters that are due now: all, or until there are new ones, which may be more urgent."""
        now = time.time()
        for mail in await self._journal.read(lambda connection: mail_records.due_mails(connection, now)):
            await self._try(mail)
            _pass_cancellation_on()
            if self._wake.is_set():
                return

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
                self._wake.set()

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
