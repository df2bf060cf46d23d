"""Faults that are forced on the whole daemon: while each lasts nothing is lost, and afterwards everything ends, once.

What is forced, and where it is shown (names of tests; those without a file are here):

- disk full: test_a_full_disk; refused in time: test_upkeep.py, tests/fax/test_free_space.py
- read-only spool: test_a_spool_that_may_not_be_written; gone: test_sending.py, a_missing_spool
- permission lost: test_folders_that_may_not_be_written_any_more
- journal locked: test_reload.py; damaged: test_a_damaged_journal
- clock jumping back: tests/fax/test_clock.py, test_retention.py
- mail server away, refusing: test_receiving.py, tests/mail/test_smtp.py; closing after DATA, stalling, in trouble:
  test_a_mail_server_that_takes_a_mail_and_does_not_say_so
- converter crashing, leaving nothing: test_a_ghostscript_that_does_not_work, test_no_converter_works; hanging:
  test_a_ghostscript_that_hangs; short and damaged files: tests/convert/test_outbound_engines.py and
  test_received_repaired.py
- FastAGI twice, too early, for others, never: test_reports_of_every_kind; late: tests/fax/test_model.py
- Asterisk away, restarted, killed: test_sending.py, tests/asterisk/test_power_cuts.py
- the daemon killed anywhere: test_restart.py; the power gone: test_order_on_disk.py
"""

from __future__ import annotations

import platform
import struct
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.daemon.conftest import House, open_house, wait_until
from tests.daemon.crashes import fax_tiff
from tests.daemon.faulty_mail import FaultyMailServer
from tests.daemon.scripted_asterisk import Answer, nudge, outcome_line, sent
from web_client import Refused

NAME = "nexefax-ACME-20261122-200905-30355-17.1.tiff"
SAID = {"account": "ACME", "caller": "30355", "status": "SUCCESS", "pages": 1, "uniqueid": "17.1"}
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tiff(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return fax_tiff(tmp_path_factory.mktemp("fax"))


def receive(house: House, tiff: bytes) -> Path:
    path = house.receive(tiff, NAME, outcome_line("received", SAID))
    nudge(house.nexefax.port_fagi, "received", NAME, uniqueid="17.1", callerid="30355")
    return path


def test_a_full_disk(tmp_path: Path) -> None:
    """In a user namespace, where anybody may mount a disk of a few megabytes; see full_disk.py."""
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", sys.executable, "-m", "tests.daemon.full_disk", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert "Traceback" not in done.stdout, done.stdout


def test_a_spool_that_may_not_be_written(house: House) -> None:
    outgoing = house.nexefax.spool / "outgoing"
    outgoing.chmod(0o500)
    house.answers.append(lambda _call: sent(1))
    try:
        fax_id = house.sign_in().send("2025550100", house.pdf())
        wait_until(lambda: "Permission denied" in house.nexefax.log_text())
        assert "outgoing can't be written: faxes wait" in house.nexefax.command("status").stdout
        assert house.asterisk.calls == []
    finally:
        outgoing.chmod(0o750)
    house.wait_for_state(fax_id, "sent")
    assert house.fax(fax_id).attempts == 1


def test_folders_that_may_not_be_written_any_more(house: House, tiff: bytes) -> None:
    client = house.sign_in()
    folders = [house.nexefax.data_dir / "out", house.nexefax.data_dir / "in"]
    for folder in folders:
        folder.chmod(0o500)
    try:
        with pytest.raises(Refused, match="so it was not taken"):
            client.send("2025550100", house.pdf(), request_id="once")
        spooled = receive(house, tiff)
        wait_until(lambda: "fax 1: can't be taken in now, it stays in the spool" in house.nexefax.log_text())
        assert spooled.exists()
    finally:
        for folder in folders:
            folder.chmod(0o750)
    house.answers.append(lambda _call: sent(1))
    house.wait_for_state(client.send("2025550100", house.pdf(), request_id="once"), "sent")
    assert (
        house.nexefax.command("queue", "retry", "1").returncode == 0
    )  # it is tried in five minutes by itself
    house.wait_for_mail("New eFax Received")
    wait_until(lambda: not spooled.exists())
    assert "Traceback" not in house.nexefax.log_text()


def test_a_damaged_journal(house: House, tiff: bytes) -> None:
    """The daemon does not start, and says what to do; received faxes wait where Asterisk left them."""
    house.nexefax.stop()
    journal = house.nexefax.data_dir / "journal.sqlite3"
    whole = journal.read_bytes()
    journal.write_bytes(whole[:4096] + b"\xa5" * (len(whole) - 4096))
    spooled = receive(house, tiff)
    with pytest.raises(RuntimeError, match=r"journal\.sqlite3 is damaged") as told:
        house.nexefax.start()
    house.nexefax.process = None
    assert "Traceback" not in str(told.value)
    assert "restore" in str(told.value)
    assert spooled.exists()
    journal.write_bytes(whole)
    house.nexefax.start()
    house.wait_for_mail("New eFax Received")


@pytest.mark.parametrize(
    "at_end", [pytest.param("", id="closes"), pytest.param(None, id="stalls"), "451 trouble"]
)
def test_a_mail_server_that_takes_a_mail_and_does_not_say_so(
    tmp_path: Path, tiff: bytes, at_end: str | None
) -> None:
    """The mail comes again, under the same Message-ID, and the fax stays in the spool until it is accepted."""
    with open_house(tmp_path, start=False) as house:
        house.mail.stop()
        house.nexefax.email = dict(house.nexefax.email) | {"smtp_timeout": "1"}
        house.nexefax.write_config()
        faulty = FaultyMailServer(house.mail.port, at_end)
        try:
            house.nexefax.start()
            spooled = receive(house, tiff)
            wait_until(lambda: "mail not delivered, next try in" in house.nexefax.log_text())
        finally:
            faulty.stop()
        assert spooled.exists()
        assert house.fax(1).state == "delivering"
        house.mail.start()
        assert house.nexefax.command("queue", "retry", "1").returncode == 0
        mail = house.wait_for_mail("New eFax Received")
        house.wait_for_state(1, "delivered")
        wait_until(lambda: not spooled.exists())
    assert {str(mail["Message-ID"])} == set(faulty.message_ids)
    assert len(house.mail.mails()) == 1


def replaced(programs: Mapping[str, Path]) -> tuple[str, ...]:
    """The words that start a daemon for which each program is another file: mounts in a namespace of its own."""
    mounts = "".join(f"mount --bind {other} /usr/bin/{program}; " for program, other in programs.items())
    return ("unshare", "--map-root-user", "--mount", "sh", "-ec", f'{mounts}exec "$@"', "sh")


def endless_program() -> bytes:
    """A program that never ends: an ELF file for this machine, with one instruction, a jump to itself.

    Converters may not start others, so a script would not do.
    """
    machine, jump = {"x86_64": (62, b"\xeb\xfe"), "aarch64": (183, b"\x00\x00\x00\x14")}[platform.machine()]
    base, head = 0x400000, 64 + 56
    ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    header = struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, base + head, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    size = head + len(jump)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 0x1000)
    return ident + header + segment + jump


def stand_in(folder: Path, program: bytes) -> Path:
    path = folder / "stand-in"
    path.write_bytes(program)
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    "other", [pytest.param("false", id="crashes"), pytest.param("true", id="leaves-nothing")]
)
def test_a_ghostscript_that_does_not_work(tmp_path: Path, other: str) -> None:
    """It is no fault of the document, which waits until the program is mended."""
    broken = stand_in(tmp_path, Path("/usr/bin", other).read_bytes())
    with open_house(tmp_path, start=False) as house:
        house.nexefax.before = replaced({"gs": broken})
        house.nexefax.start()
        house.answers.append(lambda _call: sent(2))
        fax_id = house.sign_in().send("2025550100", house.pdf(2))
        wait_until(lambda: "can't be rendered on this machine" in house.nexefax.log_text())
        waiting = house.wait_for_state(fax_id, "queued")
        assert "Ghostscript does not work here" in waiting.reason
        broken.write_bytes(Path("/usr/bin/gs").read_bytes())  # in place: it is the file that is mounted
        assert house.nexefax.command("queue", "retry", str(fax_id)).returncode == 0
        fax = house.wait_for_state(fax_id, "sent")
        assert (fax.pages, fax.attempts) == (2, 1)


def test_a_ghostscript_that_hangs(tmp_path: Path) -> None:
    """Its document ends when the time for it is over, and leaves neither files nor a process."""
    endless = stand_in(tmp_path, endless_program())
    with open_house(tmp_path, start=False, general={"convert_timeout": "2"}) as house:
        house.nexefax.before = replaced({"gs": endless})
        house.nexefax.start()
        fax = house.wait_for_state(house.sign_in().send("2025550100", house.pdf()), "failed")
        assert "takes longer than 2 seconds" in fax.reason
        house.wait_for_mail("eFax failed to send to 2025550100")
        wait_until(lambda: not list((tmp_path / "scratch").iterdir()))
        endless.write_bytes(b"nobody runs it")  # which the kernel refuses while somebody does


def test_no_converter_works(tmp_path: Path, tiff: bytes) -> None:
    """A sound fax becomes a PDF without them; a document that can't be rendered waits, and says why."""
    converters = ("gs", "pdftoppm", "pdfinfo", "tiff2pdf", "convert-im6.q16")
    broken = stand_in(tmp_path, Path("/usr/bin/false").read_bytes())
    with open_house(tmp_path, start=False) as house:
        house.nexefax.before = replaced(dict.fromkeys(converters, broken))
        house.nexefax.start()
        fax_id = house.sign_in().send("2025550100", house.pdf())
        spooled = receive(house, tiff)
        mail = house.wait_for_mail("New eFax Received")
        assert [part.get_content_type() for part in mail.iter_attachments()] == ["application/pdf"]
        wait_until(lambda: not spooled.exists())
        assert "not rendered yet" in house.wait_for_state(fax_id, "queued").reason
        assert house.asterisk.calls == []


def test_reports_of_every_kind(house: House, tiff: bytes) -> None:
    """FastAGI is called too early, twice, for faxes of others and that never were, with nonsense, and never."""
    port = house.nexefax.port_fagi

    def report_all() -> None:
        nudge(port, "sent", "1", "1")
        nudge(port, "received", NAME)

    report_all()  # before there is anything to report
    for nonsense in (
        ("sent", "1"), ("sent", "x", "y"), ("sent", "-1", "99999999999999999999"), ("sent",), ("received",),
        ("received", "../../etc/passwd"), ("send/post",), ("nothing", "1"),
    ):  # fmt: skip
        nudge(port, *nonsense)
    house.answers += [
        lambda _call: Answer({"status": "SUCCESS", "pages": 1}, nudge=False),
        lambda _call: sent(1),
    ]
    client = house.sign_in()
    first = client.send("2025550100", house.pdf())
    report_all()
    house.wait_for_state(first, "sent")
    second = client.send("2025550101", house.pdf())
    nudge(port, "sent", str(second), "2")
    house.wait_for_state(second, "sent")
    for fax in (first, second, 77):
        nudge(port, "sent", str(fax), "1")
    spooled = receive(house, tiff)
    report_all()
    house.wait_for_mail("New eFax Received")
    wait_until(lambda: not spooled.exists())
    report_all()
    wait_until(lambda: len(house.mail.mails()) == 3)
    assert [len(house.attempts(fax)) for fax in (first, second)] == [1, 1]
    assert len(house.asterisk.calls) == 2
    assert "Traceback" not in house.nexefax.log_text()
