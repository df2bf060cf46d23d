"""The FastAGI server over real sockets: well-behaved peers, and all the others."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine

import pytest

from nexefax.errors import JournalError
from nexefax.fastagi.server import FastAgiLimits, FastAgiServer, Network
from tests.fastagi.asterisk_side import AsteriskSide, answers, header
from tests.fastagi.recorder import Recorder

NEVER = 3600.0  # a deadline that no test reaches
PATIENT = FastAgiLimits(header_seconds=NEVER, command_seconds=NEVER, session_seconds=NEVER)

Start = Callable[..., Awaitable[tuple[FastAgiServer, int]]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    servers: list[FastAgiServer] = []

    async def start_server(
        recorder: Recorder, limits: FastAgiLimits = PATIENT, **options: tuple[Network, ...]
    ) -> tuple[FastAgiServer, int]:
        server = FastAgiServer(recorder, limits=limits, **options)
        servers.append(server)
        return server, await server.start("127.0.0.1", 0)

    yield start_server
    for server in servers:
        await server.close(0)
        assert not server.sessions


async def test_a_session_from_header_to_close(start: Start) -> None:
    recorder = Recorder()
    _, port = await start(recorder)
    peer = await AsteriskSide.connect(port)
    commands = await peer.run(
        header("send/post", "FAILED", "busy", "/t.tiff"), answers({"FAXERROR": "a%2C%20b", "FAXPAGES": "2"})
    )
    assert [words[0] for words in commands] == [b"GET"]
    assert recorder.calls == [("send/post", "FAILED", "busy", "/t.tiff")]
    assert recorder.reports[0].variables == {"FAXERROR": "a, b", "FAXPAGES": "2"}


async def test_a_session_byte_by_byte_with_a_hangup_in_it(start: Start) -> None:
    recorder = Recorder()
    _, port = await start(recorder)
    peer = await AsteriskSide.connect(port)
    for byte in header("received", "nexefax-A-20261122-200900--1.tiff"):
        peer.writer.write(bytes((byte,)))
        await peer.writer.drain()
        await asyncio.sleep(0)
    assert (await peer.reader.readline()).startswith(b"GET FULL VARIABLE")
    for byte in b"HANGUP\n200 result=1 (FAXSTATUS=SUCCESS)\n":
        peer.writer.write(bytes((byte,)))
        await asyncio.sleep(0)
    assert await peer.closed()
    assert recorder.calls == [("received", "nexefax-A-20261122-200900--1.tiff")]
    assert recorder.reports[0].variables == {"FAXSTATUS": "SUCCESS"}


async def test_sixteen_at_once(start: Start) -> None:
    recorder = Recorder()
    _, port = await start(recorder)

    async def one(number: int) -> None:
        peer = await AsteriskSide.connect(port)
        await peer.run(header("sent", str(number), "1"))

    async with asyncio.TaskGroup() as group:
        for number in range(16):
            group.create_task(one(number))
    assert sorted(recorder.calls, key=str) == sorted([("sent", n, 1) for n in range(16)], key=str)


async def test_the_answer_comes_only_after_the_report_was_taken(start: Start) -> None:
    recorder = Recorder(release=asyncio.Event())
    _, port = await start(recorder)
    peer = await AsteriskSide.connect(port)
    async with asyncio.TaskGroup() as group:
        session = group.create_task(peer.run(header("receive")))
        await recorder.started.wait()
        assert not session.done()
        assert recorder.release is not None
        recorder.release.set()
    assert recorder.calls == [("receive",)]


async def test_a_report_goes_on_when_asterisk_leaves(start: Start) -> None:
    recorder = Recorder(release=asyncio.Event())
    server, port = await start(recorder)
    peer = await AsteriskSide.connect(port)
    peer.writer.write(header("receive"))
    await peer.reader.readline()
    peer.writer.write(b"200 result=1 ()\n")
    await recorder.started.wait()
    peer.writer.close()
    await peer.writer.wait_closed()
    await asyncio.sleep(0)
    assert recorder.release is not None
    recorder.release.set()
    await server.close(NEVER)
    assert recorder.calls == [("receive",)]


async def test_who_is_not_allowed_hears_nothing(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder()
    _, port = await start(recorder, allow=(ipaddress.ip_network("192.0.2.0/24"),))
    peer = await AsteriskSide.connect(port)
    assert await peer.closed()
    assert "fagi_allow" in caplog.text


@pytest.mark.parametrize(
    ("networks", "address", "admitted"),
    [
        ((), "127.0.0.1", False),
        (("127.0.0.0/8", "::1/128"), "127.0.0.1", True),
        (("127.0.0.0/8", "::1/128"), "::1", True),
        (("127.0.0.0/8", "::1/128"), "::ffff:127.0.0.1", True),
        (("127.0.0.0/8", "::1/128"), "::ffff:192.0.2.1", False),
        (("127.0.0.0/8", "::1/128"), "192.0.2.1", False),
        (("192.0.2.0/24",), "192.0.2.200", True),
        (("fe80::/10",), "fe80::1%eth0", True),
        (("0.0.0.0/0",), "2001:db8::1", False),
    ],
)
async def test_networks(networks: tuple[str, ...], address: str, admitted: bool) -> None:
    server = FastAgiServer(Recorder(), allow=[ipaddress.ip_network(text) for text in networks])
    assert server.admits(address) is admitted


async def test_no_more_sessions_than_the_limit(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder(release=asyncio.Event())
    _, port = await start(recorder, FastAgiLimits(sessions=1, session_seconds=NEVER))
    first = await AsteriskSide.connect(port)
    async with asyncio.TaskGroup() as group:
        group.create_task(first.run(header("receive")))
        await recorder.started.wait()
        assert await (await AsteriskSide.connect(port)).closed()
        assert "sent away" in caplog.text
        assert recorder.release is not None
        recorder.release.set()
    await (await AsteriskSide.connect(port)).run(header("receive"))
    assert recorder.calls == [("receive",), ("receive",)]


async def test_half_a_header_is_not_waited_for(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    _, port = await start(Recorder(), FastAgiLimits(header_seconds=0, clock_seconds=0.01))
    peer = await AsteriskSide.connect(port)
    peer.writer.write(header()[:-1])
    assert await peer.closed()
    assert "header was not complete" in caplog.text


async def test_a_peer_that_stalls_before_its_answer(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder()
    _, port = await start(recorder, FastAgiLimits(command_seconds=0, clock_seconds=0.01))
    peer = await AsteriskSide.connect(port)
    peer.writer.write(header("receive"))
    assert (await peer.reader.readline()).startswith(b"GET")
    assert await peer.closed()
    assert recorder.calls == []
    assert "did not answer a command in time" in caplog.text


async def test_a_session_has_a_deadline(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder(release=asyncio.Event())
    server, port = await start(recorder, FastAgiLimits(session_seconds=0, clock_seconds=0.01))
    peer = await AsteriskSide.connect(port)
    with caplog.at_level(logging.ERROR, "nexefax.fastagi"):
        assert await peer_hears_nothing_more(peer)
        await server.close(NEVER)
    assert recorder.cancelled or not recorder.started.is_set()
    assert "took too long" in caplog.text


async def peer_hears_nothing_more(peer: AsteriskSide) -> bool:
    with contextlib.suppress(ConnectionError):
        await peer.run(header("receive"))
    return True


@pytest.mark.parametrize(
    "junk",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\0" * 100,
        b"agi_x: " + b"A" * 3_000_000,
        header() + b"200 result=1\n",
    ],
    ids=["http", "NULs", "megabytes", "an answer to nothing"],
)
async def test_junk_closes_the_connection(
    junk: bytes, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = Recorder()
    _, port = await start(recorder)
    peer = await AsteriskSide.connect(port)
    peer.writer.write(junk)
    assert await peer.closed()
    assert recorder.calls == []
    await (await AsteriskSide.connect(port)).run(header("receive"))
    assert recorder.calls == [("receive",)]


async def test_a_peer_that_leaves_in_the_middle(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder()
    server, port = await start(recorder)
    with caplog.at_level(logging.DEBUG, "nexefax.fastagi"):
        peer = await AsteriskSide.connect(port)
        peer.writer.write(b"agi_network: yes\n")
        peer.writer.close()
        await peer.writer.wait_closed()
        peer = await AsteriskSide.connect(port)
        peer.writer.write(header("receive"))
        await peer.reader.readline()
        peer.writer.close()
        await peer.writer.wait_closed()
        while server.sessions:
            await asyncio.sleep(0)
    assert recorder.calls == []
    assert "in the middle of the header" in caplog.text
    assert "ended early: Asterisk closed the connection" in caplog.text


async def test_a_script_that_fails_is_logged_and_ends_the_call(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = Recorder(failure=JournalError("The journal is full."))
    _, port = await start(recorder)
    await (await AsteriskSide.connect(port)).run(header("receive"))
    assert "The journal is full." in caplog.text
    recorder.failure = None
    await (await AsteriskSide.connect(port)).run(header("receive"))
    assert recorder.calls == [("receive",)]


async def test_closing_lets_scripts_finish_and_drops_who_says_nothing(start: Start) -> None:
    recorder = Recorder(release=asyncio.Event())
    server, port = await start(recorder)
    silent = await AsteriskSide.connect(port)
    silent.writer.write(b"agi_network: yes\n")
    peer = await AsteriskSide.connect(port)
    async with asyncio.TaskGroup() as group:
        group.create_task(peer.run(header("receive")))
        await recorder.started.wait()
        closing = group.create_task(server.close(NEVER))
        assert await silent.closed()
        with pytest.raises(OSError, match=r"."):
            await AsteriskSide.connect(port)
        assert not closing.done()
        assert recorder.release is not None
        recorder.release.set()
    assert recorder.calls == [("receive",)]


async def test_closing_cuts_what_does_not_end(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder(release=asyncio.Event())
    server, port = await start(recorder)
    peer = await AsteriskSide.connect(port)
    async with asyncio.TaskGroup() as group:
        group.create_task(peer_hears_nothing_more(peer))
        await recorder.started.wait()
        await server.close(0.01)
    assert recorder.cancelled
    assert not server.sessions
    assert "NexeFax stops" in caplog.text


async def test_a_session_that_is_cut_before_its_first_step_leaves_nothing(start: Start) -> None:
    recorder = Recorder()
    server, port = await start(recorder)
    begun = asyncio.Event()
    create_task = server.tasks.create_task

    def create_and_cut(script: Coroutine[None, None, None], *, name: str) -> asyncio.Task[None]:
        begun.set()
        task = create_task(script, name=name)
        asyncio.get_running_loop().call_soon(server._cut)
        task.cancel()
        return task

    server.tasks.create_task = create_and_cut  # type: ignore[assignment,method-assign]  # the only way to be in between
    peer = await AsteriskSide.connect(port)
    peer.writer.write(header("receive"))
    await begun.wait()
    assert await peer.closed()
    while server.sessions:
        await asyncio.sleep(0)
    assert recorder.calls == []


async def test_a_connection_accepted_while_closing_is_dropped(start: Start) -> None:
    server, port = await start(Recorder())
    server.closing = True  # as when close() runs between accept and connection_made
    peer = await AsteriskSide.connect(port)
    peer.writer.write(header())
    assert await peer.closed()
    assert not server.sessions
