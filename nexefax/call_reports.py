"""What FastAGI hears, told to the worker: ``fastagi`` knows no faxes, and ``fax`` knows no AGI."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

from nexefax.fastagi.scripts import CallReport
from nexefax.fax.outcome import Outcome
from nexefax.fax.worker import Worker

log = logging.getLogger("nexefax.fastagi")


class CallReports:
    """Implements :class:`nexefax.fastagi.scripts.FaxReports`."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    async def receive_reported(self, report: CallReport) -> None:
        """The beta's ``receive``: its dialplan calls it after SUCCESS only, and leaves no outcome file."""
        said = _said("received", report)
        await self._worker.receive_reported(report.unique_id, said)

    async def send_reported(self, report: CallReport, status: str, error: str, file: str) -> None:
        """The beta's ``send/post``."""
        said = _said("sent", report, status=status, error=error)
        await self._worker.send_reported(file, report.account, said)

    async def received_nudged(self, report: CallReport, name: str) -> None:
        """Our dialplan has written the outcome file of a received call."""
        log.debug("call %s: received %s", report.unique_id, name)
        self._worker.nudge_received()

    async def sent_nudged(self, report: CallReport, fax: int, attempt: int) -> None:
        """Our dialplan has written the outcome file of an attempt."""
        log.debug("call %s: attempt %d of fax %d ended", report.unique_id, attempt, fax)
        self._worker.nudge_sent(fax, attempt)


def _said(kind: str, report: CallReport, *, status: str = "", error: str = "") -> Outcome:
    variables = report.variables
    return Outcome(
        kind=kind,
        status=status or variables.get("FAXSTATUS", "") or ("SUCCESS" if kind == "received" else ""),
        error=error or variables.get("FAXERROR", ""),
        text=variables.get("FAXSTATUSSTRING", ""),
        pages=_number(variables, "FAXPAGES"),
        rate=_number(variables, "FAXBITRATE"),
        resolution=variables.get("FAXRESOLUTION", ""),
        station=variables.get("REMOTESTATIONID", ""),
        mode=variables.get("FAXMODE", ""),
        cause=_number(variables, "HANGUPCAUSE"),
        reason=_number(variables, "REASON"),
        uniqueid=report.unique_id,
        # the beta's dialplan knows its account in the TIFF's name alone; the caller is the channel's
        caller=report.caller_number if kind == "received" else "",
        name=report.caller_name if kind == "received" else "",
        ended=int(time.time()),
    )


def _number(variables: Mapping[str, str], name: str) -> int | None:
    text = variables.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
