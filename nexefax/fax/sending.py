"""Faxes that go out: taken in, rendered, handed to Asterisk, and judged when the call is over."""

from __future__ import annotations

import asyncio
import logging
import time

from nexefax.config import Config
from nexefax.durable import remove_temporaries
from nexefax.errors import DocumentError
from nexefax.fax import events, job, records
from nexefax.fax.accepting import Accepting
from nexefax.fax.bookkeeper import Bookkeeper
from nexefax.fax.calling import Calling
from nexefax.fax.composition import Composition, Part, composed_anew, write_composition
from nexefax.fax.convert.document import recognise
from nexefax.fax.drawing import Drawing
from nexefax.fax.fault_log import tell_fault
from nexefax.fax.folders import Folders
from nexefax.fax.kept_files import documents_of
from nexefax.fax.line_budget import choose
from nexefax.fax.number import clean_number
from nexefax.fax.rendering import Rendering
from nexefax.fax.submission import Accepted, Once, Order, Recipient, Submission

log = logging.getLogger("nexefax.fax")

WATCH_SECONDS = 10.0  # how often running attempts are looked at without a nudge; a few stat() calls each
IDLE_SECONDS = 60.0  # how long the loop sleeps when nothing is due


class Sending:
    """The way out. :meth:`accept` and :meth:`settle` may be called at any time; the rest is run by the worker."""

    def __init__(self, bookkeeper: Bookkeeper, folders: Folders, drawing: Drawing | None = None) -> None:
        self._bookkeeper = bookkeeper
        self._journal = bookkeeper.journal
        self._folders = folders
        self._wake = asyncio.Event()
        self._accepting = Accepting(bookkeeper.journal, folders, bookkeeper.config)
        self._rendering = Rendering(bookkeeper, folders, drawing)
        self._calling = Calling(bookkeeper, folders)
        self._last_call: dict[str, float] = {}  # when each account was given a line
        self._begun: dict[int, asyncio.Task[None]] = {}  # the tasks that render, by fax

    @property
    def _config(self) -> Config:
        return self._bookkeeper.config()

    async def accept(self, submission: Submission) -> int:
        """Take a document in and return its fax's number; it is durable then, and will be sent or fail with a reason.

        Raises NumberError or DocumentError with a sentence for the user, OSError or JournalError when it could not
        be kept.
        """
        clean_number(submission.number)  # before the document is looked at
        await asyncio.to_thread(recognise, submission.document)
        accepted = await self.take(
            Order(
                submission.account,
                submission.user,
                (Recipient(submission.number),),
                {"document": submission.document},
                submission.document_name,
                submission.subject,
                submission.message,
                composition=_with_cover(submission),
                request_id=submission.request_id,
            )
        )
        return accepted.faxes[0]

    async def take(self, order: Order, once: Once | None = None) -> Accepted:
        """Take an order in; see :meth:`nexefax.fax.accepting.Accepting.take`."""
        accepted = await self._accepting.take(order, once)
        self._wake.set()
        return accepted

    async def recover(self) -> None:
        """Begin again what a former run left in the middle."""
        dropped = await asyncio.to_thread(self._folders.drop_unnumbered)
        if dropped:
            log.info("%d half-uploaded documents of a former run removed", dropped)
        for fax in await self._in_state(job.State.RENDERING):
            await asyncio.to_thread(remove_temporaries, self._folders.sent_fax(fax.id))
            await self._bookkeeper.record(fax.id, events.WorkInterrupted())
        await self._calling.recover()

    async def run(self, tasks: asyncio.TaskGroup) -> None:
        """Render and hand over whatever is due, for ever."""
        while True:
            self._wake.clear()
            try:
                await self.start_due(tasks)
                pause = await self._pause()
            except Exception as error:
                tell_fault(error, "the queue can't be worked on; trying again")
                pause = WATCH_SECONDS
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def watch(self) -> None:
        """Look at running attempts every few seconds, for reports that never came, for ever."""
        while True:
            await asyncio.sleep(min(WATCH_SECONDS, self._config.general.sweep_interval))
            try:
                running = await self._in_state(job.State.CALLING)
            except Exception as error:
                tell_fault(error, "running attempts can't be looked at; trying again")
                continue
            for fax in running:
                try:
                    await self.settle(fax.id, fax.attempts)
                except Exception as error:
                    tell_fault(
                        error, "fax %d: attempt %d can't be judged; trying again", fax.id, fax.attempts
                    )
            try:
                await self._calling.clear_away()
            except Exception as error:
                tell_fault(error, "call files of attempts that are over can't be removed; trying again")

    async def start_due(self, tasks: asyncio.TaskGroup) -> None:
        """Start rendering every queued fax and calling for every ready one whose time has come."""
        now = time.time()
        queued = await self._journal.read(lambda c: records.due_faxes(c, job.State.QUEUED, now))
        for fax in queued:
            if fax.id not in self._begun:
                name = f"render fax {fax.id}"
                self._begun[fax.id] = tasks.create_task(self._render(fax), name=name)
        for fax in await self._choose(now):
            try:
                await self._calling.call(fax)
            except Exception as error:  # one fax's fault must not keep the others
                tell_fault(error, "fax %d: its call can't be made; trying again", fax.id)
                await self._calling.defer(fax, error)

    async def _choose(self, now: float) -> list[records.Fax]:
        """Return the ready faxes that there is a line for; the others are told what they wait for."""
        due, calling = await self._journal.read(
            lambda c: (records.due_calls(c, now), records.calls_under_way(c))
        )
        config = self._config

        def lines_of(name: str) -> int:
            account = config.account(name)
            return account.tx_max_calls if account else 0

        choice = choose(
            due, calling, lines=config.general.tx_max_calls, lines_of=lines_of, last_call=self._last_call
        )
        told = {
            fax.fax: choice.wait[fax.fax] for fax in due if fax.reason != choice.wait.get(fax.fax, fax.reason)
        }
        if told:
            await self._journal.write(lambda c: records.set_reasons(c, told))
        self._last_call |= {fax.account: now for fax in due if fax.fax in choice.call}
        return await self._journal.read(lambda c: records.load_faxes(c, choice.call))

    async def cancel(self, fax_id: int, by: str) -> records.Fax | None:
        """Do not send a fax, whoever ``by`` is; its rendering or call ends. None when there is no such fax.

        The fax that is returned is cancelled, or its call is being ended (``cancelled_by``), unless its state says that
        it is too late.
        """
        after = await self._bookkeeper.record(fax_id, events.CancelRequested(by))
        rendering = self._begun.get(fax_id)
        if after is not None and after.fax.state == job.State.CANCELLED and rendering is not None:
            rendering.cancel()
        self._wake.set()
        return await self._journal.read(lambda c: records.load_fax(c, fax_id)) if after else None

    async def retry_now(self, fax_id: int, by: str) -> records.Fax | None:
        """Do not wait for the next try of a fax that waits for one. None when there is no such fax."""
        after = await self._bookkeeper.record(fax_id, events.RetryRequested(by))
        self._wake.set()
        return after.fax if after else None

    async def resend(self, fax_id: int, by: str, number: str = "", request_id: str = "") -> int:
        """Send a fax once more, to ``number`` ("" for the same one), and return the new fax's number.

        The same ``request_id`` does so once, however often it is asked: an answer may be lost on its way.
        Raises KeyError when there is no such fax; DocumentError with a sentence when its document is gone, NumberError;
        OSError or JournalError when it could not be kept.
        """
        fax = await self._journal.read(lambda c: records.load_fax(c, fax_id))
        if fax is None or fax.direction != "out":
            raise KeyError(fax_id)
        account = self._config.account(fax.account)
        if account is None:
            raise DocumentError(f"The account {fax.account} is no longer there.")
        folder = self._folders.sent_fax(fax_id)
        files = {name: folder / name for name in documents_of(fax)}
        if not await asyncio.to_thread(lambda: all(path.is_file() for path in files.values())):
            raise DocumentError(f"The document of fax {fax_id} is no longer kept. Hand it in again.")
        try:
            composition = composed_anew(fax.composition)
        except ValueError as error:
            raise DocumentError(
                f"How fax {fax_id} was put together can't be read. Hand it in again."
            ) from error
        same = not number or clean_number(number) == fax.number
        again = Order(
            account,
            by,
            (Recipient(number or fax.number, fax.to_name if same else ""),),
            files,
            fax.document_name,
            fax.subject,
            fax.message,
            composition=composition,
            request_id=request_id,
            resent_from=fax_id,
        )
        return (await self.take(again)).faxes[0]

    async def settle(self, fax_id: int, attempt: int) -> None:
        """Look at what is known of an attempt and believe it. Safe to call at any time, however often."""
        await self._calling.settle(fax_id, attempt)
        self._wake.set()

    async def _render(self, fax: records.Fax) -> None:
        try:
            await self._rendering.render(fax)
        finally:
            self._begun.pop(fax.id, None)
            self._wake.set()

    async def _in_state(self, state: job.State) -> list[records.Fax]:
        return await self._journal.read(lambda connection: records.faxes_in(connection, state))

    async def _pause(self) -> float:
        now = time.time()
        times = [
            await self._journal.read(lambda c: records.next_due(c, job.State.QUEUED)),
            # one that is due already waits for a line: the end of a call wakes us
            await self._journal.read(lambda c: records.next_due(c, job.State.READY, after=now)),
        ]
        due = min((at for at in times if at is not None), default=None)
        return IDLE_SECONDS if due is None else min(max(due - time.time(), 0.1), IDLE_SECONDS)


def _with_cover(submission: Submission) -> str:
    """The composition of a single document: on top of it a cover page, if the account wants that of every fax."""
    if not submission.account.cover:
        return ""
    return write_composition(Composition((Part("document", submission.document_name),), cover=True))
