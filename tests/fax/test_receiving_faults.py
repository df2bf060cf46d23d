"""The way in, when something on it fails."""

import errno
import logging
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nexefax.config import Config
from nexefax.errors import ChildFailed, JournalError
from nexefax.fax import convert, events, job, mail_records, receiving, records
from nexefax.fax.bookkeeper import clear_spool
from nexefax.fax.outcome import Outcome
from nexefax.fax.received_entry import entry_of
from nexefax.fax.spool_files import SpoolFile, is_written
from tests.fax.workshop import Workshop, open_workshop

NAME = "nexefax-ACME-20261122-200905-12025550100-1700000000.4.tiff"
SAID = "v=1&kind=received&account=ACME&caller=12025550100&status=SUCCESS&pages=1&end=1"


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Workshop]:
    async with open_workshop(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize(
    "error", [ChildFailed("tiff2pdf ended with 1"), ZeroDivisionError("a fault of ours")]
)
async def test_without_a_pdf_the_tiff_itself_is_mailed(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async def fail(*_arguments: object, **_more: object) -> None:
        raise error

    monkeypatch.setattr(convert, "to_pdf", fail)
    shop.receive(NAME, SAID)
    await shop.receiving.sweep()
    await shop.receiving.convert_due()
    fax = await shop.fax()
    assert (fax.state, fax.tiff_wanted, shop.letters) == ("delivering", True, 1)
    assert "attached as TIFF" in fax.notes[0]


async def test_a_full_disk_leaves_the_fax_in_the_spool_and_tries_again(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = shop.receive(NAME, SAID)
    await shop.receiving.sweep()
    with monkeypatch.context() as full:
        full.setattr("nexefax.durable.shutil.copyfileobj", no_space)
        await shop.receiving.convert_due()
    fax = await shop.fax()
    assert (fax.state, path.exists()) == ("received", True)
    assert "No space left" in fax.reason
    assert list(shop.folders.received_fax(1).iterdir()) == []
    await shop.journal.write(lambda c: c.execute("UPDATE fax SET next_try = 0"))
    await shop.receiving.convert_due()
    assert (await shop.fax()).state == "delivering"


async def test_a_fax_whose_conversion_could_not_be_entered_is_converted_again(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stayed "converting" until the next start."""
    shop.receive(NAME, SAID)
    await shop.receiving.sweep()
    whole = shop.bookkeeper.record

    async def record(fax_id: int, event: events.Event, **_more: object) -> job.Step | None:
        if isinstance(event, events.FaxConverted):
            raise JournalError("disk is full")
        return await whole(fax_id, event)

    with monkeypatch.context() as full:
        full.setattr(shop.bookkeeper, "record", record)
        with pytest.raises(JournalError):
            await shop.receiving.convert_due()
    assert (await shop.fax()).state == "converting"
    await shop.receiving.convert_due()
    assert (await shop.fax()).state == "delivering"


async def test_a_tiff_that_vanished_is_told_and_a_spool_that_did_is_waited_for(shop: Workshop) -> None:
    path = shop.receive(NAME, SAID)
    await shop.receiving.sweep()
    shop.rx_dir.rename(shop.rx_dir.with_name("away"))
    await shop.receiving.convert_due()
    fax = await shop.fax()
    assert fax.state == "received"
    assert f"{shop.rx_dir} is missing" in fax.reason
    shop.rx_dir.with_name("away").rename(shop.rx_dir)
    path.unlink()
    await shop.journal.write(lambda c: c.execute("UPDATE fax SET next_try = 0"))
    await shop.receiving.convert_due()
    fax = await shop.fax()
    assert fax.state == "undeliverable"
    assert "vanished from Asterisk's spool" in fax.reason


async def test_an_unreadable_spool_is_told_once(shop: Workshop, caplog: pytest.LogCaptureFixture) -> None:
    shop.rx_dir.rmdir()
    await shop.receiving.recover()
    for _ in range(3):
        await shop.receiving.sweep()
    assert caplog.text.count("no fax can be received") == 1
    shop.rx_dir.mkdir()
    await shop.receiving.sweep()
    shop.rx_dir.rmdir()
    await shop.receiving.sweep()
    assert caplog.text.count("no fax can be received") == 2


async def test_one_files_fault_does_not_keep_the_others(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bad = shop.receive(NAME, SAID)
    os.utime(bad, (1, 1))
    shop.receive(NAME.replace(".4.", ".5."), SAID)

    def fax_of(file: SpoolFile, outcome: Outcome | None, config: Config) -> records.Fax:
        if file.path == bad:
            raise OSError(errno.EIO, "Input/output error")
        return entry_of(file, outcome, config)

    monkeypatch.setattr(receiving, "entry_of", fax_of)
    await shop.receiving.sweep()
    assert (await shop.fax()).spool_name == NAME.replace(".4.", ".5.")
    assert f"{bad} can't be taken now" in caplog.text


async def test_a_folder_named_as_a_report_does_not_stop_receiving(shop: Workshop) -> None:
    """It ended every sweep with an error, and nothing was converted any more."""
    (shop.rx_dir / f"{NAME}.outcome").mkdir()
    shop.receive(NAME.replace(".4.", ".5."), SAID)
    (shop.rx_dir / "nexefax-x.outcome").touch()
    await shop.receiving.sweep()
    await shop.receiving.convert_due()
    assert (await shop.fax()).state == "delivering"


async def test_a_report_without_a_fax_that_cannot_be_removed_is_told(
    shop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    (shop.rx_dir / f"{NAME}.outcome").write_text(SAID)
    shop.rx_dir.chmod(0o500)
    await shop.receiving.sweep()
    shop.rx_dir.chmod(0o700)
    assert "ended without a page" in caplog.text
    assert "can't be removed (Permission denied); NexeFax must run as Asterisk's user" in caplog.text


async def test_a_delivered_fax_whose_tiff_cannot_be_removed_is_told_and_removed_later(
    shop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    path = shop.receive(NAME, SAID)
    await shop.receiving.sweep()
    await shop.receiving.convert_due()
    shop.rx_dir.chmod(0o500)
    await shop.bookkeeper.record(1, events.MailAccepted())
    shop.rx_dir.chmod(0o700)
    assert f"{path} is delivered but can't be removed" in caplog.text
    await shop.receiving.sweep()
    assert list(shop.rx_dir.iterdir()) == []


def test_the_tiff_goes_after_its_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other way round, a kill in between left a report alone: "a call without a page"."""
    removed = []
    monkeypatch.setattr("nexefax.fax.bookkeeper.remove_file", lambda path: removed.append(path.name))
    clear_spool(tmp_path / NAME, 1)
    assert removed == [f"{NAME}.outcome", NAME]


async def test_a_call_without_a_page_reported_by_the_beta_is_logged(
    shop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await shop.receiving.report("", Outcome("received", text="hung up"))
    await shop.receiving.report("1.1", Outcome("received", status="FAILED"))
    assert "ended without a received page (hung up)" in caplog.text
    path = shop.receive(NAME, SAID)
    await shop.receiving.report("1700000000.4", Outcome("received", status="FAILED"))
    assert path.with_name(f"{NAME}.outcome").read_text() == SAID


async def test_what_was_kept_is_taken_up_when_the_configuration_may_have_been_corrected(
    shop: Workshop,
) -> None:
    kept = await shop.add(direction="in", state="undeliverable", spool_name="x", account="ACME")
    refused = await shop.add(direction="in", state="undeliverable", spool_name="y", account="ACME")
    nobodys = await shop.add(direction="in", state="undeliverable", spool_name="z", account="GONE")

    def refuse(connection: sqlite3.Connection) -> None:
        mail_records.add_mail(connection, refused.id, "received", "<1@x>", 1.0)
        connection.execute("UPDATE mail SET state = 'refused', attempts = 3")

    await shop.journal.write(refuse)
    await shop.receiving.look_for_accounts()
    states = [(await shop.fax(fax.id)).state for fax in (kept, refused, nobodys)]
    assert states == ["received", "delivering", "undeliverable"]
    (letter,) = await shop.journal.read(lambda c: mail_records.mails_of(c, refused.id))
    assert (letter.state, letter.attempts, letter.message_id) == ("waiting", 0, "<1@x>")


async def test_a_copy_that_is_there_is_not_made_again(shop: Workshop) -> None:
    path = shop.receive(NAME, SAID)
    await shop.receiving.sweep()
    shop.folders.received_fax(1).mkdir()
    shop.folders.received_tiff(1).write_bytes(b"copied before the kill")
    path.unlink()
    await shop.receiving.convert_due()
    assert (await shop.fax()).state == "delivering"


def test_a_writer_who_comes_while_we_look_does_not_end_us(tmp_path: Path) -> None:
    """The kernel announces him by a signal, SIGIO unless asked otherwise, which ended the daemon."""
    path = tmp_path / "a.tiff"
    path.touch()
    program = """
import fcntl, subprocess, sys
from pathlib import Path
from nexefax.fax import spool_files
whole, path, writers = fcntl.fcntl, Path(sys.argv[1]), []
def and_a_writer_comes(handle, command, argument=0):
    done = whole(handle, command, argument)
    if (command, argument) == (fcntl.F_SETLEASE, fcntl.F_RDLCK):
        writers.append(subprocess.Popen([sys.executable, "-c", "import sys; open(sys.argv[1], 'ab')", path]))
        while whole(handle, fcntl.F_GETLEASE) != fcntl.F_UNLCK:  # what the kernel asks us to go down to
            pass
    return done
fcntl.fcntl = and_a_writer_comes
print(spool_files.is_written(path), writers[0].wait())
"""
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "False 0\n"), done.stderr
    with path.open("ab"):
        assert is_written(path) is True
    assert is_written(tmp_path / "none") is False
