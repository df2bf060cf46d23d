"""``POST /api/faxes``: documents for one or several numbers at once, for programs."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Final

from nexefax.config import Account, Config
from nexefax.errors import DocumentError, DraftError, HttpError, JournalError
from nexefax.fax.composition import (
    RESOLUTIONS,
    Composition,
    Part,
    names_in_words,
    part_file,
    write_composition,
)
from nexefax.fax.desk import Desk
from nexefax.fax.draft_sending import good_recipients, good_time
from nexefax.fax.free_space import require_space
from nexefax.fax.submission import Order, Recipient
from nexefax.httpd import Request, Response, Router
from nexefax.httpd.forms import Form, UploadedFile, read_form
from nexefax.store import Journal
from nexefax.web.api import MOST_BESIDE_DOCUMENT, most_upload_bytes, too_large
from nexefax.web.caller import Caller, Callers
from nexefax.web.fields import document_name, line, lines, request_id
from nexefax.web.pages import MOST_MESSAGE, MOST_SUBJECT
from nexefax.web.problem import Problem
from nexefax.web.refusal import not_kept
from nexefax.web.resources.draft_json import MOST_TYPED, time_of
from nexefax.web.resources.sent_json import sent_json

_FIELDS: Final = frozenset(("to", "subject", "message", "cover", "resolution", "send_at", "request_id"))
_FLAGS: Final = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
_NAMED: Final = re.compile(r"\s*([^<>]*?)\s*<([^<>]*)>\s*")  # Dr. Gray <12025550199>


class OutgoingResource:
    """The handler."""

    def __init__(self, config: Callable[[], Config], journal: Journal, callers: Callers, desk: Desk) -> None:
        self._config = config
        self._journal = journal
        self._callers = callers
        self._desk = desk

    def add_to(self, router: Router) -> None:
        """Give the handler its address."""
        router.add("POST", "/api/faxes", self._hand_in)

    async def _hand_in(self, request: Request) -> Response:
        caller = await self._callers.find(request, "send")
        try:
            await require_space(self._config().general)  # before a byte of the documents is read
            form = await self._form(request)
            try:
                accepted = await self._desk.hand_in(_order(form, caller, time.time()))
            finally:
                await form.discard()
        except DraftError as error:
            raise Problem(400, str(error), field=error.field) from None
        except DocumentError as error:
            raise Problem(400, str(error), field="document") from None
        except (HttpError, JournalError):
            raise
        except OSError as error:
            raise not_kept(error) from error
        answer = await self._journal.read(lambda c: sent_json(c, accepted.faxes))
        return Response.json(answer, 201 if accepted.new else 200)

    async def _form(self, request: Request) -> Form:
        config = self._config()
        most = most_upload_bytes(config) + MOST_BESIDE_DOCUMENT
        try:
            return await read_form(request, directory=config.general.tmp_dir, max_bytes=most)
        except HttpError as error:
            if error.status != 413:
                raise
            raise Problem(413, too_large(config), field="document") from None


def _order(form: Form, caller: Caller, now: float) -> Order:
    """What a form asks for. Raises Problem, Refusal or DraftError with a sentence and the field."""
    for name in form.fields.keys() - _FIELDS:
        shown = "".join(sign if sign.isprintable() else "?" for sign in name[:64])
        raise Problem(400, f"There is no field {shown} here.", field=shown)
    documents = _documents(form)
    names = [document_name(document.filename) for document in documents]
    return Order(
        account=caller.account,
        user=caller.user,
        recipients=good_recipients([_recipient(text) for text in form.repeated.get("to", [])], "to"),
        files={part_file(at): document.path for at, document in enumerate(documents, 1)},
        document_name=names_in_words(names),
        subject=line(form.fields.get("subject", ""), most=MOST_SUBJECT, field="subject"),
        message=lines(form.fields.get("message", ""), most=MOST_MESSAGE, field="message"),
        composition=_composition(form, caller.account, names),
        send_at=good_time(time_of(form.fields.get("send_at") or None, "send_at"), now),
        request_id=request_id(caller.user, form.fields.get("request_id", "")),
    )


def _documents(form: Form) -> list[UploadedFile]:
    for upload in form.files:
        if upload.field != "document":
            raise Problem(400, "Documents are sent in the field document.", field="document")
    documents = [upload for upload in form.files if upload.filename or upload.size]
    if not documents:
        raise Problem(400, "Send the document to fax, in the field document.", field="document")
    return documents


def _recipient(text: str) -> Recipient:
    named = _NAMED.fullmatch(text)
    name, number = (named[1].strip(' "'), named[2]) if named else ("", text)
    return Recipient(
        line(number, most=MOST_TYPED, field="to"),
        line(name, most=MOST_TYPED, field="to"),
    )


def _composition(form: Form, account: Account, names: list[str]) -> str:
    """How the fax is put together; "" for a single document as it is."""
    cover = account.cover
    if form.fields.get("cover"):
        if form.fields["cover"].lower() not in _FLAGS:
            raise Problem(400, "The cover is wanted (1) or not (0).", field="cover")
        cover = _FLAGS[form.fields["cover"].lower()]
    resolution = form.fields.get("resolution", "")
    if resolution not in ("", *RESOLUTIONS):
        raise Problem(400, "The resolution is fine or standard.", field="resolution")
    if len(names) == 1 and not cover and not resolution:
        return ""
    parts = tuple(Part(part_file(at), name) for at, name in enumerate(names, 1))
    return write_composition(Composition(parts, resolution, cover))
