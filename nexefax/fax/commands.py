"""What follows an event of a fax's life, in the imperative; :mod:`nexefax.fax.bookkeeper` carries it out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Letter(StrEnum):
    """The letters that are written about a fax."""

    RECEIVED = "received"
    SENT = "sent"
    FAILED = "failed"
    FORWARDED = "forwarded"


@dataclass(frozen=True, slots=True)
class WriteLetter:
    """Put a letter into the outbox, in the same transaction."""

    letter: Letter


@dataclass(frozen=True, slots=True)
class WithdrawLetter:
    """Take a letter that still waits out of the outbox, in the same transaction: it is no longer true."""

    letter: Letter


@dataclass(frozen=True, slots=True)
class WithdrawCall:
    """Remove what is left of an attempt's call file, after the commit."""

    attempt: int


@dataclass(frozen=True, slots=True)
class StopCall:
    """End an attempt's call, or keep it from being made, after the commit: the fax is cancelled."""

    attempt: int


@dataclass(frozen=True, slots=True)
class RememberLine:
    """Remember, in the same transaction, which settings the next call to this number is to be made with."""

    number: str
    settings: str


@dataclass(frozen=True, slots=True)
class ClearSpool:
    """Remove the received TIFF from Asterisk's spool, after the commit: ours is delivered."""


Command = WriteLetter | WithdrawLetter | WithdrawCall | StopCall | RememberLine | ClearSpool
