"""HTML with places for values: every value is text, and is escaped. Pure.

``{{name}}`` is a place. ``{{#name}}…{{/name}}`` is there only when the value is not blank, ``{{^name}}…{{/name}}`` only
when it is. A value that is a list of records repeats its section for each, with places of their own:
``{{#attempts}}<tr><td>{{time}}</td></tr>{{/attempts}}``. It is the part of Mustache that a page of paper needs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

Record = Mapping[str, str]
Value = str | Sequence[Record]

# As html.escape does, whose module brings a table of all 2,231 entities with it: a third of a megabyte.
_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"})
_TAG: Final = re.compile(r"\{\{([#^/]?)\s*([^{}\n]{0,80}?)\s*\}\}")
_NAME: Final = re.compile(r"[a-z][a-z_]*")


class MarkupError(ValueError):
    """A template that can't be read; the text says in which line, and what is wrong there."""


def escape(text: str) -> str:
    """Text as HTML shows it, also within quoted attributes."""
    return text.translate(_ESCAPES)


@dataclass(slots=True)
class _Section:
    """A stretch of a template: literal text, places (a name alone), and sections within."""

    name: str
    line: int
    inverted: bool = False
    parts: list[str | _Place | _Section] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Place:
    name: str


class Markup:
    """A template that has been read; ``names`` are the places that it may have, with those of each list's records.

    Raises MarkupError for any other place, and for a section that is not closed where it should be.
    """

    def __init__(self, source: str, names: Mapping[str, Sequence[str]]) -> None:
        self._names = names
        self._root = _Section("", 1)
        self._open = [self._root]
        at = 0
        for tag in _TAG.finditer(source):
            self._open[-1].parts.append(source[at : tag.start()])
            self._take(tag[1], tag[2], line=source.count("\n", 0, tag.start()) + 1)
            at = tag.end()
        self._root.parts.append(source[at:])
        if len(self._open) > 1:
            last = self._open[-1]
            raise MarkupError(f"line {last.line}: the section {last.name} is not closed")

    def fill(self, values: Mapping[str, Value]) -> str:
        """The page; places without a value are blank."""
        return "".join(_filled(self._root, values))

    def _take(self, sign: str, name: str, *, line: int) -> None:
        section = self._open[-1]
        if sign == "/":
            if len(self._open) == 1 or section.name != name:
                raise MarkupError(f"line {line}: nothing is open that {{{{/{name}}}}} could close")
            self._open.pop()
            return
        if not _NAME.fullmatch(name) or name not in self._known():
            raise MarkupError(f"line {line}: there is no place {name!r}; see the README for those that are")
        if not sign:
            section.parts.append(_Place(name))
            return
        inner = _Section(name, line, sign == "^")
        section.parts.append(inner)
        self._open.append(inner)

    def _known(self) -> set[str]:
        known = set(self._names)
        for section in self._open:
            known.update(() if section.inverted else self._names.get(section.name, ()))
        return known


def _filled(section: _Section, values: Mapping[str, Value]) -> Iterator[str]:
    for part in section.parts:
        if isinstance(part, str):
            yield part
        elif isinstance(part, _Place):
            value = values.get(part.name, "")
            yield escape(value) if isinstance(value, str) else ""
        else:
            value = values.get(part.name, "")
            there = bool(value.strip() if isinstance(value, str) else value)
            if part.inverted or isinstance(value, str):
                if there != part.inverted:
                    yield from _filled(part, values)
                continue
            for record in value:
                yield from _filled(part, {**values, **record})
