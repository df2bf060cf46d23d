"""Who may call now: a budget of lines, one call at a time to one number, fair between accounts. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

NO_LINE: Final = "waiting for a free line"
SAME_NUMBER: Final = "waiting: another fax to this number is being sent"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A fax that may be called for now, or is; ``reason`` is what it says of itself at present."""

    fax: int
    account: str
    number: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """The faxes to call for now, in this order, and why each other one waits, by fax."""

    call: tuple[int, ...]
    wait: Mapping[int, str]


def choose(
    due: Sequence[Waiting],
    calling: Sequence[Waiting],
    *,
    lines: int,
    lines_of: Callable[[str], int],
    last_call: Mapping[str, float],
) -> Choice:
    """Share the free lines among ``due`` (oldest first) while ``calling`` are under way.

    ``lines`` is how many calls there may be at once, ``lines_of(account)`` how many of one account (0: as many as
    there are). Each free line goes to the account with the fewest calls; among equals to the one whose last call is
    the longest ago (``last_call``, by account; any clock), so that a hundred faxes of one do not keep the one fax of
    another waiting. Within an account the oldest goes first.
    """
    busy = Counter(call.account for call in calling)
    taken = {call.number for call in calling}
    queues: dict[str, deque[Waiting]] = defaultdict(deque)
    for fax in due:
        queues[fax.account].append(fax)
    latest = dict(last_call)
    clock = max(latest.values(), default=0.0)
    chosen: list[int] = []
    wait: dict[int, str] = {}
    free = lines - len(calling)
    while free > 0 and queues:
        account = min(queues, key=lambda name: (busy[name], latest.get(name, float("-inf"))))
        queue = queues[account]
        if 0 < lines_of(account) <= busy[account] or not queue:
            wait |= {fax.fax: NO_LINE for fax in queue}
            del queues[account]
            continue
        fax = queue.popleft()
        if fax.number in taken:
            wait[fax.fax] = SAME_NUMBER
            continue
        chosen.append(fax.fax)
        taken.add(fax.number)
        busy[account] += 1
        clock += 1
        latest[account] = clock
        free -= 1
    for queue in queues.values():
        wait |= {fax.fax: SAME_NUMBER if fax.number in taken else NO_LINE for fax in queue}
    return Choice(tuple(chosen), wait)
