"""Which way text runs, and how it keeps running that way when it is broken into lines. Pure.

Layout programs that hand single lines to Pango have it guess the direction of each anew: by its first letter with one
(Unicode standard annex 9, rules P2 and P3). A Hebrew paragraph in which some line begins with a Latin name would be set
the wrong way round there, so marks without width say which way at each place where a line may begin.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final, Literal

Direction = Literal["ltr", "rtl"]

_MARKS: Final[dict[Direction, str]] = {"ltr": "\u200e", "rtl": "\u200f"}
_LONGEST_RUN: Final = 40  # characters that are kept in one line, of words that run the other way
# Spaces where no line may begin. Not between digits: there a no-break space would join two numbers into one, being a
# separator to annex 9 (rule W4).
_BOUND: Final = re.compile(r"(?<=\S) (?=\S)(?!(?<=\d )\d)")

_CONTROLS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufeff]")


def clean(text: str) -> str:
    """The text without control characters, and with plain line feeds."""
    return _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n")).replace(
        "\t", "    "
    )


def reads_leftwards(text: str) -> bool:
    """Whether the text is mostly of a script that is written from right to left."""
    kinds = [unicodedata.bidirectional(letter) for letter in text[:10_000]]
    return kinds.count("R") + kinds.count("AL") > kinds.count("L")


def steadied(paragraph: str) -> tuple[Direction, str]:
    """A paragraph's direction, and its text with marks that keep every line of it in that direction.

    Words that run the other way are kept together as far as they fit into a line; their order among themselves is
    never touched. A paragraph of one direction only comes back as it is.
    """
    direction: Direction = "rtl" if reads_leftwards(paragraph) else "ltr"
    runs = re.split(r"( +)", paragraph)
    words = [(word, _runs_against(word, direction)) for word in runs]
    if direction == "ltr" and not any(against for _, against in words):
        return direction, paragraph
    mark = _MARKS[direction]
    result: list[str] = []
    run: list[
        str
    ] = []  # words against the direction, the spaces between them, and numbers that may belong to them

    def end_run() -> None:
        last = max(at for at, word in enumerate(run) if _runs_against(word, direction))
        inner, rest = "".join(run[: last + 1]), "".join(run[last + 1 :])
        result.append(mark + (_BOUND.sub("\u00a0", inner) if len(inner) <= _LONGEST_RUN else inner))
        result.append(rest)
        run.clear()

    for word, against in words:
        if against or (run and not _runs_with(word, direction)):
            run.append(word)
            continue
        if run:
            end_run()
        result.append(word if not word.strip() else mark + word)
    if run:
        end_run()
    return direction, "".join(result)


def _runs_against(word: str, direction: Direction) -> bool:
    kinds = {unicodedata.bidirectional(letter) for letter in word}
    return bool(kinds & ({"R", "AL"} if direction == "ltr" else {"L"}))


def _runs_with(word: str, direction: Direction) -> bool:
    return _runs_against(word, "rtl" if direction == "ltr" else "ltr")
