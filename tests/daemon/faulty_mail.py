"""A mail server that takes a mail and then misbehaves, as long as it is there."""

from __future__ import annotations

import socket
import threading
from email.parser import BytesParser
from email.policy import default


class FaultyMailServer:
    """Listens on ``port`` of loopback from making it until :meth:`stop`.

    At the end of each mail it answers with the line ``at_end``; with "" it closes the connection, with None it says
    nothing until it is stopped. ``message_ids`` has the mails that it read to their end.
    """

    def __init__(self, port: int, at_end: str | None) -> None:
        self.message_ids: list[str] = []
        self._at_end = at_end
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", port))
        self._listener.settimeout(0.1)
        self._threads = [threading.Thread(target=self._serve, name="faulty mail server")]
        self._threads[0].start()

    def stop(self) -> None:
        """End every connection and stop listening."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        with self._listener:
            while not self._over.is_set():
                try:
                    peer, _address = self._listener.accept()
                except TimeoutError:
                    continue
                thread = threading.Thread(target=self._talk, args=(peer,), name="faulty mail connection")
                thread.start()
                self._threads.append(thread)

    def _talk(self, peer: socket.socket) -> None:
        with peer, peer.makefile("rwb", buffering=0) as lines:
            lines.write(b"220 faulty.test\r\n")
            while command := lines.readline():
                if command[:4].upper() != b"DATA":
                    lines.write(b"250 OK\r\n")
                    continue
                lines.write(b"354 go on\r\n")
                content = b"".join(iter(lines.readline, b".\r\n"))
                self.message_ids.append(str(BytesParser(policy=default).parsebytes(content)["Message-ID"]))
                if self._at_end is None:
                    self._over.wait(60)
                if not self._at_end:
                    return
                lines.write(f"{self._at_end}\r\n".encode())
