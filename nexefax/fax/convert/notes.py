"""What the recipient of a fax is told about its pages: plain sentences, without a full stop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from nexefax.fax.convert.linetime import numbers_in_words
from nexefax.fax.convert.paper import paper
from nexefax.fax.convert.pictures import Decoded

MAX_NOTES: Final = 20  # of one kind, before the rest is summed up: a mail is not a log
_NEGATIVE: Final = 0.8  # share of black from which a min-is-black page may be a negative
_KINDS: Final = {b"%PDF": "a PDF document", b"%!PS": "a PostScript program", b"<": "a web page or XML"}


def unreadable_note(beginning: bytes) -> str:
    """Why there is no PDF at all, by the file's first bytes."""
    if not beginning:
        return "The received file is empty"
    if beginning[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+") or beginning == b"II":
        return "No page of this fax could be read; the fax itself is attached as it was received (TIFF)"
    kind = next(
        (kind for mark, kind in _KINDS.items() if beginning.lstrip().startswith(mark)), "something else"
    )
    return f"What was received is not a fax (TIFF) but {kind}; it is attached as it is and was not opened"


def damaged_lines(page: Decoded) -> int:
    """How many scan lines of a page are bad: as we found, or as the receiver wrote into the tag BadFaxLines."""
    told = page.page.bad_lines or 0
    if page.page.length and told > page.page.length:
        told = 0
    return max(told, page.salvaged.damaged if page.salvaged else 0)


def page_notes(pages: Sequence[Decoded], fault: str) -> Iterator[str]:
    """All that is to be said about a fax's pages, page by page, then what concerns several."""
    lost = [page.page.number for page in pages if page.picture is None]
    if lost:
        verb = "is" if len(lost) == 1 else "are"
        yield f"{_first(numbers_in_words(lost))} could not be read and {verb} missing in the PDF"
    if fault:
        yield f"The fax file is damaged: {fault}"
    noted = [(page.page.number, note) for page in pages if page.picture is not None and (note := _note(page))]
    for _, note in noted[:MAX_NOTES]:
        yield note
    if noted[MAX_NOTES:]:
        yield f"{_first(numbers_in_words([number for number, _ in noted[MAX_NOTES:]]))} are damaged too"
    odd = [page.page for page in pages if page.picture is not None and not paper(page.page).as_tagged]
    if odd:
        sizes = {f"{paper(page).across:.0f}x{paper(page).down:.0f}" for page in odd}
        yield (
            f"The resolution of {numbers_in_words([page.number for page in odd])} was missing or wrong in the fax; "
            f"shown at {' and '.join(sorted(sizes))} dots per inch"
        )
    dark = [page.page.number for page in pages if (page.black or 0) >= _NEGATIVE]
    if dark:
        yield f"Almost all of {numbers_in_words(dark)} is black: perhaps it came as a negative; nothing was changed"


def _first(words: str) -> str:
    return words[:1].upper() + words[1:]


def _note(page: Decoded) -> str:
    """What is wrong with one page, or ''."""
    number, read = page.page.number, page.salvaged
    count = damaged_lines(page)
    lines = f"Page {number} has {count} damaged line{'s' if count != 1 else ''}" if count else ""
    run = page.page.bad_run or 0
    if lines and 1 < run <= count and run <= (page.page.bad_lines or 0):
        lines += f", up to {run} one after the other"
    if page.suspect:
        return f"Page {number} is damaged; it is shown as far as it could be decoded"
    if read is None:
        return lines
    if page.page.carved:
        return f"Page {number} is cut off: {read.lines - read.damaged} lines of it are there"
    if not read.lines:
        return f"Page {number} arrived empty"
    if not read.complete:
        lost = read.length - (read.lines - read.damaged)
        return f"Page {number} is damaged: {lost} of its {read.length} lines are lost or uncertain"
    missing = page.page.length - read.lines
    if missing > 0 and lines:
        return f"{lines}, and {missing} lines are missing"
    if missing > 0:
        return f"Page {number} has {read.lines} lines, not {page.page.length} as its file says"
    if read.relabelled and not lines:
        return f"Page {number} was in another coding than its file says"
    return lines
