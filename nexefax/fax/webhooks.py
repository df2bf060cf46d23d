"""Webhooks: the programs of others are told what became of a fax, and told again until they have taken it."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from nexefax.config import Config
from nexefax.errors import HookError, JournalError
from nexefax.fax import records, webhook_records
from nexefax.fax.fault_log import tell_fault
from nexefax.fax.outbox import IDLE_SECONDS, JOURNAL_RETRY, delay_after
from nexefax.fax.webhook_call import call_hook, in_own_thread
from nexefax.fax.webhook_records import Call
from nexefax.store import Journal

log = logging.getLogger("nexefax.webhooks")

GIVEN_UP_SECONDS = 3 * 86_400.0
LEAST_TRIES = 5  # before anything is given up: NexeFax itself may have been down for days
PUT_OFF = 30.0  # seconds that an account's other calls wait when one of them failed
MOST_AT_ONCE = 16  # calls of as many accounts; each has a thread meanwhile


class Webhooks:
    """Makes the calls that wait, an account's one after another, those of several accounts side by side."""

    def __init__(self, journal: Journal, config: Callable[[], Config]) -> None:
        self._journal = journal
        self._config = config
        self._wake = asyncio.Event()
        self._busy: set[str] = set()
        self._slots = asyncio.Semaphore(MOST_AT_ONCE)

    def wake(self) -> None:
        """Look at once: there is something to tell."""
        self._wake.set()

    async def hasten(self) -> None:
        """Make all calls that wait due now. Raises JournalError."""
        await self._journal.write(lambda connection: webhook_records.hasten_calls(connection, time.time()))
        self.wake()

    async def run(self) -> None:
        """Call for ever."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._wake.clear()
                pause = IDLE_SECONDS
                try:
                    for account, calls in (await self._due()).items():
                        self._busy.add(account)
                        tasks.create_task(self._tell(account, calls), name=f"webhook {account}")
                    times = await self._journal.read(webhook_records.next_calls)
                    waiting = [at for account, at in times.items() if account not in self._busy]
                    pause = min([IDLE_SECONDS, *(max(at - time.time(), 0.1) for at in waiting)])
                except Exception as error:
                    tell_fault(error, "the webhooks can't be read; trying again")
                try:
                    async with asyncio.timeout(pause):
                        await self._wake.wait()
                except TimeoutError:
                    continue

    async def _due(self) -> dict[str, list[Call]]:
        """The calls that are due, by their account; without accounts that are being told already."""
        now = time.time()
        # Seen before the journal is: a call that is taken meanwhile may still be read as waiting.
        busy = frozenset(self._busy)
        found: dict[str, list[Call]] = {}
        for call in await self._journal.read(lambda connection: webhook_records.due_calls(connection, now)):
            account = call.account.casefold()
            if account not in busy:
                found.setdefault(account, []).append(call)
        return found

    async def _tell(self, account: str, calls: Iterable[Call]) -> None:
        """Make calls of one account, until one fails: the others would fail as well, and wait a little."""
        left = [*calls]
        is_through = True
        try:
            while left and is_through:
                call = left.pop(0)
                async with self._slots:
                    is_through = await self._try(call)
            if left:
                ids, until = [other.id for other in left], time.time() + PUT_OFF
                await self._journal.write(lambda connection: webhook_records.put_off(connection, ids, until))
        except Exception as error:
            tell_fault(error, "the webhook of account %s could not be served", account)
            await asyncio.sleep(JOURNAL_RETRY)
        finally:
            self._busy.discard(account)
            self.wake()

    async def _try(self, call: Call) -> bool:
        """Make one call; False when the hook is out of order, so that further calls are of no use now."""
        account = self._config().account(call.account)
        tried = replace(call, attempts=call.attempts + 1)
        if account is None or not account.webhook_url:
            await self._give_up(call, "the account has no webhook_url any more")
            return True
        url, secret, body = account.webhook_url, account.webhook_secret, call.body.encode()
        try:
            status = await in_own_thread(
                lambda: call_hook(url, secret, call.delivery, call.event, body), f"webhook {call.id}"
            )
        except HookError as error:
            return await self._put_off(tried, str(error))
        if 200 <= status < 300:
            log.info("fax %d: the webhook took %s", call.fax, call.event)
            await self._end(replace(tried, state="accepted", error=""))
            if tried.attempts > 1:  # it is in order again: what waits for it need not wait its time out
                await self._journal.write(
                    lambda c: webhook_records.hasten_calls(c, time.time(), call.account)
                )
            return True
        if status == 410:
            await self._give_up(tried, "the webhook answers 410: nothing is wanted there any more")
            return True
        hint = (
            "; redirects are not followed, so webhook_url must name the new address" if status < 400 else ""
        )
        return await self._put_off(tried, f"the webhook answers {status}{hint}")

    async def _put_off(self, call: Call, reason: str) -> bool:
        if time.time() - call.created > GIVEN_UP_SECONDS and call.attempts >= LEAST_TRIES:
            await self._give_up(call, reason)
            return False
        delay = delay_after(call.attempts)
        log.warning("fax %d: %s not told, next try in %d s: %s", call.fax, call.event, delay, reason)
        now = time.time()
        put_off = replace(call, error=reason, changed=now, next_try=now + delay)
        await self._journal.write(lambda connection: webhook_records.save_call(connection, put_off))
        return False

    async def _give_up(self, call: Call, reason: str) -> None:
        log.error("fax %d: %s is not told to anybody: %s", call.fax, call.event, reason)
        await self._end(
            replace(call, state="refused", error=reason),
            f"the webhook could not be told ({call.event}): {reason}",
        )

    async def _end(self, call: Call, text: str = "") -> None:
        """Close a call; what it said is in the fax. A journal that can't be written is waited for: it would be made
        again and again."""
        now = time.time()
        ended = replace(call, body="", changed=now)

        def change(connection: sqlite3.Connection) -> None:
            webhook_records.save_call(connection, ended)
            if text and records.load_fax(connection, call.fax) is not None:
                records.add_event(connection, call.fax, now, text)

        while True:
            try:
                await self._journal.write(change)
            except JournalError as error:
                log.error(
                    "fax %d: its webhook is %s, but that can't be noted: %s", call.fax, call.state, error
                )
                await asyncio.sleep(JOURNAL_RETRY)
            else:
                return
