"""Bodies of requests: framed, awaited, held back, refused, left unread."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from nexefax.errors import HttpError
from nexefax.httpd import HttpLimits, Request, Response
from tests.httpd.client import Wire, request
from tests.httpd.conftest import Serve

CHUNKED = b"POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"


async def unread(asked: Request) -> Response:
    return Response.text("unread")


async def refusing(asked: Request) -> Response:
    raise HttpError(403, "No.")


async def test_chunks(serve: Serve) -> None:
    async with await (await serve()).wire() as wire:
        for _ in range(2):
            reply = await wire.ask(CHUNKED + b"3\r\nabc\r\nA;x\r\n0123456789\r\n0\r\nT: x\r\n\r\n")
            assert json.loads(reply.body)[3:] == ["abc0123456789", 13]


async def test_an_upgrade_is_ignored_and_its_body_read(serve: Serve) -> None:
    async with await (await serve()).wire() as wire:
        for _ in range(2):
            reply = await wire.ask(request("/", "POST", b"abc", Connection="Upgrade", Upgrade="h2c"))
            assert json.loads(reply.body)[3:] == ["abc", 3]


async def test_continue_is_sent_when_the_body_is_wanted(serve: Serve) -> None:
    wanted = asyncio.Event()

    async def handler(asked: Request) -> Response:
        await wanted.wait()
        return Response.text(str(len(await asked.read(100))))

    async with await (await serve(handler)).wire() as wire:
        for _ in range(2):
            wanted.clear()
            await wire.send(request("/", "POST", b"abc", Expect="100-continue")[:-3])
            pending = asyncio.ensure_future(wire.reply())
            await asyncio.wait((pending,), timeout=0.05)
            assert not pending.done()
            wanted.set()
            assert (await pending).status == 100
            assert (await wire.ask(b"abc")).text == "3"


async def test_continue_is_not_sent_to_who_did_not_wait(serve: Serve) -> None:
    async with await (await serve()).wire() as wire:
        assert (await wire.ask(request("/", "POST", b"abc", Expect="100-continue"))).status == 200


async def test_continue_is_not_sent_where_the_body_is_not_wanted(serve: Serve) -> None:
    """Nobody can say whether the body will come, so the connection can't be used again."""
    for handler, status in ((unread, 200), (refusing, 403)):
        async with await (await serve(handler)).wire() as wire:
            reply = await wire.ask(request("/", "POST", b"abc", Expect="100-continue")[:-3])
            assert (reply.status, reply.headers["connection"]) == (status, "close")
            wire.end()
            assert await wire.closed()


async def test_continue_never_stands_within_an_answer(serve: Serve) -> None:
    async def handler(asked: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"begun "
            yield await asked.read(100)

        return Response(200, {}, pieces())

    async with await (await serve(handler)).wire() as wire:
        await wire.send(request("/", "POST", b"abc", Expect="100-continue")[:-3])
        assert b"begun" in await wire.reader.readuntil(b"begun ")
        await wire.send(b"abc")
        assert (await wire.rest()).startswith(b"\r\n3\r\nabc\r\n0\r\n\r\n")


@pytest.mark.parametrize("handler", [unread, refusing])
async def test_a_short_body_that_nobody_read_is_read_over(serve: Serve, handler: object) -> None:
    async with await (await serve(handler)).wire() as wire:
        data = request("/", "POST", b"abc" * 100)
        reply = await wire.ask(data[:-200])
        assert "connection" not in reply.headers
        reply = await wire.ask(data[-200:] + request("/2"))
        assert reply.status in (200, 403)


async def test_a_short_body_that_breaks_off_unread(serve: Serve) -> None:
    async with await (await serve(unread)).wire() as wire:
        assert (await wire.ask(request("/", "POST", b"abc")[:-1])).status == 200
        wire.end()
        assert await wire.closed()


@pytest.mark.parametrize("head", [request("/", "POST", b"x" * 200_000)[:-200_000], CHUNKED])
async def test_a_long_body_that_nobody_read_closes(serve: Serve, head: bytes) -> None:
    async with await (await serve(unread)).wire() as wire:
        reply = await wire.ask(head)
        assert (reply.status, reply.headers["connection"]) == (200, "close")
        await wire.send(b"x" * 100_000)
        wire.end()
        assert await wire.closed()


async def test_a_body_larger_than_the_handler_wants(serve: Serve) -> None:
    async def handler(asked: Request) -> Response:
        return Response.text(str(len(await asked.read(2))))

    serving = await serve(handler)
    async with await serving.wire() as wire:
        assert (await wire.ask(request("/", "POST", b"abc"))).status == 413
        assert (await wire.ask(request("/", "POST", b"ab"))).text == "2"  # the connection is still good
    async with await serving.wire() as wire:
        reply = await wire.ask(CHUNKED + b"3\r\nabc\r\n0\r\n\r\n")
        assert (reply.status, reply.headers["connection"]) == (413, "close")


async def test_chunks_beyond_the_servers_cap(serve: Serve) -> None:
    async with await (await serve(limits=HttpLimits(body=10))).wire() as wire:
        reply = await wire.ask(CHUNKED + b"6\r\nabcdef\r\n6\r\nabcdef\r\n0\r\n\r\n")
        assert (reply.status, reply.headers["connection"]) == (413, "close")
        assert await wire.closed()


async def test_broken_chunks(serve: Serve) -> None:
    async with await (await serve()).wire() as wire:
        reply = await wire.ask(CHUNKED + b"3\r\nabcd\r\n")
        assert (reply.status, reply.headers["connection"]) == (400, "close")
        assert await wire.closed()


async def test_a_handler_that_forgives_broken_chunks_does_not_mend_the_connection(serve: Serve) -> None:
    async def handler(asked: Request) -> Response:
        try:
            await asked.read(100)
        except HttpError:
            return Response.text("never mind")
        return Response.text("fine")

    async with await (await serve(handler)).wire() as wire:
        reply = await wire.ask(CHUNKED + b"x\r\n")
        assert (reply.text, reply.headers["connection"]) == ("never mind", "close")
        assert await wire.closed()


async def test_a_body_that_ends_in_its_middle(serve: Serve) -> None:
    async with await (await serve()).wire() as wire:
        await wire.send(request("/", "POST", b"abc")[:-1])
        wire.end()
        reply = await wire.reply()
        assert (reply.status, reply.headers["connection"]) == (400, "close")
        assert await wire.closed()


async def test_a_client_is_held_back_as_long_as_nobody_reads(serve: Serve) -> None:
    wanted = asyncio.Event()
    size = 30_000_000

    async def handler(asked: Request) -> Response:
        await wanted.wait()
        got = 0
        async for piece in asked.body:
            got += len(piece)
        return Response.text(str(got))

    serving = await serve(handler)
    async with await serving.wire() as wire:
        await wire.send(request("/", "POST", b"x" * size)[:-size])
        sending = asyncio.ensure_future(wire.send(b"x" * size))
        await asyncio.wait((sending,), timeout=0.3)
        assert not sending.done()
        (connection,) = serving.server._connections
        assert connection.parser.buffered <= 2 * 65536
        wanted.set()
        await sending
        assert (await wire.reply()).text == str(size)


async def test_a_body_can_not_be_read_after_its_answer(serve: Serve) -> None:
    kept: list[Request] = []

    async def handler(asked: Request) -> Response:
        kept.append(asked)
        if len(kept) == 2:
            with pytest.raises(RuntimeError, match="after its answer"):
                await kept[0].read(100)
            assert await asked.read(100) == b"def"
        return Response.text("x")

    async with await (await serve(handler)).wire() as wire:
        assert (await wire.ask(request("/", "POST", b"abc"))).status == 200
        assert (await wire.ask(request("/", "POST", b"def"))).status == 200


async def test_a_body_read_to_its_end_stays_ended(serve: Serve) -> None:
    async def handler(asked: Request) -> Response:
        return Response.text(str([await asked.read(100), await asked.read(100)]))

    async with await (await serve(handler)).wire() as wire:
        assert (await wire.ask(request("/", "POST", b"abc") + request("/next"))).text == "[b'abc', b'']"
        assert (await wire.reply()).text == "[b'', b'']"


async def test_a_client_that_leaves_cancels_the_reading(serve: Serve) -> None:
    entered = asyncio.Event()
    left: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def handler(asked: Request) -> Response:
        entered.set()
        try:
            await asked.read(100)
        except asyncio.CancelledError:
            left.set_result("cancelled")
            raise
        raise AssertionError

    wire = await Wire.open((await serve(handler)).port)
    await wire.send(request("/", "POST", b"abc")[:-1])
    await entered.wait()
    wire.reset()
    assert await left == "cancelled"
