"""The command line: serve, check, status, queue, backup, restore, doctor, user, token, version."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nexefax import __version__
from nexefax.errors import ConfigError, NexeFaxError

if TYPE_CHECKING:
    import argparse

EXIT_OK, EXIT_FAILED, EXIT_USAGE = 0, 1, 2
DEFAULT_DIRECTORY = Path("/etc/nexefax")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0 done, 1 failed (the reason is on stderr), 2 wrong usage."""
    command = _command(sys.argv[1:] if arguments is None else list(arguments))
    try:
        return command()
    except ConfigError as error:
        for problem in error.problems:
            print(f"nexefax: {problem}", file=sys.stderr)
    except NexeFaxError as error:
        print(f"nexefax: {error}", file=sys.stderr)
    except OSError as error:
        print(f"nexefax: {error.filename or 'the system'}: {error.strerror or error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("nexefax: interrupted", file=sys.stderr)
    return EXIT_FAILED


def _command(arguments: list[str]) -> Callable[[], int]:
    """Return what is asked for; ends the program with a sentence for wrong usage."""
    match arguments:
        # As the unit starts the daemon, which would keep for ever what argparse brings: four tenths of a megabyte.
        case ["serve", "--config", directory] if not directory.startswith("-"):
            return partial(_serve, Path(directory).absolute())
    options = _parser().parse_args(arguments)
    return partial(options.command, options)


def _parser() -> argparse.ArgumentParser:
    import argparse

    from nexefax.backup_command import add_backup
    from nexefax.queue_command import add_queue
    from nexefax.token_command import add_token

    def with_config(default: object) -> argparse.ArgumentParser:
        options = argparse.ArgumentParser(add_help=False)
        options.add_argument(
            "--config",
            metavar="DIR",
            type=lambda text: Path(text).absolute(),
            default=default,
            help=f"the folder with config.conf, accounts.conf and auth/ (default: {DEFAULT_DIRECTORY})",
        )
        return options

    common = with_config(DEFAULT_DIRECTORY)
    parser = argparse.ArgumentParser(prog="nexefax", description="A fax server beside an Asterisk PBX.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Callable[[argparse.Namespace], int], purpose: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, parents=[common], help=purpose, description=purpose)
        added.set_defaults(command=command)
        return added

    add("serve", lambda options: _serve(options.config), "run the server in the foreground")
    add("check", _check, "look at everything that NexeFax needs, and name the remedy for what is wrong")
    status = add("status", _status, "show what the server is doing")
    status.add_argument("--json", action="store_true", help="for programs")
    add_queue(commands, common, with_config(argparse.SUPPRESS))
    add_backup(add)
    purpose = "find and explain what is stuck, orphaned or inconsistent; 1 when there is something"
    look = add("doctor", _doctor, purpose)
    look.add_argument("--repair", action="store_true", help="say what can be mended, and mend it")
    user = commands.add_parser("user", help="manage who may sign in", description="manage who may sign in")
    actions = user.add_subparsers(required=True, metavar="ACTION")
    for name, command, purpose, named in (
        ("add", _user_add, "add a user; the password is asked for, or read from standard input", True),
        ("passwd", _user_passwd, "change a user's password", True),
        ("remove", _user_remove, "remove a user; ends the user's sessions", True),
        ("list", _user_list, "list the users of an account", False),
    ):
        action = actions.add_parser(name, parents=[common], help=purpose, description=purpose)
        action.set_defaults(command=command)
        action.add_argument("account", help="the account's id, as in accounts.conf")
        if named:
            action.add_argument("user", help="the user's name")
    add_token(commands, common)
    add("version", _version, "print the version")
    return parser


def _serve(directory: Path) -> int:
    from nexefax.allocator import give_back_freed_memory
    from nexefax.daemon import serve

    give_back_freed_memory()
    serve(directory)
    return EXIT_OK


def _check(options: argparse.Namespace) -> int:
    from nexefax.check import become_owner, check, worst

    become_owner(options.config)
    findings = asyncio.run(check(options.config))
    for finding in findings:
        print(finding)
    return EXIT_FAILED if worst(findings) == "error" else EXIT_OK


def _doctor(options: argparse.Namespace) -> int:
    from nexefax.doctor_command import doctor

    return doctor(options)


def _status(options: argparse.Namespace) -> int:
    from nexefax.config import load
    from nexefax.control_client import ask_daemon

    config = load(options.config)
    seen = ask_daemon(config, "/status")
    if options.json:
        print(json.dumps(seen, indent=2))
    else:
        print("\n".join(_status_lines(seen)))
    return EXIT_OK if seen.get("pid") else EXIT_FAILED


def _status_lines(seen: dict[str, Any]) -> list[str]:
    if seen.get("pid"):
        since = datetime.fromtimestamp(seen["running_since"]).astimezone()
        lines = [f"NexeFax {seen['version']} runs since {since:%Y-%m-%d %H:%M:%S} (process {seen['pid']})"]
    else:
        lines = ["NexeFax does not run; this is what its journal says"]
    for title, key in (("out", "out"), ("in", "in")):
        states = seen["faxes"][key]
        said = ", ".join(f"{number} {state}" for state, number in states.items()) or "none"
        lines.append(f"faxes {title}: {said}")
    mails = seen["mails"]
    lines.append("mails: " + (", ".join(f"{number} {state}" for state, number in mails.items()) or "none"))
    if seen["webhooks"]:
        lines.append(
            "webhooks: " + ", ".join(f"{number} {state}" for state, number in seen["webhooks"].items())
        )
    if seen["mails_stuck"]:
        lines.append(f"{seen['mails_stuck']} mails wait for more than an hour; the log says why")
    lines += [f"WARNING: {warning}" for warning in seen.get("warnings", ())]
    return lines


def _user_add(options: argparse.Namespace) -> int:
    users = _users_of(options)
    users.add(options.user, _new_password(options.user))
    print(f"{options.user} may sign in to {options.account} now.")
    return EXIT_OK


def _user_passwd(options: argparse.Namespace) -> int:
    users = _users_of(options)
    users.set_password(options.user, _new_password(options.user))
    print(f"The password of {options.user} is changed.")
    return EXIT_OK


def _user_remove(options: argparse.Namespace) -> int:
    _users_of(options).remove(options.user)
    print(f"{options.user} can no longer sign in to {options.account}.")
    return EXIT_OK


def _user_list(options: argparse.Namespace) -> int:
    for user in _users_of(options).users():
        print(user)
    return EXIT_OK


def _users_of(options: argparse.Namespace) -> Any:
    from nexefax.config import auth_file, load
    from nexefax.passwords import HtpasswdFile

    config = load(options.config)
    account = config.account(options.account)
    if account is None:
        known = ", ".join(account.id for account in config.accounts.values())
        raise ConfigError(f"accounts.conf has no account {options.account!r}; it has: {known}")
    return HtpasswdFile(auth_file(config, account) or options.config / "auth" / account.id)


def _new_password(user: str) -> str:
    if not sys.stdin.isatty():
        password = sys.stdin.readline().rstrip("\r\n")
        if not password:
            raise ConfigError("standard input holds no password; give it on the first line")
        return password
    import getpass

    password = getpass.getpass(f"New password for {user}: ")
    if password != getpass.getpass("Once more: "):
        raise ConfigError("the two passwords differ; nothing was changed")
    return password


def _version(_options: argparse.Namespace) -> int:
    print(f"NexeFax {__version__}")
    return EXIT_OK
