"""The end of a server: what runs may finish, what only waits is closed, what does not end is cut."""

from __future__ import annotations

import asyncio
import errno
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nexefax.httpd import HttpServer, Request, Response
from tests.httpd.client import Wire, request
from tests.httpd.conftest import Serve, echo


async def test_running_requests_finish(serve: Serve) -> None:
    entered = asyncio.Event()
    release = asyncio.Event()

    async def handler(asked: Request) -> Response:
        entered.set()
        await release.wait()
        return Response.text("done")

    serving = await serve(handler)
    async with await serving.wire() as busy, await serving.wire() as idle:
        await busy.send(request() + request("/never"))
        await entered.wait()
        closing = asyncio.ensure_future(serving.server.close(20))
        assert await idle.closed()
        with pytest.raises(ConnectionRefusedError):
            await Wire.open(serving.port)
        assert not closing.done()
        release.set()
        reply = await busy.reply()
        assert (reply.text, reply.headers["connection"]) == ("done", "close")
        busy.end()
        assert await busy.closed()
        await closing


async def test_what_does_not_finish_is_cancelled(serve: Serve) -> None:
    entered = asyncio.Event()
    cancelled = asyncio.Event()

    async def handler(asked: Request) -> Response:
        entered.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            cancelled.set()
        raise AssertionError

    serving = await serve(handler)
    async with await serving.wire() as wire:
        await wire.send(request())
        await entered.wait()
        await serving.server.close(0.01)
        assert cancelled.is_set()
        assert await wire.closed()


async def test_events_do_not_use_up_the_grace(serve: Serve) -> None:
    begun = asyncio.Event()

    async def events() -> AsyncIterator[bytes]:
        begun.set()
        await asyncio.get_running_loop().create_future()
        yield b""

    async def handler(asked: Request) -> Response:
        return Response.events(events())

    serving = await serve(handler)
    async with await serving.wire() as wire:
        await wire.send(request())
        await begun.wait()
        async with asyncio.timeout(20):
            await serving.server.close(1000)
        assert b"200 OK" in await wire.rest()


async def test_events_that_would_begin_while_closing(serve: Serve) -> None:
    entered = asyncio.Event()
    release = asyncio.Event()

    async def events() -> AsyncIterator[bytes]:
        await asyncio.get_running_loop().create_future()
        yield b""

    async def handler(asked: Request) -> Response:
        entered.set()
        await release.wait()
        return Response.events(events())

    serving = await serve(handler)
    async with await serving.wire() as wire:
        await wire.send(request())
        await entered.wait()
        closing = asyncio.ensure_future(serving.server.close(1000))
        await asyncio.sleep(0)
        release.set()
        async with asyncio.timeout(20):
            await closing


async def test_half_a_request_may_become_whole(serve: Serve) -> None:
    serving = await serve()
    async with await serving.wire() as wire:
        await wire.send(request()[:10])
        (connection,) = serving.server._connections
        while not connection.parser.buffered:
            await asyncio.sleep(0)
        closing = asyncio.ensure_future(serving.server.close(20))
        await asyncio.sleep(0)
        reply = await wire.ask(request()[10:])
        assert (reply.status, reply.headers["connection"]) == (200, "close")
        await closing


async def test_who_is_only_read_over_is_not_waited_for(serve: Serve) -> None:
    serving = await serve()
    async with await serving.wire() as wire:
        assert (await wire.ask(b"\0")).status == 400
        async with asyncio.timeout(20):
            await serving.server.close(1000)


async def test_a_handler_that_will_not_end_does_not_hold_up_the_close(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nexefax.httpd.server._TIDY_UP", 0.01)
    entered = asyncio.Event()
    release = asyncio.Event()

    async def handler(asked: Request) -> Response:
        entered.set()
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        return Response.text("x")

    serving = await serve(handler)
    async with await serving.wire() as wire:
        await wire.send(request())
        await entered.wait()
        (connection,) = serving.server._connections
        await serving.server.close(0)
        assert await wire.closed()
        release.set()
        await asyncio.wait((connection.task,))


async def test_closing_twice_and_unstarted(serve: Serve) -> None:
    serving = await serve()
    await serving.server.close(0)
    await serving.server.close(0)
    await HttpServer(echo).close(0)


async def test_an_address_that_is_taken(serve: Serve) -> None:
    serving = await serve()
    with pytest.raises(OSError, match="address already in use"):
        await HttpServer(echo).start("127.0.0.1", serving.port)


async def test_all_addresses(serve: Serve) -> None:
    server = HttpServer(echo)
    ports = {await server.start("", 0)}
    (listener,) = server._listeners
    assert ports <= {each.getsockname()[1] for each in listener.sockets}
    (port,) = (each.getsockname()[1] for each in listener.sockets if each.family == socket.AF_INET)
    async with await Wire.open(port) as wire:
        assert (await wire.ask(request())).status == 200
    await server.close(0)


async def test_a_mistake_of_ours_is_in_the_log(
    serve: Serve, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving = await serve()
    monkeypatch.setattr("nexefax.httpd.connection.Request", None)
    async with await serving.wire() as wire:
        await wire.send(request())
        assert await wire.closed()
    assert "by a mistake of ours" in caplog.text


# -- the Unix socket ---------------------------------------------------------------------------------------


async def ask_unix(path: Path, **headers: str) -> str:
    async with Wire(*await asyncio.open_unix_connection(path)) as wire:
        return (await wire.ask(request(**headers))).text


@pytest.mark.parametrize("mode", [0o600, 0o666])
async def test_a_unix_socket(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "control.sock"
    server = HttpServer(echo)
    await server.start_unix(path, mode)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert stat.S_ISSOCK(path.stat().st_mode)
    assert '"unix"' in await ask_unix(path)
    assert '"1.2.3.4"' in await ask_unix(path, X_Forwarded_For="1.2.3.4")
    await server.close(1)
    assert list(tmp_path.iterdir()) == []


async def test_a_socket_left_by_a_killed_process_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    server = HttpServer(echo)
    await server.start_unix(path)
    assert '"unix"' in await ask_unix(path)
    await server.close(1)


async def test_a_socket_that_somebody_listens_on_is_not(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    server = HttpServer(echo)
    await server.start_unix(path)
    with pytest.raises(OSError) as caught:
        await HttpServer(echo).start_unix(path)
    assert caught.value.errno == errno.EADDRINUSE
    assert '"unix"' in await ask_unix(path)
    await server.close(1)


async def test_a_socket_that_can_not_be(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        await HttpServer(echo).start_unix(tmp_path / "missing" / "control.sock")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        await HttpServer(echo).start_unix(tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
