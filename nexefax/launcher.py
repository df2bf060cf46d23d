"""The launcher: runs in the child before the converter, gives up what the converter must not have, becomes it.

The layers are independent, each of use where the other is missing:

``limits``    resource limits, niceness, first choice of the out-of-memory killer, no capabilities (for root)
``landlock``  files: reads what the daemon named and the system's own resources, writes the scratch directory
              only, executes its own program only; no TCP; no signals and no abstract sockets outwards
``seccomp``   system calls: no sockets, no processes, no links, no modes of files (:mod:`nexefax.syscalls`)

Always, with whatever layer: the child dies with the daemon, even if that is killed with SIGKILL, and no exec gives it
privileges. A layer that the kernel does not have is passed over (``nexefax check`` says so); a layer that it has and
that can't be put up ends the child. It imports next to nothing, since every converter waits for it.

Linux: prctl(2), landlock(7), linux/landlock.h, seccomp(2).
"""

from __future__ import annotations

import os
import resource
import stat
import struct
import sys

from nexefax.syscalls import ARCHITECTURES, filter_program

LAYERS = ("limits", "landlock", "seccomp")

# The exit status and the first words on stderr of a launcher that could not do its work.
BROKEN = 125
BROKEN_MARK = b"nexefax launcher: "

# What every converter reads, as strace shows for gs, pdfinfo, pdftoppm, pdftocairo, pdftops, the libtiff tools,
# ImageMagick, qpdf and paps. Not /usr as a whole: what can't be read can't be run through the loader either.
SYSTEM_READABLE = (
    "/usr/lib",  # libraries, the C.utf8 locale, ImageMagick's coders
    "/usr/lib64",
    "/lib",  # where /usr is not merged
    "/lib64",
    "/usr/share",  # Ghostscript's and poppler's resources, fonts, ICC profiles, time zones
    "/usr/local/share/fonts",  # the administrator's own fonts
    "/etc/ld.so.cache",
    "/etc/fonts",
    "/etc/ghostscript",  # cidfmap: which font stands for a missing Japanese one
    "/etc/ImageMagick-6",
    "/etc/ImageMagick-7",
    "/etc/papersize",
    "/etc/localtime",
    "/etc/locale.alias",  # /usr/share/locale/locale.alias is a link to it
    "/var/lib/ghostscript",  # /usr/share/ghostscript/*/Resource/CMap is a link to here
    "/var/cache/fontconfig",  # without it gs reads every font of the machine, for seconds
    "/sys/devices/system/cpu",  # how many processors: sysconf(3)
    "/dev/urandom",
)
# The dynamic loaders, which the kernel opens for executing beside the program.
LOADERS = ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1", "/lib/ld-linux-armhf.so.3")
# Where LibreOffice makes its socket, whatever TMPDIR says (PIPEDEFAULTPATH in sal/osl/unx/pipe.cxx).
SOCKET_DIRECTORY = "/tmp"  # noqa: S108 - a place to bind, not a file to trust
DISCARD = "/dev/null"  # the one device that may be written

# prctl(2), linux/landlock.h, linux/prctl.h. Landlock's system calls have the same numbers everywhere.
PR_SET_PDEATHSIG, PR_GET_SECCOMP, PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 21, 22, 24, 38
SIGKILL, FIRST_REALTIME_SIGNAL = 9, 32
SECCOMP_MODE_FILTER = 2
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
RULE_PATH_BENEATH = 1
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
REMOVE_DIR, REMOVE_FILE, MAKE_DIR, MAKE_REG, MAKE_SOCK, REFER, TRUNCATE = (
    1 << bit for bit in (4, 5, 7, 8, 9, 13, 14)
)
READ = READ_FILE | READ_DIR
# No MAKE_SYM, MAKE_FIFO, MAKE_CHAR, MAKE_BLOCK: results must be plain files. No EXECUTE.
OWN = READ | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | REFER | TRUNCATE
FILE_RIGHTS = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE
# How many rights on files each ABI knows: refer came with 2, truncate with 3, ioctl on devices with 5.
RIGHTS_KNOWN = {1: 13, 2: 14, 3: 15, 4: 15}
BIND_AND_CONNECT_TCP = 3  # from ABI 4
SCOPE_ABSTRACT_UNIX_AND_SIGNAL = 3  # from ABI 6

# Capabilities that root's converters keep, to read documents of other users: DAC_OVERRIDE, DAC_READ_SEARCH.
KEPT_CAPABILITIES = (1, 2)
NICENESS = 10  # a converter never competes with Asterisk or with the daemon
OOM_SCORE = b"500"  # out of memory, a converter goes first


class Kernel:
    """The calls that Python's own modules lack; OSError as usual."""

    def __init__(self) -> None:
        import ctypes  # here: the daemon imports this module for its constants and can do without

        self._ctypes = ctypes
        self._libc = ctypes.CDLL(None, use_errno=True)

    def prctl(self, option: int, *arguments: int | bytes) -> int:
        words = self._words(
            *arguments, *(0,) * (4 - len(arguments))
        )  # the kernel wants the unused ones to be 0
        return self._checked(f"prctl {option}", self._libc.prctl(option, *words))

    def syscall(self, number: int, *arguments: int | bytes) -> int:
        return self._checked(f"system call {number}", self._libc.syscall(*self._words(number, *arguments)))

    def filter_calls(self, program: bytes) -> None:
        """prctl(PR_SET_SECCOMP) with a struct sock_fprog: the number of instructions, padding, where they are."""
        instructions = self._ctypes.create_string_buffer(program, len(program))
        header = struct.pack("HxxxxxxQ", len(program) // 8, self._ctypes.addressof(instructions))
        self.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header)

    def default_signal(self, number: int) -> None:
        self._libc.signal(number, None)

    def _words(self, *arguments: int | bytes) -> list[object]:
        """Arguments as the C library passes them on: full machine words, or the address of some bytes."""
        return [word if isinstance(word, bytes) else self._ctypes.c_long(word) for word in arguments]

    def _checked(self, name: str, result: int) -> int:
        if result < 0:
            number = self._ctypes.get_errno()
            raise OSError(number, f"{name}: {os.strerror(number)}")
        return result


def landlock_abi(kernel: Kernel) -> int:
    """The version of Landlock that the kernel has; 0 for none, or when a filter around us forbids it."""
    try:
        return kernel.syscall(CREATE_RULESET, 0, 0, 1)
    except OSError:
        return 0


def has_seccomp(kernel: Kernel) -> bool:
    """Whether the kernel can filter system calls, and we know the numbers of its architecture."""
    try:
        kernel.prctl(PR_GET_SECCOMP)
    except OSError:
        return False
    return os.uname().machine in ARCHITECTURES and sys.maxsize > 2**32


def main(arguments: list[str]) -> None:
    """Build the cage that ``arguments`` describe (see cage.launcher_command), then become what follows ``--``."""
    try:
        launch(arguments)
    except BaseException as error:  # whatever it is, the program must not run outside its cage
        os.write(2, BROKEN_MARK + f"{type(error).__name__}: {error}\n".encode(errors="replace"))
    os._exit(BROKEN)


def launch(arguments: list[str]) -> None:
    """As main; raises what goes wrong."""
    split = arguments.index("--")
    program = arguments[split + 1 :]
    values: dict[str, list[str]] = {}
    for argument in arguments[:split]:
        key, _, value = argument.partition("=")
        values.setdefault(key, []).append(value)
    kernel = Kernel()
    kernel.prctl(PR_SET_PDEATHSIG, SIGKILL)
    if os.getppid() != int(values["parent"][0]):
        os._exit(BROKEN)  # the daemon died before it could matter
    kernel.prctl(PR_SET_NO_NEW_PRIVS, 1)
    # What is ignored stays so in the program: some by Python, some by whoever started the daemon (nohup, a shell's &).
    for number in range(1, FIRST_REALTIME_SIGNAL):
        kernel.default_signal(number)
    layers = values.get("layer", [])
    unix_sockets = "unix" in values
    if "limits" in layers:
        drop_capabilities(kernel)
        limit(*(int(values[key][0]) for key in ("cpu", "memory", "file", "open")))
    if "landlock" in layers and (abi := landlock_abi(kernel)):
        restrict_files(
            kernel, abi, values["write"], values.get("read", []), values["run"], unix_sockets=unix_sockets
        )
    if "seccomp" in layers and has_seccomp(kernel):
        refuse_calls(kernel, may_fork="fork" in values, unix_sockets=unix_sockets)
    os.execv(program[0], program)  # noqa: S606 - the whole purpose


def restrict_files(
    kernel: Kernel, abi: int, write: list[str], read: list[str], run: list[str], *, unix_sockets: bool
) -> None:
    """Put up Landlock: every right that ``abi`` knows is taken, and given back only below the named paths."""
    known = (1 << RIGHTS_KNOWN.get(abi, 16)) - 1
    attributes = struct.pack("=Q", known)
    if abi >= 4:
        attributes += struct.pack("=Q", BIND_AND_CONNECT_TCP)
    if abi >= 6:
        attributes += struct.pack("=Q", SCOPE_ABSTRACT_UNIX_AND_SIGNAL)
    ruleset = kernel.syscall(CREATE_RULESET, attributes, len(attributes), 0)
    rules = [(path, READ) for path in (*SYSTEM_READABLE, *read)]
    rules += [(path, READ | EXECUTE) for path in (*run, *LOADERS)]
    rules += [(path, OWN | MAKE_SOCK if unix_sockets else OWN) for path in write]
    if unix_sockets:
        rules.append((SOCKET_DIRECTORY, MAKE_SOCK))
    for path, rights in (*rules, (DISCARD, READ_FILE | WRITE_FILE)):
        allow(kernel, ruleset, path, rights & known)
    kernel.syscall(RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def allow(kernel: Kernel, ruleset: int, path: str, rights: int) -> None:
    """Add one rule; a path that does not exist needs none."""
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return
    try:
        if not stat.S_ISDIR(os.fstat(handle).st_mode):
            rights &= FILE_RIGHTS  # a rule for a file may not speak of directories
        kernel.syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, struct.pack("=Qi", rights, handle), 0)
    finally:
        os.close(handle)


def drop_capabilities(kernel: Kernel) -> None:
    """Take root's capabilities from what the program can get; an ordinary user has none."""
    for capability in range(64):
        if capability in KEPT_CAPABILITIES:
            continue
        try:
            kernel.prctl(PR_CAPBSET_DROP, capability)
        except OSError:  # EPERM: an ordinary user; EINVAL: past the kernel's last
            return


def limit(cpu: int, memory: int, file_size: int, open_files: int) -> None:
    """Resource limits (never above what the daemon itself has), niceness, and who goes first when memory is out."""
    for number, soft, hard in (
        (resource.RLIMIT_CPU, cpu, cpu + 1),
        (resource.RLIMIT_AS, memory, memory),
        (resource.RLIMIT_FSIZE, file_size, file_size),
        (resource.RLIMIT_NOFILE, open_files, open_files),
        (resource.RLIMIT_MEMLOCK, 0, 0),
        (resource.RLIMIT_MSGQUEUE, 0, 0),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        ceiling = resource.getrlimit(number)[1] % 2**64  # RLIM_INFINITY is -1
        resource.setrlimit(number, (min(soft, ceiling), min(hard, ceiling)))
    try:  # noqa: SIM105 - contextlib takes longer to import than all this takes
        os.nice(NICENESS)
    except OSError:  # a unit's SystemCallFilter may refuse it; no part of the cage depends on it
        pass
    try:
        score = os.open("/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
        os.write(score, OOM_SCORE)
        os.close(score)
    except OSError:  # no /proc: then all are equal
        pass


def refuse_calls(kernel: Kernel, *, may_fork: bool, unix_sockets: bool) -> None:
    """Put up the seccomp filter for this very process."""
    kernel.filter_calls(
        filter_program(os.uname().machine, os.getpid(), may_fork=may_fork, unix_sockets=unix_sockets)
    )
