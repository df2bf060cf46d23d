"""What is wrong with the house itself: daemon, journal, permissions, clock, disk. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from nexefax.doctor.finding import DAY, HOUR, MINUTE, Finding, age_in_words
from nexefax.doctor.picture import Daemon, Picture
from nexefax.fax.mending import Mend, Repair
from nexefax.fax.records import CLOCK_SLACK

ORPHAN_SECONDS = 10 * MINUTE  # a folder has its row within a transaction; ten minutes are beyond any doubt
UPLOAD_SECONDS = HOUR  # no document takes so long to be copied before it gets its number
LOOK_SECONDS = 2 * DAY  # old faxes are looked for every hour


def look(picture: Picture) -> Iterator[Finding]:
    """Yield what is wrong around the faxes."""
    yield from _daemon(picture)
    yield from _journal(picture)
    for sentence in picture.unusable:
        yield Finding(
            "permission",
            "error",
            sentence.partition(" ")[0],
            sentence,
            f"give it to NexeFax's user: chown -R --reference={picture.data_dir} …, or chmod it",
        )
    for warning in picture.warnings:
        yield Finding("surroundings", "error", warning, warning, "`nexefax check` looks closer")
    yield from _restore(picture)
    yield from _folders(picture)
    yield from _clock(picture)


def _daemon(picture: Picture) -> Iterator[Finding]:
    if picture.daemon is Daemon.STOPPED:
        yield Finding(
            "stopped",
            "error",
            "NexeFax",
            "NexeFax does not run: no fax is sent, received or mailed",
            "systemctl start nexefax; `journalctl -u nexefax` and the log say why it ended",
        )
    elif picture.daemon is Daemon.SILENT:
        yield Finding(
            "silent",
            "error",
            "NexeFax",
            f"somebody holds the lock of {picture.data_dir}, but NexeFax does not answer",
            "look at `systemctl status nexefax` and config.conf, [server]: control_socket; a backup that is being"
            " restored holds the lock as well",
        )


def _journal(picture: Picture) -> Iterator[Finding]:
    if picture.journal_problem:
        yield Finding(
            "journal",
            "error",
            "the journal",
            picture.journal_problem,
            "stop NexeFax and restore the last backup: nexefax restore --force FILE; what is there now is moved aside,"
            " and received faxes not yet taken in stay in Asterisk's spool",
        )


def _restore(picture: Picture) -> Iterator[Finding]:
    if picture.half_restored:
        yield Finding(
            "half-restored",
            "error",
            "the restore",
            "a restore was interrupted; NexeFax does not start before it is finished",
            "nexefax restore --force FILE, once more",
        )
    for name in picture.leftovers:
        yield Finding(
            "leftover",
            "warning",
            name,
            f"{name} was unpacked by a restore that was interrupted before it changed anything",
            "it is of no use",
            Repair(Mend.SET_ASIDE, path=name),
        )


def _folders(picture: Picture) -> Iterator[Finding]:
    if picture.rows is None:
        return
    for side in picture.missing_sides:
        yield Finding(
            "folder-missing",
            "error",
            f"{side}/",
            f"{picture.data_dir}/{side} is missing, with all its faxes",
            "mount the disk that it is on, or restore the last backup",
        )
    for folder in picture.folders:
        if folder.number is None:
            if not folder.name.startswith(".incoming-") or folder.age > UPLOAD_SECONDS:
                yield Finding(
                    "stray",
                    "warning",
                    folder.path,
                    f"{folder.path} is no fax's folder",
                    "look what it is",
                    Repair(Mend.SET_ASIDE, path=folder.path),
                )
            continue
        if picture.rows.known.get(folder.number) != folder.side and folder.age > ORPHAN_SECONDS:
            yield Finding(
                "orphan",
                "warning",
                folder.path,
                f"{folder.path} has {', '.join(sorted(folder.names)) or 'nothing in it'}, but the journal knows no such"
                " fax; it is older or newer than the journal",
                "look at what is in it before you remove it",
                Repair(Mend.SET_ASIDE, path=folder.path),
            )
            continue
        for name in folder.strays:
            path = f"{folder.path}/{name}"
            yield Finding(
                "stray",
                "warning",
                path,
                f"{path} is no file of a fax: half-written, a link, or put there by somebody",
                "look what it is",
                Repair(Mend.SET_ASIDE, path=path),
            )


def _clock(picture: Picture) -> Iterator[Finding]:
    rows = picture.rows
    if rows is None:
        return
    if rows.latest > picture.now + CLOCK_SLACK:
        latest = f"{datetime.fromtimestamp(rows.latest, UTC):%Y-%m-%d %H:%M} UTC"
        yield Finding(
            "clock",
            "warning",
            "the clock",
            f"the journal has times in the future, up to {latest}: the clock was ahead then, or is behind now",
            "see `timedatectl`. If the clock is right now, nothing need be done: nothing waits for such times",
        )
    if (
        picture.daemon is Daemon.RUNNING
        and picture.deletes
        and rows.last_look is not None
        and picture.now - rows.last_look > LOOK_SECONDS
    ):
        yield Finding(
            "retention",
            "warning",
            "old faxes",
            f"faxes have not been deleted for their age since {age_in_words(picture.now - rows.last_look)} ago: after a"
            " jump of the clock, or a long rest, it is believed only when it has gone on for twelve hours",
            "see `timedatectl`, and the log",
        )
