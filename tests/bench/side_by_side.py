"""Many faxes each way at once through a real Asterisk: ``python -m tests.bench.side_by_side [--faxes 20] [--pages 3]``.

From the checkout's root, with ``control`` in PYTHONPATH; not to be run as root. Two accounts send each other so many
faxes, all at the same time. Every one that arrives is compared with every one that was sent to that account, pixel by
pixel: each must be equal to exactly one. What went wrong is printed, and the exit status says whether anything did.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "control"))

from compare_pages import compare_faxes
from tests.asterisk.office import Office, open_office

WAYS = {
    "ACME": ("20", "Smith-Sons"),
    "Smith-Sons": ("10", "ACME"),
}  # account -> first digits dialled, who gets it


def equal(sent: Path, received: Path) -> bool:
    """Whether every pixel of every page arrived."""
    try:
        return not any(page.pixels for page in compare_faxes(sent, received))
    except ValueError:
        return False


def unmatched(office: Office, sent: Iterable[int], received: Iterable[int]) -> list[str]:
    """Pair what was sent with what is equal to it; return a sentence for each fax that is left."""
    arrived = {number: office.nexefax.data_dir / "in" / str(number) / "fax.tiff" for number in received}
    wrong = []
    for number in sent:
        tiff = office.sent_tiff(number)
        match = next((other for other, path in arrived.items() if equal(tiff, path)), None)
        if match is None:
            wrong.append(f"fax {number} was sent, and nothing equal to it arrived")
        else:
            del arrived[match]
    return wrong + [f"fax {number} arrived, and is equal to none that was sent" for number in arrived]


def exchange(office: Office, faxes: int, pages: int) -> list[str]:
    """Send ``faxes`` each way at once, wait until all have ended, and return what is wrong."""
    sent: dict[str, list[int]] = {account: [] for account in WAYS}
    for line in range(1, faxes + 1):
        for account, (digits, _to) in WAYS.items():
            sent[account].append(office.send(f"{digits}{line:02}", pages, account=account))
    wrong = []
    for number in (number for numbers in sent.values() for number in numbers):
        fax = office.wait_for_state(number, "sent", "failed")
        if (fax.state, fax.attempts) != ("sent", 1):
            wrong.append(f"fax {number} is {fax.state} after {fax.attempts} attempts: {fax.reason}")
    received = office.wait_for_received(2 * faxes)
    for account, (_digits, to) in WAYS.items():
        wrong += unmatched(office, sent[account], [fax.id for fax in received if fax.account == to])
    return wrong


def main() -> int:
    """Run the exchange and print what came of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--faxes", type=int, default=20, help="each way, at most 99")
    parser.add_argument("--pages", type=int, default=3)
    parser.add_argument("--audio", action="store_true", help="a trunk without T.38")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="nx-"))
    try:
        calls = str(2 * options.faxes)
        with open_office(folder, audio=options.audio, tx_max_calls=calls, tx_max_retries="2") as office:
            began = time.monotonic()
            wrong = exchange(office, options.faxes, options.pages)
            seconds = time.monotonic() - began
    finally:
        shutil.rmtree(folder)
    print(f"{2 * options.faxes} faxes of {options.pages} pages in {seconds:.0f} s: {len(wrong)} wrong")
    for sentence in wrong:
        print(sentence)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
