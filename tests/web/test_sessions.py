"""Sessions in the real journal, with a clock that the test sets."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from pathlib import Path

import pytest

from nexefax.errors import ConfigError
from nexefax.passwords import PasswordFiles
from nexefax.store import Journal
from nexefax.web import sessions as module
from nexefax.web.sessions import Sessions
from tests.web.ground import Installation, htpasswd


class Ground:
    def __init__(self, installation: Installation, journal: Journal) -> None:
        self.installation = installation
        self.journal = journal
        self.files = PasswordFiles()
        self.now = 1_000_000.0
        self.sessions = self.anew()

    def anew(self) -> Sessions:
        """As after a restart."""
        return Sessions(lambda: self.installation.current, self.journal, self.files, lambda: self.now)

    async def begin(self, user: str = "bob.smith") -> str:
        account = self.installation.current.account("acme")
        assert account is not None
        proof = self.files.proof(self.installation.auth / "ACME", user)
        assert proof is not None
        return await self.sessions.begin(account, user, proof, address="192.0.2.1", agent="Browser/1.0" * 50)

    async def user_of(self, token: str) -> str | None:
        session = await self.sessions.find(token)
        return None if session is None else session.user

    async def rows(self) -> list[sqlite3.Row]:
        return await self.journal.read(
            lambda connection: connection.execute("SELECT * FROM session").fetchall()
        )


@pytest.fixture
def ground(installation: Installation, journal: Journal) -> Ground:
    return Ground(installation, journal)


async def test_a_session_is_kept_by_its_hash_only_and_survives_a_restart(ground: Ground) -> None:
    token = await ground.begin()
    session = await ground.anew().find(token)
    assert session is not None
    assert (session.account.id, session.user) == ("ACME", "bob.smith")
    assert (session.created, session.expires) == (1_000_000.0, 1_086_400.0)
    (row,) = await ground.rows()
    assert row["token_hash"] == hashlib.sha256(token.encode()).digest()
    assert token not in repr(tuple(row))
    assert (row["address"], len(row["agent"])) == ("192.0.2.1", 200)


async def test_tokens_are_random(ground: Ground) -> None:
    assert len({await ground.begin() for _ in range(20)}) == 20


@pytest.mark.parametrize(
    "token", ["", "x", "x" * 43, "x" * 44, "ä" * 43, "../../../etc/passwd", "A" * 100_000]
)
async def test_what_nobody_was_given_is_nobodys(ground: Ground, token: str) -> None:
    await ground.begin()
    assert await ground.user_of(token) is None
    assert not await ground.sessions.end(token)


async def test_a_session_ends_when_its_time_is_over(ground: Ground) -> None:
    ground.installation.configure("web_session_length=60")
    token = await ground.begin()
    ground.now += 59.9
    assert await ground.user_of(token) == "bob.smith"
    ground.now += 0.1
    assert await ground.user_of(token) is None
    assert await ground.sessions.sweep() == 1
    assert await ground.rows() == []


async def test_a_session_ends_when_it_is_ended_and_no_other_does(ground: Ground) -> None:
    one, other = await ground.begin(), await ground.begin()
    assert await ground.sessions.end(one)
    assert not await ground.sessions.end(one)
    assert await ground.user_of(one) is None
    assert await ground.user_of(other) == "bob.smith"


async def test_a_removed_user_is_out_at_once(ground: Ground) -> None:
    htpasswd(ground.installation.auth / "ACME", "jane", "secret")
    bob, jane = await ground.begin(), await ground.begin("jane")
    await asyncio.to_thread(ground.files._files[ground.installation.auth / "ACME"].remove, "bob.smith")
    assert await ground.user_of(bob) is None
    assert await ground.user_of(jane) == "jane"
    assert await ground.sessions.sweep() == 1
    assert await ground.user_of(jane) == "jane"


async def test_a_changed_password_ends_the_sessions_begun_with_the_old_one(ground: Ground) -> None:
    token = await ground.begin()
    htpasswd(ground.installation.auth / "ACME", "bob.smith", "another")
    assert await ground.user_of(token) is None
    assert await ground.user_of(await ground.begin()) == "bob.smith"


async def test_a_removed_account_or_auth_file_ends_its_sessions(ground: Ground) -> None:
    token = await ground.begin()
    accounts = ground.installation.folder / "accounts.conf"
    kept = accounts.read_text()
    accounts.write_text(kept.replace("[ACME]", "[Other]"))
    ground.installation.reload()
    assert await ground.user_of(token) is None
    accounts.write_text(kept)
    ground.installation.reload()
    assert await ground.user_of(token) == "bob.smith"
    (ground.installation.auth / "ACME").unlink()
    assert await ground.user_of(token) is None
    assert await ground.sessions.sweep() == 1


class Unreadable(PasswordFiles):
    def proof(self, path: Path, user: str) -> bytes | None:
        raise ConfigError(f"{path} may not be read")


async def test_an_unreadable_auth_file_admits_nobody_but_ends_nothing(
    ground: Ground, caplog: pytest.LogCaptureFixture
) -> None:
    token = await ground.begin()
    ground.files = Unreadable()
    broken = ground.anew()
    assert await broken.find(token) is None
    assert "the session of bob.smith (ACME) can't be checked" in caplog.text
    assert await broken.sweep() == 0
    assert await ground.user_of(token) == "bob.smith"


async def test_a_users_oldest_sessions_go_past_the_cap(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_PER_USER", 3)
    htpasswd(ground.installation.auth / "ACME", "jane", "secret")
    jane = await ground.begin("jane")
    tokens = []
    for _ in range(5):
        ground.now += 1
        tokens.append(await ground.begin())
    assert [await ground.user_of(token) for token in tokens] == [None, None] + ["bob.smith"] * 3
    assert await ground.user_of(jane) == "jane"
