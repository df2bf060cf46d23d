"""`nexefax queue`: what is waiting, what became of it, and what an administrator may do about it."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from nexefax.config import load
from nexefax.control_client import ask_daemon, tell_daemon
from nexefax.errors import JournalError
from nexefax.queue_list import Wanted, listed, shown

if TYPE_CHECKING:
    import argparse

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

HEAD = ("FAX", "", "ACCOUNT", "WITH", "PAGES", "STATE")


def add_queue(commands: Subparsers, common: argparse.ArgumentParser, again: argparse.ArgumentParser) -> None:
    """Add the command to the command line's ``commands``.

    ``common`` has the options of all commands, ``again`` the same without defaults, for what follows the action.
    """
    purpose = "list, show, cancel, resend and retry faxes"
    queue = commands.add_parser("queue", parents=[common], help=purpose, description=purpose)
    queue.set_defaults(command=_list, all=False, account="", state="", direction="", limit=100, json=False)
    actions = queue.add_subparsers(metavar="ACTION", title="actions")

    def add(name: str, command: Callable[[argparse.Namespace], int], purpose: str) -> argparse.ArgumentParser:
        action = actions.add_parser(name, parents=[again], help=purpose, description=purpose)
        action.set_defaults(command=command)
        return action

    lists = add("list", _list, "list faxes: those that are not over, unless --all or --state is given")
    lists.add_argument("--all", action="store_true", help="also faxes that are over")
    lists.add_argument("--account", default="", help="only this account's")
    lists.add_argument("--state", default="", help="only those in this state, such as failed")
    lists.add_argument("--direction", default="", choices=("in", "out"), help="only faxes in or out")
    lists.add_argument(
        "--limit", type=int, default=100, help="at most so many, the latest (default: %(default)s)"
    )
    shows = add("show", _show, "show all that is known of a fax")
    for parser in (lists, shows):
        parser.add_argument("--json", action="store_true", help="for programs")
    cancels = add("cancel", _cancel, "do not send faxes; a call that is being made is ended")
    retries = add("retry", _retry, "try faxes at once, and their mails, also those that were refused")
    for parser in (cancels, retries):
        parser.add_argument("number", type=_fax_number, nargs="+", help="the fax's number")
    resends = add("resend", _resend, "send a fax once more, as a new one")
    resends.add_argument("--to", default="", metavar="NUMBER", help="another fax number than before")
    for parser in (shows, resends):
        parser.add_argument("number", type=_fax_number, help="the fax's number")


def _fax_number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 15):
        raise ValueError(text)
    return int(text)


def _list(options: argparse.Namespace) -> int:
    wanted = Wanted.of(
        {
            "account": options.account,
            "state": options.state,
            "direction": options.direction,
            "final": "1" if options.all else "",
            "limit": str(options.limit),
        }
    )
    seen = ask_daemon(
        load(options.config), f"/faxes?{urlencode(wanted.query())}", lambda c: listed(c, wanted)
    )
    if options.json:
        print(json.dumps(seen, indent=2))
    else:
        print("\n".join(list_lines(seen)))
    return 0


def list_lines(seen: Mapping[str, Any]) -> list[str]:
    """Return a table of the faxes that were listed."""
    if not seen["faxes"]:
        return ["No fax is waiting or under way."]
    rows = [HEAD, *(_row(fax) for fax in seen["faxes"])]
    widths = [max(_columns(row[column]) for row in rows) for column in range(len(HEAD) - 1)]
    lines = []
    for row in rows:
        cells = (cell + " " * (width - _columns(cell)) for cell, width in zip(row[:-1], widths, strict=True))
        lines.append("  ".join([*cells, row[-1]]))
    if seen["more"]:
        lines.append(f"… and {seen['more']} older; --limit shows more")
    return lines


def _row(fax: Mapping[str, Any]) -> tuple[str, ...]:
    pages = fax["pages"]
    done = fax["pages_done"]
    some = f"{done}/{pages}" if pages and done and done != pages else str(pages or done or "")
    who = fax["number"] or fax["station"] or "unknown"
    return (str(fax["id"]), fax["direction"], plain(fax["account"]), plain(who), some, state_in_words(fax))


def state_in_words(fax: Mapping[str, Any]) -> str:
    """Return a fax's state with its reason, next try and attempts."""
    parts = ["being cancelled" if fax["cancelled_by"] and fax["state"] == "calling" else fax["state"]]
    if fax["reason"]:
        parts.append(plain(fax["reason"]))
    if fax["next_try"] is not None and fax["state"] in ("queued", "ready", "received"):
        parts.append(f"next try {_time(fax['next_try'])}")
    if fax["direction"] == "out" and fax["attempts"] and fax["state"] in ("ready", "calling", "failed"):
        parts.append(f"attempt {fax['attempts']}, {fax['counted']} of {fax['max_attempts']} failed")
    if fax["doubtful"]:
        parts.append("may have arrived more than once")
    return "; ".join(parts)


def _show(options: argparse.Namespace) -> int:
    number = options.number
    seen = ask_daemon(load(options.config), f"/faxes/{number}", lambda c: shown(c, number))
    if options.json:
        print(json.dumps(seen, indent=2))
    else:
        print("\n".join(show_lines(seen)))
    return 0


def show_lines(seen: Mapping[str, Any]) -> Iterator[str]:
    """Yield all that is known of a fax, in words."""
    fax = seen["fax"]
    way = "to" if fax["direction"] == "out" else "from"
    yield f"Fax {fax['id']} of {plain(fax['account'])} {way} {plain(fax['number']) or 'an unknown number'}"
    for title, value in (
        ("state", state_in_words(fax)),
        ("user", fax["user"]),
        ("caller", fax["caller_name"]),
        ("station", fax["station"]),
        ("subject", fax["subject"]),
        ("document", fax["document_name"]),
        ("pages", _row(fax)[4]),
        ("resolution", fax["resolution"]),
        ("bit rate", fax["bitrate"]),
        ("next attempt", f"from page {fax['first_page']} on" if fax["first_page"] > 1 else ""),
        ("settings", fax["line_settings"]),
        ("sends again", fax["resent_from"] and f"fax {fax['resent_from']}"),
        ("repeats", fax["repeat_of"] and f"probably fax {fax['repeat_of']}"),
        ("spool", fax["spool_name"]),
        ("files", fax["files_deleted"] and f"deleted {_time(fax['files_deleted'])}"),
        ("notes", "; ".join(fax["notes"])),
    ):
        if value:
            yield f"  {title + ':':<14}{plain(str(value))}"
    yield "Timeline"
    for event in seen["events"]:
        yield f"  {_time(event['at'])}  {plain(event['text'])}"
    if seen["attempts"]:
        yield "Attempts"
    for attempt in seen["attempts"]:
        end = _time(attempt["ended"]) if attempt["ended"] else "under way"
        said = (
            attempt["cause"], attempt["sentence"], f"{attempt['bitrate']} bit/s" if attempt["bitrate"] else "",
            attempt["mode"], attempt["station"], attempt["line_settings"],
        )  # fmt: skip
        words = ", ".join(plain(word) for word in said if word)
        yield f"  {attempt['number']}: {_time(attempt['started'])} to {end}  {words}"
    for title, told, name in (("Mails", seen["mails"], "kind"), ("Webhook", seen["webhooks"], "event")):
        if told:
            yield title
        for row in told:
            waits = f", next try {_time(row['next_try'])}" if row["state"] == "waiting" else ""
            error = f": {plain(row['error'])}" if row["error"] else ""
            yield f"  {row[name]}: {row['state']} after {row['attempts']} tries{waits}{error}"


def _cancel(options: argparse.Namespace) -> int:
    def told(number: int, fax: Mapping[str, Any]) -> str | None:
        if fax["state"] == "cancelled":
            return f"Fax {number} is cancelled."
        if fax["state"] == "calling" and fax["cancelled_by"]:
            return f"Fax {number} is being dialled; its call is being ended."
        return None

    return _each(options, "cancel", told, "can't be cancelled any more")


def _retry(options: argparse.Namespace) -> int:
    def told(number: int, fax: Mapping[str, Any]) -> str | None:
        if fax["state"] in ("failed", "cancelled"):
            return None
        return f"Fax {number} does not wait any more; it is {fax['state']}."

    return _each(options, "retry", told, "can't be tried again, only resent")


def _each(options: argparse.Namespace, action: str, told: Any, refused: str) -> int:
    config, status = load(options.config), 0
    for number in options.number:
        try:
            fax = tell_daemon(config, f"/faxes/{number}/{action}")
        except JournalError as error:
            print(f"nexefax: {error}", file=sys.stderr)
            status = 1
            continue
        sentence = told(number, fax)
        if sentence is None:
            print(f"Fax {number} {refused}: it is {fax['state']}.", file=sys.stderr)
            status = 1
        else:
            print(sentence)
    return status


def _resend(options: argparse.Namespace) -> int:
    query = urlencode({"to": options.to})
    again = tell_daemon(load(options.config), f"/faxes/{options.number}/resend?{query}")["fax"]
    print(f"Fax {options.number} is sent once more, as fax {again}.")
    return 0


def plain(text: str) -> str:
    """Return what a stranger said without what could steer a terminal (controls, also of writing direction)."""
    return "".join(
        "�" if unicodedata.category(sign) in ("Cc", "Cf", "Zl", "Zp", "Cs") else sign for sign in text
    )


def _columns(text: str) -> int:
    """How many columns of a terminal ``text`` takes."""
    wide = sum(unicodedata.east_asian_width(sign) in "WF" for sign in text)
    return len(text) + wide - sum(unicodedata.combining(sign) > 0 for sign in text)


def _time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds):%Y-%m-%d %H:%M:%S}"  # noqa: DTZ006 - the administrator's own zone
