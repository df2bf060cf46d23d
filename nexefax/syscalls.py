"""The seccomp filter of the cage, as pure data: which system calls a converter is refused, and the BPF for it.

The filter is a list of refusals, not of permissions: a converter can then use what a newer C library wants, and the
list says openly what is taken away. Calls newer than the list are refused as unknown (ENOSYS), so that it cannot
grow stale in the dangerous direction. What it must do follows from what the other layers do not: Landlock knows no
sockets but TCP, no processes, and neither modes, owners nor times of files; resource limits know no sum over
processes. See seccomp(2), linux/seccomp.h, linux/bpf_common.h; numbers from arch/x86/entry/syscalls/syscall_64.tbl
and include/uapi/asm-generic/unistd.h (a test compares them with the headers of the machine).

No imports beyond ``struct``: the launcher loads this for every converter.
"""

from __future__ import annotations

import struct

EPERM, ENOSYS, ECONNREFUSED = 1, 38, 111

# AUDIT_ARCH_* (linux/audit.h): the one ABI that a process of this machine may use. i386, x32 and 32-bit ARM number
# their calls differently and would walk past every comparison.
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# Calls from this number on are unknown to this list. 462 is mseal (Linux 6.10); x32's numbers begin at 2**30.
FIRST_UNKNOWN = 463

# name: (number on x86_64, number on aarch64); None where the architecture has no such call.
Calls = dict[str, tuple[int | None, int | None]]

# Programs ask for these and live without: they are answered ENOSYS, as by an older kernel. clone3 hides its flags
# in memory, where no filter can read them; the C library falls back to clone. A memfd is memory that no limit counts.
ABSENT: Calls = {
    "clone3": (435, 435),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "userfaultfd": (323, 282),
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
}

# The network, and Asterisk's control socket and ours behind Unix sockets.
SOCKETS: Calls = {"socket": (41, 198), "socketpair": (53, 199)}
CONNECT: Calls = {"connect": (42, 203)}

# Other processes: reading, steering, signalling, starving them. setsid and setpgid would leave the process group
# that the daemon ends as a whole.
PROCESSES: Calls = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "kcmp": (312, 272),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "setsid": (112, 157),
    "setpgid": (109, 154),
    "setpriority": (141, 140),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
    "ioprio_set": (251, 30),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
}
FORKS: Calls = {"fork": (57, None), "vfork": (58, None)}

# What Landlock leaves open on files by name (modes, owners, times, attributes of anything that the user owns), and
# links and special files, which would lead the reader of a result astray.
FILES: Calls = {
    "chmod": (90, None),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "truncate": (76, 45),  # Landlock knows it from ABI 3 on; Debian 12's kernel has 2
    "symlink": (88, None),
    "symlinkat": (266, 36),
    "link": (86, None),
    "linkat": (265, 37),
    "mknod": (133, None),
    "mknodat": (259, 33),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
}

# Memory and messages that outlive the process and are counted nowhere.
SHARED_MEMORY: Calls = {
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "semget": (64, 190),
    "semop": (65, 193),
    "semctl": (66, 191),
    "semtimedop": (220, 192),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
}

# The system itself: mostly root's, and each a door that kernels have had broken before.
SYSTEM: Calls = {
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "statmount": (457, 457),
    "listmount": (458, 458),
    "unshare": (272, 97),
    "setns": (308, 268),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "acct": (163, 89),
    "syslog": (103, 116),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "vhangup": (153, 58),
    "personality": (135, 92),
    "lookup_dcookie": (212, 18),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
}

# Calls that are judged by an argument, see _judged.
JUDGED: Calls = {
    "clone": (56, 220),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "prlimit64": (302, 261),
    "sched_setaffinity": (203, 122),
    "prctl": (157, 167),
    "fcntl": (72, 25),
    "ioctl": (16, 29),
    "utimensat": (280, 88),
}

CLONE_THREAD = 0x10000
CLONE_NEW_NAMESPACES = 0x7E020000  # NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
PR_SET_PDEATHSIG = 1  # with which the child would outlive the daemon
F_SETOWN, F_SETSIG, F_SETOWN_EX = 8, 10, 15  # with which the kernel sends signals on the child's behalf
TIOCSTI, TIOCLINUX = 0x5412, 0x541C  # with which keys are typed into a terminal
AF_UNIX, SOCK_STREAM, SOCK_TYPE_MASK = 1, 1, 0xF

# linux/seccomp.h, linux/bpf_common.h
RET_KILL_PROCESS, RET_ERRNO, RET_ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
LD_W_ABS, JEQ, JGE, JSET, AND, RET = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
NR, ARCH, ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data; both architectures are little-endian

Instruction = tuple[int, int, int, int]
_ALLOW: Instruction = (RET, 0, 0, RET_ALLOW)
_REFUSE: Instruction = (RET, 0, 0, RET_ERRNO | EPERM)


def _argument(index: int, *, high: bool = False) -> Instruction:
    return (LD_W_ABS, 0, 0, ARGUMENTS + 8 * index + (4 if high else 0))


def _only(index: int, *values: int) -> list[Instruction]:
    """Allow when the low 32 bits of an argument are one of ``values`` (the kernel takes an int there)."""
    block = [_argument(index)]
    for value in values:
        block += [(JEQ, 0, 1, value & 0xFFFFFFFF), _ALLOW]
    return [*block, _REFUSE]


def _never(index: int, *values: int) -> list[Instruction]:
    """Refuse when the low 32 bits of an argument are one of ``values``."""
    block = [_argument(index)]
    for value in values:
        block += [(JEQ, 0, 1, value), _REFUSE]
    return [*block, _ALLOW]


def _judged(pid: int, *, may_fork: bool) -> dict[str, list[Instruction]]:
    """What follows a matching call number, for each name of :data:`JUDGED`: loads, tests, and a verdict at each end."""
    fork = [_ALLOW] if may_fork else [(JSET, 0, 1, CLONE_THREAD), _ALLOW, _REFUSE]
    return {
        "clone": [_argument(0), (JSET, 0, 1, CLONE_NEW_NAMESPACES), _REFUSE, *fork],
        "kill": _only(0, pid),  # abort() and raise(); 0 and -1 would be groups
        "tkill": _only(0, pid),
        "tgkill": _only(0, pid),
        "prlimit64": _only(0, 0, pid),
        "sched_setaffinity": _only(0, 0, pid),
        "prctl": _never(0, PR_SET_PDEATHSIG),
        "fcntl": _never(1, F_SETOWN, F_SETSIG, F_SETOWN_EX),
        "ioctl": _never(1, TIOCSTI, TIOCLINUX),
        # Without a path it changes the times of an open file, as futimens(3) does.
        "utimensat": [_argument(1), (JEQ, 0, 3, 0), _argument(1, high=True), (JEQ, 0, 1, 0), _ALLOW, _REFUSE],
    }


def filter_program(machine: str, pid: int, *, may_fork: bool = False, unix_sockets: bool = False) -> bytes:
    """The BPF program (an array of ``struct sock_filter``) for a converter with process id ``pid``.

    ``machine`` is a key of :data:`ARCHITECTURES` (ValueError otherwise), as ``uname -m`` says it. ``may_fork`` lets
    the converter start processes (they stay in its group, see PROCESSES), ``unix_sockets`` lets it make Unix
    stream sockets; to connect stays refused.
    """
    column = list(ARCHITECTURES).index(machine)
    program: list[Instruction] = [
        (LD_W_ABS, 0, 0, ARCH),
        (JEQ, 1, 0, ARCHITECTURES[machine]),
        (RET, 0, 0, RET_KILL_PROCESS),
        (LD_W_ABS, 0, 0, NR),
        (JGE, 0, 1, FIRST_UNKNOWN),
        (RET, 0, 0, RET_ERRNO | ENOSYS),
    ]
    blocks: list[tuple[Calls, list[Instruction]]] = [(ABSENT, [(RET, 0, 0, RET_ERRNO | ENOSYS)])]
    blocks.append(
        (CONNECT, [(RET, 0, 0, RET_ERRNO | ECONNREFUSED)])
    )  # nobody listens, as far as a converter can tell
    blocks += [(calls, [_REFUSE]) for calls in (PROCESSES, FILES, SHARED_MEMORY, SYSTEM)]
    if not may_fork:
        blocks.append((FORKS, [_REFUSE]))
    if unix_sockets:
        stream = [_argument(1), (AND, 0, 0, SOCK_TYPE_MASK), (JEQ, 0, 1, SOCK_STREAM), _ALLOW, _REFUSE]
        blocks.append((SOCKETS, [_argument(0), (JEQ, 1, 0, AF_UNIX), _REFUSE, *stream]))
    else:
        blocks.append((SOCKETS, [_REFUSE]))
    blocks += [({name: JUDGED[name]}, block) for name, block in _judged(pid, may_fork=may_fork).items()]
    for calls, block in blocks:
        for numbers in calls.values():
            number = numbers[column]
            if number is not None:
                program += [(JEQ, 0, len(block), number), *block]
    program.append(_ALLOW)
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
