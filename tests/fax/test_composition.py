"""How documents become the pages of a fax: what is written is read again, and nothing else is believed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexefax.fax import kept_files
from nexefax.fax.composition import (
    TONES,
    Composition,
    Part,
    Wish,
    chosen_pages,
    composed_anew,
    part_file,
    read_composition,
    write_composition,
)
from nexefax.fax.records import Fax

WISHES = st.builds(Wish, st.integers(0, 3), st.sampled_from(TONES), st.booleans()).filter(
    lambda wish: wish != Wish()
)
PARTS = st.builds(
    Part,
    st.integers(1, 99).map(part_file),
    st.text(st.characters(codec="utf-8")),
    st.dictionaries(st.integers(1, 999_999), WISHES, max_size=4),
)
COMPOSITIONS = st.builds(
    Composition,
    st.lists(PARTS, max_size=4).map(tuple),
    st.sampled_from(("", "fine", "standard")),
    st.booleans(),
    st.none() | st.floats(0, 1e10),
)
GOOD: dict[str, Any] = {
    "parts": [{"file": "document", "name": "x", "pages": {}}], "resolution": "", "cover": False, "moment": None,
}  # fmt: skip


@given(COMPOSITIONS)
def test_what_is_written_is_read_again(composition: Composition) -> None:
    assert read_composition(write_composition(composition)) == composition
    assert read_composition(composed_anew(write_composition(composition))).moment is None


KEYS = st.sampled_from(("parts", "resolution", "cover", "moment", "file", "name", "pages", "turn", "1"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner),
)


@given(JSON)
def test_anything_else_is_refused_by_a_value_error(found: object) -> None:
    try:
        composition = read_composition(json.dumps(found))
    except ValueError:
        return
    assert all(name.startswith("document") for name in composition.files)


@pytest.mark.parametrize(
    "change",
    [
        {"resolution": "superfine"},
        {"cover": 1},
        {"moment": "now"},
        {"moment": 1e300},
        {"parts": [{"file": "../document", "name": "", "pages": {}}]},
        {"parts": [{"file": "document-0", "name": "", "pages": {}}]},
        {"parts": [{"file": "document", "name": 1, "pages": {}}]},
        {"parts": [{"file": "document", "name": "", "pages": {"0": {"turn": 1}}}]},
        {"parts": [{"file": "document", "name": "", "pages": {"1": {"turn": 4}}}]},
        {"parts": [{"file": "document", "name": "", "pages": {"1": {"turn": True}}}]},
        {"parts": [{"file": "document", "name": "", "pages": {"1": {"tone": "loud"}}}]},
        {"parts": [{"file": "document", "name": "", "pages": {"1": {"crop": 1}}}]},
    ],
)
def test_what_is_nearly_one_is_refused(change: dict[str, object]) -> None:
    read_composition(json.dumps(GOOD))
    with pytest.raises(ValueError, match=r"."):
        read_composition(json.dumps(GOOD | change))


def test_a_fax_without_one_is_its_document() -> None:
    assert read_composition("") == Composition((Part("document"),))
    assert composed_anew("") == ""


def test_pages_that_are_left_out_are_not_chosen() -> None:
    wishes = {1: Wish(left_out=True), 3: Wish(turn=1), 9: Wish(left_out=True)}
    assert chosen_pages(wishes, 3) == [(2, Wish()), (3, Wish(turn=1))]
    assert chosen_pages(wishes, 0) == []


@pytest.mark.parametrize(
    ("composition", "files"),
    [
        ("", {"document", "fax.tiff"}),
        (
            write_composition(Composition((Part("document"), Part("document-2")))),
            {"document", "document-2", "fax.tiff"},
        ),
        (write_composition(Composition((), cover=True)), {"fax.tiff"}),
        ("rubbish", {"document", "fax.tiff"}),
    ],
)
def test_a_sent_fax_keeps_all_its_documents(composition: str, files: set[str]) -> None:
    fax = Fax(1, "out", "ACME", "sent", 1.0, 1.0, composition=composition)
    assert kept_files.needed_files(fax) == files
