"""Signing in: passwords checked off the event loop, guesses slowed down, each attempt told to the administrator."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TypeVar

from nexefax.config import Account, Config, auth_file
from nexefax.errors import ConfigError
from nexefax.web.refusal import Refusal
from nexefax.web.sessions import Credentials
from nexefax.web.throttle import Rate, Throttle

_log = logging.getLogger("nexefax.web.auth")

T = TypeVar("T")

WRONG = "Invalid Login Credentials"  # the beta's words, which scripts compare with
BUSY = "Too many people are signing in at this moment. Try again in a few seconds."

# A bcrypt check takes a quarter of a second of a whole core: more threads would only starve everything else.
THREADS = 2
# Waiting checks. The last of them waits about 2 s; a flood beyond that is told to come again.
MOST_WAITING = 16
# htpasswd takes names and passwords up to 255 bytes; more is nobody's.
LONGEST_NAME = 255
LONGEST_PASSWORD = 1024

# One person mistyping: ten at once, then two a minute.
_PAIR = Rate(burst=10, leak=30.0)
# One user guessed at from everywhere. Slower than _PAIR could fill it, so that no single guesser keeps the user out.
_USER = Rate(burst=60, leak=15.0)
# A whole office behind one address, on the morning after passwords changed.
_ADDRESS = Rate(burst=40, leak=5.0)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who it is; ``proof`` is a digest that changes with the password."""

    account: Account
    user: str
    proof: bytes


class SignIn:
    """Checks passwords. ``clock`` gives seconds that never go back."""

    def __init__(
        self,
        config: Callable[[], Config],
        credentials: Credentials,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._credentials = credentials
        self._clock = clock
        self._throttle = Throttle()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="sign-in")
        self._waiting = 0

    async def check(
        self, account_id: str, user: str, password: str, address: str, *, purpose: str = "sign-in"
    ) -> SignedIn:
        """Tell who signs in from ``address``, or wants something else that takes the password (``purpose``).

        Raises Refusal: 400 with the beta's sentence for anything wrong, 429 for too many guesses, 503 when too
        many wait already.
        """
        who = f"account {_shown(account_id)}, user {_shown(user)}, from {address}"
        if max(len(account_id), len(user)) > LONGEST_NAME or len(password) > LONGEST_PASSWORD:
            _log.warning("%s refused, %s: longer than any name or password may be", purpose, who)
            raise Refusal(400, WRONG)
        keys = _keys(account_id, user, address)
        if wait := math.ceil(self._throttle.take(keys, self._clock())):
            _log.warning("%s put off for %d s after too many wrong passwords: %s", purpose, wait, who)
            raise Refusal(429, _too_often(wait), retry_after=wait)
        try:
            signed_in = await self.hash(self._check, account_id, user, password)
        except Refusal:
            self._throttle.give_back(keys)
            _log.warning("%s put off, too many at once: %s", purpose, who)
            raise
        if signed_in is None:
            _log.warning("%s refused, unknown or wrong password: %s", purpose, who)
            raise Refusal(400, WRONG)
        self._throttle.give_back(keys)
        self._throttle.forget(keys[0][0])
        if purpose == "sign-in":
            _log.info("signed in: %s", who)
        return signed_in

    async def hash(self, work: Callable[..., T], *arguments: object) -> T:
        """Run ``work``, which hashes a password, in one of the few threads for that, to its end.

        Raises Refusal (503) when too many wait already, else whatever ``work`` raises.
        """
        if self._waiting >= THREADS + MOST_WAITING:
            raise Refusal(503, BUSY, retry_after=3)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Finish the checks under way. Blocks for less than a second."""
        self._threads.shutdown()

    def _check(self, account_id: str, user: str, password: str) -> SignedIn | None:
        config = self._config()
        account = config.account(account_id)
        path = None if account is None else auth_file(config, account)
        # The proof first: a password changed between the two would otherwise begin a session it does not carry.
        try:
            proof = None if path is None else self._credentials.proof(path, user)
        except ConfigError as error:
            _log.error("nobody can sign in to the account %s: %s", _shown(account_id), error)
            proof = None
        if not self._credentials.verify(path, user, password) or account is None or proof is None:
            return None
        return SignedIn(account, user, proof)


def _keys(account_id: str, user: str, address: str) -> list[tuple[Hashable, Rate]]:
    who = (account_id.strip().casefold(), user)
    where = _network(address)
    return [((who, where), _PAIR), (who, _USER), (where, _ADDRESS)]


def _network(address: str) -> str:
    """What one guesser holds: an IPv4 address, but 2**64 IPv6 addresses (RFC 6177)."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((int(parsed), 64), strict=False))


def _too_often(seconds: int) -> str:
    return f"Too many wrong passwords. Try again in {seconds} second{'s' if seconds > 1 else ''}."


def _shown(text: str) -> str:
    """Text from outside as one word of a log line: no control characters, no end."""
    shown = "".join(sign if sign.isprintable() else "?" for sign in text[:64])
    return f"“{shown}…”" if len(text) > 64 else f"“{shown}”"
