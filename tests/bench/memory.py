"""A process's own memory, and which import brings how much of it.

    python -m tests.bench.memory           # what each module costs that the idle daemon has imported
    python -m tests.bench.memory PID       # the memory of a running process

The first imports the daemon's modules one after the other in a fresh interpreter, in the order in which the daemon
does, and prints those that add 100 KiB or more of private memory.
"""

from __future__ import annotations

import builtins
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LEAST = 100  # KiB; what costs less is not worth a line


@dataclass(frozen=True, slots=True)
class Memory:
    """In KiB, from proc(5), smaps_rollup. ``own`` (USS) is what would come free if the process ended."""

    private_dirty: int
    own: int
    resident: int

    @classmethod
    def of(cls, pid: int | str) -> Memory:
        """Measure a process; ``"self"`` is this one."""
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
        sizes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
        dirty = sizes["Private_Dirty"]
        return cls(dirty, dirty + sizes["Private_Clean"], sizes["Rss"])

    def __str__(self) -> str:
        parts = (("private dirty", self.private_dirty), ("USS", self.own), ("RSS", self.resident))
        return ", ".join(f"{name} {size / 1024:.1f} MB" for name, size in parts)


def threads(pid: int) -> int:
    """How many threads a process has."""
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def import_costs(module: str) -> list[tuple[int, int, str]]:
    """Import ``module`` here: KiB of private memory without and with what each module imported itself, and its name."""
    costs: list[tuple[int, int, str]] = []
    inner = [0]
    imported = builtins.__import__

    def measured(name: str, *arguments: Any) -> Any:
        known = len(sys.modules)
        before = Memory.of("self").own
        inner.append(0)
        try:
            return imported(name, *arguments)
        finally:
            total, within = Memory.of("self").own - before, inner.pop()
            inner[-1] += total
            if len(sys.modules) > known:
                level = arguments[3] if len(arguments) > 3 else 0
                package = (arguments[0] or {}).get("__package__", "") if level and arguments else ""
                costs.append((total - within, total, f"{package}{'.' * level}{name}"))

    builtins.__import__ = measured  # type: ignore[assignment]  # the arguments are handed through
    try:
        measured(module)
    finally:
        builtins.__import__ = imported
    return costs


def main() -> None:
    if len(sys.argv) == 2 and sys.argv[1] != "--here":
        print(Memory.of(sys.argv[1]))
    elif len(sys.argv) == 1:  # in an interpreter without this module's own imports
        subprocess.run([sys.executable, "-m", "tests.bench.memory", "--here"], check=True)
    else:
        print(f"Python itself: {Memory.of('self')}")
        print("  alone   with  module")
        for alone, total, name in sorted(import_costs("nexefax.daemon"), key=lambda cost: -cost[1]):
            if total >= LEAST:
                print(f"{alone:7d} {total:6d}  {name}")
        print(f"all imported: {Memory.of('self')}")


if __name__ == "__main__":
    main()
