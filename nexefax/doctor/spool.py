"""What is wrong in Asterisk's spool: call files, received TIFFs and reports. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from nexefax.doctor.finding import HOUR, MINUTE, Finding, age_in_words
from nexefax.doctor.picture import Picture, Rows, SpooledSeen
from nexefax.fax.job import State
from nexefax.fax.mending import Mend, Repair

# A call file is staged just before its attempt is in the journal, and removed after its end
CALL_SECONDS = MINUTE
# Above sweep_interval (at most minutes) and the ten minutes that a TIFF without a report is waited for
REPORTED_SECONDS, UNREPORTED_SECONDS = 10 * MINUTE, 30 * MINUTE
WRITTEN_SECONDS = 6 * HOUR  # no fax takes so long: Asterisk forgot that it has the file open

SWEEP = Repair(Mend.SWEEP)


def look(picture: Picture) -> Iterator[Finding]:
    """Yield what is wrong in the spool."""
    rows = picture.rows
    if rows is None:
        return
    yield from _calls(picture, rows)
    for spooled in picture.spool:
        yield from _received(spooled, rows)
    for name, age in picture.reports:
        if age > UNREPORTED_SECONDS:
            yield Finding(
                "report",
                "warning",
                name,
                f"{name} reports a call, but its TIFF is not there, and nobody clears the report away",
                "NexeFax must run as Asterisk's user, and be able to write rx_dir",
                SWEEP,
            )


def _calls(picture: Picture, rows: Rows) -> Iterator[Finding]:
    for call in picture.calls:
        if call.age < CALL_SECONDS:
            continue
        attempt = rows.attempts.get((call.fax, call.attempt))
        if attempt is not None and attempt.ended is None:
            continue
        # The daemon removes those of attempts that are over every few seconds, if it can
        why = "which the journal does not know" if attempt is None else "which is over"
        yield Finding(
            "call-file",
            "error",
            f"nexefax-{call.fax}-{call.attempt}.call in {call.folder}",
            f"{call.folder} has a call file for attempt {call.attempt} of fax {call.fax}, {why}: Asterisk may dial it",
            "remove it; NexeFax's user must be able to write the folder",
            Repair(Mend.WITHDRAW, call.fax, call.attempt),
        )


def _received(spooled: SpooledSeen, rows: Rows) -> Iterator[Finding]:
    if spooled.fax is not None:
        fax = rows.faxes.get(spooled.fax)
        if fax is not None and fax.state == State.DELIVERED and spooled.age > REPORTED_SECONDS:
            yield Finding(
                "spool-left",
                "warning",
                spooled.name,
                f"{spooled.name} is delivered, as fax {fax.id}, but still in Asterisk's spool",
                "NexeFax must run as Asterisk's user, and be able to write rx_dir",
                SWEEP,
            )
        return
    if spooled.written:
        if spooled.age > WRITTEN_SECONDS:
            yield Finding(
                "received-open",
                "error",
                spooled.name,
                f"{spooled.name} has been open for writing for {age_in_words(spooled.age)}; it can't be taken in",
                "`lsof` on the file says who has it; restart Asterisk when it is idle",
            )
        return
    if spooled.age > (REPORTED_SECONDS if spooled.reported else UNREPORTED_SECONDS):
        remedy = (
            "see the log"
            if spooled.readable
            else "chown it to NexeFax's user, who can't read it, or chmod it"
        )
        yield Finding(
            "not-taken-in",
            "error",
            spooled.name,
            f"{spooled.name} was received {age_in_words(spooled.age)} ago, but not taken in",
            remedy,
            SWEEP,
        )
