"""The cage around every converter, as seen from the daemon: what it allows, and how a child gets into it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nexefax.launcher import BROKEN, BROKEN_MARK, LAYERS

if TYPE_CHECKING:
    from nexefax.process import Limits

__all__ = ["BROKEN", "BROKEN_MARK", "LAYERS", "Allowance", "launcher_command"]

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
    command += [f"read={path}" for path in allowance.readable]
    command += [f"run={path}" for path in allowance.programs]
    if allowance.may_fork:
        command.append("fork=1")
    if allowance.unix_sockets:
        command.append("unix=1")
    return [*command, "--"]
