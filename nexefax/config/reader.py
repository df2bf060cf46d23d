"""A configuration file's text to values, by the table; everything that is wrong is collected, nothing raised."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nexefax.config import ini
from nexefax.config.account_settings import Account
from nexefax.config.checks import account_problems
from nexefax.config.fax_kinds import check_account_id
from nexefax.config.kinds import Refused
from nexefax.config.options import Option, options_of
from nexefax.config.settings import SECTIONS

#: A configuration of ten thousand accounts has 3 MB; more is no configuration file.
LARGEST_FILE = 8_000_000

#: Of a wrong value an error shows no more.
_SHOWN = 80


@dataclass(slots=True)
class Findings:
    """What is wrong (NexeFax can't start) and what is odd (it can); sentences."""

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def read_config(path: Path, findings: Findings) -> dict[str, Any]:
    """The sections of config.conf by name, without those that can't be taken. Blocks."""
    parsed = _parse(path, findings)
    if parsed is None:
        return {}
    written = {section.name.casefold(): section for section in parsed.sections}
    for section in parsed.sections:
        if section.name.casefold() not in SECTIONS:
            findings.warnings.append(
                f"{path.name}, line {section.line}: the section [{_shown(section.name)}] is unknown and ignored"
                f"{_nearest(section.name, SECTIONS)}"
            )
    sections: dict[str, Any] = {}
    everything: dict[str, Option] = {}
    for name, kind in SECTIONS.items():
        section = written.get(name, ini.Section(name, 0, parsed.defaults.options))
        options = options_of(kind)
        everything |= options
        values = _SectionReader(path.name, section, options, findings, parsed.defaults.options).values()
        if values is not None:
            sections[name] = kind(**values)
    _warn_defaults(path.name, parsed.defaults, everything, findings)
    return sections


def read_accounts(path: Path, findings: Findings) -> list[Account]:
    """The accounts of accounts.conf in their order, without those that can't be taken. Blocks."""
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
                f"{path.name}, line {section.line}: the account [{_shown(section.name)}] {refused.what};"
                f" {refused.remedy}"
            )
            continue
        values = _SectionReader(path.name, section, options, findings, parsed.defaults.options).values()
        if values is not None:
            account = Account(id=section.name, **values)
            findings.problems += [
                f"{path.name}, [{account.id}]: {problem}" for problem in account_problems(account)
            ]
            accounts.append(account)
    _warn_defaults(path.name, parsed.defaults, options, findings)
    if not parsed.sections:
        findings.warnings.append(
            f"{path.name} has no accounts: nobody can sign in, and received faxes are kept undelivered;"
            " add a section like [ACME] with rx_email_to, tx_number and tx_name"
        )
    return accounts


def _parse(path: Path, findings: Findings) -> ini.IniFile | None:
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
            f" && chmod 755 {path.parent}"
        )
        return None
    except OSError as error:
        findings.problems.append(f"{path} can't be read: {error.strerror}; put a readable file there")
        return None
    if len(content) > LARGEST_FILE:
        findings.problems.append(
            f"{path} has more than {LARGEST_FILE} bytes, which is no configuration file; put one there"
        )
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
    """Reads one section by its options; what is wrong goes to ``findings``."""

    file: str
    section: ini.Section
    options: Mapping[str, Option]
    findings: Findings
    defaults: Mapping[str, ini.Entry]

    def values(self) -> dict[str, Any] | None:
        """The values that are written, by name; None when one can't be taken or a required one is missing."""
        for name, entry in self.section.options.items():
            if name not in self.options and self.defaults.get(name) is not entry:
                self.findings.warnings.append(f"{self._place(entry)}: {_unknown(name, self.options)}")
        values: dict[str, Any] = {}
        complete = True
        for name, option in self.options.items():
            written = self.section.options.get(name)
            if written is None or not written.value:
                if option.required:
                    complete = False
                    self.findings.problems.append(
                        f"{self.file}, [{self.section.name}]: {name} is missing; add {option.adding},"
                        f" e.g. {name}={option.example}"
                    )
                continue
            try:
                values[name] = option.kind.read(written.value)
            except Refused as refused:
                complete = False
                shown = name if option.kind.secret else f"{name}={_shown(written.value)}"
                self.findings.problems.append(
                    f"{self._place(written)}: {shown} {refused.what}; {refused.remedy}"
                )
        return values if complete else None

    def _place(self, entry: ini.Entry) -> str:
        return f"{self.file}, line {entry.line}, [{self.section.name}]"


def _warn_defaults(file: str, defaults: ini.Section, known: Mapping[str, Option], findings: Findings) -> None:
    findings.warnings += (
        f"{file}, line {entry.line}, [{defaults.name}]: {_unknown(name, known)}"
        for name, entry in defaults.options.items()
        if name not in known
    )


def _unknown(name: str, known: Mapping[str, Option]) -> str:
    elsewhere = (
        "" if name in known else next((at for at, kind in SECTIONS.items() if name in options_of(kind)), "")
    )
    hint = f"; it belongs into [{elsewhere}] of config.conf" if elsewhere else _nearest(name, known)
    return f"the option {_shown(name)} is unknown here and ignored{hint}"


def _nearest(name: str, known: Iterable[str]) -> str:
    import difflib  # here, since it is for mistakes only

    near = difflib.get_close_matches(name.lower(), list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _shown(text: str) -> str:
    """A value inside a sentence: one line, not endless, nothing that steers a terminal."""
    shown = "".join(character if character.isprintable() else "?" for character in text)
    return shown if len(shown) <= _SHOWN else shown[: _SHOWN - 3] + "..."
