"""Guessing gets slow, for the guesser alone, and never stops for good."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nexefax.web.throttle import Rate, Throttle

BOTH = [("bob", Rate(3, 10.0)), ("10.0.0.1", Rate(5, 1.0))]


def test_a_burst_is_free_and_then_one_passes_in_each_leak() -> None:
    throttle = Throttle()
    assert [throttle.take([("bob", Rate(3, 10.0))], 0.0) for _ in range(5)] == [0, 0, 0, 10.0, 10.0]
    assert throttle.take([("bob", Rate(3, 10.0))], 9.0) == 1.0
    assert throttle.take([("bob", Rate(3, 10.0))], 10.0) == 0
    assert throttle.take([("bob", Rate(3, 10.0))], 10.0) == 10.0


def test_the_fullest_bucket_decides_and_a_refused_guess_counts_nowhere() -> None:
    throttle = Throttle()
    for _ in range(3):
        assert throttle.take(BOTH, 0.0) == 0
    assert throttle.take(BOTH, 0.0) == 10.0
    assert [throttle.take([BOTH[1]], 0.0) for _ in range(3)] == [0, 0, 1.0]


def test_what_was_given_back_or_forgotten_is_free_again() -> None:
    throttle = Throttle()
    for _ in range(3):
        throttle.take(BOTH, 0.0)
    throttle.give_back(BOTH)
    assert throttle.take(BOTH, 0.0) == 0
    throttle.forget("bob")
    assert [throttle.take([BOTH[0]], 0.0) for _ in range(4)] == [0, 0, 0, 10.0]
    throttle.give_back([("unknown", Rate(1, 1.0))])


def test_the_longest_untouched_bucket_is_forgotten_past_the_cap() -> None:
    throttle = Throttle(most=2)
    slow = Rate(1, 100.0)
    for key in ("a", "b", "a", "c"):
        throttle.take([(key, slow)], 0.0)
    assert (
        throttle.take([("b", slow)], 0.0) == 100.0
    )  # "a" was tried again but refused: untouched since the start
    assert throttle.take([("a", slow)], 0.0) == 0


@given(st.lists(st.floats(0, 30), min_size=1, max_size=60))
def test_no_wait_is_longer_than_one_leak_and_waiting_it_out_helps(pauses: list[float]) -> None:
    throttle, now = Throttle(), 0.0
    key = [("bob", Rate(4, 7.0))]
    for pause in pauses:
        now += pause
        wait = throttle.take(key, now)
        assert 0 <= wait <= 7.0 + 1e-6
        if wait:
            assert throttle.take(key, now + wait + 1e-6) == 0
            now += wait + 1e-6
