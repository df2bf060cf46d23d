"""Call files: their text, and their way into Asterisk's spool (pbx_spool.c).

The text part is pure. A newline in a value would be a new key (``Application: System``), so control characters never
leave; ``;`` and `` #`` begin comments there, and a line over 1,024 bytes is skipped without a word.
"""

from __future__ import annotations

import errno
import os
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from nexefax.durable import move_file, remove_file, write_file
from nexefax.errors import SpoolError

MAX_LINE = 1_000  # bytes; pbx_spool.c reads lines into 1,024 and skips what is longer
STATION_ID_LENGTH = 20  # characters; T.30's TSI, longer is dropped whole by res_fax_spandsp.c
HEADER_LENGTH = 50  # bytes, one glyph each; longer is dropped whole
# Asterisk sets the file's time this far ahead while it dials, so that a restart in between does not dial again
RETRY_SECONDS = 86_400

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_STATUS = re.compile(rb"^Status:\s*(\w+)", re.MULTILINE)
# The technology, the endpoint, and a number that Asterisk makes (ast_channel_alloc()); never an option after a comma
_CHANNEL = re.compile(r"[A-Za-z0-9]+/[A-Za-z0-9_.:@/+*#;-]+")
_LONGEST_CHANNEL = 200  # bytes; AST_CHANNEL_NAME of channel.h has 80
_NAME = re.compile(r"nexefax-([0-9]+)-([0-9]+)\.call")


@dataclass(frozen=True, slots=True)
class Call:
    """What one call file says. ``variables`` are set on the channel; ``wait_time`` is in seconds of ringing."""

    channel: str
    caller_name: str
    caller_number: str
    account: str
    context: str
    wait_time: int
    variables: Mapping[str, str]


def call_text(call: Call) -> bytes:
    """Write the call file.

    Raises SpoolError when a line is too long for Asterisk, which would skip it in silence.
    """
    name = _clean(call.caller_name).replace("\\", "").replace('"', "'")
    lines = [
        f"Channel: {_escape(call.channel)}",
        f'CallerID: "{_escape(name)}" <{_escape(call.caller_number)}>',
        "MaxRetries: 0",
        f"RetryTime: {RETRY_SECONDS}",
        f"WaitTime: {call.wait_time}",
        f"Account: {_escape(call.account)}",
        f"Context: {_escape(call.context)}",
        "Extension: send",
        "Priority: 1",
        "Archive: yes",
        *(f"Setvar: {key}={_escape(value)}" for key, value in call.variables.items()),
    ]
    for line in lines:
        if len(line.encode()) > MAX_LINE:
            raise SpoolError(f"a line of the call file is longer than Asterisk reads: {line[:60]}…")
    return ("\n".join(lines) + "\n").encode()


def hang_up_text(channel: str, context: str) -> bytes:
    """Write the call file that ends a call: SoftHangup of ``channel``, run on a Local channel of its own.

    The dialplan's extension ``stop`` answers it. Seen to end a running fax within 4 s (app_softhangup.c).
    """
    lines = [
        f"Channel: Local/stop@{context}/n",
        "MaxRetries: 0",
        "WaitTime: 5",
        "Application: SoftHangup",
        f"Data: {_escape(channel)}",
    ]
    return ("\n".join(lines) + "\n").encode()


def read_channel(started: Path) -> str | None:
    """Return the channel that the dialplan's guard names in ``.started``; None when it is none. Blocks on the disk."""
    try:
        name = started.read_bytes()[:_LONGEST_CHANNEL].decode("ascii", "replace").strip()
    except OSError:
        return None
    return name if _CHANNEL.fullmatch(name) else None


def station_id(number: str) -> str:
    """Return ``number`` as a TSI: digits, ``+`` and spaces, at most 20 characters."""
    return re.sub(r"[^0-9+ ]", "", number)[:STATION_ID_LENGTH].strip()


def header_text(name: str) -> str:
    """Return ``name`` in ASCII, since the header line of spandsp prints one glyph a byte, cut to 50.

    Parentheses go: a lone one would end ``Set()`` in the dialplan.
    """
    replaced = name.translate(_TRANSLITERATED)
    plain = unicodedata.normalize("NFKD", replaced).encode("ascii", "ignore").decode()
    plain = re.sub(r"[()]", " ", plain)
    return " ".join(_CONTROL.sub(" ", plain).split())[:HEADER_LENGTH].strip()


_TRANSLITERATED = str.maketrans(
    {
        "ä": "ae",
        "ö": "oe",
        "ü": "ue",
        "Ä": "Ae",
        "Ö": "Oe",
        "Ü": "Ue",
        "ß": "ss",
        "æ": "ae",
        "Æ": "Ae",
        "ø": "o",
    }
    | {"Ø": "O", "œ": "oe", "Œ": "Oe", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "þ": "th", "Þ": "Th", "ı": "i"}
    | {"–": "-", "—": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "€": "EUR", "№": "No."}
)


def call_name(fax: int, attempt: int) -> str:
    """Return the name of an attempt's call file."""
    return f"nexefax-{fax}-{attempt}.call"


def _hang_up_name(fax: int, attempt: int) -> str:
    return f"nexefax-stop-{fax}-{attempt}.call"


def parse_call_name(name: str) -> tuple[int, int] | None:
    """Return (fax, attempt) of one of our call files' names."""
    match = _NAME.fullmatch(name)
    return (int(match[1]), int(match[2])) if match else None


def parse_done_status(content: bytes) -> str | None:
    """Return the last ``Status:`` that Asterisk appended: Completed, Expired or Failed."""
    found = _STATUS.findall(content)
    return found[-1].decode("ascii") if found else None


@dataclass(frozen=True, slots=True)
class Spool:
    """Asterisk's spool folders as NexeFax uses them; every method blocks on the disk.

    ``staging`` must be on the filesystem (and below the bind mount) of ``outgoing``: Asterisk reads a call file at
    once when its name appears, so only a rename will do.
    """

    outgoing: Path
    staging: Path
    done: Path

    def stage(self, fax: int, attempt: int, text: bytes) -> None:
        """Write an attempt's call file beside the spool, durable; it is not dialled yet. Raises SpoolError."""
        if not self.outgoing.is_dir():
            raise _no_outgoing(self.outgoing)
        try:
            self.staging.mkdir(mode=0o750, parents=True, exist_ok=True)
            write_file(self.staging / call_name(fax, attempt), text)
        except OSError as error:
            raise _spool_error(self.staging, error) from error

    def hand_over(self, fax: int, attempt: int) -> bool:
        """Rename a staged call file into the spool: now Asterisk dials. False when none was staged."""
        name = call_name(fax, attempt)
        try:
            move_file(self.staging / name, self.outgoing / name)
        except FileNotFoundError:
            if not self.outgoing.is_dir():
                raise _no_outgoing(self.outgoing) from None
            return False
        except OSError as error:
            raise _spool_error(self.outgoing, error) from error
        return True

    def hang_up(self, fax: int, attempt: int, text: bytes) -> None:
        """Have Asterisk end an attempt's call (:func:`hang_up_text`)."""
        name = _hang_up_name(fax, attempt)
        try:
            write_file(self.staging / name, text)
            move_file(self.staging / name, self.outgoing / name)
        except OSError as error:
            raise _spool_error(self.outgoing, error) from error

    def withdraw(self, fax: int, attempt: int) -> None:
        """Remove what there is of an attempt's call files, staged, waiting or done."""
        names = (call_name(fax, attempt), _hang_up_name(fax, attempt))
        for folder, name in product((self.staging, self.outgoing, self.done), names):
            try:
                remove_file(folder / name)
            except OSError as error:
                if error.errno != errno.ENOTDIR:
                    raise _spool_error(folder, error) from error

    def call_files(self) -> list[tuple[int, int]]:
        """Return (fax, attempt) of all our call files, staged, waiting or done. Raises SpoolError."""
        found: set[tuple[int, int]] = set()
        for folder in (self.staging, self.outgoing, self.done):
            try:
                names = [path.name for path in folder.iterdir()]
            except FileNotFoundError:
                continue
            except OSError as error:
                raise _spool_error(folder, error) from error
            found.update(named for name in names if (named := parse_call_name(name)))
        return sorted(found)

    def done_status(self, fax: int, attempt: int) -> str | None:
        """Return what Asterisk wrote when it was through with an attempt's call file; None before that."""
        try:
            handle = os.open(self.done / call_name(fax, attempt), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return None
        with os.fdopen(handle, "rb") as file:
            return parse_done_status(file.read(65_536))


def _no_outgoing(folder: Path) -> SpoolError:
    return SpoolError(
        f"{folder} is missing; is Asterisk installed, with pbx_spool loaded?"
        " config.conf, [general]: ast_call_dir names this folder"
    )


def _spool_error(folder: Path, error: OSError) -> SpoolError:
    if error.errno == errno.EXDEV:
        return SpoolError(
            "ast_staging_dir and ast_call_dir are on different filesystems (or different ReadWritePaths of the unit);"
            " config.conf, [general]: put ast_staging_dir beside ast_call_dir"
        )
    return SpoolError(f"{folder} can't be used: {error.strerror}; NexeFax's user must be able to write there")


def _clean(value: str) -> str:
    return _CONTROL.sub("", value)


def _escape(value: str) -> str:
    # apply_outgoing() of pbx_spool.c ends a line at a '#' after a blank and at a ';' without a backslash
    return re.sub(r"(?<=\s)#", "", _clean(value)).replace(";", "\\;")
