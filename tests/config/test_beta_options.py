"""Every option of the 0.0.1 beta is there with its default, as its README's tables (and its behaviour) say."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from nexefax import config
from nexefax.errors import ConfigError

# section, option, default as the beta's README has it; where that is blank or wrong, as the beta behaves.
CONFIG_CONF = """
general  tx_channel            -
general  rx_dir                /var/spool/asterisk/tmp
general  ast_call_dir          /var/spool/asterisk/outgoing
general  tmp_dir               /tmp/nexefax
general  ast_context           nexefax
general  tx_max_retries        5
general  tx_retry_time         300
general  tx_wait_time          30
general  tx_faxopt_ecm         Yes
general  tx_faxopt_modem       v17,v27,v29
general  tx_faxopt_faxdetect   No
general  tx_faxopt_minrate     4800
general  tx_faxopt_maxrate     14400
general  tx_faxopt_t38timeout  5000
general  tx_faxopt_negboth     No
logging  file                  /var/log/nexefax/info.log
logging  debug                 No
server   bind                  0.0.0.0
server   port_fagi             4573
server   port_http             3298
server   web_session_length    86400
email    method                sendmail
email    smtp_mode
email    smtp_port             25
email    smtp_auth             No
email    smtp_host             127.0.0.1
email    smtp_auth_user
email    smtp_auth_pass
email    from_name             NexeFax
email    from_email            nexefax@HOST
email    subject               New eFax Received
"""
ACCOUNTS_CONF = """
rx_email_to        -
rx_email_cc
rx_email_bcc
rx_email_subject
tx_number          -
tx_name            -
tx_notify_success  False
tx_notify_failure  True
tx_channel
info_name
info_fax
info_phone
info_email
info_web
"""

CHANNEL = "PJSIP/${TO}@trunk"
REQUIRED = {"rx_email_to": "fax@example.com", "tx_number": "12025550154", "tx_name": "ACME"}
YES_NO = {"Yes": True, "No": False, "True": True, "False": False}


def rows(table: str) -> list[list[str]]:
    return [line.split(maxsplit=line.startswith(("general", "logging", "server", "email")) + 1)
            for line in table.strip().splitlines()]  # fmt: skip


def load(directory: Path, general: str = "", accounts: str = "") -> config.Config:
    (directory / "config.conf").write_text(f"[general]\ntx_channel={CHANNEL}\n{general}")
    required = "".join(f"{name}={value}\n" for name, value in REQUIRED.items())
    (directory / "accounts.conf").write_text(f"[ACME]\n{required}{accounts}")
    return config.load(directory)


def of_type(default: str, value: Any) -> Any:
    """The README's text as a value of the type that we have."""
    if isinstance(value, bool):
        return YES_NO[default]
    if isinstance(value, tuple):
        return tuple(default.split())
    return type(value)(default.replace("HOST", socket.gethostname()))


@pytest.mark.parametrize("row", rows(CONFIG_CONF), ids=lambda row: row[1])
def test_options_of_config_conf(row: list[str], tmp_path: Path) -> None:
    section, name, default = [*row, ""][:3]
    value = getattr(getattr(load(tmp_path), section), name)
    if default == "-":
        (tmp_path / "config.conf").write_text("")
        with pytest.raises(ConfigError, match=f"{name} is missing"):
            config.load(tmp_path)
    else:
        assert value == of_type(default, value)
        # Written out, and left blank, it is the same.
        written = default.replace("HOST", socket.gethostname())
        for text in (written, ""):
            loaded = load(tmp_path, f"[{section}]\n{name}={text}\n".replace("[general]\n", ""))
            assert getattr(getattr(loaded, section), name) == value
            assert loaded.warnings == ()


@pytest.mark.parametrize("row", rows(ACCOUNTS_CONF), ids=lambda row: row[0])
def test_options_of_accounts_conf(row: list[str], tmp_path: Path) -> None:
    name, default = [*row, ""][:2]
    value = getattr(load(tmp_path).accounts["acme"], name)
    if default == "-":
        (tmp_path / "accounts.conf").write_text("[ACME]\n")
        with pytest.raises(ConfigError, match=f"{name} is missing"):
            config.load(tmp_path)
    else:
        assert value == of_type(default, value)
        for text in (default, ""):
            assert getattr(load(tmp_path, accounts=f"{name}={text}\n").accounts["acme"], name) == value


def test_a_configuration_as_people_of_the_beta_have_it(tmp_path: Path) -> None:
    """Values in the beta's ways of writing: cases, percent signs, braces, comments, a space after the comma."""
    loaded = load(
        tmp_path,
        "tx_faxopt_ecm = yes\ntx_faxopt_modem = V17, V29\n; comment\nTX_FAXOPT_MINRATE: 7200\n"
        "[logging]\nfile=/var/log/nexefax/my.log\ndebug=YES\n"
        "[email]\nmethod=SMTP\nsmtp_mode=TLS\nsmtp_auth=Yes\nsmtp_auth_user=u\n"
        "smtp_auth_pass=50%;#${x}%(y)s\nsmtp_host=mail.example.com\nsmtp_port=587\n",
        "rx_email_cc = a@example.com, b@example.com\ntx_notify_success=True\ntx_channel=Local/${TO}@out\n",
    )
    assert loaded.warnings == ()
    assert loaded.general.tx_faxopt_modem == "v17,v29"
    assert loaded.general.tx_faxopt_minrate == 7200
    assert loaded.logging.debug
    assert (loaded.email.method, loaded.email.smtp_mode) == ("smtp", "tls")
    assert loaded.email.smtp_auth_pass == "50%;#${x}%(y)s"
    account = loaded.account("acme")
    assert account is not None
    assert account.rx_email_cc == ("a@example.com", "b@example.com")
    assert account.tx_channel == "Local/${TO}@out"
