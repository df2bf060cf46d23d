"""Ports for a private Asterisk that no other one on this machine has."""

from __future__ import annotations

import os
import socket

#: Ports are taken in blocks: one for SIP, the rest split between RTP and UDPTL. Eight faxes at once need 32.
_BLOCK = 400
#: Below Linux's usual ephemeral range (32768 and up), so that no client's socket sits in a block.
_FIRST_BLOCK, _LAST_BLOCK = 20_000, 32_000


class NoPortsError(RuntimeError):
    """All blocks are taken; the sentence names the command that shows by whom."""


class PortBlock:
    """A run of loopback ports that no other private Asterisk on this machine uses.

    A TCP socket bound to the block's first port is the lock: it works between users and ends with the process.
    """

    def __init__(self) -> None:
        start = (os.getpid() * 7) % ((_LAST_BLOCK - _FIRST_BLOCK) // _BLOCK)
        count = (_LAST_BLOCK - _FIRST_BLOCK) // _BLOCK
        for step in range(count):
            first = _FIRST_BLOCK + (start + step) % count * _BLOCK
            lock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                lock.bind(("127.0.0.1", first))
                lock.listen(1)
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                    probe.bind(("127.0.0.1", first))
            except OSError:
                lock.close()
                continue
            self._lock = lock
            self.sip = first
            self.rtp = (first + 2, first + _BLOCK // 2 - 1)
            self.udptl = (first + _BLOCK // 2, first + _BLOCK - 1)
            return
        raise NoPortsError(
            f"No block of free ports between {_FIRST_BLOCK} and {_LAST_BLOCK} on 127.0.0.1. Which programs hold them "
            "is shown by `ss -ltnup`."
        )

    def close(self) -> None:
        """Give the block back."""
        self._lock.close()
