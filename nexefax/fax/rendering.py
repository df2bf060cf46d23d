"""Documents of queued faxes become fax TIFFs; whatever goes wrong ends in a sentence or another try."""

from __future__ import annotations

import asyncio
import logging
import time

from nexefax.errors import ChildBroken, ChildError, ChildMissing, DocumentError, JournalError
from nexefax.fax import events, job, records
from nexefax.fax.bookkeeper import Bookkeeper
from nexefax.fax.composing import Composing
from nexefax.fax.convert import Slots, render
from nexefax.fax.drawing import UNDRAWABLE, Drawing, render_settings, resolution_word
from nexefax.fax.fault_log import tell_fault
from nexefax.fax.folders import Folders

log = logging.getLogger("nexefax.fax")

MACHINE_RETRY = 300.0  # seconds until a missing or broken converter or a full disk is tried again
JOURNAL_RETRY = 10.0  # seconds until a journal that can't be written is tried again


class Rendering:
    """Renders one fax at a time for whoever asks; the processors are shared by all."""

    def __init__(self, bookkeeper: Bookkeeper, folders: Folders, drawing: Drawing | None = None) -> None:
        drawing = drawing or Drawing(bookkeeper.config, Slots(bookkeeper.config().general.convert_jobs))
        self._bookkeeper = bookkeeper
        self._folders = folders
        self._composing = Composing(bookkeeper, folders, drawing)
        self._slots = drawing.slots

    async def render(self, fax: records.Fax) -> None:
        """Render a queued fax; it is ready, failed or queued again when this returns.

        Raises nothing but a cancellation: what was rendered is entered when the journal can be written again.
        """
        begun = await self._record(fax.id, events.RenderingBegan())
        if begun is None or begun.fax.state != job.State.RENDERING:
            return
        try:
            event = await self._render(fax)
        except Exception as error:
            tell_fault(error, "fax %d: rendering broke down; trying again", fax.id)
            until = time.time() + MACHINE_RETRY
            event = events.WorkInterrupted(until, "rendering broke down, see the log")
        await self._record(fax.id, event)
        if fax.composition and not isinstance(event, events.WorkInterrupted):
            await self._clear(fax)

    async def _clear(self, fax: records.Fax) -> None:
        try:
            await self._composing.clear(fax)
        except OSError as error:
            log.warning("fax %d: what it was put together from can't be removed: %s", fax.id, error)

    async def _record(self, fax_id: int, event: events.Event) -> job.Step | None:
        while True:
            try:
                return await self._bookkeeper.record(fax_id, event)
            except JournalError as error:
                log.error("fax %d: can't be entered, trying again: %s", fax_id, error)
                await asyncio.sleep(JOURNAL_RETRY)

    async def _render(self, fax: records.Fax) -> events.Event:
        try:
            if fax.composition:
                return await self._composing.compose(fax)
            return await self._render_document(fax)
        except DocumentError as error:
            log.info("fax %d: the document can't be faxed: %s", fax.id, error)
            return events.DocumentRefused(str(error))
        except (ChildMissing, ChildBroken, OSError) as error:
            log.error("fax %d: can't be rendered on this machine, trying again: %s", fax.id, error)
            return events.WorkInterrupted(time.time() + MACHINE_RETRY, f"not rendered yet: {error}")
        except ChildError as error:
            log.error("fax %d: can't be rendered: %s", fax.id, error)
            return events.DocumentRefused(UNDRAWABLE)

    async def _render_document(self, fax: records.Fax) -> events.Event:
        general = self._bookkeeper.config().general
        settings = render_settings(general, self._bookkeeper.config().account(fax.account))
        rendering = await render(
            self._folders.document(fax.id),
            self._folders.fax_tiff(fax.id),
            settings=settings,
            tmp_dir=general.tmp_dir,
            slots=self._slots,
        )
        seconds = sum(page.seconds_at(general.tx_faxopt_maxrate) for page in rendering.pages)
        return events.DocumentRendered(
            len(rendering.pages), resolution_word(settings), seconds, rendering.notes
        )
