"""The log: one line per event, stamped as the beta did, written by a thread of its own.

What is here of a queue, a thread and a watched file is in ``logging.handlers`` as well; but that brings pickle and
sockets with it, four tenths of a megabyte that an idle server would keep, and its thread ends at the first error.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

from nexefax.errors import ConfigError

FORMAT = "%(asctime)s [%(levelname)s] %(message)s"
STAMP = "%Y-%m-%d %I:%M:%S %p"  # the beta's; log readers may expect it


class _OneLine(logging.Formatter):
    """Keeps each event on its line: a newline in what a stranger said must not look like an event of its own."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        if record.exc_info or record.stack_info:
            return text  # a traceback is ours, and has lines
        return "".join(sign if sign.isprintable() else " " for sign in text)


class _Sender(logging.Handler):
    """Hands records to the writing thread."""

    def __init__(self, queue: SimpleQueue[logging.LogRecord | None]) -> None:
        super().__init__()
        self._queue = queue

    def emit(self, record: logging.LogRecord) -> None:
        try:
            record.msg, record.args = (
                record.getMessage(),
                None,
            )  # what it says now, whatever its arguments become
        except Exception:  # a wrong format is told on stderr, as logging does everywhere
            self.handleError(record)
        else:
            self._queue.put(record)


class _WatchedFile(logging.FileHandler):
    """Makes its file again when logrotate has moved it away."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if self.stream is not None and self._moved(self.stream.fileno()):
                self.stream.close()
                self.stream = None  # the base class opens it
            super().emit(record)
        except OSError:  # its folder is gone, or closed to us: the lines go on when it is back
            self.handleError(record)

    def _moved(self, handle: int) -> bool:
        try:
            return not os.path.samestat(os.fstat(handle), os.stat(self.baseFilename))  # noqa: PTH116 - logging has it as a string
        except FileNotFoundError:
            return True


def _write(queue: SimpleQueue[logging.LogRecord | None], handlers: Sequence[logging.Handler]) -> None:
    """The thread: write records until there comes None."""
    while (record := queue.get()) is not None:
        for handler in handlers:
            if record.levelno >= handler.level:
                handler.handle(record)


@contextmanager
def logging_to(file: Path, *, debug: bool) -> Iterator[None]:
    """Send all log lines to ``file`` (made again when logrotate has moved it) and warnings to stderr.

    Files are written by a thread, so that a slow disk never holds up the event loop. Raises ConfigError when the
    file can't be written.
    """
    try:
        to_file = _WatchedFile(file, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"config.conf, [logging]: file={file} can't be written ({error.strerror}); make its folder, owned by"
            " NexeFax's user, or name another file"
        ) from error
    to_file.setFormatter(_OneLine(FORMAT, STAMP))
    to_stderr = logging.StreamHandler(sys.stderr)
    to_stderr.setLevel(logging.WARNING)
    to_stderr.setFormatter(_OneLine("[%(levelname)s] %(message)s"))
    queue: SimpleQueue[logging.LogRecord | None] = SimpleQueue()
    thread = threading.Thread(target=_write, args=(queue, (to_file, to_stderr)), name="log", daemon=True)
    sender = _Sender(queue)
    root = logging.getLogger()
    root.addHandler(sender)
    set_debug(debug)
    thread.start()
    try:
        yield
    finally:
        root.removeHandler(sender)
        queue.put(None)
        thread.join()
        to_file.close()


def set_debug(debug: bool) -> None:
    """Log more, or no longer."""
    logging.getLogger().setLevel(logging.INFO)
    logging.getLogger("nexefax").setLevel(logging.DEBUG if debug else logging.INFO)
