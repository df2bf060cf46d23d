"""Pages and scripts as they go over the line."""

from __future__ import annotations

import gzip
import re

import pytest

from nexefax.web.lean import lean
from nexefax.web.pages import RESOURCES
from tests.web.client import Client

SCRIPTS = sorted((RESOURCES / "js").glob("*.js"))


def test_comments_about_types_are_left_out() -> None:
    script = b'/** @file A.\n * B.\n */\nconst a = "/** no */";\n  /** @type {X} */\n  b(/** @type {Y} */ (c)); // d\n'
    assert lean(script) == b'const a = "/** no */";\n  b(/** @type {Y} */ (c)); // d\n'


@pytest.mark.parametrize("path", SCRIPTS, ids=[path.stem for path in SCRIPTS])
def test_nothing_else_of_a_script_is_left_out(path: object) -> None:
    """Line by line: what is gone belongs to a comment, and nothing was joined."""
    whole = path.read_bytes()  # type: ignore[attr-defined]
    kept = lean(whole).splitlines()
    gone = [line for line in whole.splitlines() if line not in kept]
    assert all(re.match(rb"\s*(?:/\*\*|\*)", line) for line in gone)
    assert not any(re.match(rb"\s*/\*\*.*\*/\s*$", line) for line in kept)


async def test_scripts_go_out_without_them_in_both_forms(client: Client) -> None:
    plain = await client.get("/res/js/session.js")
    packed = await client.get("/res/js/session.js", Accept_Encoding="gzip")
    assert plain.body == gzip.decompress(packed.body) == lean((RESOURCES / "js" / "session.js").read_bytes())
    assert b"@file" not in plain.body
    assert plain.headers["ETag"] != packed.headers["ETag"]
    for reply, coding in ((plain, {}), (packed, {"Accept_Encoding": "gzip"})):
        again = await client.get("/res/js/session.js", If_None_Match=reply.headers["ETag"], **coding)
        assert (again.status, again.body) == (304, b"")


async def test_pages_of_somebody_signed_in_go_out_compressed(bob: Client) -> None:
    plain = await bob.get("/send")
    packed = await bob.get("/send", Accept_Encoding="gzip")
    assert (plain.headers["Content-Encoding"], packed.headers["Content-Encoding"]) == (None, "gzip")
    assert packed.headers["Vary"] == "Accept-Encoding"
    without_key = re.compile(rb'value="[0-9a-f]{32}"')
    assert without_key.sub(b"", gzip.decompress(packed.body)) == without_key.sub(b"", plain.body)
