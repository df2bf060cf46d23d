"""How large the pictures of pages are wanted."""

from __future__ import annotations

from nexefax.fax.page_images import SIZES
from nexefax.httpd import Request
from nexefax.web.problem import Problem


def wanted_size(request: Request) -> str:
    """The size of a picture, one of `SIZES`. Raises Problem (400)."""
    size = request.query.get("size", "page")
    if size not in SIZES:
        raise Problem(400, f"The size is one of {', '.join(SIZES)}.", field="size")
    return size
