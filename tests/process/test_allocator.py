"""Freed blocks go back to the system, in a process of its own, since malloc's settings can't be taken back."""

import subprocess
import sys

import pytest

# Blocks of 1 MB, each followed by a small one that stays: what glibc's heaps would keep for ever. The first block,
# freed, is what raises the threshold.
_PROGRAM = """
import sys
from pathlib import Path
from nexefax.allocator import give_back_freed_memory
if sys.argv[1] == "give back":
    assert give_back_freed_memory()
first = b"x" * 4_000_000
del first
large, small = [], []
for at in range(40):
    large.append(b"x" * 1_000_000)
    small.append(b"x" * (5_000 + at))
del large
print(int(Path("/proc/self/statm").read_text().split()[1]) * 4096 // 1_000_000)
"""


@pytest.mark.parametrize(("how", "least", "most"), [("give back", 0, 30), ("keep", 40, 90)])
def test_freed_blocks_are_given_back(how: str, least: int, most: int) -> None:
    said = subprocess.run([sys.executable, "-c", _PROGRAM, how], check=True, capture_output=True, text=True)
    assert least <= int(said.stdout) <= most


def test_a_c_library_without_mallopt_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    import ctypes

    from nexefax.allocator import give_back_freed_memory

    monkeypatch.setattr(ctypes, "CDLL", lambda _name: object())
    assert give_back_freed_memory() is False
