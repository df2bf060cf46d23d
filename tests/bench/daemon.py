"""The whole daemon's figures: memory after work, and speed at the page, at FastAGI and while it renders.

    python -m tests.bench.daemon [--aiohttp PYTHON]

Starts NexeFax as an administrator does, with a mail server and a scripted Asterisk; signs in, sends a fax, receives
one, and lets both letters be delivered; then measures. ``--aiohttp`` names an interpreter that has aiohttp, whose
smallest application is measured in the same run, in turns. Needs wrk and Ghostscript. On a busy machine the best
round counts, and CPU seconds are printed beside the speed.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.request import urlopen

from mail_catcher import MailCatcher
from private_nexefax import PrivateNexeFax, free_port
from tests.bench.fastagi import sessions
from tests.bench.memory import Memory, threads
from tests.daemon.conftest import ACME, House, wait_until
from tests.daemon.scripted_asterisk import Answer, CallFile, ScriptedAsterisk, nudge, outcome_line, sent
from web_client import WebClient

NAME = "nexefax-ACME-20261122-200905-12025550100-1700000000.4.tiff"
LONG = 117  # pages
PACE = 0.002  # seconds between two requests while rendering: a person's page, not a flood
AIOHTTP = """
import sys
from aiohttp import web
page = open(sys.argv[2]).read()
async def login(request):
    return web.Response(text=page, content_type="text/html")
app = web.Application()
app.router.add_get("/login", login)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
"""


@contextmanager
def open_house(folder: Path) -> Iterator[House]:
    """Run one installation below ``folder``, whose calls end as ``answers`` says."""
    mail = MailCatcher(folder / "mails")
    nexefax = PrivateNexeFax(
        folder,
        folder / "spool",
        {"ACME": ACME},
        general={"ast_control": str(folder / "spool" / "asterisk.ctl")},
        email={"method": "smtp", "smtp_port": str(mail.port), "from_email": "fax@pbx.example"},
    )
    answers: list[Callable[[CallFile], Answer]] = []
    asterisk = ScriptedAsterisk(nexefax.spool, nexefax.port_fagi, lambda call: answers.pop(0)(call))  # noqa: PLW0108  # popped at each call
    nexefax.write_config()
    nexefax.add_user("ACME", "bob", "secret")
    mail.start()
    asterisk.start()
    nexefax.start()
    try:
        yield House(nexefax, mail, asterisk, answers)
    finally:
        asterisk.stop()
        nexefax.stop()
        mail.stop()


def report_pdf(path: Path, pages: int) -> Path:
    """Write a report: each page a heading and 46 lines of text, as pdfwrite makes it."""
    line = "(The quick brown fox jumps over the lazy dog, and 0123456789 is what it counts in the end.) show"
    program = (
        f"1 1 {pages} {{ /page exch def /Times-Roman findfont 18 scalefont setfont 56 780 moveto (Part ) show"
        " page 9 string cvs show /Helvetica findfont 11 scalefont setfont"
        f" 1 1 46 {{ 56 exch 750 exch 15 mul sub moveto {line} }} for showpage }} for"
    )
    gs("-sPAPERSIZE=a4", "-sDEVICE=pdfwrite", f"-sOutputFile={path}", "-c", program)
    return path


def gs(*arguments: str) -> None:
    subprocess.run(["gs", "-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", *arguments], check=True)


def bare_gs(pdf: Path, tiff: Path) -> tuple[float, float]:
    """Render as Ghostscript alone does: seconds, and seconds of CPU."""
    used, started = _cpu_of_children(), time.perf_counter()
    gs(
        "-sDEVICE=tiffg4",
        "-r204x196",
        "-g1728x2287",
        "-dFIXEDMEDIA",
        "-dPDFFitPage",
        f"-sOutputFile={tiff}",
        str(pdf),
    )
    return time.perf_counter() - started, _cpu_of_children() - used


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def cpu_seconds(pid: int) -> float:
    """Seconds of CPU of all threads of a process, without its children (proc(5): schedstat, in nanoseconds)."""
    return (
        sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir())
        / 1e9
    )


def cpu_of_converters(pid: int) -> float:
    """Seconds of CPU of all children that a process has reaped (proc(5), stat: cutime and cstime)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def pid_of(house: House) -> int:
    assert house.nexefax.process is not None
    return house.nexefax.process.pid


def work(house: House, client: WebClient) -> None:
    """Send a fax, receive one, and wait for both letters."""
    house.answers.append(lambda _call: sent(1))
    house.wait_for_state(client.send("+1 (202) 555-0100", house.pdf(), subject="Results"), "sent")
    received = house.nexefax.folder / "in.tiff"
    bare_gs(house.pdf(), received)
    said = {"account": "ACME", "caller": "12025550100", "status": "SUCCESS", "pages": 1, "rate": 14400}
    house.receive(received.read_bytes(), NAME, outcome_line("received", said))
    nudge(house.nexefax.port_fagi, "received", NAME)
    house.wait_for_mail("New eFax Received")
    house.wait_for_mail("eFax sent to")
    wait_until(lambda: not list((house.nexefax.spool / "tmp").iterdir()))


def memory(house: House, client: WebClient) -> None:
    """Print the daemon's memory before and after work; the aim is for after."""
    print(f"memory, just started:     {Memory.of(pid_of(house))}, {threads(pid_of(house))} threads")
    work(house, client)
    print(
        f"memory, after each once:  {Memory.of(pid_of(house))}, {threads(pid_of(house))} threads (aim 15, 18, 28)"
    )


def wrk(port: int, seconds: int) -> float:
    """Ask for /login over 16 connections; answers a second. Ends the run when one answer was broken."""
    done = subprocess.run(
        ["wrk", "-t1", "-c16", f"-d{seconds}s", "--latency", f"http://127.0.0.1:{port}/login"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    if "Socket errors" in done or "Non-2xx" in done:
        raise SystemExit(f"broken answers:\n{done}")
    found = re.search(r"Requests/sec:\s+([0-9.]+)", done)
    assert found
    return float(found[1])


def page_speed(house: House, aiohttp: str | None, rounds: int, seconds: int) -> None:
    """Print answers a second, and what one costs in CPU, beside aiohttp's."""
    ports, pids = {"nexefax": house.nexefax.port_http}, {"nexefax": pid_of(house)}
    other: subprocess.Popen[bytes] | None = None
    if aiohttp:
        page = house.nexefax.folder / "login.html"
        with urlopen(f"{house.nexefax.url}/login") as answer:
            page.write_bytes(answer.read())
        ports["aiohttp"] = free_port()
        other = subprocess.Popen(
            [aiohttp, "-c", AIOHTTP, str(ports["aiohttp"]), str(page)],
            start_new_session=True,  # as the daemon: Linux shares the CPU out by session (sched(7), autogroup)
        )
        pids["aiohttp"] = other.pid
        wait_until(lambda: _listens(ports["aiohttp"]))
    best, cost = dict.fromkeys(ports, 0.0), dict.fromkeys(ports, float("inf"))
    try:
        for _ in range(rounds):
            for name, port in ports.items():
                used = cpu_seconds(pids[name])
                speed = wrk(port, seconds)
                best[name] = max(best[name], speed)
                cost[name] = min(cost[name], (cpu_seconds(pids[name]) - used) / speed / seconds)
    finally:
        if other is not None:
            other.kill()
            other.wait()
    for name in ports:
        print(
            f"GET /login, 16 connections: {name} {best[name]:6.0f}/s, {cost[name] * 1e6:.0f} µs of CPU each"
        )
    if aiohttp:
        print(
            f"  ratio {best['nexefax'] / best['aiohttp']:.2f}, by CPU {cost['aiohttp'] / cost['nexefax']:.2f} (aim 2)"
        )


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def fastagi_speed(house: House, rounds: int) -> None:
    """Print ``test`` sessions a second of the whole daemon; tests/bench/fastagi.py has the bare server beside it."""
    port, pid, count = house.nexefax.port_fagi, pid_of(house), 4000
    used = cpu_seconds(pid)
    best = max(sessions(port, count) for _ in range(rounds))
    cost = (cpu_seconds(pid) - used) / rounds / count
    print(f"FastAGI test, 16 at once:   nexefax {best:6.0f}/s, {cost * 1e6:.0f} µs of CPU each")


def while_rendering(house: House, client: WebClient, rounds: int) -> None:
    """Print how long the page takes while a long PDF is rendered, and how long that takes beside bare Ghostscript."""
    pdf = report_pdf(house.nexefax.folder / "report.pdf", LONG)
    waits: list[list[float]] = []
    calm: list[list[float]] = []
    ours: list[tuple[float, float]] = []
    bare: list[tuple[float, float]] = []
    for _ in range(rounds):
        bare.append(bare_gs(pdf, house.nexefax.folder / "bare.tiff"))
        calm.append(_page_waits(house, sys.maxsize, 500))
        calls, used = len(house.asterisk.calls), cpu_of_converters(pid_of(house))
        house.answers.append(lambda _call: sent(LONG))
        started = time.perf_counter()
        fax = client.send("2025550100", pdf)
        waits.append(_page_waits(house, calls + 1))
        ours.append((time.perf_counter() - started, cpu_of_converters(pid_of(house)) - used))
        house.wait_for_state(fax, "sent")
    for name, runs in (("nexefax", ours), ("bare gs", bare)):
        print(
            f"{LONG} pages PDF → TIFF: {name} {min(runs)[0]:.2f} s, CPU {min(run[1] for run in runs):.2f} s"
        )
    print(f"  ratio {min(ours)[0] / min(bare)[0]:.2f} (aim 1.1)")
    best = min(waits, key=_p99)
    print(
        f"GET /login, nothing else asked: p99 of all rounds: {', '.join(f'{1000 * _p99(run):.1f}' for run in calm)} ms"
    )
    print(
        f"GET /login meanwhile: p50 {1000 * statistics.median(best):.2f} ms, p99 {1000 * _p99(best):.2f} ms,"
        f" longest {1000 * max(best):.2f} ms of {len(best)} (aim p99 10); p99 of all rounds: "
        + ", ".join(f"{1000 * _p99(run):.1f}" for run in waits)
    )


def _page_waits(house: House, calls: int, most: int = sys.maxsize) -> list[float]:
    """Ask for /login ``most`` times, or until Asterisk has taken so many calls; seconds of each answer."""
    waits: list[float] = []
    connection = HTTPConnection("127.0.0.1", house.nexefax.port_http)
    while len(house.asterisk.calls) < calls and len(waits) < most:
        started = time.perf_counter()
        connection.request("GET", "/login")
        answer = connection.getresponse()
        answer.read()
        waits.append(time.perf_counter() - started)
        assert answer.status == 200
        time.sleep(PACE)
    connection.close()
    return waits


def _p99(waits: list[float]) -> float:
    return statistics.quantiles(waits, n=100)[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--aiohttp", metavar="PYTHON", help="an interpreter that has aiohttp, to compare with"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="of each round of wrk")
    parser.add_argument("--only-memory", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, open_house(Path(folder)) as house:
        client = house.sign_in()
        memory(house, client)
        if options.only_memory:
            return
        page_speed(house, options.aiohttp, options.rounds, options.seconds)
        fastagi_speed(house, options.rounds)
        while_rendering(house, client, options.rounds)
        print(f"memory, after all of it:  {Memory.of(pid_of(house))}, {threads(pid_of(house))} threads")


if __name__ == "__main__":
    main()
