"""What may be dialled."""

from __future__ import annotations

import re
import unicodedata

from nexefax.errors import NumberError

MAX_DIGITS = 40  # E.164 has 15; a calling card, an outside line and pauses by * need room

_PUNCTUATION = str.maketrans("", "", " \t-.()/\u2010\u2011\u2012\u2013\u2014\u2212")
_DIALLABLE = re.compile(r"\+?[0-9]+|[*#][0-9*#]*[0-9][0-9*#]*")


def clean_number(text: str) -> str:
    """Return the digits to dial for what a person typed, with a leading ``+``, or star codes (``*31#``).

    Usual punctuation is dropped, as is the ``(0)`` of ``+49 (0)30``, which nobody dials after a country code.
    Raises NumberError with a sentence for that person.
    """
    folded = unicodedata.normalize("NFKC", text).strip()
    if not folded:
        raise NumberError("Enter the fax number to send to.")
    if folded.startswith("+"):
        folded = folded.replace("(0)", "", 1)
    number = folded.translate(_PUNCTUATION)
    if not number.isascii() or not _DIALLABLE.fullmatch(number):
        odd = sorted({sign for sign in number if not (sign.isascii() and sign.isdigit())} - {"+", "*", "#"})
        if odd:
            raise NumberError(f"A fax number has digits only; {_named(odd[0])} can't be dialled.")
        if not any(sign.isdigit() for sign in number):
            raise NumberError("A fax number needs digits.")
        raise NumberError("In a fax number, + comes first, and * and # only in codes that begin with * or #.")
    if len(number) > MAX_DIGITS:
        raise NumberError(f"A fax number has at most {MAX_DIGITS} digits; this one has {len(number)}.")
    return number


def _named(sign: str) -> str:
    return f"“{sign}”" if sign.isprintable() else f"the control character U+{ord(sign):04X}"
