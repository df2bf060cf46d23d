"""What happens to a fax, in the past tense; :mod:`nexefax.fax.job` says what follows. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from nexefax.fax.cause import Ending


@dataclass(frozen=True, slots=True)
class RenderingBegan:
    """A worker has taken the document."""


@dataclass(frozen=True, slots=True)
class WorkInterrupted:
    """Rendering or converting ended without a result, for no fault of the document; again at ``until``."""

    until: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DocumentRendered:
    """The fax TIFF is on the disk, checked. ``line_seconds`` is the estimate at the highest rate."""

    pages: int
    resolution: str
    line_seconds: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DocumentRefused:
    """The document can't be faxed; ``reason`` is a sentence for its sender."""

    reason: str


@dataclass(frozen=True, slots=True)
class CallPlaced:
    """The call file of the next attempt is staged, with these settings (words of fax/retry.py)."""

    line_settings: str = ""


@dataclass(frozen=True, slots=True)
class CallDeferred:
    """Asterisk's spool can't be used now; try again at ``until``."""

    until: float
    reason: str


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """Attempt ``attempt`` ended as ``ending`` says."""

    attempt: int
    ending: Ending
    bitrate: int | None = None
    station: str = ""


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """``by`` does not want the fax to be sent; a call that is being made is ended."""

    by: str


@dataclass(frozen=True, slots=True)
class RetryRequested:
    """``by`` does not want to wait for the next try."""

    by: str


@dataclass(frozen=True, slots=True)
class BackupRestored:
    """The journal is an older one, of ``made`` (a time in words): the fax may have been sent since."""

    made: str


@dataclass(frozen=True, slots=True)
class ConversionBegan:
    """The received TIFF is in the store; a worker has taken it."""


@dataclass(frozen=True, slots=True)
class FaxConverted:
    """What can be mailed is on the disk. ``tiff_wanted``: the TIFF holds something that the PDF does not."""

    pages: int
    resolution: str
    notes: tuple[str, ...] = ()
    tiff_wanted: bool = False


@dataclass(frozen=True, slots=True)
class FaxKept:
    """The received fax can't be delivered to anybody; it is kept and shown."""

    reason: str


@dataclass(frozen=True, slots=True)
class AccountAppeared:
    """The account of a kept fax is configured now."""


@dataclass(frozen=True, slots=True)
class LetterTakenUp:
    """A letter that the mail server refused is tried again: the configuration may have been corrected."""


@dataclass(frozen=True, slots=True)
class MailAccepted:
    """The mail server has taken the received fax."""


@dataclass(frozen=True, slots=True)
class MailRefused:
    """The mail server will never take the received fax."""

    reason: str


Event = (
    RenderingBegan
    | WorkInterrupted
    | DocumentRendered
    | DocumentRefused
    | CallPlaced
    | CallDeferred
    | AttemptEnded
    | CancelRequested
    | RetryRequested
    | BackupRestored
    | ConversionBegan
    | FaxConverted
    | FaxKept
    | AccountAppeared
    | LetterTakenUp
    | MailAccepted
    | MailRefused
)
