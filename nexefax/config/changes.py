"""A new configuration against the running one: what takes effect at once, and what waits for a restart. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nexefax.config import Config
from nexefax.config.options import Option, options_of
from nexefax.config.settings import SECTIONS


@dataclass(frozen=True, slots=True)
class Changes:
    """What a reload brings, as sentences for the log; accounts by their ids as written.

    ``live`` takes effect with :func:`merged`, ``restart`` does not until NexeFax is started again.
    """

    live: tuple[str, ...]
    restart: tuple[str, ...]
    accounts_added: tuple[str, ...]
    accounts_removed: tuple[str, ...]
    accounts_changed: tuple[str, ...]

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in dataclasses.fields(self))


def changes(old: Config, new: Config) -> Changes:
    """What is different in ``new``."""
    differing = [*_differing(old, new)]
    return Changes(
        live=tuple(sentence for option, sentence in differing if option.live),
        restart=tuple(sentence for option, sentence in differing if not option.live),
        accounts_added=tuple(new.accounts[key].id for key in new.accounts if key not in old.accounts),
        accounts_removed=tuple(old.accounts[key].id for key in old.accounts if key not in new.accounts),
        accounts_changed=tuple(
            new.accounts[key].id
            for key in new.accounts
            if key in old.accounts and new.accounts[key] != old.accounts[key]
        ),
    )


def merged(old: Config, new: Config) -> Config:
    """``new``, but with the running values of all that needs a restart: what the daemon goes on with."""
    sections: dict[str, Any] = {}
    for name, kind in SECTIONS.items():
        running = getattr(old, name)
        kept = {key: getattr(running, key) for key, option in options_of(kind).items() if not option.live}
        sections[name] = dataclasses.replace(getattr(new, name), **kept)
    return dataclasses.replace(new, directory=old.directory, **sections)


def _differing(old: Config, new: Config) -> Iterator[tuple[Option, str]]:
    for name, kind in SECTIONS.items():
        for key, option in options_of(kind).items():
            before, after = getattr(getattr(old, name), key), getattr(getattr(new, name), key)
            if before == after:
                continue
            if option.kind.secret:
                yield option, f"[{name}] {key} has changed"
            else:
                yield option, f"[{name}] {key} was {option.kind.write(before)}, is {option.kind.write(after)}"
