"""What config.conf and accounts.conf say about rendering reaches the renderer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nexefax.config import Account, General
from nexefax.fax.convert import Resolution
from nexefax.fax.drawing import render_settings

GENERAL = General(tx_channel="Local/${TO}@outside")
ACCOUNT = Account(id="ACME", rx_email_to=("a@acme.example",), tx_number="12025550154", tx_name="ACME")


@pytest.mark.parametrize(
    ("option", "default", "other", "field", "expected"),
    [
        ("tx_resolution", Resolution.FINE, "standard", "resolution", Resolution.STANDARD),
        ("tx_fit", "size", "width", "fit", "width"),
        ("tx_halftone", "auto", "photo", "halftone", "photo"),
        ("tx_halftone", "auto", "text", "halftone", "text"),
    ],
)
def test_an_account_may_have_it_otherwise(
    option: str, default: object, other: str, field: str, expected: object
) -> None:
    assert getattr(render_settings(GENERAL, ACCOUNT), field) == default
    assert getattr(render_settings(GENERAL, replace(ACCOUNT, **{option: other})), field) == expected  # type: ignore[arg-type]  # by name
    everywhere = replace(GENERAL, **{option: other})  # type: ignore[arg-type]  # by name
    for account in (ACCOUNT, None):
        assert getattr(render_settings(everywhere, account), field) == expected


def test_limits_are_the_installations() -> None:
    settings = render_settings(
        replace(GENERAL, tx_max_pages=7, tx_page_minutes=3, convert_timeout=11), ACCOUNT
    )
    assert (settings.max_pages, settings.page_minutes, settings.timeout) == (7, 3, 11)
