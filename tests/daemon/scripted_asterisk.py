"""A stand-in for Asterisk that does what is written for it, where a fault must be forced or time is short.

It treats the spool as pbx_spool.c does (takes a call file, sets its time ahead, moves it to outgoing_done/ with a
Status) and leaves what our dialplan leaves. The real one is in tests/asterisk/.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode


@dataclass
class CallFile:
    """A call file as it was read."""

    path: Path
    keys: dict[str, str]
    variables: dict[str, str]

    @property
    def stem(self) -> Path:
        return Path(self.variables["NEXEFAX_STEM"])


@dataclass
class Answer:
    """What a call comes to. ``outcome`` None leaves no report; ``kind`` failed is a call that nobody answered."""

    outcome: dict[str, object] | None
    kind: str = "sent"
    status: str = "Completed"
    nudge: bool = True
    started: bool = True
    hold: threading.Event | None = None


def sent(pages: int, **more: object) -> Answer:
    return Answer({"status": "SUCCESS", "pages": pages, "rate": 14400, "station": "+1 202 555 0100"} | more)


def unanswered(reason: int, cause: int = 0) -> Answer:
    return Answer({"reason": reason, "cause": cause}, kind="failed", status="Failed", started=False)


def read_call_file(path: Path) -> CallFile:
    keys, variables = {}, {}
    for line in path.read_text().splitlines():
        key, _, value = line.partition(":")
        value = value.strip()
        if key == "Setvar":
            name, _, content = value.partition("=")
            variables[name] = content
        else:
            keys[key] = value
    return CallFile(path, keys, variables)


@dataclass
class ScriptedAsterisk:
    """Takes call files from ``spool`` and answers each as ``behave`` says, in a thread of its own."""

    spool: Path
    port_fagi: int
    behave: Callable[[CallFile], Answer]
    calls: list[CallFile] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._control = self.spool / "asterisk.ctl"

    def start(self) -> None:
        self._stop.clear()
        self._control.touch()
        thread = threading.Thread(target=self._run, name="scripted-asterisk")
        thread.start()
        self._threads.append(thread)

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def _run(self) -> None:
        while not self._stop.wait(0.02):
            for path in sorted((self.spool / "outgoing").iterdir()):
                with suppress(FileNotFoundError):  # withdrawn meanwhile
                    if path.stat().st_mtime <= time.time():
                        self._dial(path)

    def _dial(self, path: Path) -> None:
        call = read_call_file(path)
        now = time.time()
        with path.open("r+") as file:  # safe_append() makes no new file of one that was withdrawn
            file.seek(0, os.SEEK_END)
            file.write(f"StartRetry: 1 1 ({int(now)})\n")
        os.utime(path, (now, now + int(call.keys["RetryTime"])))
        self.calls.append(call)
        answer = self.behave(call)
        thread = threading.Thread(target=self._talk, args=(call, answer))
        thread.start()
        self._threads.append(thread)

    def _talk(self, call: CallFile, answer: Answer) -> None:
        if answer.started:
            write(call.stem, ".started", "PJSIP/trunk-00000001")
        if answer.hold is not None:
            answer.hold.wait(30)
        if self._stop.is_set():
            return
        if answer.outcome is not None:
            write(call.stem, ".outcome", outcome_line(answer.kind, answer.outcome))
            if answer.nudge:
                nudge(
                    self.port_fagi, "sent", call.variables["NEXEFAX_FAX"], call.variables["NEXEFAX_ATTEMPT"]
                )
        done = self.spool / "outgoing_done" / call.path.name
        with suppress(FileNotFoundError):  # withdrawn meanwhile
            call.path.rename(done)
            with done.open("a") as file:
                file.write(f"\nStatus: {answer.status}\n")


def outcome_line(kind: str, values: Mapping[str, object]) -> str:
    return urlencode([("v", 1), ("kind", kind), *values.items(), ("ended", int(time.time())), ("end", 1)])


def write(stem: Path, suffix: str, text: str) -> None:
    """Leave a file beside the attempt's TIFF; on a full disk FILE() of func_env.c leaves nothing and goes on."""
    with suppress(OSError):
        (stem.parent / f"{stem.name}{suffix}").write_text(text)


def nudge(port: int, script: str, *arguments: str, **environment: str) -> bytes:
    """Call a FastAGI script as Asterisk does, answer whatever it asks, and return all that it said."""
    said = b""
    head = {
        "request": f"agi://127.0.0.1/{script}",
        "network_script": script,
        "uniqueid": "1700000000.1",
    } | environment
    lines = [f"agi_{key}: {value}" for key, value in head.items()]
    lines += [f"agi_arg_{number}: {value}" for number, value in enumerate(arguments, 1)]
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
            peer.sendall(("agi_network: yes\n" + "\n".join(lines) + "\n\n").encode())
            while received := peer.recv(4096):
                said += received
                peer.sendall(b"200 result=0\n" * received.count(b"\n"))
    except OSError:
        pass  # a daemon that is down: AGI() only warns and goes on
    return said
