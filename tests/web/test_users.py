"""The users of an account, managed by those whom accounts.conf names in admins."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import pytest

from nexefax.errors import ConfigError
from nexefax.passwords import HtpasswdFile
from nexefax.store import Journal
from nexefax.web.auth import THREADS
from tests.web.client import Client
from tests.web.ground import ACCOUNTS, PASSWORD, Installation, htpasswd


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    installation = Installation(tmp_path / "etc")
    accounts = ACCOUNTS.replace("[ACME]", "[ACME]\nadmins = bob.smith, Émile")
    (installation.folder / "accounts.conf").write_text(accounts)
    installation.reload()
    htpasswd(installation.auth / "ACME", "jane", "secret")
    return installation


async def sign_in(port: int, user: str, password: str, account: str = "ACME") -> Client:
    client = Client(port)
    reply = await client.post("/api/login", {"account": account, "user": user, "password": password})
    assert reply.status == 200, reply.text
    return client


async def names(admin: Client) -> list[str]:
    return [user["name"] for user in (await admin.get("/api/users")).json["users"]]


async def test_users_are_listed(bob: Client) -> None:
    assert (await bob.get("/api/me")).json["admin"] is True
    assert (await bob.get("/api/users")).json == {
        "users": [
            {"name": "bob.smith", "admin": True, "you": True},
            {"name": "jane", "admin": False, "you": False},
        ]
    }


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/users", None),
        ("POST", "/api/users", {"name": "eve", "password": "x"}),
        ("PUT", "/api/users/bob.smith/password", {"password": "x"}),
        ("DELETE", "/api/users/bob.smith", None),
    ],
)
async def test_all_others_may_not(
    bob: Client, installation: Installation, method: str, path: str, body: object
) -> None:
    before = (installation.auth / "ACME").read_bytes()
    jane = await sign_in(bob.port, "jane", "secret")
    assert (await jane.get("/api/me")).json["admin"] is False
    reply = await jane.send(method, path, body)
    assert (reply.status, reply.json["detail"]) == (
        403,
        "Only an administrator of the account may manage its users.",
    )
    assert (await Client(bob.port).send(method, path, body)).status == 401
    secret = (await bob.send("POST", "/api/tokens", {"name": "x", "scopes": ["send", "read"]})).json["token"]
    reply = await Client(bob.port).send(method, path, body, Authorization=f"Bearer {secret}")
    assert (reply.status, reply.json["detail"]) == (403, "This may not be done with this token.")
    assert (installation.auth / "ACME").read_bytes() == before


async def test_an_added_user_may_sign_in(bob: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    reply = await bob.send("POST", "/api/users", {"name": "Émile", "password": "première"})
    assert (reply.status, reply.json) == (201, {"name": "Émile", "admin": True, "you": False})
    emile = await sign_in(bob.port, "Émile", "première")
    assert "account ACME: user Émile was added by bob.smith" in caplog.text
    assert "première" not in caplog.text
    again = await bob.send("POST", "/api/users", {"name": "Émile", "password": "another"})
    assert (again.status, again.json["detail"], again.json["field"]) == (
        409,
        "There is a user Émile already.",
        "name",
    )
    assert (await emile.get("/api/me")).status == 200
    await sign_in(bob.port, "Émile", "première")


@pytest.mark.parametrize(
    "name",
    [
        "",
        " jane",
        "#jane",
        "a:b",
        "a\nroot:x",
        "a\0b",
        "a\u202eb",
        "a/b",
        "a\\b",
        ".",
        "..",
        "x" * 256,
        "\ud800",
        12,
        None,
        ["a"],
    ],
)
async def test_hostile_names_are_refused(bob: Client, installation: Installation, name: object) -> None:
    before = (installation.auth / "ACME").read_bytes()
    reply = await bob.send("POST", "/api/users", {"name": name, "password": "x"})
    assert (reply.status, reply.json["field"]) == (400, "name")
    assert (installation.auth / "ACME").read_bytes() == before


@pytest.mark.parametrize("password", ["", "a\nb", "x" * 73, None, 1])
async def test_passwords_that_can_not_be_are_refused(bob: Client, password: object) -> None:
    reply = await bob.send("POST", "/api/users", {"name": "eve", "password": password})
    assert (reply.status, reply.json["field"]) == (400, "password")
    reply = await bob.send("PUT", "/api/users/jane/password", {"password": password})
    assert (reply.status, reply.json["field"]) == (400, "password")
    assert await names(bob) == ["bob.smith", "jane"]


async def test_a_password_set_by_an_administrator_ends_the_users_sessions(bob: Client) -> None:
    jane = await sign_in(bob.port, "jane", "secret")
    assert (await bob.send("PUT", "/api/users/jane/password", {"password": "new one"})).status == 204
    assert (await jane.get("/api/me")).status == 401
    await sign_in(bob.port, "jane", "new one")
    assert (await bob.get("/api/me")).status == 200


async def test_a_removed_user_is_out_with_sessions_and_tokens_and_so_is_the_next_of_that_name(
    bob: Client, journal: Journal
) -> None:
    jane = await sign_in(bob.port, "jane", "secret")
    secret = (await jane.send("POST", "/api/tokens", {"name": "x", "scopes": ["read"]})).json["token"]
    program = Client(bob.port)
    assert (await program.get("/api/me", Authorization=f"Bearer {secret}")).status == 200
    assert (await bob.send("DELETE", "/api/users/jane")).status == 204
    assert await names(bob) == ["bob.smith"]
    assert (await jane.get("/api/me")).status == 401
    left = await journal.read(
        lambda c: c.execute("SELECT user FROM session UNION ALL SELECT user FROM api_token")
    )
    assert {row[0] for row in left} == {"bob.smith"}
    assert (await bob.send("POST", "/api/users", {"name": "jane", "password": "secret"})).status == 201
    assert (await jane.get("/api/me")).status == 401
    assert (await program.get("/api/me", Authorization=f"Bearer {secret}")).status == 401


async def test_what_was_left_of_a_user_removed_elsewhere_is_not_the_next_ones(
    bob: Client, installation: Installation
) -> None:
    jane = await sign_in(bob.port, "jane", "secret")
    secret = (await jane.send("POST", "/api/tokens", {"name": "x", "scopes": ["read"]})).json["token"]
    await asyncio.to_thread(HtpasswdFile(installation.auth / "ACME").remove, "jane")
    assert (await bob.send("POST", "/api/users", {"name": "jane", "password": "x"})).status == 201
    reply = await Client(bob.port).get("/api/me", Authorization=f"Bearer {secret}")
    assert reply.status == 401


async def test_nobody_removes_or_overrules_oneself(bob: Client) -> None:
    reply = await bob.send("DELETE", "/api/users/bob.smith")
    assert (reply.status, reply.json["detail"]) == (
        409,
        "You can't remove yourself; another administrator of the account can.",
    )
    reply = await bob.send("PUT", "/api/users/bob.smith/password", {"password": "x"})
    assert (reply.status, reply.json["detail"]) == (409, "Change your own password with your current one.")
    await sign_in(bob.port, "bob.smith", PASSWORD)


@pytest.mark.parametrize("name", ["nobody", "JANE", "jane%20", "%23", "%E2%80%AE", "jane%3Ax"])
async def test_who_is_not_there_is_not_found(bob: Client, name: str) -> None:
    assert (await bob.send("DELETE", f"/api/users/{name}")).status == 404
    assert (await bob.send("PUT", f"/api/users/{name}/password", {"password": "x"})).status == 404
    assert await names(bob) == ["bob.smith", "jane"]


async def test_another_accounts_users_are_not_there(bob: Client, installation: Installation) -> None:
    await asyncio.to_thread(htpasswd, installation.auth / "Quiet", "mute", "secret")
    mute = await sign_in(bob.port, "mute", "secret", "Quiet")
    assert (await bob.send("DELETE", "/api/users/mute")).status == 404
    assert (await mute.get("/api/users")).status == 403
    assert (await mute.get("/api/me")).status == 200


async def test_files_that_can_not_be_used_are_told(
    bob: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def read_only(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("nexefax.passwords.disk.replace", read_only)
    for method, path, body in (
        ("POST", "/api/users", {"name": "eve", "password": "x"}),
        ("PUT", "/api/users/jane/password", {"password": "x"}),
        ("DELETE", "/api/users/jane", None),
    ):
        reply = await bob.send(method, path, body)
        assert reply.status == 503
        assert reply.json["detail"].startswith("NexeFax may not change its file of passwords")
    assert caplog.text.count("Read-only file system") == 3


async def test_a_file_that_can_not_be_read_is_told(
    bob: Client, installation: Installation, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(file: HtpasswdFile) -> None:
        raise ConfigError(f"{file.path} can't be read")

    monkeypatch.setattr(HtpasswdFile, "users", unreadable)
    assert (await bob.get("/api/users")).status == 503
    assert (
        f"the users of account ACME can't be listed: {installation.auth / 'ACME'} can't be read"
        in caplog.text
    )


async def test_hashing_too_much_at_once_is_put_off(bob: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nexefax.web.auth.MOST_WAITING", -THREADS)
    reply = await bob.send("POST", "/api/users", {"name": "eve", "password": "x"})
    assert (reply.status, reply.headers["Retry-After"]) == (503, "3")
    reply = await bob.send("PUT", "/api/me/password", {"current": PASSWORD, "new": "x"})
    assert (reply.status, reply.headers["Retry-After"]) == (503, "3")
