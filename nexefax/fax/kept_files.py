"""Which files a fax must have on the disk, by its state. Pure."""

from __future__ import annotations

from typing import Final

from nexefax.fax.job import State
from nexefax.fax.records import Fax

_DOCUMENT: Final = frozenset({"document"})
_PAGES: Final = frozenset({"document", "fax.tiff"})
_RECEIVED: Final = frozenset({"fax.tiff"})

# A fax that failed or was cancelled may never have had pages; a received one that could not be delivered may have
# vanished from Asterisk's spool before it was copied; one just received lies in that spool alone.
_NEEDED: Final[dict[State, frozenset[str]]] = {
    State.QUEUED: _DOCUMENT,
    State.RENDERING: _DOCUMENT,
    State.READY: _PAGES,
    State.CALLING: _PAGES,
    State.SENT: _PAGES,
    State.FAILED: _DOCUMENT,
    State.CANCELLED: _DOCUMENT,
    State.CONVERTING: _RECEIVED,
    State.DELIVERING: _RECEIVED,
    State.DELIVERED: _RECEIVED,
}


def needed_files(fax: Fax) -> frozenset[str]:
    """Return the names of the files that ``fax``'s folder must have; none once they were deleted for their age."""
    if fax.files_deleted is not None:
        return frozenset()
    return _NEEDED.get(State(fax.state), frozenset())
