#!/usr/bin/env python3
"""Write the sample configuration and the README's option tables anew from the one table of options.

Run it after a change in nexefax/config/settings.py or account_settings.py; a test fails while the files differ.

    control/render_options.py           write conf-samples/*.conf and the marked blocks of README.md
    control/render_options.py --check   write nothing; exit 1 when something would change
"""

from __future__ import annotations

import dataclasses
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from nexefax.config.account_settings import Account  # noqa: E402
from nexefax.config.options import Option, options_of  # noqa: E402 - the path comes first
from nexefax.config.settings import SECTIONS  # noqa: E402

_WIDTH = 100

_CONFIG_HEAD = """\
# NexeFax: config.conf, for the whole installation. It belongs into /etc/nexefax.
#
# Lines that begin with # or ; are comments. What is commented out has the value that is shown.
# Check your changes with: nexefax check
# and put them into effect with: systemctl reload nexefax
"""

_ACCOUNTS_HEAD = """\
# NexeFax: accounts.conf, the accounts that send and receive faxes. It belongs into /etc/nexefax.
#
# Each account is a section; its name is the account's ID, with which users sign in (in any case), and
# which the dialplan passes to NexeFax: Gosub(nexefax,receive,1(ACME))
# Remove the # before the lines that you need, and add users with: nexefax user add ACME bob.smith
# Check your changes with: nexefax check
# and put them into effect with: systemctl reload nexefax
"""


def default_of(section: type, name: str) -> Any:
    """The default of an option; None where it is required."""
    field = next(field for field in dataclasses.fields(section) if field.name == name)
    return None if field.default is dataclasses.MISSING else field.default


def written_default(section: type, name: str, option: Option) -> str:
    """The default as it is written in a file; empty where it depends on the machine or on other options."""
    if option.required or option.default is not None:
        return ""
    return option.kind.write(default_of(section, name))


def _sample_options(section: type) -> Iterator[str]:
    for name, option in options_of(section).items():
        about = [option.purpose]
        if option.required:
            about.append("Required.")
        elif option.choices.strip():
            about.append(f"Options: {option.choices}.")
        if option.default:
            about.append(f"Default: {_plain(option.default)}.")
        yield from textwrap.wrap(
            " ".join(about), _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False
        )
        yield f"#{name}={option.example if option.required else written_default(section, name, option)}"
        yield ""


def config_sample() -> str:
    """conf-samples/config.conf."""
    lines = [_CONFIG_HEAD]
    for name, section in SECTIONS.items():
        lines += [f"[{name}]", *_sample_options(section)]
    return "\n".join(lines).rstrip() + "\n"


def accounts_sample() -> str:
    """conf-samples/accounts.conf."""
    return "\n".join([_ACCOUNTS_HEAD, "#[ACME]", *_sample_options(Account)]).rstrip() + "\n"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def _cells(section: type, name: str, option: Option) -> tuple[str, str, str, str, str]:
    default = option.default if option.default is not None else written_default(section, name, option)
    return (
        name,
        option.purpose.replace("${TO}", "**${TO}**"),
        "**Yes**" if option.required else "",
        option.choices.strip(),
        default,
    )


def config_table() -> str:
    """The README's table for config.conf."""
    rows = [_row("Section", "Option", "Purpose", "Required", "Options", "Default"), _row(*["---"] * 6)]
    restart = []
    for section_name, section in SECTIONS.items():
        for name, option in options_of(section).items():
            rows.append(_row(section_name, *_cells(section, name, option)))
            restart += [] if option.live else [name]
    return "\n".join(
        [
            *rows,
            "",
            f"All changes take effect with a reload, except these, which need a restart: {', '.join(restart)}.",
        ]
    )


def accounts_table() -> str:
    """The README's table for accounts.conf."""
    rows = [_row("Option", "Purpose", "Required", "Options", "Default"), _row(*["---"] * 5)]
    rows += (_row(*_cells(Account, name, option)) for name, option in options_of(Account).items())
    return "\n".join(rows)


def readme(text: str) -> str:
    """The README with its marked blocks filled anew; raises ValueError when one of them is not there."""
    for file, table in (("config.conf", config_table()), ("accounts.conf", accounts_table())):
        block = re.compile(rf"(<!-- options:{re.escape(file)} -->\n).*?(<!-- /options -->)", re.DOTALL)
        found = block.search(text)
        if not found:
            raise ValueError(f"README.md has no block <!-- options:{file} --> … <!-- /options -->")
        begin, end = found[1], found[2]
        text = text[: found.start()] + f"{begin}\n{table}\n\n{end}" + text[found.end() :]
    return text


def _plain(markdown: str) -> str:
    return markdown.replace("**", "").replace("`", "")


def main(arguments: list[str]) -> int:
    """Write, or with --check compare; the exit code."""
    wanted = {
        ROOT / "conf-samples" / "config.conf": config_sample(),
        ROOT / "conf-samples" / "accounts.conf": accounts_sample(),
        ROOT / "README.md": readme((ROOT / "README.md").read_text()),
    }
    differing = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    for path in differing:
        print(f"{path.relative_to(ROOT)} {'differs' if '--check' in arguments else 'written'}")
        if "--check" not in arguments:
            path.write_text(wanted[path])
    return 1 if differing and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
