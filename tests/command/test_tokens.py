"""`nexefax token` on the real daemon, and on a journal alone."""

from __future__ import annotations

import http.client
import json
from pathlib import Path

import pytest

from nexefax import cli
from nexefax.passwords.disk import LARGEST_FILE
from private_nexefax import PrivateNexeFax

ACME = {"tx_number": "12025550154", "tx_name": "ACME", "rx_email_to": "a@acme.example"}


class Line:
    """The command line on one installation: its exit status, and what it said."""

    def __init__(self, nexefax: PrivateNexeFax, capsys: pytest.CaptureFixture[str]) -> None:
        self._nexefax, self._capsys = nexefax, capsys

    def __call__(self, *words: str) -> tuple[int, str, str]:
        self._capsys.readouterr()
        status = cli.main([*words, "--config", str(self._nexefax.config_dir)])
        return status, *self._capsys.readouterr()


@pytest.fixture
def nexefax(tmp_path: Path) -> PrivateNexeFax:
    nexefax = PrivateNexeFax(tmp_path, tmp_path / "spool", {"ACME": ACME})
    nexefax.write_config()
    nexefax.add_user("ACME", "bob", "secret")
    return nexefax


@pytest.fixture
def line(nexefax: PrivateNexeFax, capsys: pytest.CaptureFixture[str]) -> Line:
    return Line(nexefax, capsys)


def scopes_of(nexefax: PrivateNexeFax, token: str) -> list[str] | None:
    """What the daemon lets a program do; None when it is refused."""
    connection = http.client.HTTPConnection(nexefax.url.removeprefix("http://").rstrip("/"), timeout=30)
    try:
        connection.request("GET", "/api/me", headers={"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        body = json.loads(response.read())
        return body["scopes"] if response.status == 200 else None
    finally:
        connection.close()


def test_tokens_are_made_listed_and_revoked_while_the_daemon_runs_and_while_it_does_not(
    nexefax: PrivateNexeFax, line: Line
) -> None:
    assert line("token", "list", "ACME") == (0, "ACME has no tokens.\n", "")
    status, early, _ = line("token", "create", "acme", "bob", "--name", "Made before", "--read")
    assert status == 0
    nexefax.start()
    try:
        assert scopes_of(nexefax, early.strip()) == ["read"]
        status, made, _ = line("token", "create", "ACME", "bob", "--name", "Patient files")
        assert status == 0
        assert scopes_of(nexefax, made.strip()) == ["read", "send"]
        status, listed, _ = line("token", "list", "ACME")
        first, second = listed.splitlines()
        assert first.startswith("1  bob  read  Made before  created ")
        assert second.startswith("2  bob  send+read  Patient files  created ")
        assert "last used never" not in listed
        assert made.strip() not in listed
        assert line("token", "revoke", "ACME", "1") == (0, "Token 1 is revoked.\n", "")
        assert scopes_of(nexefax, early.strip()) is None
        missing = "nexefax: ACME has no token 1; see: nexefax token list ACME\n"
        assert line("token", "revoke", "ACME", "1") == (1, "", missing)
    finally:
        nexefax.stop()
    assert line("token", "revoke", "ACME", "1") == (1, "", missing)
    assert line("token", "revoke", "ACME", "2") == (0, "Token 2 is revoked.\n", "")
    assert json.loads(line("token", "list", "ACME", "--json")[1]) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("list", "Nobody"), "accounts.conf has no account 'Nobody'; it has: ACME"),
        (("create", "ACME", "jane", "--name", "x"), "ACME has no user 'jane'; see: nexefax user list ACME"),
        (("create", "ACME", "bob", "--name", ""), "Give the token a name of 1 to 100 letters"),
        (("revoke", "ACME", "77"), "ACME has no token 77; see: nexefax token list ACME"),
    ],
)
def test_what_can_not_be_done_is_said(line: Line, words: tuple[str, ...], said: str) -> None:
    status, out, error = line("token", *words)
    assert (status, out) == (1, "")
    assert error.startswith(f"nexefax: {said}")


def test_an_auth_file_that_is_none_is_named(nexefax: PrivateNexeFax, line: Line) -> None:
    file = nexefax.config_dir / "auth" / "ACME"
    file.write_bytes(b"#" * (LARGEST_FILE + 1))
    status, _, error = line("token", "create", "ACME", "bob", "--name", "x")
    assert status == 1
    assert error.startswith(f"nexefax: {file} has more than {LARGEST_FILE} bytes, which is no htpasswd file")
