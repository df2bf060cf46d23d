"""Confirmation reports: what became of a fax that was to be sent, as a PDF with its first page, made on demand."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from nexefax.config import Account, Config
from nexefax.errors import ChildError, TiffError
from nexefax.fax import records
from nexefax.fax.job import State
from nexefax.fax.page_images import Made, PageImages
from nexefax.fax.report import ReportAttempt, ReportFacts, draw_report
from nexefax.fax.summary import resolution_word
from nexefax.store import Journal

#: The ends that are reported: somebody called, or tried to.
REPORTED: Final = frozenset((State.SENT, State.FAILED))


class Reports:
    """Makes reports from the journal, and keeps them beside the pictures of the pages."""

    def __init__(self, journal: Journal, config: Callable[[], Config], images: PageImages) -> None:
        self._journal = journal
        self._config = config
        self._images = images

    async def report(self, fax: records.Fax) -> Made:
        """The report of a fax that is in one of the states REPORTED.

        Raises ChildError when it can't be drawn (ChildMissing without WeasyPrint), JournalError, OSError.
        """
        attempts = await self._journal.read(lambda connection: records.attempts_of(connection, fax.id))
        facts = report_facts(fax, attempts, self._config().account(fax.account))
        # another state, or another name of the account, is another report
        name = f"report-{hashlib.sha256(repr(facts).encode()).hexdigest()[:24]}.pdf"
        picture = await self._first_page(fax)  # before: of what is made in turns, none may wait for another
        tmp_dir = self._config().general.tmp_dir
        return await self._images.made(
            fax, name, lambda path: draw_report(replace(facts, first_page=picture), path, tmp_dir=tmp_dir)
        )

    async def _first_page(self, fax: records.Fax) -> Path | None:
        """A picture of the first page; None when there is none, or none any more."""
        try:
            made = await self._images.page(fax, 1, "page")
        except (TiffError, ChildError, FileNotFoundError):  # the report says in words what is to be said
            return None
        return made.path if made else None


def report_facts(fax: records.Fax, attempts: list[records.Attempt], account: Account | None) -> ReportFacts:
    """What a report tells, without the picture."""
    return ReportFacts(
        fax=fax.id,
        account=fax.account,
        result=str(fax.state),
        reason=fax.reason,
        from_name=account.tx_name if account else fax.account,
        from_number=account.tx_number if account else "",
        to_name=fax.to_name,
        to_number=fax.number,
        user=fax.user,
        subject=fax.subject,
        document_name=fax.document_name,
        handed_in=_local(fax.created),
        ended=_local(fax.changed),
        pages=fax.pages,
        pages_done=fax.pages_done,
        resolution=resolution_word(fax.resolution),
        bitrate=fax.bitrate,
        station=fax.station,
        doubtful=fax.doubtful,
        attempts=tuple(
            ReportAttempt(
                number=attempt.number,
                started=_local(attempt.started),
                seconds=None if attempt.ended is None else attempt.ended - attempt.started,
                sentence=attempt.sentence,
                pages=attempt.pages,
                bitrate=attempt.bitrate,
                station=attempt.station,
                mode=attempt.mode,
            )
            for attempt in attempts
        ),
        first_page=None,
    )


def _local(moment: float) -> datetime:
    return datetime.fromtimestamp(moment).astimezone()
