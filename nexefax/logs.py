"""The log: one line per event, stamped as the beta did, written by a thread of its own."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import QueueHandler, QueueListener, WatchedFileHandler
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


class _Sender(QueueHandler):
    """Hands records to the thread as they are: they stay in this process, and a traceback keeps its lines."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        record.msg, record.args = record.getMessage(), None  # what it says now, whatever its arguments become
        return record


@contextmanager
def logging_to(file: Path, *, debug: bool) -> Iterator[None]:
    """Send all log lines to ``file`` (made again when logrotate has moved it) and warnings to stderr.

    Files are written by a thread, so that a slow disk never holds up the event loop. Raises ConfigError when the
    file can't be written.
    """
    try:
        to_file = WatchedFileHandler(file, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"config.conf, [logging]: file={file} can't be written ({error.strerror}); make its folder, owned by"
            " NexeFax's user, or name another file"
        ) from error
    to_file.setFormatter(_OneLine(FORMAT, STAMP))
    to_stderr = logging.StreamHandler(sys.stderr)
    to_stderr.setLevel(logging.WARNING)
    to_stderr.setFormatter(_OneLine("[%(levelname)s] %(message)s"))
    queue: SimpleQueue[logging.LogRecord] = SimpleQueue()
    listener = QueueListener(queue, to_file, to_stderr, respect_handler_level=True)
    sender = _Sender(queue)
    root = logging.getLogger()
    root.addHandler(sender)
    set_debug(debug)
    listener.start()
    try:
        yield
    finally:
        root.removeHandler(sender)
        listener.stop()
        to_file.close()


def set_debug(debug: bool) -> None:
    """Log more, or no longer."""
    logging.getLogger().setLevel(logging.INFO)
    logging.getLogger("nexefax").setLevel(logging.DEBUG if debug else logging.INFO)
