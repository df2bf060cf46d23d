"""What a mail says instead of a fax that is too large for it, pure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nexefax.config import Account
from nexefax.fax.job import count
from nexefax.fax.records import Fax


def kept_sentences(
    fax: Fax, account: Account, *, megabytes: float, files: Sequence[Path], public_url: str, days: int
) -> str:
    """Return where a fax is that is too large to be mailed.

    ``files`` are on this machine; ``public_url`` is the web page's address, "" when nobody has told it; ``days`` is for
    how long files are kept, 0 for ever.
    """
    opening = f"The fax has {megabytes:.1f} MB, more than a mail may carry here, so it is not attached."
    lasting = f" It is kept there for {count(days, 'day')}." if days else ""
    if public_url:
        links = "\n".join(f"{public_url}/faxes/{fax.id}/{path.name}" for path in files)
        return f"{opening} It is here:\n{links}\nSign in to the account {account.id} to open it.{lasting}"
    folder = files[0].parent if files else ""
    return (
        f"{opening} It is kept on the fax server under its number, {fax.id}: ask your administrator, who finds it in"
        f" {folder}.{lasting} (A link would stand here if public_url were set in config.conf, [server].)"
    )
