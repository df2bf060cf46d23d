"""config.conf and accounts.conf: read, checked, and turned into frozen dataclasses.

:func:`load` reports everything that is wrong at once, each with file, line, section, option, value and
remedy. The options themselves stand in :mod:`nexefax.settings`, the one table.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from nexefax import ini
from nexefax.errors import ConfigError
from nexefax.option_kinds import Refused, check_account_id, rate_fits
from nexefax.settings import SECTIONS, Account, Email, General, Logging, Option, Server, options_of

__all__ = ["Account", "Config", "Email", "General", "Logging", "Server", "auth_file", "load"]

CONFIG_FILE = "config.conf"
ACCOUNTS_FILE = "accounts.conf"
AUTH_DIRECTORY = "auth"

#: A configuration of ten thousand accounts has 3 MB; more is no configuration file.
LARGEST_FILE = 8_000_000


@dataclass(frozen=True, slots=True)
class Config:
    """All that the administrator said. ``accounts`` has casefolded ids as keys; ``warnings`` are sentences."""

    directory: Path
    general: General
    logging: Logging
    server: Server
    email: Email
    accounts: Mapping[str, Account]
    warnings: tuple[str, ...] = ()

    def account(self, account_id: str) -> Account | None:
        """The account with this id, whatever its case; None when there is none."""
        return self.accounts.get(account_id.strip().casefold())


def load(directory: Path) -> Config:
    """Read the configuration in ``directory`` (usually /etc/nexefax). Blocks; call it in a thread.

    Raises :class:`ConfigError`, whose ``problems`` has one sentence for each thing to mend.
    """
    findings = _Findings()
    sections = _read_config(directory / CONFIG_FILE, findings)
    accounts = _read_accounts(directory / ACCOUNTS_FILE, findings)
    if findings.problems:
        raise ConfigError(*findings.problems)
    return Config(
        directory=directory,
        **sections,
        accounts=MappingProxyType({account.id.casefold(): account for account in accounts}),
        warnings=tuple(findings.warnings),
    )


def auth_file(config: Config, account: Account) -> Path | None:
    """The htpasswd file of ``account``, its name in any case; None when there is none. Blocks.

    The id as written comes first, then lower case (where the beta looks), then what the directory has.
    """
    directory = config.directory / AUTH_DIRECTORY
    for name in (account.id, account.id.lower()):
        if (directory / name).is_file():
            return directory / name
    try:
        entries = sorted(directory.iterdir())
    except OSError:
        return None
    return next(
        (entry for entry in entries if entry.name.casefold() == account.id.casefold() and entry.is_file()),
        None,
    )


@dataclass(slots=True)
class _Findings:
    problems: list[str] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)


def _read_config(path: Path, findings: _Findings) -> dict[str, Any]:
    parsed = _parse(path, findings)
    if parsed is None:
        return {}
    written = {section.name.casefold(): section for section in parsed.sections}
    for section in parsed.sections:
        if section.name.casefold() not in SECTIONS:
            findings.warnings.append(
                f"{path.name}, line {section.line}: the section [{section.name}] is unknown and ignored"
                f"{_nearest(section.name, SECTIONS)}."
            )
    values: dict[str, Any] = {}
    for name, kind in SECTIONS.items():
        section = written.get(name, ini.Section(name, 0, parsed.defaults.options))
        reader = _SectionReader(path.name, section, options_of(kind), findings, parsed.defaults.options)
        settings = reader.settings()
        if settings is not None:
            values[name] = kind(**settings)
    _check_together(path.name, values, findings)
    return values


def _read_accounts(path: Path, findings: _Findings) -> list[Account]:
    parsed = _parse(path, findings)
    if parsed is None:
        return []
    accounts = []
    options = options_of(Account)
    for section in parsed.sections:
        try:
            check_account_id(section.name)
        except Refused as refused:
            findings.problems.append(
                f"{path.name}, line {section.line}: the account [{section.name!r}] {refused.what}; {refused.remedy}"
            )
            continue
        reader = _SectionReader(path.name, section, options, findings, parsed.defaults.options)
        settings = reader.settings()
        if settings is not None:
            accounts.append(Account(id=section.name, **settings))
    if not parsed.sections:
        findings.warnings.append(
            f"{path.name} has no accounts: nobody can sign in, and received faxes are kept undelivered."
            " Add a section like [ACME] with rx_email_to, tx_number and tx_name."
        )
    return accounts


def _parse(path: Path, findings: _Findings) -> ini.IniFile | None:
    """The file's sections, what is wrong with it in ``findings``; None when it can't be read at all."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        findings.problems.append(f"{path} is missing; copy the sample of this name from conf-samples there")
        return None
    except PermissionError:
        findings.problems.append(
            f"{path} may not be read by this user; run: chgrp asterisk {path} && chmod 640 {path}"
            f" (and chmod 755 {path.parent})"
        )
        return None
    except OSError as error:
        findings.problems.append(f"{path} can't be read: {error.strerror}; put a readable file there")
        return None
    if len(content) > LARGEST_FILE:
        findings.problems.append(f"{path} has more than {LARGEST_FILE} bytes; that is no configuration file")
        return None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        findings.problems.append(
            f"{path.name}, line {line}: has a character that is not UTF-8; save the file as UTF-8"
        )
        return None
    parsed = ini.parse(text)
    findings.problems += (f"{path.name}, line {line}: {problem}" for line, problem in parsed.problems)
    return parsed


@dataclass(slots=True)
class _SectionReader:
    """Reads one section by its table; what is wrong goes to ``findings``."""

    file: str
    section: ini.Section
    options: Mapping[str, Option]
    findings: _Findings
    defaults: Mapping[str, ini.Entry]

    def settings(self) -> dict[str, Any] | None:
        """The values that are written, by name; None when one of them can't be taken or a required one lacks."""
        values: dict[str, Any] = {}
        complete = True
        for name, entry in self.section.options.items():
            if name not in self.options and self.defaults.get(name) is not entry:
                self._warn_unknown(name, entry)
        for name, option in self.options.items():
            written = self.section.options.get(name)
            if written is None or not written.value:
                if option.required:
                    complete = False
                    self._complain_missing(name, option)
                continue
            try:
                values[name] = option.kind.read(written.value)
            except Refused as refused:
                complete = False
                shown = name if option.kind.secret else f"{name}={_shown(written.value)}"
                self.findings.problems.append(
                    f"{self._place(written.line)}: {shown} {refused.what}; {refused.remedy}"
                )
        return values if complete else None

    def _place(self, line: int) -> str:
        return f"{self.file}, line {line}, [{self.section.name}]"

    def _complain_missing(self, name: str, option: Option) -> None:
        self.findings.problems.append(
            f"{self.file}, [{self.section.name}]: {name} is missing; add it, e.g. {name}={option.example}"
        )

    def _warn_unknown(self, name: str, entry: ini.Entry) -> None:
        self.findings.warnings.append(
            f"{self._place(entry.line)}: the option {_shown(name)} is unknown and ignored"
            f"{_nearest(name, self.options)}."
        )


def _check_together(file: str, values: Mapping[str, Any], findings: _Findings) -> None:
    """What no option by itself can tell."""
    general: General | None = values.get("general")
    if general is not None:
        minimum, maximum = general.tx_faxopt_minrate, general.tx_faxopt_maxrate
        if minimum > maximum:
            findings.problems.append(
                f"{file}, [general]: tx_faxopt_minrate={minimum} is more than tx_faxopt_maxrate={maximum};"
                " make it less or equal"
            )
        for name, rate in (("tx_faxopt_minrate", minimum), ("tx_faxopt_maxrate", maximum)):
            if not rate_fits(rate, general.tx_faxopt_modem):
                findings.problems.append(
                    f"{file}, [general]: {name}={rate} is a rate that none of tx_faxopt_modem="
                    f"{general.tx_faxopt_modem} can do, and Asterisk would fail every fax; change one of them"
                )
    email: Email | None = values.get("email")
    if email is not None and email.method == "smtp" and email.smtp_auth:
        findings.problems += (
            f"{file}, [email]: {name} is missing, and smtp_auth is Yes; add it, or set smtp_auth=No"
            for name in ("smtp_auth_user", "smtp_auth_pass")
            if not getattr(email, name)
        )


def _shown(text: str) -> str:
    """A value inside an error's sentence: one line, not endless, without control characters."""
    shown = "".join(character if character.isprintable() else "?" for character in text)
    return shown if len(shown) <= 80 else shown[:77] + "..."


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name.lower(), list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""
