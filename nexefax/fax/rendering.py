"""Documents of queued faxes become fax TIFFs; whatever goes wrong ends in a sentence or another try."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Final

from nexefax.config import Account, General
from nexefax.errors import ChildBroken, ChildError, ChildMissing, DocumentError, JournalError
from nexefax.fax import events, job, records
from nexefax.fax.bookkeeper import Bookkeeper
from nexefax.fax.convert import RenderSettings, Resolution, Slots, render
from nexefax.fax.convert.tone import Halftone
from nexefax.fax.fault_log import tell_fault
from nexefax.fax.folders import Folders

log = logging.getLogger("nexefax.fax")

MACHINE_RETRY = 300.0  # seconds until a missing or broken converter or a full disk is tried again
JOURNAL_RETRY = 10.0  # seconds until a journal that can't be written is tried again

_HALFTONES: Final[dict[str, Halftone]] = {"auto": "auto", "text": "text", "photo": "photo"}


class Rendering:
    """Renders one fax at a time for whoever asks; the processors are shared by all."""

    def __init__(self, bookkeeper: Bookkeeper, folders: Folders) -> None:
        self._bookkeeper = bookkeeper
        self._folders = folders
        self._slots = Slots(bookkeeper.config().general.convert_jobs)

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

    async def _record(self, fax_id: int, event: events.Event) -> job.Step | None:
        while True:
            try:
                return await self._bookkeeper.record(fax_id, event)
            except JournalError as error:
                log.error("fax %d: can't be entered, trying again: %s", fax_id, error)
                await asyncio.sleep(JOURNAL_RETRY)

    async def _render(self, fax: records.Fax) -> events.Event:
        general = self._bookkeeper.config().general
        settings = render_settings(general, self._bookkeeper.config().account(fax.account))
        try:
            rendering = await render(
                self._folders.document(fax.id),
                self._folders.fax_tiff(fax.id),
                settings=settings,
                tmp_dir=general.tmp_dir,
                slots=self._slots,
            )
        except DocumentError as error:
            log.info("fax %d: the document can't be faxed: %s", fax.id, error)
            return events.DocumentRefused(str(error))
        except (ChildMissing, ChildBroken, OSError) as error:
            log.error("fax %d: can't be rendered on this machine, trying again: %s", fax.id, error)
            return events.WorkInterrupted(time.time() + MACHINE_RETRY, f"not rendered yet: {error}")
        except ChildError as error:
            log.error("fax %d: can't be rendered: %s", fax.id, error)
            return events.DocumentRefused("The document could not be turned into fax pages.")
        seconds = sum(page.seconds_at(general.tx_faxopt_maxrate) for page in rendering.pages)
        return events.DocumentRendered(
            len(rendering.pages), settings.resolution.name.lower(), seconds, rendering.notes
        )


def render_settings(general: General, account: Account | None) -> RenderSettings:
    """Return how an account's documents are rendered: as the account says, else as the installation does."""
    return RenderSettings(
        resolution=Resolution[((account and account.tx_resolution) or general.tx_resolution).upper()],
        fit="width" if ((account and account.tx_fit) or general.tx_fit) == "width" else "size",
        halftone=_HALFTONES[(account and account.tx_halftone) or general.tx_halftone],
        max_pages=general.tx_max_pages,
        page_minutes=general.tx_page_minutes,
        timeout=general.convert_timeout,
    )
