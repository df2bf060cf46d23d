"""All that the doctor looks at, as plain values of one moment. Pure.

Ages are in seconds and count from the inode's change, which nobody sets ahead; times are seconds since 1970.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from nexefax.fax.mail_records import Mail
from nexefax.fax.records import Attempt, Fax
from nexefax.fax.webhook_records import Waiting


class Daemon(Enum):
    """What the running NexeFax says of itself."""

    RUNNING = "running"
    STOPPED = "stopped"
    SILENT = "silent"  # somebody holds data_dir's lock, and nobody answers


@dataclass(frozen=True, slots=True)
class FolderSeen:
    """An entry of ``in/`` or ``out/`` (``side``): ``names`` are its files, ``strays`` entries that no fax has.

    Strays are half-written files of killed writers (older than an hour), links, pipes and the like.
    """

    side: str
    name: str
    age: float
    names: frozenset[str] = frozenset()
    strays: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Where it is, below data_dir."""
        return f"{self.side}/{self.name}"

    @property
    def number(self) -> int | None:
        """The fax's number; None when the name is none."""
        is_number = self.name.isascii() and self.name.isdecimal() and len(self.name) <= 15
        return int(self.name) if is_number else None


@dataclass(frozen=True, slots=True)
class CallSeen:
    """A call file of ours in ``folder``."""

    folder: str
    fax: int
    attempt: int
    age: float


@dataclass(frozen=True, slots=True)
class SpooledSeen:
    """A TIFF in ``rx_dir``; ``fax`` is who it was taken in as, ``written`` whether a process still has it open."""

    name: str
    age: float
    reported: bool
    written: bool
    readable: bool
    fax: int | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """What the journal says.

    ``faxes`` are those that are not over, or should have files; ``known`` the direction of each fax that has a
    folder. ``attempts`` are all that have no end, those of calls under way and those that have call files. ``mails``
    are those that are not accepted, and those of faxes being delivered, ``webhooks`` the accounts with calls that wait.
    ``latest`` is the latest time that was written down, ``last_look`` the one when old faxes were looked for, None for
    never.
    """

    faxes: Mapping[int, Fax] = field(default_factory=dict)
    known: Mapping[int, str] = field(default_factory=dict)
    attempts: Mapping[tuple[int, int], Attempt] = field(default_factory=dict)
    mails: tuple[Mail, ...] = ()
    latest: float = 0.0
    last_look: float | None = None
    webhooks: tuple[Waiting, ...] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything. ``journal_problem`` is why there are no ``rows``; ``accounts`` are casefolded ids.

    ``unusable`` names what NexeFax's user may not use, ``half_restored`` and ``leftovers`` what an interrupted restore
    left, ``warnings`` what `nexefax status` says of Asterisk's spool and the disk. ``deletes`` tells whether faxes are
    deleted for their age.
    """

    now: float
    data_dir: str
    daemon: Daemon
    rows: Rows | None
    journal_problem: str = ""
    folders: tuple[FolderSeen, ...] = ()
    missing_sides: tuple[str, ...] = ()
    calls: tuple[CallSeen, ...] = ()
    spool: tuple[SpooledSeen, ...] = ()
    reports: tuple[tuple[str, float], ...] = ()
    accounts: frozenset[str] = frozenset()
    unusable: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    half_restored: bool = False
    leftovers: tuple[str, ...] = ()
    deletes: bool = True

    @property
    def spool_names(self) -> frozenset[str]:
        """The names of the TIFFs in ``rx_dir``."""
        return frozenset(spooled.name for spooled in self.spool)
