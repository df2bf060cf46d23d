"""Find an Asterisk that can fax: installed on this machine, or in a root of Debian's own packages.

Debian 12 and 13 ship no asterisk package, but Debian's ``sid`` and ``bullseye`` do. A root made of them by
``control/asterisk-root`` (mmdebstrap) needs no chroot and no privileges to run: the root's own dynamic
loader starts the program with the root's libraries, and a private asterisk.conf names the root's modules.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

#: Roots are kept here, in folders ``<suite>_<package version>``; see control/asterisk-root.
CACHE = Path(os.environ.get("NEXEFAX_CACHE", "/var/cache/nexefax")) / "asterisk"

#: The oldest Asterisk that NexeFax's dialplan is tried with (DESIGN section 4).
OLDEST = 16

#: Where distributions put modules: Debian from 13 on, Debian before it, Fedora and Asterisk's own `make install`.
_INSTALLED_MODULES = (
    "/usr/lib/*/asterisk/modules",
    "/usr/lib/asterisk/modules",
    "/usr/lib64/asterisk/modules",
)


class NoAsteriskError(RuntimeError):
    """There is no Asterisk to be had; the sentence names the remedy."""


@dataclass(frozen=True, slots=True)
class AsteriskProgram:
    """An Asterisk that any user can start.

    Attributes:
        command: how it is started, without Asterisk's own arguments.
        modules: folder of its ``.so`` modules.
        data: folder with its XML documentation, without which no PJSIP object loads (main/config_options.c).
        version: as ``asterisk -V`` tells, for instance ``(22, 10, 1)``.
        origin: a person's words for where it comes from.
    """

    command: tuple[str, ...]
    modules: Path
    data: Path
    version: tuple[int, ...]
    origin: str

    @property
    def version_text(self) -> str:
        """The version as people write it: ``22.10.1``."""
        return ".".join(str(part) for part in self.version)


def version_in(text: str) -> tuple[int, ...]:
    """Read ``Asterisk 16.28.0~dfsg-0+deb11u4`` → ``(16, 28, 0)``.

    Raises:
        NoAsteriskError: the text names no version.
    """
    found = re.search(r"Asterisk (?:certified/)?(\d+(?:\.\d+)*)", text)
    if found is None:
        raise NoAsteriskError(f"This does not look like the answer of `asterisk -V`: {text.strip()!r}")
    return tuple(int(part) for part in found[1].split("."))


def _ask_version(command: tuple[str, ...]) -> tuple[int, ...]:
    answer = subprocess.run([*command, "-V"], capture_output=True, text=True, check=False, timeout=30)
    return version_in(answer.stdout or answer.stderr)


def installed() -> AsteriskProgram | None:
    """The Asterisk installed on this machine, if it is new enough and has res_fax_spandsp."""
    binary = Path("/usr/sbin/asterisk")
    for pattern in _INSTALLED_MODULES:
        for modules in sorted(Path("/").glob(pattern.lstrip("/"))):
            if not binary.exists() or not (modules / "res_fax_spandsp.so").exists():
                continue
            version = _ask_version((str(binary),))
            if version[0] < OLDEST:
                continue
            data = next(
                (
                    folder
                    for folder in (Path("/usr/share/asterisk"), Path("/var/lib/asterisk"))
                    if (folder / "documentation").is_dir()
                ),
                Path("/usr/share/asterisk"),
            )
            return AsteriskProgram((str(binary),), modules, data, version, "installed on this machine")
    return None


def in_root(root: Path) -> AsteriskProgram:
    """The Asterisk in a root of Debian's packages.

    Raises:
        NoAsteriskError: the root lacks the program, its loader or res_fax_spandsp.
    """
    # bullseye's ld-linux is a link to ld-2.31.so; some roots' /lib64 is an absolute link, so it is not used.
    loaders = [*root.glob("usr/lib/*-linux-gnu*/ld-linux*.so.*"), *root.glob("lib/*-linux-gnu*/ld-*.so*")]
    modules = sorted(root.glob("usr/lib/*/asterisk/modules")) or sorted(root.glob("usr/lib/asterisk/modules"))
    binary = root / "usr/sbin/asterisk"
    if not loaders or not modules or not binary.exists() or not (modules[0] / "res_fax_spandsp.so").exists():
        raise NoAsteriskError(
            f"The root {root} is not whole. Remove that folder, and control/asterisk-root makes it anew."
        )
    libraries = [*root.glob("usr/lib/*-linux-gnu*"), *root.glob("lib/*-linux-gnu*"), root / "usr/lib"]
    command = (str(loaders[0]), "--library-path", ":".join(str(path) for path in libraries), str(binary))
    return AsteriskProgram(
        command,
        modules[0],
        root / "usr/share/asterisk",
        _ask_version(command),
        f"Debian's packages in {root}",
    )


def cached(suite: str, cache: Path = CACHE) -> AsteriskProgram | None:
    """The newest cached root of a suite, if there is one."""
    roots = sorted(cache.glob(f"{suite}_*"), key=lambda root: root.stat().st_mtime)
    return in_root(roots[-1]) if roots else None


def find(suite: str | None = None, cache: Path = CACHE) -> AsteriskProgram:
    """An Asterisk to run, for anybody.

    Args:
        suite: ``None`` takes the installed one, else a cached root of ``sid``; a name takes that suite's root.

    Raises:
        NoAsteriskError: nothing suitable is here; the sentence names the command that brings it.
    """
    program = (installed() or cached("sid", cache)) if suite is None else cached(suite, cache)
    if program is None:
        wanted = suite or "sid"
        raise NoAsteriskError(
            f"There is no Asterisk with res_fax_spandsp here. `sudo control/asterisk-root {wanted}` makes one "
            f"of Debian's own packages in {cache}."
        )
    return program
