"""control/install into a folder: what is put where, and that nothing is lost by the next one."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = "usr/lib/nexefax"


def install(destination: Path, source: Path = ROOT, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(source / "control" / "install"), "--destdir", str(destination)],
        check=False, capture_output=True, text=True, env={**os.environ, **settings}, cwd="/",
    )  # fmt: skip


def mode(path: Path) -> str:
    return f"{stat.S_IMODE(path.stat().st_mode):o}"


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def nexefax(destination: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = destination / LIBRARY / "current" / "bin" / "nexefax"
    return subprocess.run([str(command), *arguments], check=False, capture_output=True, text=True, cwd="/")


def run(destination: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    python = destination / LIBRARY / "current" / "bin" / "python"
    command = [str(python), "-I", "-c", program, *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd="/")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    destination = tmp_path_factory.mktemp("machine")
    done = install(destination)
    assert done.returncode == 0, done.stderr
    assert "set tx_channel" in done.stdout
    return destination


def test_the_program_runs_from_its_own_environment(installed: Path) -> None:
    done = nexefax(installed, "version")
    assert (done.returncode, done.stderr) == (0, "")
    where = run(installed, "import nexefax, multipart; print(nexefax.__file__, multipart.__file__)")
    assert where.stdout.count(f"{installed}/{LIBRARY}/current/lib/") == 2


def test_every_file_of_the_program_is_there(installed: Path) -> None:
    package = Path(run(installed, "import nexefax; print(nexefax.__path__[0])").stdout.strip())
    wanted = {name for name in tree(ROOT / "nexefax") if "__pycache__" not in name}
    assert wanted - tree(package) == set()
    for name in (
        "conf-samples/config.conf",
        "dialplans/asterisk",
        "systemd/sendmail.conf",
        "README.md",
        "LICENSE",
    ):
        assert (installed / LIBRARY / "current" / name).exists()


def test_commands_name_the_final_place_and_not_the_folder(installed: Path) -> None:
    assert (installed / "usr/local/bin/nexefax").readlink() == Path("/usr/lib/nexefax/current/bin/nexefax")
    assert (installed / LIBRARY / "current").readlink().parts[0] == "versions"
    left = [path.name for path in (installed / LIBRARY / "current/bin").iterdir()]
    assert all(name == "nexefax" or name.startswith("python") for name in left)


def test_a_running_server_stays_with_its_own_version(installed: Path, tmp_path: Path) -> None:
    """It loads modules and starts converters while ``current`` has gone over to the next version."""
    command = installed / LIBRARY / "current/bin/nexefax"
    script = command.read_text().replace('-m nexefax "$@"', '-c "import nexefax; print(nexefax.__file__)"')
    asking = command.resolve().with_name("python-asking")
    asking.write_text(script)
    asking.chmod(0o755)
    link = tmp_path / "nexefax"
    link.symlink_to(installed / LIBRARY / "current/bin/python-asking")
    said = subprocess.run([str(link)], check=True, capture_output=True, text=True).stdout
    asking.unlink()
    assert said.startswith(f"{(installed / LIBRARY / 'current').resolve()}/lib/")


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("etc/nexefax", "755"),
        ("etc/nexefax/auth", "750"),
        ("etc/nexefax/config.conf", "640"),
        ("etc/nexefax/accounts.conf", "640"),
        ("etc/systemd/system/nexefax.service", "644"),
        ("etc/systemd/system/nexefax.service.d/sendmail.conf", "644"),
        ("var/lib/nexefax", "750"),
        ("var/log/nexefax", "750"),
        ("var/spool/asterisk/nexefax", "750"),
        ("var/spool/asterisk/outgoing", "750"),
        (f"{LIBRARY}/current/bin/nexefax", "755"),
    ],
)
def test_modes(installed: Path, path: str, wanted: str) -> None:
    assert mode(installed / path) == wanted


def test_the_configuration_as_installed_says_what_to_fill_in(installed: Path) -> None:
    program = "import sys, pathlib; from nexefax import config; config.load(pathlib.Path(sys.argv[1]))"
    done = run(installed, program, str(installed / "etc/nexefax"))
    assert done.returncode != 0
    assert "config.conf, [general]: tx_channel is missing; add the channel that Asterisk dials" in done.stderr


def test_a_second_run_replaces_the_program_only(installed: Path, tmp_path: Path) -> None:
    machine = tmp_path / "machine"
    shutil.copytree(installed, machine, symlinks=True)
    etc = machine / "etc/nexefax"
    (etc / "config.conf").write_text("[general]\ntx_channel=X/${TO}\n[email]\nMethod : SMTP\n")
    (etc / "auth/ACME").write_text("bob:x\n")
    unit = machine / "etc/systemd/system/nexefax.service"
    ours = unit.read_text()
    unit.write_text("[Service]\nExecStart=/usr/lib/nexefax/nexefax\n")  # the beta's
    (machine / "var/lib/nexefax/journal").write_text("faxes")
    command = machine / "usr/local/bin/nexefax"
    command.unlink()
    command.write_text("mine")
    before = (machine / LIBRARY / "current").resolve()
    (machine / LIBRARY / "versions/0.0.9-older").mkdir()

    done = install(machine)
    assert done.returncode == 0, done.stderr
    after = (machine / LIBRARY / "current").resolve()
    assert after != before
    assert {path.name for path in after.parent.iterdir()} == {before.name, after.name}
    assert nexefax(machine, "version").returncode == 0
    assert (etc / "config.conf").read_text().startswith("[general]\ntx_channel=X/${TO}")
    assert (etc / "auth/ACME").read_text() == "bob:x\n"
    assert (machine / "var/lib/nexefax/journal").read_text() == "faxes"
    assert command.read_text() == "mine"
    assert unit.read_text() == ours
    assert "ExecStart=/usr/lib/nexefax/nexefax\n" in Path(f"{unit}.before").read_text()
    for said in (
        "config.conf is there and stays", "kept as nexefax.service.before", "is there already and stays as it is",
        "mail goes by SMTP: nexefax.service.d/sendmail.conf is not needed",
    ):  # fmt: skip
        assert said in done.stdout


def test_a_run_that_fails_leaves_all_as_it_was(installed: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    for name in ("control", "nexefax", "conf-samples", "dialplans", "http-samples"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    (source / "pyproject.toml").write_text("not TOML at all")
    before = tree(installed / LIBRARY)
    done = install(installed, source)
    assert done.returncode == 1
    assert "install: pip could not install NexeFax" in done.stderr
    assert tree(installed / LIBRARY) == before
    assert nexefax(installed, "version").returncode == 0


def test_an_old_python_and_wrong_words_are_refused(tmp_path: Path) -> None:
    old = tmp_path / "python3.9"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2\nexit 1\n')
    old.chmod(0o755)
    done = install(tmp_path / "machine", PYTHON=str(old))
    assert done.returncode == 1
    assert "is Python 3.9.2, and 3.11 or newer is needed; name another one with PYTHON=" in done.stderr
    assert not (tmp_path / "machine").exists()
    for words in (["--destdri", "x"], ["--destdir"]):
        wrong = subprocess.run(
            [str(ROOT / "control/install"), *words], check=False, capture_output=True, text=True
        )
        assert wrong.returncode == 1
        assert "--destd" in wrong.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may install into the machine")
def test_the_machine_itself_needs_root() -> None:
    done = subprocess.run([str(ROOT / "control/install")], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert "this needs root; run: sudo " in done.stderr
