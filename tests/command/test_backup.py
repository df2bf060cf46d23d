"""`nexefax backup` and `nexefax restore` on real daemons: what flows through one is all there in another."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nexefax import cli
from nexefax.store import JOURNAL_NAME, RESTORING
from tests.daemon.conftest import House, open_house
from tests.daemon.scripted_asterisk import Answer, nudge, outcome_line, sent
from tests.daemon.test_upkeep import NAME, SAID, noisy_fax


@contextmanager
def new_house(folder: Path, *, start: bool = True) -> Iterator[House]:
    folder.mkdir()
    with open_house(folder, start=start) as house:
        yield house


def told(house: House, *words: str) -> str:
    done = house.nexefax.command(*words)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def refused(house: House, *words: str) -> str:
    done = house.nexefax.command(*words)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr
    return done.stderr


def pages(data_dir: Path) -> dict[str, bytes]:
    paths = (path for side in ("in", "out") for path in (data_dir / side).rglob("*") if path.is_file())
    return {str(path.relative_to(data_dir)): path.read_bytes() for path in paths}


def manifest_of(backup: Path) -> dict[str, object]:
    with tarfile.open(backup) as archive:
        content = archive.extractfile("manifest.json")
        assert content is not None
        values = json.load(content)
        assert isinstance(values, dict)
        return values


def test_what_flows_through_one_installation_is_all_there_in_another(tmp_path: Path) -> None:
    backup = tmp_path / "backup.tar.gz"
    over = threading.Event()
    with new_house(tmp_path / "old") as old:
        client = old.sign_in()
        old.answers[:] = [lambda _call: sent(1)]
        arrived = int(client.send("2025550100", old.pdf()))
        old.wait_for_state(arrived, "sent")
        old.receive(noisy_fax(), NAME, outcome_line("received", SAID))
        nudge(old.nexefax.port_fagi, "received", NAME)
        old.wait_for_state(2, "delivered")
        old.answers[:] = [lambda _call: Answer({"status": "SUCCESS", "pages": 2}, hold=over)]
        calling = int(client.send("2025550101", old.pdf(2)))
        old.wait_for_state(calling, "calling")
        waiting = int(client.send("2025550101", old.pdf()))
        old.wait_for_state(waiting, "ready")
        said = told(old, "backup", str(backup))
        assert f"{backup} has 4 faxes, " in said
        assert backup.stat().st_mode & 0o777 == 0o600
        assert sorted(path.name for path in tmp_path.iterdir()) == ["backup.tar.gz", "old"]
        kept = pages(old.nexefax.data_dir)
        assert manifest_of(backup)["quiet"] is False
        old.answers[:] = [lambda _call: sent(1)]
        over.set()
        old.wait_for_state(calling, "sent")  # after the backup: nobody told it
        old.wait_for_state(waiting, "sent")

    with new_house(tmp_path / "new") as new:
        assert "NexeFax runs on" in refused(new, "restore", str(backup))
        new.nexefax.stop()
        said = told(new, "restore", str(backup))
        assert "4 faxes, " in said
        assert "The next fax gets the number 1005:" in said
        assert f"  fax {calling} of ACME to 2025550101: failed\n" in said
        data_dir = new.nexefax.data_dir
        assert pages(data_dir) == kept
        assert (data_dir / "out" / str(arrived) / "1.tiff").samefile(
            data_dir / "out" / str(arrived) / "fax.tiff"
        )
        assert (data_dir / "restored-config" / "accounts.conf").read_text() == (
            tmp_path / "old" / "etc" / "accounts.conf"
        ).read_text()
        assert (data_dir / "restored-config").stat().st_mode & 0o777 == 0o700
        new.nexefax.start()
        assert (new.fax(arrived).state, new.fax(2).state) == ("sent", "delivered")
        for number, attempts in ((calling, 1), (waiting, 0)):
            fax = new.fax(number)
            assert (fax.state, fax.doubtful, fax.attempts) == ("failed", True, attempts)
        (attempt,) = new.attempts(calling)
        assert (attempt.cause, attempt.ended is not None) == ("unknown", True)
        letter = str(new.wait_for_mail("failed to send to 2025550101").as_string())
        assert "NexeFax was restored from a backup of" in letter.replace("=\n", "")
        client = new.sign_in()
        new.answers[:] = [lambda _call: sent(1), lambda _call: sent(2)]
        following = int(client.send("2025550109", new.pdf()))
        assert following == 1005
        new.wait_for_state(following, "sent")
        again = int(told(new, "queue", "resend", str(calling)).split()[-1].rstrip("."))
        new.wait_for_state(again, "sent")
        assert [call.variables["FAXTO"] for call in new.asterisk.calls] == ["2025550109", "2025550101"]


def test_who_moves_to_another_machine_goes_on_there(tmp_path: Path) -> None:
    backup = tmp_path / "backup.tar.gz"
    with new_house(tmp_path / "old") as old:
        old.asterisk.stop()
        (old.nexefax.spool / "outgoing").rmdir()
        waiting = int(old.sign_in().send("2025550100", old.pdf()))
        old.wait_for_state(waiting, "ready")
        old.nexefax.stop()
        (old.nexefax.spool / "outgoing").mkdir()
        told(old, "backup", str(backup))
        assert manifest_of(backup)["quiet"] is True
        assert sessions(old) != []
    with new_house(tmp_path / "new", start=False) as new:
        new.answers[:] = [lambda _call: sent(1)]
        said = told(new, "restore", "--moved", str(backup))
        assert "next fax gets the number 2:" in said
        assert "waited to be sent" not in said
        assert sessions(new) == []
        new.nexefax.start()
        told(new, "queue", "retry", str(waiting))  # it waits a minute for a spool that is there again
        new.wait_for_state(waiting, "sent")


def sessions(house: House) -> list[object]:
    journal = sqlite3.connect(house.nexefax.data_dir / JOURNAL_NAME)
    found = journal.execute("SELECT account FROM session").fetchall()
    journal.close()
    return found


def test_what_is_there_is_moved_aside_never_deleted(tmp_path: Path) -> None:
    backup = tmp_path / "backup.tar.gz"
    with new_house(tmp_path / "house") as house:
        house.answers[:] = [lambda _call: sent(1), lambda _call: sent(1)]
        house.wait_for_state(int(house.sign_in().send("2025550100", house.pdf())), "sent")
        told(house, "backup", str(backup))
        assert "is there already" in refused(house, "backup", str(backup))
        told(house, "backup", "--force", str(backup))
        house.wait_for_state(int(house.sign_in().send("2025550101", house.pdf())), "sent")
        assert "--moved can't be believed" in refused_after_stop(
            house, "restore", "--force", "--moved", str(backup)
        )
        assert re.search(r"is not empty \(.*journal\.sqlite3", refused(house, "restore", str(backup)))
        # a call file of the lost time: Asterisk would dial it when it comes back
        house.asterisk.stop()
        stray = house.nexefax.spool / "outgoing" / "nexefax-2-2.call"
        stray.write_text("Channel: Local/1@nowhere\n")
        said = told(house, "restore", "--force", str(backup))
        assert "1 call file of the time since the backup" in said
        assert not stray.exists()
        assert "configuration" not in said  # it is the one in force
        data_dir = house.nexefax.data_dir
        (replaced,) = data_dir.glob("replaced-*")
        assert (replaced / "out" / "2" / "document").exists()
        assert (replaced / JOURNAL_NAME).exists()
        assert house.find_fax(2) is None
        assert house.fax(1).state == "sent"
        assert sorted(path.name for path in data_dir.iterdir() if not path.name.startswith(JOURNAL_NAME)) == [
            "lock", "out", replaced.name,
        ]  # fmt: skip
        house.nexefax.start()
        house.answers[:] = [lambda _call: sent(1)]
        assert int(house.sign_in().send("2025550101", house.pdf())) > 1_000


def refused_after_stop(house: House, *words: str) -> str:
    house.nexefax.stop()
    return refused(house, *words)


def test_a_restore_that_was_interrupted_keeps_the_daemon_from_starting(tmp_path: Path) -> None:
    backup = tmp_path / "backup.tar.gz"
    with new_house(tmp_path / "house") as house:
        told(house, "backup", str(backup))
        house.nexefax.stop()
        data_dir = house.nexefax.data_dir
        (data_dir / RESTORING).touch()
        (data_dir / ".restoring-12345678").mkdir()
        with pytest.raises(RuntimeError, match="was interrupted; run it again: nexefax restore --force FILE"):
            house.nexefax.start()
        assert "of a restore that was interrupted" in refused(house, "restore", str(backup))
        told(house, "restore", "--force", str(backup))
        assert not (data_dir / ".restoring-12345678").exists()
        house.nexefax.start()


def test_a_received_fax_that_only_asterisk_has_is_backed_up(tmp_path: Path) -> None:
    backup = tmp_path / "backup.tar.gz"
    with new_house(tmp_path / "old") as old:
        old.nexefax.stop()
        tiff = noisy_fax()
        old.receive(tiff, NAME, outcome_line("received", SAID))
        change(old, "INSERT INTO fax (direction, account, state, created, changed, spool_name) VALUES"
               " ('in', 'ACME', 'received', 1.8e9, 1.8e9, ?)", NAME)  # fmt: skip
        told(old, "backup", str(backup))
    with new_house(tmp_path / "new", start=False) as new:
        told(new, "restore", str(backup))
        new.nexefax.start()
        new.wait_for_state(1, "delivered")
        assert (new.nexefax.data_dir / "in" / "1" / "fax.tiff").read_bytes() == tiff


def change(house: House, sql: str, *values: object) -> None:
    journal = sqlite3.connect(house.nexefax.data_dir / JOURNAL_NAME)
    with journal:
        journal.execute(sql, values)
    journal.close()


def test_what_is_missing_is_told_and_what_was_deleted_for_its_age_is_not(tmp_path: Path) -> None:
    backup = tmp_path / "backup.tar.gz"
    with new_house(tmp_path / "house") as house:
        house.nexefax.stop()
        for state, deleted in (("sent", None), ("sent", 1.8e9), ("undeliverable", None)):
            change(house, "INSERT INTO fax (direction, account, state, created, changed, files_deleted) VALUES"
                   " ('out', 'ACME', ?, 1.8e9, 1.8e9, ?)", state, deleted)  # fmt: skip
        strange = house.nexefax.data_dir / "out" / "1"
        strange.mkdir()
        (strange / "link").symlink_to("/etc/passwd")
        (strange / "a b").touch()
        os.mkfifo(strange / "pipe")
        (strange / ".half").touch()
        done = house.nexefax.command("backup", str(backup))
        assert done.returncode == 0
        assert done.stderr.splitlines() == [
            "nexefax: fax 1: not all of its files are there; see `nexefax doctor`",
            *(
                f"nexefax: left out, since it is no plain file of ours: {strange / name}"
                for name in ("a b", "link", "pipe")
            ),
        ]
        assert "3 faxes, 4 files" in done.stdout


@pytest.mark.parametrize(
    ("place", "complaint"),
    [
        ("nowhere/b.tar.gz", "nowhere is no folder"),
        ("house", "is no plain file"),
        ("house/data/b.tar.gz", "which is to be backed up"),
    ],
)
def test_a_backup_goes_where_it_is_of_use(tmp_path: Path, place: str, complaint: str) -> None:
    with new_house(tmp_path / "house", start=False) as house:
        assert complaint in refused(house, "backup", str(tmp_path / place))


def test_a_journal_that_is_damaged_or_missing_is_no_backup(tmp_path: Path) -> None:
    backup = tmp_path / "backup.tar.gz"
    backup.write_text("the good one")
    with new_house(tmp_path / "house", start=False) as house:
        assert "has no journal" in refused(house, "backup", "--force", str(backup))
        journal = house.nexefax.data_dir / JOURNAL_NAME
        journal.write_bytes(b"SQLite format 3\0" + b"x" * 4096)
        assert "can't be copied" in refused(house, "backup", "--force", str(backup))
        journal.unlink()
        newer = sqlite3.connect(journal)
        newer.execute("PRAGMA user_version = 99")
        newer.close()
        assert "newer NexeFax (schema 99" in refused(house, "backup", "--force", str(backup))
    assert backup.read_text() == "the good one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup.tar.gz", "house"]


def test_a_missing_data_dir_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    backup = tmp_path / "backup.tar.gz"
    with new_house(tmp_path / "house") as house:
        told(house, "backup", str(backup))
        house.nexefax.stop()
        house.nexefax.data_dir.rename(tmp_path / "gone")
        command = ["restore", str(backup), "--config", str(house.nexefax.config_dir)]
        assert cli.main(command) == 0
        assert "0 faxes" in capsys.readouterr().out
        assert house.nexefax.data_dir.stat().st_mode & 0o777 == 0o750
        house.nexefax.data_dir.rename(tmp_path / "gone-too")
        (tmp_path / "house").chmod(0o500)
        try:
            assert cli.main(command) == 1
        finally:
            (tmp_path / "house").chmod(0o700)
        assert "data_dir" in capsys.readouterr().err
