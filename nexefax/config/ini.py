"""INI files as Python's configparser reads them, but with every problem at once and line numbers.

The files of the beta are read by configparser with its defaults, so its rules are kept: full-line
comments with ``#`` or ``;``, ``=`` or ``:`` between name and value, option names without case, an
indented line continues the value above it, ``[DEFAULT]`` holds values for all sections. Two things
differ: nothing is interpolated (``${TO}`` and ``%`` are plain text), and the reading goes on after a
problem, since an administrator wants to mend a file once. A property test holds the two together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

#: The section whose options are those of every other section that lacks them (configparser's rule).
DEFAULT_SECTION = "DEFAULT"

# Both are configparser's own patterns (Lib/configparser.py, _SECT_TMPL and _OPT_TMPL), delimiters "=" and ":".
_SECTION_LINE = re.compile(r"\[(?P<name>.+)\]")
_OPTION_LINE = re.compile(r"(?P<name>.*?)\s*[=:]\s*(?P<value>.*)$")


@dataclass(frozen=True, slots=True)
class Entry:
    """A value and the line (from 1) that its option stands on."""

    value: str
    line: int


@dataclass(frozen=True, slots=True)
class Section:
    """A section: its name as written, the line of its header, its options by lower-case name."""

    name: str
    line: int
    options: Mapping[str, Entry]


@dataclass(frozen=True, slots=True)
class IniFile:
    """What a file holds, in its order, and what is wrong with it: ``(line, sentence)`` pairs.

    ``sections`` leaves ``[DEFAULT]`` out; its options are already in every section that lacks them,
    and by themselves in ``defaults``.
    """

    sections: tuple[Section, ...]
    defaults: Section
    problems: tuple[tuple[int, str], ...]


@dataclass(slots=True)
class _OpenSection:
    name: str
    line: int
    options: dict[str, tuple[int, list[str]]] = field(default_factory=dict)

    def closed(self, defaults: Mapping[str, Entry]) -> Section:
        own = {name: Entry("\n".join(lines).rstrip(), line) for name, (line, lines) in self.options.items()}
        return Section(self.name, self.line, {**defaults, **own})


def parse(text: str) -> IniFile:
    """Read the text of an INI file; never raises, what is wrong is in ``problems``."""
    return _Reader().read(text)


class _Reader:
    """configparser's ``_read``, which keeps an indentation and the option that may be continued."""

    def __init__(self) -> None:
        self.defaults = _OpenSection(DEFAULT_SECTION, 0)
        self.sections: dict[str, _OpenSection] = {}
        self.problems: list[tuple[int, str]] = []
        self.section: _OpenSection | None = None
        self.value: list[str] | None = None
        self.indent = 0

    def read(self, text: str) -> IniFile:
        for number, line in _numbered_lines(text):
            self._line(number, line)
        defaults = self.defaults.closed({})
        return IniFile(
            tuple(section.closed(defaults.options) for section in self.sections.values()),
            defaults,
            tuple(self.problems),
        )

    def _line(self, number: int, line: str) -> None:
        content = line.strip()
        if content.startswith(("#", ";")):
            return
        if not content:
            # configparser: an empty line belongs to a value that goes on after it.
            if self.value is not None:
                self.value.append("")
            return
        indent = len(line) - len(line.lstrip())
        if self.value is not None and indent > self.indent:
            self.value.append(content)
            return
        self.indent = indent
        if header := _SECTION_LINE.match(content):
            self._open_section(number, header["name"].strip())
        elif self.section is None:
            self.problems.append(
                (number, "stands before the first section; put a line like [general] above it")
            )
        elif option := _OPTION_LINE.match(content):
            self._open_option(self.section, number, option["name"].rstrip().lower(), option["value"].strip())
        else:
            # The line itself isn't shown: it may be half of a password.
            self.value = None
            self.problems.append(
                (number, "is no option; write it as name=value, or begin it with # for a comment")
            )

    def _open_section(self, number: int, name: str) -> None:
        self.value = None
        if name == DEFAULT_SECTION:
            self.section = self.defaults
            return
        first = self.sections.setdefault(name.casefold(), _OpenSection(name, number))
        if first.line == number:
            self.section = first
            return
        self.problems.append(
            (number, f"the section [{name}] is there twice, first in line {first.line}; make them one")
        )
        # Its options are read all the same, for the problems in them, into a section that nobody sees.
        self.section = _OpenSection(name, number)

    def _open_option(self, section: _OpenSection, number: int, name: str, value: str) -> None:
        self.value = [value]
        if not name:
            self.problems.append((number, "has no name before the = sign; write it as name=value"))
        elif name in section.options:
            first = section.options[name][0]
            self.problems.append(
                (
                    number,
                    f"[{section.name}]: {name} is there twice, first in line {first}; keep one of them",
                )
            )
        else:
            section.options[name] = (number, self.value)


def _numbered_lines(text: str) -> Iterator[tuple[int, str]]:
    # Only the line ends of a text file count: str.splitlines also splits at U+2028, form feeds and others,
    # and would let half of a value become an option of its own.
    return enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), start=1)
