"""A NexeFax of one's own: private folders, loopback only, for the demo and the tests."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

READY_SECONDS = 30.0
STOP_SECONDS = 20.0
_READY = re.compile(rb"is ready: FastAGI on \S+:(\d+), web page on \S+:(\d+)")


def free_port() -> int:
    """Return a TCP port of loopback that nobody uses now; it stays the same over restarts of who takes it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class PrivateNexeFax:
    """NexeFax in ``folder``, with Asterisk's spool in ``spool`` (``outgoing/``, ``outgoing_done/``, ``tmp/``).

    ``general``, ``server`` and ``email`` are options added to (or replacing) the private ones; ``accounts`` maps an
    account's id to its options; ``environment`` is added to the daemon's. Users are added with
    :meth:`add_user` before or after :meth:`start`.
    """

    folder: Path
    spool: Path
    accounts: Mapping[str, Mapping[str, str]]
    general: Mapping[str, str] = field(default_factory=dict)
    server: Mapping[str, str] = field(default_factory=dict)
    email: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    before: Sequence[str] = ()  # words before the command that starts the daemon
    port_fagi: int = field(default_factory=free_port)
    port_http: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def config_dir(self) -> Path:
        """What ``--config`` names."""
        return self.folder / "etc"

    @property
    def data_dir(self) -> Path:
        """The journal and the faxes."""
        return self.folder / "data"

    @property
    def log_file(self) -> Path:
        """The log."""
        return self.folder / "nexefax.log"

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://127.0.0.1:{self.port_http}"

    def write_config(self) -> None:
        """Make the folders and write config.conf and accounts.conf."""
        for path in (
            self.config_dir / "auth", self.data_dir,
            self.spool / "outgoing", self.spool / "outgoing_done", self.spool / "tmp",
        ):  # fmt: skip
            path.mkdir(parents=True, exist_ok=True)
        general = {
            "tx_channel": "PJSIP/trunk/sip:${TO}@127.0.0.1",
            "rx_dir": str(self.spool / "tmp"),
            "ast_call_dir": str(self.spool / "outgoing"),
            "tmp_dir": str(self.folder / "scratch"),
            "data_dir": str(self.data_dir),
        }
        sections = {
            "general": general | dict(self.general),
            "logging": {"file": str(self.log_file)},
            "server": {
                "bind": "127.0.0.1",
                "port_fagi": str(self.port_fagi),
                "port_http": str(self.port_http),
                "control_socket": str(self.folder / "control.sock"),
            }
            | dict(self.server),
            "email": dict(self.email),
        }
        (self.config_dir / "config.conf").write_text(_ini(sections))
        (self.config_dir / "accounts.conf").write_text(_ini(self.accounts))

    def start(self, *, wait: bool = True) -> None:
        """Start the daemon and wait until it is ready. Raises RuntimeError with its last words when it is not."""
        seen = self.log_file.stat().st_size if self.log_file.exists() else 0
        with (self.folder / "stderr.txt").open("ab") as stderr:
            self.process = subprocess.Popen(
                [*self.before, sys.executable, "-m", "nexefax", "serve", "--config", self.config_dir],
                env=os.environ | dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                start_new_session=True,
            )
        if wait:
            self.wait_until_ready(seen)

    def wait_until_ready(self, seen: int) -> None:
        """Wait until the log says "ready" beyond its first ``seen`` bytes. Raises RuntimeError when it never does."""
        assert self.process is not None
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if self.log_file.exists() and _READY.search(self.log_file.read_bytes()[seen:]):
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise RuntimeError(f"NexeFax did not start:\n{(self.folder / 'stderr.txt').read_text()[-3000:]}")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End the daemon with a signal and return its exit status; 0 when it did not run."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            status = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        self.process = None
        return status

    def kill(self) -> None:
        """End the daemon as a power cut would."""
        self.stop(signal.SIGKILL)

    def reload(self) -> None:
        """Ask for the configuration to be read again."""
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)

    def command(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run the command line on this configuration."""
        return subprocess.run(
            [sys.executable, "-m", "nexefax", *words, "--config", str(self.config_dir)],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def add_user(self, account: str, user: str, password: str) -> None:
        """Let a user sign in."""
        done = self.command("user", "add", account, user, stdin=f"{password}\n")
        if done.returncode:
            raise RuntimeError(done.stderr)

    def log_text(self) -> str:
        """The log as an administrator reads it."""
        return self.log_file.read_text() if self.log_file.exists() else ""


def _ini(sections: Mapping[str, Mapping[str, str]]) -> str:
    return "".join(
        f"[{name}]\n" + "".join(f"{key}={value}\n" for key, value in options.items()) + "\n"
        for name, options in sections.items()
    )
