"""What a backup says about itself, and which names it may have. Pure.

A backup is a tar file (POSIX ustar, gzip) of regular files alone::

    in/<id>/…  out/<id>/…      the faxes' files, as below data_dir
    config/…                   config.conf, accounts.conf and auth/, to be looked at: never put into force by a restore
    journal.sqlite3            the journal, of one moment
    manifest.json              the last member: sizes and SHA-256 of all others

So it can be looked into with ``tar tzf``; NexeFax itself reads it with :mod:`nexefax.backup.archive`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from nexefax.errors import BackupError
from nexefax.store import JOURNAL_NAME

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
CONFIGURATION: Final = "config"

_FAX_FILE = re.compile(r"(?:in|out)/[1-9][0-9]{0,14}(?:/[A-Za-z0-9][A-Za-z0-9._-]{0,99}){1,3}")
# An account's id is its auth file's name, and may be written in any script
_CONFIG_FILE = re.compile(r"config/(?:(?:config|accounts)\.conf|auth/[^/\x00-\x1f\x7f]{1,200})")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a backup: ``size`` in bytes, ``sha256`` in hex."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the last member of a backup says.

    ``made_at`` is the moment of which the journal is, in seconds since 1970; ``schema`` its schema version. ``quiet``:
    no NexeFax ran while it was made. ``links`` maps names of files that were the same file as another to that one.
    """

    version: str
    schema: int
    made_at: float
    quiet: bool
    faxes: int
    files: Mapping[str, Entry]
    links: Mapping[str, str] = field(default_factory=dict)
    format: int = FORMAT

    @property
    def size(self) -> int:
        """The bytes of all files together."""
        return sum(entry.size for entry in self.files.values())


def is_member_name(name: str) -> bool:
    """Whether a file of a backup may have this name: a path below, of ours, without any way out."""
    if name in (JOURNAL_NAME, MANIFEST):
        return True
    return bool(_FAX_FILE.fullmatch(name)) or (
        bool(_CONFIG_FILE.fullmatch(name)) and not name.endswith(("/.", "/.."))
    )


def write_manifest(manifest: Manifest) -> bytes:
    """Return the manifest as JSON."""
    values = asdict(manifest) | {
        "made": f"{datetime.fromtimestamp(manifest.made_at, UTC):%Y-%m-%dT%H:%M:%SZ}"
    }
    return json.dumps(values, indent=1, sort_keys=True).encode()


def read_manifest(content: bytes) -> Manifest:
    """Read what :func:`write_manifest` wrote. Raises BackupError for anything else."""
    try:
        values = json.loads(content)
        if values["format"] != FORMAT:
            raise BackupError(
                f"the backup has format {values['format']!r}, this NexeFax knows {FORMAT}; restore it with the version"
                f" that made it ({values.get('version', 'unknown')!r})"
            )
        manifest = Manifest(
            version=_checked(values["version"], str),
            schema=_checked(values["schema"], int),
            made_at=float(_checked(values["made_at"], (int, float))),
            quiet=_checked(values["quiet"], bool),
            faxes=_checked(values["faxes"], int),
            files={name: _entry(name, entry) for name, entry in _checked(values["files"], dict).items()},
            links=dict(_checked(values["links"], dict)),
        )
        datetime.fromtimestamp(manifest.made_at, UTC)
    except (ValueError, KeyError, TypeError, OverflowError, OSError, RecursionError) as error:
        raise BackupError(f"the backup's manifest can't be read ({error!r}); take another backup") from error
    for name, target in manifest.links.items():
        if (
            not isinstance(target, str)
            or not _FAX_FILE.fullmatch(name)
            or name in manifest.files
            or target not in manifest.files
            or not _FAX_FILE.fullmatch(target)
        ):
            raise BackupError(
                f"the backup's manifest links {name!r} to {target!r}, which no backup of ours does; take another one"
            )
    return manifest


def _entry(name: str, entry: Any) -> Entry:
    size, digest = _checked(entry["size"], int), _checked(entry["sha256"], str)
    if size < 0 or not _SHA256.fullmatch(digest) or not is_member_name(name):
        raise ValueError(name)
    return Entry(size, digest)


def _checked(value: Any, wanted: type | tuple[type, ...]) -> Any:
    if not isinstance(value, wanted):
        raise TypeError(value)
    return value
