"""htpasswd files: who may sign in to an account, read as Apache reads them, changed without a gap.

Everything here blocks (files, and hashing for a quarter of a second): call it in a thread.
Passwords and hashes are in no error, log line or repr.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from nexefax.config.kinds import control_characters
from nexefax.errors import ConfigError
from nexefax.passwords import disk
from nexefax.passwords.hashes import (
    LONGEST_PASSWORD,
    NOBODYS_HASH,
    HashKind,
    HashRefused,
    kind_of,
    matches,
    new_hash,
)
from nexefax.passwords.lines import Line, added, changed, parse, removed

_log = logging.getLogger("nexefax.passwords")

#: htpasswd(1): user names are limited to 255 bytes and may not include the character ":".
LONGEST_USER = 255

#: A file changed less than this ago may change again within the same tick of the filesystem's clock, with
#: the same size: what was read of it is not kept. Filesystems have ticks of up to 2 s (FAT).
_YOUNG_NS = 2_000_000_000


@dataclass(frozen=True, slots=True)
class _Entry:
    hashed: str = field(repr=False)
    kind: HashKind


@dataclass(frozen=True, slots=True)
class _Content:
    """A file as it was read: users with a hash that can be checked, and the hash of nobody in particular."""

    entries: Mapping[str, _Entry] = field(repr=False)
    usual: _Entry = field(repr=False)


_NOBODY = _Entry(NOBODYS_HASH, kind_of(NOBODYS_HASH))
_EMPTY = _Content({}, _NOBODY)


class HtpasswdFile:
    """One htpasswd file at ``path``, read again when it has changed. For use by several threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._state: tuple[int, ...] | None = None
        self._last = _EMPTY
        self._lock = threading.Lock()

    def verify(self, user: str, password: str) -> bool:
        """Whether ``user`` has this password. Never raises: a file that can't be read admits nobody.

        Takes the same time for a user that is not there: the password is then checked against a hash of the
        kind that most users of the file have (bcrypt's, where there are any), and so it is, in addition, for
        users with a hash of another kind.
        """
        try:
            content = self._content()
        except ConfigError as error:
            _log.error("%s", error)
            content = _EMPTY
        entry = content.entries.get(user)
        if entry is None or entry.kind != content.usual.kind:
            matches(password, content.usual.hashed, content.usual.kind)
        return entry is not None and matches(password, entry.hashed, entry.kind)

    def refuse(self, password: str) -> bool:
        """No, in the time that an unknown user of the file as last read would take."""
        usual = self._last.usual
        matches(password, usual.hashed, usual.kind)
        return False

    def proof(self, user: str) -> bytes | None:
        """A digest (SHA-256) that changes with the user's password; None when the user may not sign in.

        What keeps it notices a changed password without knowing it, or its hash. Raises ConfigError.
        """
        entry = self._content().entries.get(user)
        return None if entry is None else hashlib.sha256(entry.hashed.encode()).digest()

    def users(self) -> tuple[str, ...]:
        """The names in the file, in its order, with those whose hash is refused; raises ConfigError."""
        names = (line.user for line in parse(disk.read(self.path)[1]) if line.user is not None)
        return tuple(dict.fromkeys(name.decode(errors="replace") for name in names))

    def add(self, user: str, password: str) -> None:
        """Add a user; makes the file when there is none. Raises ConfigError, also when the user is there."""
        name, hashed = checked_name(user), _hashed(password)
        with self._change() as (lines, write):
            if any(line.user == name for line in lines):
                raise ConfigError(
                    f"{self.path}: the user {user} is there already; change the password instead"
                )
            write(added(lines, name, hashed))

    def set_password(self, user: str, password: str) -> None:
        """Give a user another password; raises ConfigError, also when there is no such user."""
        name, hashed = checked_name(user), _hashed(password)
        with self._change() as (lines, write):
            self._must_have(lines, user)
            write(changed(lines, name, hashed))

    def remove(self, user: str) -> None:
        """Remove a user; raises ConfigError, also when there is no such user."""
        name = checked_name(user)
        with self._change() as (lines, write):
            self._must_have(lines, user)
            write(removed(lines, name))

    def _must_have(self, lines: Sequence[Line], user: str) -> None:
        if all(line.user != user.encode() for line in lines):
            raise ConfigError(f"{self.path}: there is no user {user}; see: nexefax user list")

    @contextmanager
    def _change(self) -> Iterator[tuple[Sequence[Line], Callable[[Sequence[Line]], None]]]:
        """The lines and what writes others in their place, while no other writer may; raises ConfigError."""
        path = self.path.resolve()  # a link stays a link
        try:
            with disk.one_writer(path):
                old, raw = disk.read(path) if path.exists() else (None, b"")
                yield (
                    parse(raw),
                    lambda lines: disk.replace(path, b"".join(line.text for line in lines), old),
                )
        except FileNotFoundError as error:
            raise ConfigError(
                f"the directory {path.parent} is missing; make it, with the group asterisk and mode 750"
            ) from error
        except OSError as error:
            raise ConfigError(
                f"{self.path} can't be changed: {error.strerror}; run this as root, or as a user who may write in"
                f" {path.parent}"
            ) from error

    def _content(self) -> _Content:
        with self._lock:
            if self._state is None or self._state != disk.state_of(self.path):
                status, raw = disk.read(self.path)
                self._last = self._checked(raw)
                young = time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) < _YOUNG_NS
                self._state = None if young else disk.state(status)
            return self._last

    def _checked(self, raw: bytes) -> _Content:
        entries: dict[str, _Entry] = {}
        seen: set[bytes] = set()
        for number, line in enumerate(parse(raw), start=1):
            if line.user is None or line.user in seen:
                continue
            seen.add(line.user)
            try:
                hashed = line.hashed.decode("ascii", errors="replace")
                # A name that is not UTF-8 can't come from a browser: its surrogates are nobody's.
                entries[line.user.decode(errors="surrogateescape")] = _Entry(hashed, kind_of(hashed))
            except HashRefused as refused:
                _log.warning(
                    "%s, line %d: the password of %s %s; set it anew, with: nexefax user passwd",
                    self.path,
                    number,
                    _plain(line.user.decode(errors="replace")),
                    refused,
                )
        return _Content(entries, _usual(entries))


class PasswordFiles:
    """All auth files of the installation, by path. For use by several threads."""

    def __init__(self) -> None:
        self._files: dict[Path, HtpasswdFile] = {}
        self._usual = HtpasswdFile(Path())
        self._lock = threading.Lock()

    def verify(self, path: Path | None, user: str, password: str) -> bool:
        """Whether ``user`` has this password in the file at ``path``.

        Without a file (an unknown account, or one without users) the answer is no, after the time that the
        file asked last would take: that an account exists shall not be heard.
        """
        with self._lock:
            if path is not None:
                self._usual = self._files.setdefault(path, HtpasswdFile(path))
            file = self._usual
        return file.refuse(password) if path is None else file.verify(user, password)

    def proof(self, path: Path, user: str) -> bytes | None:
        """See :meth:`HtpasswdFile.proof`; raises ConfigError."""
        with self._lock:
            file = self._files.setdefault(path, HtpasswdFile(path))
        return file.proof(user)


def may_be_changed(directory: Path) -> bool:
    """Whether this process may write auth files in ``directory``. Blocks."""
    return os.access(directory, os.W_OK | os.X_OK)


def how_to_allow_changes(directory: Path) -> str:
    """What the administrator does so that passwords can be changed on the page, as the end of a sentence."""
    return (
        f"for changes on the page NexeFax's user must be able to write there: chgrp asterisk {directory}, chmod 2770"
        f" {directory}, and ReadWritePaths={directory} with systemctl edit nexefax; or use nexefax user"
    )


def checked_name(user: str) -> bytes:
    """The name as bytes of a file; raises ConfigError for one that an htpasswd file can't hold."""
    try:
        name = user.encode()
    except UnicodeEncodeError:
        raise ConfigError("the user name is not UTF-8; choose another") from None
    if not user or user != user.strip() or user.startswith("#"):
        raise ConfigError(
            f"the user name {user!r} is empty, begins with # or has spaces around it; choose another"
        )
    if ":" in user or control_characters(user):
        raise ConfigError(f"the user name {user!r} has a : or a control character in it; choose another")
    if len(name) > LONGEST_USER:
        raise ConfigError(f"the user name is longer than {LONGEST_USER} bytes; choose a shorter one")
    return name


def check_password(password: str) -> None:
    """Raise ConfigError for a password that can't be set."""
    try:
        length = len(password.encode())
    except UnicodeEncodeError:
        raise ConfigError("the password is not UTF-8; choose another") from None
    if not password or {"\0", "\n", "\r"} & set(password):
        raise ConfigError("the password is empty, or has a line break in it; choose another")
    if length > LONGEST_PASSWORD:
        raise ConfigError(f"the password is longer than {LONGEST_PASSWORD} bytes; choose a shorter one")


def _hashed(password: str) -> bytes:
    check_password(password)
    return new_hash(password).encode()


def _usual(entries: Mapping[str, _Entry]) -> _Entry:
    """The hash that unknown users are checked against: one of the most frequent kind, bcrypt's first."""
    counts = Counter(entry.kind for entry in entries.values())
    if not counts:
        return _NOBODY
    usual = max(counts, key=lambda kind: (kind.name == "bcrypt", counts[kind]))
    return next(entry for entry in entries.values() if entry.kind == usual)


def _plain(user: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in user[:LONGEST_USER])
