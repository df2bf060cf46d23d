"""Against the real ``htpasswd``: what it writes we check, what we write it checks."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from nexefax.passwords import HtpasswdFile

PASSWORDS = ["secret", "with space", "ключ-pässwörd-鍵", "%s${TO}:#;'\"", "a" * 8]


def htpasswd(*arguments: str, check: bool = True) -> int:
    run = subprocess.run(["htpasswd", *arguments], check=check, capture_output=True)
    return run.returncode


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("option", ["-B", "-m", "-s", "-d", "-5", "-2"])
def test_what_htpasswd_writes_is_checked(tmp_path: Path, option: str, password: str) -> None:
    path = tmp_path / "ACME"
    short = option == "-d"  # DES takes the first 8 bytes only, and htpasswd warns
    htpasswd("-bc", option, str(path), "bob.smith", password)
    file = HtpasswdFile(path)
    assert file.verify("bob.smith", password)
    assert not file.verify("bob.smith", "x" + password)
    assert not file.verify("bob.smith", "")
    assert not file.verify("bob", password)
    assert file.verify("bob.smith", password + "y") == (short and len(password.encode()) >= 8)


def test_bcrypt_is_cut_at_72_bytes_as_htpasswd_cuts_it(tmp_path: Path) -> None:
    path = tmp_path / "ACME"
    htpasswd("-bcB", str(path), "bob", "a" * 80)
    assert HtpasswdFile(path).verify("bob", "a" * 80)
    assert HtpasswdFile(path).verify("bob", "a" * 72)
    assert not HtpasswdFile(path).verify("bob", "a" * 71)
    HtpasswdFile(path).set_password("bob", "b" * 80)
    assert htpasswd("-bv", str(path), "bob", "b" * 80) == 0


def test_the_cost_of_htpasswd_may_be_higher(tmp_path: Path) -> None:
    path = tmp_path / "ACME"
    htpasswd("-bcB", "-C", "7", str(path), "bob", "secret")
    htpasswd("-b5", "-r", "7000", str(path), "eve", "secret")
    assert HtpasswdFile(path).verify("bob", "secret")
    assert HtpasswdFile(path).verify("eve", "secret")


@pytest.mark.parametrize("password", PASSWORDS)
def test_htpasswd_checks_what_we_write(tmp_path: Path, password: str) -> None:
    path = tmp_path / "ACME"
    file = HtpasswdFile(path)
    file.add("bob.smith", password)
    file.add("Jürgen Müller", "other")
    assert path.read_text().startswith("bob.smith:$2y$12$")
    assert htpasswd("-bv", str(path), "bob.smith", password) == 0
    assert htpasswd("-bv", str(path), "Jürgen Müller", "other") == 0
    assert htpasswd("-bv", str(path), "bob.smith", "x" + password, check=False) == 3


def test_both_change_one_file_in_turn(tmp_path: Path) -> None:
    path = tmp_path / "ACME"
    file = HtpasswdFile(path)
    file.add("bob", "one")
    assert file.verify("bob", "one")
    htpasswd("-bB", str(path), "bob", "two")
    assert file.verify("bob", "two")
    htpasswd("-bB", str(path), "eve", "three")
    file.remove("bob")
    assert file.users() == ("eve",)
    htpasswd("-D", str(path), "eve")
    assert not file.verify("eve", "three")
    assert path.read_bytes() == b""
