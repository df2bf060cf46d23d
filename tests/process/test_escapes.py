"""Every way out of the cage that we could think of, tried with all layers, with each alone, and with none.

The column of an attempt says which layer promises to refuse it. With neither Landlock nor seccomp it must go
through, or the attempt would prove nothing.
"""

from __future__ import annotations

import asyncio
import os
import secrets as random_names
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from nexefax import cage, syscalls
from nexefax.process import Finished
from tests.process.standin import bystander, stand_in

KERNEL = cage.report()
SCRIPT = Path(__file__).with_name("attempts.py").read_text()

LANDLOCK, SECCOMP = "landlock", "seccomp"
BOTH = (LANDLOCK, SECCOMP)

# name: the layers that refuse it, and the version of Landlock from which that one does
ATTEMPTS: dict[str, tuple[tuple[str, ...], int]] = {
    "read_secret": ((LANDLOCK,), 1),
    "list_secrets": ((LANDLOCK,), 1),
    "read_through_planted_link": ((LANDLOCK,), 1),
    "read_through_dots": ((LANDLOCK,), 1),
    "read_other_process": ((LANDLOCK,), 1),
    "write_call_file": ((LANDLOCK,), 1),
    "rename_into_outgoing": ((LANDLOCK,), 1),
    "remove_outside": ((LANDLOCK,), 1),
    "append_outside": ((LANDLOCK,), 1),
    "make_directory_outside": ((LANDLOCK,), 1),
    "execute_other": ((LANDLOCK,), 1),
    "execute_through_loader": ((LANDLOCK,), 1),
    "execute_own_copy": ((LANDLOCK,), 1),
    "truncate_outside": (BOTH, 3),
    "link_result": (BOTH, 1),
    "hard_link_result": (BOTH, 1),
    "make_fifo": (BOTH, 1),
    "chmod_outside": ((SECCOMP,), 1),
    "touch_outside": ((SECCOMP,), 1),
    "set_attribute": ((SECCOMP,), 1),
    "connect_tcp": (BOTH, 4),
    "bind_tcp": (BOTH, 4),
    "send_udp": ((SECCOMP,), 1),
    "connect_control_socket": ((SECCOMP,), 1),
    "send_unix_datagram": ((SECCOMP,), 1),
    "connect_abstract_socket": (BOTH, 6),
    "fork": ((SECCOMP,), 1),
    "vfork": ((SECCOMP,), 1),
    "daemonise": ((SECCOMP,), 1),
    "signal_daemon": (BOTH, 6),
    "kill_bystander": (BOTH, 6),
    "kill_everybody": (BOTH, 6),
    "signal_by_tgkill": (BOTH, 6),
    "signal_by_queue": (BOTH, 6),
    "trace_bystander": (BOTH, 1),
    "read_memory_of_bystander": (BOTH, 1),
    "renice_bystander": ((SECCOMP,), 1),
    "starve_bystander": ((SECCOMP,), 1),
    "pin_bystander": ((SECCOMP,), 1),
    "outlive_daemon": ((SECCOMP,), 1),
    "hide_in_memory_file": ((SECCOMP,), 1),
    "hide_in_shared_memory": ((SECCOMP,), 1),
}

LAYER_SETS = {
    "all": ("limits", LANDLOCK, SECCOMP),
    "landlock alone": (LANDLOCK,),
    "seccomp alone": (SECCOMP,),
    "no layer": (),
}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What lies about on a PBX: other people's files, Asterisk's spool, sockets and processes."""

    scratch: Path
    secrets: Path
    outgoing: Path
    bystander: subprocess.Popen[bytes]
    tcp_port: int
    udp_port: int
    unix_path: Path
    abstract_name: str

    async def attempt(self, name: str, layers: Sequence[str], *, free: bool = False) -> Finished:
        return await stand_in(
            SCRIPT,
            name,
            self.secrets,
            self.outgoing,
            self.bystander.pid,
            self.tcp_port,
            self.udp_port,
            self.unix_path,
            self.abstract_name,
            scratch=self.scratch,
            layers=layers,
            may_fork=free,
            unix_sockets=free,
        )


@pytest.fixture
def surroundings(tmp_path: Path) -> Iterator[Surroundings]:
    folders = [tmp_path / name for name in ("scratch", "asterisk", "outgoing")]
    for folder in folders:
        folder.mkdir(mode=0o700)
    (folders[1] / "accounts.conf").write_text("secret")
    (folders[1] / "spare").write_text("spare")
    name = f"nexefax-test-{random_names.token_hex(8)}"
    with (
        bystander() as process,
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_UNIX) as control,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        udp.bind(("127.0.0.1", 0))
        path = Path(f"/tmp/{name}")  # the path of a socket is short
        control.bind(str(path))
        control.listen()
        abstract.bind("\0" + name)
        abstract.listen()
        try:
            ports = tcp.getsockname()[1], udp.getsockname()[1]
            yield Surroundings(folders[0], folders[1], folders[2], process, *ports, path, name)
        finally:
            path.unlink()


def refusing(name: str, layers: Sequence[str]) -> set[str]:
    """The layers of ``layers``, of those that this kernel has, which promise to refuse an attempt."""
    promised, version = ATTEMPTS[name]
    there = set()
    if SECCOMP in promised and KERNEL.seccomp:
        there.add(SECCOMP)
    if LANDLOCK in promised and KERNEL.landlock >= version:
        there.add(LANDLOCK)
    return there & set(layers)


@pytest.mark.parametrize("layers", LAYER_SETS.values(), ids=LAYER_SETS)
@pytest.mark.parametrize("name", ATTEMPTS)
async def test_each_way_out_is_barred_by_the_layers_that_promise_it(
    surroundings: Surroundings, name: str, layers: tuple[str, ...]
) -> None:
    if name == "trace_bystander" and not refusing(name, layers) and os.getuid() != 0:
        pytest.skip("Yama may forbid an ordinary user to trace, whatever we do")
    if name == "read_through_planted_link":
        (surroundings.scratch / "planted").symlink_to(surroundings.secrets)
    finished = await surroundings.attempt(name, layers)
    if refusing(name, layers):
        assert b"done" not in finished.stdout, finished
        assert finished.stdout.startswith(b"refused E") or name == "execute_through_loader", finished
        assert not list(surroundings.outgoing.iterdir())
        assert (surroundings.secrets / "spare").read_text() == "spare"
        assert surroundings.bystander.poll() is None
    else:
        assert finished.stdout == b"done\n", finished


@pytest.mark.parametrize("layers", LAYER_SETS.values(), ids=LAYER_SETS)
async def test_the_kernel_sends_no_signal_on_a_converters_behalf(
    surroundings: Surroundings, layers: tuple[str, ...]
) -> None:
    """F_SETOWN goes through under Landlock, but the signal is not delivered (hook file_send_sigiotask)."""
    finished = await surroundings.attempt("signal_by_sigio", layers)
    refused = (SECCOMP in layers and KERNEL.seccomp) or (LANDLOCK in layers and KERNEL.landlock >= 6)
    assert finished.stdout == (b"refused EPERM\n" if SECCOMP in layers and KERNEL.seccomp else b"done\n")
    if refused:
        assert surroundings.bystander.poll() is None
    else:
        assert await asyncio.to_thread(surroundings.bystander.wait, 60) == -signal.SIGKILL


@pytest.mark.parametrize("layers", LAYER_SETS.values(), ids=LAYER_SETS)
async def test_what_converters_do_all_day_is_not_hindered(
    surroundings: Surroundings, layers: tuple[str, ...]
) -> None:
    finished = await surroundings.attempt("allowed_work", layers)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, b"done\n", b"")


async def test_libreoffice_may_fork_and_make_sockets_but_not_leave_or_connect(
    surroundings: Surroundings,
) -> None:
    if not KERNEL.seccomp:
        pytest.skip("this kernel has no seccomp")
    layers = LAYER_SETS["all"]
    assert (await surroundings.attempt("fork", layers, free=True)).stdout == b"done\n"
    assert (await surroundings.attempt("vfork", layers, free=True)).stdout == b"done\n"
    assert (await surroundings.attempt("listen_in_scratch", layers, free=True)).stdout == b"done\n"
    for name in (
        "connect_control_socket",
        "connect_abstract_socket",
        "connect_tcp",
        "send_udp",
        "send_unix_datagram",
    ):
        assert (await surroundings.attempt(name, layers, free=True)).stdout.startswith(b"refused"), name
    assert (await surroundings.attempt("leave_group", layers, free=True)).stdout == b"refused EPERM\n"
    assert (await surroundings.attempt("leave_group", (), free=True)).stdout == b"done\n"


# What is refused whatever the arguments: an argument that does no harm where the call is let through, and the answer.
RAW_CALLS = {
    "io_uring_setup": (0, "ENOSYS"),
    "userfaultfd": (0, "ENOSYS"),
    "clone3": (0, "ENOSYS"),
    "pidfd_open": (0, "ENOSYS"),
    "bpf": (-1, "EPERM"),
    "keyctl": (-1, "EPERM"),
    "unshare": (0, "EPERM"),
    "setns": (-1, "EPERM"),
    "mount": (0, "EPERM"),
    "open_by_handle_at": (-1, "EPERM"),
    "perf_event_open": (0, "EPERM"),
    "kexec_load": (-1, "EPERM"),
    "msgget": (0, "EPERM"),
    "personality": (0xFFFFFFFF, "EPERM"),
}


async def test_calls_that_no_converter_needs_are_refused(tmp_path: Path) -> None:
    if not KERNEL.seccomp:
        pytest.skip("this kernel has no seccomp")
    column = list(syscalls.ARCHITECTURES).index(os.uname().machine)
    known = syscalls.ABSENT | syscalls.SYSTEM | syscalls.FILES | syscalls.SHARED_MEMORY
    numbers = {name: known[name][column] for name in RAW_CALLS}
    script = """
import ctypes, errno, sys
libc = ctypes.CDLL(None, use_errno=True)
for word in sys.argv[1:]:
    number, argument = map(int, word.split(":"))
    result = libc.syscall(ctypes.c_long(number), ctypes.c_long(argument), *[ctypes.c_long(0)] * 5)
    print(errno.errorcode[ctypes.get_errno()] if result < 0 else "done")
"""
    words = [f"{numbers[name]}:{argument}" for name, (argument, _) in RAW_CALLS.items()]
    finished = await stand_in(script, *words, "100000:0", scratch=tmp_path, layers=("seccomp",))
    answers = dict(zip([*RAW_CALLS, "unknown"], finished.stdout.decode().split(), strict=True))
    assert answers == {name: answer for name, (_, answer) in RAW_CALLS.items()} | {"unknown": "ENOSYS"}


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the other ABI of x86_64")
async def test_the_32_bit_abi_is_no_way_around_the_filter(tmp_path: Path) -> None:
    """int 0x80 with i386's number of getpid (20), which would be writev in the table of x86_64."""
    script = """
import ctypes, mmap
code = b"\\xb8\\x14\\x00\\x00\\x00" + b"\\xcd\\x80" + b"\\xc3"  # mov eax, 20; int 0x80; ret
page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(code)
ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
print("done")
"""
    finished = await stand_in(script, scratch=tmp_path, layers=("seccomp",))
    if KERNEL.seccomp:
        assert (finished.returncode, finished.stdout) == (-signal.SIGSYS, b"")
