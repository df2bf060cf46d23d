"""Templates, and the one place of all words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nexefax.web.pages import RESOURCES, STATIC, Pages, fingerprint
from nexefax.web.templates import Template, read_text

TEXT = read_text(RESOURCES / "js" / "text.js")
SOURCES = {path.name: path.read_text() for path in [*STATIC.glob("*.html"), *(RESOURCES / "js").glob("*.js")]}


def test_values_are_escaped_and_missing_ones_stay_empty() -> None:
    template = Template("<a href='{{a}}'>{{b}}</a>{{text.x}}{{fixed}}", {"x": "<&>"}, {"fixed": '"'})
    assert template.places == ("a", "b")
    assert template.render(a="'\"<&>") == b"<a href='&#x27;&quot;&lt;&amp;&gt;'></a>&lt;&amp;&gt;&quot;"


def test_a_value_without_a_place_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        Template("{{a}}", {}, {}).render(b="")


def test_words_that_are_no_json_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.js").write_text("export const x = 1;")
    with pytest.raises(ValueError, match="one JSON object"):
        read_text(tmp_path / "text.js")


def test_every_word_is_used_and_every_used_word_is_there() -> None:
    used = set()
    for name, source in SOURCES.items():
        if name != "text.js":
            used |= set(re.findall(r"\{\{text\.(\w+)\}\}", source))
            for call in re.findall(r"say\(([^()]*(?:\([^()]*\)[^()]*)*)\)", source):
                used |= {word for word in re.findall(r'"(\w+)"', call) if word in TEXT or not call.count("?")}
    pages = (STATIC.parent / "pages.py").read_text()
    used |= {word for word in TEXT if word.startswith("error") or f'"{word}"' in pages}
    assert used == set(TEXT)


def test_nothing_is_inline_and_nothing_comes_from_elsewhere() -> None:
    for name, source in SOURCES.items():
        assert not re.search(r"""(?:src|href|url|import)\s*[=(]?\s*["']?(?:https?:)?//""", source), name
        if name.endswith(".html"):
            assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", source), name
        else:
            assert not re.search(r"innerHTML|outerHTML|document\.write|\beval\b|\.style\b", source), name


def test_the_first_load_is_small() -> None:
    """60 KB for everything that the compose page, the larger one, loads."""
    loaded = [path for path in RESOURCES.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in loaded) + (STATIC / "send.html").stat().st_size
    assert size < 60_000


def test_the_fingerprint_changes_with_contents_and_names(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    first = fingerprint(tmp_path)
    (tmp_path / "a").write_text("2")
    second = fingerprint(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    assert len({first, second, fingerprint(tmp_path)}) == 3


@pytest.mark.parametrize("status", [400, 403, 404, 405, 408, 413, 418, 431, 500, 501, 503, 507])
def test_every_error_has_a_page(status: int) -> None:
    page = Pages().error(status, "The detail & all.").decode()
    assert f">{status}<" in page
    assert "{" not in page
    assert ("The detail &amp; all." in page) == (status in (408, 418, 431))


@pytest.mark.parametrize("page", ["login.html", "send.html"])
def test_every_module_is_asked_for_at_once(page: str) -> None:
    """A module that only another one names would cost a further round trip."""
    (entry,) = re.findall(r'<script type="module" src="\{\{res\}\}/js/(\w+\.js)">', SOURCES[page])
    needed, found = {entry}, [entry]
    while found:
        imports = re.findall(r'^import [^;]*"\./(\w+\.js)";$', SOURCES[found.pop()], re.MULTILINE)
        found += set(imports) - needed
        needed |= set(imports)
    assert set(re.findall(r'"modulepreload" href="\{\{res\}\}/js/(\w+\.js)"', SOURCES[page])) == needed - {
        entry
    }
