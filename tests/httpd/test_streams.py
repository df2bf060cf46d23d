"""Answers that take their time: iterators, server-sent events, clients that leave or read slowly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from nexefax.errors import HttpError
from nexefax.httpd import HttpLimits, Request, Response
from nexefax.httpd.line import Line
from tests.httpd.client import Wire, request
from tests.httpd.conftest import Serve


class Feed:
    """A source of pieces that notes how it was left."""

    def __init__(self, *pieces: bytes, forever: bool = False) -> None:
        self.pieces = pieces
        self.forever = forever
        self.begun = asyncio.Event()
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def run(self) -> AsyncIterator[bytes]:
        try:
            for piece in self.pieces:
                yield piece
            self.begun.set()
            if self.forever:
                await asyncio.get_running_loop().create_future()
        except BaseException as error:
            self.ended.set_result(type(error).__name__)
            raise
        self.ended.set_result("done")


def answering(make: Callable[[], Response]) -> Callable[[Request], object]:
    async def handler(asked: Request) -> Response:
        return make()

    return handler


async def test_pieces_go_out_in_chunks(serve: Serve) -> None:
    feed = Feed(b"one ", b"", b"two")
    async with await (await serve(answering(lambda: Response(200, {}, feed.run())))).wire() as wire:
        reply = await wire.ask(request())
        assert (reply.body, reply.headers["transfer-encoding"]) == (b"one two", "chunked")
        assert "content-length" not in reply.headers
        assert await feed.ended == "done"
        assert "connection" not in reply.headers


async def test_http_1_0_gets_its_end_by_closing(serve: Serve) -> None:
    feed = Feed(b"one ", b"two")
    async with await (await serve(answering(lambda: Response(200, {}, feed.run())))).wire() as wire:
        reply = await wire.ask(request(version="1.0", Connection="keep-alive"))
        assert (reply.body, reply.headers["connection"]) == (b"one two", "close")
        assert "transfer-encoding" not in reply.headers


@pytest.mark.parametrize("status", [200, 204])
async def test_head_and_bodiless_answers_do_not_run_the_iterator(serve: Serve, status: int) -> None:
    feed = Feed(b"never")
    method = "HEAD" if status == 200 else "GET"
    async with await (await serve(answering(lambda: Response(status, {}, feed.run())))).wire() as wire:
        for _ in range(2):
            assert (await wire.ask(request("/", method), head=True)).status == status
    assert not feed.ended.done()


async def test_each_event_goes_out_at_once(serve: Serve) -> None:
    steps: asyncio.Queue[bytes] = asyncio.Queue()

    async def events() -> AsyncIterator[bytes]:
        while piece := await steps.get():
            yield piece

    async with await (await serve(answering(lambda: Response.events(events())))).wire() as wire:
        await wire.send(request())
        head = await wire.reader.readuntil(b"\r\n\r\n")
        assert (
            b"Content-Type: text/event-stream\r\nCache-Control: no-store\r\nX-Accel-Buffering: no\r\n" in head
        )
        for number in range(3):
            steps.put_nowait(b"data: %d\n\n" % number)
            assert await wire.reader.readuntil(b"\n\n\r\n") == b"9\r\ndata: %d\n\n\r\n" % number
        steps.put_nowait(b"")
        assert await wire.reader.readexactly(5) == b"0\r\n\r\n"


@pytest.mark.parametrize("leave", [Wire.end, Wire.reset])
async def test_the_listeners_leaving_ends_the_events(serve: Serve, leave: Callable[[Wire], None]) -> None:
    feed = Feed(b"x", forever=True)
    wire = await (await serve(answering(lambda: Response.events(feed.run())))).wire()
    await wire.send(request())
    await feed.begun.wait()
    leave(wire)
    assert await feed.ended == "CancelledError"
    wire.writer.transport.abort()


async def test_a_listener_that_has_left_before(serve: Serve) -> None:
    feed = Feed(forever=True)
    entered = asyncio.Event()
    release = asyncio.Event()

    async def handler(asked: Request) -> Response:
        entered.set()
        await release.wait()
        return Response.events(feed.run())

    serving = await serve(handler)
    async with await serving.wire() as wire:
        await wire.send(request())
        await entered.wait()
        (connection,) = serving.server._connections
        wire.end()
        while not connection.eof:
            await asyncio.sleep(0)
        release.set()
        assert await feed.ended == "CancelledError"


async def test_a_clients_reset_ends_any_iterator(serve: Serve) -> None:
    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 10_000  # never waits by itself
        finally:
            ended.set()

    ended = asyncio.Event()
    wire = await (await serve(answering(lambda: Response(200, {}, endless())))).wire()
    await wire.send(request())
    await wire.reader.readexactly(100_000)
    wire.reset()
    await ended.wait()


async def test_an_iterator_waits_for_a_slow_reader(serve: Serve) -> None:
    given = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal given
        while True:
            yield b"x" * 65536
            given += 65536

    serving = await serve(answering(lambda: Response(200, {}, endless())))
    async with await serving.wire() as wire:
        await wire.send(request())
        await wire.reader.readexactly(1000)
        (connection,) = serving.server._connections
        async with asyncio.timeout(20):
            while not connection.full:
                await asyncio.sleep(0)
        before = given
        await asyncio.sleep(0.05)
        assert given == before


@pytest.mark.parametrize("error", [LookupError("x"), HttpError(404, "x")])
async def test_half_an_answer_is_cut(serve: Serve, error: Exception) -> None:
    """The last chunk never comes, so the client knows."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"half"
        raise error

    async with await (await serve(answering(lambda: Response(200, {}, pieces())))).wire() as wire:
        await wire.send(request())
        try:
            got = await wire.rest()
        except ConnectionError:
            got = b""
        assert not got.endswith(b"0\r\n\r\n")


async def test_an_iterator_that_is_no_generator(serve: Serve) -> None:
    class Once(AsyncIterator[bytes]):
        left = 2

        async def __anext__(self) -> bytes:
            self.left -= 1
            if self.left < 0:
                raise StopAsyncIteration
            return b"x"

    async with await (await serve(answering(lambda: Response(200, {}, Once())))).wire() as wire:
        assert (await wire.ask(request())).body == b"xx"


async def test_a_reader_that_takes_nothing_is_dropped(serve: Serve) -> None:
    ended = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 65536
        finally:
            ended.set()

    serving = await serve(
        answering(lambda: Response(200, {}, endless())), limits=HttpLimits(write_timeout=0.1)
    )
    async with await serving.wire() as wire:
        await wire.send(request())
        await ended.wait()


async def test_a_reader_that_takes_a_little_is_not_dropped(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = 30_000_000
    looked: asyncio.Queue[None] = asyncio.Queue()
    expire = Line.expire

    def counted(self: Line) -> None:
        expire(self)
        looked.put_nowait(None)

    async def handler(asked: Request) -> Response:
        return Response(200, {}, b"x" * size)

    monkeypatch.setattr(Line, "expire", counted)
    async with await (await serve(handler, limits=HttpLimits(write_timeout=0.5))).wire() as wire:
        await wire.send(request(Connection="close"))
        await wire.reader.readuntil(b"\r\n\r\n")
        got = 0
        for _ in range(3):
            got += len(await wire.reader.readexactly(4_000_000))
            await looked.get()
        got += len(await wire.rest())
        assert got == size
