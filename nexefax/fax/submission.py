"""What a user hands in to be faxed."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from nexefax.config import Account


@dataclass(frozen=True, slots=True)
class Submission:
    """A document for one number, as the page or a program handed it in; nothing in it is trusted.

    ``number`` is what was typed; ``document`` an uploaded file of ours below ``tmp_dir``, which is copied;
    ``document_name`` what the user calls it. The same ``request_id`` of the same account is taken once, however
    often it comes ("" for none).
    """

    account: Account
    user: str
    number: str
    document: Path
    document_name: str
    subject: str = ""
    message: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a fax goes to: the number as it was typed, and whose it is ("" when nobody said)."""

    number: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """What goes to one or several numbers, a fax for each; nothing in it is trusted but the files' places.

    ``files`` are what each fax's folder begins with, by their names there: documents, and pages of them that are drawn
    already. ``composition`` is JSON of :mod:`nexefax.fax.composition`; ``send_at`` (seconds since 1970) holds the calls
    back; ``resent_from`` is the fax that this sends again.
    """

    account: Account
    user: str
    recipients: Sequence[Recipient]
    files: Mapping[str, Path]
    document_name: str
    subject: str = ""
    message: str = ""
    composition: str = ""
    send_at: float | None = None
    request_id: str = ""
    resent_from: int | None = None


class Once(Protocol):
    """What keeps an order from being taken twice; both are called in the transaction that makes its faxes."""

    def taken(self, connection: sqlite3.Connection) -> list[int]:
        """The faxes that it has become already, [] when it is new."""

    def took(self, connection: sqlite3.Connection, faxes: Sequence[int]) -> None:
        """It has become these faxes."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """An order that is taken: its faxes by number; not ``new`` when it was handed in before."""

    faxes: tuple[int, ...]
    new: bool = True
