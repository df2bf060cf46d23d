"""Who asks the API: somebody signed in on the page, by the session's cookie, or a program, by its token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import quote

from nexefax.config import Account
from nexefax.httpd import Request
from nexefax.web.problem import Problem
from nexefax.web.sessions import COOKIE, Session, Sessions
from nexefax.web.tokens import Tokens

#: What a caller may do: ``send`` faxes, ``read`` them, and see to the own ``account``, which only people may.
Scope = Literal["send", "read", "account"]
#: Where a page says whose session it means; in the query for streams of events, which can have no headers of ours.
PERSON_HEADER: Final = "nexefax-person"
PERSON_QUERY: Final = "person"

_SIGN_IN = "Sign in first."
_FOR_PEOPLE = "This may not be done with this token."
_OF_PEOPLE: frozenset[Scope] = frozenset(("send", "read", "account"))


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

    def require(self, scope: Scope) -> None:
        """Raise Problem (403) unless ``scope`` is among what this caller may do."""
        if scope not in self.scopes:
            raise Problem(403, _FOR_PEOPLE)


class Callers:
    """Finds out who asks."""

    def __init__(self, sessions: Sessions, tokens: Tokens) -> None:
        self._sessions = sessions
        self._tokens = tokens

    async def find(self, request: Request, scope: Scope | None) -> Caller:
        """Who makes this request, which needs ``scope``; None for what everybody may who is known.

        A request with a token is a program's, whatever cookies it has.

        Raises:
            Problem: 401 when it is nobody that we know (any more), 403 when this may not be done in that name.
            JournalError: the journal can't be read.
        """
        secret = _token_in(request)
        if secret is not None:
            caller = await self._program(secret)
        else:
            session = await self._person(request)
            caller = Caller(session.account, session.user, _OF_PEOPLE, session)
        if scope is not None:
            caller.require(scope)
        return caller

    async def session(self, request: Request) -> Session:
        """The session of a person, for what no program may do; raises as :meth:`find`."""
        secret = _token_in(request)
        if secret is not None:
            await self._program(secret)
            raise Problem(403, _FOR_PEOPLE)
        return await self._person(request)

    async def _person(self, request: Request) -> Session:
        session = await self._sessions.find(request.cookies.get(COOKIE, ""))
        meant = _meant(request)
        if session is None or (
            meant and meant != f"{quote(session.account.id, '')}/{quote(session.user, '')}"
        ):
            raise Problem(401, _SIGN_IN)
        return session

    async def _program(self, secret: str) -> Caller:
        holder = await self._tokens.find(secret)
        if holder is None:
            raise Problem(401, "This token is unknown, or was revoked.")
        return Caller(holder.account, holder.user, frozenset[Scope](holder.scopes))


def _meant(request: Request) -> str:
    """Whose session a page means, as account/user, each percent-encoded; "" if it doesn't say.

    All tabs share the cookie: in one that is left open when somebody else signs in, nothing is done in their name.
    """
    return request.headers.get(PERSON_HEADER) or request.query.get(PERSON_QUERY, "")


def _token_in(request: Request) -> str | None:
    """The token that a request brings; None for none."""
    scheme, _, secret = request.headers.get("authorization").strip().partition(" ")
    # Other schemes are not ours: a proxy that asks for a password of its own passes "Basic …" on.
    return secret.strip() if scheme.casefold() == "bearer" else None
