"""What stands on a fax's cover page, from the account's settings and what its sender wrote. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from nexefax.config import Account
from nexefax.errors import NumberError
from nexefax.fax.number import clean_number
from nexefax.fax.submission import Recipient

if TYPE_CHECKING:
    from nexefax.fax.cover import CoverFacts


def cover_facts(
    account: Account, recipient: Recipient, *, subject: str, message: str, moment: float, pages: int
) -> CoverFacts:
    """The facts for one recipient.

    ``moment`` is in seconds since 1970 and shown in the server's zone; ``pages`` are those that follow.
    """
    from nexefax.fax.cover import CoverFacts

    return CoverFacts(
        account=account.id,
        to_number=_dialled(recipient.number),
        to_name=recipient.name,
        date=datetime.fromtimestamp(moment).astimezone(),
        document_pages=pages,
        from_name=account.info_name or account.tx_name,
        from_fax=account.info_fax or account.tx_number,
        from_phone=account.info_phone,
        from_email=account.info_email,
        from_web=account.info_web,
        subject=subject,
        message=message,
    )


def _dialled(number: str) -> str:
    """The number as the fax will have it; what can't be dialled yet as it was typed so far."""
    try:
        return clean_number(number)
    except NumberError:
        return number
