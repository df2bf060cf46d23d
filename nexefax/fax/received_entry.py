"""The first row of a received fax, from its file in Asterisk's spool and what Asterisk reported of the call."""

from __future__ import annotations

import time

from nexefax.config import Config
from nexefax.fax import job, records
from nexefax.fax.outcome import Outcome
from nexefax.fax.spool_files import SpoolFile, journal_name, parse_received_name

NO_REPORT = "Asterisk did not report the end of this call; the fax may be incomplete"


def entry_of(file: SpoolFile, outcome: Outcome | None, config: Config) -> records.Fax:
    """Return the journal's row for a TIFF of the spool; ``outcome`` is None when nobody reported its call.

    Its name tells what the report does not.
    """
    ids = [account.id for account in config.accounts.values()]
    parsed = parse_received_name(
        journal_name(file.path.name), unique_id=outcome.uniqueid if outcome else "", accounts=ids
    )
    account = (outcome.account if outcome else "") or (parsed.account if parsed else "")
    known = config.account(account)
    whole = outcome is not None and outcome.status.upper() == "SUCCESS"
    notes: tuple[str, ...] = ()
    if outcome is None:
        notes = (NO_REPORT,)
    elif not whole:
        notes = (f"The call ended early: {outcome.text or outcome.error or 'no reason was given'}",)
    return records.Fax(
        id=0,
        direction="in",
        account=known.id if known else account,
        state=job.State.RECEIVED,
        created=(outcome.ended if outcome else None) or file.modified,
        changed=time.time(),
        number=(outcome.caller if outcome else "") or (parsed.caller if parsed else ""),
        caller_name=outcome.name if outcome else "",
        station=outcome.station if outcome else "",
        pages_done=outcome.pages if outcome else None,
        bitrate=outcome.rate if outcome else None,
        incomplete=not whole,
        notes=notes,
        spool_name=journal_name(file.path.name),
    )
