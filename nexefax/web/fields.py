"""What people type and how their files are called, made safe to keep: whole text, without control characters."""

from __future__ import annotations

import re
import unicodedata

from nexefax.web.refusal import Refusal

LONGEST_DOCUMENT_NAME = 200  # every usual filesystem's names fit; mail programs cut longer ones anyway
_REQUEST_KEY = re.compile(r"[A-Za-z0-9_.-]{0,64}")
_NEWLINES = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")


def line(text: str, *, most: int, field: str) -> str:
    """One line of at most ``most`` characters; raises Refusal for more."""
    return _checked(" ".join(_printable(_NEWLINES.sub(" ", text).replace("\n", " ")).split()), most, field)


def lines(text: str, *, most: int, field: str) -> str:
    """Text of at most ``most`` characters, its lines ended by LF; raises Refusal for more."""
    return _checked(_printable(_NEWLINES.sub("\n", text)).strip(), most, field)


def document_name(filename: str) -> str:
    """What the user calls a file, as data: without the folders that some browsers send, never a path of ours."""
    name = re.split(r"[/\\]", filename)[-1]
    name = " ".join(_printable(unicodedata.normalize("NFC", name).replace("\n", " ")).split())
    if len(name) > LONGEST_DOCUMENT_NAME:
        stem, dot, suffix = name.rpartition(".")
        kept = dot + suffix if stem and len(suffix) < 10 else ""
        name = name[: LONGEST_DOCUMENT_NAME - len(kept) - 1] + "…" + kept
    return name if name.strip(".") else "document"


def request_id(user: str, key: str) -> str:
    """What keeps a request of ``user`` from being taken twice, by the ``key`` that came with it; "" without one.

    Raises Refusal for a key that no page made.
    """
    if not _REQUEST_KEY.fullmatch(key):
        raise Refusal(400, "request_id may have up to 64 letters, digits, dots, dashes and underscores.")
    # Two users of one account may choose the same key; neither may swallow the other's fax.
    return f"{user}:{key}" if key else ""


def _printable(text: str) -> str:
    # Cc are control characters; Cs can't be stored as UTF-8. Format characters (Cf) stay: scripts need joiners.
    return "".join(sign for sign in text if sign in "\n\t" or unicodedata.category(sign) not in ("Cc", "Cs"))


def _checked(text: str, most: int, field: str) -> str:
    if len(text) > most:
        raise Refusal(
            400, f"The {field} has {len(text)} characters; at most {most} can be kept.", field=field
        )
    return text
