"""Outcome files: whole ones are read, half ones wait, hostile ones do nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexefax.fax.outcome import MAX_BYTES, MAX_VALUE, Outcome, clean_text, outcome_line, parse_outcome

LINE = (
    b"v=1&kind=sent&status=FAILED&error=HANGUP&text=The%20call%20dropped%20prematurely&pages=2&rate=14400"
    b"&resolution=204x196&station=%2B1%20202%20555%200154&mode=T.38&cause=16&reason=&uniqueid=pbx-1-1700000000.4"
    b"&ended=1763841600&end=1"
)


def test_a_line_of_the_dialplan_is_read() -> None:
    assert parse_outcome(LINE) == Outcome(
        kind="sent",
        status="FAILED",
        error="HANGUP",
        text="The call dropped prematurely",
        pages=2,
        rate=14400,
        resolution="204x196",
        station="+1 202 555 0154",
        mode="T.38",
        cause=16,
        reason=None,
        uniqueid="pbx-1-1700000000.4",
        ended=1763841600,
    )


def test_every_beginning_of_a_line_is_not_whole() -> None:
    assert [end for end in range(len(LINE)) if parse_outcome(LINE[:end]) is not None] == []
    assert parse_outcome(LINE + b"\n") == parse_outcome(LINE)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"end=1",
        b"v=2&kind=sent&end=1",
        b"v=1&kind=System&end=1",
        b"v=1&end=1",
        b"kind=sent&v=1&end=1",
        b"v=1&kind=sent&" + b"x" * MAX_BYTES + b"&end=1",
        b"v=1&kind=sent&" + b"a=1&" * 100 + b"end=1",
    ],
)
def test_what_is_not_an_outcome_is_none(line: bytes) -> None:
    assert parse_outcome(line) is None


def test_hostile_values_lose_control_characters_and_length() -> None:
    outcome = parse_outcome(
        b"v=1&kind=received&name=a%0d%0aBcc:%20x&caller="
        + b"9" * 900
        + b"&pages=-3&rate=1e9&cause=%D9%A1&evil=1&end=1"
    )
    assert outcome is not None
    assert outcome.name == "a Bcc: x"
    assert len(outcome.caller) == MAX_VALUE
    assert (outcome.pages, outcome.rate, outcome.cause) == (None, None, None)


texts = st.text(max_size=60).map(clean_text)
numbers = st.none() | st.integers(0, 10**12)


@given(
    st.builds(
        Outcome,
        kind=st.sampled_from(["sent", "failed", "received"]),
        status=texts,
        error=texts,
        text=texts,
        station=texts,
        name=texts,
        pages=numbers,
        cause=numbers,
        ended=numbers,
    )
)
def test_what_is_written_is_read_again(outcome: Outcome) -> None:
    assert parse_outcome(outcome_line(outcome)) == outcome


@given(st.binary(max_size=300))
def test_any_bytes_are_none_or_an_outcome(line: bytes) -> None:
    assert parse_outcome(b"v=1&" + line + b"&end=1") is None or line
