"""``/api/faxes/12/pages/3.png``, ``fax.pdf`` and ``fax.tiff``: what a fax looks like."""

from __future__ import annotations

import errno
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Final

from nexefax.config import Config
from nexefax.errors import ChildError, TiffError
from nexefax.fax.job import State
from nexefax.fax.page_images import Made, PageImages
from nexefax.fax.records import Fax
from nexefax.httpd import Request, Response, Router
from nexefax.httpd.response import FileBody
from nexefax.store import Journal
from nexefax.web.caller import Callers
from nexefax.web.fax_files import file_response, kept_file, require_pages
from nexefax.web.problem import Problem
from nexefax.web.resources.own_fax import own_fax
from nexefax.web.resources.page_sizes import wanted_size

_log = logging.getLogger("nexefax.web")

_PAGE: Final = re.compile(r"([1-9][0-9]{0,4})\.png")
# Vary: at a front desk, the next one to sign in to the same browser is not shown what it keeps of another account.
_KEPT: Final = {"Cache-Control": "private, max-age=604800, immutable", "Vary": "Cookie, Authorization"}
_NOT_YET: Final = frozenset((State.QUEUED, State.RENDERING, State.RECEIVED, State.CONVERTING))


class FaxPages:
    """The handlers."""

    def __init__(
        self, config: Callable[[], Config], journal: Journal, callers: Callers, images: PageImages
    ) -> None:
        self._config = config
        self._journal = journal
        self._callers = callers
        self._images = images

    def add_to(self, router: Router) -> None:
        """Give the handlers their addresses."""
        router.add("GET", "/api/faxes/{id}/pages/{page}", self._page)
        router.add("GET", "/api/faxes/{id}/fax.pdf", self._pdf)
        router.add("GET", "/api/faxes/{id}/fax.tiff", self._tiff)

    async def _page(self, request: Request) -> Response:
        fax = await self._kept(request)
        named = _PAGE.fullmatch(request.params["page"])
        if named is None:
            raise Problem(404, "There is no such page.")
        size = wanted_size(request)
        page = int(named[1])
        made = await _drawn(fax, self._images.page(fax, page, size))
        if made is None:
            raise _none_yet(fax) or Problem(404, f"Fax {fax.id} has no page {page}.")
        return Response(200, {"Content-Type": "image/png", **_KEPT}, FileBody(made.path, made.etag))

    async def _pdf(self, request: Request) -> Response:
        fax, download = await self._kept(request), _wants_download(request)
        if fax.direction == "in":
            if none_yet := _none_yet(fax):
                raise none_yet
            return kept_file(fax, self._config().general.data_dir, "fax.pdf", download=download)
        made = await _drawn(fax, self._images.pdf(fax))
        if made is None:
            raise _none_yet(fax) or Problem(404, f"Fax {fax.id} has no pages.")
        return file_response(fax, "fax.pdf", FileBody(made.path, made.etag), download=download)

    async def _tiff(self, request: Request) -> Response:
        fax, download = await self._kept(request), _wants_download(request)
        if none_yet := _none_yet(fax):
            raise none_yet
        return kept_file(fax, self._config().general.data_dir, "fax.tiff", download=download)

    async def _kept(self, request: Request) -> Fax:
        caller = await self._callers.find(request, "read")
        fax = await own_fax(self._journal, caller, request.params["id"])
        require_pages(fax)
        return fax


async def _drawn(fax: Fax, drawing: Awaitable[Made | None]) -> Made | None:
    """What is drawn; what can't be, in words for the person who wants to see it."""
    try:
        return await drawing
    except (TiffError, ChildError) as error:
        _log.warning("fax %d: a page can't be shown: %s", fax.id, error)
        raise Problem(404, f"This part of fax {fax.id} can't be shown; look at its TIFF or PDF.") from error
    except FileNotFoundError:  # its pages went meanwhile
        raise Problem(404, f"The pages of fax {fax.id} are not there any more.") from None
    except OSError as error:
        _log.error("fax %d: a page can't be shown: %s", fax.id, error)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Problem(507, "The fax server's disk is full, so the page can't be shown.") from error
        raise Problem(
            503, "The page can't be shown at this moment. Try again soon.", retry_after=10
        ) from error


def _none_yet(fax: Fax) -> Problem | None:
    if fax.state in _NOT_YET:
        return Problem(409, f"The pages of fax {fax.id} are not ready yet.", retry_after=2)
    return None


def _wants_download(request: Request) -> bool:
    return request.query.get("download", "") == "1"
