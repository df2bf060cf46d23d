"""FastAGI ``test`` sessions per second, 16 at once, beside a bare asyncio streams server in the same dialogue.

Run it as ``python -m tests.bench.fastagi``. Each server is a process of its own; the client is one epoll loop on
plain sockets, so that it is not what is measured. Rounds alternate, and the best of each counts: the machine may
have other things to do. Prints one line a server, and the ratio; ``--aim 0.9`` makes a lower one an error.
"""

from __future__ import annotations

import argparse
import asyncio
import select
import socket
import subprocess
import sys
import time
from pathlib import Path

from nexefax.fastagi.scripts import CallReport
from nexefax.fastagi.server import FastAgiServer
from tests.fastagi.asterisk_side import header

AT_ONCE = 16
HEADER = header("test")
REPLY = b"200 result=1\n"


class NoReports:
    """``test`` reports nothing."""

    async def receive_reported(self, report: CallReport) -> None:
        raise AssertionError

    async def send_reported(self, report: CallReport, status: str, error: str, file: str) -> None:
        raise AssertionError

    async def received_nudged(self, report: CallReport, name: str) -> None:
        raise AssertionError

    async def sent_nudged(self, report: CallReport, fax: int, attempt: int) -> None:
        raise AssertionError


async def bare(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The least that can be written: no names, no caps, no deadlines."""
    await reader.readuntil(b"\n\n")
    writer.write(b'VERBOSE "NexeFax hears you." "1"\n')
    await reader.readline()
    writer.close()


async def serve(kind: str) -> None:
    if kind == "nexefax":
        port = await FastAgiServer(NoReports()).start("127.0.0.1", 0)
    else:
        server = await asyncio.start_server(bare, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
    print(port, flush=True)
    await asyncio.Event().wait()


def _connect(port: int, poll: select.epoll, sockets: dict[int, tuple[socket.socket, bool]]) -> None:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(HEADER)
    sockets[connection.fileno()] = connection, False
    poll.register(connection.fileno(), select.EPOLLIN)


def sessions(port: int, count: int) -> float:
    """Hold ``count`` sessions, AT_ONCE at a time; return sessions per second."""
    poll = select.epoll()
    sockets: dict[int, tuple[socket.socket, bool]] = {}
    started = time.perf_counter()
    for _ in range(AT_ONCE):
        _connect(port, poll, sockets)
    begun = AT_ONCE
    while sockets:
        for handle, _ in poll.poll():
            connection, answered = sockets[handle]
            if not answered:
                if not connection.recv(4096).startswith(b"VERBOSE "):
                    raise SystemExit("a session was broken")
                connection.sendall(REPLY)
                sockets[handle] = connection, True
                continue
            if connection.recv(4096):
                raise SystemExit("a session went on after its end")
            poll.unregister(handle)
            connection.close()
            del sockets[handle]
            if begun < count:
                _connect(port, poll, sockets)
                begun += 1
    return count / (time.perf_counter() - started)


def cpu_seconds(pid: int) -> float:
    """What the process has used, of its own and in the kernel, to the nanosecond (proc(5): schedstat)."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=4000, help="sessions a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--aim", type=float, default=0.0, help="fail below this share of the bare server")
    parser.add_argument("--serve", choices=["nexefax", "bare"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(options.serve))
    kinds = ("bare", "nexefax")
    best = dict.fromkeys(kinds, 0.0)
    children = {
        kind: subprocess.Popen(
            [sys.executable, "-m", "tests.bench.fastagi", "--serve", kind], stdout=subprocess.PIPE
        )
        for kind in kinds
    }
    try:
        ports = {kind: int(child.stdout.readline()) for kind, child in children.items() if child.stdout}
        for kind in kinds:
            sessions(ports[kind], 500)
        used = {kind: -cpu_seconds(child.pid) for kind, child in children.items()}
        for _ in range(options.rounds):
            for kind in kinds:
                best[kind] = max(best[kind], sessions(ports[kind], options.count))
        for kind, child in children.items():
            used[kind] += cpu_seconds(child.pid)
    finally:
        for child in children.values():
            child.kill()
            child.wait()
            if child.stdout:
                child.stdout.close()
    for kind in kinds:
        micro = used[kind] / options.rounds / options.count * 1e6
        print(f"{kind:8} {best[kind]:7.0f} sessions/s, {micro:5.0f} µs of CPU a session")
    ratio = best["nexefax"] / best["bare"]
    print(f"nexefax is at {ratio:.2f} of the bare server")
    return int(ratio < options.aim)


if __name__ == "__main__":
    sys.exit(main())
