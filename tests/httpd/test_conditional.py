"""Conditions and ranges (RFC 9110 sections 13 and 14)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexefax.httpd import Headers
from nexefax.httpd.conditional import Selection, select
from nexefax.httpd.dates import format_date

WHEN = 784111777.5
DATE = format_date(WHEN)
LATER = format_date(WHEN + 5)
EARLIER = format_date(WHEN - 5)
WHOLE = Selection(200, 0, 1000)
SAME = Selection(304, 0, 0)
NONE = Selection(416, 0, 0)


def ask(method: str = "GET", size: int = 1000, /, **headers: str) -> Selection:
    fields = Headers({name.replace("_", "-"): value for name, value in headers.items()})
    return select(method, fields, etag='"v1"', modified=WHEN, size=size)


def test_without_conditions() -> None:
    assert ask() == WHOLE


@pytest.mark.parametrize(
    ("headers", "selection"),
    [
        ({"If_None_Match": '"v1"'}, SAME),
        ({"If_None_Match": 'W/"v1"'}, SAME),
        ({"If_None_Match": '"v0", W/"v1"'}, SAME),
        ({"If_None_Match": '"a,b","v1"'}, SAME),
        ({"If_None_Match": "*"}, SAME),
        ({"If_None_Match": '"v2"'}, WHOLE),
        ({"If_None_Match": "v1"}, WHOLE),
        ({"If_None_Match": ""}, WHOLE),
        ({"If_None_Match": '"v2"', "If_Modified_Since": LATER}, WHOLE),  # the tag decides
        ({"If_Modified_Since": DATE}, SAME),
        ({"If_Modified_Since": LATER}, SAME),
        ({"If_Modified_Since": EARLIER}, WHOLE),
        ({"If_Modified_Since": "yesterday"}, WHOLE),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_conditions(method: str, headers: dict[str, str], selection: Selection) -> None:
    assert ask(method, **headers) == selection


@pytest.mark.parametrize(
    ("text", "selection"),
    [
        ("bytes=0-0", Selection(206, 0, 1)),
        ("bytes=0-499", Selection(206, 0, 500)),
        ("BYTES= 500-999 ", Selection(206, 500, 500)),
        ("bytes=500-", Selection(206, 500, 500)),
        ("bytes=999-5000", Selection(206, 999, 1)),
        ("bytes=-1", Selection(206, 999, 1)),
        ("bytes=-5000", Selection(206, 0, 1000)),
        ("bytes=-0", NONE),
        ("bytes=1000-", NONE),
        ("bytes=2000-3000", NONE),
        ("bytes=5-4", WHOLE),
        ("bytes=-", WHOLE),
        ("bytes=", WHOLE),
        ("bytes=a-b", WHOLE),
        ("bytes=0-1,5-6", WHOLE),
        ("lines=0-1", WHOLE),
        ("bytes=99999999999999999999-", WHOLE),
        ("bytes=\u0661-", WHOLE),  # an Arabic digit, if a header could hold one
    ],
)
def test_ranges(text: str, selection: Selection) -> None:
    assert (
        select("GET", Headers.received({"range": (text,)}), etag='"v1"', modified=WHEN, size=1000)
        == selection
    )


def test_ranges_of_nothing() -> None:
    assert ask("GET", 0, Range="bytes=0-") == NONE
    assert ask("GET", 0, Range="bytes=-5") == NONE
    assert ask("GET", 0) == Selection(200, 0, 0)


def test_a_range_is_for_get_alone() -> None:
    assert ask("HEAD", Range="bytes=0-0") == WHOLE


@pytest.mark.parametrize(
    ("condition", "applies"),
    [
        ('"v1"', True),
        ('W/"v1"', False),
        ('"v2"', False),
        (DATE, True),
        (LATER, False),
        (EARLIER, False),
        ("x", False),
    ],
)
def test_if_range(condition: str, applies: bool) -> None:
    assert ask(Range="bytes=0-0", If_Range=condition) == (Selection(206, 0, 1) if applies else WHOLE)


@given(st.integers(0, 50), st.text("bytes=0123456789-, ", max_size=16))
def test_a_selection_is_never_outside_the_file(size: int, text: str) -> None:
    chosen = ask("GET", size, Range=text)
    assert chosen.status in (200, 206, 416)
    assert 0 <= chosen.start <= chosen.start + chosen.length <= size
    assert chosen.length or size == 0 or chosen.status == 416
