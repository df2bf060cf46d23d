"""A clock that is set while calls run: by NTP after a start without a battery, or by somebody who mistyped the date.

When a call must have ended was written down by the clock as it was. Set ahead by a day, a call that runs would be given
up at once, and its number dialled a second time beside it; set back, one whose report was lost would be waited for
until the clock is there again. So the times of calls that run move with the clock.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable

from nexefax.fax.records import CLOCK_SLACK


def seconds_since_boot() -> float:
    """Seconds that the kernel counted since the machine was switched on, sleep and all; nobody can set them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class ClockWatch:
    """Tells by how much ``clock`` (seconds since 1970) was set, measured by ``counter``, which nobody can set."""

    def __init__(
        self, clock: Callable[[], float] = time.time, counter: Callable[[], float] = seconds_since_boot
    ) -> None:
        self._clock, self._counter = clock, counter
        self._offset = clock() - counter()

    def jump(self) -> float:
        """Return the seconds by which it was set since :meth:`follow`, less than 0 for back; 0 for what NTP does."""
        jump = self._clock() - self._counter() - self._offset
        return jump if abs(jump) > CLOCK_SLACK else 0.0

    def follow(self, jump: float) -> None:
        """Have ``jump`` taken care of."""
        self._offset += jump


def shift_attempts(connection: sqlite3.Connection, seconds: float) -> None:
    """Move the times of attempts under way by ``seconds``: the clock was set by so much."""
    connection.execute(
        "UPDATE attempt SET started = started + ?, deadline = deadline + ? WHERE ended IS NULL",
        (seconds, seconds),
    )


def take_attempts_back(connection: sqlite3.Connection, now: float) -> int:
    """Let attempts that a clock ahead of ``now`` has begun begin now; return how many.

    For the start: by how much the clock was set while nobody looked is not known.
    """
    return connection.execute(
        "UPDATE attempt SET deadline = ? + (deadline - started), started = ? WHERE ended IS NULL AND started > ?",
        (now, now, now + CLOCK_SLACK),
    ).rowcount
