"""The frame that all pages of somebody who is signed in share, put around a page's own part; and what a page loads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_IMPORT = re.compile(r'^(?:import|export) [^;()]*"\./(\w+\.js)";$', re.MULTILINE)

#: The pages within the frame: the name in addresses and files, and the key of its title in text.js.
PAGES: Mapping[str, str] = {
    "send": "titleCompose",
    "inbox": "titleInbox",
    "sent": "titleSent",
    "fax": "titleFax",
    "account": "titleAccount",
}
# What a page has in css/ beside nexefax.css, and the module that it starts, where they are not called like the page.
_STYLES: Mapping[str, str] = {"send": "compose", "inbox": "list", "sent": "list"}
_MODULES: Mapping[str, str] = {"send": "compose"}


def modules(folder: Path, entry: str) -> tuple[str, ...]:
    """The names of the modules that ``entry`` in ``folder`` can't start without, itself first. Blocks."""
    found = [entry]
    for name in found:
        imports = _IMPORT.findall((folder / name).read_text(encoding="utf-8"))
        found += sorted(set(imports) - set(found))
    return tuple(found)


def framed(static: Path, page: str) -> str:
    """The template of ``page``, one of :data:`PAGES`: its own part within the frame. Blocks.

    Its modules are all asked for at once: one that only another module names would cost a further round trip.
    """
    entry, *others = modules(static / "res" / "js", f"{_MODULES.get(page, page)}.js")
    head = [
        f'<link rel="stylesheet" href="{{{{res}}}}/css/{_STYLES.get(page, page)}.css">',
        f'<script type="module" src="{{{{res}}}}/js/{entry}"></script>',
        *(f'<link rel="modulepreload" href="{{{{res}}}}/js/{name}">' for name in others),
    ]
    own = (static / f"{page}.html").read_text(encoding="utf-8")
    frame = (static / "frame.html").read_text(encoding="utf-8")
    for place in PAGES:
        frame = frame.replace(f"{{{{at_{place}}}}}", 'aria-current="page"' if place == page else "")
    return (
        frame.replace("{{title}}", f"{{{{text.{PAGES[page]}}}}}")
        .replace("{{page}}", page)
        .replace("{{head}}", "\n".join(head))
        .replace("{{main}}", own.rstrip("\n"))
    )
