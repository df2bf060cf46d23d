"""``/api/me``: who asks, what the account can do, and one's own password."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from nexefax import __version__
from nexefax.config import Config
from nexefax.fax.cover import covers_possible
from nexefax.httpd import Request, Response, Router
from nexefax.web.caller import Callers
from nexefax.web.json_body import json_object, needed
from nexefax.web.users import Users


class Me:
    """The handlers of ``/api/me``."""

    def __init__(self, config: Callable[[], Config], callers: Callers, users: Users) -> None:
        self._config = config
        self._callers = callers
        self._users = users

    def add_to(self, router: Router) -> None:
        """Give the handlers their addresses."""
        router.add("GET", "/api/me", self._show)
        router.add("PUT", "/api/me/password", self._change_password)

    async def _show(self, request: Request) -> Response:
        caller = await self._callers.find(request, None)
        config, account = self._config(), caller.account
        general = config.general
        return Response.json(
            {
                "account": account.id,
                "user": caller.user,
                "admin": caller.is_admin,
                "scopes": sorted(caller.scopes),
                "tx_name": account.tx_name,
                "tx_number": account.tx_number,
                "cover": account.cover,
                "covers_possible": await asyncio.to_thread(covers_possible),
                "resolution": account.tx_resolution or general.tx_resolution,
                "limits": {
                    "upload_mb": config.server.max_upload_mb,
                    "pages": general.tx_max_pages,
                    "page_minutes": general.tx_page_minutes,
                },
                "office": await asyncio.to_thread(_has_office),
                "passwords": await self._users.may_be_changed(),
                "version": __version__,
            }
        )

    async def _change_password(self, request: Request) -> Response:
        session = await self._callers.session(request)
        fields = await json_object(request, {"current": str, "new": str})
        current = needed(fields, "current", str, "Enter your current password.")
        new = needed(fields, "new", str, "Enter the new password.")
        await self._users.change_own_password(session, current, new, request.client)
        return Response(204)


def _has_office() -> bool:
    """Whether office documents can be faxed here. Blocks."""
    from nexefax.fax.convert.office import office_program  # late: the converters are no small thing

    return office_program() is not None
