"""config.conf and accounts.conf: read, checked, and turned into frozen dataclasses.

:func:`load` reports everything that is wrong at once, each with file, line, section, option, value and
remedy. The options themselves stand in :mod:`nexefax.config.settings`, the one table; how a new configuration
takes the place of the running one stands in :mod:`nexefax.config.changes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from nexefax.config import checks
from nexefax.config.account_settings import Account
from nexefax.config.reader import Findings, read_accounts, read_config
from nexefax.config.settings import Email, General, Logging, Server
from nexefax.errors import ConfigError

__all__ = ["Account", "Config", "Email", "General", "Logging", "Server", "auth_file", "load"]

CONFIG_FILE = "config.conf"
ACCOUNTS_FILE = "accounts.conf"
AUTH_DIRECTORY = "auth"


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
    findings = Findings()
    sections = read_config(directory / CONFIG_FILE, findings)
    _check_together(sections, findings)
    accounts = read_accounts(directory / ACCOUNTS_FILE, findings)
    if findings.problems:
        raise ConfigError(*findings.problems)
    return Config(
        directory=directory,
        **sections,
        accounts=MappingProxyType({account.id.casefold(): account for account in accounts}),
        warnings=tuple(findings.warnings),
    )


def _check_together(sections: Mapping[str, Any], findings: Findings) -> None:
    for name, settings in sections.items():
        problems = getattr(checks, f"{name}_problems", None)
        warnings = getattr(checks, f"{name}_warnings", None)
        place = f"{CONFIG_FILE}, [{name}]"
        findings.problems += (f"{place}: {problem}" for problem in (problems(settings) if problems else ()))
        findings.warnings += (f"{place}: {warning}" for warning in (warnings(settings) if warnings else ()))


def auth_file(config: Config, account: Account) -> Path | None:
    """The htpasswd file of ``account``, its name in any case; None when there is none. Blocks.

    The id as written comes first, then lower case (where the beta looks), then what the directory has.
    """
    directory = config.directory / AUTH_DIRECTORY
    try:
        entries = {entry.name: entry for entry in directory.iterdir() if entry.is_file()}
    except OSError:
        return None
    wanted = account.id.casefold()
    names = [account.id, account.id.lower(), *sorted(name for name in entries if name.casefold() == wanted)]
    return next((entries[name] for name in names if name in entries), None)
