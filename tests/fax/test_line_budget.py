"""The line budget: never too many calls, none to a number twice at once, and nobody starved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from nexefax.fax.line_budget import NO_LINE, SAME_NUMBER, Choice, Waiting, choose


def ask(
    due: list[Waiting],
    calling: list[Waiting] | None = None,
    *,
    lines: int = 4,
    own: Mapping[str, int] | None = None,
    last_call: Mapping[str, float] | None = None,
) -> Choice:
    return choose(
        due,
        calling or [],
        lines=lines,
        lines_of=lambda name: (own or {}).get(name, 0),
        last_call=last_call or {},
    )


def queue(account: str, *faxes: int) -> list[Waiting]:
    return [Waiting(fax, account, f"number {fax}") for fax in faxes]


def test_oldest_first_up_to_the_lines() -> None:
    choice = ask(queue("A", 1, 2, 3, 4, 5, 6))
    assert choice.call == (1, 2, 3, 4)
    assert choice.wait == {5: NO_LINE, 6: NO_LINE}


def test_calls_under_way_count() -> None:
    assert ask(queue("A", 3, 4), queue("A", 1, 2), lines=3).call == (3,)
    assert ask(queue("A", 4), queue("A", 1, 2, 3), lines=2) == Choice((), {4: NO_LINE})


def test_an_account_has_a_budget_of_its_own() -> None:
    choice = ask([*queue("A", 1, 2, 3), *queue("B", 4)], own={"A": 1})
    assert choice.call == (1, 4)
    assert choice.wait == {2: NO_LINE, 3: NO_LINE}


def test_one_call_at_a_time_to_a_number_and_the_next_one_is_not_kept() -> None:
    same = [Waiting(1, "A", "555"), Waiting(2, "A", "555"), Waiting(3, "A", "777"), Waiting(4, "B", "555")]
    choice = ask(same)
    assert choice.call == (1, 3)
    assert choice.wait == {2: SAME_NUMBER, 4: SAME_NUMBER}
    assert ask(same[1:2], [Waiting(1, "C", "555")]).wait == {2: SAME_NUMBER}


def test_a_hundred_faxes_of_one_account_do_not_starve_another() -> None:
    many = queue("A", *range(1, 101))
    assert ask([*many, *queue("B", 101)], lines=2).call == (1, 101)
    # with one line they take turns, whoever has the older faxes
    assert ask([*many, *queue("B", 101)], lines=1, last_call={"A": 10.0, "B": 5.0}).call == (101,)
    assert ask([*many, *queue("B", 101)], lines=1, last_call={"A": 10.0}).call == (101,)
    assert ask([*many, *queue("B", 101)], lines=1, last_call={"A": 10.0, "B": 11.0}).call == (1,)


def test_lines_are_shared_evenly() -> None:
    choice = ask([*queue("A", *range(10)), *queue("B", *range(10, 20)), *queue("C", *range(20, 30))], lines=6)
    assert sorted(choice.call) == [0, 1, 10, 11, 20, 21]


_faxes = st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from("1234567")), max_size=30)


@given(
    _faxes,
    _faxes,
    st.integers(1, 6),
    st.fixed_dictionaries({}, optional={n: st.integers(0, 3) for n in "ABC"}),
)
def test_what_holds_always(
    waiting: list[tuple[str, str]], running: list[tuple[str, str]], lines: int, own: dict[str, int]
) -> None:
    due = [Waiting(number, *fax) for number, fax in enumerate(waiting)]
    numbers = {fax[1]: fax for fax in running}  # one call to a number, as it was chosen before
    calling = [Waiting(100 + n, *fax) for n, fax in enumerate(numbers.values())]
    choice = ask(due, calling, lines=lines, own=own)
    assert sorted([*choice.call, *choice.wait]) == [fax.fax for fax in due]  # each is told what it does
    begun = [due[fax] for fax in choice.call]
    assert len(begun) <= max(lines - len(calling), 0)
    dialled = Counter(fax.number for fax in [*begun, *calling])
    assert all(times == 1 for times in dialled.values())
    for account, calls in Counter(fax.account for fax in begun).items():
        before = sum(call.account == account for call in calling)
        assert not own.get(account) or calls + before <= own[account]
    if len(begun) + len(calling) < lines:  # a line is left: who waits could not have used it
        busy = Counter(fax.account for fax in [*begun, *calling])
        for fax in due:
            if fax.fax in choice.wait:
                assert fax.number in dialled or 0 < own.get(fax.account, 0) <= busy[fax.account]
