"""A fax as the API shows it: made where webhooks find it too."""

from __future__ import annotations

from nexefax.fax.summary import WAITING, fax_summary, resolution_word

__all__ = ["WAITING", "fax_summary", "resolution_word"]
