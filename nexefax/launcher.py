"""The launcher: runs in the child before the program, gives up what the program must not have, becomes it.

It imports next to nothing, since every converter waits for it.
"""

from __future__ import annotations

import os

LAYERS = ("limits", "landlock", "seccomp")

# The exit status and the first words on stderr of a launcher that could not do its work (as env(1) does).
BROKEN = 125
BROKEN_MARK = b"nexefax launcher: "


def main(arguments: list[str]) -> None:
    """Build the cage that ``arguments`` describe, then become the program after ``--``."""
    try:
        _launch(arguments)
    except BaseException as error:
        os.write(2, BROKEN_MARK + f"{type(error).__name__}: {error}\n".encode(errors="replace"))
    os._exit(BROKEN)


def _launch(arguments: list[str]) -> None:
    import ctypes
    import resource

    libc = ctypes.CDLL(None, use_errno=True)
    split = arguments.index("--")
    program = arguments[split + 1 :]
    values: dict[str, list[str]] = {}
    for argument in arguments[:split]:
        key, _, value = argument.partition("=")
        values.setdefault(key, []).append(value)
    libc.prctl(1, 9)
    if os.getppid() != int(values["parent"][0]):
        os._exit(BROKEN)
    cpu, memory, file = (int(values[key][0]) for key in ("cpu", "memory", "file"))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 1))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file, file))
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(values["open"][0]),) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(10)
    for number in (13, 25):  # Python ignores SIGPIPE and SIGXFSZ, and what is ignored stays so in the program
        libc.signal(number, None)
    os.execv(program[0], program)  # noqa: S606 - the whole purpose
