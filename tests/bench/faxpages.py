"""May FAXPAGES be trusted? ``python -m tests.bench.faxpages``, from the checkout's root, ``control`` in PYTHONPATH.

A fax that is resumed leaves out the pages that FAXPAGES of its sending side counts. Here many calls of five pages each
are cut at another second by the receiving side, with T.38 and with sound, with error correction and without. What the
sender counted is compared with the pages that lie in the receiver's TIFF and are equal to what was sent: a count that
is ever larger would lose a page. The number 5NN is cut NN seconds after its answer and belongs to the account `cutNN`,
which is not configured: the fax is kept under that name. Not to be run as root.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "control"))

from compare_pages import compare_faxes
from tests.asterisk.office import Office, open_office

PAGES = 5


def whole_pages(sent: Path, received: Path) -> int:
    """How many pages, from the first on, arrived without a wrong pixel."""
    count = 0
    while count < PAGES:
        try:
            if any(page.pixels for page in compare_faxes(sent, received, pages=count + 1)):
                break
        except ValueError:
            break  # there is no such page, or it is not whole
        count += 1
    return count


def cut_calls(office: Office, seconds: list[int]) -> Counter[tuple[int, int]]:
    """Let each call be cut after so many seconds; return how often (pages counted, pages arrived) was seen."""
    sent = {after: office.send(f"5{after:02}", PAGES) for after in seconds}
    for fax in sent.values():
        office.wait_for_state(fax, "sent", "failed")
    office.asterisk.wait_until(
        lambda: "0 active channels" in office.asterisk.rx("core show channels"), "every call has ended", 60
    )
    spool = office.asterisk.spool / "tmp"
    office.asterisk.wait_until(
        lambda: len(office.wait_for_received(0, "undeliverable")) == len(list(spool.glob("*.tiff"))),
        "every partial fax is taken in",
        60,
    )
    kept = office.received()
    arrived = {fax.account: office.nexefax.data_dir / "in" / str(fax.id) / "fax.tiff" for fax in kept}
    seen: Counter[tuple[int, int]] = Counter()
    for after, fax in sent.items():
        received = arrived.get(f"cut{after:02}")
        whole = whole_pages(office.sent_tiff(fax), received) if received else 0
        seen[office.attempts(fax)[0].pages or 0, whole] += 1
    return seen


def main() -> int:
    """Print a table of what was seen; the exit status is 1 when a page that was counted had not arrived."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--first", type=int, default=10, help="seconds after the answer")
    parser.add_argument("--last", type=int, default=50)
    options = parser.parse_args()
    lost = 0
    for audio in (False, True):
        for ecm in ("yes", "no"):
            folder = Path(tempfile.mkdtemp(prefix="nx-"))
            try:
                with open_office(folder, audio=audio, tx_max_calls="50", tx_faxopt_ecm=ecm) as office:
                    seen = cut_calls(office, list(range(options.first, options.last + 1)))
            finally:
                shutil.rmtree(folder)
            print("sound" if audio else "T.38", f"ecm={ecm}: counted/arrived", end=" ")
            print(
                ", ".join(f"{counted}/{whole}: {times}" for (counted, whole), times in sorted(seen.items()))
            )
            lost += sum(times for (counted, whole), times in seen.items() if counted > whole)
    print(f"{lost} calls counted a page that had not arrived")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
