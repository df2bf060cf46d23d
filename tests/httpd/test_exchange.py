"""Requests and answers on real sockets: one after the other, in any pieces, with all kinds of mistakes."""

from __future__ import annotations

import asyncio
import json
import logging
from ipaddress import ip_network

import pytest

from nexefax.errors import HttpError
from nexefax.httpd import HttpLimits, Request, Response, Router
from tests.httpd.client import Wire, request
from tests.httpd.conftest import Serve, echo


async def test_one_connection_serves_many_requests(serve: Serve) -> None:
    async with await (await serve()).wire() as wire:
        for number in range(3):
            reply = await wire.ask(request(f"/{number}?x"))
            assert json.loads(reply.body) == ["GET", f"/{number}", "127.0.0.1", "", 0]
            assert "connection" not in reply.headers
            assert reply.headers["server"] == "NexeFax"
            assert reply.headers["date"].endswith(" GMT")


async def test_pipelined_requests_are_answered_in_order(serve: Serve) -> None:
    async def handler(asked: Request) -> Response:
        if asked.path == "/0":
            await asyncio.sleep(0.01)  # the first is the slowest
        return Response.text(asked.path)

    async with await (await serve(handler)).wire() as wire:
        await wire.send(b"".join(request(f"/{number}") for number in range(200)))
        assert [(await wire.reply()).text for _ in range(200)] == [f"/{number}" for number in range(200)]


async def test_who_pipelines_takes_turns_with_others(serve: Serve) -> None:
    order: list[str] = []

    async def handler(asked: Request) -> Response:
        order.append(asked.path)
        return Response.text("x")

    serving = await serve(handler)
    async with await serving.wire() as greedy, await serving.wire() as modest:
        await greedy.ask(request("/warm"))
        await modest.ask(request("/warm"))
        greedy.writer.write(request("/greedy") * 500)
        modest.writer.write(request("/modest"))
        assert (await modest.reply()).status == 200
        for _ in range(500):
            assert (await greedy.reply()).status == 200
    assert order.index("/modest") < 100


async def test_a_flood_of_pipelined_requests_is_held_back(serve: Serve) -> None:
    """What is not yet asked for stays in the socket; memory does not grow with it."""
    ready = asyncio.Event()

    async def handler(asked: Request) -> Response:
        await ready.wait()
        return Response.text("x")

    serving = await serve(handler, limits=HttpLimits(receive_buffer=1000))
    async with await serving.wire() as wire:
        flood = asyncio.ensure_future(wire.send(request("/" + "a" * 2000) * 4_000))
        await asyncio.wait((flood,), timeout=0.3)
        assert not flood.done()
        (connection,) = serving.server._connections
        assert connection.parser.buffered <= 1000 + 2 * 65536
        ready.set()
        for _ in range(4_000):
            assert (await wire.reply()).status == 200
        await flood


async def test_byte_by_byte(serve: Serve) -> None:
    async with await (await serve()).wire() as wire:
        for byte in request("/slow", "POST", b"body") + request("/next", "GET"):
            await wire.send(bytes([byte]))
            await asyncio.sleep(0)
        assert json.loads((await wire.reply()).body)[3:] == ["body", 4]
        assert json.loads((await wire.reply()).body)[1] == "/next"


async def test_head_has_the_head_only(serve: Serve) -> None:
    async with await (await serve()).wire() as wire:
        asked = await wire.ask(request("/", "HEAD"), head=True)
        got = await wire.ask(request("/", "GET"))
        assert int(asked.headers["content-length"]) == len(got.body) + 1  # "HEAD" is longer than "GET"


@pytest.mark.parametrize("status", [204, 304])
async def test_answers_that_have_no_body(serve: Serve, status: int) -> None:
    async def handler(asked: Request) -> Response:
        return Response(status, {"ETag": '"x"'}, b"never sent")

    async with await (await serve(handler)).wire() as wire:
        for _ in range(2):
            reply = await wire.ask(request())
            assert (reply.status, "content-length" in reply.headers) == (status, False)


async def test_http_1_0(serve: Serve) -> None:
    serving = await serve()
    async with await serving.wire() as wire:
        reply = await wire.ask(request(version="1.0"))
        assert (reply.status, reply.headers["connection"]) == (200, "close")
        assert await wire.closed()
    async with await serving.wire() as wire:
        for _ in range(2):
            reply = await wire.ask(request(version="1.0", Connection="keep-alive"))
            assert reply.headers["connection"] == "keep-alive"


async def test_connection_close(serve: Serve) -> None:
    async with await (await serve()).wire() as wire:
        reply = await wire.ask(request(Connection="close"))
        assert reply.headers["connection"] == "close"
        assert await wire.closed()


async def test_what_follows_a_last_request_is_read_over(serve: Serve) -> None:
    async with await (await serve()).wire() as wire:
        reply = await wire.ask(request(Connection="close") + request("/never"))
        assert reply.status == 200
        assert await wire.closed()


async def test_a_client_may_end_its_side_and_still_read(serve: Serve) -> None:
    async with await (await serve()).wire() as wire:
        await wire.send(request("/1") + request("/2"))
        wire.end()
        assert (await wire.reply()).status == 200
        assert (await wire.reply()).status == 200
        assert await wire.closed()


async def test_a_connection_has_only_so_many_requests(serve: Serve) -> None:
    async with await (await serve(limits=HttpLimits(requests_per_connection=2))).wire() as wire:
        assert "connection" not in (await wire.ask(request())).headers
        assert (await wire.ask(request())).headers["connection"] == "close"
        assert await wire.closed()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"\x16\x03\x01\x00", 400),
        (b"GET /%2e%2e/ HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        (b"BREW / HTTP/1.1\r\nHost: h\r\n\r\n", 501),
        (b"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505),
        (b"GET /" + b"a" * 20000, 414),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 40000, 431),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nExpect: more\r\n\r\n", 417),
    ],
)
async def test_what_is_no_request_is_told_so(serve: Serve, data: bytes, status: int) -> None:
    async with await (await serve()).wire() as wire:
        assert (await wire.ask(request("/before"))).status == 200
        reply = await wire.ask(data)
        assert (reply.status, reply.headers["connection"]) == (status, "close")
        assert reply.text.endswith(".\n")
        assert await wire.closed()


async def test_an_answer_survives_what_the_client_still_sends(serve: Serve) -> None:
    """Closing at once would reset the connection, and the client would lose the answer."""
    async with await (await serve()).wire() as wire:
        await wire.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\n")
        for _ in range(50):
            await wire.send(b"x" * 100_000)
        reply = await wire.reply()
        assert reply.status == 413
        assert await wire.closed()


async def test_a_request_that_ends_in_its_middle(serve: Serve) -> None:
    async with await (await serve()).wire() as wire:
        await wire.send(b"GET / HT")
        wire.end()
        assert (await wire.reply()).status == 400
        assert await wire.closed()


async def test_silence_is_no_mistake(serve: Serve) -> None:
    async with await (await serve()).wire() as wire:
        wire.end()
        assert await wire.closed()


async def test_errors_of_handlers(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    async def handler(asked: Request) -> Response:
        match asked.path:
            case "/refuse":
                raise HttpError(429, "Slowly.", headers={"Retry-After": "7"})
            case "/close":
                raise HttpError(400, "Go away.", close=True)
            case "/cancelled":
                waiting = asyncio.get_running_loop().create_future()
                waiting.cancel()
                await waiting
            case "/own":
                return Response(200, {"Content-Length": "5"}, b"abc")
        raise LookupError("the cellar")

    async with await (await serve(handler)).wire() as wire:
        reply = await wire.ask(request("/refuse"))
        assert (reply.status, reply.headers["retry-after"], reply.text) == (429, "7", "Slowly.\n")
        assert not caplog.records
        for path in ("/%C3%BC%E2%80%A8", "/cancelled", "/own"):
            caplog.clear()
            reply = await wire.ask(request(path))
            assert (reply.status, "connection" in reply.headers) == (500, False)
            assert "cellar" not in reply.text
            assert caplog.records[0].levelno == logging.ERROR
            assert caplog.records[0].exc_info
        assert (await wire.ask(request("/close"))).headers["connection"] == "close"
        assert await wire.closed()


async def test_a_failing_path_is_logged_in_one_line_of_ascii(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(asked: Request) -> Response:
        raise LookupError

    async with await (await serve(handler)).wire() as wire:
        await wire.ask(request("/%C3%BC%E2%80%A8x"))
    assert caplog.records[0].getMessage() == "GET /\\xfc\\u2028x failed"


async def test_pages_for_errors(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[tuple[str | None, int]] = []

    def page(asked: Request | None, status: int, detail: str) -> Response:
        seen.append((None if asked is None else asked.path, status))
        if status == 404:
            raise LookupError("no page")
        if status == 405:
            return Response.text("x", headers={"Connection": "upgrade"})
        return Response.html(f"<p>{detail}", headers={"X-Page": "own"})

    router = Router()
    router.add("GET", "/", echo)
    async with await (await serve(router, error_page=page)).wire() as wire:
        assert (await wire.ask(request("/missing"))).text == "There is nothing at this address.\n"
        reply = await wire.ask(request("/", "DELETE"))
        assert (reply.status, reply.headers["allow"], reply.text) == (
            405, "GET, HEAD, OPTIONS", "DELETE is not possible here.\n",
        )  # fmt: skip
        assert [record.levelname for record in caplog.records if record.exc_info] == ["ERROR", "ERROR"]
        reply = await wire.ask(b"nonsense\r\n\r\n")
        assert (reply.status, reply.headers["x-page"]) == (400, "own")
    assert seen == [("/missing", 404), ("/", 405), (None, 400)]


async def test_access_lines(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "nexefax.http")
    router = Router()
    router.add("GET", "/{name}", echo)
    serving = await serve(router, trusted_proxies=[ip_network("127.0.0.1")])
    async with await serving.wire() as wire:
        await wire.ask(request("/a%22%E2%80%A8?secret=1", X_Forwarded_For="203.0.113.5"))
        await wire.ask(request("/a/b"))
        await wire.ask(b"\0")
    (first, second, third) = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert first[0] == "DEBUG"
    assert first[1].startswith('203.0.113.5 GET /a"\\u2028 200 ')
    assert " bytes " in first[1] and first[1].endswith(" ms")
    assert second[0] == "INFO"
    assert second[1].startswith("127.0.0.1 GET /a/b 404 ")
    assert third == (
        "INFO",
        "127.0.0.1 sent no request that can be answered: 400 This is not an HTTP request.",
    )


async def test_absolute_form_and_options_of_the_server(serve: Serve) -> None:
    async def handler(asked: Request) -> Response:
        return Response.text(f"{asked.host} {asked.path}")

    async with await (await serve(handler)).wire() as wire:
        assert (await wire.ask(request("http://other.example:80/x"))).text == "other.example:80 /x"
        assert (await wire.ask(request("*", "OPTIONS"))).text == "fax.example *"


async def test_a_large_answer_arrives_whole(serve: Serve) -> None:
    body = bytes(range(256)) * 40_000

    async def handler(asked: Request) -> Response:
        return Response(200, {}, body)

    async with await (await serve(handler)).wire() as wire:
        for _ in range(2):
            assert (await wire.ask(request())).body == body


async def test_many_connections_at_once(serve: Serve) -> None:
    serving = await serve()

    async def visit(number: int) -> None:
        async with await serving.wire() as wire:
            for turn in range(5):
                reply = await wire.ask(request(f"/{number}/{turn}", "POST", b"x" * number))
                assert json.loads(reply.body)[1:] == [f"/{number}/{turn}", "127.0.0.1", "x" * number, number]

    async with asyncio.TaskGroup() as group:
        for number in range(100):
            group.create_task(visit(number))


async def test_a_handler_that_ignores_the_clients_leaving_ends_with_it(serve: Serve) -> None:
    entered = asyncio.Event()
    left = asyncio.Event()

    async def handler(asked: Request) -> Response:
        entered.set()
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            left.set()
        return Response.text("too late")

    serving = await serve(handler)
    wire = await Wire.open(serving.port)
    await wire.send(request())
    await entered.wait()
    (connection,) = serving.server._connections
    wire.reset()
    await left.wait()
    async with asyncio.timeout(20):
        await asyncio.wait((connection.task,))
    assert connection.task.done()
