"""The options of NexeFax: one table that drives parsing, the sample files and the README's tables.

Each field of the frozen dataclasses below is an option of the same name; its metadata has what the tables
show and what the reader checks (:class:`nexefax.config.options.Option`). Units are in the purpose of each.
"""

# ruff: noqa: RUF009 - each default is a field() made by option(), evaluated once, as dataclasses want it

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from types import MappingProxyType

from nexefax.config import fax_kinds, kinds
from nexefax.config.kinds import Network
from nexefax.config.options import option, required

_SIBLING = Path()  # stands for "beside ast_call_dir" until __post_init__ knows where that is

_LOOPBACK: tuple[Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
_PROXIES: tuple[Network, ...] = (ip_network("127.0.0.1/32"), ip_network("::1/128"))

_DAY = 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class General:
    """Section [general]: Asterisk, directories, how faxes are sent and received."""

    tx_channel: str = required(
        fax_kinds.CHANNEL,
        "The Asterisk channel that is originated to send a fax. It must contain the string ${TO}, which is "
        "replaced with the recipient's fax number.",
        "PJSIP/${TO}@trunk",
        adding="the channel that Asterisk dials faxes on",
    )
    rx_dir: Path = option(
        kinds.PATH,
        Path("/var/spool/asterisk/tmp"),
        "The directory that Asterisk stores received faxes (TIFF files) in.",
        live=False,
    )
    ast_call_dir: Path = option(
        kinds.PATH,
        Path("/var/spool/asterisk/outgoing"),
        "The directory that Asterisk reads call files from.",
        live=False,
    )
    tmp_dir: Path = option(
        kinds.PATH,
        Path("/tmp/nexefax"),  # noqa: S108 - the beta's default; the daemon refuses it unless it is its own, 0700
        "The directory for temporary files of NexeFax.",
        live=False,
    )
    ast_context: str = option(fax_kinds.CONTEXT, "nexefax", "The context of NexeFax in Asterisk's dialplan.")
    tx_max_retries: int = option(
        kinds.whole(0, 1000), 5, "How many times a fax that failed is tried again before it is given up."
    )
    tx_retry_time: int = option(
        kinds.whole(0, 7 * _DAY, "seconds"), 300, "How many seconds to wait before a fax is tried again."
    )
    tx_wait_time: int = option(
        kinds.whole(1, 3600, "seconds"), 30, "How many seconds Asterisk waits for an answer to its call."
    )
    tx_faxopt_ecm: bool = option(
        kinds.YES_NO, True, "Asterisk's FAXOPT item 'ecm': correct transmission errors."
    )
    tx_faxopt_modem: str = option(
        fax_kinds.MODEM_LIST, "v17,v27,v29", "Asterisk's FAXOPT item 'modem': the modems that may be used."
    )
    tx_faxopt_faxdetect: bool = option(
        fax_kinds.FAX_DETECTION,
        False,
        "Asterisk's FAXOPT item 'faxdetect': look out for the tones of a fax machine.",
    )
    tx_faxopt_minrate: int = option(
        fax_kinds.RATE, 4800, "Asterisk's FAXOPT item 'minrate': the slowest rate in bits per second."
    )
    tx_faxopt_maxrate: int = option(
        fax_kinds.RATE, 14400, "Asterisk's FAXOPT item 'maxrate': the fastest rate in bits per second."
    )
    tx_faxopt_t38timeout: int = option(
        kinds.whole(0, 600_000, "milliseconds"),
        5000,
        "Asterisk's FAXOPT item 't38timeout': how many milliseconds the change to T.38 may take.",
    )
    tx_faxopt_negboth: bool = option(
        kinds.YES_NO, False, "Asterisk's FAXOPT item 'negotiate_both': either side may ask for T.38."
    )
    tx_resolution: str = option(
        kinds.choice("fine", "standard"),
        "fine",
        "The resolution of faxes that are sent: fine (204x196), or standard (204x98), which is twice as fast.",
    )
    tx_fit: str = option(
        kinds.choice("size", "width"),
        "size",
        "How pages are put on fax paper: size keeps their true size and shrinks only what is wider, "
        "width makes every page as wide as the paper.",
    )
    tx_halftone: str = option(
        kinds.choice("auto", "text", "photo"),
        "auto",
        "How grey and colour become black and white: auto decides for each page, and for each part of it, by what is on"
        " it; text keeps writing sharp, photo keeps every shade, whatever is on the page.",
    )
    tx_max_pages: int = option(kinds.whole(1, 10_000, "pages"), 500, "The most pages that a fax may have.")
    tx_page_minutes: int = option(
        kinds.whole(1, 240, "minutes"), 6, "A page that takes longer than this to send is warned about."
    )
    tx_resume: bool = option(
        kinds.YES_NO,
        True,
        "Whether a fax whose line dropped goes on with the first page that was not confirmed, instead of all over.",
    )
    tx_max_calls: int = option(
        kinds.whole(1, 1000, "calls"),
        4,
        "How many faxes may be sent at the same time, by all accounts together.",
    )
    rx_format: str = option(
        kinds.choice("pdf", "tiff", "both"), "pdf", "What is attached to the mail about a received fax."
    )
    min_free_mb: int = option(
        kinds.whole(0, 10_000_000, "megabytes"),
        500,
        "With fewer free megabytes than this in data_dir or tmp_dir, documents to be sent are refused; faxes are "
        "still received.",
    )
    retention_days: int = option(
        kinds.whole(0, 36_500, "days"),
        90,
        "How many days after its end a fax's documents and pages are kept; 0 is for ever. What became of the fax "
        "stays known, see journal_days.",
    )
    journal_days: int = option(
        kinds.whole(0, 36_500, "days"),
        0,
        "How many days after its end it is known that there was a fax, and what became of it; 0 is for ever. It stays "
        "known as long as its documents are kept, see retention_days.",
    )
    page_cache_mb: int = option(
        kinds.whole(1, 1_000_000, "megabytes"),
        500,
        "The most megabytes that pictures of pages for the web page may take in data_dir; the oldest make room.",
    )
    data_dir: Path = option(
        fax_kinds.PLAIN_PATH,
        Path("/var/lib/nexefax"),
        "The directory for faxes and the journal of NexeFax. Asterisk must be able to read in it.",
        live=False,
    )
    convert_jobs: int = option(
        kinds.whole(0, 64),
        0,
        "How many documents are converted at the same time; 0 is as many as the machine has processor cores.",
        live=False,
    )
    convert_timeout: int = option(
        kinds.whole(1, 3600, "seconds"), 120, "How many seconds the conversion of a document may take."
    )
    sweep_interval: int = option(
        kinds.whole(1, _DAY, "seconds"),
        60,
        "How often, in seconds, NexeFax looks for faxes that Asterisk could not tell it about.",
    )
    ast_staging_dir: Path = option(
        kinds.PATH,
        _SIBLING,
        "The directory that call files are written in, before they are moved to ast_call_dir. It must be on the "
        "same filesystem.",
        default="`nexefax` beside ast_call_dir",
        live=False,
    )
    ast_done_dir: Path = option(
        kinds.PATH,
        _SIBLING,
        "The directory that Asterisk moves call files to that are done.",
        default="`outgoing_done` beside ast_call_dir",
        live=False,
    )
    ast_control: Path = option(
        kinds.PATH,
        Path("/var/run/asterisk/asterisk.ctl"),
        "Asterisk's control socket: its time tells when Asterisk was restarted.",
    )

    def __post_init__(self) -> None:
        beside = {"ast_staging_dir": "nexefax", "ast_done_dir": "outgoing_done"}
        for name, sibling in beside.items():
            if getattr(self, name) == _SIBLING:
                object.__setattr__(self, name, self.ast_call_dir.parent / sibling)


@dataclass(frozen=True, slots=True, kw_only=True)
class Logging:
    """Section [logging]."""

    file: Path = option(kinds.PATH, Path("/var/log/nexefax/info.log"), "The log file of NexeFax.", live=False)
    debug: bool = option(kinds.YES_NO, False, "Log more, to find a problem.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Section [server]: where NexeFax listens."""

    bind: str = option(
        kinds.HOST,
        "0.0.0.0",  # noqa: S104 - the beta's default: the web page is for the whole house
        "The IP address that the web server listens on.",
        options="0.0.0.0 for every IP address or a specific IP address",
        live=False,
    )
    port_fagi: int = option(kinds.PORT, 4573, "The port that the FastAGI server listens on.", live=False)
    port_http: int = option(kinds.PORT, 3298, "The port that the web server listens on.", live=False)
    web_session_length: int = option(
        kinds.whole(1, 3650 * _DAY, "seconds"),
        _DAY,
        "How many seconds a user stays signed in on the web page.",
    )
    fagi_bind: str = option(
        kinds.HOST,
        "127.0.0.1",
        "The IP address that the FastAGI server listens on. Another one is only needed when Asterisk runs on "
        "another machine.",
        live=False,
    )
    fagi_allow: tuple[Network, ...] = option(
        kinds.NETWORKS, _LOOPBACK, "Who may speak to the FastAGI server.", default="127.0.0.0/8, ::1"
    )
    trusted_proxies: tuple[Network, ...] = option(
        kinds.NETWORKS,
        _PROXIES,
        "The reverse proxies whose X-Forwarded-For and X-Forwarded-Proto headers are believed.",
        default="127.0.0.1, ::1",
    )
    max_upload_mb: int = option(
        kinds.whole(1, 2048, "megabytes"), 50, "The largest document that may be uploaded, in megabytes."
    )
    public_url: str = option(
        kinds.URL,
        "",
        "The address of the web page as users reach it, like https://fax.example.com. Mails whose fax is too large "
        "to be attached say where it is.",
    )
    control_socket: Path = option(
        kinds.PATH,
        Path("/run/nexefax/control.sock"),
        "The socket over which the command line speaks to the running server.",
        live=False,
    )


def _local_sender() -> str:
    sender = f"nexefax@{socket.gethostname()}"
    return sender if kinds.is_address(sender) else "nexefax@localhost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Email:
    """Section [email]: how mail is sent. ``smtp_auth_pass`` is left out of the repr."""

    method: str = option(kinds.choice("sendmail", "smtp"), "sendmail", "How mail is sent.")
    smtp_mode: str = option(
        kinds.choice("tls", "ssl"),
        "",
        "If method is smtp, the mode of the connection.",
        options="tls for STARTTLS, ssl for SSL, leave blank for nothing",
    )
    smtp_port: int = option(
        kinds.whole(1, 65535), 25, "If method is smtp, the port of the mail server.", options=" "
    )
    smtp_auth: bool = option(
        kinds.YES_NO, False, "If method is smtp, whether the mail server wants a user and a password."
    )
    smtp_host: str = option(
        kinds.HOST, "127.0.0.1", "If method is smtp, the mail server.", options="IP or FQDN"
    )
    smtp_auth_user: str = option(kinds.TEXT, "", "If smtp_auth is Yes, the user.")
    smtp_auth_pass: str = option(kinds.SECRET, "", "If smtp_auth is Yes, the password.")
    from_name: str = option(kinds.TEXT, "NexeFax", "The name that mail is sent from.")
    from_email: str = option(
        kinds.ADDRESS,
        _local_sender,
        "The address that mail is sent from.",
        default="nexefax@**your local host name**",
    )
    subject: str = option(kinds.TEXT, "New eFax Received", "The subject of mail about a received fax.")
    smtp_timeout: int = option(
        kinds.whole(1, 3600, "seconds"), 60, "How many seconds the mail server may take to answer."
    )
    smtp_verify: bool = option(
        kinds.YES_NO,
        True,
        "Whether the mail server must prove who it is by its certificate. One on this machine (127.0.0.1, localhost)"
        " must only if smtp_ca_file is set.",
    )
    smtp_ca_file: Path | None = option(
        kinds.PATH,
        None,
        "A file with the certificate authority of the mail server, where it is not one that this machine knows.",
    )
    mail_max_mb: int = option(
        kinds.whole(1, 1000, "megabytes"),
        20,
        "The most megabytes of faxes that a mail carries; a larger one names the page where the fax is instead.",
    )
    sendmail: Path = option(
        kinds.PATH, Path("/usr/sbin/sendmail"), "If method is sendmail, the program that takes the mail."
    )


#: The sections of config.conf, in the order of the tables.
SECTIONS: Mapping[str, type[General | Logging | Server | Email]] = MappingProxyType(
    {"general": General, "logging": Logging, "server": Server, "email": Email}
)
