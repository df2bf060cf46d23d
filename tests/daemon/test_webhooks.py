"""Webhooks of the whole daemon: told what happens, and told again after a kill in the middle of a call."""

from __future__ import annotations

import hashlib
import hmac
import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.daemon.conftest import ACME, WAIT, House, open_house
from tests.daemon.scripted_asterisk import sent, unanswered

SECRET = "as long as it is random"


@dataclass
class Receiver:
    """Another's program: keeps what it is told, once its signature is right, and answers when it may."""

    url: str
    told: queue.Queue[tuple[str, dict[str, Any]]] = field(default_factory=queue.Queue)
    may_answer: threading.Event = field(default_factory=threading.Event)

    def next(self) -> tuple[str, dict[str, Any]]:
        return self.told.get(timeout=WAIT)


@contextmanager
def open_receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            stamp, _, signed = self.headers["NexeFax-Signature"].removeprefix("t=").partition(",v1=")
            made = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
            if hmac.compare_digest(made, signed):
                receiver.told.put((self.headers["NexeFax-Delivery"], json.loads(body)))
            receiver.may_answer.wait(WAIT)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}/faxes")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.may_answer.set()
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def open_told_house(folder: Path, receiver: Receiver) -> Iterator[House]:
    hook = {"webhook_url": receiver.url, "webhook_secret": SECRET}
    with open_house(folder, {"ACME": ACME | hook}, general={"tx_max_retries": "0"}) as house:
        yield house


def test_what_becomes_of_faxes_is_told(tmp_path: Path) -> None:
    with open_receiver() as receiver, open_told_house(tmp_path, receiver) as house:
        receiver.may_answer.set()
        house.answers += [lambda _call: sent(1), lambda _call: unanswered(5)]
        for state in ("sent", "failed"):
            fax_id = house.sign_in().send("2025550100", house.pdf())
            _, said = receiver.next()
            assert (said["event"], said["fax"]["id"], said["fax"]["state"]) == (f"fax.{state}", fax_id, state)
            assert said["fax"]["user"] == "bob"


def test_a_kill_in_the_middle_of_a_call_tells_it_again_under_the_same_name(tmp_path: Path) -> None:
    with open_receiver() as receiver, open_told_house(tmp_path, receiver) as house:
        house.answers.append(lambda _call: sent(1))
        house.sign_in().send("2025550100", house.pdf())
        before = receiver.next()
        house.nexefax.kill()
        receiver.may_answer.set()
        house.nexefax.start()
        assert receiver.next() == before
