"""What people type and how their files are called."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexefax.web.fields import LONGEST_DOCUMENT_NAME, document_name, line, lines, request_id
from nexefax.web.refusal import Refusal


def test_a_line_is_one_line_without_control_characters() -> None:
    assert (
        line("  Offer\r\n for\tJane\x00\u2028Doe \x1b[1m", most=50, field="subject")
        == "Offer for Jane Doe [1m"
    )


def test_lines_keep_their_breaks_as_line_feeds() -> None:
    assert lines("one\r\ntwo\rthree\n\nfour\x07", most=50, field="message") == "one\ntwo\nthree\n\nfour"


def test_words_of_any_script_are_kept() -> None:
    text = "Grüße, Ελλάδα, می‌خواهم, 日本"
    assert line(text, most=100, field="subject") == text


def test_too_long_text_is_refused_with_the_field_named() -> None:
    with pytest.raises(Refusal, match="The subject has 5 characters; at most 4 can be kept") as caught:
        line("abcde", most=4, field="subject")
    assert (caught.value.status, caught.value.field) == (400, "subject")


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        ("Report.pdf", "Report.pdf"),
        (r"C:\Users\bob\Offer.pdf", "Offer.pdf"),
        ("../../etc/passwd", "passwd"),
        ("a\r\nb\x00.pdf", "a b.pdf"),
        ("u\u0308ber.pdf", "über.pdf"),
        ("", "document"),
        ("..", "document"),
        ("folder/", "document"),
    ],
)
def test_a_document_is_called_by_its_last_part(filename: str, name: str) -> None:
    assert document_name(filename) == name


def test_a_long_name_keeps_its_ending() -> None:
    name = document_name("x" * 500 + ".pdf")
    assert len(name) == LONGEST_DOCUMENT_NAME
    assert name.endswith("x….pdf")
    assert document_name("y" * 500) == "y" * 199 + "…"


@given(st.text())
def test_no_name_holds_a_slash_or_a_control_character(filename: str) -> None:
    name = document_name(filename)
    assert name
    assert not {"/", "\\"} & set(name)
    assert all(unicodedata.category(sign) not in ("Cc", "Cs") for sign in name)
    assert len(name) <= LONGEST_DOCUMENT_NAME


def test_request_keys_are_plain_words() -> None:
    assert request_id("bob", "ab-12_c.") == "bob:ab-12_c."
    assert request_id("bob", "") == ""
    for bad in ("a b", "x" * 65, "ä", "a:b"):
        with pytest.raises(Refusal):
            request_id("bob", bad)
