"""Where faxes lie below ``data_dir``: names come from ids, never from people.

::

    out/<id>/document            what was handed in
             document-2, …       more of it
             document.fine.tiff  … and other pages that are drawn already: fax/renditions.py
             fax.tiff            what is faxed
             <attempt>.tiff      the same file, under the attempt's name for Asterisk
             <attempt>.started   written by the dialplan's guard when SendFAX begins
             <attempt>.cancel    tells the guard to hang up
             <attempt>.outcome   written by the dialplan's hangup handler
    in/<id>/fax.tiff             what came in, a copy of the spool's
            fax.pdf              what is mailed
    drafts/<id>/1, 2, …          documents of a fax that somebody still writes, and pages of them
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nexefax.durable import copy_file, make_folder, share_file, sync_folder
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
        for folder in (self.outgoing, self.received, self.drafts):
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

    @property
    def drafts(self) -> Path:
        """What users write and have not sent yet."""
        return self.data_dir / "drafts"

    def keep_files(self, files: Mapping[str, Path], copies: int) -> list[Path]:
        """Have ``files``, by their names there, in ``copies`` folders without a number yet; durable.

        Files of faxes and drafts are durable already and never changed: they are linked. See :meth:`number_folders`.
        """
        kept: list[Path] = []
        try:
            for _ in range(copies):
                folder = self.outgoing / f"{INCOMING_PREFIX}{os.urandom(8).hex()}"
                kept.append(folder)
                make_folder(folder)
                for name, source in files.items():
                    if source.parent.parent in (self.outgoing, self.received, self.drafts):
                        share_file(source, folder / name)
                    elif len(kept) > 1:
                        share_file(kept[0] / name, folder / name)
                    else:
                        copy_file(source, folder / name)
                sync_folder(folder)
        except BaseException:
            self.drop(kept)
            raise
        return kept

    def number_folders(self, kept: Sequence[Path], faxes: Sequence[int]) -> None:
        """Give kept folders their faxes' numbers; called inside the transaction that makes the rows.

        A folder of that number without a row is of a transaction that a crash rolled back: nobody was told "ok".
        """
        for folder, fax in zip(kept, faxes, strict=True):
            place = self.sent_fax(fax)
            if place.exists():
                shutil.rmtree(place)
            folder.rename(place)
        sync_folder(self.outgoing)

    def drop(self, kept: Iterable[Path]) -> None:
        """Remove kept folders that get no number: it was handed in before."""
        for folder in kept:
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


def attempt_of(folders: Folders, file: str) -> tuple[int, int] | None:
    """Return (fax, attempt) of the path that an attempt's call file gave to Asterisk as FAXFILE."""
    path = Path(file)
    digits = (path.parent.name, path.stem)
    if not all(text.isascii() and text.isdigit() and len(text) < 16 for text in digits):
        return None
    fax, attempt = int(digits[0]), int(digits[1])
    return (fax, attempt) if str(with_suffix(folders.stem(fax, attempt), ".tiff")) == file else None


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
