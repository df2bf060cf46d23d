"""Signing in and out over HTTP, as people, scripts and guessers do it."""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from nexefax.errors import ConfigError
from nexefax.passwords import PasswordFiles
from nexefax.web.auth import MOST_WAITING, THREADS, SignIn
from nexefax.web.refusal import Refusal
from tests.web.client import Client
from tests.web.ground import PASSWORD, Installation, htpasswd

BOB = {"account": "ACME", "user": "bob.smith", "password": PASSWORD}
WRONG = {"result": "error", "error": "Invalid Login Credentials"}


@pytest.mark.parametrize("way", ["urlencoded", "multipart"])
async def test_the_session_id_comes_as_data_and_as_cookie(client: Client, way: str) -> None:
    post = client.post if way == "urlencoded" else client.post_multipart
    reply = await post("/api/login", BOB)
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/json"
    token = reply.json["data"]
    assert reply.json == {"result": "ok", "data": token}
    assert len(token) == 43
    cookie = reply.headers["Set-Cookie"]
    assert cookie == f"nexefax-session={token}; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax"
    assert reply.headers["Cache-Control"] == "no-store"


async def test_a_script_may_set_the_cookie_itself(client: Client) -> None:
    token = (await client.post("/api/login", BOB)).json["data"]
    script = Client(client.port)
    script.cookie = token
    assert (await script.post("/api/status")).json["data"]["user"] == "bob.smith"


async def test_the_cookie_is_secure_behind_an_https_proxy(client: Client) -> None:
    reply = await client.post("/api/login", BOB, X_Forwarded_Proto="https")
    assert "; Secure;" in reply.headers["Set-Cookie"]
    assert reply.headers["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.parametrize(
    "change",
    [
        {"password": "wrong"},
        {"user": "nobody"},
        {"account": "nothing"},
        {"account": "Quiet"},
        {"password": ""},
        {"user": ""},
        {"account": ""},
        {"user": "b" * 256},
        {"account": "a" * 256},
        {"password": "p" * 1025},
        {"user": "bob.smith\n"},
    ],
)
async def test_anything_wrong_gets_the_betas_words(client: Client, change: dict[str, str]) -> None:
    reply = await client.post("/api/login", BOB | change)
    assert (reply.status, reply.json) == (400, WRONG)
    assert "Set-Cookie" not in reply.headers


async def test_an_empty_form_is_a_wrong_login(client: Client) -> None:
    assert (await client.post("/api/login")).json == WRONG


@pytest.mark.parametrize("account", ["acme", "Acme", " ACME "])
async def test_accounts_match_without_case(client: Client, account: str) -> None:
    await client.post("/api/login", BOB | {"account": account})
    assert (await client.post("/api/status")).json["data"]["account"] == "ACME"


@pytest.mark.parametrize(
    "options", [("-m",), ("-s",), ("-d",), ("-B", "-C", "5"), ("-2", "-r", "1000"), ("-5",)]
)
async def test_every_kind_of_hash_that_htpasswd_writes(
    client: Client, installation: Installation, options: tuple[str, ...]
) -> None:
    htpasswd(installation.auth / "quiet", "jane", "secret78", *options)
    reply = await client.post("/api/login", {"account": "Quiet", "user": "jane", "password": "secret78"})
    assert reply.status == 200


async def test_signing_in_again_ends_the_session_before(bob: Client) -> None:
    old = Client(bob.port)
    old.cookie = bob.cookie
    await bob.post("/api/login", BOB)
    assert (await bob.get("/send")).status == 200
    assert (await old.get("/send")).location == "/login"


async def test_logout_ends_the_session_on_the_server(bob: Client) -> None:
    token = bob.cookie
    reply = await bob.get("/logout")
    assert (reply.status, reply.location) == (302, "/login")
    assert reply.headers["Set-Cookie"].startswith("nexefax-session=; Path=/; Max-Age=0;")
    bob.cookie = token
    assert (await bob.get("/send")).location == "/login"
    assert (await bob.get("/logout")).status == 302


async def test_a_link_on_another_site_signs_nobody_out(bob: Client) -> None:
    assert (await bob.get("/logout", Sec_Fetch_Site="cross-site")).location == "/send"
    assert (await bob.get("/send")).status == 200


async def test_guessing_is_slowed_down_and_told(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    replies = [await client.post("/api/login", BOB | {"password": str(guess)}) for guess in range(11)]
    assert [reply.status for reply in replies] == [400] * 10 + [429]
    assert replies[-1].json["error"].startswith("Too many wrong passwords. Try again in ")
    assert 0 < int(replies[-1].headers["Retry-After"]) <= 30
    assert (await client.post("/api/login", BOB)).status == 429, (
        "even with the right one: it could be the next guess"
    )
    other = await client.post("/api/login", BOB, X_Forwarded_For="192.0.2.9")
    assert other.status == 200, "somebody else's guesses must not keep the user out"


async def test_one_address_is_slowed_down_over_all_users(client: Client) -> None:
    statuses = [
        (await client.post("/api/login", BOB | {"user": f"user{number}", "password": "x"})).status
        for number in range(41)
    ]
    assert statuses == [400] * 40 + [429]


async def test_the_administrator_reads_who_came_from_where(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "nexefax.web.auth")
    evil = {"account": "A\nCME", "user": "x" * 90 + "\x1b[31m", "password": "sesame-open"}
    await client.post("/api/login", evil, X_Forwarded_For="198.51.100.7")
    await client.post("/api/login", BOB, X_Forwarded_For="198.51.100.7")
    refused, taken = (record.getMessage() for record in caplog.records if record.name == "nexefax.web.auth")
    assert refused.startswith("sign-in refused, unknown or wrong password: account “A?CME”, user “xxx")
    assert refused.endswith("x…”, from 198.51.100.7")
    assert taken == "signed in: account “ACME”, user “bob.smith”, from 198.51.100.7"
    assert "sesame" not in caplog.text
    assert PASSWORD not in caplog.text


class SlowPasswords(PasswordFiles):
    """Checks wait until they may go on; every call is counted."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()
        self.calls: list[Path | None] = []

    def verify(self, path: Path | None, user: str, password: str) -> bool:
        self.calls.append(path)
        self.go_on.wait(30)
        return super().verify(path, user, password)


async def test_a_flood_of_sign_ins_is_told_to_come_again(installation: Installation) -> None:
    slow = SlowPasswords()
    sign_in = SignIn(lambda: installation.current, slow)
    with ExitStack() as stack:
        stack.callback(sign_in.close)
        stack.callback(slow.go_on.set)
        waiting = [
            asyncio.ensure_future(sign_in.check("ACME", "bob.smith", PASSWORD, f"192.0.2.{number}"))
            for number in range(THREADS + MOST_WAITING)
        ]
        await asyncio.sleep(0)
        with pytest.raises(Refusal) as refused:
            await sign_in.check("ACME", "bob.smith", PASSWORD, "192.0.2.99")
        assert (refused.value.status, refused.value.retry_after) == (503, 3)
        slow.go_on.set()
        assert {signed_in.user for signed_in in await asyncio.gather(*waiting)} == {"bob.smith"}


async def test_unknown_accounts_and_users_are_checked_as_well(installation: Installation) -> None:
    """What takes time is the check itself, so whoever measures learns nothing: it must run in every case."""
    slow = SlowPasswords()
    slow.go_on.set()
    sign_in = SignIn(lambda: installation.current, slow)
    for account, user in (
        ("ACME", "bob.smith"),
        ("ACME", "nobody"),
        ("nothing", "bob.smith"),
        ("Quiet", "x"),
    ):
        with pytest.raises(Refusal):
            await sign_in.check(account, user, "wrong", "192.0.2.1")
    sign_in.close()
    assert slow.calls == [installation.auth / "ACME"] * 2 + [None, None]


class Unreadable(PasswordFiles):
    def proof(self, path: Path, user: str) -> bytes | None:
        raise ConfigError(f"{path} may not be read")


async def test_an_auth_file_that_cannot_be_read_admits_nobody_and_says_so(
    installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    sign_in = SignIn(lambda: installation.current, Unreadable())
    with pytest.raises(Refusal, match="Invalid Login Credentials"):
        await sign_in.check("ACME", "bob.smith", PASSWORD, "192.0.2.1")
    sign_in.close()
    assert "nobody can sign in to the account “ACME”" in caplog.text


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("unix", "unix", True),
    ],
)
async def test_an_ipv6_guesser_holds_a_whole_network(
    installation: Installation, first: str, second: str, *, same: bool
) -> None:
    sign_in = SignIn(lambda: installation.current, PasswordFiles(), clock=lambda: 0.0)
    statuses = []
    for address in [first] * 10 + [second]:
        with pytest.raises(Refusal) as refused:
            await sign_in.check("nothing", "x", "y", address)
        statuses.append(refused.value.status)
    sign_in.close()
    assert statuses == [400] * 10 + [429 if same else 400]


async def test_a_right_password_empties_the_users_own_bucket_only(installation: Installation) -> None:
    sign_in = SignIn(lambda: installation.current, PasswordFiles(), clock=lambda: 0.0)

    async def guess(user: str, password: str) -> int:
        try:
            await sign_in.check("ACME", user, password, "192.0.2.1")
        except Refusal as refused:
            return refused.status
        return 200

    assert [await guess("bob.smith", "x") for _ in range(9)] == [400] * 9
    assert await guess("bob.smith", PASSWORD) == 200
    assert [await guess("bob.smith", "x") for _ in range(11)] == [400] * 10 + [429]
    # 19 failures so far count against the address, whose burst is 40.
    assert [await guess(f"user{number}", "x") for number in range(22)] == [400] * 21 + [429]
    sign_in.close()


async def test_a_browser_without_javascript_signs_in_and_sees_errors_on_the_page(client: Client) -> None:
    page = await client.post(
        "/api/login", BOB | {"password": "x", "user": "<bob>"}, Accept="text/html,*/*;q=0.8"
    )
    assert page.status == 400
    assert page.headers["Content-Type"].startswith("text/html")
    assert 'value="&lt;bob&gt;"' in page.text
    assert "don’t go together" in page.text
    assert 'value="x"' not in page.text
    reply = await client.post("/api/login", BOB, Accept="text/html")
    assert (reply.status, reply.location) == (303, "/send")
    assert (await client.get("/send")).status == 200
