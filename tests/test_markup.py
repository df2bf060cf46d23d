"""Templates: places, sections and lists; all values are text; what is wrong is named with its line."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexefax.markup import Markup, MarkupError, escape

NAMES = {"name": (), "empty": (), "lines": ("text", "kind")}


@given(st.text())
def test_values_come_out_as_text_and_no_tag_or_place_survives(value: str) -> None:
    filled = Markup('<p title="{{name}}">{{ name }}</p>', NAMES).fill({"name": value})
    found = re.fullmatch(r'<p title="([^"<>]*)">([^"<>]*)</p>', filled, re.DOTALL)
    assert found is not None
    assert html.unescape(found[1]) == html.unescape(found[2]) == html.unescape(escape(value))
    assert html.unescape(escape(value)) == value or "\r" in value or not value.isprintable()


def test_sections_show_what_is_there_and_what_is_not() -> None:
    markup = Markup("{{#name}}[{{name}}]{{/name}}{{^name}}nobody{{/name}}{{^lines}}none{{/lines}}", NAMES)
    assert markup.fill({"name": "A"}) == "[A]none"
    assert markup.fill({"name": " "}) == "nobodynone"
    assert markup.fill({"lines": [{"text": "1"}]}) == "nobody"


def test_lists_repeat_their_section_with_places_of_their_own() -> None:
    markup = Markup(
        "{{#lines}}{{#text}}<{{kind}}>{{text}},{{name}};{{/text}}{{^text}}-{{/text}}{{/lines}}", NAMES
    )
    lines = [{"kind": "a", "text": "1"}, {"kind": "b", "text": ""}, {"kind": "&", "text": "<"}]
    assert markup.fill({"name": "n", "lines": lines}) == "<a>1,n;-<&amp;>&lt;,n;"
    assert Markup("{{lines}}", NAMES).fill({"lines": lines}) == ""
    assert Markup("{{#lines}}x{{/lines}}", NAMES).fill({}) == ""


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("a\nb {{other}}", "line 2: there is no place 'other'"),
        ("{{}}", "line 1: there is no place ''"),
        ("{{ NAME }}", "there is no place 'NAME'"),
        ("{{name.__class__}}", "there is no place 'name.__class__'"),
        ("{{text}}", "there is no place 'text'"),
        ("{{^lines}}{{text}}{{/lines}}", "there is no place 'text'"),
        ("{{#name}}", "line 1: the section name is not closed"),
        ("\n{{/name}}", "line 2: nothing is open that {{/name}} could close"),
        ("{{#name}}{{#empty}}{{/name}}{{/empty}}", "nothing is open that {{/name}} could close"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(source: str, said: str) -> None:
    with pytest.raises(MarkupError) as broken:
        Markup(source, NAMES)
    assert said in str(broken.value)


def test_braces_that_are_no_place_stay() -> None:
    source = "a { b } {{{ {{name }} }} {{na\nme}}"
    assert Markup(source, NAMES).fill({"name": "!"}) == "a { b } {{{ ! }} {{na\nme}}"
