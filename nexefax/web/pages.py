"""The pages: sign-in, errors, and those within the frame."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from pathlib import Path

from nexefax.config import Account
from nexefax.web.frame import PAGES, framed
from nexefax.web.templates import Template, read_text

STATIC = Path(__file__).parent / "static"
RESOURCES = STATIC / "res"

# The journal keeps both; a fax has no room for more on a cover page.
MOST_SUBJECT = 200
MOST_MESSAGE = 5000

_STATUSES_WITH_WORDS = (400, 403, 404, 405, 413, 500, 503)


def fingerprint(folder: Path) -> str:
    """A word that changes with any file below ``folder``, for addresses that may be cached for ever. Blocks."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]


class Pages:
    """Renders pages as bytes; ``text`` has the words by key. Made once, blocking; rendering needs no I/O."""

    def __init__(self) -> None:
        self.fingerprint = fingerprint(RESOURCES)
        self.text = read_text(RESOURCES / "js" / "text.js")
        fixed = {
            "res": f"/res/{self.fingerprint}",
            "most_subject": str(MOST_SUBJECT),
            "most_message": str(MOST_MESSAGE),
        }
        self._login = self._template("login.html", fixed)
        self._error = self._template("error.html", fixed)
        self._framed = {page: Template(framed(STATIC, page), self.text, fixed) for page in PAGES}
        self.empty_login = self._login.render()

    def login(self, *, problem: str = "", account: str = "", user: str = "", goal: str = "") -> bytes:
        """The sign-in page: after a failure, for browsers without JavaScript, or on the way to the address ``goal``."""
        return self._login.render(problem=problem, account=account, user=user, next=goal)

    def compose(
        self,
        account: Account,
        user: str,
        most_mb: int,
        *,
        problem: str = "",
        fields: Mapping[str, str] | None = None,
    ) -> bytes:
        """The compose page; ``problem`` and ``fields`` after a failure, for browsers without JavaScript."""
        kept = fields or {}
        return self._framed["send"].render(
            **self._frame(account, user, most_mb),
            problem=problem,
            **{name: kept.get(name, "") for name in ("fax_to", "subject", "message")},
            done="hidden",
        )

    def queued(
        self, account: Account, user: str, most_mb: int, *, fax: int, number: str, document_name: str
    ) -> bytes:
        """The compose page after success, for browsers without JavaScript."""
        return self._framed["send"].render(
            **self._frame(account, user, most_mb),
            form="hidden",
            done_title=self.text["doneTitle"].format(fax=fax),
            done_to=number,
            done_document=document_name,
        )

    def page(self, page: str, account: Account, user: str, **values: object) -> bytes:
        """A page whose content its scripts fetch: inbox, sent, fax (``fax`` is its number), account."""
        return self._framed[page].render(account=account.id, user=user, **values)

    def error(self, status: int, detail: str, *, in_full: bool = False) -> bytes:
        """The page for an error; ``detail`` is shown ``in_full``, or where we have no words for the status."""
        key = status if status in _STATUSES_WITH_WORDS else 500 if status >= 500 else 400
        told = not in_full and (key == status or status >= 500)
        sentence = self.text[f"error{key}"] if told else detail
        href, link = ("/send", "goBack") if status in (400, 413) else ("/", "goHome")
        return self._error.render(
            status=status,
            title=self.text.get(f"error{status}Title") or self.text[f"error{key}Title"],
            sentence=sentence,
            href=href,
            link=self.text[link],
        )

    def _frame(self, account: Account, user: str, most_mb: int) -> dict[str, object]:
        return {
            "account": account.id,
            "user": user,
            "tx_name": account.tx_name,
            "tx_number": account.tx_number,
            "most_bytes": most_mb * 2**20,
            "document_hint": self.text["dropLimit"].format(size=f"{most_mb} MB"),
            "request_id": secrets.token_hex(16),
        }

    def _template(self, name: str, fixed: Mapping[str, str]) -> Template:
        return Template((STATIC / name).read_text(encoding="utf-8"), self.text, fixed)
