"""Reloads, ends and beginnings of the whole daemon, and two accounts side by side."""

import os
import signal
import socket
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.daemon.conftest import ACME, House, open_house, wait_until
from tests.daemon.scripted_asterisk import nudge, outcome_line, sent
from web_client import Refused

OTHER = {
    "tx_number": "12025550177",
    "tx_name": "Other Ltd",
    "rx_email_to": "desk@other.example",
    "rx_email_subject": "A fax for Other",
    "tx_notify_success": "yes",
    "tx_channel": "PJSIP/other/sip:${TO}@127.0.0.1",
}


@contextmanager
def notify_socket(path: Path) -> Iterator[socket.socket]:
    """What systemd listens on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(path))
        listening.settimeout(30)
        yield listening


def words_until(listening: socket.socket, last: str) -> list[str]:
    said: list[str] = []
    while last not in said:
        said += listening.recv(4096).decode().split("\n")
    return said


def reload_and_wait(house: House, said: str) -> str:
    """Ask for a reload and return what the log says of it once it has ``said``."""
    before = len(house.nexefax.log_text())
    house.nexefax.reload()
    return wait_until(
        lambda: text if said in (text := house.nexefax.log_text()[before:]) else None,
        house.nexefax.log_text,
    )


def test_two_accounts_side_by_side(tmp_path: Path) -> None:
    with open_house(tmp_path, {"ACME": ACME, "Other": OTHER}) as house:
        house.answers += [lambda _call: sent(1), lambda _call: sent(1)]
        acme = house.sign_in("acme").send("2025550101", house.pdf())
        house.wait_for_state(acme, "sent")
        other = house.sign_in("Other").send("2025550102", house.pdf())
        house.wait_for_state(other, "sent")
        with pytest.raises(Refused):
            house.sign_in("Other", "alice")
        first, second = house.asterisk.calls
        assert (first.keys["Account"], first.variables["FAXOPT_LOCALSTATIONID"]) == ("ACME", "12025550154")
        assert (second.keys["Account"], second.variables["FAXOPT_LOCALSTATIONID"]) == ("Other", "12025550177")
        assert (first.variables["FAXOPT_HEADERINFO"], second.variables["FAXOPT_HEADERINFO"]) == (
            "ACME Corporation",
            "Other Ltd",
        )
        assert second.keys["Channel"] == "PJSIP/other/sip:2025550102@127.0.0.1"
        for account in ("ACME", "Other"):
            name = f"nexefax-{account}-20261122-200905-12025550100-{account}.tiff"
            said: dict[str, object] = {
                "account": account,
                "caller": "12025550100",
                "status": "SUCCESS",
                "uniqueid": account,
            }
            house.receive(b"II*\0", name, outcome_line("received", said))
            nudge(house.nexefax.port_fagi, "received", name)
        for subject in ("New eFax Received", "A fax for Other", "sent to 2025550101", "sent to 2025550102"):
            house.wait_for_mail(subject)
        addressed = {(str(mail["To"]), str(mail["Subject"])) for mail in house.mail.mails()}
        for to, subject in addressed:
            assert (to == "desk@other.example") == (subject.endswith("102") or "Other" in subject)
        assert len(addressed) == 4


def test_a_reload_takes_accounts_and_options_live(house: House) -> None:
    nexefax = house.nexefax
    with pytest.raises(Refused):
        house.sign_in("Other")
    nexefax.accounts = {"ACME": ACME | {"tx_number": "12025550199"}, "Other": OTHER}
    nexefax.server = {"fagi_allow": "192.0.2.0/24", "trusted_proxies": "192.0.2.1"}
    nexefax.write_config()
    nexefax.add_user("Other", "bob", "secret")
    said = reload_and_wait(house, "configuration reloaded")
    assert "accounts added: Other" in said
    assert "accounts changed: ACME" in said
    assert "fagi_allow was 127.0.0.0/8, ::1, is 192.0.2.0/24" in said
    house.answers.append(lambda _call: sent(1))
    fax_id = house.sign_in("Other").send("2025550100", house.pdf())
    house.wait_for_state(fax_id, "sent")  # by the watch: FastAGI is for others now
    assert nudge(nexefax.port_fagi, "test") == b""
    assert "127.0.0.1 may not connect" in nexefax.log_text()
    nexefax.accounts = {"ACME": ACME}
    nexefax.write_config()
    assert "accounts removed: Other" in reload_and_wait(house, "configuration reloaded")
    with pytest.raises(Refused):
        house.sign_in("Other")


def test_a_broken_file_keeps_the_old_configuration(house: House) -> None:
    nexefax = house.nexefax
    (nexefax.config_dir / "accounts.conf").write_text("[ACME]\nrx_email_to=nobody\n")
    said = reload_and_wait(house, "the old one stays in force")
    assert "rx_email_to" in said
    house.answers.append(lambda _call: sent(1))
    fax_id = house.sign_in().send("2025550100", house.pdf())
    house.wait_for_state(fax_id, "sent")


def test_debug_is_toggled_and_what_needs_a_restart_is_told(house: House) -> None:
    nexefax = house.nexefax
    config = nexefax.config_dir / "config.conf"
    quiet = config.read_text()
    config.write_text(quiet.replace("[logging]\n", "[logging]\ndebug=yes\n"))
    reload_and_wait(house, "configuration reloaded")
    nudge(nexefax.port_fagi, "sent", "77", "1")
    wait_until(lambda: "[DEBUG]" in nexefax.log_text())
    wait_until(lambda: "fax 77: a report came for attempt 1, which was never made" in nexefax.log_text())
    config.write_text(quiet.replace(f"port_http={nexefax.port_http}", "port_http=1"))
    said = reload_and_wait(house, "configuration reloaded")
    assert f"[server] port_http was {nexefax.port_http}, is 1; restart NexeFax for it" in said
    before = len(nexefax.log_text())
    nudge(nexefax.port_fagi, "sent", "78", "1")
    wait_until(lambda: "fax 78" in nexefax.log_text()[before:])
    assert "[DEBUG]" not in nexefax.log_text()[before:]


def test_mails_are_tried_at_once_when_the_mail_server_is_mended(house: House) -> None:
    nexefax = house.nexefax
    port = nexefax.email["smtp_port"]
    nexefax.email = dict(nexefax.email) | {"smtp_port": "1"}
    nexefax.write_config()
    reload_and_wait(house, "configuration reloaded")
    house.answers.append(lambda _call: sent(1))
    house.sign_in().send("2025550100", house.pdf())
    wait_until(lambda: "mail not delivered, next try in" in nexefax.log_text())
    nexefax.email = dict(nexefax.email) | {"smtp_port": port}
    nexefax.write_config()
    reload_and_wait(house, "configuration reloaded")
    house.wait_for_mail("sent to 2025550100")


def test_a_mail_of_an_account_that_was_removed_waits_for_it(house: House) -> None:
    nexefax = house.nexefax
    hold = threading.Event()
    house.answers.append(lambda _call: sent(1))
    house.mail.stop()
    fax_id = house.sign_in().send("2025550100", house.pdf())
    house.wait_for_state(fax_id, "sent")
    wait_until(lambda: "mail not delivered" in nexefax.log_text())
    hold.set()
    nexefax.accounts = {"Other": OTHER}
    nexefax.write_config()
    said = reload_and_wait(house, "add it again")
    assert "accounts.conf has no account 'ACME' any more" in said
    house.mail.start()
    nexefax.accounts = {"ACME": ACME}
    nexefax.write_config()
    reload_and_wait(house, "configuration reloaded")
    house.wait_for_mail("sent to 2025550100")


def test_a_fax_of_an_account_that_was_removed_waits_for_it(house: House) -> None:
    nexefax = house.nexefax
    house.asterisk.stop()
    outgoing = nexefax.spool / "outgoing"
    outgoing.rename(outgoing.with_name("away"))  # the fax can't be handed over before its account goes
    fax_id = house.sign_in().send("2025550100", house.pdf())
    wait_until(lambda: "outgoing is missing" in house.fax(fax_id).reason)
    nexefax.accounts = {"Other": OTHER}
    nexefax.write_config()
    reload_and_wait(house, "configuration reloaded")
    nexefax.kill()
    outgoing.with_name("away").rename(outgoing)
    with sqlite3.connect(nexefax.data_dir / "journal.sqlite3") as journal:
        journal.execute("UPDATE fax SET next_try = 0")
    journal.close()
    nexefax.start()
    wait_until(lambda: "the account ACME is no longer in accounts.conf" in house.fax(fax_id).reason)
    assert (house.fax(fax_id).state, house.fax(fax_id).attempts) == ("ready", 0)


def test_systemd_is_told_of_beginning_reload_life_and_end(tmp_path: Path) -> None:
    with (
        open_house(tmp_path, start=False) as house,
        notify_socket(tmp_path / "notify") as listening,
    ):
        house.nexefax.environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "300000"}
        house.nexefax.start(wait=False)
        said = words_until(listening, "READY=1")
        assert said[-1] == "READY=1"
        words_until(listening, "WATCHDOG=1")
        house.nexefax.reload()
        said = words_until(listening, "READY=1")
        assert "RELOADING=1" in said
        assert any(word.startswith("MONOTONIC_USEC=") for word in said)
        (house.nexefax.config_dir / "accounts.conf").write_text("[ACME]\n")
        house.nexefax.reload()
        assert "RELOADING=1" in words_until(listening, "READY=1")
        assert house.nexefax.stop() == 0
        words_until(listening, "STOPPING=1")


def test_a_stop_while_a_document_is_rendered_loses_nothing(house: House) -> None:
    house.answers.append(lambda _call: sent(40))
    fax_id = house.sign_in().send("2025550100", house.pdf(40))
    wait_until(lambda: house.fax(fax_id).state == "rendering")
    assert house.nexefax.stop() == 0
    assert house.fax(fax_id).state == "rendering"
    house.nexefax.start()
    house.wait_for_state(fax_id, "sent")
    assert house.fax(fax_id).attempts == 1


def test_a_stop_while_a_mail_is_delivered_loses_nothing(house: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        house.nexefax.email = dict(house.nexefax.email) | {"smtp_port": str(silent.getsockname()[1])}
        house.nexefax.write_config()
        reload_and_wait(house, "configuration reloaded")
        house.answers.append(lambda _call: sent(1))
        house.sign_in().send("2025550100", house.pdf())
        silent.settimeout(60)
        peer, _address = silent.accept()  # and says nothing
        with peer:
            assert house.nexefax.stop() == 0
    house.nexefax.email = dict(house.nexefax.email) | {"smtp_port": str(house.mail.port)}
    house.nexefax.write_config()
    house.nexefax.start()
    house.wait_for_mail("sent to 2025550100")


def test_a_second_signal_hurries_an_end_that_waits_for_an_upload(house: House) -> None:
    nexefax = house.nexefax
    client = house.sign_in()
    with socket.create_connection(("127.0.0.1", nexefax.port_http)) as upload:
        upload.sendall(
            b"POST /api/send HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n"
            b"Expect: 100-continue\r\nContent-Length: 100000\r\n"
            + f"Cookie: nexefax-session={client.session}\r\n\r\n".encode()
        )
        upload.settimeout(30)
        assert b"100" in upload.recv(100)
        assert nexefax.process is not None
        nexefax.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "NexeFax stops" in nexefax.log_text())
        nexefax.process.send_signal(signal.SIGHUP)  # not heeded any more, and not deadly
        assert nexefax.stop() == 0


def test_a_scratch_folder_that_is_a_link_or_somebody_elses_is_refused(tmp_path: Path) -> None:
    with open_house(tmp_path, start=False) as house:
        nexefax = house.nexefax
        scratch = nexefax.folder / "scratch"
        scratch.symlink_to(tmp_path / "elsewhere", target_is_directory=True)
        (tmp_path / "elsewhere").mkdir()
        ended = nexefax.command("serve")
        assert (ended.returncode, "is a link or a file" in ended.stderr) == (1, True)
        mine = tmp_path / "mine"
        mine.mkdir(mode=0o755)
        (mine / "letter.txt").touch()
        for folder, said in (
            ("/usr/share/doc", "holds files of theirs" if os.geteuid() == 0 else "belongs to another user"),
            ("/proc/none", "can't be made"),
            (mine, "is open to others and holds files of theirs"),
        ):
            nexefax.general = dict(nexefax.general) | {"tmp_dir": str(folder)}
            nexefax.write_config()
            ended = nexefax.command("serve")
            assert ended.returncode == 1
            assert said in ended.stderr
            assert "Traceback" not in ended.stderr
        assert stat.S_IMODE(mine.stat().st_mode) == 0o755


def test_what_a_killed_run_left_in_the_scratch_folder_goes(tmp_path: Path) -> None:
    with open_house(tmp_path, start=False) as house:
        scratch = house.nexefax.folder / "scratch"
        (scratch / "child-0123").mkdir(parents=True)
        (scratch / "upload-x").write_bytes(b"half")
        house.nexefax.start()
        assert list(scratch.iterdir()) == []
        assert scratch.stat().st_mode & 0o777 == 0o700


def test_a_control_socket_that_cannot_be_made_is_told_and_the_rest_runs(tmp_path: Path) -> None:
    with open_house(tmp_path, start=False) as house:
        house.nexefax.server = {"control_socket": str(tmp_path / "missing" / "control.sock")}
        house.nexefax.write_config()
        house.nexefax.start()
        assert "the command line can't reach this daemon" in house.nexefax.log_text()
        house.sign_in()


def test_a_journal_that_is_locked_refuses_and_loses_nothing(house: House) -> None:
    client = house.sign_in()
    other = sqlite3.connect(house.nexefax.data_dir / "journal.sqlite3", isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Refused, match="not taken") as refused:
            client.send("2025550100", house.pdf())
        assert refused.value.status == 503
        other.execute("ROLLBACK")
    finally:
        other.close()
    assert not list((house.nexefax.data_dir / "out").iterdir())
    house.answers.append(lambda _call: sent(1))
    house.wait_for_state(client.send("2025550100", house.pdf()), "sent")


def test_a_port_in_use_is_a_sentence(house: House, tmp_path: Path) -> None:
    with open_second(tmp_path) as second:
        second.nexefax.port_http = house.nexefax.port_http
        second.nexefax.write_config()
        ended = second.nexefax.command("serve")
    assert ended.returncode == 1
    assert str(house.nexefax.port_http) in ended.stderr
    assert "Traceback" not in ended.stderr


@contextmanager
def open_second(folder: Path) -> Iterator[House]:
    (folder / "second").mkdir()
    with open_house(folder / "second", start=False) as second:
        yield second
