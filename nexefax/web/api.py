"""The JSON API of the beta: login, status, send. More keys may be added, none is renamed.

Answers are ``{"result": "ok", "data": …}`` or, with a status of 400 and above, ``{"result": "error", "error":
"a sentence", "field": "the form's field"}`` (``field`` only where it is about one). A browser without JavaScript
posts the same forms and gets pages instead, since its Accept header asks for text/html.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from nexefax.config import Config
from nexefax.errors import DocumentError, HttpError, JournalError, NumberError, SpaceError
from nexefax.fax.free_space import require_space
from nexefax.fax.records import Fax
from nexefax.fax.submission import Submission
from nexefax.httpd import HttpLimits, Request, Response
from nexefax.httpd.forms import Form, UploadedFile, read_form
from nexefax.web.auth import WRONG, SignIn
from nexefax.web.fax_files import link_target
from nexefax.web.fields import document_name, line, lines, request_id
from nexefax.web.pages import MOST_MESSAGE, MOST_SUBJECT, Pages
from nexefax.web.refusal import Refusal, not_kept
from nexefax.web.sessions import COOKIE, Session, Sessions

# Account, user and password of 255 bytes each, percent-encoded, fit ten times.
MOST_FORM_BYTES = 65_536
# Beside the document: subject, message (four bytes a character) and the multipart's own lines.
MOST_BESIDE_DOCUMENT = 65_536


class Outgoing(Protocol):
    """Where documents to be faxed go."""

    async def accept(self, submission: Submission) -> int:
        """Take a document in and return its fax's number; it is durable then.

        Raises NumberError or DocumentError with a sentence for the user, JournalError or OSError when it could
        not be kept.
        """

    async def cancel(self, fax_id: int, by: str) -> Fax | None:
        """Do not send a fax; the fax as it is then, None when there is none of this number."""

    async def retry_now(self, fax_id: int, by: str) -> Fax | None:
        """Do not wait for the next try of it and its letters; the fax as it is then, None when there is none."""

    async def resend(self, fax_id: int, by: str, number: str = "", request_id: str = "") -> int:
        """Send a fax once more, to ``number`` ("" for the same), and return the new one's number.

        The same ``request_id`` does so once, however often it is asked.

        Raises KeyError for none of this number, NumberError or DocumentError with a sentence for the user, SpaceError,
        JournalError or OSError when it could not be kept.
        """

    async def forward(
        self, fax_id: int, addresses: Sequence[str], *, note: str, by: str, request_id: str = ""
    ) -> Fax | None:
        """Mail a fax to others; None when there is none of this number, or it has no pages now. Raises JournalError.

        The same ``request_id`` mails it once, however often it is asked.
        """


def most_upload_bytes(config: Config) -> int:
    """The largest document, in bytes (``max_upload_mb`` counts as nginx's ``client_max_body_size`` does)."""
    return config.server.max_upload_mb << 20


def http_limits() -> HttpLimits:
    """What the site's HTTP server takes.

    Its cap on bodies is only the last resort: each handler has its own, which follows a reload of the configuration
    and is told in the API's words; and a body that no handler reads is not read.
    """
    return HttpLimits(body=2**32)


class Api:
    """The handlers of ``/api/…``."""

    def __init__(
        self,
        config: Callable[[], Config],
        sign_in: SignIn,
        sessions: Sessions,
        outgoing: Outgoing,
        pages: Pages,
    ) -> None:
        self._config = config
        self._sign_in = sign_in
        self._sessions = sessions
        self._outgoing = outgoing
        self._pages = pages

    async def health(self, _request: Request) -> Response:
        """For watchers: the server answers."""
        return Response.json({"result": "ok"})

    async def login(self, request: Request) -> Response:
        """Sign in; the session's id comes as ``data`` and as the cookie, which are the same."""
        fields = (await self._form(request)).fields
        account, user = fields.get("account", ""), fields.get("user", "")
        goal = link_target(fields.get("next", ""))
        try:
            signed_in = await self._sign_in.check(account, user, fields.get("password", ""), request.client)
        except Refusal as refusal:
            if not _wants_page(request):
                raise
            problem = self._pages.text["wrongLogin"] if refusal.detail == WRONG else refusal.detail
            page = self._pages.login(problem=problem, account=account, user=user, goal=goal)
            return Response.html(page, refusal.status)
        await self._sessions.end(request.cookies.get(COOKIE, ""))
        token = await self._sessions.begin(
            signed_in.account,
            signed_in.user,
            signed_in.proof,
            address=request.client,
            agent=request.headers.get("user-agent"),
        )
        response = (
            Response.redirect(goal or "/send", 303)
            if _wants_page(request)
            else Response.json({"result": "ok", "data": token})
        )
        length = self._config().server.web_session_length
        response.set_cookie(COOKIE, token, max_age=length, secure=request.secure)
        return response

    async def status(self, request: Request) -> Response:
        """Who is signed in."""
        session = await self._sessions.find(request.cookies.get(COOKIE, ""))
        if session is None:
            return Response.redirect("/login")
        account = session.account
        data = {
            "account": account.id,
            "user": session.user,
            "tx_name": account.tx_name,
            "tx_number": account.tx_number,
        }
        return Response.json({"result": "ok", "data": data})

    async def send(self, request: Request) -> Response:
        """Take a fax in."""
        session = await self._sessions.find(request.cookies.get(COOKIE, ""))
        if session is None:
            return Response.redirect("/login")
        most = self._config().server.max_upload_mb
        try:
            await require_space(self._config().general)  # before a byte of the document is read
        except SpaceError as error:
            refusal = not_kept(error)
            if not _wants_page(request):
                raise refusal from None
            page = self._pages.compose(session.account, session.user, most, problem=refusal.detail)
            return Response.html(page, refusal.status)
        form = await self._form(request, uploads=True)
        try:
            upload, submission = _submission(form, session)
            fax = await self._hand_over(upload, submission)
        except Refusal as refusal:
            if not _wants_page(request):
                raise
            page = self._pages.compose(
                session.account, session.user, most, problem=refusal.detail, fields=form.fields
            )
            return Response.html(page, refusal.status)
        finally:
            await form.discard()
        if not _wants_page(request):
            return Response.json({"result": "ok", "data": "Sent!", "fax": fax})
        page = self._pages.queued(
            session.account,
            session.user,
            most,
            fax=fax,
            number=submission.number,
            document_name=submission.document_name,
        )
        return Response.html(page)

    async def _form(self, request: Request, *, uploads: bool = False) -> Form:
        config = self._config()
        try:
            return await read_form(
                request,
                directory=config.general.tmp_dir,
                max_bytes=most_upload_bytes(config) + MOST_BESIDE_DOCUMENT if uploads else MOST_FORM_BYTES,
            )
        except HttpError as error:
            if error.status == 413 and uploads:
                raise Refusal(413, too_large(config), field="fax_file") from None
            raise
        except OSError as error:
            raise not_kept(error) from error

    async def _hand_over(self, upload: UploadedFile, submission: Submission) -> int:
        config = self._config()
        if upload.size > most_upload_bytes(config):
            raise Refusal(413, too_large(config), field="fax_file")
        try:
            return await self._outgoing.accept(submission)
        except NumberError as error:
            raise Refusal(400, str(error), field="fax_to") from None
        except DocumentError as error:
            raise Refusal(400, str(error), field="fax_file") from None
        except (JournalError, OSError) as error:
            raise not_kept(error) from error


def _submission(form: Form, session: Session) -> tuple[UploadedFile, Submission]:
    """What the form asks for. Raises Refusal for what is missing or too long."""
    uploads = [file for file in form.files if file.field == "fax_file" and (file.filename or file.size)]
    if not form.fields.get("fax_to", "").strip():
        raise Refusal(400, "Enter the fax number to send to.", field="fax_to")
    if not uploads:
        raise Refusal(400, "Choose the document to fax.", field="fax_file")
    if len(uploads) > 1:
        raise Refusal(400, "Send one document at a time.", field="fax_file")
    submission = Submission(
        account=session.account,
        user=session.user,
        number=form.fields["fax_to"],
        subject=line(form.fields.get("subject", ""), most=MOST_SUBJECT, field="subject"),
        message=lines(form.fields.get("message", ""), most=MOST_MESSAGE, field="message"),
        document=uploads[0].path,
        document_name=document_name(uploads[0].filename),
        request_id=request_id(session.user, form.fields.get("request_id", "")),
    )
    return uploads[0], submission


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept")


def too_large(config: Config) -> str:
    """What is said of a document that has more than may be sent."""
    return f"The document is too large: at most {config.server.max_upload_mb} MB can be sent."
