"""The numbers that an account has faxed to lately, for whoever types one."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final

from nexefax.folding import digits, folded

LOOKED_AT: Final = 5_000  # faxes, the latest: some 10 ms


@dataclass(frozen=True, slots=True)
class Recent:
    """A number, the name that it was last given, and when it was last used, in seconds since 1970."""

    number: str
    name: str
    used: float


def recent_numbers(connection: sqlite3.Connection, account: str, typed: str, limit: int) -> list[Recent]:
    """At most ``limit`` numbers, the last used first, that have ``typed`` in number or name."""
    words, bare = folded(typed).split(), digits(typed)
    rows = connection.execute(
        "SELECT number, to_name, created FROM fax INDEXED BY fax_list"
        " WHERE account = ? COLLATE NOCASE AND direction = 'out' AND deleted_at IS NULL ORDER BY id DESC LIMIT ?",
        (account, LOOKED_AT),
    )
    found: dict[str, Recent] = {}
    for number, name, created in rows:
        known = found.get(number)
        if known is None:
            found[number] = Recent(number, name, created)
        elif name and not known.name:
            found[number] = Recent(number, name, known.used)

    def fits(recent: Recent) -> bool:
        name = folded(recent.name)
        return all(word in name for word in words) or bool(bare and bare in recent.number)

    return [recent for recent in found.values() if recent.number and fits(recent)][:limit]
