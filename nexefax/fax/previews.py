"""Drafts' pages, drawn in the background while somebody composes: what is shown of them is what will be dialled."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from nexefax.errors import ChildError, DocumentError
from nexefax.fax.composition import PLAIN, Wish
from nexefax.fax.convert import RenderedPage, RenderSettings
from nexefax.fax.drawing import Drawing, resolution_word
from nexefax.fax.fault_log import tell_fault
from nexefax.fax.renditions import Rendition, page_place, remove_renditions, whole_place

log = logging.getLogger("nexefax.fax")

MACHINE_RETRY: Final = 30.0  # seconds until a preview is tried again that this machine could not draw
NOT_NOW: Final = "The preview can't be drawn at the moment. The fax can be sent all the same."

State = Literal["rendering", "ready", "refused"]


@dataclass(frozen=True, slots=True)
class PageView:
    """A page that is known: ``page`` from 1; ``drawn`` and its place (``tiff``, ``at`` from 1) once it is ready."""

    page: int
    wish: Wish
    drawn: RenderedPage | None = None
    tiff: Path | None = None
    at: int = 0


@dataclass(frozen=True, slots=True)
class DocumentView:
    """What is known of a document. ``count`` is its pages' number, None before all are known; ``busy``: there is more
    to come; ``reason`` says why it is refused, or why nothing comes."""

    state: State
    pages: tuple[PageView, ...] = ()
    count: int | None = None
    reason: str = ""
    notes: tuple[str, ...] = ()
    busy: bool = False


@dataclass(eq=False, slots=True)
class _Job:
    """One document that is being drawn: what is wanted of it, and the pages that are there before the whole is."""

    settings: RenderSettings
    wishes: Mapping[int, Wish]
    task: asyncio.Task[None] | None = None
    early: dict[int, tuple[RenderedPage, Path, int]] = field(default_factory=dict)


class Previews:
    """Draws documents of drafts. Give :meth:`run` a task of its own: it owns all that is drawn."""

    def __init__(self, drawing: Drawing) -> None:
        self._drawing = drawing
        self._jobs: dict[Path, _Job] = {}
        self._failed: dict[Path, float] = {}
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Let documents be drawn, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            try:
                await asyncio.Event().wait()
            finally:
                self._tasks = None

    def start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None] | None:
        """Have something else drawn for a draft; None when nothing is drawn now."""
        if self._tasks is None:
            work.close()
            return None
        return self._tasks.create_task(work, name=name)

    async def look(
        self, document: Path, settings: RenderSettings, wishes: Mapping[int, Wish]
    ) -> DocumentView:
        """What is known of a document now; what is missing is drawn from now on."""
        word = resolution_word(settings)
        whole = await asyncio.to_thread(whole_place(document, word).load)
        if whole is not None and whole.refused:
            return DocumentView("refused", reason=whole.refused)
        if whole is not None:
            there = {page.number for page in whole.pages}
            wishes = {page: wish for page, wish in wishes.items() if page in there}
        changed = await asyncio.to_thread(_changed, document, word, wishes)
        if whole is None or any(rendition is None for rendition in changed.values()):
            self._want(document, settings, wishes)
        job = self._jobs.get(document)
        if whole is None and job is None:
            whole = await asyncio.to_thread(whole_place(document, word).load)  # ready a moment ago
        known: dict[int, tuple[RenderedPage, Path, int]] = {}
        if whole is not None:
            known = {page.number: (page, whole.tiff, at) for at, page in enumerate(whole.pages, 1)}
        elif job is not None and job.settings == settings:
            known = dict(job.early)
        pages, said = [], []
        for number in sorted(known):
            wish = wishes.get(number, PLAIN)
            if not wish.changes:
                pages.append(PageView(number, wish, *known[number]))
                continue
            rendition = changed.get(number)
            if rendition is None or rendition.refused:
                pages.append(PageView(number, wish))
                said += [rendition.refused] if rendition is not None else []
            else:
                pages.append(PageView(number, wish, rendition.pages[0], rendition.tiff, 1))
        failed = document in self._failed and job is None
        return DocumentView(
            "rendering" if whole is None else "ready",
            tuple(pages),
            None if whole is None else len(whole.pages),
            NOT_NOW if failed else "",
            (*(whole.notes if whole else ()), *said),
            busy=failed or job is not None,
        )

    def _want(self, document: Path, settings: RenderSettings, wishes: Mapping[int, Wish]) -> None:
        """Have a document drawn so, unless that is under way, or has just failed."""
        job = self._jobs.get(document)
        if job is not None and job.settings == settings:
            job.wishes = wishes
            return
        now = asyncio.get_running_loop().time()
        if self._failed.get(document, now) > now:
            return
        self._failed.pop(document, None)
        before = job.task if job is not None else None
        if before is not None:
            before.cancel()  # another resolution: nobody waits for this one any more
        wanted = _Job(settings, wishes)
        self._jobs[document] = wanted
        wanted.task = self.start(
            self._draw(document, wanted, before), f"preview {document.parent.name}/{document.name}"
        )
        if wanted.task is None:
            del self._jobs[document]

    async def stop(self, documents: Sequence[Path]) -> None:
        """Draw no more of these documents; nothing of ours writes beside them when this returns."""
        running = [job.task for path in documents if (job := self._jobs.get(path)) and job.task]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
        for path in documents:
            self._failed.pop(path, None)

    async def _draw(self, document: Path, job: _Job, before: asyncio.Task[None] | None) -> None:
        try:
            if before is not None:
                await asyncio.wait([before])
            await self._draw_all(document, job)
        except (DocumentError, ChildError, OSError) as error:
            log.error("the preview of %s can't be drawn, trying again: %s", document, error)
            self._failed[document] = asyncio.get_running_loop().time() + MACHINE_RETRY
        except Exception as error:
            tell_fault(error, "the preview of %s broke down; trying again", document)
            self._failed[document] = asyncio.get_running_loop().time() + MACHINE_RETRY
        finally:
            if self._jobs.get(document) is job:
                del self._jobs[document]
            await asyncio.shield(asyncio.to_thread(_remove_early, job))

    async def _draw_all(self, document: Path, job: _Job) -> None:
        async def keep(tiff: Path, pages: Sequence[RenderedPage]) -> None:
            kept = document.with_name(f"{document.name}.run-{pages[0].number}.tiff")
            await asyncio.to_thread(shutil.copyfile, tiff, kept)
            job.early.update({page.number: (page, kept, at) for at, page in enumerate(pages, 1)})

        whole = await self._drawing.whole(document, job.settings, keep)
        word = resolution_word(job.settings)
        done: dict[int, Wish] = {}
        while missing := {
            page.number: wish
            for page in whole.pages
            if (wish := job.wishes.get(page.number, PLAIN)).changes and done.get(page.number) != wish
        }:
            done |= missing
            try:
                await self._drawing.changed(document, job.settings, missing)
            except DocumentError as error:
                await asyncio.to_thread(_refuse, document, word, missing, str(error))


def _changed(document: Path, word: str, wishes: Mapping[int, Wish]) -> dict[int, Rendition | None]:
    return {
        page: page_place(document, word, page, wish).load() for page, wish in wishes.items() if wish.changes
    }


def _refuse(document: Path, word: str, wishes: Mapping[int, Wish], sentence: str) -> None:
    for page, wish in wishes.items():
        place = page_place(document, word, page, wish)
        if place.load() is None:
            place.refuse(sentence)


def _remove_early(job: _Job) -> None:
    for path in {path for _page, path, _at in job.early.values()}:
        with suppress(FileNotFoundError):
            path.unlink()


def remove_drawn(document: Path) -> None:
    """Remove a document with all that is drawn of it; blocking."""
    remove_renditions(document.parent, [document.name])
    with suppress(FileNotFoundError):
        document.unlink()
