"""The reader of INI files against Python's own, whose rules the beta's files follow."""

from __future__ import annotations

import configparser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexefax.config import ini

PIECES = st.sampled_from(
    [
        *("[general]", "[email]", "[DEFAULT]", "[a]b]", "  [odd]", "[x] # y", "[]"),
        *("name=value", "Name = other", "k: v=w", "a=b:c", "p=50%${TO}", "empty=", "q=a ; b # c", "ü=ä"),
        *("  more", "\tmore", "   deeper=1", "# comment", "  ; comment", "=nameless", "no delimiter"),
        *("", "   ", "\u2028x=y", "z=\x0c"),
    ]
)


def by_configparser(text: str) -> dict[str, dict[str, str]] | None:
    parser = configparser.RawConfigParser(strict=True)
    try:
        # A list of lines, since read_string would split at more than line ends, as our reader does not.
        parser.read_file([line + "\n" for line in text.split("\n")])
    except configparser.Error:
        return None
    return {name: dict(parser[name]) for name in parser.sections()}


def by_us(text: str) -> dict[str, dict[str, str]] | None:
    parsed = ini.parse(text)
    if parsed.problems:
        return None
    return {
        section.name: {name: entry.value for name, entry in section.options.items()}
        for section in parsed.sections
    }


@given(st.lists(PIECES, max_size=12).map("\n".join))
def test_what_configparser_reads_we_read_alike_and_what_it_refuses_we_refuse(text: str) -> None:
    theirs, ours = by_configparser(text), by_us(text)
    assert (theirs is None) == (ours is None)
    assert theirs == ours


@given(st.text(alphabet="[]ab=: \n\r\t#;%${}\x85\u2028", max_size=40))
def test_no_text_is_too_odd(text: str) -> None:
    parsed = ini.parse(text)
    last = text.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1
    for section in parsed.sections:
        assert 1 <= section.line <= last
        assert all(1 <= entry.line <= last for entry in section.options.values())
    assert all(1 <= line <= last for line, _ in parsed.problems)


def test_all_problems_at_once_with_their_lines() -> None:
    parsed = ini.parse("stray=1\n[a]\nx=1\nX=2\nno delimiter\n=3\n[b]\n[A]\ny=1\ny=2\n")
    assert parsed.problems == (
        (1, "stands before the first section; put a line like [general] above it"),
        (4, "[a]: x is there twice, first in line 3; keep one of them"),
        (5, "is no option; write it as name=value, or begin it with # for a comment"),
        (6, "has no name before the = sign; write it as name=value"),
        (8, "the section [A] is there twice, first in line 2; make them one"),
        (10, "[A]: y is there twice, first in line 9; keep one of them"),
    )


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_system(end: str) -> None:
    [section] = ini.parse(end.join(["[a]", "x = 1", "  2", "", "y=3"])).sections
    assert section.options["x"].value == "1\n2"
    assert section.options["y"] == ini.Entry("3", 5)
