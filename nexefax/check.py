"""``nexefax check``: everything that NexeFax needs, looked at, with a remedy for whatever is wrong."""

from __future__ import annotations

import asyncio
import errno
import os
import pwd
import shutil
import smtplib
import socket
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nexefax import cage
from nexefax.config import AUTH_DIRECTORY, Config, Email, General, auth_file, load
from nexefax.errors import ChildError, ChildMissing, ConfigError, CoverError
from nexefax.fax.cover import ASK, read_template
from nexefax.fax.smtp import tls_context
from nexefax.passwords import HtpasswdFile, how_to_allow_changes, may_be_changed
from nexefax.process import find_program
from nexefax.rehearsal import rehearse

Level = Literal["ok", "warning", "error"]

# Programs that every fax needs, and what for
PROGRAMS = {
    "gs": "to render documents",
    "pdfinfo": "to count their pages",
    "pdftocairo": "to render what Ghostscript can't",
    "tiff2pdf": "to make received faxes into PDF",
    "tiffcp": "to repair damaged faxes",
}
# Programs without which some documents are refused
OPTIONAL_PROGRAMS = {
    "convert": "pictures (TIFF, PNG, JPEG) can't be faxed",
    "paps": "plain text can't be faxed",
    "weasyprint": "there are no cover pages and no confirmation reports, and faxes that want a cover page fail",
    "soffice": "Office documents can't be faxed",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; the text of a warning or an error ends with its remedy."""

    level: Level
    text: str

    def __str__(self) -> str:
        return f"{self.level:8}{self.text}"


def become_owner(directory: Path) -> None:
    """Look at everything with the eyes of the user that NexeFax runs as, when root asks: data_dir's owner.

    It can't be undone, so it is for a process that only checks.
    """
    if os.geteuid() != 0:
        return
    try:
        owner = pwd.getpwuid(load(directory).general.data_dir.stat().st_uid)
    except (ConfigError, OSError, KeyError):
        return  # check() says what is wrong
    if owner.pw_uid != 0:
        os.initgroups(owner.pw_name, owner.pw_gid)
        os.setgid(owner.pw_gid)
        os.setuid(owner.pw_uid)


async def check(directory: Path) -> list[Finding]:
    """Look at everything; the worst finding decides (:func:`worst`)."""
    try:
        config = await asyncio.to_thread(load, directory)
    except ConfigError as error:
        return [Finding("error", problem) for problem in error.problems]
    looks: tuple[Callable[[Config], Iterable[Finding]], ...] = (
        _configuration,
        _folders,
        _spool,
        _programs,
        _cage,
        _covers,
        _users,
        _mail,
    )
    found = []
    for look in looks:
        found += await asyncio.to_thread(lambda look=look: list(look(config)))  # type: ignore[misc]
    return found + await _escapes(config)


def worst(findings: Iterable[Finding]) -> Level:
    """Return the worst level among ``findings``."""
    levels = {finding.level for finding in findings}
    return "error" if "error" in levels else "warning" if "warning" in levels else "ok"


def _configuration(config: Config) -> Iterator[Finding]:
    ids = ", ".join(account.id for account in config.accounts.values())
    yield Finding("ok", f"configuration in {config.directory}; accounts: {ids or 'none'}")
    for warning in config.warnings:
        yield Finding("warning", warning)
    if os.geteuid() == 0:
        yield Finding(
            "warning",
            f"{config.general.data_dir} is missing or root's: permissions are looked at as root, who may do all",
        )
    else:
        yield Finding("ok", f"looked at as the user {_user_name(os.geteuid())}")


def _folders(config: Config) -> Iterator[Finding]:
    general = config.general
    yield _writable(general.data_dir, "[general]: data_dir", "the journal and all faxes")
    yield _writable(general.rx_dir, "[general]: rx_dir", "received faxes")
    parent = general.tmp_dir if general.tmp_dir.exists() else general.tmp_dir.parent
    yield _writable(parent, "[general]: tmp_dir", "uploads and conversions")
    yield _writable(config.logging.file.parent, "[logging]: file", "the log")
    run_dir = config.server.control_socket.parent
    if run_dir.parent == Path("/run") and not run_dir.exists():
        yield Finding("ok", f"{run_dir}: the command line; the unit makes it when NexeFax starts")
    else:
        yield _writable(run_dir, "[server]: control_socket", "the command line")


def _writable(folder: Path, option: str, purpose: str) -> Finding:
    if not folder.is_dir():
        return Finding("error", f"{folder} is missing ({purpose}); make it, or change config.conf, {option}")
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        user = pwd.getpwuid(os.geteuid()).pw_name
        return Finding(
            "error",
            f"{folder} can't be written by {user} ({purpose}); chown it, or change config.conf, {option}",
        )
    return Finding("ok", f"{folder}: {purpose}")


def _spool(config: Config) -> Iterator[Finding]:
    general = config.general
    outgoing = _writable(general.ast_call_dir, "[general]: ast_call_dir", "call files for Asterisk")
    yield outgoing
    if outgoing.level == "ok":
        yield from _same_filesystem(general)
        yield from _spool_owner(general.ast_call_dir)
    if general.ast_control.exists():
        yield Finding("ok", f"Asterisk runs ({general.ast_control})")
    else:
        yield Finding(
            "warning",
            f"Asterisk does not seem to run: {general.ast_control} is not there; start it, or say where its socket"
            " is: config.conf, [general]: ast_control",
        )


def _same_filesystem(general: General) -> Iterator[Finding]:
    """rename(2) looks at the mounts before it looks for the file: a name that is not there tells them apart."""
    staging = general.ast_staging_dir
    if not staging.exists():
        yield _writable(
            staging.parent, "[general]: ast_staging_dir", "call files are put together in a folder here"
        )
        return
    writable = _writable(staging, "[general]: ast_staging_dir", "call files are put together here")
    if writable.level != "ok":
        yield writable
        return
    try:
        (staging / ".nexefax-check").rename(general.ast_call_dir / ".nexefax-check")
    except FileNotFoundError:
        yield Finding("ok", f"{staging}: call files are put together here, on Asterisk's filesystem")
    except OSError as error:
        remedy = (
            "put it beside ast_call_dir, below one ReadWritePaths of the unit"
            if error.errno == errno.EXDEV
            else "make it, owned by NexeFax's user"
        )
        yield Finding(
            "error",
            f"{staging} can't be used ({error.strerror}): config.conf, [general]: ast_staging_dir: {remedy}",
        )


def _spool_owner(outgoing: Path) -> Iterator[Finding]:
    owner = outgoing.stat().st_uid
    if owner != os.geteuid():
        name = _user_name(owner)
        yield Finding(
            "warning",
            f"{outgoing} belongs to {name}: NexeFax must run as the user that Asterisk runs as, or Asterisk can't mark"
            " the call files that it dials, and may dial them twice after a restart",
        )


def _programs(_config: Config) -> Iterator[Finding]:
    for program, purpose in PROGRAMS.items():
        try:
            yield Finding("ok", f"{find_program(program)}: {purpose}")
        except ChildMissing as error:
            yield Finding("error", f"{error} ({purpose})")
    for program, without in OPTIONAL_PROGRAMS.items():
        try:
            yield Finding("ok", str(find_program(program)))
        except ChildMissing as error:
            yield Finding("warning", f"{error}; until then {without}")


def _cage(_config: Config) -> Iterator[Finding]:
    found = cage.report()
    for sentence in found.sentences:
        level: Level = "ok" if "missing" not in sentence else "warning"
        yield Finding(level if found.holds else "error", sentence)


def _covers(config: Config) -> Iterator[Finding]:
    for account in config.accounts.values():
        if account.cover_template is None:
            continue
        try:
            read_template(account.cover_template, account.id)
        except CoverError as error:
            yield Finding("error", str(error).removesuffix(ASK).rstrip())
        else:
            yield Finding("ok", f"{account.cover_template}: cover pages of {account.id}")


async def _escapes(config: Config) -> list[Finding]:
    """Try to get out of the cage, as a hostile document would."""
    tmp_dir = config.general.tmp_dir
    if not os.access(tmp_dir if tmp_dir.exists() else tmp_dir.parent, os.W_OK):
        return []  # _folders() has said so
    try:
        await asyncio.to_thread(tmp_dir.mkdir, 0o700, parents=True, exist_ok=True)
        escapes = await rehearse(tmp_dir)
    except (ChildError, OSError) as error:
        return [Finding("error", f"no converter can be started: {error}")]
    if escapes:
        return [
            Finding("error", f"a hostile document that breaks a converter can {escape}") for escape in escapes
        ]
    return [Finding("ok", "every way out of the converters' cage was tried, and is shut")]


def _users(config: Config) -> Iterator[Finding]:
    directory = config.directory / AUTH_DIRECTORY
    managed = [account.id for account in config.accounts.values() if account.admins]
    if managed and not may_be_changed(directory):
        yield Finding(
            "warning",
            f"{directory} can't be written, so admins of {', '.join(managed)} can't manage users;"
            f" {how_to_allow_changes(directory)}",
        )
    for account in config.accounts.values():
        add = f"add one: nexefax user add {account.id} NAME"
        path = auth_file(config, account)
        if path is None:
            yield Finding("warning", f"account {account.id} has no auth file: nobody can sign in; {add}")
            continue
        try:
            users = HtpasswdFile(path).users()
        except ConfigError as error:
            yield Finding("error", str(error))
            continue
        if users:
            yield Finding("ok", f"{path}: {len(users)} may sign in to {account.id}")
        else:
            yield Finding("warning", f"{path} has no users: nobody can sign in to {account.id}; {add}")


def _mail(config: Config) -> Iterator[Finding]:
    email = config.email
    if email.method == "sendmail":
        if shutil.which(email.sendmail) is None:
            yield Finding(
                "error",
                f"{email.sendmail} is missing: no mail can be sent; install a mail server (the package default-mta),"
                " or use config.conf, [email]: method=smtp",
            )
        else:
            yield Finding("ok", f"{email.sendmail}: mail")
        return
    try:
        _greet(email)
    except (OSError, smtplib.SMTPException) as error:
        yield Finding(
            "error",
            f"the mail server {email.smtp_host}:{email.smtp_port} can't be used ({error}); see config.conf, [email]",
        )
    else:
        yield Finding("ok", f"{email.smtp_host}:{email.smtp_port}: the mail server answers")


def _greet(email: Email) -> None:
    """Say hello as a delivery would, and leave."""
    context = tls_context(email)
    name = socket.getfqdn()
    server = (
        smtplib.SMTP_SSL(email.smtp_host, email.smtp_port, name, timeout=10, context=context)
        if email.smtp_mode == "ssl"
        else smtplib.SMTP(email.smtp_host, email.smtp_port, name, timeout=10)
    )
    with server:
        server.ehlo()
        if email.smtp_mode == "tls":
            server.starttls(context=context)
        if email.smtp_auth:
            server.login(email.smtp_auth_user, email.smtp_auth_pass)


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
