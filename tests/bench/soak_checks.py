"""What must be true after the soak, seen from outside; the journal only says what belongs together."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator

from private_nexefax import PrivateNexeFax
from tests.bench.rough_people import QUIET, People
from tests.bench.rough_world import RoughAsterisk, RoughMail


def check(nexefax: PrivateNexeFax, mail: RoughMail, asterisk: RoughAsterisk, people: People) -> list[str]:
    """Return what is wrong: lost, sent twice, told wrongly, left behind."""
    journal = sqlite3.connect(f"file:{nexefax.data_dir}/journal.sqlite3?mode=ro", uri=True)
    journal.row_factory = sqlite3.Row
    try:
        return [
            *_faxes(journal, asterisk, people),
            *_calls(asterisk),
            *_mails(journal, mail, nexefax.log_text()),
            *_files(nexefax, journal),
            *_doctor(nexefax),
        ]
    finally:
        journal.close()


def _faxes(journal: sqlite3.Connection, asterisk: RoughAsterisk, people: People) -> Iterator[str]:
    rows = journal.execute("SELECT id, direction, state, spool_name FROM fax").fetchall()
    sent = {row["id"]: row["state"] for row in rows if row["direction"] == "out"}
    if people.accepted - sent.keys():
        yield f"faxes answered with ok, but not in the journal: {sorted(people.accepted - sent.keys())}"
    if sent.keys() - people.accepted:
        yield f"faxes that nobody was told of: {sorted(sent.keys() - people.accepted)}"
    for fax, state in sent.items():
        if (state == "sent") != (fax in asterisk.delivered):
            yield f"fax {fax} is {state}, but Asterisk {'sent' if fax in asterisk.delivered else 'never sent'} it"
    received = Counter(row["spool_name"] for row in rows if row["direction"] == "in")
    if people.left - received.keys():
        yield f"received and not taken in: {sorted(people.left - received.keys())}"
    yield from (f"{name} was taken in {number} times" for name, number in received.items() if number > 1)


def _calls(asterisk: RoughAsterisk) -> Iterator[str]:
    dialled = Counter(
        (call.variables["NEXEFAX_FAX"], call.variables["NEXEFAX_ATTEMPT"]) for call in asterisk.calls
    )
    yield from (
        f"fax {of[0]}, attempt {of[1]}: dialled {times} times" for of, times in dialled.items() if times > 1
    )


def _mails(journal: sqlite3.Connection, mail: RoughMail, log: str) -> Iterator[str]:
    """Each is accepted, and a second time only where the daemon did not hear the first reply in time, and said so."""
    rows = journal.execute("SELECT fax, kind, state, message_id FROM mail").fetchall()
    for row in rows:
        times = mail.accepted[row["message_id"]]
        about = f"the mail about fax {row['fax']} ({row['kind']}) is {row['state']}"
        if row["state"] != "accepted" or not times:
            yield f"{about}, and was accepted {times} times"
        elif times > 1 and f"fax {row['fax']}: mail not delivered" not in log:
            yield f"{about}, and came {times} times though the first reply was heard"
    strange = mail.accepted.keys() - {row["message_id"] for row in rows}
    if strange:
        yield f"mails of nobody: {sorted(strange)[:5]}"
    without = journal.execute(
        "SELECT id, state FROM fax WHERE state IN ('sent', 'failed', 'delivered') AND id NOT IN (SELECT fax FROM mail)"
        " AND NOT (state = 'sent' AND account = ?)",
        (QUIET,),
    ).fetchall()
    yield from (f"fax {row['id']} is {row['state']}, and nobody was told" for row in without)


def _files(nexefax: PrivateNexeFax, journal: sqlite3.Connection) -> Iterator[str]:
    kept = {
        row["spool_name"]
        for row in journal.execute("SELECT spool_name FROM fax WHERE state = 'undeliverable'").fetchall()
    }
    for folder in ("outgoing", "outgoing_done", "nexefax", "tmp"):
        left = [path.name for path in (nexefax.spool / folder).iterdir()]
        yield from (f"left in {folder}: {name}" for name in left if name.removesuffix(".outcome") not in kept)
    yield from (f"left in scratch: {path.name}" for path in (nexefax.folder / "scratch").iterdir())
    yield from (f"half-written: {path}" for path in nexefax.data_dir.rglob(".*"))
    folders = {path.name for side in ("in", "out") for path in (nexefax.data_dir / side).iterdir()}
    known = {str(row["id"]) for row in journal.execute("SELECT id FROM fax").fetchall()}
    if folders != known:
        yield f"folders without a fax: {sorted(folders - known)}, faxes without a folder: {sorted(known - folders)}"


def _doctor(nexefax: PrivateNexeFax) -> Iterator[str]:
    """What `nexefax doctor` finds; faxes for an unknown account are there on purpose."""
    said = nexefax.command("doctor").stdout.splitlines()
    yield from (
        f"doctor: {line}"
        for line in said
        if line.startswith(("error", "warning")) and "NOBODY, which is not in accounts.conf" not in line
    )
