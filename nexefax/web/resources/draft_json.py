"""A draft as the API shows it, and the changes to one that the API takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from nexefax.config import General
from nexefax.errors import NumberError
from nexefax.fax.composition import PLAIN, RESOLUTIONS, TONES, Wish
from nexefax.fax.convert import RenderedPage
from nexefax.fax.desk import DraftView, cover_version, version
from nexefax.fax.draft_records import Content, Document, Draft
from nexefax.fax.draft_sending import MOST_RECIPIENTS
from nexefax.fax.drawing import resolution_word
from nexefax.fax.number import clean_number
from nexefax.fax.previews import DocumentView, PageView
from nexefax.fax.submission import Recipient
from nexefax.web.fields import line, lines
from nexefax.web.json_body import timestamp
from nexefax.web.pages import MOST_MESSAGE, MOST_SUBJECT
from nexefax.web.problem import Problem

MOST_TYPED: Final = 200  # characters of a number or a name, as it was typed
MOST_WISHES: Final = 20_000  # pages of all documents
_COVER_KEY: Final = re.compile(r"cover-([1-9][0-9]?)")
_KEY: Final = re.compile(r"([1-9][0-9]{0,5})\.([1-9][0-9]{0,5})")

#: The fields of a PATCH, and what each must be.
CHANGES: Final[Mapping[str, type]] = {
    "recipients": list,
    "subject": str,
    "message": str,
    "cover": bool,
    "resolution": str,
    "send_at": object,
    "order": list,
    "pages": dict,
}


def page_key(text: str) -> tuple[int, int] | None:
    """Document and page of a key like ``1.3``, or ``cover-1``: the cover counts as document 0."""
    if cover := _COVER_KEY.fullmatch(text):
        return 0, int(cover[1])
    found = _KEY.fullmatch(text)
    return (int(found[1]), int(found[2])) if found else None


def recipients_json(draft: Draft) -> list[dict[str, str]]:
    """Whom a draft goes to, with what is wrong with the numbers."""
    return [
        {"number": recipient.number, "name": recipient.name, "problem": _problem(recipient)}
        for recipient in draft.content.recipients
    ]


def _problem(recipient: Recipient) -> str:
    try:
        clean_number(recipient.number)
    except NumberError as error:
        return str(error)
    return ""


def draft_line(draft: Draft) -> dict[str, Any]:
    """A draft in the list of drafts."""
    return {
        "id": draft.id,
        "changed": timestamp(draft.changed),
        "subject": draft.content.subject,
        "recipients": recipients_json(draft),
        "documents": len(draft.documents),
    }


def draft_json(view: DraftView, general: General, sent: dict[str, Any] | None = None) -> dict[str, Any]:
    """A draft with its pages."""
    draft, content = view.draft, view.draft.content
    pages = [_page(view, document, page, general) for document, seen in view.documents for page in seen.pages]
    cover = _cover(view, general) if content.cover else []
    counted = [page for page in [*cover, *pages] if not page["left_out"]]
    return {
        "id": draft.id,
        "created": timestamp(draft.created),
        "changed": timestamp(draft.changed),
        "recipients": recipients_json(draft),
        "subject": content.subject,
        "message": content.message,
        "cover": content.cover,
        "resolution": resolution_word(view.settings),
        "send_at": timestamp(content.send_at),
        "documents": [_document(document, seen) for document, seen in view.documents],
        "pages": pages,
        "cover_pages": cover,
        "cover_problem": view.cover.problem,
        "seconds": round(sum(page["seconds"] or 0.0 for page in counted), 1),
        "page_count": len(counted),
        "busy": view.busy,
        "notes": list(view.cover.drawn.notes) if view.cover.drawn else [],
        "sent": sent,
    }


def _document(document: Document, seen: DocumentView) -> dict[str, Any]:
    return {
        "number": document.number,
        "name": document.name,
        "size": document.size,
        "state": seen.state,
        "pages": seen.count,
        "reason": seen.reason,
        "notes": list(seen.notes),
    }


def _page(view: DraftView, document: Document, page: PageView, general: General) -> dict[str, Any]:
    key, word = f"{document.number}.{page.page}", version(view.settings, page.wish)
    of_document = {"document": document.number, "page": page.page} | {
        "turn": page.wish.turn,
        "tone": page.wish.tone,
        "left_out": page.wish.left_out,
    }
    return {"key": key} | of_document | _drawn(view, key, word, page.drawn, general)


def _cover(view: DraftView, general: General) -> list[dict[str, Any]]:
    """The pages of the cover, once they are drawn."""
    if view.cover.drawn is None or view.cover.place is None:
        return []
    word = cover_version(view.cover.place)
    plain = {"document": 0, "turn": 0, "tone": "auto", "left_out": False}
    return [
        {"key": f"cover-{at}", "page": at} | plain | _drawn(view, f"cover-{at}", word, page, general)
        for at, page in enumerate(view.cover.drawn.pages, 1)
    ]


def _drawn(
    view: DraftView, key: str, word: str, drawn: RenderedPage | None, general: General
) -> dict[str, Any]:
    seconds = drawn.seconds_at(general.tx_faxopt_maxrate) if drawn else None
    return {
        "ready": drawn is not None,
        "image": f"/api/drafts/{view.draft.id}/pages/{key}.png?v={word}" if drawn else "",
        "width": drawn.width if drawn else None,
        "length": drawn.length if drawn else None,
        "across": view.settings.resolution.across,
        "down": view.settings.resolution.down,
        "seconds": None if seconds is None else round(seconds, 1),
        "slow": seconds is not None and seconds > general.tx_page_minutes * 60,
    }


def changed(draft: Draft, found: Mapping[str, Any]) -> Content:
    """What a draft says after the changes of a PATCH, whose fields are of the right types.

    Raises Problem or Refusal with a sentence and the field.
    """
    content = draft.content
    if "recipients" in found:
        content = replace(content, recipients=_recipients(found["recipients"]))
    if "subject" in found:
        content = replace(content, subject=line(found["subject"], most=MOST_SUBJECT, field="subject"))
    if "message" in found:
        content = replace(content, message=lines(found["message"], most=MOST_MESSAGE, field="message"))
    if "cover" in found:
        content = replace(content, cover=found["cover"])
    if "resolution" in found:
        if found["resolution"] not in RESOLUTIONS:
            raise Problem(400, "The resolution is fine or standard.", field="resolution")
        content = replace(content, resolution=found["resolution"])
    if "send_at" in found:
        content = replace(content, send_at=time_of(found["send_at"], "send_at"))
    if "order" in found:
        content = replace(content, order=_order(draft, found["order"]))
    if "pages" in found:
        content = replace(content, wishes=_wishes(draft, found["pages"]))
    return content


def _recipients(found: list[Any]) -> tuple[Recipient, ...]:
    if len(found) > MOST_RECIPIENTS:
        raise Problem(
            400, f"A fax can be sent to at most {MOST_RECIPIENTS} numbers at once.", field="recipients"
        )
    recipients = []
    for at, one in enumerate(found):
        field = f"recipients.{at}"
        if not isinstance(one, dict) or one.keys() - {"number", "name"} or "number" not in one:
            raise Problem(400, "A recipient has a number, and may have a name.", field=field)
        number, name = one["number"], one.get("name", "")
        if not isinstance(number, str) or not isinstance(name, str):
            raise Problem(400, "The number and the name of a recipient must be text.", field=field)
        recipients.append(
            Recipient(
                line(number, most=MOST_TYPED, field=field),
                line(name, most=MOST_TYPED, field=field),
            )
        )
    return tuple(recipients)


def time_of(found: Any, field: str) -> float | None:
    """Seconds since 1970 of a time as RFC 3339 has it; None for none. Raises Problem."""
    if found is None:
        return None
    wrong = Problem(400, "The time must be given like 2026-11-24T23:59:00Z.", field=field)
    if not isinstance(found, str) or len(found) > 40 or not found.isascii():
        raise wrong
    try:
        moment = datetime.fromisoformat(found)
        if moment.tzinfo is None:
            raise wrong
        seconds = moment.timestamp()
    except (ValueError, OverflowError):
        raise wrong from None
    return max(seconds, 0.0)


def _order(draft: Draft, found: list[Any]) -> tuple[int, ...]:
    known = sorted(document.number for document in draft.documents)
    if not all(type(number) is int for number in found) or sorted(found) != known:
        raise Problem(400, "The order must name each document once.", field="order")
    return tuple(found)


def _wishes(draft: Draft, found: dict[str, Any]) -> dict[int, dict[int, Wish]]:
    known = {document.number for document in draft.documents}
    wishes = {number: dict(of_one) for number, of_one in draft.content.wishes.items()}
    for text, said in found.items():
        field = "pages" if len(text) > 20 else f"pages.{text}"
        key = page_key(text)
        if key is None or key[0] not in known:
            raise Problem(400, "There is no such page.", field=field)
        document, page = key
        of_one = wishes.setdefault(document, {})
        wish = _wish(of_one.get(page, PLAIN), said, field)
        if wish == PLAIN:
            of_one.pop(page, None)
        else:
            of_one[page] = wish
    if sum(map(len, wishes.values())) > MOST_WISHES:
        raise Problem(400, "There are too many pages.", field="pages")
    return wishes


def _wish(before: Wish, said: Any, field: str) -> Wish:
    good = (
        isinstance(said, dict)
        and not said.keys() - {"turn", "tone", "left_out"}
        and type(said.get("turn", 0)) is int
        and said.get("turn", 0) in range(4)
        and said.get("tone", "auto") in TONES
        and isinstance(said.get("left_out", False), bool)
    )
    if not good:
        raise Problem(
            400,
            "A page has a turn from 0 to 3, a tone (auto, photo or text), and is left_out or not.",
            field=field,
        )
    return replace(before, **said)
