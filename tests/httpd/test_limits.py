"""Deadlines and caps: nobody keeps a place by saying nothing."""

from __future__ import annotations

import asyncio

import pytest

from nexefax.httpd import HttpLimits, Request, Response
from tests.httpd.client import Wire, request
from tests.httpd.conftest import Serve, Serving

SHORT = HttpLimits(
    head_timeout=0.1,
    idle_timeout=0.1,
    body_timeout=0.1,
    write_timeout=0.1,
    linger_timeout=0.1,
    body_rate=1000,
)


async def test_who_never_asks_is_closed_silently(serve: Serve) -> None:
    async with await (await serve(limits=SHORT)).wire() as wire:
        assert await wire.closed()


async def test_who_asks_no_more_is_closed_silently(serve: Serve) -> None:
    async with await (await serve(limits=SHORT)).wire() as wire:
        assert (await wire.ask(request())).status == 200
        assert await wire.closed()


@pytest.mark.parametrize("begun", [b"G", b"GET / HTTP/1.1\r\nHost: h\r\nX: "])
async def test_half_a_head(serve: Serve, begun: bytes) -> None:
    serving = await serve(limits=SHORT)
    for first in (b"", request()):
        async with await serving.wire() as wire:
            if first:
                await wire.ask(first)
            reply = await wire.ask(begun)
            assert (reply.status, reply.headers["connection"]) == (408, "close")
            assert await wire.closed()


async def test_a_head_that_trickles_in(serve: Serve) -> None:
    """Each byte in time, the whole not."""
    async with await (await serve(limits=SHORT)).wire() as wire:
        trickle = asyncio.ensure_future(_trickle(wire, b"GET / HTTP/1.1\r\nX: " + b"y" * 10_000))
        assert (await wire.reply()).status == 408
        trickle.cancel()


async def _trickle(wire: Wire, data: bytes, size: int = 1) -> None:
    for start in range(0, len(data), size):
        await wire.send(data[start : start + size])
        await asyncio.sleep(0.005)


async def test_a_body_that_stops(serve: Serve) -> None:
    async with await (await serve(limits=SHORT)).wire() as wire:
        reply = await wire.ask(request("/", "POST", b"abc")[:-1])
        assert (reply.status, reply.headers["connection"]) == (408, "close")
        assert await wire.closed()


async def test_a_body_that_trickles_in(serve: Serve) -> None:
    async with await (await serve(limits=SHORT)).wire() as wire:
        await wire.send(request("/", "POST", b"x" * 10_000)[:-10_000])
        trickle = asyncio.ensure_future(_trickle(wire, b"x" * 10_000))
        assert (await wire.reply()).status == 408
        trickle.cancel()


async def test_a_slow_body_that_keeps_the_rate(serve: Serve) -> None:
    """All its silences together are longer than one may be."""
    limits = HttpLimits(body_timeout=1.0, body_rate=1)
    async with await (await serve(limits=limits)).wire() as wire:
        await wire.send(request("/", "POST", b"x" * 1100)[:-1100])
        await _trickle(wire, b"x" * 1100, 5)
        assert (await wire.reply()).status == 200


async def test_a_handlers_own_time_is_not_the_clients(serve: Serve) -> None:
    async def handler(asked: Request) -> Response:
        await asyncio.sleep(0.3)
        return Response.text(str(len(await asked.read(100))))

    async with await (await serve(handler, limits=SHORT)).wire() as wire:
        assert (await wire.ask(request("/", "POST", b"abc"))).text == "3"


async def test_reading_over_the_rest_has_an_end(serve: Serve) -> None:
    async with await (await serve(limits=SHORT)).wire() as wire:
        trickle = asyncio.ensure_future(_trickle(wire, b"\0" * 10_000))
        assert (await wire.reply()).status == 400
        assert await wire.closed()
        trickle.cancel()
        await asyncio.wait((trickle,))


async def full(serve: Serve, limits: HttpLimits) -> tuple[Serving, asyncio.Event, list[Wire]]:
    """A server with every place taken by running requests."""
    release = asyncio.Event()
    entered: asyncio.Queue[None] = asyncio.Queue()

    async def handler(asked: Request) -> Response:
        entered.put_nowait(None)
        await release.wait()
        return Response.text("x")

    serving = await serve(handler, limits=limits)
    wires = [await serving.wire() for _ in range(limits.connections)]
    for wire in wires:
        await wire.send(request())
    for _ in wires:
        await entered.get()
    return serving, release, wires


async def test_without_a_place_there_is_an_answer(serve: Serve) -> None:
    serving, release, wires = await full(serve, HttpLimits(connections=2, retry_after=9))
    async with await serving.wire() as wire:
        reply = await wire.ask(request())
        assert (reply.status, reply.headers["retry-after"], reply.headers["connection"]) == (
            503,
            "9",
            "close",
        )
        wire.end()
        assert await wire.closed()
    release.set()
    for wire in wires:
        assert (await wire.reply()).status == 200
    async with await serving.wire() as wire:
        assert (await wire.ask(request())).status == 200  # an idle one gave way
    for wire in wires:
        wire.writer.transport.abort()


async def test_even_the_turned_away_are_counted(serve: Serve) -> None:
    serving, release, wires = await full(serve, HttpLimits(connections=1, surplus_connections=1))
    async with await serving.wire() as second, await serving.wire() as third:
        assert (await second.reply()).status == 503
        assert await third.closed()
    release.set()
    for wire in wires:
        wire.writer.transport.abort()


async def test_an_idle_connection_gives_way(serve: Serve) -> None:
    serving = await serve(limits=HttpLimits(connections=1))
    async with await serving.wire() as first, await serving.wire() as second:
        assert (await second.ask(request())).status == 200
        assert await first.closed()
        async with await serving.wire() as third:
            assert (await third.ask(request())).status == 200
            assert await second.closed()


async def test_the_clock_stands_still_without_connections(serve: Serve) -> None:
    serving = await serve(limits=SHORT)
    assert serving.server._clock is None
    async with await serving.wire() as wire:
        assert await wire.closed()
    async with asyncio.timeout(20):
        while serving.server._clock is not None:
            await asyncio.sleep(0.01)
    async with await serving.wire() as wire:
        assert (await wire.ask(request())).status == 200
