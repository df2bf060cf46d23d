"""What no option by itself can tell: values that don't go together."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from nexefax.config.account_settings import Account
from nexefax.config.fax_kinds import rate_fits
from nexefax.config.settings import Email, General, Server


def general_problems(general: General) -> Iterator[str]:
    """Why [general] can't be taken; each sentence begins after file and section."""
    minimum, maximum = general.tx_faxopt_minrate, general.tx_faxopt_maxrate
    if minimum > maximum:
        yield f"tx_faxopt_minrate={minimum} is more than tx_faxopt_maxrate={maximum}; make it less or equal"
    for name, rate in (("tx_faxopt_minrate", minimum), ("tx_faxopt_maxrate", maximum)):
        if not rate_fits(rate, general.tx_faxopt_modem):
            yield (
                f"{name}={rate} is a rate that none of tx_faxopt_modem={general.tx_faxopt_modem} can do, and Asterisk"
                " would fail every fax; change one of them"
            )
    seen: dict[object, str] = {}
    for name in ("rx_dir", "ast_call_dir", "ast_staging_dir", "ast_done_dir", "tmp_dir", "data_dir"):
        path = getattr(general, name)
        if path in seen:
            # Call files in the making would be dialled, scratch files taken for faxes.
            yield f"{name}={path} is {seen[path]} as well; choose another directory"
        seen.setdefault(path, name)


def server_problems(server: Server) -> Iterator[str]:
    """Why [server] can't be taken."""
    if server.port_fagi == server.port_http != 0 and (
        server.bind == server.fagi_bind or {server.bind, server.fagi_bind} & {"0.0.0.0", "::"}  # noqa: S104 - compared
    ):
        yield f"port_fagi and port_http are both {server.port_http}; choose another port for one of them"


def email_problems(email: Email) -> Iterator[str]:
    """Why [email] can't be taken."""
    if email.method == "smtp" and email.smtp_auth:
        for name in ("smtp_auth_user", "smtp_auth_pass"):
            if not getattr(email, name):
                yield f"{name} is missing, and smtp_auth is Yes; add it, or write smtp_auth=No"


def server_warnings(server: Server) -> Iterator[str]:
    """What works, but hardly as it is meant."""
    # A host name says nothing about where it leads, so only addresses are looked at.
    if not _is_local(server.fagi_bind) and all(network.is_loopback for network in server.fagi_allow):
        yield (
            f"fagi_bind={server.fagi_bind} listens for other machines, but fagi_allow lets none of them in;"
            " add the address of the Asterisk machine to fagi_allow"
        )


def email_warnings(email: Email) -> Iterator[str]:
    """What works, but hardly as it is meant."""
    if email.method == "smtp" and email.smtp_auth and not email.smtp_mode and not _is_local(email.smtp_host):
        yield (
            f"smtp_mode is blank, so the password goes to {email.smtp_host} for everybody on the way to read;"
            " write smtp_mode=tls or smtp_mode=ssl"
        )


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def account_problems(account: Account) -> Iterator[str]:
    """Why an account can't be taken."""
    if account.webhook_url and not account.webhook_secret:
        yield (
            "webhook_secret is missing, without which nobody could tell NexeFax's requests to webhook_url from a"
            " stranger's; add webhook_secret, made by: openssl rand -hex 32"
        )
