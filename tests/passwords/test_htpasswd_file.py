"""htpasswd files of every shape: reading, the time it takes, changes that can't be lost."""

from __future__ import annotations

import fcntl
import logging
import multiprocessing
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexefax.errors import ConfigError
from nexefax.passwords import HtpasswdFile, PasswordFiles, disk, hashes
from nexefax.passwords import lines as htpasswd_lines


def hashed(password: str, cost: int = 4) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost)).decode()


# Fixed, since several test processes must name the tests alike.
SECRET = "$2b$04$XNS601gb7sbqHmp2VU6Hpug6XMGWIw2bS6QUorWG4ItgCVoK70kqu"
OTHER = "$2b$04$/p6YMJGmd2MMC8yNFSOs9OyfNaRdLSrsCPRHh.5ed0NblvA0Frz1S"
SHA = "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="  # secret


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ACME"


@pytest.fixture
def old_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read of a file is kept, although it was written a moment ago."""
    monkeypatch.setattr("nexefax.passwords._YOUNG_NS", 0)


class Checks:
    """The bcrypt computations that were made: their costs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.costs: list[int] = []
        real = bcrypt.checkpw

        def checkpw(password: bytes, hashed_password: bytes) -> bool:
            self.costs.append(int(hashed_password[4:6]))
            return real(password, hashed_password)

        monkeypatch.setattr(bcrypt, "checkpw", checkpw)

    def taken(self) -> list[int]:
        costs, self.costs = self.costs, []
        return costs


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> Checks:
    return Checks(monkeypatch)


def test_comments_blank_lines_crlf_further_fields_and_doubles(path: Path) -> None:
    path.write_bytes(
        f"# users of ACME\r\n\r\n  bob:{SECRET}:Bob Smith:x  \r\nbob:{OTHER}\r\n:{SECRET}\r\n"
        f"no colon\r\n#eve:{SECRET}\neve:{OTHER}".encode()
    )
    file = HtpasswdFile(path)
    assert file.verify("bob", "secret")
    assert not file.verify("bob", "other")
    assert file.verify("eve", "other")
    assert not file.verify("", "secret")
    assert not file.verify("#eve", "secret")
    assert not file.verify("no colon", "")
    assert file.users() == ("bob", "eve")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("bob:secret", "plain text"),
        ("bob:", "plain text"),
        (f"bob:{SECRET.replace('$2b$', '$2x$')}", "plain text"),
        ("bob:$2y$17$8u/3zDqzAyCzYrxPUOkTfu2o4k9cWTgaF6coZEWUFzExPz8RRXlJS", "cost 17"),
        ("bob:$2y$03$8u/3zDqzAyCzYrxPUOkTfu2o4k9cWTgaF6coZEWUFzExPz8RRXlJS", "cost 3"),
        ("bob:$6$rounds=9000000$abcdefgh$" + "a" * 86, "9000000 rounds"),
        ("bob:$y$j9T$abcdefgh$" + "a" * 43, "plain text"),
        ("bob:$argon2id$v=19$m=65536,t=3,p=4$abc$def", "plain text"),
        ("bob:\u00fc", "plain text"),
    ],
)
def test_what_can_not_be_checked_is_refused_and_said_once(
    path: Path, line: str, why: str, caplog: pytest.LogCaptureFixture, checks: Checks, old_files: None
) -> None:
    path.write_text(f"eve:{SECRET}\n{line}\nbob:{SECRET}\n")
    secret = line.partition(":")[2]
    file = HtpasswdFile(path)
    with caplog.at_level(logging.WARNING, "nexefax.passwords"):
        assert not file.verify("bob", secret)
        assert not file.verify("bob", "secret"), "the first line of a user counts, as for Apache"
        assert file.verify("eve", "secret")
    [message] = [record.getMessage() for record in caplog.records]
    assert why in message
    assert f"{path}, line 2: the password of bob" in message
    assert not secret or secret not in caplog.text
    assert checks.taken() == [4, 4, 4]


def test_hashes_that_only_look_right_admit_nobody(path: Path) -> None:
    lines = {
        "salt": "$2y$04$" + "." * 21 + "9" + "." * 31,
        "rounds": "$5$rounds=5$abcdefgh$" + "a" * 43,
        "des": "ab" + "z" * 11,
        "length": "$5$abcdefgh$" + "a" * 86,
    }
    path.write_text("".join(f"{user}:{value}\n" for user, value in lines.items()))
    for user, value in lines.items():
        assert not HtpasswdFile(path).verify(user, "secret")
        assert not HtpasswdFile(path).verify(user, value)


@pytest.mark.parametrize("password", ["a\0b", "x" * 300, "\udcff", "\ud800"])
@pytest.mark.parametrize("stored", [SECRET, SHA])
def test_passwords_that_no_program_wrote(path: Path, stored: str, password: str) -> None:
    path.write_text(f"bob:{stored}\n")
    assert not HtpasswdFile(path).verify("bob", password)
    assert not HtpasswdFile(path).verify(password, "secret")


def test_unknown_users_take_a_check_of_the_usual_cost(path: Path, checks: Checks) -> None:
    costs = [4, 5, 5, 4, 5]
    path.write_text(
        "".join(f"u{number}:{hashed('x', cost)}\n" for number, cost in enumerate(costs)) + f"sha:{SHA}\n"
    )
    file = HtpasswdFile(path)
    assert not file.verify("nobody", "x")
    assert checks.taken() == [5]
    assert file.verify("u1", "x")
    assert checks.taken() == [5]
    assert file.verify("u0", "x")
    assert checks.taken() == [5, 4]
    assert file.verify("sha", "secret")
    assert checks.taken() == [5]


def test_without_bcrypt_unknown_users_take_a_check_of_the_usual_kind(
    path: Path, checks: Checks, monkeypatch: pytest.MonkeyPatch
) -> None:
    import passlib.hash

    path.write_text(f"bob:{SHA}\n")
    asked: list[str] = []
    real = passlib.hash.ldap_sha1.verify

    def verify(password: bytes, stored: str) -> bool:
        asked.append(stored)
        return bool(real(password, stored))

    monkeypatch.setattr(passlib.hash.ldap_sha1, "verify", verify)
    assert not HtpasswdFile(path).verify("nobody", "secret")
    assert asked == [SHA]
    assert checks.taken() == []


def test_no_file_admits_nobody_in_the_time_of_one(
    path: Path, checks: Checks, caplog: pytest.LogCaptureFixture
) -> None:
    file = HtpasswdFile(path)
    assert not file.verify("bob", "secret")
    assert checks.taken() == [12]
    assert f"{path} is missing; add a user with: nexefax user add" in caplog.text
    path.write_text(f"bob:{SECRET}\n")
    assert file.verify("bob", "secret")
    assert checks.taken() == [4]
    path.unlink()
    assert not file.verify("bob", "secret")


def test_unknown_accounts_take_the_time_of_the_file_asked_last(path: Path, checks: Checks) -> None:
    files = PasswordFiles()
    assert not files.verify(None, "bob", "secret")
    assert checks.taken() == [12]
    path.write_text(f"bob:{SECRET}\n")
    assert files.verify(path, "bob", "secret")
    assert files.verify(path, "bob", "secret")
    assert not files.verify(None, "bob", "secret")
    assert checks.taken() == [4, 4, 4]


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_is_no_file_is_said(path: Path, make: object, caplog: pytest.LogCaptureFixture) -> None:
    make(path)  # type: ignore[operator]  # either function takes the path alone
    assert not HtpasswdFile(path).verify("bob", "secret")
    assert f"{path} is no file" in caplog.text
    with pytest.raises(ConfigError, match="is no file"):
        HtpasswdFile(path).users()


def test_a_file_without_permission_is_said_with_the_remedy(path: Path) -> None:
    path.write_text(f"bob:{SECRET}\n")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("root reads everything")
    with pytest.raises(ConfigError, match=f"{path} can't be read: Permission denied; run: chgrp asterisk"):
        HtpasswdFile(path).users()


def test_a_huge_file_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "LARGEST_FILE", 100)
    path.write_text(f"bob:{SECRET}\n" * 2)
    with pytest.raises(ConfigError, match="more than 100 bytes"):
        HtpasswdFile(path).users()


def test_an_unchanged_file_is_read_once(path: Path, monkeypatch: pytest.MonkeyPatch, old_files: None) -> None:
    path.write_text(f"bob:{SECRET}\n")
    file = HtpasswdFile(path)
    reads: list[Path] = []
    real = disk.read

    def read(path: Path) -> tuple[os.stat_result, bytes]:
        reads.append(path)
        return real(path)

    monkeypatch.setattr(disk, "read", read)
    assert file.verify("bob", "secret")
    assert file.verify("bob", "secret")
    assert reads == [path]
    path.write_text(f"eve:{SECRET}\nzoe:{SECRET}\n")
    assert file.verify("zoe", "secret")
    assert not file.verify("bob", "secret")
    assert reads == [path] * 2
    path.unlink()
    assert not file.verify("zoe", "secret")


def test_a_file_changed_a_moment_ago_is_not_kept(path: Path) -> None:
    """Written in place twice within one tick of the clock, with one size: the second must not be missed."""
    path.write_text(f"bob:{SECRET}\n")
    file = HtpasswdFile(path)
    assert file.verify("bob", "secret")
    before = path.stat()
    with path.open("r+") as same:
        same.write(f"eve:{SECRET}\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.verify("eve", "secret")


def test_users_are_added_changed_and_removed_and_the_rest_stays(path: Path) -> None:
    path.write_bytes(f"# keep me\r\nbob:{SECRET}:note\r\n\r\neve:{OTHER}\r\nbob:{OTHER}".encode())
    path.chmod(0o604)
    file = HtpasswdFile(path)
    file.add("zoe", "new")
    file.set_password("bob", "changed")
    lines = path.read_bytes().split(b"\n")
    assert lines[0] == b"# keep me\r"
    assert lines[1].startswith(b"bob:$2y$12$")
    assert lines[1].endswith(b":note\r")
    assert lines[2:4] == [b"\r", f"eve:{OTHER}\r".encode()]
    assert lines[4].startswith(b"zoe:$2y$12$")
    assert lines[5:] == [b""]
    assert stat.S_IMODE(path.stat().st_mode) == 0o604
    assert file.verify("bob", "changed")
    file.remove("bob")
    assert file.users() == ("eve", "zoe")
    assert not file.verify("bob", "other"), "the double must not come to life"


def test_a_new_file_is_for_the_group_of_its_directory(path: Path) -> None:
    HtpasswdFile(path).add("bob", "secret")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert path.stat().st_gid == path.parent.stat().st_gid
    assert [*path.parent.iterdir()] == [path]


def test_owners_that_can_not_be_kept_do_not_stop_a_change(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[tuple[int, int]] = []

    def fchown(file: int, user: int, group: int) -> None:
        tried.append((user, group))
        raise PermissionError

    path.write_text(f"bob:{SECRET}\n")
    monkeypatch.setattr(os, "fchown", fchown)
    HtpasswdFile(path).set_password("bob", "changed")
    status = path.stat()
    assert tried == [(status.st_uid, status.st_gid), (-1, status.st_gid)]
    assert HtpasswdFile(path).verify("bob", "changed")


def test_a_link_stays_a_link_and_leavings_of_a_crash_are_no_hindrance(path: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    real = tmp_path / "elsewhere" / "users"
    real.write_text(f"bob:{SECRET}\n")
    (tmp_path / "elsewhere" / ".users.new").write_text("half of")
    path.symlink_to(real)
    HtpasswdFile(path).add("eve", "secret")
    assert path.is_symlink()
    assert HtpasswdFile(path).users() == ("bob", "eve")
    assert [*real.parent.iterdir()] == [real]


def test_refusals_name_the_user_and_leave_the_file(path: Path) -> None:
    file = HtpasswdFile(path)
    with pytest.raises(ConfigError, match="there is no user bob"):
        file.set_password("bob", "x")
    assert not path.exists()
    path.write_text(f"bob:{SECRET}\n")
    with pytest.raises(ConfigError, match="the user bob is there already"):
        file.add("bob", "x")
    with pytest.raises(ConfigError, match="there is no user eve; see: nexefax user list"):
        file.remove("eve")
    assert path.read_text() == f"bob:{SECRET}\n"


@pytest.mark.parametrize(
    ("user", "why"),
    [
        ("", "empty"), (" bob", "spaces"), ("#bob", "begins with #"), ("a:b", "has a :"), ("a\nb", "control"),
        ("a\x85b", "control"), ("x" * 256, "longer than 255"), ("\udcff", "not UTF-8"),
    ],
)  # fmt: skip
def test_names_that_a_file_can_not_hold(path: Path, user: str, why: str) -> None:
    for change in (HtpasswdFile.add, HtpasswdFile.set_password):
        with pytest.raises(ConfigError, match=why):
            change(HtpasswdFile(path), user, "secret")
    with pytest.raises(ConfigError, match=why):
        HtpasswdFile(path).remove(user)


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("", "empty"),
        ("a\nb", "line break"),
        ("a\0b", "line break"),
        ("ü" * 128, "longer"),
        ("\ud800", "UTF-8"),
    ],
)
def test_passwords_that_can_not_be_kept(path: Path, password: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as refused:
        HtpasswdFile(path).add("bob", password)
    assert not password or password not in str(refused.value)


def test_a_missing_directory_and_one_without_permission_are_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"the directory {tmp_path}/auth is missing; make it"):
        HtpasswdFile(tmp_path / "auth" / "ACME").add("bob", "x")
    (tmp_path / "auth").mkdir(0o500)
    if os.access(tmp_path / "auth", os.W_OK):
        pytest.skip("root writes everywhere")
    with pytest.raises(ConfigError, match="can't be changed: Permission denied; run this as root"):
        HtpasswdFile(tmp_path / "auth" / "ACME").add("bob", "x")


def test_a_writer_that_never_ends_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "LOCK_SECONDS", 0.05)
    other = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match="is being changed by another program"):
            HtpasswdFile(path).add("bob", "x")
    finally:
        os.close(other)


def add_some(path: Path, first: int) -> None:
    hashes.NEW_BCRYPT_COST = 4
    for number in range(first, first + 10):
        HtpasswdFile(path).add(f"user{number}", "x")


def test_several_writers_lose_nothing(path: Path) -> None:
    start = multiprocessing.get_context("spawn")
    writers = [start.Process(target=add_some, args=(path, first)) for first in (0, 10, 20)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert sorted(HtpasswdFile(path).users()) == sorted(f"user{number}" for number in range(30))


def test_secrets_are_in_no_repr(path: Path) -> None:
    path.write_text(f"bob:{SECRET}\n")
    file = HtpasswdFile(path)
    file.verify("bob", "secret")
    assert SECRET not in repr(file._last)
    assert SECRET not in repr(htpasswd_lines.parse(path.read_bytes()))


def test_an_idle_server_has_not_imported_the_hashes() -> None:
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, nexefax.passwords; print('bcrypt' in sys.modules, 'passlib' in sys.modules)",
        ],
        check=True,
        capture_output=True,
    )
    assert said.stdout.split() == [b"False", b"False"]


LINES = st.lists(
    st.binary(max_size=12) | st.sampled_from([b"bob:x\n", b"# c\n", b"eve:y:z\r\n", b"\n"]), max_size=8
)
USERS = st.sampled_from([b"bob", b"eve", b"zoe"])


@given(LINES, USERS)
def test_edits_leave_the_lines_of_others_as_they_are(parts: list[bytes], user: bytes) -> None:
    raw = b"".join(parts)
    lines = htpasswd_lines.parse(raw)
    assert b"".join(line.text for line in lines) == raw
    others = [line.text for line in lines if line.user != user]
    assert [line.text for line in htpasswd_lines.removed(lines, user)] == others

    def written(edited: list[htpasswd_lines.Line]) -> Iterator[htpasswd_lines.Line]:
        again = htpasswd_lines.parse(b"".join(line.text for line in edited))
        return (line for line in again if line.user == user)

    if len(others) == len(lines):
        assert [line.hashed for line in written(htpasswd_lines.added(lines, user, b"new"))] == [b"new"]
        assert htpasswd_lines.changed(lines, user, b"new") == lines
    else:
        changed = htpasswd_lines.changed(lines, user, b"new")
        assert [line.hashed for line in written(changed)] == [b"new"]
        assert [line.text for line in changed if line.user != user] == others
