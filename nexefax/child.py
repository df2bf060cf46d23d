"""One child process in the event loop: its end, its output, its group.

A pidfd tells of the end (Linux 5.3, ``pidfd_open(2)``), so no thread waits for each child and the result does
not depend on asyncio's child watchers, whose ``wait()`` hangs in some versions while a grandchild holds a pipe.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

# What is read from a pipe at once: its whole default capacity.
CHUNK = 65536

# Past the kept part one chunk is read, then none for this long: a child that floods its output is slowed down
# to 13 MB/s by the full pipe, instead of keeping the event loop busy.
FLOOD_PAUSE = 0.005


class Output:
    """The beginning of what comes out of a pipe; the rest is read slowly and dropped."""

    def __init__(self, loop: asyncio.AbstractEventLoop, pipe: IO[bytes], cap: int) -> None:
        self.kept = bytearray()
        self.ended: asyncio.Future[None] = loop.create_future()
        self._loop = loop
        self._pipe = pipe
        self._cap = cap
        self._pause: asyncio.TimerHandle | None = None
        os.set_blocking(pipe.fileno(), False)
        loop.add_reader(pipe.fileno(), self._readable)

    def _readable(self) -> None:
        try:
            data = os.read(self._pipe.fileno(), CHUNK)
        except BlockingIOError:
            return
        self.kept += data[: self._cap - len(self.kept)]
        if not data:
            self.close()
        elif len(self.kept) >= self._cap:
            self._loop.remove_reader(self._pipe.fileno())
            self._pause = self._loop.call_later(FLOOD_PAUSE, self._resume)

    def _resume(self) -> None:
        self._pause = None
        self._loop.add_reader(self._pipe.fileno(), self._readable)

    def close(self) -> None:
        """Stop reading; may be called again."""
        if self._pipe.closed:
            return
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._pipe.fileno())
        self._pipe.close()
        if not self.ended.done():
            self.ended.set_result(None)


class Child:
    """A started program, leader of its own session and process group.

    ``stdin`` is a descriptor (or ``subprocess.DEVNULL``), ``output_cap`` how many bytes of stdout and of stderr
    are kept. Raises OSError when it can't be started. Its maker calls :meth:`release` in the end, whatever happens.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        environment: Mapping[str, str],
        stdin: int,
        output_cap: int,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._popen = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            umask=0o077,
        )
        self.pid = self._popen.pid
        self.cpu_seconds = 0.0  # what it used, with its own reaped children; known once it is reaped
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self._pidfd = -1
        self._outputs: list[Output] = []
        try:
            self._pidfd = os.pidfd_open(self.pid)
            self._loop.add_reader(self._pidfd, self._exited)
            for pipe in (self._popen.stdout, self._popen.stderr):
                assert pipe is not None  # noqa: S101 - says to the type checker what Popen was asked for
                self._outputs.append(Output(self._loop, pipe, output_cap))
        except OSError:
            self.release(end_group=True)
            raise

    def _exited(self) -> None:
        self._loop.remove_reader(self._pidfd)
        self.ended.set_result(None)

    @property
    def stdout(self) -> bytes:
        """What was kept of stdout."""
        return bytes(self._outputs[0].kept)

    @property
    def stderr(self) -> bytes:
        """What was kept of stderr."""
        return bytes(self._outputs[1].kept)

    def signal_group(self, number: int) -> None:
        """Signal the whole group; only while its leader is not reaped, since later the id may be another's."""
        if self._popen.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    async def end(self, grace: float) -> None:
        """End the whole group: SIGTERM, after ``grace`` seconds SIGKILL. Cancelled meanwhile: SIGKILL at once."""
        self.signal_group(signal.SIGTERM)
        try:
            await asyncio.wait([self.ended], timeout=grace)
        finally:
            self.signal_group(signal.SIGKILL)
            cancelled: asyncio.CancelledError | None = None
            while not self.ended.done():  # cannot be cancelled, and need not be: SIGKILL is obeyed
                try:
                    await asyncio.wait([self.ended])
                except asyncio.CancelledError as error:
                    cancelled = error
            if cancelled is not None:
                raise cancelled

    async def drain(self, seconds: float) -> None:
        """Wait until the output is read to its end, at most ``seconds``."""
        await asyncio.wait([output.ended for output in self._outputs], timeout=seconds)

    def reap(self, *, end_group: bool) -> int:
        """Collect the ended child, with ``end_group`` killing what is left of its group; its exit status.

        The group is signalled before its leader is reaped: until then the id can't be given to another.
        """
        if end_group:
            self.signal_group(signal.SIGKILL)
        if self._popen.returncode is None:
            _, status, used = os.wait4(self.pid, 0)
            self._popen.returncode = os.waitstatus_to_exitcode(status)
            self.cpu_seconds = used.ru_utime + used.ru_stime
        return self._popen.returncode

    def release(self, *, end_group: bool) -> None:
        """Close everything; the child has ended, or is killed here and waited for (with ``end_group``)."""
        self.reap(end_group=end_group)
        for output in self._outputs:
            output.close()
        for pipe in (self._popen.stdout, self._popen.stderr):
            if pipe is not None:
                pipe.close()
        if self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1


def session_members(session: int) -> tuple[int, ...]:
    """The ids of all processes of a session, zombies included, by /proc (proc(5): the fourth field after the name)."""
    members = []
    for name in os.listdir("/proc"):  # noqa: PTH208 - names only, several hundred, ten times a second
        if name.isdecimal():
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as status:  # noqa: PTH123 - likewise
                if int(status.read().rpartition(b") ")[2].split(maxsplit=4)[3]) == session:
                    members.append(int(name))
    return tuple(members)
