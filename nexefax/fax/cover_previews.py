"""The cover pages of drafts, drawn in the background for the first recipient."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nexefax.config import Account
from nexefax.errors import ChildError, DocumentError
from nexefax.fax.convert import RenderSettings
from nexefax.fax.drawing import Drawing
from nexefax.fax.fault_log import tell_fault
from nexefax.fax.renditions import Place, Rendition, other_covers

if TYPE_CHECKING:
    from nexefax.fax.cover import CoverFacts

log = logging.getLogger("nexefax.fax")

RETRY_SECONDS: Final = 30.0  # until a cover is tried again that could not be drawn
NOT_NOW: Final = "The cover page can't be drawn at the moment. The fax can be sent all the same."

Start = Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None] | None]


@dataclass(frozen=True, slots=True)
class CoverView:
    """A cover page as far as it is known; ``final``: there will be none, for the reason that ``problem`` says."""

    place: Place | None = None
    drawn: Rendition | None = None
    problem: str = ""
    final: bool = False
    busy: bool = False


@dataclass(frozen=True, slots=True)
class _Failure:
    place: Place
    sentence: str
    final: bool
    again: float


class CoverPreviews:
    """``start`` begins a task that somebody owns; None when nobody does yet."""

    def __init__(self, drawing: Drawing, start: Start) -> None:
        self._drawing = drawing
        self._start = start
        self._jobs: dict[Path, tuple[Place, asyncio.Task[None]]] = {}
        self._failures: dict[Path, _Failure] = {}

    async def look(
        self, folder: Path, account: Account, facts: CoverFacts, settings: RenderSettings
    ) -> CoverView:
        """What is known of the cover page of the draft in ``folder``; it is drawn from now on unless it is there."""
        place = await self._drawing.cover_place(folder, account, facts, settings)
        drawn = await asyncio.to_thread(place.load)
        if drawn is not None:
            return CoverView(place, drawn)
        now = asyncio.get_running_loop().time()
        failure = self._failures.get(folder)
        if failure is not None and failure.place == place and failure.again > now:
            return CoverView(place, problem=failure.sentence, final=failure.final, busy=not failure.final)
        running = self._jobs.get(folder)
        if running is None or running[0] != place:
            before = running[1] if running is not None else None
            if before is not None:
                before.cancel()  # something on it is different by now
            draw = partial(self._drawing.cover, folder, account, facts, settings)
            work = self._draw(folder, place, draw, before)
            task = self._start(work, f"cover of draft {folder.name}")
            if task is None:
                return CoverView(place)
            self._jobs[folder] = (place, task)
        return CoverView(place, busy=True)

    def problem(self, place: Place) -> str:
        """Why there will be no cover page at ``place``, as far as was tried; "" when there may be one."""
        failure = self._failures.get(place.folder)
        return failure.sentence if failure is not None and failure.place == place and failure.final else ""

    async def stop(self, folder: Path) -> None:
        """Draw no more for this draft; nothing of ours writes there when this returns."""
        running = self._jobs.get(folder)
        if running is not None:
            running[1].cancel()
            await asyncio.wait([running[1]])
        self._failures.pop(folder, None)

    async def _draw(
        self,
        folder: Path,
        place: Place,
        draw: Callable[[], Awaitable[Rendition]],
        before: asyncio.Task[None] | None,
    ) -> None:
        self._failures.pop(folder, None)
        try:
            if before is not None:
                await asyncio.wait([before])
            await draw()
            await asyncio.to_thread(_remove_others, folder, place)
        except DocumentError as error:
            self._fail(folder, place, str(error), final=True)
        except (ChildError, OSError) as error:
            log.error("a cover page can't be drawn, trying again: %s", error)
            self._fail(folder, place, NOT_NOW, final=False)
        except Exception as error:
            tell_fault(error, "a cover page can't be drawn; trying again")
            self._fail(folder, place, NOT_NOW, final=False)
        finally:
            if (job := self._jobs.get(folder)) is not None and job[0] == place:
                del self._jobs[folder]

    def _fail(self, folder: Path, place: Place, sentence: str, *, final: bool) -> None:
        again = asyncio.get_running_loop().time() + RETRY_SECONDS
        self._failures[folder] = _Failure(place, sentence, final, again)


def _remove_others(folder: Path, place: Place) -> None:
    """Remove covers that nobody wants any more: each letter typed makes another one."""
    for path in other_covers(folder, place):
        with suppress(FileNotFoundError):
            path.unlink()
