"""Letting an outbox work until it has done what is due."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from nexefax.fax.mail_records import Mail, next_mails
from nexefax.fax.outbox import LANES, Outbox
from nexefax.store import Journal

KINDS = frozenset[str]().union(*LANES)


async def next_mail(journal: Journal) -> Mail | None:
    """The letter that is to be delivered next."""
    mails = await journal.read(lambda connection: next_mails(connection, KINDS, time.time(), 1))
    return mails[0] if mails else None


async def nothing_due(journal: Journal) -> None:
    """Wait until no letter is under way and none due."""
    async with asyncio.timeout(30):
        while True:
            await asyncio.sleep(0.005)
            busy = any(task.get_name().startswith("mail ") for task in asyncio.all_tasks())
            mail = await next_mail(journal)
            if not busy and not (mail and mail.is_due(time.time())):
                return


async def deliver_due(outbox: Outbox, journal: Journal) -> None:
    """Run the outbox as long as there is something to do."""
    running = asyncio.create_task(outbox.run())
    await nothing_due(journal)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
