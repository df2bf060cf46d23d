"""Turns at the processors: many documents, few cores, and no small document starved behind a large one.

Fair queueing: each document has a clock of the seconds it was served, and the one that is furthest behind is served
next. A new document starts at the clock that a fair share would show by now, not at zero, so that a stream of small
ones can't starve a large one either.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress


class Slots:
    """``jobs`` turns side by side (0: as many as there are cores), shared by all documents that are rendered."""

    def __init__(self, jobs: int = 0, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.jobs = jobs or os.cpu_count() or 1
        self._free = self.jobs
        self._now = (
            0.0  # seconds that a document with its fair share was served, had it been here from the start
        )
        self._waiting: list[tuple[Turns, asyncio.Future[None]]] = []  # in the order in which they came
        self._clock = clock

    def document(self, limit: asyncio.Timeout | None = None) -> Turns:
        """A place in the queue for one document; ``limit`` does not run while all that the document does is wait."""
        return Turns(self, limit)

    async def _acquire(self, turns: Turns) -> None:
        if self._free:  # then nobody waits
            self._free -= 1
            self._now = max(self._now, turns.served)
            return
        granted = asyncio.get_running_loop().create_future()
        self._waiting.append((turns, granted))
        try:
            await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled():
                self._release()
            raise

    def _release(self) -> None:
        self._waiting = [(turns, granted) for turns, granted in self._waiting if not granted.done()]
        if not self._waiting:
            self._free += 1
            return
        # By what each was served until now, not until it began to wait: a large document waits with many runs at once.
        at = min(range(len(self._waiting)), key=lambda at: self._waiting[at][0].served)
        turns, granted = self._waiting.pop(at)
        self._now = max(self._now, turns.served)
        granted.set_result(None)

    def _charge(self, turns: Turns, seconds: float) -> None:
        turns.served += seconds
        self._now += seconds / len({turns, *(waiting for waiting, _ in self._waiting)})


class Turns:
    """One document's turns; its runs of pages take one each."""

    def __init__(self, slots: Slots, limit: asyncio.Timeout | None = None) -> None:
        self._slots = slots
        self.served = slots._now  # seconds, and a start that is fair to those who came before
        self._limit = limit
        self._left: float | None = None  # seconds of the limit, while it does not run
        self._holding = self._waiting = 0
        self.jobs = slots.jobs

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, have it, and be charged the seconds that it took."""
        slots = self._slots
        if not slots._waiting:
            self.served = max(self.served, slots._now)
        self._waiting += 1
        self._stop_or_run()
        try:
            await slots._acquire(self)
            self._holding += 1
        finally:
            self._waiting -= 1
            self._stop_or_run()
        begun = slots._clock()
        try:
            yield
        finally:
            slots._charge(self, slots._clock() - begun)
            self._holding -= 1
            slots._release()
            self._stop_or_run()

    def _stop_or_run(self) -> None:
        """Stop the limit while the document only waits for others: a queue of documents must not fail as one."""
        if self._limit is None:
            return
        only_waits = self._waiting > 0 and self._holding == 0
        now = asyncio.get_running_loop().time()
        with suppress(RuntimeError):  # it has just run out
            if only_waits and self._left is None:
                when = self._limit.when()
                if when is not None:
                    self._left = when - now
                    self._limit.reschedule(None)
            elif not only_waits and self._left is not None:
                self._limit.reschedule(now + self._left)
                self._left = None
