"""How large the pictures of pages are, by the words of the API."""

from __future__ import annotations

from typing import Final

from nexefax.web.problem import Problem

#: Pixels across; None is for a page's own.
WIDTHS: Final[dict[str, int | None]] = {"thumb": 240, "page": 864, "full": None}


def width_of(size: str) -> int | None:
    """The pixels across of a size. Raises Problem."""
    if size not in WIDTHS:
        raise Problem(400, "The size of a picture is thumb, page or full.", field="size")
    return WIDTHS[size]
