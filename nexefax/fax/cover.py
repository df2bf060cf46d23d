"""The cover page: who sends what to whom, drawn from a template of HTML and CSS into a checked fax TIFF.

The built-in template is ``cover.html`` beside this module; an administrator may put a file of his own in its place
(`cover_template`). Either way all values are escaped text, and what draws the page can fetch nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from nexefax.errors import ChildBroken, ChildError, ChildMissing, CoverError, DocumentError
from nexefax.fax.convert import Rendering, RenderSettings, Slots, render
from nexefax.markup import Markup, MarkupError, Value
from nexefax.process import scratch_directory

log = logging.getLogger("nexefax.convert")

BUILT_IN: Final = Path(__file__).with_name("cover.html")

# The places of a template. The message is also a list: a record for each of its paragraphs.
PLACES: Final[Mapping[str, tuple[str, ...]]] = {
    "from_name": (),
    "from_fax": (),
    "from_phone": (),
    "from_email": (),
    "from_web": (),
    "to_name": (),
    "to_number": (),
    "subject": (),
    "subject_direction": (),
    "message": ("text", "direction"),
    "date": (),
    "time": (),
    "pages": (),
}

LONGEST_MESSAGE: Final = 20_000  # characters: nine pages of a cover; more is a document
MOST_LINES: Final = 600
MOST_PAGES: Final = 30  # of a cover, from whatever template
_LONGEST_TEMPLATE: Final = 2 << 20  # bytes: a logo and a font within it
_NAMED_LETTERS: Final = 12
_LONGEST_VALUE: Final = 500  # characters of a name, a subject and the like

ASK: Final = "Ask your administrator, or send the fax without a cover page."


@dataclass(frozen=True, slots=True)
class CoverFacts:
    """What a cover page tells, as it is to be shown; what is blank is left out.

    ``date`` is shown in its own zone. ``document_pages`` are the pages that follow the cover, None while they are not
    known. ``account`` is named to the administrator when its template is broken.
    """

    account: str
    to_number: str
    date: datetime
    document_pages: int | None
    from_name: str = ""
    from_fax: str = ""
    from_phone: str = ""
    from_email: str = ""
    from_web: str = ""
    to_name: str = ""
    subject: str = ""
    message: str = ""


def covers_possible() -> bool:
    """Whether cover pages (and confirmation reports) can be made here at all; blocking."""
    from nexefax.fax.convert.html import html_possible

    return html_possible()


async def draw_cover(
    facts: CoverFacts,
    destination: Path,
    *,
    template: Path | None,
    settings: RenderSettings,
    tmp_dir: Path,
    slots: Slots | None = None,
) -> Rendering:
    """Draw the cover page, of one sheet or, for a long message, several, as a fax TIFF at ``destination``.

    It is checked, fsynced and renamed into place as by `render`, and its count of pages includes itself. Raises
    CoverError, a sentence for the sender, when there can be none: WeasyPrint is missing, the message too long, or the
    template wrong; ChildBroken and ChildMissing when the machine can't draw any document; OSError when a disk fails.
    """
    from nexefax.fax.convert.html import html_to_pdf

    if len(facts.message) > LONGEST_MESSAGE or facts.message.count("\n") > MOST_LINES:
        raise CoverError("The message is too long for a cover page. Shorten it, or send it as a document.")
    markup = await asyncio.to_thread(read_template, template, facts.account)
    slots = slots or Slots()
    settings = replace(settings, max_pages=MOST_PAGES, choices={}, only=None)
    sheets = 1
    async with scratch_directory(tmp_dir) as room:
        while True:
            html = await asyncio.to_thread(_filled, markup, facts, sheets)
            try:
                async with slots.document().turn():
                    lacking = await html_to_pdf(html, room / "cover.pdf", room=room)
                rendering = await render(
                    room / "cover.pdf", destination, settings=settings, tmp_dir=tmp_dir, slots=slots
                )
            except Exception as error:
                raise _cover_error(error, template, facts.account) from None
            drawn = len(rendering.pages)
            # Fewer: a line more or less, depending on a number; it will not settle.
            if facts.document_pages is None or drawn <= sheets:
                return replace(rendering, notes=(*rendering.notes, *_font_notes(lacking)))
            sheets = drawn


def _cover_error(error: Exception, template: Path | None, account: str) -> Exception:
    """What to raise for what drawing a cover raised: the machine's faults as they are, the rest for the sender."""
    match error:
        case ChildMissing() if "weasyprint" in str(error):
            sentence = (
                f"Cover pages can't be made on this server, as WeasyPrint is not installed there. {ASK}"
            )
            return CoverError(sentence)
        case ChildMissing() | ChildBroken():
            return error
        case DocumentError():
            return _broken(template, account, f"what it makes can't be faxed: {error}")
        case ChildError():
            log.warning("account %s: no cover page: %s", account, error)
            return _broken(template, account, "it can't be drawn, see the log")
    return error


def _font_notes(lacking: str) -> list[str]:
    if not lacking:
        return []
    some = " ".join(lacking[:_NAMED_LETTERS]) + (" …" if len(lacking) > _NAMED_LETTERS else "")
    return [
        f"The cover page lacks letters for which this server has no font: {some}. Ask your administrator to install "
        "one (fonts-noto-core, fonts-noto-cjk), or send the message as a PDF."
    ]


def read_template(template: Path | None, account: str) -> Markup:
    """The template of an account's cover pages; blocking. Raises CoverError, which names the file and the option."""
    try:
        with (template or BUILT_IN).open("rb") as file:
            source = file.read(_LONGEST_TEMPLATE + 1)
    except OSError as error:
        raise _broken(template, account, f"it can't be read: {error.strerror}") from None
    if len(source) > _LONGEST_TEMPLATE:
        raise _broken(template, account, f"it has more than {_LONGEST_TEMPLATE >> 20} MB")
    try:
        return Markup(source.decode("utf-8-sig"), PLACES)
    except UnicodeDecodeError:
        raise _broken(template, account, "it is not in UTF-8") from None
    except MarkupError as error:
        raise _broken(template, account, str(error)) from None


def _broken(template: Path | None, account: str, what: str) -> CoverError:
    where = f"{template or BUILT_IN}"
    if template is not None:
        where += f" (accounts.conf, [{account}]: cover_template)"
    return CoverError(f"The cover page can't be made from {where}: {what}. {ASK}")


def _filled(markup: Markup, facts: CoverFacts, sheets: int) -> str:
    return markup.fill(_values(facts, sheets))


def _values(facts: CoverFacts, sheets: int) -> dict[str, Value]:
    from nexefax.fax.convert.reading_direction import clean, steadied

    def line(text: str) -> str:
        return steadied(" ".join(clean(text)[:_LONGEST_VALUE].split()))[1]

    names = (
        "from_name",
        "from_fax",
        "from_phone",
        "from_email",
        "from_web",
        "to_name",
        "to_number",
        "subject",
    )
    values: dict[str, Value] = {name: line(getattr(facts, name)) for name in names}
    message = clean(facts.message).strip("\n").rstrip()
    paragraphs = [steadied(paragraph) for paragraph in message.split("\n")] if message else []
    values["message"] = [{"direction": direction, "text": text} for direction, text in paragraphs]
    values["subject_direction"] = steadied(facts.subject)[0]
    date = facts.date
    values["date"] = f"{date.day} {MONTHS[date.month - 1]} {date.year}"
    values["time"] = f"{date:%H:%M}"
    values["pages"] = "" if facts.document_pages is None else str(facts.document_pages + sheets)
    return values


# By name, so that nobody takes the 4th of May for the 5th of April; not by strftime, which depends on a locale.
MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
