"""``/api/faxes/12/report.pdf``: the confirmation report."""

from __future__ import annotations

import errno
import logging

from nexefax.errors import ChildError, ChildMissing, JournalError
from nexefax.fax.reports import REPORTED, Reports
from nexefax.httpd import Request, Response, Router
from nexefax.httpd.response import FileBody
from nexefax.store import Journal
from nexefax.web.caller import Callers
from nexefax.web.fax_files import file_response
from nexefax.web.problem import Problem
from nexefax.web.resources.own_fax import own_fax

_NOT_NOW = "The report can't be made at this moment. Try again soon."

_log = logging.getLogger("nexefax.web")


class Report:
    """The handler."""

    def __init__(self, journal: Journal, callers: Callers, reports: Reports) -> None:
        self._journal = journal
        self._callers = callers
        self._reports = reports

    def add_to(self, router: Router) -> None:
        """Give the handler its address."""
        router.add("GET", "/api/faxes/{id}/report.pdf", self._report)

    async def _report(self, request: Request) -> Response:
        caller = await self._callers.find(request, "read")
        fax = await own_fax(self._journal, caller, request.params["id"])
        if fax.direction != "out":
            raise Problem(409, f"Fax {fax.id} was received; reports are about faxes that were to be sent.")
        if fax.state not in REPORTED:
            raise Problem(
                409, f"Fax {fax.id} is {fax.state}: there is a report once it is sent or has failed."
            )
        try:
            made = await self._reports.report(fax)
        except ChildMissing as error:
            _log.warning("fax %d: no report: %s", fax.id, error)
            raise Problem(503, "Reports can't be made on this server: a program for it is missing.") from None
        except ChildError as error:
            _log.error("fax %d: no report: %s", fax.id, error)
            raise Problem(503, _NOT_NOW, retry_after=10) from None
        except JournalError:
            raise
        except OSError as error:
            _log.error("fax %d: no report: %s", fax.id, error)
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise Problem(507, "The fax server's disk is full, so the report can't be made.") from None
            raise Problem(503, _NOT_NOW, retry_after=10) from None
        body = FileBody(made.path, made.etag)
        download = request.query.get("download", "") == "1"
        return file_response(fax, "report.pdf", body, download=download)
