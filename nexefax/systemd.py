"""Words to systemd: ready, reloading, stopping, and the watchdog (sd_notify(3)); silent where there is none."""

from __future__ import annotations

import os
import socket
import time


def notify(state: str) -> bool:
    """Send ``state`` (``READY=1``, ``WATCHDOG=1``) to the socket that systemd gave; False when there is none."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]  # an abstract socket
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as peer:
        try:
            peer.connect(address)
            peer.sendall(state.encode())
        except OSError:
            return False
    return True


def notify_reloading() -> bool:
    """Say that the configuration is read again; ``READY=1`` follows when it is done."""
    return notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1_000}")


def watchdog_seconds() -> float | None:
    """Return how often ``WATCHDOG=1`` must come, in seconds, or None when nobody waits for it."""
    usec, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    if not usec.isdigit() or (pid and pid != str(os.getpid())):
        return None
    return int(usec) / 1_000_000
