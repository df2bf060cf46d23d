"""How work that goes on after a fault tells of it."""

from __future__ import annotations

import logging

log = logging.getLogger("nexefax.fax")


def tell_fault(error: Exception, sentence: str, *values: object) -> None:
    """Log ``sentence`` (with ``values``, as logging takes them) and why: call it where ``error`` is handled.

    A disk, a journal or a spool that can't be used is the administrator's, and its own sentence says all; anything else
    is ours, and is told with its traceback.
    """
    if isinstance(error, OSError):
        log.error(f"{sentence}: %s", *values, error)
    else:
        log.error(sentence, *values, exc_info=error)
