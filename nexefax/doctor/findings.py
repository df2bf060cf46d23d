"""What is wrong in a picture: one pure function."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from nexefax.doctor import faxes, house, spool
from nexefax.doctor.finding import Finding
from nexefax.doctor.picture import Picture

_LOOKS: Final[tuple[Callable[[Picture], Iterable[Finding]], ...]] = (house.look, spool.look, faxes.look)


def findings(picture: Picture) -> list[Finding]:
    """Return what is wrong in ``picture``, errors first; a healthy house, also one at work, has nothing."""
    found = [finding for look in _LOOKS for finding in look(picture)]
    return sorted(found, key=lambda finding: finding.severity != "error")
