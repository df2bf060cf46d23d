"""``/api/drafts``: faxes that are being composed, their documents and pages, and sending them."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

from nexefax.config import Config
from nexefax.errors import (
    ChildError,
    DocumentError,
    DraftError,
    DraftSent,
    HttpError,
    JournalError,
    TiffError,
)
from nexefax.fax.desk import Desk
from nexefax.fax.draft_records import Content, Draft
from nexefax.fax.free_space import require_space
from nexefax.fax.page_images import SIZES
from nexefax.httpd import Request, Response, Router
from nexefax.httpd.forms import read_file
from nexefax.httpd.response import FileBody
from nexefax.store import Journal
from nexefax.web.api import most_upload_bytes, too_large
from nexefax.web.caller import Caller, Callers
from nexefax.web.fax_files import require_pages
from nexefax.web.fields import document_name
from nexefax.web.json_body import json_object
from nexefax.web.problem import Problem
from nexefax.web.refusal import not_kept
from nexefax.web.resources.draft_json import CHANGES, changed, draft_json, draft_line, page_key
from nexefax.web.resources.own_fax import own_fax
from nexefax.web.resources.page_sizes import wanted_size
from nexefax.web.resources.sent_json import sent_json

_log = logging.getLogger("nexefax.web")

_NUMBER: Final = re.compile(r"[1-9][0-9]{0,5}")
_FOR_EVER: Final = "private, max-age=604800, immutable"


class DraftsResource:
    """The handlers of ``/api/drafts/…``."""

    def __init__(self, config: Callable[[], Config], journal: Journal, callers: Callers, desk: Desk) -> None:
        self._config = config
        self._journal = journal
        self._callers = callers
        self._desk = desk

    def add_to(self, router: Router) -> None:
        """Give the handlers their addresses."""
        for method, pattern, handler in (
            ("POST", "/api/drafts", self._create),
            ("GET", "/api/drafts", self._list),
            ("GET", "/api/drafts/{id}", self._show),
            ("PATCH", "/api/drafts/{id}", self._change),
            ("DELETE", "/api/drafts/{id}", self._remove),
            ("POST", "/api/drafts/{id}/documents", self._add_document),
            ("DELETE", "/api/drafts/{id}/documents/{number}", self._remove_document),
            ("GET", "/api/drafts/{id}/pages/{page}", self._page),
            ("POST", "/api/drafts/{id}/send", self._send),
        ):
            router.add(method, pattern, self._guarded(handler))

    def _guarded(
        self, handler: Callable[[Request, Caller], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Find out who asks, and tell what goes wrong in the API's words."""

        async def handle(request: Request) -> Response:
            caller = await self._callers.find(request, "send")
            try:
                return await handler(request, caller)
            except KeyError:
                raise Problem(404, "There is no such draft of yours.") from None
            except DraftSent as error:
                raise Problem(409, str(error)) from None
            except DraftError as error:
                raise Problem(400, str(error), field=error.field) from None
            except (HttpError, JournalError):
                raise
            except OSError as error:
                raise not_kept(error) from error

        return handle

    async def _create(self, request: Request, caller: Caller) -> Response:
        found = await json_object(request, {"from_fax": int})
        await require_space(self._config().general)
        if "from_fax" in found:
            caller.require("read")  # the draft shows the fax's pages
            fax = await own_fax(self._journal, caller, str(found["from_fax"]))
            require_pages(fax)
            try:
                draft = await self._desk.begin_from(caller.account, caller.user, fax)
            except DraftError as error:
                raise Problem(409, str(error), field=error.field) from None
        else:
            content = Content(cover=caller.account.cover)
            draft = await self._desk.drafts.create(caller.account, caller.user, content)
        return await self._answer(caller, draft, 201)

    async def _list(self, _request: Request, caller: Caller) -> Response:
        drafts = await self._desk.drafts.all_of(caller.account, caller.user)
        return Response.json({"drafts": [draft_line(draft) for draft in drafts]})

    async def _show(self, request: Request, caller: Caller) -> Response:
        return await self._answer(caller, await self._find(request, caller))

    async def _find(self, request: Request, caller: Caller) -> Draft:
        return await self._desk.drafts.find(caller.account, caller.user, request.params["id"])

    async def _change(self, request: Request, caller: Caller) -> Response:
        await self._find(request, caller)  # before the body is read
        found = await json_object(request, CHANGES)
        draft = await self._desk.drafts.change(
            caller.account, caller.user, request.params["id"], lambda draft: changed(draft, found)
        )
        return await self._answer(caller, draft)

    async def _remove(self, request: Request, caller: Caller) -> Response:
        await self._desk.drafts.remove(caller.account, caller.user, request.params["id"])
        return Response(204)

    async def _add_document(self, request: Request, caller: Caller) -> Response:
        await self._find(request, caller)
        config = self._config()
        await require_space(config.general)  # before a byte of the document is read
        try:
            upload = await read_file(
                request, directory=config.general.tmp_dir, max_bytes=most_upload_bytes(config)
            )
        except HttpError as error:
            if error.status != 413:
                raise
            raise Problem(413, too_large(config), field="document") from None
        try:
            name = document_name(request.query.get("name", ""))
            draft = await self._desk.drafts.add_document(
                caller.account, caller.user, request.params["id"], upload.path, name
            )
        except DocumentError as error:
            raise Problem(400, str(error), field="document") from None
        finally:
            await upload.discard()
        return await self._answer(caller, draft, 201)

    async def _remove_document(self, request: Request, caller: Caller) -> Response:
        text = request.params["number"]
        if not _NUMBER.fullmatch(text):
            raise KeyError(text)
        draft = await self._desk.drafts.remove_document(
            caller.account, caller.user, request.params["id"], int(text)
        )
        return await self._answer(caller, draft)

    async def _page(self, request: Request, caller: Caller) -> Response:
        draft = await self._find(request, caller)
        width = SIZES[wanted_size(request)]
        key = page_key(request.params["page"].removesuffix(".png"))
        png = None
        if key is not None and request.params["page"].endswith(".png"):
            try:
                png = await self._desk.picture(caller.account, draft, *key, width)
            except (TiffError, ChildError) as error:
                _log.warning("page %s of draft %s can't be shown: %s", key, draft.id, error)
                raise Problem(404, "This page can't be shown.") from error
        if png is None:
            raise Problem(404, "There is no picture of this page, or not yet.")
        version = request.query.get("v", "")
        headers = {
            "Content-Type": "image/png",
            "Vary": "Cookie, Authorization",
            "Cache-Control": _FOR_EVER if version == png.version else "private, no-cache",
        }
        return Response(200, headers, FileBody(png.path))

    async def _send(self, request: Request, caller: Caller) -> Response:
        seen = (await json_object(request, {"documents": list})).get("documents")
        if not all(type(number) is int for number in seen or ()):
            raise Problem(400, "The documents are given by their numbers.", field="documents")
        await require_space(self._config().general)
        accepted = await self._desk.sending.send(caller.account, caller.user, request.params["id"], seen)
        return Response.json(
            await self._journal.read(lambda c: sent_json(c, accepted.faxes)), 201 if accepted.new else 200
        )

    async def _answer(self, caller: Caller, draft: Draft, status: int = 200) -> Response:
        view = await self._desk.look(caller.account, draft)
        sent: dict[str, Any] | None = None
        if draft.sent:
            sent = await self._journal.read(lambda c: sent_json(c, draft.sent))
        headers = {"Location": f"/api/drafts/{draft.id}"} if status == 201 else {}
        return Response.json(draft_json(view, self._config().general, sent), status, headers)
