"""What may be dialled, and what people are told about the rest."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexefax.errors import NumberError
from nexefax.fax.number import MAX_DIGITS, clean_number


@pytest.mark.parametrize(
    ("typed", "dialled"),
    [
        ("12025550154", "12025550154"),
        (" (202) 555-0154 ", "2025550154"),
        ("+1 202.555.0154", "+12025550154"),
        ("+49 (0)30 1234/56", "+4930123456"),
        ("*31#0301234", "*31#0301234"),
        ("#31#0301234", "#31#0301234"),
        ("202\u2013555\u20110154", "2025550154"),
        ("\uff11\uff12\uff13\uff14", "1234"),
        ("202\u00a0555\u00a00154", "2025550154"),
    ],
)
def test_usual_ways_of_writing_are_dialled(typed: str, dialled: str) -> None:
    assert clean_number(typed) == dialled


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "Enter the fax number"),
        ("   ", "Enter the fax number"),
        ("555-FAX", "“A” can't be dialled"),
        ("123\nApplication: System", "can't be dialled"),
        ("123\x00", "U+0000"),
        ("+", "needs digits"),
        ("12+34", "+ comes first"),
        ("12*34", "+ comes first"),
        ("+*31", "+ comes first"),
        ("${TO}", "can't be dialled"),
        ("123;playback", "more than one number"),
        ("202 555 0100 / 0101", "more than one number"),
        ("2025550100, 2025550101", "more than one number"),
        ("0049 (0)30 123456", "Leave out the (0)"),
        ("011 49 (0)30 123456", "Leave out the (0)"),
        ("030 123\u00b2", "“²” can't be dialled"),
        ("123@evil", "“@” can't be dialled"),
        ("\u0661\u0662\u0663", "can't be dialled"),
        ("1" * (MAX_DIGITS + 1), "at most 40 digits; this one has 41"),
    ],
)
def test_anything_else_is_refused_with_a_reason(typed: str, said: str) -> None:
    with pytest.raises(NumberError, match=re.escape(said)):
        clean_number(typed)


@given(st.text())
def test_whatever_is_typed_only_dial_signs_come_out(typed: str) -> None:
    try:
        number = clean_number(typed)
    except NumberError as error:
        assert str(error).isprintable()
    else:
        assert re.fullmatch(r"\+?[0-9]{1,40}|[*#][0-9*#]{1,39}", number)
        assert clean_number(number) == number
