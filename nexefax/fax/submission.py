"""What a user hands in to be faxed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nexefax.config import Account


@dataclass(frozen=True, slots=True)
class Submission:
    """A document for one number, as the page or a program handed it in; nothing in it is trusted.

    ``number`` is what was typed; ``document`` an uploaded file of ours below ``tmp_dir``, which is copied;
    ``document_name`` what the user calls it. The same ``request_id`` of the same account is taken once, however
    often it comes ("" for none).
    """

    account: Account
    user: str
    number: str
    document: Path
    document_name: str
    subject: str = ""
    message: str = ""
    request_id: str = ""
