"""The seccomp filter, judged by an interpreter of its BPF: every call, both architectures, without a kernel."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexefax import syscalls
from nexefax.syscalls import ARCHITECTURES, FIRST_UNKNOWN, JUDGED, Calls, filter_program

PID = 4711
MACHINES = list(ARCHITECTURES)
ALLOW, EPERM, ENOSYS, ECONNREFUSED, KILL = "allow", "EPERM", "ENOSYS", "ECONNREFUSED", "kill"
VERDICTS = {
    0x7FFF0000: ALLOW,
    0x00050001: EPERM,
    0x00050026: ENOSYS,
    0x0005006F: ECONNREFUSED,
    0x80000000: KILL,
}
REFUSED: Calls = (
    syscalls.SOCKETS
    | syscalls.CONNECT
    | syscalls.PROCESSES
    | syscalls.FORKS
    | syscalls.FILES
    | syscalls.SHARED_MEMORY
    | syscalls.SYSTEM
)


def verdict(program: bytes, architecture: int, number: int, *arguments: int) -> str:
    """What the kernel does with a call: net/core/filter.c for the instructions that the filter uses."""
    words = [argument % 2**64 for argument in (*arguments, 0, 0, 0, 0, 0, 0)[:6]]
    data = struct.pack("<iIQ6Q", number, architecture, 0, *words)
    instructions = list(struct.iter_unpack("=HBBI", program))
    at = accumulator = 0
    while True:
        code, if_true, if_false, operand = instructions[at]
        at += 1
        if code == 0x20:  # BPF_LD | BPF_W | BPF_ABS
            accumulator = struct.unpack_from("<I", data, operand)[0]
        elif code == 0x54:  # BPF_ALU | BPF_AND | BPF_K
            accumulator &= operand
        elif code == 0x06:  # BPF_RET | BPF_K
            return VERDICTS[operand]
        else:
            holds = {
                0x15: accumulator == operand,
                0x35: accumulator >= operand,
                0x45: bool(accumulator & operand),
            }[code]
            at += if_true if holds else if_false


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def number_of(name: str, machine: str) -> int:
    number = (REFUSED | syscalls.ABSENT | JUDGED)[name][MACHINES.index(machine)]
    assert number is not None
    return number


def judge(
    name: str, machine: str, *arguments: int, may_fork: bool = False, unix_sockets: bool = False
) -> str:
    program = filter_program(machine, PID, may_fork=may_fork, unix_sockets=unix_sockets)
    return verdict(program, ARCHITECTURES[machine], number_of(name, machine), *arguments)


def test_every_listed_call_is_refused_and_every_other_allowed(machine: str) -> None:
    program = filter_program(machine, PID)
    column = MACHINES.index(machine)
    refused = {numbers[column] for numbers in REFUSED.values()}
    absent = {numbers[column] for numbers in syscalls.ABSENT.values()}
    judged = {numbers[column] for numbers in JUDGED.values()}
    for number in range(FIRST_UNKNOWN):
        if number == syscalls.CONNECT["connect"][column]:
            assert verdict(program, ARCHITECTURES[machine], number) == ECONNREFUSED
        elif number not in judged:
            expected = EPERM if number in refused else ENOSYS if number in absent else ALLOW
            assert verdict(program, ARCHITECTURES[machine], number) == expected, number


def test_no_call_is_listed_twice(machine: str) -> None:
    column = MACHINES.index(machine)
    numbers = [
        entry[column] for entry in (REFUSED | syscalls.ABSENT | JUDGED).values() if entry[column] is not None
    ]
    assert len(numbers) == len(set(numbers))
    groups = (
        syscalls.ABSENT,
        syscalls.SOCKETS,
        syscalls.CONNECT,
        syscalls.PROCESSES,
        syscalls.FORKS,
        syscalls.FILES,
    )
    names = [name for group in (*groups, syscalls.SHARED_MEMORY, syscalls.SYSTEM, JUDGED) for name in group]
    assert len(names) == len(set(names))


@given(st.integers(FIRST_UNKNOWN, 2**31 - 1), st.sampled_from(MACHINES))
def test_calls_of_the_future_and_of_x32_are_unknown(number: int, machine: str) -> None:
    assert verdict(filter_program(machine, PID), ARCHITECTURES[machine], number) == ENOSYS


@given(st.integers(0, 2**32 - 1), st.integers(0, FIRST_UNKNOWN), st.sampled_from(MACHINES))
def test_a_foreign_abi_is_the_end(architecture: int, number: int, machine: str) -> None:
    if architecture != ARCHITECTURES[machine]:
        assert verdict(filter_program(machine, PID), architecture, number) == KILL


@given(
    st.sampled_from(MACHINES),
    st.integers(-(2**31), 2**31 - 1),
    st.lists(st.integers(0, 2**64 - 1), max_size=6),
    st.booleans(),
    st.booleans(),
)
def test_every_program_comes_to_a_verdict(
    machine: str, number: int, arguments: list[int], may_fork: bool, unix_sockets: bool
) -> None:
    program = filter_program(machine, PID, may_fork=may_fork, unix_sockets=unix_sockets)
    assert verdict(program, ARCHITECTURES[machine], number, *arguments) in VERDICTS.values()
    assert len(program) // 8 < 4096  # BPF_MAXINSNS


def test_threads_are_made_processes_are_not(machine: str) -> None:
    thread, child, spawn = 0x3D0F00, 0x01200011, 0x4111  # pthread_create, fork, posix_spawn of the C library
    assert judge("clone", machine, thread) == ALLOW
    assert judge("clone", machine, child) == EPERM
    assert judge("clone", machine, spawn) == EPERM
    assert judge("clone", machine, child, may_fork=True) == ALLOW
    assert judge("clone", machine, spawn, may_fork=True) == ALLOW
    for may_fork in (False, True):
        for namespace in (0x20000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000):
            assert judge("clone", machine, thread | namespace, may_fork=may_fork) == EPERM


def test_fork_by_its_own_number(machine: str) -> None:
    for numbers in syscalls.FORKS.values():
        number = numbers[MACHINES.index(machine)]
        if number is not None:
            assert verdict(filter_program(machine, PID), ARCHITECTURES[machine], number) == EPERM
            free = filter_program(machine, PID, may_fork=True)
            assert verdict(free, ARCHITECTURES[machine], number) == ALLOW


@pytest.mark.parametrize("name", ["kill", "tkill", "tgkill"])
def test_signals_reach_oneself_only(machine: str, name: str) -> None:
    assert judge(name, machine, PID) == ALLOW
    for other in (1, 0, -1, -PID, PID + 1):
        assert judge(name, machine, other) == EPERM


def test_the_upper_half_of_an_int_argument_does_not_count(machine: str) -> None:
    """The kernel cuts a pid_t to 32 bits; so does the filter, or a process could be named in two ways."""
    assert judge("kill", machine, PID + 2**32) == ALLOW
    assert judge("kill", machine, 1 + 2**32) == EPERM


def test_limits_and_processors_of_oneself_only(machine: str) -> None:
    for name in ("prlimit64", "sched_setaffinity"):
        assert judge(name, machine, 0) == ALLOW
        assert judge(name, machine, PID) == ALLOW
        assert judge(name, machine, PID + 1) == EPERM


def test_single_commands(machine: str) -> None:
    assert judge("prctl", machine, 1) == EPERM  # PR_SET_PDEATHSIG
    assert judge("prctl", machine, 15) == ALLOW  # PR_SET_NAME
    for command in (8, 10, 15):
        assert judge("fcntl", machine, 3, command) == EPERM
    for command in (1, 2, 3, 4, 6, 1030):
        assert judge("fcntl", machine, 3, command) == ALLOW
    assert judge("ioctl", machine, 0, 0x5412) == EPERM
    assert judge("ioctl", machine, 0, 0x5412 + 2**32) == EPERM  # the kernel takes an unsigned int
    assert judge("ioctl", machine, 0, 0x5401) == ALLOW  # TCGETS


def test_times_of_open_files_only(machine: str) -> None:
    assert judge("utimensat", machine, 5, 0) == ALLOW
    assert judge("utimensat", machine, -100, 0x7FFF0000) == EPERM
    assert judge("utimensat", machine, -100, 0x7FFF00000000) == EPERM


def test_unix_stream_sockets_by_permission(machine: str) -> None:
    for name in ("socket", "socketpair"):
        assert judge(name, machine, 1, 1) == EPERM
        assert judge(name, machine, 1, 1, unix_sockets=True) == ALLOW
        assert (
            judge(name, machine, 1, 1 | 0o2000000 | 0o4000, unix_sockets=True) == ALLOW
        )  # CLOEXEC, NONBLOCK
        assert judge(name, machine, 1, 2, unix_sockets=True) == EPERM  # datagrams could be sent anywhere
        assert judge(name, machine, 1, 5, unix_sockets=True) == EPERM  # SOCK_SEQPACKET
        for family in (2, 10, 16, 17, 38, 40):  # INET, INET6, NETLINK, PACKET, ALG, VSOCK
            assert judge(name, machine, family, 1, unix_sockets=True) == EPERM
    assert judge("connect", machine, 3, unix_sockets=True) == ECONNREFUSED


def test_an_unknown_machine_has_no_filter() -> None:
    with pytest.raises(ValueError):
        filter_program("vax", PID)


HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}


def test_the_numbers_are_those_of_the_kernels_headers(machine: str) -> None:
    if not HEADERS[machine].exists():
        pytest.skip("the kernel's headers are not installed (package linux-libc-dev)")
    defined = re.findall(
        r"^#define __NR(?:3264)?_(?!syscalls)(\w+)\s+(\d+)", HEADERS[machine].read_text(), re.MULTILINE
    )
    numbers = {name: int(number) for name, number in defined}
    column = MACHINES.index(machine)
    for name, entry in (REFUSED | syscalls.ABSENT | JUDGED).items():
        if entry[column] is None:
            assert name not in numbers, name
        elif name in numbers:
            assert numbers[name] == entry[column], name
        else:
            assert (entry[column] or 0) > max(numbers.values()), name  # newer than these headers
