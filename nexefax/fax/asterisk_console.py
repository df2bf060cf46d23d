"""Questions to a running Asterisk over the socket of its console, as ``asterisk -rx`` asks them; no child is needed.

Asterisk's main/asterisk.c (netconsole): whoever connects is greeted with a line (host, process, version). Text that
begins with "cli quit after " is taken as commands, each ended by a NUL; their output comes as it would on a screen,
and then the connection is closed, which is the only mark of the end that there is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from nexefax.errors import SpoolError

ANSWER_SECONDS: Final = 5.0  # it answers within milliseconds, or is not well
MOST_BYTES: Final = 262_144  # three hundred sessions in full
MOST_COMMANDS: Final = 6  # in one question: Asterisk reads 512 bytes at once


async def ask_asterisk(socket: Path, commands: Sequence[str]) -> str:
    """What Asterisk says to these console commands, one after the other.

    Raises SpoolError when it can't be asked, or does not answer in time.
    """
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            reader, writer = await asyncio.open_unix_connection(str(socket), limit=MOST_BYTES)
            question = "".join(f"{command}\0" for command in commands)
            writer.write(f"cli quit after {question}".encode())
            answer = await _read_all(reader)
    except (OSError, TimeoutError, ValueError) as error:  # ValueError: a path with a NUL
        raise SpoolError(f"{socket} does not answer: {error or type(error).__name__}") from error
    finally:
        if writer is not None:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
    return answer.decode("utf-8", "replace")


async def _read_all(reader: asyncio.StreamReader) -> bytes:
    pieces, size = [], 0
    while piece := await reader.read(65_536):
        pieces.append(piece)
        size += len(piece)
        if size > MOST_BYTES:
            raise OSError("it says too much")
    return b"".join(pieces)
