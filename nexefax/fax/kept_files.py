"""Which files a fax must have on the disk, by its state. Pure."""

from __future__ import annotations

from typing import Final

from nexefax.fax.composition import read_composition
from nexefax.fax.job import State
from nexefax.fax.records import Fax

_DOCUMENTS: Final = (
    "documents"  # stands for what the fax was handed in as: one, several, or a cover page alone
)
_HANDED_IN: Final = frozenset({_DOCUMENTS})
_PAGES: Final = frozenset({_DOCUMENTS, "fax.tiff"})
_RECEIVED: Final = frozenset({"fax.tiff"})

# A fax that failed or was cancelled may never have had pages; a received one that could not be delivered may have
# vanished from Asterisk's spool before it was copied; one just received lies in that spool alone.
_NEEDED: Final[dict[State, frozenset[str]]] = {
    State.QUEUED: _HANDED_IN,
    State.RENDERING: _HANDED_IN,
    State.READY: _PAGES,
    State.CALLING: _PAGES,
    State.SENT: _PAGES,
    State.FAILED: _HANDED_IN,
    State.CANCELLED: _HANDED_IN,
    State.CONVERTING: _RECEIVED,
    State.DELIVERING: _RECEIVED,
    State.DELIVERED: _RECEIVED,
}


def needed_files(fax: Fax) -> frozenset[str]:
    """Return the names of the files that ``fax``'s folder must have; none once they were deleted for their age."""
    if fax.files_deleted is not None:
        return frozenset()
    needed = _NEEDED.get(State(fax.state), frozenset())
    return needed if _DOCUMENTS not in needed else (needed - _HANDED_IN) | documents_of(fax)


def documents_of(fax: Fax) -> frozenset[str]:
    """Return the names in its folder of the documents that a fax was handed in as."""
    try:
        return read_composition(fax.composition).files
    except ValueError:  # not ours: whoever renders it says so
        return frozenset({"document"})
