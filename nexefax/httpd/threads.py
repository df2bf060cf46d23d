"""File work off the loop, never cut in two."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def run_to_end(function: Callable[..., T], *arguments: object) -> T:
    """Run a blocking function in a thread and wait for it, even when cancelled meanwhile.

    A thread can't be cancelled. Going on while it still writes would leave its file open, or bring it
    back after it was removed; so a cancellation is passed on only when the thread has ended.
    """
    work = asyncio.get_running_loop().run_in_executor(None, function, *arguments)
    cancelled: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.wait((work,))
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        work.exception()  # looked at, so that the loop does not report it a second time
        raise cancelled
    return work.result()
