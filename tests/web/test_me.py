"""One's own account: who one is, one's password, and where one is signed in."""

from __future__ import annotations

import asyncio
import os

import pytest

from nexefax.passwords import HtpasswdFile
from nexefax.store import Journal
from nexefax.web import sessions as module
from nexefax.web.json_body import MOST_JSON_BYTES
from tests.web.client import Client, Reply
from tests.web.ground import PASSWORD, Installation, Tray, htpasswd
from tests.web.running import Running, run_site

NEW = "battery staple"


async def sign_in(port: int, password: str = PASSWORD, user: str = "bob.smith") -> Client:
    client = Client(port)
    form = {"account": "ACME", "user": user, "password": password}
    reply = await client.post("/api/login", form, User_Agent="Browser/2.0")
    assert reply.status == 200, reply.text
    return client


def assert_problem(reply: Reply, status: int, detail: str, field: str | None = None) -> None:
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert (reply.status, reply.json["status"], reply.json["detail"]) == (status, status, detail)
    assert reply.json.get("field") == field


async def test_who_one_is_and_what_may_be_done(bob: Client) -> None:
    reply = await bob.send("GET", "/api/me")
    assert reply.status == 200
    me = reply.json
    assert isinstance(me.pop("office"), bool)
    assert isinstance(me.pop("covers_possible"), bool)
    assert me.pop("version")
    assert me.pop("passwords") is True
    assert me == {
        "account": "ACME",
        "user": "bob.smith",
        "admin": False,
        "scopes": ["account", "read", "send"],
        "tx_name": "ACME Corporation",
        "tx_number": "12025550154",
        "cover": False,
        "resolution": "fine",
        "limits": {"upload_mb": 1, "pages": 500, "page_minutes": 6},
    }


@pytest.mark.parametrize("address", ["/api/me", "/api/faxes", "/api/sessions", "/api/events"])
async def test_a_page_acts_in_nobodys_name_but_its_own(
    bob: Client, installation: Installation, address: str
) -> None:
    """Another tab has signed in as somebody else: all share the cookie."""
    for person in ("ACME/carol", "Quiet/bob.smith", "ACME", "/"):
        assert_problem(await bob.get(address, NexeFax_Person=person), 401, "Sign in first.")
        assert_problem(await bob.get(f"{address}?person={person}"), 401, "Sign in first.")
    if address == "/api/events":
        return  # an answer without an end
    assert (await bob.get(address, NexeFax_Person="ACME/bob.smith")).status == 200
    htpasswd(installation.auth / "ACME", "o'neil (é)/x", PASSWORD)
    odd = await sign_in(bob.port, user="o'neil (é)/x")
    assert (await odd.get(address, NexeFax_Person="ACME/o%27neil%20%28%C3%A9%29%2Fx")).status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/me"),
        ("PUT", "/api/me/password"),
        ("GET", "/api/sessions"),
        ("DELETE", "/api/sessions"),
        ("DELETE", "/api/sessions/abc"),
    ],
)
async def test_nobody_gets_nothing(client: Client, method: str, path: str) -> None:
    reply = await client.send(method, path, {} if method == "PUT" else None)
    assert_problem(reply, 401, "Sign in first.")
    assert reply.headers["WWW-Authenticate"] == "Bearer"


async def test_a_changed_password_ends_all_other_sessions_but_not_this_one(
    bob: Client, installation: Installation
) -> None:
    elsewhere = await sign_in(bob.port)
    reply = await bob.send("PUT", "/api/me/password", {"current": PASSWORD, "new": NEW})
    assert (reply.status, reply.body) == (204, b"")
    assert (await bob.get("/api/me")).status == 200
    assert (await elsewhere.get("/api/me")).status == 401
    file = HtpasswdFile(installation.auth / "ACME")
    assert await asyncio.to_thread(file.verify, "bob.smith", NEW)
    assert not await asyncio.to_thread(file.verify, "bob.smith", PASSWORD)
    listed = (await bob.get("/api/sessions")).json["sessions"]
    assert [session["current"] for session in listed] == [True]
    assert (await (await sign_in(bob.port, NEW)).get("/api/me")).status == 200


async def test_requests_of_the_session_go_on_while_the_password_changes(bob: Client) -> None:
    change = asyncio.ensure_future(bob.send("PUT", "/api/me/password", {"current": PASSWORD, "new": NEW}))
    seen = set()
    while not change.done():
        seen.add((await bob.get("/api/me")).status)
    assert (await change).status == 204
    assert seen == {200}


async def test_two_changes_at_once_follow_each_other(bob: Client, installation: Installation) -> None:
    replies = await asyncio.gather(
        *[
            bob.send("PUT", "/api/me/password", {"current": PASSWORD, "new": f"{NEW} {turn}"})
            for turn in range(2)
        ]
    )
    assert 204 in {reply.status for reply in replies}
    assert (await bob.get("/api/me")).status == 200
    file = HtpasswdFile(installation.auth / "ACME")
    assert [file.verify("bob.smith", f"{NEW} {turn}") for turn in range(2)].count(True) == 1


@pytest.mark.parametrize(
    ("current", "new", "field", "detail"),
    [
        ("wrong", NEW, "current", "This is not your current password."),
        ("", NEW, "current", "This is not your current password."),
        ("x" * 2000, NEW, "current", "This is not your current password."),
        (PASSWORD, "", "new", "The password is empty, or has a line break in it; choose another."),
        (PASSWORD, "a\nb", "new", "The password is empty, or has a line break in it; choose another."),
        (PASSWORD, "a\0b", "new", "The password is empty, or has a line break in it; choose another."),
        (PASSWORD, "x" * 256, "new", "The password is longer than 255 bytes; choose a shorter one."),
        (PASSWORD, "ä" * 37, "new", "A password may have at most 72 bytes; choose a shorter one."),
        (PASSWORD, "\ud800", "new", "The field new must be text."),
        (None, NEW, "current", "Enter your current password."),
        (PASSWORD, None, "new", "Enter the new password."),
        (PASSWORD, 12, "new", "The field new must be text."),
        (PASSWORD, [NEW], "new", "The field new must be text."),
    ],
)
async def test_what_can_not_be_a_change_of_password_changes_nothing(
    bob: Client, installation: Installation, current: object, new: object, field: str, detail: str
) -> None:
    before = (installation.auth / "ACME").read_bytes()
    given = {name: value for name, value in (("current", current), ("new", new)) if value is not None}
    assert_problem(await bob.send("PUT", "/api/me/password", given), 400, detail, field)
    assert (installation.auth / "ACME").read_bytes() == before


async def test_a_password_of_72_bytes_is_taken_whole(bob: Client, installation: Installation) -> None:
    new = "ü" * 36
    assert (await bob.send("PUT", "/api/me/password", {"current": PASSWORD, "new": new})).status == 204
    file = HtpasswdFile(installation.auth / "ACME")
    assert file.verify("bob.smith", new)
    assert not file.verify("bob.smith", new[:-1] + "u")


async def test_guessing_the_current_password_is_slowed_down_as_signing_in_is(bob: Client) -> None:
    for _ in range(10):
        reply = await bob.send("PUT", "/api/me/password", {"current": "guess", "new": NEW})
        assert reply.status == 400
    reply = await bob.send("PUT", "/api/me/password", {"current": PASSWORD, "new": NEW})
    assert reply.status == 429
    assert "Too many wrong passwords" in reply.json["detail"]
    assert int(reply.headers["Retry-After"]) > 0


async def test_a_file_that_can_not_be_written_is_told_to_the_user_and_the_remedy_to_the_administrator(
    bob: Client, installation: Installation, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_: object) -> None:
        raise OSError(30, os.strerror(30))

    monkeypatch.setattr("nexefax.passwords.disk.replace", read_only)
    reply = await bob.send("PUT", "/api/me/password", {"current": PASSWORD, "new": NEW})
    assert reply.status == 503
    assert reply.json["detail"].startswith("NexeFax may not change its file of passwords, so nothing")
    (told,) = [line for line in caplog.messages if "can't be changed" in line]
    assert f"{installation.auth / 'ACME'} can't be changed: Read-only file system" in told
    assert f"ReadWritePaths={installation.auth}" in told
    assert (await bob.get("/api/me")).status == 200


async def test_where_no_password_can_be_changed_that_is_known_before(
    bob: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "nexefax.passwords.os.access", lambda _path, _mode: False
    )  # root may write everywhere
    assert (await bob.send("GET", "/api/me")).json["passwords"] is False


@pytest.mark.parametrize(
    ("body", "media_type", "status", "detail"),
    [
        (b"{}", "text/plain", 415, "Send JSON: application/json."),
        (b"{", "application/json", 400, "The body of the request is no JSON."),
        (b"[]", "application/json", 400, "The body must be a JSON object."),
        (b"null", "application/json", 400, "The body must be a JSON object."),
        (b"[" * 60_000, "application/json", 400, "The body of the request is no JSON."),
        (b'{"old": "x"}', "application/json", 400, "There is no field old here."),
        (b'{"a\\u0000b": "x"}', "application/json", 400, "There is no field a?b here."),
        (b'{"current": true}', "application/json", 400, "The field current must be text."),
        (
            b" " * (MOST_JSON_BYTES + 1),
            "application/json",
            413,
            f"The request is too large: at most {MOST_JSON_BYTES} bytes are taken here.",
        ),
    ],
)
async def test_bodies_that_are_not_what_is_wanted(
    bob: Client, body: bytes, media_type: str, status: int, detail: str
) -> None:
    reply = await bob.ask("PUT", "/api/me/password", body, {"Content-Type": media_type})
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert (reply.status, reply.json["detail"]) == (status, detail)


async def test_sessions_are_listed_and_ended_one_by_one(bob: Client) -> None:
    phone, other = await sign_in(bob.port), await sign_in(bob.port)
    listed = (await bob.get("/api/sessions")).json["sessions"]
    assert [session["current"] for session in listed] == [True, False, False]
    assert listed[1]["agent"] == "Browser/2.0"
    assert listed[1]["address"] == "127.0.0.1"
    assert listed[1]["created"].endswith("Z")
    assert listed[1]["created"] < listed[1]["expires"]
    here = (await phone.get("/api/sessions")).json["sessions"][0]["id"]
    assert (await bob.send("DELETE", f"/api/sessions/{here}")).status == 204
    assert (await phone.get("/api/me")).status == 401
    assert (await other.get("/api/me")).status == 200
    assert_problem(
        await bob.send("DELETE", f"/api/sessions/{here}"),
        404,
        "There is no such session; it may be over already.",
    )


async def test_ending_ones_own_session_signs_out(bob: Client) -> None:
    cookie = bob.cookie
    own = (await bob.get("/api/sessions")).json["sessions"][0]["id"]
    assert (await bob.send("DELETE", f"/api/sessions/{own}")).status == 204
    assert bob.cookie == ""
    bob.cookie = cookie
    assert (await bob.get("/api/me")).status == 401


async def test_all_other_sessions_end_and_nobody_elses(bob: Client, installation: Installation) -> None:
    await asyncio.to_thread(htpasswd, installation.auth / "ACME", "jane", PASSWORD)
    other, jane = await sign_in(bob.port), await sign_in(bob.port, user="jane")
    assert (await bob.send("DELETE", "/api/sessions")).status == 204
    assert [(await client.get("/api/me")).status for client in (bob, other, jane)] == [200, 401, 200]
    hers = (await jane.get("/api/sessions")).json["sessions"]
    assert len(hers) == 1
    reply = await bob.send("DELETE", f"/api/sessions/{hers[0]['id']}")
    assert reply.status == 404
    assert (await jane.get("/api/me")).status == 200


async def test_a_session_id_is_no_token(bob: Client) -> None:
    listed = (await bob.get("/api/sessions")).json["sessions"]
    thief = Client(bob.port)
    thief.cookie = listed[0]["id"]
    assert (await thief.get("/api/me")).status == 401
    assert bob.cookie not in str(listed)


async def test_a_sweep_in_the_middle_of_a_change_of_password_ends_nothing(
    installation: Installation,
    journal: Journal,
    tray: Tray,
    monkeypatch: pytest.MonkeyPatch,
    running: Running,
) -> None:
    bob = await sign_in(running.port)
    written, swept = asyncio.Event(), asyncio.Event()
    renew = module.Sessions.renew

    async def slow(self: module.Sessions, session: module.Session, proof: bytes) -> None:
        written.set()
        await swept.wait()
        await renew(self, session, proof)

    monkeypatch.setattr(module.Sessions, "renew", slow)
    sessions: list[module.Sessions] = []
    sweep = module.Sessions.sweep

    async def caught(self: module.Sessions) -> int:
        sessions.append(self)
        return await sweep(self)

    monkeypatch.setattr(module.Sessions, "sweep", caught)
    async with run_site(installation, journal, tray) as second:
        away = Client(second.port)
        away.cookie = bob.cookie
        async with asyncio.TaskGroup() as tasks:
            change = tasks.create_task(
                away.send("PUT", "/api/me/password", {"current": PASSWORD, "new": NEW})
            )
            await written.wait()
            assert await sessions[0].sweep() == 0
            waiting = tasks.create_task(away.get("/api/me"))
            swept.set()
        assert change.result().status == 204
        assert waiting.result().status == 200
