"""The options of an account, for the same table as :mod:`nexefax.config.settings`."""

# ruff: noqa: RUF009 - each default is a field() made by option(), evaluated once, as dataclasses want it

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nexefax.config import fax_kinds, kinds
from nexefax.config.options import option, required

_AS_INSTALLATION = "The one in [general] of config.conf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A section of accounts.conf; ``id`` is the section's name as written."""

    id: str
    rx_email_to: tuple[str, ...] = required(
        kinds.ADDRESSES,
        "The mail addresses that received faxes, and notices about sent ones, are mailed to.",
        "fax@example.com",
        adding="the address that received faxes are mailed to",
    )
    rx_email_cc: tuple[str, ...] = option(kinds.ADDRESSES, (), "The mail addresses that get a copy (CC).")
    rx_email_bcc: tuple[str, ...] = option(
        kinds.ADDRESSES, (), "The mail addresses that get a copy which the others don't see (BCC)."
    )
    rx_email_subject: str = option(
        kinds.TEXT,
        "",
        "The subject of mail about a received fax.",
        default="The [email] subject option in config.conf",
    )
    tx_number: str = required(
        fax_kinds.FAX_NUMBER,
        "The number that faxes are sent from, with country and area code.",
        "12025550154",
        options="Digits, with no symbols or letters",
        adding="the number that faxes are sent from",
    )
    tx_name: str = required(
        kinds.TEXT,
        "The name of who sends the faxes.",
        "ACME Corporation",
        adding="the name that faxes are sent under",
    )
    tx_notify_success: bool = option(
        kinds.YES_NO,
        False,
        "Send a mail when a fax of this account was sent.",
        options="Yes or No (or True or False)",
    )
    tx_notify_failure: bool = option(
        kinds.YES_NO,
        True,
        "Send a mail when a fax of this account could not be sent.",
        options="Yes or No (or True or False)",
    )
    tx_channel: str = option(
        fax_kinds.CHANNEL,
        "",
        "A channel of its own for this account's faxes.",
        default="The [general] tx_channel option in config.conf",
    )
    tx_max_calls: int = option(
        kinds.whole(0, 1000, "calls"),
        0,
        "How many faxes of this account may be sent at the same time; 0 is as many as the installation's tx_max_calls "
        "allows.",
    )
    tx_resolution: str = option(
        kinds.choice("fine", "standard"),
        "",
        "The resolution of faxes that are sent.",
        default=_AS_INSTALLATION,
    )
    tx_fit: str = option(
        kinds.choice("size", "width"), "", "How pages are put on fax paper.", default=_AS_INSTALLATION
    )
    tx_halftone: str = option(
        kinds.choice("auto", "text", "photo"),
        "",
        "How grey and colour become black and white.",
        default=_AS_INSTALLATION,
    )
    rx_format: str = option(
        kinds.choice("pdf", "tiff", "both"),
        "",
        "What is attached to the mail about a received fax.",
        default=_AS_INSTALLATION,
    )
    info_name: str = option(kinds.TEXT, "", "About the sender: name.")
    info_fax: str = option(kinds.TEXT, "", "About the sender: fax number.")
    info_phone: str = option(kinds.TEXT, "", "About the sender: phone number.")
    info_email: str = option(kinds.TEXT, "", "About the sender: mail address.")
    info_web: str = option(kinds.TEXT, "", "About the sender: website.")
    cover: bool = option(
        kinds.YES_NO, False, "Put a cover page on top of each fax, unless its sender says otherwise."
    )
    cover_template: Path | None = option(
        kinds.PATH,
        None,
        "A file of your own that cover pages are made from; see the README for what it may hold.",
        default="The one that comes with NexeFax",
    )
    admins: tuple[str, ...] = option(
        kinds.USERS, (), "The users of this account who may add, change and remove its users on the page."
    )
    webhook_url: str = option(
        kinds.HOOK_URL,
        "",
        "An address that is told what happens to faxes of this account, by POST requests with JSON.",
    )
    webhook_secret: str = option(
        kinds.SECRET,
        "",
        "The secret that these requests are signed with (HMAC-SHA-256); needed with webhook_url.",
    )
