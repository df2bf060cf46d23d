"""What the doctor finds: one thing that is wrong, and what to do about it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from nexefax.fax.mending import Repair

Severity = Literal["error", "warning"]

MINUTE: Final = 60.0
HOUR: Final = 3_600.0
DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is stuck, orphaned or inconsistent.

    ``kind`` is a word for programs and tests, ``about`` what it is about: a fax ("fax 12"), a file or a part.
    ``sentence`` says what is wrong, ``remedy`` what to do; ``repair`` is what `--repair` does, None when nobody but a
    person can.
    """

    kind: str
    severity: Severity
    about: str
    sentence: str
    remedy: str
    repair: Repair | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What makes it the same finding at another look."""
        return self.kind, self.about


def lasting(first: list[Finding], second: list[Finding]) -> list[Finding]:
    """Return what both looks found: while a daemon works, a single one may see things in the middle."""
    seen = {finding.key for finding in first}
    return [finding for finding in second if finding.key in seen]


def age_in_words(seconds: float) -> str:
    """Return a time span such as "3 hours"; parts of the unit are left out."""
    for unit, length in (("day", DAY), ("hour", HOUR), ("minute", MINUTE)):
        if seconds >= 2 * length or (unit == "minute" and seconds >= length):
            number = int(seconds // length)
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return f"{max(int(seconds), 0)} seconds"
