"""The cage around every converter, as seen from the daemon: what it allows, and how a child gets into it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nexefax.launcher import BROKEN, BROKEN_MARK, LAYERS, SOCKET_DIRECTORY, Kernel, has_seccomp, landlock_abi

if TYPE_CHECKING:
    from nexefax.process import Limits

__all__ = [
    "BROKEN",
    "BROKEN_MARK",
    "LAYERS",
    "SOCKET_DIRECTORY",
    "Allowance",
    "Report",
    "launcher_command",
    "report",
]

# What the child's interpreter runs: the launcher from this very installation, and nothing of site-packages.
_BOOT = "import sys; sys.path.append(sys.argv[1]); from nexefax.launcher import main; main(sys.argv[2:])"


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a caged program may do: write ``scratch``, read ``readable``, execute ``programs`` (its own first)."""

    scratch: Path
    readable: tuple[Path, ...]
    programs: tuple[Path, ...]
    may_fork: bool = False
    unix_sockets: bool = False


def launcher_command(allowance: Allowance, limits: Limits, layers: Sequence[str] = LAYERS) -> list[str]:
    """The words to put before a program's own, so that it starts caged."""
    package_parent = Path(__file__).resolve().parent.parent
    command = [sys.executable, "-I", "-S", "-c", _BOOT, str(package_parent), f"parent={os.getpid()}"]
    command += [f"layer={layer}" for layer in layers]
    command += [f"cpu={limits.cpu_seconds}", f"memory={limits.memory}", f"file={limits.file_size}"]
    command += [f"open={limits.open_files}", f"write={allowance.scratch}"]
    command += [f"read={path.absolute()}" for path in allowance.readable]
    command += [f"run={path.absolute()}" for path in allowance.programs]
    if allowance.may_fork:
        command.append("fork=1")
    if allowance.unix_sockets:
        command.append("unix=1")
    return [*command, "--"]


@dataclass(frozen=True, slots=True)
class Report:
    """What this kernel gives: the version of Landlock (0: none), and whether it filters system calls."""

    landlock: int
    seccomp: bool

    @property
    def holds(self) -> bool:
        """Whether there is any cage at all; without one, hostile documents must be feared."""
        return self.landlock > 0 or self.seccomp

    @property
    def sentences(self) -> tuple[str, ...]:
        """What is in force and what is missing, with the remedy: for people, one sentence for each layer."""
        said = []
        if self.landlock:
            beside = ["files"]
            beside += ["TCP"] if self.landlock >= 4 else []
            beside += ["signals"] if self.landlock >= 6 else []
            said.append(f"Landlock (version {self.landlock}) cages converters: {', '.join(beside)}.")
        else:
            said.append(
                "Landlock is missing: a broken converter could read and write all that NexeFax's own user may. "
                "Use Linux 5.13 or newer with landlock in the list of /sys/kernel/security/lsm (boot parameter "
                "lsm=), and let the systemd unit's SystemCallFilter allow landlock_create_ruleset, "
                "landlock_add_rule and landlock_restrict_self."
            )
        if self.seccomp:
            said.append("seccomp cages converters: no sockets, no processes, no links.")
        else:
            said.append(
                "seccomp is missing: a broken converter could open sockets and start processes. Use a kernel with "
                "CONFIG_SECCOMP_FILTER, on x86_64 or aarch64."
            )
        if not self.holds:
            said.append(
                "Nothing cages the converters on this machine: a hostile document that breaks Ghostscript could "
                "write a call file and command Asterisk. Do not take documents from strangers here."
            )
        return tuple(said)


def report() -> Report:
    """Ask the kernel what it has, as the launcher will; changes nothing in this process."""
    kernel = Kernel()
    return Report(landlock_abi(kernel), has_seccomp(kernel))
