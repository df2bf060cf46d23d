"""The worker: sending, receiving and the outbox under one roof, for the web page, FastAGI and the daemon."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from nexefax.config import Config
from nexefax.durable import write_file
from nexefax.fax import events, forwarding, mail_records, records
from nexefax.fax.bookkeeper import Bookkeeper
from nexefax.fax.convert import Slots
from nexefax.fax.desk import Desk
from nexefax.fax.drawing import Drawing
from nexefax.fax.fault_log import tell_fault
from nexefax.fax.folders import Folders, attempt_of, read_outcome, with_suffix
from nexefax.fax.free_space import SpaceWatch, require_space
from nexefax.fax.letters import Letters
from nexefax.fax.mending import Mending, Repair
from nexefax.fax.outbox import Outbox
from nexefax.fax.outcome import Outcome, outcome_line
from nexefax.fax.page_images import PageImages
from nexefax.fax.receiving import Receiving
from nexefax.fax.retention import Retention
from nexefax.fax.sending import Sending
from nexefax.fax.submission import Submission
from nexefax.fax.webhooks import Webhooks
from nexefax.store import Journal

log = logging.getLogger("nexefax.fax")

MAX_NUDGES = (
    1_000  # reports waiting to be looked at; more are dropped, since the watch looks at every attempt anyway
)


class Worker:
    """Owns every fax. ``config`` returns the configuration as it is now."""

    def __init__(self, journal: Journal, config: Callable[[], Config]) -> None:
        self._journal = journal
        self._config = config
        self._folders = Folders(config().general.data_dir)
        self._bookkeeper = Bookkeeper(journal, config, self._wake_outbox)
        drawing = Drawing(config, Slots(config().general.convert_jobs))
        self._sending = Sending(self._bookkeeper, self._folders, drawing)
        #: Where faxes are composed.
        self.desk = Desk(journal, self._folders, config, drawing, self._sending.take)
        self._receiving = Receiving(self._bookkeeper, self._folders)
        #: The pictures and PDFs of pages; the page shows the same ones.
        self.images = PageImages(config)
        letters = Letters(journal, self._folders, config, self.images)
        self._outbox = Outbox(self._bookkeeper, letters.deliver)
        self._webhooks = Webhooks(journal, config)
        self._bookkeeper.webhook_written = self._webhooks.wake
        self._retention = Retention(journal, self._folders, config, also=[self.desk.drafts.forget_old])
        self._space = SpaceWatch(lambda: config().general)
        self._mending = Mending(
            self._bookkeeper, self._folders, self._sending, self._receiving, self.retry_now
        )
        self._nudges: asyncio.Queue[tuple[int, int]] = asyncio.Queue(MAX_NUDGES)

    async def recover(self) -> None:
        """Make the folders and begin again what a former run left in the middle; call it once, before :meth:`run`."""
        await asyncio.to_thread(self._folders.prepare)
        # A new or restored journal must not give a number away that has a folder: its old TIFF would be taken for new.
        highest = await asyncio.to_thread(self._folders.highest_number)
        await self._journal.write(lambda connection: records.skip_numbers(connection, highest))
        await self._journal.write(lambda connection: mail_records.hasten_mails(connection, time.time()))
        await self._webhooks.hasten()
        await self.desk.drafts.recover()
        await self._sending.recover()
        await self._receiving.recover()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._sending.run(tasks), name="sending")
            tasks.create_task(self._sending.watch(), name="watch")
            tasks.create_task(self._receiving.run(), name="receiving")
            tasks.create_task(self.desk.run(), name="previews")
            tasks.create_task(self._outbox.run(), name="outbox")
            tasks.create_task(self._webhooks.run(), name="webhooks")
            tasks.create_task(self._settle_nudged(), name="reports")
            tasks.create_task(self._space.run(), name="free space")
            tasks.create_task(self._retention.run(), name="retention")

    async def accept(self, submission: Submission) -> int:
        """Take a document in; see :meth:`nexefax.fax.sending.Sending.accept`. Raises SpaceError without room for it."""
        await require_space(self._config().general)
        return await self._sending.accept(submission)

    async def cancel(self, fax_id: int, by: str) -> records.Fax | None:
        """Do not send a fax; see :meth:`nexefax.fax.sending.Sending.cancel`."""
        return await self._sending.cancel(fax_id, by)

    async def retry_now(self, fax_id: int, by: str) -> records.Fax | None:
        """Do not wait for the next try of a fax, nor of its letters, also of refused ones. None when there is none."""
        fax = await self._sending.retry_now(fax_id, by)
        self._receiving.nudge()
        letters = await self._journal.read(lambda c: mail_records.mails_of(c, fax_id))
        if fax is not None and letters:
            await self._bookkeeper.record(
                fax_id,
                events.LetterTakenUp(),
                also=lambda connection, after: mail_records.requeue_mails(connection, after.id, time.time()),
            )
            self._outbox.wake()
        return await self._journal.read(lambda c: records.load_fax(c, fax_id))

    async def resend(self, fax_id: int, by: str, number: str = "", request_id: str = "") -> int:
        """Send a fax once more; see :meth:`nexefax.fax.sending.Sending.resend`. Raises SpaceError without room."""
        await require_space(self._config().general)
        return await self._sending.resend(fax_id, by, number, request_id)

    async def mend(self, repair: Repair) -> None:
        """Carry out what `nexefax doctor` wants; see :meth:`nexefax.fax.mending.Mending.mend`. Raises RepairError."""
        await self._mending.mend(repair)
        self._outbox.wake()

    async def forward(
        self, fax_id: int, addresses: Sequence[str], *, note: str, by: str, request_id: str = ""
    ) -> records.Fax | None:
        """Mail a fax to others; see :func:`nexefax.fax.forwarding.forward`."""
        fax = await forwarding.forward(
            self._bookkeeper, fax_id, addresses, note=note, by=by, request_id=request_id
        )
        self._outbox.wake()
        return fax

    async def accounts_changed(self) -> None:
        """The configuration was reloaded: deliver what was kept for accounts that are there now, and try all mails
        and webhooks.

        Whoever has mended their options does not want to wait for the next try.
        """
        await self._receiving.look_for_accounts()
        await self._journal.write(lambda connection: mail_records.hasten_mails(connection, time.time()))
        self._outbox.wake()
        await self._webhooks.hasten()

    def nudge_received(self) -> None:
        """A call has ended: look into the spool."""
        self._receiving.nudge()

    def nudge_sent(self, fax: int, attempt: int) -> None:
        """An attempt has left its outcome file: look at it."""
        try:
            self._nudges.put_nowait((fax, attempt))
        except asyncio.QueueFull:
            log.warning(
                "fax %d: too many reports at once; attempt %d is looked at by the watch", fax, attempt
            )

    async def receive_reported(self, unique_id: str, outcome: Outcome) -> None:
        """A dialplan without outcome files reports the end of a received call."""
        await self._receiving.report(unique_id, outcome)

    async def send_reported(self, file: str, account: str, outcome: Outcome) -> None:
        """A dialplan without outcome files reports the end of an attempt by the path of its TIFF.

        Only the TIFF of an attempt in the journal, of the same account, is acted on; the path itself is never opened.
        """
        named = attempt_of(self._folders, file)
        fax = await self._journal.read(lambda c: records.load_fax(c, named[0])) if named else None
        if named is None or fax is None:
            log.warning("a report names %r, which is no fax of ours; ignored", file[:200])
            return
        if account and account.casefold() != fax.account.casefold():
            log.warning("fax %d: a report for it came from account %r; ignored", fax.id, account)
            return
        path = with_suffix(self._folders.stem(*named), ".outcome")
        await asyncio.to_thread(_write_unless_there, path, outcome)
        self.nudge_sent(*named)

    def _wake_outbox(self) -> None:
        self._outbox.wake()

    async def _settle_nudged(self) -> None:
        while True:
            fax, attempt = await self._nudges.get()
            try:
                await self._sending.settle(fax, attempt)
            except Exception as error:
                tell_fault(
                    error,
                    "fax %d: the report of attempt %d can't be judged; the watch tries again",
                    fax,
                    attempt,
                )


def _write_unless_there(path: Path, outcome: Outcome) -> None:
    if path.parent.is_dir() and read_outcome(path) is None:
        write_file(path, outcome_line(outcome))
