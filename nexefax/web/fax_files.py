"""The files of a fax, for the users of its account alone: what links in mails and the API lead to."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from nexefax.errors import HttpError
from nexefax.fax import records
from nexefax.fax.folders import Folders
from nexefax.fax.notices import file_stem
from nexefax.httpd import Response
from nexefax.httpd.response import FileBody
from nexefax.store import Journal

_NUMBER: Final = re.compile(r"[1-9][0-9]{0,14}")
_TYPES: Final = {"fax.pdf": "application/pdf", "fax.tiff": "image/tiff"}
# Browsers' own viewers are pages within the answer, which they dress and draw themselves; still no script of a PDF's.
_VIEWER_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'; img-src 'self' data:"
)
#: Where signing in may lead on to: nothing but these addresses, so that no link can lead to another site.
_LINK: Final = re.compile(r"/faxes/[1-9][0-9]{0,14}(?:/fax\.(?:pdf|tiff))?|/inbox|/sent|/account")


def link_target(text: str) -> str:
    """``text`` if it is the address of a page, of a fax or of its file on this site, else ""."""
    return text if _LINK.fullmatch(text) else ""


async def find_fax(journal: Journal, account: str, fax: str) -> records.Fax:
    """The fax with this number, as an address has it, of the account with this id.

    Raises:
        HttpError: 404 for what is not there and for what is another account's, without a difference.
        JournalError: the journal can't be read.
    """
    found = None
    if _NUMBER.fullmatch(fax):
        found = await journal.read(lambda connection: records.load_fax(connection, int(fax)))
    if found is None or found.account.casefold() != account.casefold():
        raise HttpError(
            404,
            f"The account {account} has no such fax. If it is another account's, sign out and sign in to that one.",
        )
    return found


async def fax_file(
    journal: Journal, data_dir: Path, *, account: str, fax: str, name: str, download: bool = False
) -> Response:
    """Answer with a file of a fax: it is streamed, and ranges and conditions of the request are honoured.

    Args:
        account: the id of the account that is signed in.
        fax: the fax's number, as the address has it.
        name: ``fax.pdf`` (received faxes) or ``fax.tiff`` (received ones, and what was faxed).
        download: a PDF is to be saved, not shown.

    Raises:
        HttpError: 404 for what is not there and for what is another account's, without a difference; 410 when the
            file was deleted for its age (``retention_days``).
        JournalError: the journal can't be read.
    """
    found = await find_fax(journal, account, fax if name in _TYPES else "")
    return kept_file(found, data_dir, name, download=download)


def kept_file(fax: records.Fax, data_dir: Path, name: str, *, download: bool = False) -> Response:
    """As :func:`fax_file`, for a fax that may be shown."""
    require_pages(fax)
    folders = Folders(data_dir)
    folder = folders.received_fax(fax.id) if fax.direction == "in" else folders.sent_fax(fax.id)
    return file_response(fax, name, FileBody(folder / name), download=download)


def require_pages(fax: records.Fax) -> None:
    """Raise HttpError (410) for a fax whose pages are no longer kept."""
    if fax.files_deleted is not None:
        why = (
            f"{fax.deleted_by} deleted them"
            if fax.deleted_by
            else "they were deleted when their time was over"
        )
        raise HttpError(410, f"The pages of fax {fax.id} are no longer kept: {why}.")


def file_response(fax: records.Fax, name: str, body: FileBody, *, download: bool = False) -> Response:
    """``body`` under the name ``fax.pdf``, ``fax.tiff`` or ``report.pdf``; see :func:`fax_file`."""
    suffix = Path(name).suffix
    shown = suffix == ".pdf" and not download  # no browser shows a TIFF of many pages
    which = "-report" if name.startswith("report") else ""
    file_name = f"{file_stem(fax)}{which}{suffix}"  # letters, digits, dashes and dots only
    headers = {
        "Content-Type": _TYPES[f"fax{suffix}"],
        "Content-Disposition": f'{"inline" if shown else "attachment"}; filename="{file_name}"',
        "Content-Security-Policy": f"{_VIEWER_POLICY}; frame-ancestors 'self'",
    }
    return Response(200, headers, body)
