"""`nexefax token`: what programs sign in with, created, listed and revoked."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from nexefax.config import Config, load
from nexefax.control_client import tell_daemon
from nexefax.errors import HttpError, JournalError
from nexefax.queue_command import plain

if TYPE_CHECKING:
    import argparse

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_token(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    """Add the command to the command line's ``commands``; ``common`` has the options of all commands."""
    purpose = "manage what programs sign in with (API tokens)"
    actions = commands.add_parser("token", help=purpose, description=purpose).add_subparsers(
        required=True, metavar="ACTION"
    )

    def add(name: str, command: Any, purpose: str) -> argparse.ArgumentParser:
        action = actions.add_parser(name, parents=[common], help=purpose, description=purpose)
        action.set_defaults(command=command)
        action.add_argument("account", help="the account's id, as in accounts.conf")
        return action

    creates = add("create", _create, "make a token for a program; it is shown this once")
    creates.add_argument("user", help="the user in whose name the program acts")
    creates.add_argument("--name", required=True, help="what to call it, such as the program's name")
    creates.add_argument("--send", action="store_true", help="the program may send faxes")
    creates.add_argument(
        "--read", action="store_true", help="the program may read faxes (the default is both)"
    )
    lists = add("list", _list, "list the tokens of an account")
    lists.add_argument("--json", action="store_true", help="for programs")
    revokes = add("revoke", _revoke, "revoke a token: its program is refused from then on")
    revokes.add_argument("id", type=int, help="the token's number, as listed")


def _create(options: argparse.Namespace) -> int:
    scopes = [scope for scope in ("send", "read") if getattr(options, scope)] or ["send", "read"]
    query = {
        "account": options.account,
        "user": options.user,
        "name": options.name,
        "scopes": " ".join(scopes),
    }
    made = _act(options, "create", query)
    print(made["token"])
    return 0


def _list(options: argparse.Namespace) -> int:
    tokens = _act(options, "list", {"account": options.account})["tokens"]
    if options.json:
        print(json.dumps(tokens, indent=2))
        return 0
    for token in tokens:
        used = _day(token["last_used"]) if token["last_used"] else "never"
        said = (token["id"], plain(token["user"]), "+".join(token["scopes"]), plain(token["name"]))
        print(*said, f"created {_day(token['created'])}, last used {used}", sep="  ")
    if not tokens:
        print(f"{options.account} has no tokens.")
    return 0


def _revoke(options: argparse.Namespace) -> int:
    _act(options, "revoke", {"account": options.account, "id": str(options.id)})
    print(f"Token {options.id} is revoked.")
    return 0


def _act(options: argparse.Namespace, action: str, query: dict[str, str]) -> dict[str, Any]:
    config = load(options.config)
    return tell_daemon(
        config,
        f"/tokens/{action}?{urlencode(query)}",
        lambda: _without_daemon(options, config, action, query),
    )


def _without_daemon(
    options: argparse.Namespace, config: Config, action: str, query: dict[str, str]
) -> dict[str, Any]:
    """Do it on the journal, as the user that NexeFax runs as, so that the files stay that user's."""
    from nexefax.check import become_owner
    from nexefax.store import Journal
    from nexefax.token_desk import TokenDesk

    async def act() -> dict[str, Any]:
        journal = await Journal.open(config.general.data_dir)
        try:
            return await TokenDesk(lambda: config, journal).act(action, query)
        except HttpError as error:
            raise JournalError(error.detail) from error
        finally:
            await journal.close()

    become_owner(options.config)
    return asyncio.run(act())


def _day(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds):%Y-%m-%d %H:%M}"  # noqa: DTZ006 - the administrator's own zone
