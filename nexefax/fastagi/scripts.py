"""What Asterisk can call: ``agi://host/<script>``.

``test``, ``receive`` and ``send/post`` are those of the 0.0.1 beta's dialplan; ``received`` and ``sent``
are called by ours, after it has written the outcome file. All of them only say that something has happened:
what is true stands on the disk and in the journal.
"""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol
from urllib.parse import unquote

from nexefax import __version__
from nexefax.fastagi.commands import Command, get_full_variable, verbose
from nexefax.fastagi.protocol import Replied, Requested

log = logging.getLogger("nexefax.fastagi")

#: Channel variables that a report brings along. res_fax.c sets those that begin with FAX and REMOTESTATIONID;
#: pbx_spool.c sets REASON on the channel of extension ``failed``.
REPORT_VARIABLES = (
    "FAXSTATUS",
    "FAXERROR",
    "FAXSTATUSSTRING",
    "FAXPAGES",
    "FAXBITRATE",
    "FAXRESOLUTION",
    "REMOTESTATIONID",
    "FAXMODE",
    "FAXFILE",
    "HANGUPCAUSE",
    "REASON",
)

# One question for all of them, each URI-encoded: a station id is twenty bytes of the far machine's choice, and
# a newline in it would be a line of the protocol. func_uri is in every Asterisk that has our dialplan's functions.
_ALL_VARIABLES = get_full_variable(
    "&".join(f"{name}=${{URIENCODE(${{{name}}})}}" for name in REPORT_VARIABLES)
)

# What is shown of a name that we do not know: enough to find the line in the dialplan.
_SHOWN_LETTERS = 80


@dataclass(frozen=True, slots=True)
class CallReport:
    """Who called a script: untrusted text, without control characters.

    ``caller_number`` and ``caller_name`` are empty when Asterisk does not know them. ``variables`` has those of
    :data:`REPORT_VARIABLES` that are set.
    """

    unique_id: str
    account: str
    caller_number: str
    caller_name: str
    extension: str
    channel: str
    arguments: tuple[str, ...]
    variables: Mapping[str, str]


class FaxReports(Protocol):
    """Who wants to know. A method may be cancelled when it takes too long; it must bear being repeated."""

    async def receive_reported(self, report: CallReport) -> None:
        """A fax was received (beta's dialplan); the end of its file's name is ``report.unique_id``."""

    async def send_reported(self, report: CallReport, status: str, error: str, file: str) -> None:
        """An attempt ended (beta's dialplan); ``file`` is what the peer calls the TIFF, no path to be used."""

    async def received_nudged(self, report: CallReport, name: str) -> None:
        """A fax was received; ``name`` is what the peer calls the TIFF, its outcome file is beside it."""

    async def sent_nudged(self, report: CallReport, fax: int, attempt: int) -> None:
        """An attempt of fax number ``fax`` ended; its outcome file is there."""


class Asks(Protocol):
    """A dialogue that takes one command at a time."""

    async def ask(self, command: Command) -> Replied:
        """Return the answer. Raises AgiError when there is none."""


async def run_script(dialogue: Asks, request: Requested, reports: FaxReports) -> None:
    """Do what ``request`` asks for.

    Raises AgiError when the dialogue breaks, and whatever ``reports`` raises.
    """
    match request.script, request.arguments:
        case "test", _:
            await dialogue.ask(verbose(f"NexeFax {__version__} hears you."))
        case "receive", _:
            await reports.receive_reported(await _report(dialogue, request))
        case "send/post", arguments:
            status, error, file = _post_arguments(arguments)
            await reports.send_reported(await _report(dialogue, request), status, error, file)
        case "received", (_, *_) as arguments:
            # Caller ids are part of the name and may hold commas, at which AGI() splits.
            name = printable(",".join(arguments))
            await reports.received_nudged(await _report(dialogue, request), name)
        case "sent", (fax, attempt, *_) if _is_number(fax) and _is_number(attempt):
            await reports.sent_nudged(await _report(dialogue, request), int(fax), int(attempt))
        case "received" | "sent" as script, arguments:
            shown = printable(",".join(arguments))[:_SHOWN_LETTERS]
            log.warning("FastAGI script %s was called with arguments that it can't use: %r", script, shown)
            await dialogue.ask(verbose(f"NexeFax: the script {script} can't use these arguments: {shown}"))
        case script, _:
            shown = printable(script)[:_SHOWN_LETTERS]
            log.warning("FastAGI script %r is unknown; is the dialplan one of NexeFax?", shown)
            await dialogue.ask(verbose(f"NexeFax: there is no script {shown}"))


def printable(text: str) -> str:
    """Return ``text`` without control characters, and without those that turn the direction of writing."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else " "
        for letter in text
        if letter.isprintable() or unicodedata.category(letter) == "Zs"
    )


def _is_number(text: str) -> bool:
    # Beyond 18 digits SQLite has no integer for it, and int() gets slow.
    return text.isascii() and text.isdigit() and len(text) <= 18


def _post_arguments(arguments: tuple[str, ...]) -> tuple[str, str, str]:
    """Return status, error and file; spandsp's error texts have commas, at which AGI() splits."""
    clean = [printable(argument) for argument in arguments]
    match clean:
        case [status, *error, file] if error:
            return status, ",".join(error), file
        case [status, *error]:
            return status, ",".join(error), ""
        case _:
            return "", "", ""


async def _report(dialogue: Asks, request: Requested) -> CallReport:
    reply = await dialogue.ask(_ALL_VARIABLES)
    if reply.value is None:
        log.warning("FastAGI: Asterisk did not tell the fax's variables: %s %s", reply.code, reply.text)
    environment = request.environment
    return CallReport(
        unique_id=printable(environment.get("agi_uniqueid", "")),
        account=printable(environment.get("agi_accountcode", "")),
        caller_number=_known(environment.get("agi_callerid", "")),
        caller_name=_known(environment.get("agi_calleridname", "")),
        extension=printable(environment.get("agi_extension", "")),
        channel=printable(environment.get("agi_channel", "")),
        arguments=tuple(printable(argument) for argument in request.arguments),
        variables=_variables(reply.value or ""),
    )


def _known(caller: str) -> str:
    """setup_env writes "unknown" for what it does not know."""
    return "" if caller == "unknown" else printable(caller)


def _variables(pairs: str) -> Mapping[str, str]:
    found = {}
    for pair in pairs.split("&"):
        name, _, value = pair.partition("=")
        if name in REPORT_VARIABLES and value:
            found[name] = printable(unquote(value))
    return MappingProxyType(found)
