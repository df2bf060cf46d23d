"""Disk first, then the word: the order of the daemon's system calls on each way, as strace saw it.

A kill shows that nothing is lost that the kernel has; only the order of fsync, rename and commit says what a power cut
leaves. A file is whole (fsync) before it gets its name (rename), its name is durable (fsync of the folder) before the
journal tells of it (fdatasync of SQLite's log), and only then anybody hears.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.conftest import House, open_house, wait_until
from tests.daemon.crashes import fax_tiff
from tests.daemon.scripted_asterisk import nudge, outcome_line, sent
from tests.daemon.trace import TRACEABLE, OutOfOrder, SystemCall, follow, parse, traced

COMMIT = r"fdatasync .*/journal\.sqlite3-wal"
TEMPORARY = r"\.\d+\.[0-9a-f]{8}"
DATA_ACCEPTED = (r"sendto \S+ \.\\r\\n", r"recvfrom \S+ 250 .*")


@pytest.fixture
def traceable(tmp_path: Path) -> Iterator[House]:
    assert shutil.which("strace"), "strace is missing: apt install strace"
    with open_house(tmp_path, start=False, behave=lambda _call: sent(1)) as house:
        house.nexefax.before = (sys.executable, "-I", "-S", "-c", TRACEABLE)
        house.nexefax.start()
        yield house


def written(folder: str, name: str) -> tuple[str, str, str]:
    """The steps of a file that appears at once, whole and durable."""
    return (
        rf"fsync {folder}/\.{name}{TEMPORARY}",
        rf"rename {folder}/\.{name}{TEMPORARY} {folder}/{name}",
        rf"fsync {folder}",
    )


def test_a_fax_that_goes_out(traceable: House, tmp_path: Path) -> None:
    house = traceable
    assert house.nexefax.process is not None
    with traced(house.nexefax.process, tmp_path) as calls:
        fax = house.sign_in().send("2025550100", house.pdf())
        house.wait_for_state(fax, "sent")
        house.wait_for_mail("eFax sent")
        # the letter is accepted in the journal before the trace ends
        wait_until(lambda: '"accepted": 1' in house.nexefax.command("status", "--json").stdout)
    out, spool = r".*/data/out", r".*/spool"
    taken = follow(
        calls,
        r"recvfrom \S+ POST /api/send .*",
        rf"mkdir {out}/\.incoming-\w+",
        *written(rf"{out}/\.incoming-\w+", "document"),
        rf"rename {out}/\.incoming-\w+ {out}/{fax}",
        rf"fsync {out}",
        COMMIT,
    )
    socket = taken[0].text.split()[1]
    connection = [call for call in calls if call.text.startswith(f"sendto {socket} ")]
    assert connection[0].began > taken[-1].ended, "the answer came before the fax was durable"
    assert "HTTP/1.1 200 OK" in connection[0].text

    call_file = f"nexefax-{fax}-1.call"
    follow(
        calls,
        *written(f"{out}/{fax}", "fax.tiff"),
        COMMIT,  # it is ready
        rf"link {out}/{fax}/fax\.tiff {out}/{fax}/1\.tiff",
        rf"fsync {out}/{fax}",
        *written(f"{spool}/nexefax", call_file),
        COMMIT,  # the attempt begins
        rf"!rename {spool}/nexefax/{call_file} {spool}/outgoing/{call_file}",
        rf"fsync {spool}/outgoing",
        r"recvfrom \S+ agi_network: yes.*",
        COMMIT,  # the attempt has ended
        rf"!unlink {spool}/outgoing_done/{call_file}",
        r"!sendto \S+ MAIL FROM:.*",
        *DATA_ACCEPTED,
        COMMIT,  # its notice is mailed
    )
    follow(calls, r"recvfrom \S+ agi_network: yes.*", COMMIT, r"!sendto \S+ MAIL FROM:.*")


def test_a_fax_that_comes_in(traceable: House, tmp_path: Path) -> None:
    house = traceable
    assert house.nexefax.process is not None
    tiff = fax_tiff(tmp_path)
    name = "nexefax-ACME-20261122-200905-30355-17.1.tiff"
    said = {"account": "ACME", "caller": "30355", "status": "SUCCESS", "pages": 1, "uniqueid": "17.1"}
    with traced(house.nexefax.process, tmp_path) as calls:
        spooled = house.receive(tiff, name, outcome_line("received", said))
        nudge(house.nexefax.port_fagi, "received", name, uniqueid="17.1", callerid="30355")
        house.wait_for_mail("Received")
        wait_until(lambda: not spooled.exists())
    store, spool = r".*/data/in", r".*/spool/tmp"
    follow(
        calls,
        COMMIT,  # it has a number
        rf"mkdir {store}/1",
        rf"fsync {store}",
        *written(f"{store}/1", "fax.tiff"),
        COMMIT,  # it is converted from here on
        *written(f"{store}/1", "fax.pdf"),
        COMMIT,  # its letter waits
        r"!sendto \S+ MAIL FROM:.*",
        *DATA_ACCEPTED,
        COMMIT,  # it is delivered
        rf"!unlink {spool}/{name}",
    )


def test_a_trace_is_read_as_it_was() -> None:
    lines = [
        '10 sendto(6<socket:[4094176]>, "a \\"b\\", c\\r\\n"..., 805, 0, NULL, 0) = 805',
        "11 fsync(17</data/out> <unfinished ...>",
        '10 unlink("/gone") = -1 ENOENT (No such file or directory)',
        '12 unlinkat(17</data/out/1>, "driver.ps", 0) = 0',
        "11 <... fsync resumed>)             = 0",
        '12 renameat2(AT_FDCWD</>, "/a b", 17</data>, "c", RENAME_NOREPLACE) = 0',
        '12 recvfrom(5<socket:[7]>,  <unfinished ...>',
        '12 <... recvfrom resumed>"250 OK\\r\\n", 4096, 0, NULL, NULL) = 8',
        '12 recvfrom(5<socket:[7]>, 0x1b85cc20, 4096, 0, NULL, NULL) = -1 EAGAIN (Resource temporarily unavailable)',
        "--- no call ---",
        "13 fsync(3</never> <unfinished ...>",
    ]  # fmt: skip
    assert parse(lines) == [
        SystemCall('sendto socket:[4094176] a \\"b\\", c\\r\\n', 0, 0),
        SystemCall("fsync /data/out", 1, 4),
        SystemCall("unlink /data/out/1/driver.ps", 3, 3),
        SystemCall("rename /a b /data/c", 5, 5),
        SystemCall("recvfrom socket:[7] 250 OK\\r\\n", 6, 7),
    ]


def test_what_is_out_of_order_is_found() -> None:
    calls = [SystemCall("fsync /a", 0, 3), SystemCall("rename /a /b", 2, 2), SystemCall("fsync /", 4, 4)]
    assert follow(calls, "fsync /a", "!fsync /") == [calls[0], calls[2]]
    for steps in (
        ("fsync /a", "rename /a /b"),  # it began while the file was not yet durable
        ("fsync /", "rename .*"),
        ("fsync /b",),
        ("rename .*", "!fsync .*"),  # there was one before
    ):
        with pytest.raises(OutOfOrder, match="is missing"):
            follow(calls, *steps)
