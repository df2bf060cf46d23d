"""The fax that an address names, if it is the caller's account's."""

from __future__ import annotations

import re
import sqlite3
from typing import Final

from nexefax.fax import records
from nexefax.store import Journal
from nexefax.web.caller import Caller
from nexefax.web.problem import Problem

_NUMBER: Final = re.compile(r"[1-9][0-9]{0,14}")


def no_such_fax() -> Problem:
    """The answer for a fax that is not there and for another account's, without a difference."""
    return Problem(404, "There is no such fax in this account.")


def fax_number(text: str) -> int:
    """The fax's number in an address; raises Problem (404) for what can't be one."""
    if not _NUMBER.fullmatch(text):
        raise no_such_fax()
    return int(text)


def find_own(connection: sqlite3.Connection, caller: Caller, fax_id: int) -> records.Fax:
    """The fax; raises Problem (404) for what is not there and for another account's."""
    fax = records.load_fax(connection, fax_id)
    if fax is None or fax.account.casefold() != caller.account.id.casefold():
        raise no_such_fax()
    return fax


async def own_fax(journal: Journal, caller: Caller, text: str) -> records.Fax:
    """The fax whose number is ``text``. Raises Problem (404), JournalError."""
    fax_id = fax_number(text)
    return await journal.read(lambda connection: find_own(connection, caller, fax_id))
