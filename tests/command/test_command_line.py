"""The command line as an administrator types it, with and without a daemon."""

import io
import json
import sys
from pathlib import Path

import pytest

from nexefax.cli import main
from private_nexefax import PrivateNexeFax

ACME = {"tx_number": "12025550154", "tx_name": "ACME", "rx_email_to": "a@acme.example"}


@pytest.fixture
def nexefax(tmp_path: Path) -> PrivateNexeFax:
    made = PrivateNexeFax(tmp_path, tmp_path / "spool", {"ACME": ACME})
    made.write_config()
    return made


def run(nexefax: PrivateNexeFax, *words: str) -> int:
    return main([*words, "--config", str(nexefax.config_dir)])


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert capsys.readouterr().out.startswith("NexeFax ")


def test_wrong_usage_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["fly"])
    assert ended.value.code == 2
    assert "invalid choice: 'fly'" in capsys.readouterr().err


def test_users_are_added_changed_listed_and_removed(
    nexefax: PrivateNexeFax,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    def typed(text: str) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))

    typed("secret one\n")
    assert run(nexefax, "user", "add", "acme", "bob") == 0
    typed("secret two\n")
    assert run(nexefax, "user", "passwd", "ACME", "bob") == 0
    assert run(nexefax, "user", "list", "ACME") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "bob"
    typed("")
    assert run(nexefax, "user", "add", "ACME", "eve") == 1
    assert "no password" in capsys.readouterr().err
    assert run(nexefax, "user", "remove", "ACME", "bob") == 0
    assert run(nexefax, "user", "remove", "ACME", "bob") == 1
    assert run(nexefax, "user", "list", "NONE") == 1
    assert "no account 'NONE'; it has: ACME" in capsys.readouterr().err


def test_a_password_typed_twice_must_be_the_same(
    nexefax: PrivateNexeFax, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

    answers = iter(["one", "two", "same", "same"])
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", lambda _prompt: next(answers))
    assert run(nexefax, "user", "add", "ACME", "bob") == 1
    assert "the two passwords differ" in capsys.readouterr().err
    assert run(nexefax, "user", "add", "ACME", "bob") == 0


def test_every_problem_of_a_configuration_is_shown(
    nexefax: PrivateNexeFax, capsys: pytest.CaptureFixture[str]
) -> None:
    (nexefax.config_dir / "config.conf").write_text("[general]\n[server]\nport_http=x\n")
    for command in ("serve", "status"):
        assert run(nexefax, command) == 1
        said = capsys.readouterr().err
        assert "tx_channel is missing" in said
        assert "port_http" in said
    assert run(nexefax, "check") == 1
    assert "error   " in capsys.readouterr().out


def test_status_without_a_daemon_reads_the_journal(
    nexefax: PrivateNexeFax, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(nexefax, "status") == 1
    assert "there is no journal" in capsys.readouterr().err
    nexefax.start()
    assert run(nexefax, "status") == 0
    said = capsys.readouterr().out
    assert "runs since" in said
    assert "faxes out: none" in said
    assert run(nexefax, "status", "--json") == 0
    assert json.loads(capsys.readouterr().out)["accounts"] == ["ACME"]
    assert nexefax.stop() == 0
    assert run(nexefax, "status") == 1
    assert "NexeFax does not run; this is what its journal says" in capsys.readouterr().out


def test_check_names_what_is_wrong_with_its_remedy(
    nexefax: PrivateNexeFax, capsys: pytest.CaptureFixture[str]
) -> None:
    nexefax.email = {"method": "smtp", "smtp_port": "1"}
    nexefax.write_config()
    (nexefax.spool / "outgoing").rmdir()
    assert run(nexefax, "check") == 1
    said = capsys.readouterr().out
    assert "error   " + str(nexefax.spool / "outgoing") + " is missing" in said
    assert "error   the mail server 127.0.0.1:1 can't be used" in said
    assert "warning account ACME has no auth file" in said
    assert "Asterisk does not seem to run" in said
    assert "ok      /usr/bin/gs" in said


def test_a_daemon_that_cannot_have_its_port_says_so(nexefax: PrivateNexeFax) -> None:
    nexefax.start()
    second = PrivateNexeFax(nexefax.folder / "2", nexefax.spool, {"ACME": ACME}, port_http=nexefax.port_http)
    second.write_config()
    done = second.command("serve")
    assert done.returncode == 1
    assert str(nexefax.port_http) in done.stderr
    third = nexefax.command("serve")
    assert third.returncode == 1
    assert "in use by another NexeFax" in third.stderr
    nexefax.stop()
