"""Text as it is compared when people search: without case, and letters composed in one way."""

from __future__ import annotations

import unicodedata

# What people and machines write between the digits of a number, and the (0) that nobody dials.
_BETWEEN_DIGITS = str.maketrans("", "", " \t\u00a0+-./()\u2010\u2011\u2012\u2013\u2014\u2212")


def folded(text: str) -> str:
    """``text`` without case (``Straße`` as ``strasse``), in NFC: macOS writes the names of files in NFD."""
    return unicodedata.normalize("NFC", text.casefold())


def digits(text: str) -> str:
    """``text`` as nothing but digits when it is a number with the usual punctuation, else ""."""
    bare = text.replace("(0)", "").translate(_BETWEEN_DIGITS)
    return bare if bare.isascii() and bare.isdecimal() else ""


def search_text(*known: str) -> str:
    """What a record is found by: a line for each of the texts, and numbers once more as nothing but digits."""
    numbers = (bare for text in known if (bare := digits(text)) and bare != text)
    return folded("\n".join((*known, *numbers)))
