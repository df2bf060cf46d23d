"""The HTML files of ``static/``, filled with values; every value is escaped, since every value is text.

``{{name}}`` is a place for a value, ``{{text.key}}`` one for the words of ``text.js``, which the page's own
scripts read as well: all that people read stands there, once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from nexefax.markup import escape

_PLACE = re.compile(r"\{\{([a-z_]+|text\.[A-Za-z0-9]+)\}\}")
_MODULE = re.compile(r"export default (\{.*\});?\s*", re.DOTALL)


def read_text(path: Path) -> Mapping[str, str]:
    """The words by key. The module is JSON behind ``export default``, so that browser and server read one file."""
    module = _MODULE.fullmatch(path.read_text(encoding="utf-8"))
    if module is None:
        raise ValueError(f"{path} is not a module that exports one JSON object")
    words: dict[str, str] = json.loads(module[1])
    return words


class Template:
    """One HTML file. ``fixed`` fills places once and for all; the others are ``places``, filled by ``render``."""

    def __init__(self, source: str, text: Mapping[str, str], fixed: Mapping[str, str]) -> None:
        pieces = [""]
        places = []
        parts = _PLACE.split(source)
        for literal, name in zip(parts[::2], [*parts[1::2], None], strict=True):
            pieces[-1] += literal
            if name is None:
                continue
            if name.startswith("text."):
                pieces[-1] += escape(text[name.removeprefix("text.")])
            elif name in fixed:
                pieces[-1] += escape(fixed[name])
            else:
                places.append(name)
                pieces.append("")
        self._pieces = pieces
        self.places = tuple(places)

    def render(self, **values: object) -> bytes:
        """The page. Places without a value stay empty; raises KeyError for a value without a place."""
        for name in values:
            if name not in self.places:
                raise KeyError(name)
        page = [self._pieces[0]]
        for name, piece in zip(self.places, self._pieces[1:], strict=True):
            page += (escape(str(values.get(name, ""))), piece)
        return "".join(page).encode()
