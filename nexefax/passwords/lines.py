"""The lines of an htpasswd file, byte by byte: what Apache makes of them, and edits that leave the rest alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Line:
    """A line with its end as it stands in the file; without ``user`` it is a comment, blank or broken."""

    text: bytes = field(repr=False)
    user: bytes | None
    hashed: bytes = field(default=b"", repr=False)

    def after_hash(self) -> bytes:
        """What follows the hash: fields that nobody reads, and the end of the line."""
        fields = self.text.split(b":", 2)
        return b":" + fields[2] if len(fields) == 3 else self.text[len(self.text.rstrip()) :]


def parse(raw: bytes) -> list[Line]:
    """The lines of a file; joined, their texts are the file again."""
    return [_line(text) for text in raw.splitlines(keepends=True)]


def _line(text: bytes) -> Line:
    # mod_authn_file.c, check_password: the line is stripped, "#" begins a comment, fields end at ":".
    user, colon, rest = text.strip().partition(b":")
    if not user or user.startswith(b"#") or not colon:
        return Line(text, None)
    return Line(text, user, rest.partition(b":")[0])


def added(lines: Sequence[Line], user: bytes, hashed: bytes) -> list[Line]:
    """The lines with one more user at the end; the last line gets an end if it lacks one."""
    *most, last = [*lines] or [Line(b"", None)]
    if last.text and not last.text.endswith((b"\n", b"\r")):
        last = Line(last.text + b"\n", last.user, last.hashed)
    return [*most, last, Line(user + b":" + hashed + b"\n", user, hashed)]


def changed(lines: Sequence[Line], user: bytes, hashed: bytes) -> list[Line]:
    """The lines with another hash for ``user``, in the first of its lines: that one counts for Apache.

    Further lines of the user are left out: they would come to life again once the first is removed.
    """
    kept: list[Line] = []
    found = False
    for line in lines:
        if line.user != user:
            kept.append(line)
        elif not found:
            found = True
            kept.append(Line(user + b":" + hashed + line.after_hash(), user, hashed))
    return kept


def removed(lines: Sequence[Line], user: bytes) -> list[Line]:
    """The lines without those of ``user``."""
    return [line for line in lines if line.user != user]
