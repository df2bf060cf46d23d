"""A disk that fills up under the whole daemon.

``unshare --map-root-user --mount python -m tests.daemon.full_disk DIR`` runs it.
Run by tests/daemon/test_faults.py in a user namespace of its own, where an ordinary user may mount a small tmpfs. The
journal, the faxes and what is uploaded lie on it; Asterisk's spool and the mail server do not. Ends with a traceback
when something was lost, stuck or sent twice.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "control"))

from tests.daemon.conftest import House, open_house, wait_until
from tests.daemon.crashes import fax_tiff
from tests.daemon.scripted_asterisk import Answer, CallFile, nudge, outcome_line, sent, unanswered
from web_client import Refused

MEGABYTES = 8
OPTIONS = {"min_free_mb": "0", "tx_retry_time": "3"}


def fill(path: Path) -> None:
    """Take every byte that is left on the disk of ``path``."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


def receive(house: House, tiff: bytes, unique: str) -> Path:
    """A fax arrives, as our dialplan leaves it."""
    name = f"nexefax-ACME-20261122-200905-30355-{unique}.tiff"
    said = {"account": "ACME", "caller": "30355", "status": "SUCCESS", "pages": 1, "uniqueid": unique}
    spooled = house.receive(tiff, name, outcome_line("received", said))
    nudge(house.nexefax.port_fagi, "received", name, uniqueid=unique, callerid="30355")
    return spooled


def main(folder: Path) -> None:
    """Live through a full disk."""
    disk = folder / "data"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", disk], check=True)
    tiff = fax_tiff(folder)
    ringing, full = threading.Event(), threading.Event()

    def behave(call: CallFile) -> Answer:
        if call.variables["NEXEFAX_ATTEMPT"] == "1":
            ringing.set()
            full.wait(60)
            return unanswered(5)
        return sent(1)

    with open_house(folder, behave=behave, general=OPTIONS | {"tmp_dir": str(disk / "scratch")}) as house:
        client = house.sign_in()
        waiting = client.send("2025550100", house.pdf())
        ringing.wait(60)

        fill(disk / "filler")
        refused = []
        for _ in range(3):
            try:
                client.send("2025550101", house.pdf(), request_id="the-same")
            except Refused as refusal:
                refused.append(str(refusal))
        assert len(refused) == 3, "a document was taken that could not be kept"
        assert all("disk is full" in sentence or "not taken" in sentence for sentence in refused), refused
        spooled = receive(house, tiff, "17.1")
        full.set()  # the call ends busy while nothing can be entered; its report can't be written either
        wait_until(
            lambda: "No space left" in house.nexefax.log_text() or "disk is full" in house.nexefax.log_text()
        )
        assert spooled.exists(), "a fax was removed before it was mailed"

        (disk / "filler").unlink()
        house.wait_for_mail("Received")
        second = client.send("2025550101", house.pdf(), request_id="the-same")
        for fax in (waiting, second):
            house.wait_for_state(fax, "sent")
        wait_until(lambda: not spooled.exists())
        dialled = [
            (call.variables["NEXEFAX_FAX"], call.variables["NEXEFAX_ATTEMPT"])
            for call in house.asterisk.calls
        ]
        assert sorted(dialled) == sorted(
            {(str(fax), attempt) for fax in (waiting, second) for attempt in "12"}
        ), dialled
        wait_until(
            lambda: len(house.asterisk.calls) == 4 and not list((house.nexefax.spool / "outgoing").iterdir())
        )
        for left in (*house.nexefax.data_dir.glob("out/.*"), *house.nexefax.data_dir.glob("*/*/.*")):
            raise AssertionError(f"rubbish: {left}")
        print(house.nexefax.log_text())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
