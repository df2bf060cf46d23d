"""``nexefax check`` names what is wrong, and its remedy."""

import os
import shutil
import stat
from pathlib import Path

import pytest

from mail_catcher import MailCatcher
from nexefax import check as checks
from nexefax.check import Finding, become_owner, check, worst
from nexefax.errors import ChildFailed, ChildMissing
from private_nexefax import PrivateNexeFax

ACME = {"tx_number": "12025550154", "tx_name": "ACME", "rx_email_to": "a@acme.example"}


@pytest.fixture
def nexefax(tmp_path: Path) -> PrivateNexeFax:
    made = PrivateNexeFax(
        tmp_path,
        tmp_path / "spool",
        {"ACME": ACME},
        general={"ast_control": str(tmp_path / "asterisk.ctl")},
        email={"method": "smtp", "smtp_port": "1"},
    )
    made.write_config()
    return made


async def texts(nexefax: PrivateNexeFax) -> list[str]:
    return [str(finding) for finding in await check(nexefax.config_dir)]


def found(said: list[str], level: str, words: str) -> bool:
    return any(text.startswith(level) and words in text for text in said)


async def test_a_sound_installation_has_nothing_to_mend(nexefax: PrivateNexeFax) -> None:
    mail = MailCatcher(nexefax.folder / "mails")
    mail.start()
    nexefax.email = {"method": "smtp", "smtp_port": str(mail.port)}
    nexefax.write_config()
    nexefax.add_user("ACME", "bob", "secret")
    (nexefax.folder / "asterisk.ctl").touch()
    (nexefax.spool / "nexefax").mkdir()
    try:
        said = await texts(nexefax)
    finally:
        mail.stop()
    assert found(said, "ok", "the mail server answers")
    assert found(said, "ok", "1 may sign in to ACME")
    assert found(said, "ok", "on Asterisk's filesystem")
    assert found(said, "ok", "Asterisk runs")
    assert not [text for text in said if text.startswith("error")]


async def test_folders_that_cannot_be_used(nexefax: PrivateNexeFax, monkeypatch: pytest.MonkeyPatch) -> None:
    nexefax.data_dir.chmod(0o500)
    (nexefax.spool / "tmp").rmdir()
    (nexefax.spool / "nexefax").mkdir(mode=0o500)
    monkeypatch.setattr(os, "geteuid", lambda: nexefax.data_dir.stat().st_uid)
    said = await texts(nexefax)
    nexefax.data_dir.chmod(0o700)
    assert found(said, "error", f"{nexefax.data_dir} can't be written by")
    assert found(said, "error", f"{nexefax.spool / 'tmp'} is missing (received faxes)")
    assert found(said, "error", f"{nexefax.spool / 'nexefax'} can't be written by")


async def test_a_staging_folder_on_another_filesystem(nexefax: PrivateNexeFax) -> None:
    nexefax.general = dict(nexefax.general) | {"ast_staging_dir": "/dev/shm"}
    nexefax.write_config()
    if Path("/dev/shm").stat().st_dev == nexefax.spool.stat().st_dev:
        pytest.skip("/dev/shm is on the same filesystem as the tests here")
    assert found(await texts(nexefax), "error", "put it beside ast_call_dir")


async def test_a_spool_of_another_user(nexefax: PrivateNexeFax, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 54_321)
    said = await texts(nexefax)
    assert found(said, "warning", "must run as the user that Asterisk runs as")
    assert found(said, "ok", "looked at as the user user 54321")


async def test_programs_that_are_missing(nexefax: PrivateNexeFax, monkeypatch: pytest.MonkeyPatch) -> None:
    def find(program: str) -> Path:
        raise ChildMissing(f"{program} is not installed")

    async def rehearse(_parent: Path) -> tuple[str, ...]:
        raise ChildFailed("no cage")

    monkeypatch.setattr(checks, "find_program", find)
    monkeypatch.setattr(checks, "rehearse", rehearse)
    said = await texts(nexefax)
    assert found(said, "error", "gs is not installed (to render documents)")
    assert found(said, "warning", "soffice is not installed; until then Office documents")
    assert found(said, "error", "no converter can be started: no cage")


async def test_templates_of_cover_pages(nexefax: PrivateNexeFax, tmp_path: Path) -> None:
    template = tmp_path / "cover.html"
    template.write_text("<h1>Fax</h1>\n{{to_nmae}}")
    nexefax.accounts = {"ACME": ACME | {"cover_template": str(template)}}
    nexefax.write_config()
    said = await texts(nexefax)
    assert found(
        said, "error", f"from {template} (accounts.conf, [ACME]: cover_template): line 2: there is no place"
    )
    assert not found(said, "error", "Ask your administrator")
    template.write_text("{{to_name}}")
    assert found(await texts(nexefax), "ok", f"{template}: cover pages of ACME")


async def test_a_cage_with_a_hole(nexefax: PrivateNexeFax, monkeypatch: pytest.MonkeyPatch) -> None:
    async def rehearse(_parent: Path) -> tuple[str, ...]:
        return ("open a network socket",)

    monkeypatch.setattr(checks, "rehearse", rehearse)
    assert found(await texts(nexefax), "error", "converter can open a network socket")


async def test_auth_files(nexefax: PrivateNexeFax) -> None:
    assert found(await texts(nexefax), "warning", "account ACME has no auth file")
    auth = nexefax.config_dir / "auth" / "ACME"
    auth.write_text("# nobody yet\n")
    assert found(await texts(nexefax), "warning", "has no users: nobody can sign in to ACME")
    auth.chmod(0)
    assert found(await texts(nexefax), "error", str(auth))


async def test_admins_need_a_folder_that_can_be_written(
    nexefax: PrivateNexeFax, monkeypatch: pytest.MonkeyPatch
) -> None:
    nexefax.accounts = {"ACME": ACME | {"admins": "bob"}}
    nexefax.write_config()
    nexefax.add_user("ACME", "bob", "secret")
    auth = nexefax.config_dir / "auth"
    assert not found(await texts(nexefax), "warning", f"{auth} can't be written")
    monkeypatch.setattr(
        "nexefax.passwords.os.access", lambda _path, _mode: False
    )  # root may write everywhere
    said = await texts(nexefax)
    assert found(said, "warning", f"{auth} can't be written, so admins of ACME can't manage users")
    assert found(said, "warning", f"ReadWritePaths={auth} with systemctl edit nexefax")


async def test_mail_by_sendmail(nexefax: PrivateNexeFax) -> None:
    nexefax.email = {"method": "sendmail", "sendmail": "/nowhere/sendmail"}
    nexefax.write_config()
    assert found(await texts(nexefax), "error", "/nowhere/sendmail is missing: no mail can be sent")
    nexefax.email = {"method": "sendmail", "sendmail": shutil.which("true") or ""}
    nexefax.write_config()
    assert found(await texts(nexefax), "ok", "true: mail")


@pytest.mark.parametrize("mode", ["tls", "ssl"])
async def test_a_mail_server_without_the_encryption_that_is_asked_for(
    nexefax: PrivateNexeFax, mode: str
) -> None:
    mail = MailCatcher(nexefax.folder / "mails")
    mail.start()
    nexefax.email = {"method": "smtp", "smtp_mode": mode, "smtp_port": str(mail.port)}
    nexefax.write_config()
    try:
        assert found(await texts(nexefax), "error", f":{mail.port} can't be used")
    finally:
        mail.stop()


def test_the_worst_finding_decides() -> None:
    ok, warning, error = (Finding(level, "x") for level in ("ok", "warning", "error"))
    assert worst([ok]) == "ok"
    assert worst([ok, warning]) == "warning"
    assert worst([error, ok, warning]) == "error"


def test_root_looks_with_the_owners_eyes(nexefax: PrivateNexeFax, monkeypatch: pytest.MonkeyPatch) -> None:
    became: list[object] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "initgroups", lambda name, _group: became.append(name))
    monkeypatch.setattr(os, "setgid", became.append)
    monkeypatch.setattr(os, "setuid", became.append)
    become_owner(nexefax.config_dir)
    owner = nexefax.data_dir.stat()
    assert stat.S_ISDIR(owner.st_mode)
    assert became[1:] == ([owner.st_gid, owner.st_uid] if owner.st_uid else [])
    became.clear()
    nexefax.data_dir.rmdir()
    become_owner(nexefax.config_dir)
    assert became == []
