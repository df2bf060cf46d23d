"""Composing and sending faxes through the API, with documents that are really rendered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import ImageChops

from nexefax.store import Journal
from tests.documents import pdf_bytes
from tests.web.composing import Desk, open_desk
from tests.web.conftest import spool_options
from tests.web.ground import Installation


@pytest.fixture
async def desk(installation: Installation, journal: Journal, tmp_path: Path) -> AsyncIterator[Desk]:
    data_dir = tmp_path / "data"
    installation.configure(general=f"data_dir={data_dir}\nmin_free_mb=0\n{spool_options(tmp_path)}")
    async with open_desk(installation, journal, data_dir) as desk:
        yield desk


def same(one: object, other: object) -> bool:
    return ImageChops.difference(one, other).getbbox() is None  # type: ignore[arg-type]


async def test_what_is_previewed_is_what_is_faxed(desk: Desk) -> None:
    draft = await desk.bob.begin(recipients=[{"number": "202 555 0100", "name": "Dr. Gray"}])
    first = await desk.bob.add(draft, pdf_bytes(3))
    assert first.status == 201, first.text
    await desk.bob.add(draft, b"A note.\n", "note.txt")
    await desk.bob.change(
        draft, order=[2, 1], pages={"1.2": {"left_out": True}, "1.3": {"turn": 1, "tone": "photo"}}
    )
    seen = await desk.bob.wait(draft)
    assert [(page["key"], page["ready"], page["left_out"]) for page in seen["pages"]] == [
        ("2.1", True, False), ("1.1", True, False), ("1.2", True, True), ("1.3", True, False),
    ]  # fmt: skip
    assert (seen["page_count"], seen["documents"][1]["state"], seen["documents"][1]["pages"]) == (
        3,
        "ready",
        3,
    )
    shown = [await desk.bob.pixels(page) for page in seen["pages"] if not page["left_out"]]
    reply = await desk.bob.ask("POST", f"/{draft}/send", {})
    assert reply.status == 201, reply.text
    (fax,) = reply.json["faxes"]
    assert (fax["number"], fax["name"], fax["document_name"]) == (
        "2025550100",
        "Dr. Gray",
        "note.txt, scan.pdf",
    )
    rendered = await desk.rendered(fax["id"])
    assert (rendered.state, rendered.pages, rendered.resolution) == ("ready", 3, "fine")
    dialled = desk.pages(fax["id"])
    assert [same(*pair) for pair in zip(shown, dialled, strict=True)] == [True, True, True]
    assert sorted(path.name for path in desk.folder(fax["id"]).iterdir()) == [
        "document",
        "document-2",
        "fax.tiff",
    ]
