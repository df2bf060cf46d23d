"""A reload: what is different, and what the daemon goes on with."""

from __future__ import annotations

from pathlib import Path

from nexefax import config
from nexefax.config.changes import changes, merged

ACCOUNT = "[{}]\nrx_email_to=fax@example.com\ntx_number=12025550154\ntx_name={}\n"


def load(directory: Path, text: str = "", accounts: str = "") -> config.Config:
    (directory / "config.conf").write_text("[general]\ntx_channel=PJSIP/${TO}@trunk\n" + text)
    (directory / "accounts.conf").write_text(accounts or ACCOUNT.format("ACME", "ACME"))
    return config.load(directory)


def test_nothing_has_changed(tmp_path: Path) -> None:
    assert not changes(load(tmp_path), load(tmp_path, "# a comment\n"))


def test_what_can_change_live_is_told_from_what_needs_a_restart(tmp_path: Path) -> None:
    old = load(tmp_path)
    new = load(
        tmp_path,
        "data_dir=/srv/faxes\ntx_wait_time=40\ntx_faxopt_ecm=no\n[server]\nport_http=80\nfagi_allow=192.0.2.0/24\n"
        "[email]\nsmtp_auth_pass=geheim\n",
    )
    told = changes(old, new)
    assert told.live == (
        "[general] tx_wait_time was 30, is 40",
        "[general] tx_faxopt_ecm was Yes, is No",
        "[server] fagi_allow was 127.0.0.0/8, ::1, is 192.0.2.0/24",
        "[email] smtp_auth_pass has changed",
    )
    assert told.restart == (
        "[general] data_dir was /var/lib/nexefax, is /srv/faxes",
        "[server] port_http was 3298, is 80",
    )
    running = merged(old, new)
    assert (running.general.data_dir, running.server.port_http) == (old.general.data_dir, 3298)
    assert (running.general.tx_wait_time, running.email.smtp_auth_pass) == (40, "geheim")
    assert changes(old, running).restart == ()
    assert changes(running, new).live == ()
    assert changes(running, new).restart == told.restart


def test_accounts_come_go_and_change(tmp_path: Path) -> None:
    old = load(
        tmp_path, accounts=ACCOUNT.format("A", "A") + ACCOUNT.format("B", "B") + ACCOUNT.format("C", "C")
    )
    new = load(
        tmp_path, accounts=ACCOUNT.format("b", "B") + ACCOUNT.format("C", "C") + ACCOUNT.format("D", "D")
    )
    told = changes(old, new)
    assert (told.accounts_added, told.accounts_removed, told.accounts_changed) == (("D",), ("A",), ("b",))
    assert told
    assert merged(old, new).accounts == new.accounts
