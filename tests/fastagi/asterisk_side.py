"""Asterisk's side of FastAGI for tests, written after res_agi.c."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

HEADER = {
    "agi_network": "yes",
    "agi_network_script": "test",
    "agi_request": "agi://127.0.0.1/test",
    "agi_channel": "PJSIP/trunk-00000001",
    "agi_language": "en",
    "agi_type": "PJSIP",
    "agi_uniqueid": "pbx-1795370940.12",
    "agi_version": "22.10.1",
    "agi_callerid": "12025550100",
    "agi_calleridname": "Café (Süd)",
    "agi_callingpres": "0",
    "agi_callingani2": "0",
    "agi_callington": "0",
    "agi_callingtns": "0",
    "agi_dnid": "unknown",
    "agi_rdnis": "unknown",
    "agi_context": "nexefax",
    "agi_extension": "receive",
    "agi_priority": "7",
    "agi_enhanced": "0.0",
    "agi_accountcode": "ACME",
    "agi_threadid": "140094123456",
}


def header(script: str = "test", *arguments: str, **changes: str) -> bytes:
    """What launch_netscript and setup_env write."""
    lines: dict[str, str] = HEADER | {
        "agi_network_script": script,
        "agi_request": f"agi://127.0.0.1/{script}",
        **changes,
    }
    lines |= {f"agi_arg_{number}": argument for number, argument in enumerate(arguments, 1)}
    return "".join(f"{name}: {value}\n" for name, value in lines.items()).encode() + b"\n"


def parse_args(line: bytes) -> list[bytes]:
    """parse_args of res_agi.c, branch by branch."""
    words: list[bytearray] = []
    quoted = escaped = False
    whitespace = True
    for byte in line:
        letter = bytes((byte,))
        if letter == b'"' and not escaped:
            quoted = not quoted
            if quoted and whitespace:
                words.append(bytearray())
                whitespace = False
        elif letter in b" \t" and not quoted and not escaped:
            whitespace = True
        elif letter == b"\\" and not escaped:
            escaped = True
            continue
        else:
            if whitespace:
                words.append(bytearray())
                whitespace = False
            words[-1] += letter
        escaped = False
    return [bytes(word) for word in words]


Answer = Callable[[list[bytes]], bytes]


class AsteriskSide:
    """One connection as Asterisk would make it: header, then an answer to each command."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.commands: list[list[bytes]] = []

    @classmethod
    async def connect(cls, port: int, host: str = "127.0.0.1") -> AsteriskSide:
        return cls(*await asyncio.open_connection(host, port))

    async def run(self, opening: bytes, answer: Answer | None = None) -> Sequence[list[bytes]]:
        """Write ``opening`` and answer commands until the server closes; return the commands."""
        self.writer.write(opening)
        while line := await self.reader.readline():
            assert line.endswith(b"\n")
            self.commands.append(parse_args(line[:-1]))
            self.writer.write((answer or answers())(self.commands[-1]))
        self.writer.close()
        return self.commands

    async def closed(self) -> bool:
        """Wait until the server closes without a word."""
        try:
            return await self.reader.read() == b""
        except ConnectionResetError:
            return True
        finally:
            self.writer.close()


def answers(variables: Mapping[str, str] | None = None) -> Answer:
    """A live channel that has these variables."""

    def answer(words: list[bytes]) -> bytes:
        match words:
            case [b"GET", b"FULL", b"VARIABLE", expression]:
                text = expression.decode()
                for name, value in (variables or {}).items():
                    text = text.replace(f"${{URIENCODE(${{{name}}})}}", value)
                pairs = [
                    pair if "${" not in pair else pair.partition("=")[0] + "=" for pair in text.split("&")
                ]
                return f"200 result=1 ({'&'.join(pairs)})\n".encode()
            case [b"VERBOSE", *_]:
                return b"200 result=1\n"
            case _:
                return b"510 Invalid or unknown command\n"

    return answer
