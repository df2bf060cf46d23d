"""API tokens: made and revoked by people, honoured for programs, and for nothing that they were not made for."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3

import pytest

from nexefax.errors import ConfigError, JournalError
from nexefax.httpd import Request, Response, Router
from nexefax.passwords import HtpasswdFile, PasswordFiles
from nexefax.store import Journal
from nexefax.web import token_records
from nexefax.web.caller import Callers
from nexefax.web.sessions import Sessions
from nexefax.web.tokens import MOST_PER_USER, NOTE_SECONDS, Tokens
from tests.web.client import Client
from tests.web.ground import Installation, htpasswd
from tests.web.running import serve


class Ground:
    def __init__(self, installation: Installation, journal: Journal) -> None:
        self.installation = installation
        self.journal = journal
        self.files = PasswordFiles()
        self.now = 1_000_000.0
        self.tokens = Tokens(lambda: installation.current, journal, self.files, lambda: self.now)

    async def make(self, user: str = "bob.smith", scopes: tuple[str, ...] = ("send", "read")) -> str:
        account = self.installation.current.account("acme")
        assert account is not None
        return (await self.tokens.create(account, user, "Archive", scopes))[1]

    async def works(self, secret: str) -> bool:
        return await self.tokens.find(secret) is not None

    async def rows(self) -> list[sqlite3.Row]:
        return await self.journal.read(lambda c: c.execute("SELECT * FROM api_token").fetchall())


@pytest.fixture
def ground(installation: Installation, journal: Journal) -> Ground:
    return Ground(installation, journal)


async def create(bob: Client, *scopes: str, name: str = "Archive") -> str:
    reply = await bob.send("POST", "/api/tokens", {"name": name, "scopes": list(scopes)})
    assert reply.status == 201, reply.text
    return str(reply.json["token"])


async def test_a_token_is_shown_once_and_kept_by_its_hash_only(bob: Client, journal: Journal) -> None:
    reply = await bob.send("POST", "/api/tokens", {"name": "  Patient \t files ", "scopes": ["read", "send"]})
    assert reply.status == 201
    secret = reply.json["token"]
    assert secret.startswith("nxf_")
    assert len(secret) == 47
    listed = (await bob.get("/api/tokens")).json["tokens"]
    assert [(token["name"], token["scopes"], token["last_used"]) for token in listed] == [
        ("Patient files", ["send", "read"], None)
    ]
    assert secret not in str(listed)
    (row,) = await journal.read(lambda c: c.execute("SELECT * FROM api_token").fetchall())
    assert row["token_hash"] == hashlib.sha256(secret.encode()).digest()
    assert secret not in repr(tuple(row))


async def test_a_program_is_who_its_token_says(bob: Client) -> None:
    secret = await create(bob, "read")
    program = Client(bob.port)
    me = (await program.get("/api/me", Authorization=f"Bearer {secret}")).json
    assert (me["account"], me["user"], me["scopes"], me["admin"]) == ("ACME", "bob.smith", ["read"], False)
    assert (await program.get("/api/me", Authorization=f"bearer   {secret} ")).status == 200
    used = (await bob.get("/api/tokens")).json["tokens"][0]["last_used"]
    assert used.endswith("Z")


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer ", "Bearer x", f"Bearer nxf_{'x' * 43}", f"Bearer nxf_{'x' * 5000}", "bearer nxf_ä"],
)
async def test_an_unknown_token_is_refused_whatever_the_cookie_says(bob: Client, header: str) -> None:
    reply = await bob.get("/api/me", Authorization=header)
    assert (reply.status, reply.json["detail"]) == (401, "This token is unknown, or was revoked.")
    assert reply.headers["WWW-Authenticate"] == "Bearer"


async def test_other_schemes_are_a_proxys_and_not_looked_at(bob: Client) -> None:
    assert (await bob.get("/api/me", Authorization="Basic Ym9iOnNlY3JldA==")).status == 200
    assert (await Client(bob.port).get("/api/me", Authorization="Basic Ym9iOnNlY3JldA==")).status == 401


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/api/me/password", {"current": "x", "new": "y"}),
        ("GET", "/api/sessions", None),
        ("DELETE", "/api/sessions", None),
        ("DELETE", "/api/sessions/abc", None),
        ("GET", "/api/tokens", None),
        ("POST", "/api/tokens", {"name": "another", "scopes": ["read"]}),
        ("DELETE", "/api/tokens/1", None),
        ("GET", "/api/users", None),
    ],
)
async def test_what_is_for_people_no_token_may_do(bob: Client, method: str, path: str, body: object) -> None:
    secret = await create(bob, "send", "read")
    reply = await Client(bob.port).send(method, path, body, Authorization=f"Bearer {secret}")
    assert (reply.status, reply.json["detail"]) == (403, "This may not be done with this token.")
    assert len((await bob.get("/api/tokens")).json["tokens"]) == 1


async def test_a_token_is_for_what_it_was_made_for(ground: Ground) -> None:
    sessions = Sessions(lambda: ground.installation.current, ground.journal, ground.files)
    callers = Callers(sessions, ground.tokens)
    router = Router()

    async def answer(request: Request) -> Response:
        return Response.json((await callers.find(request, "send")).user)

    router.add("GET", "/send", answer)
    async with serve(router) as port:
        may, may_not = await ground.make(scopes=("send",)), await ground.make(scopes=("read",))
        client = Client(port)
        assert (await client.get("/send", Authorization=f"Bearer {may}")).json == "bob.smith"
        assert (await client.get("/send", Authorization=f"Bearer {may_not}")).status == 403


async def test_the_betas_endpoints_take_no_token(bob: Client) -> None:
    secret = await create(bob, "send", "read")
    reply = await Client(bob.port).post("/api/status", Authorization=f"Bearer {secret}")
    assert (reply.status, reply.location) == (302, "/login")


async def test_a_revoked_token_is_refused_at_once(bob: Client) -> None:
    one, other = await create(bob, "read"), await create(bob, "read")
    listed = (await bob.get("/api/tokens")).json["tokens"]
    assert (await bob.send("DELETE", f"/api/tokens/{listed[0]['id']}")).status == 204
    program = Client(bob.port)
    assert (await program.get("/api/me", Authorization=f"Bearer {one}")).status == 401
    assert (await program.get("/api/me", Authorization=f"Bearer {other}")).status == 200
    assert (await bob.send("DELETE", f"/api/tokens/{listed[0]['id']}")).status == 404


@pytest.mark.parametrize("wanted", ["0", "-1", "x", "9" * 30, "²", "1.0"])
async def test_tokens_that_are_not_there_are_not_found(bob: Client, wanted: str) -> None:
    await create(bob, "read")
    reply = await bob.ask("DELETE", f"/api/tokens/{wanted}".replace("²", "%C2%B2"), None, {})
    assert reply.status == 404


async def test_another_users_tokens_are_not_there(bob: Client, installation: Installation) -> None:
    await create(bob, "read")
    await asyncio.to_thread(htpasswd, installation.auth / "ACME", "jane", "secret")
    jane = Client(bob.port)
    await jane.post("/api/login", {"account": "ACME", "user": "jane", "password": "secret"})
    assert (await jane.get("/api/tokens")).json == {"tokens": []}
    mine = (await bob.get("/api/tokens")).json["tokens"][0]["id"]
    assert (await jane.send("DELETE", f"/api/tokens/{mine}")).status == 404
    assert len((await bob.get("/api/tokens")).json["tokens"]) == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "", "scopes": ["read"]}, "name"),
        ({"scopes": ["read"]}, "name"),
        ({"name": "x" * 101, "scopes": ["read"]}, "name"),
        ({"name": "a\u202eb", "scopes": ["read"]}, "name"),
        ({"name": "a\0b", "scopes": ["read"]}, "name"),
        ({"name": 1, "scopes": ["read"]}, "name"),
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x"}, "scopes"),
        ({"name": "x", "scopes": ["account"]}, "scopes"),
        ({"name": "x", "scopes": ["read", ["send"]]}, "scopes"),
        ({"name": "x", "scopes": "read"}, "scopes"),
        ({"name": "x", "scopes": ["read"], "user": "jane"}, "user"),
    ],
)
async def test_what_can_not_be_a_token_makes_none(bob: Client, body: object, field: str) -> None:
    reply = await bob.send("POST", "/api/tokens", body)
    assert (reply.status, reply.json["field"]) == (400, field)
    assert (await bob.get("/api/tokens")).json == {"tokens": []}


async def test_a_user_has_so_many_tokens_at_most(bob: Client, ground: Ground) -> None:
    for _ in range(MOST_PER_USER):
        await ground.make()
    reply = await bob.send("POST", "/api/tokens", {"name": "x", "scopes": ["read"]})
    assert (reply.status, reply.json["detail"]) == (
        409,
        f"You have {MOST_PER_USER} tokens already; revoke one that is not used first.",
    )


async def test_a_token_goes_on_when_the_password_changes(ground: Ground) -> None:
    secret = await ground.make()
    htpasswd(ground.installation.auth / "ACME", "bob.smith", "another")
    assert await ground.works(secret)


async def test_a_token_does_not_count_without_its_account_or_user(ground: Ground) -> None:
    secret = await ground.make()
    accounts = ground.installation.folder / "accounts.conf"
    kept = accounts.read_text()
    accounts.write_text(kept.replace("[ACME]", "[Other]"))
    ground.installation.reload()
    assert not await ground.works(secret)
    accounts.write_text(kept.replace("[ACME]", "[acme]"))
    ground.installation.reload()
    assert await ground.works(secret)
    (ground.installation.auth / "ACME").rename(ground.installation.auth / "elsewhere")
    assert not await ground.works(secret)


async def test_the_last_use_is_noted_once_a_minute(ground: Ground) -> None:
    secret = await ground.make()
    seen = []
    for step in (0.0, NOTE_SECONDS - 1, 1.0, -7200.0):
        ground.now += step
        assert await ground.works(secret)
        seen.append((await ground.rows())[0]["last_used"])
    assert seen == [1_000_000.0, 1_000_000.0, 1_000_060.0, 1_000_060.0 - 7200.0]


async def test_a_journal_that_can_not_be_written_refuses_no_program(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    secret = await ground.make()

    def locked(*_: object) -> None:
        raise JournalError("the journal is locked")

    monkeypatch.setattr(token_records, "note_use", locked)
    assert await ground.works(secret)
    assert "the use of token 1 can't be noted: the journal is locked" in caplog.text


async def test_tokens_of_removed_users_are_revoked_at_the_second_look(ground: Ground) -> None:
    file = ground.installation.auth / "ACME"
    htpasswd(file, "jane", "secret")
    bobs, janes = await ground.make(), await ground.make("jane")
    await asyncio.to_thread(HtpasswdFile(file).remove, "jane")
    assert not await ground.works(janes)
    assert await ground.tokens.sweep() == 0
    assert await ground.tokens.sweep() == 1
    htpasswd(file, "jane", "another Jane's")
    assert not await ground.works(janes)
    assert await ground.works(bobs)


async def test_a_file_that_is_empty_for_a_moment_revokes_nothing(ground: Ground) -> None:
    file = ground.installation.auth / "ACME"
    kept = file.read_bytes()
    secret = await ground.make()
    file.write_bytes(b"")
    assert await ground.tokens.sweep() == 0
    file.write_bytes(kept)
    assert await ground.tokens.sweep() == 0
    file.write_bytes(b"")
    assert await ground.tokens.sweep() == 0
    file.unlink()
    assert await ground.tokens.sweep() == 0
    file.write_bytes(kept)
    assert await ground.works(secret)


async def test_an_auth_file_that_can_not_be_read_admits_nobody_and_revokes_nothing(
    ground: Ground, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = await ground.make()

    def unreadable(*_: object) -> None:
        raise ConfigError("the file may not be read")

    monkeypatch.setattr(PasswordFiles, "proof", unreadable)
    assert not await ground.works(secret)
    assert "token 1 of bob.smith (ACME) can't be checked: the file may not be read" in caplog.text
    monkeypatch.setattr(HtpasswdFile, "users", unreadable)
    assert [await ground.tokens.sweep() for _ in range(2)] == [0, 0]
