"""Two engines: what one can't draw the other does, what neither can is named, and nothing comes out white unseen."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexefax.errors import ChildBroken, ChildFailed, ChildMissing, ChildTimeout
from nexefax.fax.convert import RenderSettings, Resolution, attempt, ghostscript, poppler, render
from nexefax.fax.convert.doubt import resembles
from nexefax.fax.convert.geometry import Box, PageShape, Placement, place
from nexefax.fax.convert.ghostscript import Drawn, Grey
from nexefax.fax.convert.poppler import Opening
from nexefax.fax.convert.runs import FIRST_RUN, LONGEST_RUN, cut, pages_in_a_turn
from nexefax.fax.convert.tone import Picture, Tone
from nexefax.process import Finished, Limits
from tests.convert.drawn import Draw, Refuse, Runs, blank, ink, near
from tests.convert.fax_pages import drawing, fax, write_tiff
from tests.convert.pdf_writer import PdfWriter, box, text

GS_DRAW = ghostscript.draw
POPPLER_DRAW = poppler.draw
POPPLER_LOOK = poppler.look
BOX = box(0, 396, 306, 396)
QUARTER = (0, 0, 0.5, 0.5)


def document(*contents: str) -> bytes:
    writer = PdfWriter()
    for content in contents:
        writer.page(content)
    return writer.bytes()


def ghostscript_loses(monkeypatch: pytest.MonkeyPatch, *lost: int) -> None:
    """Have Ghostscript draw nothing for some pages."""

    async def draw(
        pdf: Path, pages: Sequence[Placement], tones: dict[int, Tone], *, scratch: Path, seconds: float
    ) -> tuple[int, list[Drawn]]:
        count, drawn = await GS_DRAW(pdf, pages, tones, scratch=scratch, seconds=seconds)
        return count, [
            Drawn(page.number, None, False, None) if page.number in lost else page for page in drawn
        ]

    monkeypatch.setattr(ghostscript, "draw", draw)


def poppler_loses(monkeypatch: pytest.MonkeyPatch, *lost: int) -> None:
    async def draw(pdf: Path, page: Placement, *, scratch: Path, seconds: float) -> tuple[Path | None, bool]:
        if page.number in lost:
            return None, True
        return await POPPLER_DRAW(pdf, page, scratch=scratch, seconds=seconds)

    monkeypatch.setattr(poppler, "draw", draw)


async def test_what_ghostscript_cannot_poppler_draws_in_its_place(
    draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = document(BOX, BOX + text(72, 100, 30, "Second"), BOX)
    _, expected = await draw(content)
    ghostscript_loses(monkeypatch, 2)
    rendering, pages = await draw(content)
    assert [page.engine for page in rendering.pages] == ["gs", "poppler", "gs"]
    assert rendering.engine == "gs+poppler"
    assert rendering.notes == ()
    for one, other in zip(pages, expected, strict=True):
        assert one.size == other.size
        assert near(ink(one), ink(other), by=0.004)


@pytest.mark.parametrize(
    ("media", "rotate"), [((0, 0, 792, 612), 0), ((0, 0, 612, 792), 90), ((0, 0, 300, 300), 270)]
)
async def test_both_engines_lay_a_page_alike(
    draw: Draw, monkeypatch: pytest.MonkeyPatch, media: tuple[float, ...], rotate: int
) -> None:
    writer = PdfWriter()
    writer.page(
        box(10, media[3] / 2, media[2] / 2, media[3] / 2 - 20), media=media, entries=f"/Rotate {rotate}"
    )
    _, (expected,) = await draw(writer.bytes())
    ghostscript_loses(monkeypatch, 1)
    rendering, (page,) = await draw(writer.bytes())
    assert rendering.engine == "poppler"
    assert page.size == expected.size
    assert near(ink(page), ink(expected), by=0.004)


async def test_what_neither_can_is_named_and_nothing_is_faxed(
    refuse: Refuse, monkeypatch: pytest.MonkeyPatch
) -> None:
    ghostscript_loses(monkeypatch, 2, 4)
    poppler_loses(monkeypatch, 2, 4)
    said = await refuse(document(BOX, BOX, BOX, BOX))
    assert said == (
        "Pages 2 and 4 of the document can't be read, so nothing was faxed. The rest (pages 1 and 3) is good: "
        "print those to a new PDF, or repair the document."
    )


async def test_pages_after_a_lost_one_are_not_shown_as_if_it_were_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ghostscript_loses(monkeypatch, 6)
    poppler_loses(monkeypatch, 6)
    source, runs = tmp_path / "in", Runs()
    source.write_bytes(document(*[BOX] * 12))
    with pytest.raises(ValueError, match="Page 6 of the document"):
        await render(source, tmp_path / "fax.tiff", settings=RenderSettings(), tmp_dir=tmp_path, on_run=runs)
    assert runs.pages == [[1, 2, 3, 4]]
    assert not (tmp_path / "fax.tiff").exists()


@pytest.mark.parametrize("looked", [True, False])
async def test_a_page_that_comes_out_white_though_it_is_not(
    draw: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, looked: bool
) -> None:
    white = tmp_path.with_name(tmp_path.name + "-white")
    white.write_bytes(document("", ""))

    async def draw_white(
        pdf: Path, pages: Sequence[Placement], tones: dict[int, Tone], *, scratch: Path, seconds: float
    ) -> tuple[int, list[Drawn]]:
        return await GS_DRAW(white, pages, tones, scratch=scratch, seconds=seconds)

    async def no_look(*_: object, **__: object) -> dict[int, Picture]:
        return {}

    monkeypatch.setattr(ghostscript, "draw", draw_white)
    if not looked:
        monkeypatch.setattr(poppler, "look", no_look)
    rendering, pages = await draw(document(BOX, ""))
    assert rendering.pages[0].engine == "poppler"
    assert near(ink(pages[0]), QUARTER)
    assert [page.blank for page in rendering.pages] == [False, True]
    assert blank(pages[1])
    if looked:
        assert rendering.pages[1].engine == "gs"


async def test_writing_that_is_missing_is_found_by_its_bytes(
    draw: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = box(0, 700, 612, 20)
    poor = tmp_path.with_name(tmp_path.name + "-poor")
    poor.write_bytes(document(rule))

    async def draw_poorly(
        pdf: Path, pages: Sequence[Placement], tones: dict[int, Tone], *, scratch: Path, seconds: float
    ) -> tuple[int, list[Drawn]]:
        return await GS_DRAW(poor, pages, tones, scratch=scratch, seconds=seconds)

    monkeypatch.setattr(ghostscript, "draw", draw_poorly)
    lines = "".join(text(50, 40 + 11 * line, 9, "All that was written here " * 4) for line in range(58))
    rendering, (page,) = await draw(document(rule + lines))
    assert rendering.engine == "poppler"
    assert ink(page)[3] > 0.9


def flawed_stream() -> bytes:
    whole = zlib.compress(
        (BOX + "".join(text(72, 390 - at, 8, str(at * 7919)) for at in range(300))).encode()
    )
    return whole[: len(whole) // 2]


def flawed(pages: Sequence[bool]) -> bytes:
    writer = PdfWriter()
    for bad in pages:
        if not bad:
            writer.page(BOX)
            continue
        data = flawed_stream()
        stream = writer.add(
            b"<< /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream" % (len(data), data)
        )
        number = writer.page("")
        body = writer.objects[number - 1]
        at = body.index(b"/Contents ")
        writer.objects[number - 1] = (
            body[:at] + b"/Contents %d 0 R " % stream + body[body.index(b"/Resources") :]
        )
    return writer.bytes()


@pytest.mark.parametrize(
    ("pages", "note"),
    [
        (
            [False, True],
            "Page 2 of the document had errors in it: check how it looks before you rely on this fax.",
        ),
        (
            [True, False, True],
            "Pages 1 and 3 of the document had errors in them: check how they look before you rely on this fax.",
        ),
    ],
)
async def test_flawed_pages_are_faxed_as_far_as_they_go_and_told(
    draw: Draw, pages: list[bool], note: str
) -> None:
    rendering, drawn = await draw(flawed(pages))
    assert rendering.notes == (note,)
    assert all(near(ink(page)[:2], QUARTER[:2]) for page in drawn)


async def test_a_flawed_page_that_only_ghostscript_can_draw(
    draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    poppler_loses(monkeypatch, 1)
    rendering, (page,) = await draw(flawed([True]))
    assert rendering.engine == "gs"
    assert len(rendering.notes) == 1
    assert near(ink(page)[:2], QUARTER[:2])


async def test_a_page_that_is_white_because_it_cannot_be_read_is_no_page(refuse: Refuse) -> None:
    writer = PdfWriter()
    stream = writer.add(
        b"<< /Filter /FlateDecode /Length 40 >>\nstream\n" + b"\x78\x9c" + b"\xff" * 38 + b"\nendstream"
    )
    number = writer.page("")
    body = writer.objects[number - 1]
    writer.objects[number - 1] = body[: body.index(b"/Contents")] + b"/Contents %d 0 R >>" % stream
    assert (await refuse(writer.bytes())).startswith("Page 1 of the document can't be read")


async def test_greys_and_a_photo_on_one_page_by_way_of_a_grey_picture(
    draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = PdfWriter()
    data = bytes(min(255, 40 + (x * 3 + y * 5) % 160) for y in range(200) for x in range(200))
    picture = writer.picture(200, 200, data)
    lines = "".join(
        text(60, 40 + 14 * line, 10, "Writing beside a photo " * 4, grey=0.3) for line in range(24)
    )
    writer.page(lines + "q 200 0 0 200 206 500 cm /P Do Q", resources=f"/XObject << /P {picture} 0 R >>")
    rendering, (page,) = await draw(writer.bytes())
    assert rendering.engine == "gs"

    async def no_grey(
        pdf: Path, pages: Sequence[Placement], *, scratch: Path, seconds: float
    ) -> tuple[int, list[Grey]]:
        return 1, [Grey(page.number, None, True, None) for page in pages]

    monkeypatch.setattr(ghostscript, "draw_in_grey", no_grey)
    rendering, (plain,) = await draw(writer.bytes())
    assert rendering.engine == "gs"
    assert plain.size == page.size
    assert near(ink(plain), ink(page), by=0.02)


async def test_a_picture_that_is_not_as_large_as_asked_for_is_none(
    refuse: Refuse, monkeypatch: pytest.MonkeyPatch
) -> None:
    ghostscript_loses(monkeypatch, 1)

    async def small(pdf: Path, page: Placement, *, scratch: Path, seconds: float) -> tuple[Path, bool]:
        file = scratch / "grey-1.pgm"
        file.write_bytes(b"P5 2 2 255\n1234")
        return file, False

    monkeypatch.setattr(poppler, "draw", small)
    assert (await refuse(document(BOX))).startswith("Page 1 of the document can't be read")


async def test_a_lying_page_that_cannot_be_fitted(refuse: Refuse, monkeypatch: pytest.MonkeyPatch) -> None:
    ghostscript_loses(monkeypatch, 1)
    monkeypatch.setattr(poppler, "magick", _nothing_at_all)
    writer = PdfWriter()
    writer.page(BOX, entries="/Rotate 90")
    assert (await refuse(writer.bytes())).startswith("Page 1 of the document can't be read")


async def _nothing_at_all(*_: object, **__: object) -> None:
    return None


async def test_pages_that_only_ghostscript_counts_are_named(
    refuse: Refuse, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = poppler.contents

    async def partial(*arguments: Path, **options: object) -> poppler.Contents:
        told = await whole(*arguments, **options)  # type: ignore[arg-type]  # as they came
        return poppler.Contents(told.opening, told.count, told.shapes[:1])

    monkeypatch.setattr(poppler, "contents", partial)
    assert (await refuse(document(BOX, BOX))).startswith("Page 2 of the document can't be read")


async def test_a_document_that_only_ghostscript_can_open(
    draw: Draw, refuse: Refuse, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> poppler.Contents:
        return poppler.Contents(Opening.BROKEN)

    monkeypatch.setattr(poppler, "contents", broken)
    writer = PdfWriter()
    writer.page(BOX)
    writer.page(box(100, 350, 200, 250), entries="/CropBox [100 100 500 600]")
    writer.page(BOX, entries="/Rotate 90")
    writer.page(BOX, entries="/CropBox [1000 1000 1100 1100] /UserUnit 2")
    rendering, pages = await draw(writer.bytes(), fit="width")
    assert len(pages) == 4
    assert rendering.engine == "gs"
    assert near(ink(pages[0]), QUARTER)
    assert near(ink(pages[1]), QUARTER)
    assert pages[2].height > pages[2].width
    assert near(ink(pages[3]), QUARTER)
    assert (await refuse(writer.bytes(), max_pages=3)).startswith("The document has 4 pages")


async def test_pdfinfo_that_does_not_end(draw: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poppler, "_run", _nothing)
    rendering, (page,) = await draw(document(BOX))
    assert rendering.engine == "gs"
    assert near(ink(page), QUARTER)


async def _nothing(*_: object) -> None:
    return None


async def test_a_missing_program_is_the_machines_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nexefax.process.PROGRAM_PATH", str(tmp_path))
    source = tmp_path / "in"
    source.write_bytes(document(BOX))
    with pytest.raises(ChildMissing, match="poppler-utils"):
        await render(source, tmp_path / "fax.tiff", settings=RenderSettings(), tmp_dir=tmp_path)


async def test_what_goes_wrong_in_a_run_comes_out_as_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def missing(*_: object, **__: object) -> tuple[int, list[Drawn]]:
        raise ChildMissing("the program gs is missing: install the package ghostscript")

    monkeypatch.setattr(ghostscript, "draw", missing)
    source = tmp_path / "in"
    source.write_bytes(document(BOX))
    with pytest.raises(ChildMissing, match="ghostscript"):
        await render(source, tmp_path / "fax.tiff", settings=RenderSettings(), tmp_dir=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


LIMITS = Limits(seconds=1, cpu_seconds=1, memory=1 << 20, file_size=1 << 20)


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (ChildTimeout("gs took longer than 1 s"), False),
        (ChildFailed("gs wrote a file of more than 5 bytes"), False),
        (ChildBroken("gs could not be started: no memory"), True),
        (ChildBroken("gs could not be caged: no Landlock"), True),
    ],
)
async def test_only_the_documents_faults_are_forgiven(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, *, raised: bool
) -> None:
    async def run(*_: object, **__: object) -> Finished:
        raise error

    monkeypatch.setattr(attempt, "run", run)
    secret = tmp_path / "secret"
    secret.write_bytes(b"not for a child")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (scratch / "good").write_bytes(b"")
    (scratch / "folder").mkdir()
    (scratch / "soft").symlink_to(secret)
    (scratch / "hard").hardlink_to(secret)
    if raised:
        with pytest.raises(ChildFailed):
            await attempt.attempt(["gs"], scratch=scratch, readable=[], limits=LIMITS)
        return
    assert await attempt.attempt(["gs"], scratch=scratch, readable=[], limits=LIMITS) is None
    assert sorted(path.name for path in scratch.iterdir()) == ["folder", "good"]
    assert secret.read_bytes() == b"not for a child"


@given(st.integers(1, 700), st.integers(1, 64))
def test_runs_are_all_pages_once_in_their_order(count: int, jobs: int) -> None:
    page = place(PageShape(1, Box(0, 0, 612, 792)), Resolution.FINE, "size")
    runs = cut([page] * count, jobs)
    assert sum(len(run) for run in runs) == count
    assert all(runs)
    assert len(runs[0]) <= FIRST_RUN
    assert all(len(run) <= LONGEST_RUN for run in runs)


def test_a_page_is_doubted_by_its_bytes(tmp_path: Path) -> None:
    from nexefax.fax.convert.faxtiff import strips_of

    picture = drawing(1728, 200, seed=3)
    strip, white = strips_of(
        write_tiff(tmp_path / "fax.tif", [fax(picture), fax(drawing(1728, 200, ink=False))])
    )
    page = place(PageShape(1, Box(0, 0, 609, 73.5)), Resolution.FINE, "size")
    look = picture.convert("L").resize((528, 62))
    shown = Picture(528, 62, look.tobytes())
    assert resembles(strip, page, shown)
    assert not resembles(white, page, shown)
    assert resembles(white, page, Picture(528, 62, b"\xff" * (528 * 62)))
    rule = drawing(1728, 200, ink=False)
    rule.paste(0, (0, 150, 1728, 160))
    (poor,) = strips_of(write_tiff(tmp_path / "poor.tif", [fax(rule)]))
    assert not resembles(poor, page, shown)


@pytest.mark.parametrize(
    ("said", "complaints", "opening", "shapes"),
    [
        ("", "Command Line Error: Incorrect password", Opening.LOCKED, 0),
        ("", "Syntax Error: Unknown security handler", Opening.CERTIFICATE, 0),
        ("Pages:           0\n", "", Opening.EMPTY, 0),
        ("", "Command Line Error: Invalid page count 0", Opening.EMPTY, 0),
        ("", "anything", Opening.BROKEN, 0),
        ("Pages: 2\nPage 1 size: 0 x 0 pts\nPage 1 MediaBox: 0 0 0 0\n", "", Opening.EMPTY, 0),
        ("Pages: 1\nPage 1 size: 6 x 7 pts\nPage 1 MediaBox: a b c d\n", "", Opening.EMPTY, 0),
        ("Pages: 1\nPage 1 size: 6 x 7 pts\nPage 1 CropBox: 6 7 0 0\n", "", Opening.READ, 1),
        (
            "Pages: 1\nPage 1 size: 6 x 7 pts\nPage 1 rot: -90\n"
            "Page 1 MediaBox: 0 0 6 7\nPage 1 CropBox: 8 8 9 9\n",
            "",
            Opening.READ,
            1,
        ),
    ],
)
def test_what_pdfinfo_says(said: str, complaints: str, opening: Opening, shapes: int) -> None:
    found = poppler._contents(said, complaints)
    assert found.opening is opening
    assert len(found.shapes) == shapes
    assert all(shape.box == Box(0, 0, 6, 7) for shape in found.shapes)


@pytest.mark.parametrize(
    ("line", "shape"),
    [
        ("0 0 612 792; ; 0; 1", PageShape(1, Box(0, 0, 612, 792))),
        ("612 792 0 0; 0 0 300 300; 450; 2", PageShape(1, Box(0, 0, 300, 300), 1, 2.0)),
        ("0 0 612 792; 700 800 900 900; x; y", PageShape(1, Box(0, 0, 612, 792))),
        ("0 0 612 792; 1 2; ; 1e9", PageShape(1, Box(0, 0, 612, 792))),
        ("0 0 0 0; ; 0; 1", None),
        ("a b c d; ; 0; 1", None),
    ],
)
def test_what_ghostscript_says_of_shapes(line: str, shape: PageShape | None) -> None:
    count, shapes = ghostscript._shapes(f"@pages 7\n@shape {line}\n")
    assert count == 7
    assert shapes == ([] if shape is None else [shape])


def test_what_ghostscript_says_of_nothing(tmp_path: Path) -> None:
    page = place(PageShape(1, Box(0, 0, 612, 792)), Resolution.FINE, "size")
    assert ghostscript._collect(None, [page], tmp_path) == (0, [Drawn(1, None, False, None)])
    (tmp_path / "pages.log").write_text("@pages 1\n\n@page 1\n@unit 2.5\n@file 1\n")
    assert ghostscript._collect(Finished(0, b"\n@page 1\n Error: /x", b""), [page], tmp_path) == (
        1,
        [Drawn(1, None, True, 2.5)],
    )
    (tmp_path / "pages.log").write_text("\n@page 1\n@unit 1.2.3\n")
    assert ghostscript._collect(Finished(0, b"", b"\n@page 1\n failed"), [page], tmp_path) == (
        0,
        [Drawn(1, None, True, 1.0)],
    )


async def test_a_look_that_is_no_picture_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "grey-1.pgm").write_bytes(b"P5 2 2 255\n1234")
    (tmp_path / "grey-2.pgm").write_bytes(b"P5 2 2 255\n123")
    (tmp_path / "grey-3.pgm").write_bytes(bytes(poppler.LOOK * poppler.LOOK + 65))
    assert poppler._pictures(tmp_path) == {1: Picture(2, 2, b"1234")}


@pytest.mark.parametrize(("seconds", "pages"), [(0.0, 60), (0.2, 60), (0.4, 4), (0.24, 6), (20.0, 4)])
def test_documents_that_take_long_give_others_their_turns_more_often(seconds: float, pages: int) -> None:
    assert pages_in_a_turn(seconds) == pages


@given(st.integers(1, 700), st.integers(1, 64), st.integers(FIRST_RUN, LONGEST_RUN))
def test_runs_are_no_longer_than_a_turn(count: int, jobs: int, most: int) -> None:
    page = place(PageShape(1, Box(0, 0, 612, 792)), Resolution.FINE, "size")
    runs = cut([page] * count, jobs, most)
    assert sum(len(run) for run in runs) == count
    assert all(0 < len(run) <= most for run in runs)


async def test_the_first_look_is_taken_while_the_document_is_asked(
    draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[list[int]] = []

    async def look(pdf: Path, numbers: Sequence[int], *, scratch: Path, seconds: float) -> dict[int, Picture]:
        looked.append(list(numbers))
        return await POPPLER_LOOK(pdf, numbers, scratch=scratch, seconds=seconds)

    monkeypatch.setattr(poppler, "look", look)
    await draw(document(*[BOX] * 7))
    assert looked == [list(range(1, FIRST_RUN + 1)), list(range(FIRST_RUN + 1, 8))]
