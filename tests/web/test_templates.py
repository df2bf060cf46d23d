"""Templates, and the one place of all words."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from nexefax.web.frame import PAGES, framed, modules
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
            used |= set(re.findall(r'\bsay\("(\w+)"', source))
            used |= {f"{stem}_other" for stem in re.findall(r'\bsayCount\("(\w+)"', source)}
            used |= TEXT.keys() & set(re.findall(r'"(\w+)"', source))
    python = "".join((STATIC.parent / name).read_text() for name in ("pages.py", "frame.py"))
    used |= {word for word in TEXT if word.startswith("error") or f'"{word}"' in python}
    used |= {word for word in TEXT if word.endswith("_one") and f"{word.removesuffix('_one')}_other" in used}
    assert used == set(TEXT)


def test_nothing_is_inline_and_nothing_comes_from_elsewhere() -> None:
    for name, source in SOURCES.items():
        assert not re.search(r"""(?:src|href|url|import)\s*[=(]?\s*["']?(?:https?:)?//""", source), name
        if name.endswith(".html"):
            assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", source), name
        else:
            assert not re.search(
                r"innerHTML|outerHTML|document\.write|\beval\b|\.style\b(?!\.setProperty)", source
            ), name


@pytest.mark.parametrize("page", PAGES)
def test_the_first_load_is_small(page: str) -> None:
    """60 KB for all that a page loads, as it goes over the line."""
    source = framed(STATIC, page)
    loaded = [RESOURCES / name for name in set(re.findall(r'"\{\{res\}\}/([^"#]+)', source))]
    assert RESOURCES / "img" / "sprite.svg" in loaded
    assert (
        sum(len(gzip.compress(text)) for text in (source.encode(), *(path.read_bytes() for path in loaded)))
        < 60_000
    )


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


@pytest.mark.parametrize("page", ["login", *PAGES])
def test_every_module_is_asked_for_at_once(page: str) -> None:
    """A module that only another one names would cost a further round trip."""
    source = framed(STATIC, page) if page in PAGES else SOURCES[f"{page}.html"]
    (entry,) = re.findall(r'<script type="module" src="\{\{res\}\}/js/(\w+\.js)">', source)
    needed = modules(RESOURCES / "js", entry)
    assert len(set(needed)) == len(needed)
    assert {entry, *re.findall(r'"modulepreload" href="\{\{res\}\}/js/(\w+\.js)"', source)} == set(needed)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_says_where_one_is(page: str) -> None:
    source = framed(STATIC, page)
    assert source.count(' aria-current="page"') == {"fax": 0, "account": 2}.get(page, 1)
    assert "{{at_" not in source
    assert f"<title>{{{{text.{PAGES[page]}}}}} · " in source


def test_modules_are_found_through_each_other(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text('import { b } from "./b.js";\nimport "./c.js";\nimport("./late.js");\n')
    (tmp_path / "b.js").write_text('import {\n  c,\n} from "./c.js";\nexport * from "./a.js";\n')
    (tmp_path / "c.js").write_text("// nothing more\n")
    assert modules(tmp_path, "a.js") == ("a.js", "b.js", "c.js")
