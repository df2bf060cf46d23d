"""Who asks the API: somebody signed in on the page, by the session's cookie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from nexefax.config import Account
from nexefax.httpd import Request
from nexefax.web.problem import Problem
from nexefax.web.sessions import COOKIE, Session, Sessions

#: What a caller may do: ``send`` faxes, ``read`` them, and see to the own ``account``, which only people may.
Scope = Literal["send", "read", "account"]

_SIGN_IN = "Sign in first."


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a user of an account, and what may be done in that name.

    ``session`` is None for a program; ``is_admin``: may manage the account's users (``admins`` in accounts.conf).
    """

    account: Account
    user: str
    scopes: frozenset[Scope]
    session: Session | None = None

    @property
    def is_admin(self) -> bool:
        """Whether the user may manage the account's users."""
        return self.session is not None and self.user in self.account.admins


class Callers:
    """Finds out who asks."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def find(self, request: Request, scope: Scope | None) -> Caller:
        """Who makes this request, which needs ``scope``; None for what everybody may who is known.

        Raises:
            Problem: 401 when it is nobody that we know (any more), 403 when this may not be done in that name.
            JournalError: the journal can't be read.
        """
        session = await self._sessions.find(request.cookies.get(COOKIE, ""))
        if session is None:
            raise Problem(401, _SIGN_IN)
        caller = Caller(session.account, session.user, frozenset(("send", "read", "account")), session)
        if scope is not None and scope not in caller.scopes:
            raise Problem(403, "This may not be done with this token.")
        return caller

    async def session(self, request: Request) -> Session:
        """The session of a person, for what no program may do; raises as :meth:`find` with the scope ``account``."""
        caller = await self.find(request, "account")
        if caller.session is None:
            raise Problem(403, "Only somebody who is signed in may do this, no program.")
        return caller.session
