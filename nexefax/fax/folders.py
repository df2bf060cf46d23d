"""Where faxes lie below ``data_dir``: names come from ids, never from people.

::

    out/<id>/document            what was handed in
             fax.tiff            what is faxed
             <attempt>.tiff      the same file, under the attempt's name for Asterisk
             <attempt>.started   written by the dialplan's guard when SendFAX begins
             <attempt>.cancel    tells the guard to hang up
             <attempt>.outcome   written by the dialplan's hangup handler
    in/<id>/fax.tiff             what came in, a copy of the spool's
            fax.pdf              what is mailed
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from nexefax.durable import copy_file, make_folder, sync_folder
from nexefax.fax.outcome import MAX_BYTES, Outcome, parse_outcome

INCOMING_PREFIX = ".incoming-"  # documents whose row is not committed yet
_NUMBER = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders of one ``data_dir``; methods block on the disk."""

    data_dir: Path

    @property
    def outgoing(self) -> Path:
        """All faxes that go out."""
        return self.data_dir / "out"

    @property
    def received(self) -> Path:
        """All faxes that came in."""
        return self.data_dir / "in"

    def prepare(self) -> None:
        """Make the folders."""
        for folder in (self.outgoing, self.received):
            make_folder(folder)

    def sent_fax(self, fax: int) -> Path:
        """The folder of a fax that goes out."""
        return self.outgoing / str(fax)

    def document(self, fax: int) -> Path:
        """The document that was handed in."""
        return self.sent_fax(fax) / "document"

    def fax_tiff(self, fax: int) -> Path:
        """The TIFF that is faxed."""
        return self.sent_fax(fax) / "fax.tiff"

    def stem(self, fax: int, attempt: int) -> Path:
        """What an attempt's files begin with: ``.tiff``, ``.started``, ``.cancel``, ``.outcome``."""
        return self.sent_fax(fax) / str(attempt)

    def received_fax(self, fax: int) -> Path:
        """The folder of a fax that came in."""
        return self.received / str(fax)

    def received_tiff(self, fax: int) -> Path:
        """Our copy of what Asterisk received."""
        return self.received_fax(fax) / "fax.tiff"

    def received_pdf(self, fax: int) -> Path:
        """What is mailed of it."""
        return self.received_fax(fax) / "fax.pdf"

    def keep_document(self, document: Path) -> Path:
        """Copy an uploaded document into a folder without a number yet; durable. See :meth:`number_document`."""
        folder = self.outgoing / f"{INCOMING_PREFIX}{os.urandom(8).hex()}"
        make_folder(folder)
        try:
            copy_file(document, folder / "document")
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return folder

    def number_document(self, folder: Path, fax: int) -> None:
        """Give a kept document its fax's number; called inside the transaction that makes the row.

        A folder of that number without a row is of a transaction that a crash rolled back: nobody was told "ok".
        """
        place = self.sent_fax(fax)
        if place.exists():
            shutil.rmtree(place)
        folder.rename(place)
        sync_folder(self.outgoing)

    def drop(self, folder: Path) -> None:
        """Remove a kept document that gets no number: it was handed in before."""
        shutil.rmtree(folder, ignore_errors=True)

    def drop_unnumbered(self) -> int:
        """Remove documents of submissions that were never acknowledged; return how many."""
        left = [entry for entry in self.outgoing.iterdir() if entry.name.startswith(INCOMING_PREFIX)]
        for folder in left:
            shutil.rmtree(folder, ignore_errors=True)
        return len(left)

    def highest_number(self) -> int:
        """Return the highest number that any fax's folder has; 0 when there is none."""
        folders = [*self.outgoing.iterdir(), *self.received.iterdir()]
        return max((int(path.name) for path in folders if _NUMBER.fullmatch(path.name)), default=0)


def with_suffix(stem: Path, suffix: str) -> Path:
    """Return an attempt's file; ``Path.with_suffix`` would eat what follows a dot of a data_dir like ``/srv/fax.d``."""
    return stem.parent / f"{stem.name}{suffix}"


def read_outcome(path: Path) -> tuple[Outcome, str] | None:
    """Return a whole outcome file and its line as it stands; None when there is none, or it is half written."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return None
        line = os.read(handle, MAX_BYTES + 1)
    except OSError:
        return None
    finally:
        os.close(handle)
    outcome = parse_outcome(line)
    return (outcome, line.decode("ascii", "replace").strip()) if outcome else None
