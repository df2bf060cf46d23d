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
    typed = text.strip()
    odd_digits = [sign for sign in typed if sign.isdigit() and not sign.isdecimal()]
    if odd_digits:  # a footnote's ² is no 2
        raise NumberError(f"A fax number has digits only; {_named(odd_digits[0])} can't be dialled.")
    folded = unicodedata.normalize("NFKC", typed).strip()
    if not folded:
        raise NumberError("Enter the fax number to send to.")
    if re.search(r"\s[/,;|]\s|[,;|]", folded):
        raise NumberError(
            "That looks like more than one number. A fax goes to one number; send it once for each."
        )
    if re.match(r"0(0|11)", folded.translate(_PUNCTUATION)) and "(0)" in folded:
        raise NumberError("Leave out the (0): it is not dialled after a country code.")
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
