"""``GET`` of a small page per second over 16 kept connections, beside aiohttp and a bare httptools Protocol.

Run it as ``python -m tests.bench.http``. Each server is a process of its own, and sends the same page with the same
headers. ``wrk`` asks where it is installed, else one epoll loop of our own (which then measures itself, too). Rounds
alternate, and the best of each counts: the machine may have other things to do. aiohttp is no dependency: name a
Python that has it with ``--aiohttp``. Prints one line a server with requests/s, latency at p99 and the server's CPU
time per request; ``--aim 2`` makes less than twice aiohttp an error.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import os
import re
import select
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONNECTIONS = 16
PAGE = b"<!doctype html><title>NexeFax</title>" + b"x" * 1463
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
REQUEST = b"GET /login HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Figure:
    """One round: requests per second, seconds at p99, the server's CPU seconds per request."""

    rate: float
    p99: float
    cpu: float


# -- the servers -------------------------------------------------------------------------------------------


async def serve_nexefax() -> int:
    from nexefax.httpd import Headers, HttpServer, Request, Response, Router

    fixed = Headers(HEADERS)

    async def login(_request: Request) -> Response:
        response = Response.html(PAGE)
        response.headers.set_defaults(fixed)
        return response

    router = Router()
    router.add("GET", "/login", login)
    return await HttpServer(router).start("127.0.0.1", 0)


async def serve_aiohttp() -> int:
    from aiohttp import web  # type: ignore[import-not-found]  # in another environment, if at all

    async def login(_request: object) -> object:
        return web.Response(body=PAGE, content_type="text/html", charset="utf-8", headers=HEADERS)

    app = web.Application()
    app.router.add_get("/login", login)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port: int = runner.addresses[0][1]
    return port


async def serve_bare() -> int:
    """The least that can be written: no checks, no caps, no deadlines."""
    from httptools import HttpRequestParser

    lines = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
    answer = f"HTTP/1.1 200 OK\r\n{lines}Content-Length: {len(PAGE)}\r\n\r\n".encode() + PAGE

    class Bare(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport
            self.parser = HttpRequestParser(self)

        def data_received(self, data: bytes) -> None:
            self.parser.feed_data(data)

        def on_message_complete(self) -> None:
            self.transport.write(answer)  # type: ignore[attr-defined]  # a Transport

    server = await asyncio.get_running_loop().create_server(Bare, "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    return port


async def serve(kind: str) -> None:
    servers = {"nexefax": serve_nexefax, "aiohttp": serve_aiohttp, "bare": serve_bare}
    print(await servers[kind](), flush=True)
    await asyncio.Event().wait()


# -- the clients -------------------------------------------------------------------------------------------


def ask_by_wrk(wrk: str, port: int, seconds: float) -> tuple[int, float, float]:
    """Requests, the time they took and the latency at p99."""
    command = [
        wrk,
        "-t1",
        f"-c{CONNECTIONS}",
        f"-d{seconds:.0f}s",
        "--latency",
        f"http://127.0.0.1:{port}/login",
    ]
    said = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(f"wrk met errors:\n{said}")
    done = re.search(r"(\d+) requests in ([\d.]+)s", said)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", said)
    if done is None or p99 is None:
        raise SystemExit(f"wrk said something new:\n{said}")
    unit = {"us": 1e-6, "ms": 1e-3, "s": 1.0}[p99[2]]
    return int(done[1]), float(done[2]), float(p99[1]) * unit


def ask_by_ourselves(port: int, seconds: float) -> tuple[int, float, float]:
    """The same, by one epoll loop."""
    poll = select.epoll()
    sockets: dict[int, socket.socket] = {}
    since: dict[int, float] = {}
    for _ in range(CONNECTIONS):
        line = socket.create_connection(("127.0.0.1", port))
        sockets[line.fileno()] = line
        poll.register(line, select.EPOLLIN)
        since[line.fileno()] = time.perf_counter()
        line.sendall(REQUEST)
    begun = time.perf_counter()
    taken = []
    while (now := time.perf_counter()) < begun + seconds:
        for number, _ in poll.poll(1):
            answer = sockets[number].recv(65536)
            if not answer.startswith(b"HTTP/1.1 200"):
                raise SystemExit(f"The server answered {answer[:200]!r}")
            taken.append(time.perf_counter() - since[number])
            since[number] = time.perf_counter()
            sockets[number].send(REQUEST)
    for line in sockets.values():
        line.close()
    return len(taken), now - begun, sorted(taken)[len(taken) * 99 // 100]


def cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(process: subprocess.Popen[str], port: int, wrk: str | None, seconds: float) -> Figure:
    before = cpu_seconds(process.pid)
    done, took, p99 = ask_by_wrk(wrk, port, seconds) if wrk else ask_by_ourselves(port, seconds)
    return Figure(done / took, p99, (cpu_seconds(process.pid) - before) / done)


# -- the comparison ----------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=3, help="of each round (3)")
    parser.add_argument("--rounds", type=int, default=3, help="of each server (3)")
    parser.add_argument("--aiohttp", metavar="PYTHON", help="a Python that has aiohttp")
    parser.add_argument("--aim", type=float, default=0, help="how many times aiohttp it must be")
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(options.serve))
        return
    pythons = {"nexefax": sys.executable, "bare": sys.executable}
    if options.aiohttp or importlib.util.find_spec("aiohttp"):
        pythons["aiohttp"] = options.aiohttp or sys.executable
    elif options.aim:
        raise SystemExit("There is no aiohttp to compare with: name a Python that has it with --aiohttp.")
    wrk = shutil.which("wrk")
    running: dict[str, tuple[subprocess.Popen[str], int]] = {}
    best: dict[str, Figure] = {}
    try:
        for kind, python in pythons.items():
            # As a module: run as a file, this one would stand in for the standard library's http.
            command = [python, "-m", "tests.bench.http", "--serve", kind]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
            running[kind] = process, 0
            running[kind] = process, int((process.stdout or sys.stdin).readline())
        for _ in range(options.rounds):
            for kind, (process, port) in running.items():
                figure = measure(process, port, wrk, options.seconds)
                best[kind] = max(figure, best.get(kind, figure), key=lambda each: each.rate)
    finally:
        for process, _ in running.values():
            process.terminate()
            process.communicate()
    print(f"GET of {len(PAGE)} bytes, {CONNECTIONS} connections, asked by {wrk or 'ourselves'}")
    for kind, figure in best.items():
        print(
            f"{kind:>8} {figure.rate:9,.0f} requests/s   p99 {figure.p99 * 1000:6.2f} ms"
            f"   {figure.cpu * 1e6:6.1f} µs of CPU each"
        )
    if "aiohttp" in best:
        ratio = best["nexefax"].rate / best["aiohttp"].rate
        print(f"{ratio:.2f} times aiohttp")
        if ratio < options.aim:
            raise SystemExit(f"Less than {options.aim} times aiohttp.")


if __name__ == "__main__":
    main()
