"""The site: which address shows what, under one set of headers and one rule for who may post."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Protocol

from nexefax.config import Config
from nexefax.errors import HttpError, JournalError
from nexefax.fax.changes import missed
from nexefax.fax.desk import Desk
from nexefax.fax.page_images import PageImages
from nexefax.fax.reports import Reports
from nexefax.fax.running_page import RunningPages
from nexefax.httpd import Request, Response, Router
from nexefax.httpd.static import StaticFile, StaticFiles
from nexefax.passwords import PasswordFiles
from nexefax.store import Journal
from nexefax.web.api import Api, Outgoing
from nexefax.web.auth import SignIn
from nexefax.web.caller import Callers
from nexefax.web.fax_files import fax_file, find_fax, link_target
from nexefax.web.guard import harden, is_foreign
from nexefax.web.lean import lean, short_html
from nexefax.web.live import Hub
from nexefax.web.pages import RESOURCES, STATIC, Pages
from nexefax.web.problem import Problem, problem_response
from nexefax.web.refusal import Refusal
from nexefax.web.resources.drafts import DraftsResource
from nexefax.web.resources.fax_csv import FaxCsv
from nexefax.web.resources.faxes import Faxes
from nexefax.web.resources.forward import Forward
from nexefax.web.resources.live import Live
from nexefax.web.resources.me import Me
from nexefax.web.resources.numbers import Numbers
from nexefax.web.resources.outgoing import OutgoingResource
from nexefax.web.resources.pages import FaxPages
from nexefax.web.resources.report import Report
from nexefax.web.resources.sessions import SessionList
from nexefax.web.resources.tokens import TokenList
from nexefax.web.resources.users import UserList
from nexefax.web.sessions import COOKIE, Credentials, Session, Sessions
from nexefax.web.tokens import Tokens
from nexefax.web.users import Users

_log = logging.getLogger("nexefax.web")

# Sessions that are over are refused at once; sweeping only keeps the table short.
SWEEP_SECONDS = 600.0

#: The beta's endpoints, whose answers scripts know; all else below /api/ answers with problem details.
BETA_API = frozenset(("/api/login", "/api/status", "/api/send", "/api/health"))


class Resource(Protocol):
    """Some addresses of the API below ``/api/``: a class of :mod:`nexefax.web.resources`."""

    def add_to(self, router: Router) -> None:
        """Give the handlers their addresses."""


class Site:
    """The handler of the whole site; ``error_page`` is for HttpServer. Making it reads the static files: it blocks.

    ``router`` knows all its addresses.
    """

    def __init__(
        self,
        config: Callable[[], Config],
        journal: Journal,
        sessions: Sessions,
        pages: Pages,
        api: Api,
        *,
        tokens: Tokens,
        resources: Sequence[Resource] = (),
    ) -> None:
        self._config = config
        self._journal = journal
        self._sessions = sessions
        self._tokens = tokens
        self._pages = pages
        self._signed_out_login = harden(Response.html(pages.empty_login), secure=False)
        self.router = router = Router()
        router.add("GET", "/", _to_login)
        router.add("GET", "/login", self._login)
        router.add("GET", "/send", self._send)
        for page in ("inbox", "sent", "account"):
            router.add("GET", f"/{page}", partial(self._page, page))
        router.add("GET", "/faxes/{id}", self._fax)
        router.add("GET", "/logout", self._logout)
        router.add("GET", "/faxes/{id}/{name}", self._fax_file)
        router.add("GET", "/res/{path...}", StaticFiles(RESOURCES, lean_js=lean))
        for_ever = StaticFiles(RESOURCES, for_ever=True, lean_js=lean)
        router.add("GET", f"/res/{pages.fingerprint}/{{path...}}", for_ever)
        router.add("GET", "/api/openapi.json", StaticFile(STATIC / "openapi.json"))
        router.add("GET", "/api/health", api.health)
        router.add("GET", "/api/status", api.status)
        router.add("POST", "/api/status", api.status)
        router.add("POST", "/api/login", api.login)
        router.add("POST", "/api/send", api.send)
        for resource in resources:
            resource.add_to(router)

    async def __call__(self, request: Request) -> Response:
        """Answer one request. Raises HttpError, for which ``error_page`` makes the answer."""
        if request.method not in ("GET", "HEAD", "OPTIONS") and is_foreign(request):
            raise HttpError(403, "This request came from another website, so NexeFax did not act on it.")
        try:
            response = await self.router(request)
        except Refusal as refusal:
            response = self.error_page(request, refusal.status, refusal.detail, field=refusal.field)
            if refusal.retry_after:
                response.headers.set("Retry-After", str(refusal.retry_after))
        except Problem as problem:
            response = problem_response(
                problem.status, problem.detail, field=problem.field, retry_after=problem.retry_after
            )
        except JournalError as error:
            _log.error("%s %s: %s", request.method, request.path, error)
            raise HttpError(503, "NexeFax can't use its journal at this moment. Try again soon.") from error
        return response if response is self._signed_out_login else harden(response, secure=request.secure)

    def error_page(self, request: Request | None, status: int, detail: str, *, field: str = "") -> Response:
        """The answer for an error: JSON for the API, else a page."""
        secure = request is not None and request.secure
        if request is not None and request.path.startswith("/api/"):
            if request.path not in BETA_API:
                return harden(problem_response(status, detail, field=field), secure=secure)
            body = {"result": "error", "error": detail} | ({"field": field} if field else {})
            return harden(Response.json(body, status), secure=secure)
        return harden(Response.html(self._pages.error(status, detail), status), secure=secure)

    async def sweep(self) -> None:
        """Remove sessions and tokens that are over, again and again, until cancelled."""
        while True:
            try:
                for sweep in (self._sessions.sweep, self._tokens.sweep):
                    await sweep()
            except JournalError as error:
                _log.warning("sessions that are over could not be removed: %s", error)
            await asyncio.sleep(SWEEP_SECONDS)

    async def _login(self, request: Request) -> Response:
        token = request.cookies.get(COOKIE, "")
        goal = link_target(request.query.get("next", "")) if request.query_text else ""
        if token and await self._sessions.find(token):
            return Response.redirect(goal or "/send")
        if goal:
            return Response.html(self._pages.login(goal=goal))
        return self._signed_out_login if not request.secure else Response.html(self._pages.empty_login)

    async def _send(self, request: Request) -> Response:
        session = await self._sessions.find(request.cookies.get(COOKIE, ""))
        if session is None:
            return Response.redirect("/login")
        most_mb = self._config().server.max_upload_mb
        return short_html(request, self._pages.compose(session.account, session.user, most_mb))

    async def _page(self, page: str, request: Request) -> Response:
        session = await self._sessions.find(request.cookies.get(COOKIE, ""))
        if session is None:
            return _sign_in_for(request)
        return await self._app_page(request, page, session)

    async def _fax(self, request: Request) -> Response:
        session = await self._sessions.find(request.cookies.get(COOKIE, ""))
        if session is None:
            return _sign_in_for(request)
        try:
            fax = await find_fax(self._journal, session.account.id, request.params["id"])
        except HttpError as error:
            return Response.html(self._pages.error(error.status, error.detail, in_full=True), error.status)
        return await self._app_page(request, "fax", session, fax=fax.id)

    async def _app_page(self, request: Request, page: str, session: Session, **values: object) -> Response:
        """A page that follows what happens from now on: what its scripts fetch is never older than that."""
        account = session.account
        known = await self._journal.read(lambda connection: missed(connection, account.id, None))
        return short_html(request, self._pages.page(page, account, session.user, last=known.last, **values))

    async def _fax_file(self, request: Request) -> Response:
        session = await self._sessions.find(request.cookies.get(COOKIE, ""))
        if session is None:
            return _sign_in_for(request)
        data_dir, account = self._config().general.data_dir, session.account.id
        asked = request.params
        try:
            return await fax_file(
                self._journal, data_dir, account=account, fax=asked["id"], name=asked["name"]
            )
        except HttpError as error:
            return Response.html(self._pages.error(error.status, error.detail, in_full=True), error.status)

    async def _logout(self, request: Request) -> Response:
        if is_foreign(request):  # a link on another site must not sign anybody out
            return Response.redirect("/send")
        await self._sessions.end(request.cookies.get(COOKIE, ""))
        response = Response.redirect("/login")
        response.set_cookie(COOKIE, "", max_age=0, secure=request.secure)
        return response


def _sign_in_for(request: Request) -> Response:
    goal = link_target(request.path)
    return Response.redirect(f"/login?next={goal}" if goal else "/login")


async def _to_login(_request: Request) -> Response:
    return Response.redirect("/login")


@asynccontextmanager
async def build_web(
    config: Callable[[], Config],
    journal: Journal,
    outgoing: Outgoing,
    *,
    desk: Desk | None = None,
    credentials: Credentials | None = None,
    images: PageImages | None = None,
) -> AsyncIterator[Site]:
    """The site, while the context lasts; ``config`` returns the configuration as it is now.

    Faxes are composed at the ``desk``; without one only documents as they are can be sent.
    Give HttpServer the site as handler, its ``error_page``, and :func:`nexefax.web.http_limits`.
    """
    pages = await asyncio.to_thread(Pages)
    files = credentials or PasswordFiles()
    sessions = Sessions(config, journal, files)
    sign_in = SignIn(config, files)
    api = Api(config, sign_in, sessions, outgoing, pages)
    tokens = Tokens(config, journal, files)
    callers = Callers(sessions, tokens)
    users = Users(config, sign_in, sessions, tokens, files)
    hub = Hub(journal)
    pages_on_the_line = RunningPages(
        config,
        journal,
        somebody=hub.somebody,
        watched=lambda: hub.accounts,
        now=hub.running,
        tell=hub.tell_progress,
    )
    images = images or PageImages(config)
    resources: tuple[Resource, ...] = (
        Me(config, callers, users),
        SessionList(callers, sessions),
        TokenList(callers, tokens),
        UserList(callers, users),
        Faxes(config, journal, callers, outgoing, hub.running),
        FaxCsv(journal, callers),
        Numbers(journal, callers),
        Live(journal, callers, hub),
        FaxPages(config, journal, callers, images),
        Report(journal, callers, Reports(journal, config, images)),
        Forward(journal, callers, outgoing),
    )
    if desk is not None:
        resources += (
            DraftsResource(config, journal, callers, desk),
            OutgoingResource(config, journal, callers, desk),
        )
    site = await asyncio.to_thread(
        Site, config, journal, sessions, pages, api, tokens=tokens, resources=resources
    )
    try:
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(site.sweep(), name="session sweep"),
                tasks.create_task(hub.run(), name="what happens"),
                tasks.create_task(pages_on_the_line.run(), name="page on the line"),
            ]
            try:
                yield site
            finally:
                for task in running:
                    task.cancel()
    finally:
        await asyncio.to_thread(sign_in.close)
