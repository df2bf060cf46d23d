"""How long a page holds the line: pure arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from nexefax.fax.convert.runs import stretches

USUAL_RATE: Final = 14_400  # bit/s of V.17, what two sound machines agree on; V.34 is rare on IP lines

# Seconds for each page beside its data: training, the confirmation and, with ECM, the partial page signals
# (ITU-T T.30 section 5; measured on Asterisk with T.38).
HANDSHAKE: Final = 4.0


def line_seconds(size: int, rate: int = USUAL_RATE) -> float:
    """Seconds that a page of ``size`` bytes of T.6 data takes at ``rate`` bit/s."""
    return size * 8 / rate + HANDSHAKE


def numbers_in_words(numbers: Sequence[int]) -> str:
    """Page numbers as people write them: ``page 3``, ``pages 1, 2 and 5 to 9``."""
    words: list[str] = []
    for first, last in stretches(sorted(set(numbers))):
        if last - first < 2:
            words += [str(number) for number in range(first, last + 1)]
        else:
            words.append(f"{first} to {last}")
    listed = words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]
    return ("page " if len(set(numbers)) == 1 else "pages ") + listed


def slow_page_notes(seconds: Mapping[int, float], limit_minutes: float) -> list[str]:
    """Say which pages (their numbers and line times) take longer than ``limit_minutes``, and the remedy."""
    slow = [number for number, time in seconds.items() if time > limit_minutes * 60]
    if not slow:
        return []
    minutes = round(max(seconds.values()) / 60)
    each = "takes" if len(slow) == 1 else "take each"
    return [
        f"{numbers_in_words(slow).capitalize()} {each} about {minutes} minutes on the line, because of photos or dark "
        "backgrounds. Standard resolution halves that; a white background helps more."
    ]
