"""How the C library's malloc keeps freed memory: the daemon gives it back, instead of keeping the most it ever had.

glibc raises its threshold for mapped blocks, from 128 KiB up to 32 MiB, whenever a mapped block is freed, and then
carves blocks of that size from its heaps, one for each thread, where any small block behind them holds them. After a
long fax had been rendered, that kept tens of megabytes of pictures long gone. See mallopt(3) and malloc.c.
"""

from __future__ import annotations

M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8  # malloc.h

# What takes more is mapped, and unmapped when it is freed; setting it keeps it from being raised.
MAPPED_FROM = 65_536
# Python's threads take turns under its lock: heaps of their own win them nothing.
HEAPS = 1


def give_back_freed_memory() -> bool:
    """Set this process's malloc so; False where the C library has no mallopt (musl), which then stays as it is.

    Call it before threads are started.
    """
    import ctypes  # here: commands other than serve do without

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, MAPPED_FROM)) and bool(mallopt(M_ARENA_MAX, HEAPS))
