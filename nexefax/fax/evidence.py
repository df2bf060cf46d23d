"""What is seen of an attempt on the disk; the thin edge below ``reconcile.py``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nexefax.fax.callfile import Spool, call_name
from nexefax.fax.folders import Folders, read_outcome, with_suffix
from nexefax.fax.reconcile import Seen
from nexefax.fax.records import Attempt, Fax

# Asterisk sets a call file's time RetryTime ahead when it begins to dial (safe_append() of pbx_spool.c)
DIALLING_AHEAD = 3_600.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen, and the outcome file's line as it stands ("" for none)."""

    seen: Seen
    line: str


def look_at(folders: Folders, spool: Spool, ast_control: Path, attempt: Attempt, fax: Fax) -> Evidence:
    """Look at everything that tells about ``attempt``; blocks on the disk."""
    stem = folders.stem(attempt.fax, attempt.number)
    name = call_name(attempt.fax, attempt.number)
    found = read_outcome(with_suffix(stem, ".outcome"))
    waiting_time = _modified(spool.outgoing / name)
    return Evidence(
        Seen(
            pages=fax.pages or 0,
            first_page=attempt.first_page,
            placed_at=attempt.started,
            allowance=attempt.deadline - attempt.started,
            outcome=found[0] if found else None,
            staged=(spool.staging / name).exists(),
            waiting=waiting_time is not None,
            dialling_since=_dialling_since(spool.outgoing / name, waiting_time),
            done=spool.done_status(attempt.fax, attempt.number),
            done_at=_changed(spool.done / name),
            started_at=_modified(with_suffix(stem, ".started")),
            asterisk_since=running_since(ast_control),
        ),
        found[1] if found else "",
    )


def running_since(ast_control: Path) -> float | None:
    """When the Asterisk that runs now began: it made its control socket then."""
    return _modified(ast_control)


def _dialling_since(call_file: Path, modified: float | None) -> float | None:
    """Asterisk appends a line and sets the time ahead: the inode's change time is when it did so."""
    changed = _changed(call_file)
    if modified is None or changed is None or modified < changed + DIALLING_AHEAD:
        return None
    return changed


def _modified(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def _changed(path: Path) -> float | None:
    try:
        return path.stat().st_ctime
    except OSError:
        return None
