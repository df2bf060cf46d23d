"""Turns at the processors: all of them used, none twice, and no document starved behind another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexefax.fax.convert import Slots
from nexefax.fax.convert.slots import Turns


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def settled() -> None:
    """Let every task run until it waits."""
    for _ in range(20):
        await asyncio.sleep(0)


class Floor:
    """Documents whose runs of pages take the seconds they are told, one after another, on a clock of our own."""

    def __init__(self, jobs: int) -> None:
        self.clock = Clock()
        self.slots = Slots(jobs, clock=self.clock)
        self.served: list[str] = []
        self.running: dict[str, asyncio.Event] = {}
        self.most = 0

    async def run(self, name: str, turns: Turns) -> None:
        async with turns.turn():
            self.served.append(name)
            self.running[name] = asyncio.Event()
            self.most = max(self.most, len(self.running))
            await self.running[name].wait()
            del self.running[name]

    async def finish(self, name: str, seconds: float) -> None:
        self.clock.now += seconds
        self.running[name].set()
        await settled()


async def test_a_small_document_is_not_starved_behind_a_large_one() -> None:
    floor = Floor(1)
    large = floor.slots.document()
    async with asyncio.TaskGroup() as group:
        for number in range(10):
            group.create_task(floor.run(f"large {number}", large))
        await settled()
        small = floor.slots.document()
        for number in range(2):
            group.create_task(floor.run(f"small {number}", small))
        await settled()
        await floor.finish("large 0", 5)
        while floor.running:
            (name,) = floor.running
            await floor.finish(name, 1 if name.startswith("small") else 5)
    assert {"small 0", "small 1"} <= set(floor.served[:4])
    assert len(floor.served) == 12
    assert floor.most == 1


async def test_a_stream_of_small_documents_does_not_starve_a_large_one() -> None:
    floor = Floor(1)
    large = floor.slots.document()
    async with asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(floor.run(f"large {number}", large))
        await settled()
        for number in range(40):
            group.create_task(floor.run(f"small {number}", floor.slots.document()))
            await settled()
            (name,) = floor.running
            await floor.finish(name, 1)
        while floor.running:
            (name,) = floor.running
            await floor.finish(name, 1)
    assert max(floor.served.index(f"large {number}") for number in range(3)) < 40


@pytest.mark.parametrize("jobs", [1, 2, 5])
async def test_all_turns_are_used(jobs: int) -> None:
    floor = Floor(jobs)
    turns = floor.slots.document()
    async with asyncio.TaskGroup() as group:
        for number in range(7):
            group.create_task(floor.run(str(number), turns))
        await settled()
        assert len(floor.running) == jobs
        while floor.running:
            unfinished = 7 - len(floor.served) + len(floor.running)
            await floor.finish(next(iter(floor.running)), 1)
            assert len(floor.running) == min(jobs, unfinished - 1)
    assert floor.most == jobs


def test_as_many_turns_as_processors() -> None:
    import os

    assert Slots().jobs == Slots(0).document().jobs == os.cpu_count()
    assert Slots(3).document().jobs == 3


async def test_cancelled_waiters_are_passed_over() -> None:
    floor = Floor(1)
    turns = floor.slots.document()
    first = asyncio.create_task(floor.run("first", turns))
    await settled()
    waiters = [asyncio.create_task(floor.run(f"waiter {number}", turns)) for number in range(3)]
    await settled()
    for waiter in waiters[:2]:
        waiter.cancel()
    await settled()
    await floor.finish("first", 1)
    assert list(floor.running) == ["waiter 2"]
    await floor.finish("waiter 2", 1)
    await first
    assert [waiter.cancelled() for waiter in waiters] == [True, True, False]
    assert await takes_a_turn(floor.slots)


async def test_a_turn_given_to_one_who_is_cancelled_at_once_is_not_lost() -> None:
    floor = Floor(1)
    async with floor.slots.document().turn():
        second = asyncio.create_task(floor.run("second", floor.slots.document()))
        third = asyncio.create_task(floor.run("third", floor.slots.document()))
        await settled()
    second.cancel()  # its turn has just been granted, and it did not run since
    await settled()
    assert second.cancelled()
    assert list(floor.running) == ["third"]
    await floor.finish("third", 1)
    await third
    assert await takes_a_turn(floor.slots)


async def test_a_turn_ends_when_its_work_fails() -> None:
    slots = Slots(1)
    with pytest.raises(RuntimeError):
        async with slots.document().turn():
            raise RuntimeError
    assert await takes_a_turn(slots)


async def takes_a_turn(slots: Slots) -> bool:
    async def one() -> bool:
        async with slots.document().turn():
            return True

    return await asyncio.wait_for(one(), 10)


Step = tuple[str, int, float]


@given(
    jobs=st.integers(1, 4),
    steps=st.lists(
        st.tuples(st.sampled_from(["run", "finish", "cancel"]), st.integers(0, 9), st.floats(0, 100)),
        max_size=60,
    ),
)
def test_whatever_happens_turns_are_kept_and_given_back(jobs: int, steps: list[Step]) -> None:
    asyncio.run(_whatever_happens(jobs, steps))


async def _whatever_happens(jobs: int, steps: list[Step]) -> None:
    floor = Floor(jobs)
    documents = [floor.slots.document() for _ in range(4)]
    tasks: dict[str, asyncio.Task[None]] = {}
    actions: dict[str, Callable[[int, float], Awaitable[None]]] = {}

    async def run(which: int, _: float) -> None:
        name = str(len(tasks))
        tasks[name] = asyncio.create_task(floor.run(name, documents[which % 4]))

    async def finish(which: int, seconds: float) -> None:
        if floor.running:
            await floor.finish(list(floor.running)[which % len(floor.running)], seconds)

    async def cancel(which: int, _: float) -> None:
        waiting = [name for name in tasks if name not in floor.served and not tasks[name].done()]
        if waiting:
            tasks[waiting[which % len(waiting)]].cancel()

    actions |= {"run": run, "finish": finish, "cancel": cancel}
    for action, which, seconds in steps:
        await actions[action](which, seconds)
        await settled()
        waiting = [name for name in tasks if name not in floor.served and not tasks[name].done()]
        assert len(floor.running) <= jobs
        assert not waiting or len(floor.running) == jobs
    while floor.running:
        await floor.finish(next(iter(floor.running)), 1)
    await asyncio.gather(*tasks.values(), return_exceptions=True)
    assert all(tasks[name].cancelled() or name in floor.served for name in tasks)
    assert floor.most <= jobs
    assert floor.slots._free == jobs


async def test_a_documents_limit_does_not_run_while_it_only_waits() -> None:
    slots = Slots(1)
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(1000) as limit:
        turns = slots.document(limit)
        async with slots.document().turn():
            waiting = asyncio.create_task(_takes_and_tells(turns, limit))
            await settled()
            assert limit.when() is None
        when = await asyncio.wait_for(waiting, 10)
        assert when is not None
        assert loop.time() < when <= loop.time() + 1000
        assert limit.when() == when


async def _takes_and_tells(turns: Turns, limit: asyncio.Timeout) -> float | None:
    async with turns.turn():
        return limit.when()


async def test_no_limit_at_all_stays_none() -> None:
    slots = Slots(1)
    async with asyncio.timeout(None) as limit:
        async with slots.document().turn():
            waiting = asyncio.create_task(_takes_and_tells(slots.document(limit), limit))
            await settled()
        assert await asyncio.wait_for(waiting, 10) is None
