"""Fixtures for documents on their way to faxes."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from nexefax.errors import DocumentError
from nexefax.fax.convert import Rendering, RenderSettings, render
from tests.convert.drawn import Draw, Refuse, pages_of


@pytest.fixture
def draw(tmp_path: Path) -> Draw:
    """Render a document's bytes and return what came of it, with its pages in grey."""

    async def draw(document: bytes, **settings: object) -> tuple[Rendering, list[Image.Image]]:
        source, tiff = tmp_path / "in", tmp_path / "fax.tiff"
        source.write_bytes(document)
        scratch = tmp_path / "scratch"
        scratch.mkdir(exist_ok=True)
        rendering = await render(source, tiff, settings=RenderSettings(**settings), tmp_dir=scratch)  # type: ignore[arg-type]  # the settings by name
        assert list(scratch.iterdir()) == []
        pages = pages_of(tiff)
        assert [(page.width, page.length) for page in rendering.pages] == [page.size for page in pages]
        assert {page.width for page in rendering.pages} == {1728}
        numbers = settings.get("only") or range(1, len(pages) + 1)
        assert [page.number for page in rendering.pages] == sorted(numbers)  # type: ignore[call-overload]
        return rendering, pages

    return draw


@pytest.fixture
def refuse(tmp_path: Path) -> Refuse:
    """Have a document's bytes refused and return the sentence; what stood at the destination stays."""

    async def refuse(document: bytes, **settings: object) -> str:
        source, tiff = tmp_path / "in", tmp_path / "fax.tiff"
        source.write_bytes(document)
        tiff.write_bytes(b"another fax")
        scratch = tmp_path / "scratch"
        scratch.mkdir(exist_ok=True)
        with pytest.raises(DocumentError) as refused:
            await render(source, tiff, settings=RenderSettings(**settings), tmp_dir=scratch)  # type: ignore[arg-type]  # the settings by name
        assert tiff.read_bytes() == b"another fax"
        assert list(scratch.iterdir()) == []
        assert sorted(path.name for path in tmp_path.iterdir()) == ["fax.tiff", "in", "scratch"]
        return str(refused.value)

    return refuse
