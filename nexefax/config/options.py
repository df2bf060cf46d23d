"""A row of the table of options, kept in the metadata of a dataclass's field: neither goes without the other."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from nexefax.config.kinds import Kind


@dataclass(frozen=True, slots=True)
class Option:
    """A row of the tables.

    ``options`` and ``default`` replace the texts that the kind and the field's default give. A ``required``
    option has no default but an ``example``, and ``adding``: what the administrator is asked to add. What is
    not ``live`` changes only with a restart.
    """

    kind: Kind
    purpose: str
    options: str = ""
    default: str | None = None
    required: bool = False
    example: str = ""
    adding: str = "it"
    live: bool = True

    @property
    def choices(self) -> str:
        """The text of the column "Options"."""
        return self.options or self.kind.options


def option(kind: Kind, value: Any, purpose: str, **more: Any) -> Any:
    """A field with the default ``value`` (called, when it is a function)."""
    metadata = {"option": Option(kind, purpose, **more)}
    secret = kind.secret
    if callable(value):
        return field(default_factory=value, metadata=metadata, repr=not secret)
    return field(default=value, metadata=metadata, repr=not secret)


def required(kind: Kind, purpose: str, example: str, **more: Any) -> Any:
    return field(metadata={"option": Option(kind, purpose, required=True, example=example, **more)})


def options_of(section: type) -> Mapping[str, Option]:
    """The options of a section's dataclass by name, in the order of the tables."""
    return MappingProxyType(
        {
            option.name: option.metadata["option"]
            for option in dataclasses.fields(section)
            if "option" in option.metadata
        }
    )
