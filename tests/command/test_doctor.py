"""`nexefax doctor` on real installations: quiet about a healthy one at work, and every fault found and mended."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from nexefax import cli
from nexefax.store import JOURNAL_NAME
from tests.daemon.conftest import House, open_house
from tests.daemon.scripted_asterisk import Answer, nudge, outcome_line, sent
from tests.daemon.test_upkeep import NAME, SAID, noisy_fax

QUIET = "Nothing is stuck, orphaned or inconsistent"
OLD = time.time() - 86_400


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path) as here:
        yield here


def look(house: House, *words: str) -> tuple[int, str]:
    done = house.nexefax.command("doctor", *words)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def change(house: House, sql: str, *values: object) -> None:
    journal = sqlite3.connect(house.nexefax.data_dir / JOURNAL_NAME, timeout=30)
    journal.execute("PRAGMA foreign_keys = OFF")
    with journal:
        journal.execute(sql, values)
    journal.close()


def add_fax(house: House, direction: str, state: str, **more: object) -> int:
    values = {
        "direction": direction, "account": "ACME", "state": state, "created": OLD, "changed": OLD,
        "number": "2025550100", "pages": 1,
    } | more  # fmt: skip
    journal = sqlite3.connect(house.nexefax.data_dir / JOURNAL_NAME, timeout=30)
    with journal:
        cursor = journal.execute(
            f"INSERT INTO fax ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})",
            tuple(values.values()),
        )
    journal.close()
    number = cursor.lastrowid
    assert number is not None
    folder = house.nexefax.data_dir / direction / str(number)
    folder.mkdir(parents=True)
    for name in ("document", "fax.tiff"):
        (folder / name).write_bytes(b"II*")
    return number


def age(path: Path, seconds: float) -> None:
    """Make a file look old by its time; its inode's change can't be set."""
    os.utime(path, (time.time() - seconds,) * 2)


def test_a_healthy_house_in_the_middle_of_work_has_no_findings(house: House) -> None:
    over = threading.Event()
    house.answers[:] = [
        lambda _call: sent(1),
        lambda _call: Answer({"status": "SUCCESS", "pages": 1}, hold=over),
    ]
    client = house.sign_in()
    house.wait_for_state(int(client.send("2025550100", house.pdf())), "sent")
    house.receive(noisy_fax(), NAME, outcome_line("received", SAID))
    nudge(house.nexefax.port_fagi, "received", NAME)
    house.wait_for_state(2, "delivered")
    calling = int(client.send("2025550101", house.pdf()))
    house.wait_for_state(calling, "calling")
    waiting = int(client.send("2025550101", house.pdf()))
    house.wait_for_state(waiting, "ready")
    status, said = look(house)
    assert (status, said) == (0, f"{QUIET} (4 faxes looked at).\n")
    assert look(house, "--repair") == (0, f"{QUIET} (4 faxes looked at).\nThere is nothing to repair.\n")
    house.answers[:] = [lambda _call: sent(1)]
    over.set()
    house.wait_for_state(waiting, "sent")


@contextmanager
def stopped_house(folder: Path) -> Iterator[House]:
    with open_house(folder, start=False) as house:
        house.nexefax.start()
        house.nexefax.stop()
        yield house


def test_what_belongs_to_no_fax_is_set_aside_and_nothing_deleted(house: House) -> None:
    data_dir = house.nexefax.data_dir
    for name in ("out/odd", "in/odd file", "out/.incoming-0123456789abcdef"):
        (data_dir / name).mkdir()
        (data_dir / name / "document").write_text(name)
    number = add_fax(house, "out", "sent")
    folder = data_dir / "out" / str(number)
    (folder / "link").symlink_to("/etc/passwd")
    (data_dir / ".restoring-0123abcd").mkdir()
    status, said = look(house)
    assert status == 1
    for name in ("out/odd", "in/odd file", f"out/{number}/link", ".restoring-0123abcd"):
        assert f"--repair: move {name} to lost/" in said
    assert ".incoming-" not in said  # an upload may be under way
    status, said = look(house, "--repair")
    before, _, after = said.partition("This will be done:")
    will, _, done = after.partition("\n\n")
    assert "move out/odd to lost/" in will
    assert "done: move out/odd to lost/" in done
    assert (status, QUIET in done) == (0, True), before
    lost = {path.name.rpartition("-")[0].rpartition("-")[0] for path in (data_dir / "lost").iterdir()}
    assert lost == {"out-odd", "in-odd file", f"out-{number}-link", "restoring-0123abcd"}
    assert (folder / "fax.tiff").exists()


def test_what_has_no_row_is_cleared_away_when_it_is_old_enough(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    house.asterisk.stop()
    data_dir = house.nexefax.data_dir
    stray = house.nexefax.spool / "outgoing" / "nexefax-77-1.call"
    stray.write_text("Channel: Local/1@nowhere\n")
    os.utime(stray, (time.time() + 1e6,) * 2)  # as Asterisk does with one that it dials
    other = add_fax(house, "out", "sent")
    for folder in ("out/77", f"in/{other}"):
        (data_dir / folder).mkdir()
        (data_dir / folder / "fax.tiff").write_text(folder)
    assert look(house)[0] == 0  # a moment old: attempts and folders are there a moment before their rows
    later = SimpleNamespace(time=lambda: time.time() + 3_000)  # an inode's change can't be set
    monkeypatch.setattr("nexefax.doctor.gather.time", later)
    command = ["doctor", "--config", str(house.nexefax.config_dir)]
    assert cli.main(command) == 1
    said = capsys.readouterr().out
    assert (
        "has a call file for attempt 1 of fax 77, which the journal does not know: Asterisk may dial it"
        in said
    )
    assert "warning out/77 has fax.tiff, but the journal knows no such fax" in said
    assert f"warning in/{other} has fax.tiff" in said
    assert "`nexefax doctor --repair` mends 3 of it." in said
    assert cli.main([*command, "--repair"]) == 0
    assert not stray.exists()
    assert sorted(path.read_text() for path in (data_dir / "lost").glob("*/fax.tiff")) == [
        f"in/{other}",
        "out/77",
    ]
    assert (data_dir / "out" / str(other) / "fax.tiff").exists()


def test_faxes_that_no_event_can_move_are_moved(house: House) -> None:
    lost_attempt = add_fax(house, "out", "calling", attempts=1, max_attempts=1, counted=0)
    lost_letter = add_fax(house, "in", "delivering")
    refused = add_fax(house, "in", "undeliverable", reason="the mail was refused: 550 no")
    change(house, "INSERT INTO mail (fax, kind, state, message_id, created, changed, next_try, error) VALUES"
           " (?, 'received', 'refused', '<x@y.example>', ?, ?, ?, '550 no such user')",
           refused, OLD, OLD, OLD)  # fmt: skip
    status, said = look(house)
    assert status == 1
    assert f"fax {lost_attempt}: it is in attempt 1, of which there is no record" in said
    assert f"fax {lost_letter}: it is to be delivered, but no mail about it waits" in said
    assert f"fax {refused}: the mail server refused its mail (received): 550 no such user" in said
    said = look(house, "--repair")[1]
    assert f"done: judge attempt 1 of fax {lost_attempt} by what is on the disk" in said
    assert house.wait_for_state(lost_attempt, "failed").doubtful
    house.wait_for_state(lost_letter, "delivered")
    house.wait_for_state(refused, "delivered")
    assert look(house)[0] == 0


def test_without_a_daemon_repairs_are_made_under_the_lock(tmp_path: Path) -> None:
    with stopped_house(tmp_path) as house:
        number = add_fax(house, "out", "calling", attempts=1, max_attempts=1)
        (house.nexefax.data_dir / "out" / "odd").mkdir()
        status, said = look(house)
        assert (status, "NexeFax does not run: no fax is sent" in said) == (1, True)
        status, said = look(house, "--repair")
        assert status == 1  # it still does not run
        assert "done: move out/odd to lost/" in said
        assert said.rstrip().endswith("1 error, 0 warnings.")
        assert house.fax(number).state == "failed"
        house.nexefax.start()
        assert look(house)[0] == 0


def test_waiting_mails_and_tiffs_are_told_and_tried(tmp_path: Path) -> None:
    with stopped_house(tmp_path) as house:
        tiff = house.receive(noisy_fax(), NAME, outcome_line("received", SAID))
        age(tiff, 86_400)
        number = add_fax(house, "in", "delivering")
        change(house, "INSERT INTO mail (fax, kind, state, message_id, created, changed, next_try, error) VALUES"
               " (?, 'received', 'waiting', '<x@y.example>', ?, ?, 1.9e9, '451 later')", number, OLD, OLD)  # fmt: skip
        unknown = add_fax(house, "in", "undeliverable", account="NOBODY", reason="no account")
        gone = add_fax(house, "out", "ready", account="GONE", next_try=OLD)
        for written, error in ((OLD + 1, "later"), (OLD, "it answers 500")):
            change(house, "INSERT INTO webhook (fax, event, delivery, body, state, created, changed, next_try, error)"
                   " VALUES (?, 'fax.received', ?, '{}', 'waiting', ?, ?, 1.9e9, ?)",
                   number, error, written, OLD, error)  # fmt: skip
        said = look(house)[1]
        assert (
            "account ACME: calls of its webhook wait (2), the first one for 24 hours: it answers 500" in said
        )
        assert f"{NAME} was received 24 hours ago, but not taken in" in said
        assert f"fax {number}: its mail (received) has waited for 24 hours, after 0 tries: 451 later" in said
        assert (
            f"fax {unknown}: it came for the account NOBODY, which is not in accounts.conf; it is kept"
            in said
        )
        assert f"fax {gone}: it waits for the account GONE" in said
        look(house, "--repair")
        house.nexefax.start()
        house.wait_for_state(number, "delivered")


def test_missing_files_are_told_with_what_can_be_done(house: House) -> None:
    house.asterisk.stop()
    for state in ("ready", "sent"):
        number = add_fax(house, "out", state, next_try=time.time() + 86_400)
        (house.nexefax.data_dir / "out" / str(number) / "fax.tiff").unlink()
    said = look(house)[1]
    assert "error   fax 1: it is ready, but fax.tiff is missing in out/1\n" in said
    assert "`nexefax queue resend 1`, which renders it again" in said
    assert "warning fax 2: it is sent, but fax.tiff is missing in out/2\n" in said
    assert look(house, "--repair")[1].rstrip().endswith("There is nothing that --repair can mend.")


def test_what_nexefax_may_not_use_is_told(house: House) -> None:
    number = add_fax(house, "out", "sent")
    data_dir = house.nexefax.data_dir
    folder = data_dir / "out" / str(number)
    (folder / "fax.tiff").chmod(0)
    said = look(house)[1]
    assert f"{folder / 'fax.tiff'} can't be read by NexeFax" in said
    folder.chmod(0o500)
    (data_dir / "in").chmod(0o500)
    try:
        said = look(house)[1]
    finally:
        folder.chmod(0o700)
        (data_dir / "in").chmod(0o700)
    assert f"{folder} can't be read and written by NexeFax" in said
    assert f"{data_dir / 'in'} can't be written by NexeFax" in said


def test_a_damaged_journal_is_told_with_its_remedy(tmp_path: Path) -> None:
    with stopped_house(tmp_path) as house:
        add_fax(house, "out", "sent")
        journal = house.nexefax.data_dir / JOURNAL_NAME
        whole = journal.read_bytes()
        for damage in (
            b"what is this",
            whole[:8192] + bytes(len(whole) - 8192),
            whole[: len(whole) // 2],
        ):
            journal.write_bytes(damage)
            status, said = look(house)
            assert status == 1
            assert "nexefax restore --force FILE" in said
            assert "1 error," not in said  # it does not run, either
            look(house, "--repair")
            assert journal.read_bytes() == damage
        journal.unlink()
        assert f"{journal} is missing, though there are faxes" in look(house)[1]
        journal.write_bytes(whole)
        change(house, "INSERT INTO event (fax, at, text) VALUES (99, 1.0, 'x')")
        assert "a row of event speaks of a fax that is not there" in look(house)[1]
        change(house, "PRAGMA user_version = 99")
        assert "written by a newer NexeFax" in look(house)[1]


def test_somebody_who_holds_the_lock_and_does_not_answer(house: House) -> None:
    (house.nexefax.folder / "control.sock").unlink()
    status, said = look(house)
    assert (status, "holds the lock of" in said) == (1, True)
    (house.nexefax.data_dir / "out" / "odd").mkdir()
    assert "nothing was done" in look(house, "--repair")[1]
    assert (house.nexefax.data_dir / "out" / "odd").exists()


def test_a_missing_data_dir_is_a_sentence(tmp_path: Path) -> None:
    with open_house(tmp_path, start=False) as house:
        house.nexefax.data_dir.rmdir()
        status, said = look(house)
        assert (status, "can't be looked at" in said) == (1, True)
