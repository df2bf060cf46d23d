"""The AGI commands that NexeFax gives, written for ``parse_args`` of Asterisk's ``res/res_agi.c``."""

from __future__ import annotations

from dataclasses import dataclass

from nexefax.errors import AgiError

# A command with its newline: run_agi reads with fgets into AGI_BUF_LEN bytes (8192, once 2048), which keeps one for
# the NUL; what is longer is taken for two commands.
MAX_COMMAND_BYTES = 2047


@dataclass(frozen=True, slots=True)
class Command:
    """One AGI command: its words as they are, its arguments quoted for ``parse_args``."""

    words: str
    arguments: tuple[str, ...] = ()

    def encode(self) -> bytes:
        """Return the line to send. AgiError: a control character in it, or longer than Asterisk reads."""
        line = " ".join((self.words, *map(_quote, self.arguments)))
        if not line.isprintable() and any(ord(letter) < 0x20 or letter == "\x7f" for letter in line):
            raise AgiError(f"An AGI command can't hold control characters: {line!r}.")
        encoded = line.encode("utf-8", "replace") + b"\n"
        if len(encoded) > MAX_COMMAND_BYTES:
            raise AgiError(f"An AGI command of {len(encoded)} bytes is longer than Asterisk reads.")
        return encoded


def _quote(argument: str) -> str:
    # parse_args: a backslash takes the next character as it is, in quotes and outside of them.
    return '"' + argument.replace("\\", "\\\\").replace('"', '\\"') + '"'


def get_variable(name: str) -> Command:
    """Ask for a channel variable or a function; a value beyond 1,023 bytes of a function is cut."""
    return Command("GET VARIABLE", (name,))


def get_full_variable(expression: str, channel: str = "") -> Command:
    """Ask what ``expression``, with ``${…}`` in it, becomes on this channel or on ``channel``."""
    return Command("GET FULL VARIABLE", (expression, channel) if channel else (expression,))


def set_variable(name: str, value: str) -> Command:
    """Set a channel variable."""
    return Command("SET VARIABLE", (name, value))


def verbose(text: str, level: int = 1) -> Command:
    """Print ``text`` on Asterisk's console when its verbosity is at least ``level`` (1 to 4)."""
    return Command("VERBOSE", (text, str(level)))


def noop(text: str = "") -> Command:
    """Do nothing; ``text`` shows in Asterisk's AGI debugging."""
    return Command("NOOP", (text,) if text else ())


def channel_status(channel: str = "") -> Command:
    """Ask for the state of this channel or of ``channel``; 511 when this one is dead."""
    return Command("CHANNEL STATUS", (channel,) if channel else ())


def hangup(channel: str = "") -> Command:
    """Hang up this channel or ``channel``."""
    return Command("HANGUP", (channel,) if channel else ())
