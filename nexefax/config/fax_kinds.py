"""Kinds of values that end in Asterisk or on the telephone line, with what Asterisk's source says of them."""

from __future__ import annotations

import re
from pathlib import Path

from nexefax.config.kinds import PATH, YES_NO, Kind, Refused, control_characters

#: Account ids and contexts: Asterisk keeps 79 bytes of both (AST_MAX_ACCOUNT_CODE, AST_MAX_CONTEXT).
LONGEST_NAME = 79


def _fax_detection(text: str) -> bool:
    # FAXOPT(faxdetect) also takes cng and t38, each one half of what yes means (res_fax.c, acf_faxopt_write).
    return text.lower() in {"cng", "t38"} or bool(YES_NO.parse(text))


FAX_DETECTION = Kind(_fax_detection, "Yes or No")


def _plain_path(text: str) -> Path:
    # Faxes lie below it, and their names go through the dialplan: SendFAX splits at "," and "&" (res_fax.c),
    # call files end at ";" and " #" (pbx_spool.c), "$" would be evaluated.
    if not re.fullmatch(r"[A-Za-z0-9._/+@-]+", text):
        raise Refused(
            "has characters that Asterisk's dialplan can't carry", "use letters, digits and . _ - + @ / only"
        )
    path: Path = PATH.parse(text)
    return path


PLAIN_PATH = Kind(_plain_path)

MODEMS = ("v17", "v27", "v29", "v34")
RATES = (2400, 4800, 7200, 9600, 12000, 14400, 28800, 33600)
_RATE_LIST = ", ".join(map(str, RATES[:-1])) + f" or {RATES[-1]}"

# Which modems can do a rate, as Asterisk sees it (res_fax.c, check_modem_rate): a rate that none of the
# chosen ones can do makes SendFAX fail at once.
_MODEMS_OF_RATE = {
    2400: {"v34"},
    4800: {"v27", "v34"},
    7200: {"v17", "v29", "v34"},
    9600: {"v17", "v27", "v29", "v34"},
    12000: {"v17", "v34"},
    14400: {"v17", "v34"},
    28800: {"v34"},
    33600: {"v34"},
}


def rate_fits(rate: int, modems: str) -> bool:
    """Whether Asterisk lets ``rate`` (bit/s) go with ``modems`` (comma separated, as MODEM_LIST gives them)."""
    return not _MODEMS_OF_RATE[rate].isdisjoint(modems.split(","))


def _modems(text: str) -> str:
    names = [name.strip().lower() for name in text.split(",")]
    for name in names:
        if name not in MODEMS:
            raise Refused(f"has the unknown modem {name!r}", f"write some of {','.join(MODEMS)}")
    return ",".join(dict.fromkeys(names))


MODEM_LIST = Kind(_modems, "Some of v17,v27,v29,v34")


def _rate(text: str) -> int:
    if not text.isdecimal() or int(text) not in RATES:
        raise Refused("is no rate of fax machines", f"write {_RATE_LIST}")
    return int(text)


RATE = Kind(_rate, _RATE_LIST)

#: ITU-T E.164 has 15 digits; prefixes for lines and carriers come before them.
_LONGEST_NUMBER = 32


def _fax_number(text: str) -> str:
    digits = re.sub(r"[\s().\-/\u2010-\u2015\u00a0]", "", text)
    if not re.fullmatch(rf"\+?[0-9]{{1,{_LONGEST_NUMBER}}}", digits):
        raise Refused("is no fax number", "write digits with country and area code, e.g. 12025550154")
    return digits


FAX_NUMBER = Kind(_fax_number, "Digits")


def _channel(text: str) -> str:
    if "${TO}" not in text:
        raise Refused("lacks ${TO}", "put ${TO} where the number to dial belongs, e.g. PJSIP/${TO}@trunk")
    # Both begin a comment in a call file (pbx_spool.c, apply_outgoing): the rest of the line would be lost.
    if ";" in text or re.search(r"(^|\s)#", text):
        raise Refused("has a ; or # in it that begins a comment in Asterisk's call files", "leave it out")
    return text


CHANNEL = Kind(_channel, "Must contain ${TO}")


def _context(text: str) -> str:
    if not re.fullmatch(rf"[A-Za-z0-9_.-]{{1,{LONGEST_NAME}}}", text):
        raise Refused("is no name of a dialplan context", "use letters, digits and . _ - only")
    return text


CONTEXT = Kind(_context)


def check_account_id(name: str) -> None:
    """Refuse an account id that can't be a file's name, an argument of the dialplan or a call file's value.

    Raises :class:`Refused`.
    """
    if control_characters(name):
        raise Refused("has a control character in it", "write it again by hand")
    if name.startswith(".") or re.search(r'[/\\,;:"$()\[\]{}<>|&#]', name):
        # The id is the name of its auth file, part of a received fax's file name, and goes through Gosub.
        raise Refused(
            "has a character that an account's name can't have", "use letters, digits, spaces and . _ - only"
        )
    if len(name.encode()) > LONGEST_NAME:
        raise Refused(f"is longer than {LONGEST_NAME} bytes", "shorten it")
