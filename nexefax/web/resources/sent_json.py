"""What was sent at once, as the API answers it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from nexefax.fax import records
from nexefax.web.resources.fax_json import fax_summary


def sent_json(connection: sqlite3.Connection, faxes: Sequence[int]) -> dict[str, Any]:
    """The faxes with these numbers, those that are still known; ``batch`` is "" for a single one."""
    found = records.load_faxes(connection, faxes)
    batch = next((fax.batch for fax in found), "")
    return {"batch": batch, "faxes": [fax_summary(fax) for fax in found]}
