"""Run an Asterisk of one's own: private configuration and folders, loopback only, any user, any number at once.

The demo and the tests fax through it. It calls itself: endpoint `trunk` leads to its own SIP port, so that one
Asterisk is both fax machines (DESIGN section 4).
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Self

from asterisk_program import AsteriskProgram

#: asterisk.ctl is a Unix socket: sun_path holds 107 bytes and a NUL (unix(7)).
_SOCKET_PATH_LIMIT = 107

#: Ports are taken in blocks: one for SIP, the rest split between RTP and UDPTL. Eight faxes at once need 32.
_BLOCK = 400
#: Below Linux's usual ephemeral range (32768 and up), so that no client's socket sits in a block.
_FIRST_BLOCK, _LAST_BLOCK = 20_000, 32_000

#: Only what faxing over PJSIP needs: Asterisk is up within a second, and opens no port that we did not name.
_MODULES = (
    "res_sorcery_config",
    "res_sorcery_memory",
    "res_sorcery_astdb",
    "res_pjproject",
    "res_pjsip",
    "res_pjsip_session",
    "res_pjsip_pubsub",
    "res_pjsip_sdp_rtp",
    "res_pjsip_t38",
    "res_pjsip_caller_id",
    "res_pjsip_endpoint_identifier_ip",
    "res_pjsip_logger",
    "res_pjsip_rfc3326",
    "res_pjsip_header_funcs",
    "res_rtp_asterisk",
    "res_timing_timerfd",
    "chan_pjsip",
    "res_fax",
    "res_fax_spandsp",
    "res_speech",
    "res_agi",
    "pbx_config",
    "pbx_spool",
    "bridge_simple",
    "codec_ulaw",
    "codec_alaw",
    "app_softhangup",
    "app_stack",
    "app_verbose",
    "app_exec",
    "app_dial",
    "app_playtones",
    "app_userevent",
    "res_musiconhold",
    "func_callerid",
    "func_channel",
    "func_cut",
    "func_env",
    "func_global",
    "func_hangupcause",
    "func_logic",
    "func_math",
    "func_strings",
    "func_timeout",
    "func_uri",
)


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
        raise AsteriskFailedError(
            f"No block of free ports between {_FIRST_BLOCK} and {_LAST_BLOCK} on 127.0.0.1. Which programs hold them "
            "is shown by `ss -ltnup`."
        )

    def close(self) -> None:
        """Give the block back."""
        self._lock.close()


class PrivateAsterisk:
    """One Asterisk with its own folders, ports and dialplan.

    Args:
        program: what to run (asterisk_program.find).
        directory: private; made if missing. `spool/`, `log/`, `etc/` and `run/` appear in it.
        dialplan: text of extensions.conf after `[globals]`.
        variables: what `[globals]` holds, for instance NEXEFAX_AGI.
        endpoints: more text for pjsip.conf.
    """

    def __init__(
        self,
        program: AsteriskProgram,
        directory: Path,
        *,
        dialplan: str,
        variables: Mapping[str, str] | None = None,
        endpoints: str = "",
    ) -> None:
        self.program = program
        self.directory = directory.resolve()
        self.dialplan = dialplan
        self.variables = dict(variables or {})
        self.endpoints = endpoints
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
        for name, text in self._configuration():
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

    # -- configuration -----------------------------------------------------------------------------------------

    def _configuration(self) -> Iterator[tuple[str, str]]:
        here, ports = self.directory, self.ports
        yield (
            "asterisk.conf",
            f"""[directories]
astetcdir => {here}/etc
astmoddir => {self.program.modules}
astvarlibdir => {here}/lib
astdbdir => {here}/lib
astkeydir => {here}/lib
astdatadir => {self.program.data}
astagidir => {here}/lib/agi-bin
astspooldir => {here}/spool
astrundir => {here}/run
astlogdir => {here}/log
astcachedir => {here}/lib/cache
[options]
verbose = 5
documentation_language = en_US
highpriority = no
hideconnect = yes
""",
        )
        yield "modules.conf", "[modules]\nautoload=no\n" + "".join(f"load={name}.so\n" for name in _MODULES)
        yield (
            "logger.conf",
            "[general]\ndateformat=%F %T.%3q\n[logfiles]\nfull => notice,warning,error,verbose(5)\n",
        )
        yield "extensions.conf", self._extensions()
        yield "pjsip.conf", _PJSIP.format(sip=ports.sip) + self.endpoints
        yield "rtp.conf", f"[general]\nrtpstart={ports.rtp[0]}\nrtpend={ports.rtp[1]}\nicesupport=no\n"
        yield (
            "udptl.conf",
            f"[general]\nudptlstart={ports.udptl[0]}\nudptlend={ports.udptl[1]}\nudptlchecksums=yes\nudptlfecentries=3\n"
            "udptlfecspan=3\nuse_even_ports=no\n",
        )
        yield (
            "res_fax.conf",
            "[general]\nmaxrate=14400\nminrate=2400\nstatusevents=no\nmodems=v17,v27,v29\necm=yes\n",
        )
        # Without these files Asterisk logs an error for each; they say: nothing of the kind.
        for name in ("cdr", "cel"):
            yield f"{name}.conf", "[general]\nenable=no\n"
        for name in ("manager", "http"):
            yield f"{name}.conf", "[general]\nenabled=no\n"
        yield "indications.conf", "[general]\ncountry=us\n[us]\nringcadence=2000,4000\ndial=350+440\n"
        for name in ("musiconhold", "acl", "ccss", "features", "sorcery", "stasis", "pjproject", "dnsmgr"):
            yield f"{name}.conf", "; nothing\n"

    def _extensions(self) -> str:
        # Dialplan text may hold `${…}`, so it is joined, never formatted.
        settings = "".join(f"{name}={value}\n" for name, value in self.variables.items())
        return f"[general]\nstatic=yes\nwriteprotect=yes\n[globals]\n{settings}\n{self.dialplan}"


# One endpoint for each kind of line. Every call comes in by `trunk`, since calls are told apart by address
# (identify), and every call comes from here; `audio` refuses the T.38 re-INVITE of the answering side.
# Short timers: an unreachable peer is given up after 64 × T1 = 6.4 s, not 32 s (RFC 3261 section 17.1.1.2).
_PJSIP = """[global]
type=global
user_agent=private-asterisk
debug=yes
[system]
type=system
timer_t1=100
timer_b=6400
[udp]
type=transport
protocol=udp
bind=127.0.0.1:{sip}
[line](!)
type=endpoint
transport=udp
context=incoming
disallow=all
allow=ulaw,alaw
direct_media=no
trust_id_inbound=yes
[trunk](line)
aors=trunk
t38_udptl=yes
t38_udptl_ec=redundancy
t38_udptl_maxdatagram=400
[trunk]
type=aor
contact=sip:127.0.0.1:{sip}
[trunk]
type=identify
endpoint=trunk
match=127.0.0.1
[audio](line)
t38_udptl=no
"""
