"""Guessing made slow: pure leaky buckets, without a clock and without I/O.

Each guess counts against several keys at once (who is guessed at, from where). A key takes a burst and then one
guess for each ``leak`` seconds, for ever: whoever guesses slows down, and nobody is locked out for good.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

# One bucket has about 300 bytes. Past this many the longest untouched is forgotten: a guesser with that many
# addresses gains a burst for each, which the rate for the user from anywhere still bounds.
MOST_BUCKETS = 8192


@dataclass(frozen=True, slots=True)
class Rate:
    """``burst`` guesses at once, then one every ``leak`` seconds."""

    burst: int
    leak: float


class Throttle:
    """Counts guesses by key; times are seconds of any clock that never goes back."""

    def __init__(self, most: int = MOST_BUCKETS) -> None:
        self._most = most
        # When each bucket will be empty again; the level at `now` is (empty - now) / leak.
        self._empty: OrderedDict[Hashable, float] = OrderedDict()

    def take(self, keys: Sequence[tuple[Hashable, Rate]], now: float) -> float:
        """Count a guess against all keys and return 0, or count nothing and return the seconds to wait."""
        wait = max(self._wait(key, rate, now) for key, rate in keys)
        if wait > 0:
            return wait
        for key, rate in keys:
            self._empty[key] = max(self._empty.get(key, now), now) + rate.leak
            self._empty.move_to_end(key)
        while len(self._empty) > self._most:
            self._empty.popitem(last=False)
        return 0.0

    def give_back(self, keys: Sequence[tuple[Hashable, Rate]]) -> None:
        """Undo one ``take``: the guess was right, or was never looked at."""
        for key, rate in keys:
            if key in self._empty:
                self._empty[key] -= rate.leak

    def forget(self, key: Hashable) -> None:
        """Empty one bucket: who knows the password may mistype it afterwards as often as anybody."""
        self._empty.pop(key, None)

    def _wait(self, key: Hashable, rate: Rate, now: float) -> float:
        # Full means: one more guess would raise the level above the burst.
        return self._empty.get(key, now) + rate.leak - now - rate.burst * rate.leak
