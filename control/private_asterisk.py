"""Run an Asterisk of one's own: private configuration and folders, loopback only, any user, any number at once.

The demo and the tests fax through it. It calls itself: endpoint `trunk` leads to its own SIP port, so that one
Asterisk is both fax machines (DESIGN section 4).
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from asterisk_configuration import configuration_files
from asterisk_ports import PortBlock
from asterisk_program import AsteriskProgram

#: asterisk.ctl is a Unix socket: sun_path holds 107 bytes and a NUL (unix(7)).
_SOCKET_PATH_LIMIT = 107

#: A request as res_pjsip_logger prints it.
_INVITE = re.compile(
    r"<--- Transmitting SIP request [^\n]*--->\r?\nINVITE sip:(?P<number>[^@]*)@(?P<headers>.*?\n)\r?\n",
    re.DOTALL,
)


def _header(headers: str, name: str) -> str:
    found = re.search(rf"^{name}: *(.*?)\r?$", headers, re.MULTILINE | re.IGNORECASE)
    return found[1] if found else ""


class AsteriskFailedError(RuntimeError):
    """Asterisk did not do what it was asked; the sentence holds the end of its own log."""


class PrivateAsterisk:
    """One Asterisk with its own folders, ports and dialplan.

    Args:
        program: what to run (asterisk_program.find).
        directory: private; made if missing. `spool/`, `log/`, `etc/` and `run/` appear in it.
        dialplan: text of extensions.conf after `[globals]`.
        variables: what `[globals]` holds, for instance NEXEFAX_AGI.
    """

    def __init__(
        self,
        program: AsteriskProgram,
        directory: Path,
        *,
        dialplan: str,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.program = program
        self.directory = directory.resolve()
        self.dialplan = dialplan
        self.variables = dict(variables or {})
        self.ports = PortBlock()
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0
        if len(os.fsencode(self.control_socket)) > _SOCKET_PATH_LIMIT:
            self.ports.close()
            raise AsteriskFailedError(
                f"{self.control_socket} is too long for a socket; use a folder with a shorter name."
            )

    # -- folders -----------------------------------------------------------------------------------------------

    @property
    def spool(self) -> Path:
        """Asterisk's spool: `outgoing/`, `outgoing_done/`, `tmp/` (received faxes), `nexefax/` (staging)."""
        return self.directory / "spool"

    @property
    def control_socket(self) -> Path:
        """The socket of `asterisk -r`."""
        return self.directory / "run" / "asterisk.ctl"

    @property
    def log(self) -> Path:
        """The log with everything Asterisk says, verbose lines and SIP messages among them."""
        return self.directory / "log" / "full"

    @property
    def trunk(self) -> str:
        """A `tx_channel` that leads back to this Asterisk by T.38."""
        return f"PJSIP/trunk/sip:${{TO}}@127.0.0.1:{self.ports.sip}"

    @property
    def audio_trunk(self) -> str:
        """As `trunk`, but it refuses T.38, so that the fax goes through as sound."""
        return f"PJSIP/audio/sip:${{TO}}@127.0.0.1:{self.ports.sip}"

    @property
    def pid(self) -> int:
        """Process id of the running Asterisk."""
        if self._process is None:
            raise AsteriskFailedError("This Asterisk is not running.")
        return self._process.pid

    # -- life --------------------------------------------------------------------------------------------------

    def start(self, seconds: float = 60) -> None:
        """Write the configuration, start Asterisk and wait until it is fully booted.

        Raises:
            AsteriskFailedError: it ended, or was not up in time.
        """
        for name in (
            "etc",
            "lib",
            "run",
            "log",
            "spool/outgoing",
            "spool/outgoing_done",
            "spool/tmp",
            "spool/nexefax",
        ):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        for name, text in configuration_files(
            self.program, self.directory, self.ports, variables=self.variables, dialplan=self.dialplan
        ):
            (self.directory / "etc" / name).write_text(text)
        # A socket left by a killed Asterisk would answer nobody, yet look like one that is up.
        self.control_socket.unlink(missing_ok=True)
        with (self.directory / "log" / "console").open("ab") as console:
            self._process = subprocess.Popen(
                [*self.program.command, "-f", "-q", "-C", str(self.directory / "etc" / "asterisk.conf")],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                start_new_session=True,
            )
        try:
            self.wait_until(self.control_socket.exists, "it listens to its console socket", seconds)
            self.wait_until(
                lambda: "fully booted" in self.rx("core waitfullybooted"), "it is fully booted", seconds
            )
            if "spandsp" not in self.rx("fax show capabilities").lower():
                raise AsteriskFailedError(
                    f"This Asterisk can't fax (no res_fax_spandsp).{self._last_words()}"
                )
        except BaseException:
            self.kill()
            raise

    def stop(self, seconds: float = 20) -> None:
        """End it at once, calls and all, and wait for it; harmless when it is not running."""
        if self._process is None:
            return
        # SIGTERM is `core stop now` (main/asterisk.c, quit_handler).
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """End it as a power cut would (SIGKILL); harmless when it is not running."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._process = None

    def close(self) -> None:
        """Stop it and give its ports back."""
        self.stop()
        self.ports.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- talking to it -----------------------------------------------------------------------------------------

    def rx(self, command: str) -> str:
        """What `asterisk -rx COMMAND` prints; empty when it is not (yet) listening."""
        answer = subprocess.run(
            [*self.program.command, "-C", str(self.directory / "etc" / "asterisk.conf"), "-rx", command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=60,
        )
        return answer.stdout

    def channels(self) -> list[str]:
        """Names of the channels that are up."""
        lines = self.rx("core show channels concise").splitlines()
        return [line.split("!")[0] for line in lines if "!" in line]

    def log_text(self) -> str:
        """All that the log says since `mark_log`, or since the beginning."""
        with contextlib.suppress(FileNotFoundError), self.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")
        return ""

    def invites(self) -> list[str]:
        """The numbers that were dialled over SIP, in order; retransmissions and re-INVITEs are not counted."""
        calls: dict[str, str] = {}
        for match in _INVITE.finditer(self.log_text()):
            headers = match["headers"]
            call, to = _header(headers, "Call-ID"), _header(headers, "To")
            if ";tag=" not in to:
                calls.setdefault(call, match["number"])
        return list(calls.values())

    def mark_log(self) -> None:
        """Let `log_text` begin here."""
        self._log_start = self.log.stat().st_size if self.log.exists() else 0

    def wait_until(self, condition: Callable[[], object], what: str, seconds: float = 60) -> None:
        """Wait for a condition that this Asterisk brings about.

        Raises:
            AsteriskFailedError: Asterisk ended, or the condition did not come true in time.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            if self._process is not None and self._process.poll() is not None:
                raise AsteriskFailedError(f"Asterisk ended before {what}.{self._last_words()}")
            if time.monotonic() > deadline:
                raise AsteriskFailedError(
                    f"After {seconds:.0f} seconds it is still not so that {what}.{self._last_words()}"
                )
            time.sleep(0.05)

    def _last_words(self) -> str:
        """The end of its log without the SIP messages, or what it said before it had one."""
        lines = [
            line
            for line in self.log_text().splitlines()
            if line.startswith("[") and "pjsip_logger" not in line
        ]
        if not lines:
            with contextlib.suppress(OSError):
                lines = (self.directory / "log" / "console").read_text(errors="replace").splitlines()
        text = "\n".join(line[:300] for line in lines[-25:])
        return f" Its last words:\n{text}\n(more in {self.directory / 'log'})"
