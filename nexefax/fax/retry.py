"""What follows a failed attempt: one table of causes, the ladder of safer settings, and where a fax goes on. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from nexefax.config.fax_kinds import RATES, rate_fits
from nexefax.fax.cause import Cause


class Again(Enum):
    """Whether and when the next attempt follows."""

    SOON = "soon"  # after tx_retry_time
    LATER = "later"  # after LATER_FACTOR times tx_retry_time: nothing will have changed in five minutes
    SAFER = "safer"  # after tx_retry_time, with the next settings of the ladder
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Rule:
    """What follows one cause.

    ``counts`` says whether the attempt uses up one of ``tx_max_retries``, ``most`` after how many that count the fax
    is given up for this cause, even where ``tx_max_retries`` allows more (0: as that says).
    """

    again: Again
    counts: bool = True
    most: int = 0


RULES: Final[dict[Cause, Rule]] = {
    Cause.BUSY: Rule(Again.SOON),
    Cause.NO_ANSWER: Rule(Again.SOON),
    Cause.CONGESTION: Rule(Again.SOON),
    Cause.REFUSED: Rule(Again.LATER),
    # a trunk that has just lost its registration says so of every number: asked twice, then its sender should know
    Cause.UNALLOCATED: Rule(Again.SOON, most=2),
    Cause.UNREACHABLE: Rule(Again.LATER),
    Cause.NO_FAX: Rule(Again.LATER),  # a person may have answered: not every five minutes
    Cause.NEGOTIATION: Rule(Again.SAFER),
    Cause.DROPPED: Rule(Again.SOON),
    Cause.PAGE_NOT_CONFIRMED: Rule(Again.SAFER),
    Cause.FILE_ERROR: Rule(Again.LATER),  # the administrator has to mend something
    Cause.UNKNOWN: Rule(Again.SOON),
    Cause.CANCELLED: Rule(Again.NEVER, counts=False),
}

LATER_FACTOR: Final = 3.0
# Attempts that confirmed pages are no failures: the fax goes on with the rest. But no number is called for ever.
MOST_UNCOUNTED: Final = 10

NO_V17: Final = "no-v17"
NO_ECM: Final = "no-ecm"
AUDIO: Final = "audio"

# Cumulative steps. A negotiation that fails is helped by sound instead of T.38 before error correction is given up; a
# page that is never confirmed by giving up error correction, whose repetitions never end on a very bad line.
_LADDERS: Final[dict[Cause, tuple[str, ...]]] = {
    Cause.NEGOTIATION: (NO_V17, AUDIO, NO_ECM),
    Cause.PAGE_NOT_CONFIRMED: (NO_V17, NO_ECM, AUDIO),
    Cause.DROPPED: (NO_V17, NO_ECM, AUDIO),
}
_IN_WORDS: Final = {
    NO_V17: "at 9,600 bit/s without V.17",
    NO_ECM: "without error correction",
    AUDIO: "as sound, not T.38",
}

SAFE_RATE: Final = 9600  # bit/s, the highest of V.29
MEMORY_DAYS: Final = 30  # how long a number's settings are remembered


def delay(cause: Cause, retry_time: float) -> float:
    """Return the seconds until the attempt after one that ended for ``cause``."""
    return retry_time * (LATER_FACTOR if RULES[cause].again is Again.LATER else 1.0)


def safer(cause: Cause, settings: str) -> str:
    """Return the settings (words of this module, by blanks) after an attempt with ``settings`` failed for ``cause``."""
    words = settings.split()
    step = next((word for word in _LADDERS.get(cause, ()) if word not in words), None)
    return settings if step is None else " ".join([*words, step])


def settings_in_words(settings: str) -> str:
    """Return what ``settings`` mean, for the timeline; "" for none."""
    return ", ".join(_IN_WORDS[word] for word in settings.split() if word in _IN_WORDS)


def may_resume(cause: Cause) -> bool:
    """Whether the pages that were confirmed before ``cause`` need not be sent again.

    FAXPAGES counts pages whose confirmation came back (pages_tx of spandsp's t30.c), with ECM and without. An attempt
    whose outcome is unknown has no such count.
    """
    return cause in (Cause.DROPPED, Cause.PAGE_NOT_CONFIRMED)


@dataclass(frozen=True, slots=True)
class Line:
    """FAXOPT's items for one attempt: rates in bit/s, ``modems`` as Asterisk lists them."""

    ecm: bool
    modems: str
    minrate: int
    maxrate: int
    audio: bool = False


def line_with(settings: str, line: Line) -> Line:
    """Return ``line``, as the configuration has it, with ``settings`` applied; always one that Asterisk accepts."""
    words = settings.split()
    modems, low, high = line.modems, line.minrate, line.maxrate
    if NO_V17 in words:
        slower = ",".join(modem for modem in modems.split(",") if modem not in ("v17", "v34"))
        most = min(SAFE_RATE, line.maxrate)
        fitting = [rate for rate in RATES if slower and rate <= most and rate_fits(rate, slower)]
        if fitting:  # else V.17 is all there is
            modems, high = slower, fitting[-1]
            low = max((rate for rate in fitting if rate <= line.minrate), default=fitting[0])
    return Line(line.ecm and NO_ECM not in words, modems, low, high, AUDIO in words)
