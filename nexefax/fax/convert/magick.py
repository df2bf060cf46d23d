"""ImageMagick under our own policy: TIFF, PNG, JPEG and PGM, nothing else.

The formats are always named (``png:/path``), so that ImageMagick never guesses; the policy beside this module keeps
its more than two hundred others, its delegates and its file lists shut (`policy.xml`), in addition to the
distribution's own policy, which caps memory and pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from nexefax.errors import ChildMissing
from nexefax.fax.convert.attempt import attempt
from nexefax.process import Finished, Limits, find_program

POLICY: Final = Path(__file__).with_name("policy.xml")

# Version 6 of Debian 12 and Ubuntu 24.04, version 7 of Debian 13. Not plain `convert`: LVM and Windows had one too.
_NAMES: Final = ("convert-im6.q16", "convert-im7.q16", "magick", "convert")

_MEMORY: Final = 1 << 30  # Debian's policy keeps pixels of 256 MiB in memory, the rest in files
_FILE: Final = 1 << 30


def program() -> str:
    """ImageMagick's converter here; raises ChildMissing."""
    for name in _NAMES:
        try:
            return str(find_program(name))
        except ChildMissing:
            continue
    raise ChildMissing("the program convert is missing: install the package imagemagick")


async def magick(
    arguments: Sequence[str], *, scratch: Path, readable: Sequence[Path], seconds: float
) -> Finished | None:
    """Run ImageMagick's converter caged within ``scratch``; paths in ``arguments`` are absolute and our own.

    A bad exit status is returned; None when it broke a limit. Raises ChildMissing, and ChildFailed when nothing
    can be run here.
    """
    limits = Limits(
        seconds=seconds, cpu_seconds=int(seconds) + 1, memory=_MEMORY, file_size=_FILE, output=1 << 14
    )
    return await attempt(
        [program(), *arguments],
        scratch=scratch,
        readable=[*readable, POLICY.parent],
        limits=limits,
        environment={"MAGICK_CONFIGURE_PATH": str(POLICY.parent)},
    )
