"""Which way text runs; and that the marks which keep a line running that way change nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nexefax.fax.convert import RenderSettings, html, render
from nexefax.fax.convert.reading_direction import clean, reads_leftwards, steadied
from nexefax.markup import escape
from tests.convert.drawn import pages_of

MIXED = [
    "שלום Harbour Street Clinic תודה",
    "Dear שרה כהן, thank you",
    "מספר 12 (34) בבית ABC 56 רחוב",
    "الرقم 0100 555 في Harbour Street 7, شكرا.",
    "Room 5 עמוד 3 and (עוד) end.",
    "a-שלום b",
]
letters = st.sampled_from("ab שג 12 (.)-ع\u00e9")


@given(st.text(letters))
def test_marks_are_all_that_is_added(paragraph: str) -> None:
    direction, text = steadied(paragraph)
    plain = text.replace("\u200e", "").replace("\u200f", "").replace("\u00a0", " ")
    assert plain == paragraph
    assert (direction == "rtl") == reads_leftwards(paragraph)
    if not any(letter in "שגع" for letter in paragraph):
        assert text == paragraph


@given(st.text())
def test_cleaned_text_can_be_written_and_has_no_controls(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode()
    assert not {letter for letter in cleaned if letter < " "} - {"\n"}
    assert clean(cleaned) == cleaned


async def drawn(folder: Path, *paragraphs: tuple[str, str]) -> Image.Image:
    body = "".join(f'<p style="direction:{direction}">{escape(text)}</p>' for direction, text in paragraphs)
    page = (
        "<style>@page{size:8.47in 4in;margin:.3in}p{margin:0;text-align:left;font:14pt sans-serif}</style>"
        + body
    )
    await html.html_to_pdf(page, folder / "page.pdf", room=folder)
    await render(folder / "page.pdf", folder / "fax.tif", settings=RenderSettings(), tmp_dir=folder)
    return pages_of(folder / "fax.tif")[0]


async def test_within_a_line_nothing_looks_different(tmp_path: Path) -> None:
    # Begun with a mark, a paragraph has the direction that is meant; the marks in it must then change nothing.
    starts = {"ltr": "\u200e", "rtl": "\u200f"}
    directions = [steadied(paragraph)[0] for paragraph in MIXED]
    plain = [(way, starts[way] + paragraph) for way, paragraph in zip(directions, MIXED, strict=True)]
    marked = [steadied(paragraph) for paragraph in MIXED]
    assert plain != marked
    assert (await drawn(tmp_path, *plain)).tobytes() == (await drawn(tmp_path, *marked)).tobytes()


@pytest.mark.parametrize("name", ["Harbour Street Clinic", "Pharmaceuticals 12 Ltd."])
async def test_a_line_that_begins_with_words_of_the_other_way_is_still_set_right(
    tmp_path: Path, name: str
) -> None:
    before, after = "מילה " * 14, "ועוד דבר אחד"
    direction, text = steadied(f"{before}{name} {after}")
    assert direction == "rtl"
    wrapped = await drawn(tmp_path, (direction, text))
    alone = await drawn(tmp_path, ("rtl", before.rstrip()), ("rtl", f"\u200f{name} {after}"))
    assert wrapped.tobytes() == alone.tobytes()
