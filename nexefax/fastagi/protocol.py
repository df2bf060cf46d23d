"""FastAGI without I/O: bytes in, events out; commands in, bytes out. No loop, no clock.

Written after Asterisk's ``res/res_agi.c``: ``launch_netscript`` and ``setup_env`` send the header,
``parse_args`` reads commands, ``agi_handle_command`` and ``run_agi`` answer and send HANGUP. Checked
against Asterisk 16 and 22.

A dialogue is used by one connection, with one command in flight at a time. What a peer sends that
Asterisk would not (NULs, a header without end, an answer to no question) becomes a :class:`Broken`, and
the dialogue is over: nothing that comes later can be told from what an attacker put into a value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from nexefax.errors import AgiError
from nexefax.fastagi.commands import Command

# Lines of a header: 22 that setup_env always writes, and the arguments, of which MAX_ARGS = 128 are split.
MAX_HEADER_LINES = 160
# A whole header. All arguments share 8 KiB (pbx.c substitutes an application's data into EXT_DATA_SIZE = 8192
# bytes), and the script's name stands in it twice; names, numbers and contexts are short.
MAX_HEADER_BYTES = 32 * 1024
# A whole reply, usage blocks and values with newlines in them included. GET FULL VARIABLE substitutes up
# to 4 KiB for each function in it; the longest usage text of Asterisk's XML documentation is below 8 KiB.
MAX_REPLY_BYTES = 64 * 1024

_PREFIX = b"agi_"
_REPLY_LINE = re.compile(r"([1-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
_RESULT = re.compile(r"result=(\S*) ?(.*)", re.DOTALL)
# A value may itself hold parentheses; only the audio and speech commands write something behind it.
_VALUE = re.compile(r"\((.*)\)(?: (endpos=.*))?", re.DOTALL)
_END_OF_USAGE = "520 End of proper usage."


@dataclass(frozen=True, slots=True)
class Requested:
    """The header has arrived: ``environment`` maps ``agi_…`` names to values, all untrusted text."""

    environment: Mapping[str, str]

    @property
    def script(self) -> str:
        """What is called: the path of ``agi://host/path``, without its slash and without a query."""
        path = self.environment.get("agi_network_script")
        if path is None:  # only a URL that has a path makes launch_netscript write agi_network_script
            path = self.environment.get("agi_request", "").partition("://")[2].partition("/")[2]
        return path.partition("?")[0].strip("/")

    @property
    def arguments(self) -> tuple[str, ...]:
        """The arguments of ``AGI(url,first,second,…)``, without gaps."""
        found: list[str] = []
        while (value := self.environment.get(f"agi_arg_{len(found) + 1}")) is not None:
            found.append(value)
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Replied:
    """The answer to the command in flight.

    ``result`` is the word after ``result=``; ``value`` what stood in parentheses, or None when nothing did;
    ``text`` the rest of the line, or the lines of a usage block (code 520).
    """

    code: int
    result: str = ""
    value: str | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class HungUp:
    """The caller is gone; the dialogue goes on, with the commands that a dead channel allows."""


@dataclass(frozen=True, slots=True)
class Broken:
    """The peer broke the protocol, ``reason`` says how; no event follows this one."""

    reason: str


Event = Requested | Replied | HungUp | Broken


class Dialogue:
    """One FastAGI connection, seen from the server."""

    __slots__ = (
        "_broken",
        "_buffer",
        "_in_flight",
        "_in_header",
        "_reply",
        "_reply_bytes",
        "_searched",
        "hung_up",
    )

    def __init__(self) -> None:
        self.hung_up = False
        self._buffer = b""  # the header until it is whole, then at most one unfinished line
        self._searched = 0  # bytes of the buffer in which the header's end is not
        self._in_header = True
        self._in_flight = False
        self._reply: list[str] = []  # lines of a reply that goes on
        self._reply_bytes = 0
        self._broken = False

    def send(self, command: Command) -> bytes:
        """Put ``command`` in flight and return its bytes.

        Raises AgiError when another is in flight, the header is not complete, the dialogue is broken, the
        peer has begun to say something unasked, or the command can't be written.
        """
        if self._broken or self._in_header or self._in_flight:
            raise AgiError("No AGI command can be sent now.")
        if not b"HANGUP\n".startswith(self._buffer):
            self._broken = True
            raise AgiError("The peer spoke without being asked.")
        encoded = command.encode()
        self._in_flight = True
        return encoded

    def feed(self, data: bytes) -> list[Event]:
        """Take bytes from the peer and return what they complete, in order; the last may be a Broken."""
        events: list[Event] = []
        if self._broken:
            return events
        if b"\0" in data:  # res_agi.c prints C strings
            return [self._break("The peer sent a NUL.")]
        self._buffer += data
        try:
            if self._in_header:
                requested = self._header()
                if requested is None:
                    return events
                events.append(requested)
            lines = self._buffer.split(b"\n")
            self._buffer = lines.pop()
            for line in lines:
                event = self._line(line)
                if event is not None:
                    events.append(event)
            self._check_reply_size(len(self._buffer))
        except AgiError as error:
            events.append(self._break(str(error)))
        return events

    def end(self) -> Broken | None:
        """Take the end of the peer's stream; Broken when it came in the middle of something."""
        if self._broken:
            return None
        if self._in_header:
            return self._break("The connection ended in the middle of the header.")
        if self._in_flight:
            return self._break("The connection ended before the answer to a command.")
        self._broken = True
        return None

    def _break(self, reason: str) -> Broken:
        self._broken = True
        self._buffer = b""
        self._reply.clear()
        return Broken(reason)

    def _header(self) -> Event | None:
        """Take the header, once it is whole, out of the buffer. Raises AgiError."""
        end = self._buffer.find(b"\n\n", self._searched)
        if end < 0 or end > MAX_HEADER_BYTES:
            if len(self._buffer) > MAX_HEADER_BYTES:
                raise AgiError("The header is too long.")
            # Whoever speaks another protocol here learns it at once, not at the deadline.
            if not (self._buffer.startswith(_PREFIX) or _PREFIX.startswith(self._buffer)):
                raise AgiError("This is no AGI header.")
            self._searched = max(0, len(self._buffer) - 1)
            return None
        header, self._buffer = self._buffer[:end], self._buffer[end + 2 :]
        self._in_header = False
        return Requested(_environment(header))

    def _line(self, line: bytes) -> Event | None:
        if self._reply:
            return self._continue_reply(line)
        if line == b"HANGUP":  # run_agi sends it when it sees the hang-up, before or after a command
            self.hung_up = True
            return HungUp()
        if not self._in_flight:
            raise AgiError("The peer spoke without being asked.")
        text = self._reply_text(line)
        match = _REPLY_LINE.fullmatch(text)
        if match is None:
            raise AgiError(f"{text[:60]!r} is no AGI answer.")
        code, separator, rest = int(match[1]), match[2], match[3] or ""
        if code < 200:  # "100 result=0 Trying..." of GOSUB: the answer follows
            self._reply_bytes = 0
            return None
        if separator == "-" or _is_open_value(rest):
            self._reply.append(text)
            return None
        return self._replied(code, rest)

    def _continue_reply(self, line: bytes) -> Event | None:
        text = self._reply_text(line)
        first = self._reply[0]
        self._reply.append(text)
        if first[3] == "-":
            # Usage texts made from the XML documentation end without a newline, so the last line may
            # have something before it.
            if not text.endswith(_END_OF_USAGE):
                return None
            self._reply[-1] = text.removesuffix(_END_OF_USAGE)
            usage = "\n".join([first[4:], *self._reply[1:]]).rstrip("\n")
            return self._done(Replied(int(first[:3]), text=usage))
        if not text.endswith(")"):  # a variable's value with a newline in it
            return None
        return self._replied(int(first[:3]), "\n".join(self._reply)[4:])

    def _replied(self, code: int, rest: str) -> Event:
        match = _RESULT.fullmatch(rest)
        if match is None:
            return self._done(Replied(code, text=rest))
        result, rest = match[1], match[2]
        match = _VALUE.fullmatch(rest)
        if match is None:
            return self._done(Replied(code, result, text=rest))
        return self._done(Replied(code, result, match[1], match[2] or ""))

    def _done(self, reply: Replied) -> Replied:
        self._in_flight = False
        self._reply.clear()
        self._reply_bytes = 0
        return reply

    def _reply_text(self, line: bytes) -> str:
        self._reply_bytes += len(line) + 1
        self._check_reply_size()
        return _text(line)

    def _check_reply_size(self, unfinished: int = 0) -> None:
        if self._reply_bytes + unfinished > MAX_REPLY_BYTES:
            raise AgiError("The answer is too long.")


def _environment(header: bytes) -> Mapping[str, str]:
    """Return the names and values of a header. Raises AgiError."""
    text = _text(header)
    count = text.count("\n") + 1
    if count > MAX_HEADER_LINES:
        raise AgiError("The header has too many lines.")
    # All names counted and all lines split at once: line by line, this was most of what a session cost us.
    if not text.startswith("agi_") or text.count("\nagi_") + 1 != count:
        raise AgiError("The header has lines that are none of AGI.")
    try:
        environment = dict([line.split(": ", 1) for line in text.split("\n")])
    except ValueError:
        raise AgiError("The header has a line without a value.") from None
    # A caller's name with a newline in it could bring lines of its own; Asterisk sends each name once.
    if len(environment) != count:
        raise AgiError("The header has a name twice.")
    return MappingProxyType(environment)


def _is_open_value(rest: str) -> bool:
    """Say whether a variable's value begins here and goes on behind a newline in it."""
    match = _RESULT.fullmatch(rest)
    return match is not None and match[2].startswith("(") and _VALUE.fullmatch(match[2]) is None


def _text(line: bytes) -> str:
    """Decode one line: UTF-8, as Asterisk's own texts are; other bytes become U+FFFD.

    Lone surrogates instead would come back to bytes unharmed, but neither JSON nor SQLite takes them.
    """
    return line.decode("utf-8", "replace").removesuffix("\r")
