"""The systemd unit and its drop-in, as systemd itself reads them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).resolve().parents[2] / "control" / "systemd"

# What NexeFax's own cage calls, and what it and its converters can't do without; syscalls(2).
NEEDED_CALLS = {
    *(
        "seccomp",
        "landlock_create_ruleset",
        "landlock_add_rule",
        "landlock_restrict_self",
        "prctl",
        "prlimit64",
    ),
    *(
        "setpriority",
        "execve",
        "clone3",
        "fork",
        "kill",
        "pidfd_open",
        "fsync",
        "rename",
        "flock",
        "fcntl",
        "fchown",
    ),
    *("fchmod", "statx", "sendfile", "copy_file_range", "epoll_wait", "getrandom"),
    *("socket", "accept4", "bind", "listen", "connect"),
}
FORBIDDEN_CALLS = {"ptrace", "mount", "bpf", "init_module", "reboot", "setuid", "perf_event_open", "keyctl"}


@pytest.fixture(params=[False, True], ids=["smtp", "sendmail"])
def unit(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The unit, with and without the drop-in, and with programs that are on this machine."""
    text = (SYSTEMD / "nexefax.service").read_text()
    text = text.replace("/usr/lib/nexefax/current/bin/nexefax", sys.executable)
    path = tmp_path / "nexefax.service"
    path.write_text(text)
    if request.param:
        (tmp_path / "nexefax.service.d").mkdir()
        (tmp_path / "nexefax.service.d" / "sendmail.conf").write_text((SYSTEMD / "sendmail.conf").read_text())
    return path


def has_dropin(unit: Path) -> bool:
    return unit.with_suffix(".service.d").exists()


def review(unit: Path) -> dict[str, bool]:
    """What ``systemd-analyze security`` finds set, by its names."""
    run = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--json=short", str(unit)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return {found["name"]: bool(found["set"]) for found in json.loads(run.stdout)}


def test_systemd_finds_nothing_wrong(unit: Path) -> None:
    run = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], check=False, capture_output=True, text=True
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_verify_would_find_a_mistake(unit: Path) -> None:
    """The test above can fail: systemd does read the files that it is given."""
    for path in (unit, unit.with_suffix(".service.d") / "sendmail.conf"):
        if path.exists():
            path.write_text(path.read_text() + "\n[Service]\nNoNewPriviliges=maybe\n")
    run = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], check=False, capture_output=True, text=True
    )
    assert run.stderr.count("'NoNewPriviliges'") == 1 + has_dropin(unit)


def test_what_is_shut_and_what_sendmail_needs_open(unit: Path) -> None:
    found = review(unit)
    opened_for_sendmail = {
        "NoNewPrivileges=", "LockPersonality=", "PrivateDevices=", "ProtectClock=", "ProtectHostname=",
        "ProtectKernelLogs=", "ProtectKernelModules=", "ProtectKernelTunables=", "RestrictRealtime=",
        "RestrictSUIDSGID=", "RestrictNamespaces=~user", "SystemCallArchitectures=",
        "RestrictAddressFamilies=~AF_PACKET", "SystemCallFilter=~@mount", "CapabilityBoundingSet=~CAP_SYS_ADMIN",
    }  # fmt: skip
    always = {"ProtectSystem=", "ProtectHome=", "PrivateTmp=", "ProtectControlGroups=", "User=/DynamicUser="}
    for name in opened_for_sendmail:
        assert found[name] != has_dropin(unit), name
    for name in always:
        assert found[name], name
    # It would remove what Asterisk, the same user, has in memory.
    assert "RemoveIPC=yes" not in unit.read_text()


def test_the_score_is_good(tmp_path: Path) -> None:
    path = tmp_path / "nexefax.service"
    path.write_text((SYSTEMD / "nexefax.service").read_text())
    run = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=20", str(path)],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-200:]


def test_the_filter_lets_through_what_is_needed() -> None:
    allowed: set[str] = set()
    for words in re.findall(
        r"^SystemCallFilter=(.+)$", (SYSTEMD / "nexefax.service").read_text(), re.MULTILINE
    ):
        for word in words.removeprefix("~").split():
            allowed = allowed - calls(word) if words.startswith("~") else allowed | calls(word)
    assert NEEDED_CALLS - allowed == set()
    assert FORBIDDEN_CALLS & allowed == set()


def calls(word: str) -> set[str]:
    """A system call, or those of a group and of the groups in it."""
    if not word.startswith("@"):
        return {word}
    run = subprocess.run(
        ["systemd-analyze", "syscall-filter", word], check=True, capture_output=True, text=True
    )
    listed = [line.strip() for line in run.stdout.splitlines()[1:]]
    return set().union(*(calls(entry) for entry in listed if entry and not entry.startswith("#")))


def test_call_files_are_renamed_below_one_writable_path() -> None:
    """Between two of them rename(2) fails with EXDEV, although it is one filesystem."""
    text = (SYSTEMD / "nexefax.service").read_text()
    writable = [
        path for line in re.findall(r"^ReadWritePaths=(.+)$", text, re.MULTILINE) for path in line.split()
    ]
    assert writable == ["-/var/spool/asterisk"]
