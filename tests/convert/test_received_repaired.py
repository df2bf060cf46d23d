"""Damaged faxes, files that lie, and what is no fax at all: all that can be read arrives, and what is wrong is said."""

from __future__ import annotations

import asyncio
import io
import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from nexefax import process
from nexefax.errors import ChildMissing, TiffError
from nexefax.fax.convert import Received, decoding, fresh_tiff, notes, salvage, to_pdf
from nexefax.fax.convert import pictures as pictures_module
from nexefax.fax.convert.decoding import RUN_PAGES
from nexefax.fax.convert.tiff import survey
from tests.convert.fax_pages import (
    EOL,
    FINE,
    T6_END,
    Page,
    drawing,
    fax,
    lines_of,
    packed,
    t4,
    t4_bits,
    t6,
    t6_bits,
    write_tiff,
)
from tests.convert.pdf_pages import pictures, same, sizes
from tests.convert.test_received_lossless import INFO, SPANDSP, converted

IMAGE = drawing(1728, 220)
GOOD = fax(IMAGE)


def t4_with_damage(bad: Sequence[int], *, every: int = 1) -> bytes:
    """The page in T.4, with a code in each of these lines that no code begins with."""
    coded = t4_bits(lines_of(IMAGE), 1728, every=every)
    for number in bad:
        coded[number] = coded[number][:9] + "000000001"
    return packed("".join(EOL + bits for bits in coded) + (EOL + ("" if every == 1 else "1")) * 6)


async def repaired(tiff: Path, *, pages: int, notes: Sequence[str], tiff_wanted: bool = False) -> Received:
    """Convert a TIFF that is not whole and check what is said of it."""
    found = await converted(tiff)
    assert found.notes == tuple(notes)
    assert found.outcome == "repaired"
    assert found.pages == pages == len(sizes(tiff.with_suffix(".pdf")))
    assert found.tiff_wanted is tiff_wanted
    return found


async def test_damaged_lines_are_counted_by_page(tmp_path: Path) -> None:
    bad = [20, 21, 50, *range(100, 111)]
    damaged = fax(IMAGE, t4_with_damage(bad), compression=3)
    one = fax(IMAGE, t4_with_damage([30]), compression=3)
    path = write_tiff(tmp_path / "fax.tiff", [GOOD, damaged, GOOD, one])
    found = await repaired(path, pages=4, notes=["Page 2 has 14 damaged lines", "Page 4 has 1 damaged line"])
    assert found.damaged == {2: 14, 4: 1}
    first, second, third, _ = pictures(tmp_path / "fax.pdf")
    assert same(first, IMAGE)
    assert same(third, IMAGE)
    for top, bottom in ((0, 20), (22, 50), (51, 100), (111, 220)):
        assert same(second.crop((0, top, 1728, bottom)), IMAGE.crop((0, top, 1728, bottom)))
    assert same(second.crop((0, 50, 1728, 51)), IMAGE.crop((0, 49, 1728, 50)))


async def test_two_dimensional_lines_after_damage(tmp_path: Path) -> None:
    page = fax(IMAGE, t4_with_damage([41], every=4), compression=3, tags={292: (4, (1,))})
    found = await repaired(
        write_tiff(tmp_path / "fax.tiff", [page]), pages=1, notes=["Page 1 has 3 damaged lines"]
    )
    assert found.damaged == {1: 3}


async def test_bytes_lost_in_the_middle(tmp_path: Path) -> None:
    data = t4(IMAGE)
    page = fax(IMAGE, data[: len(data) // 2] + data[len(data) // 2 + 700 :], compression=3)
    found = await converted(write_tiff(tmp_path / "fax.tiff", [page]))
    assert found.outcome == "repaired"
    (note,) = found.notes
    assert note.startswith("Page 1 has 1 damaged line, and ")
    assert note.endswith(" lines are missing")
    (shown,) = pictures(tmp_path / "fax.pdf")
    lost = 220 - shown.height
    assert 0 < lost < 60
    assert same(shown.crop((0, 180 - lost, 1728, 220 - lost)), IMAGE.crop((0, 180, 1728, 220)))
    assert same(shown.crop((0, 0, 1728, 60)), IMAGE.crop((0, 0, 1728, 60)))


async def test_t6_is_kept_before_and_where_possible_after_the_damage(tmp_path: Path) -> None:
    data = bytearray(t6(IMAGE))
    data[len(data) // 2] ^= 0x3C
    found = await converted(write_tiff(tmp_path / "fax.tiff", [fax(IMAGE, bytes(data)), GOOD]))
    assert found.outcome == "repaired"
    (note,) = found.notes
    assert note.startswith("Page 1 is damaged: ")
    assert note.endswith(" of its 220 lines are lost or uncertain")
    assert found.tiff_wanted
    first, second = pictures(tmp_path / "fax.pdf")
    assert first.size == IMAGE.size
    assert same(first.crop((0, 0, 1728, 70)), IMAGE.crop((0, 0, 1728, 70)))
    assert same(second, IMAGE)
    ink = ImageChops.invert(first.crop((0, 170, 1728, 220)).convert("L")).getbbox()
    assert ink is not None  # it goes on below the damage


async def test_damage_in_one_of_many_strips(tmp_path: Path) -> None:
    parts = [IMAGE.crop((0, top, 1728, top + 55)) for top in range(0, 220, 55)]
    strips = [t6(part) for part in parts]
    strips[1] = b"\0" * 30
    page = Page(1728, 220, strips, FINE | {278: (4, (55,))})
    await repaired(
        write_tiff(tmp_path / "fax.tiff", [page]),
        pages=1,
        notes=["Page 1 is damaged: 55 of its 220 lines are lost or uncertain"],
        tiff_wanted=True,
    )
    (shown,) = pictures(tmp_path / "fax.pdf")
    assert same(shown.crop((0, 0, 1728, 55)), parts[0])
    assert same(shown.crop((0, 110, 1728, 220)), IMAGE.crop((0, 110, 1728, 220)))


@pytest.mark.parametrize(
    ("compression", "data"), [(4, b""), (4, b"\0\0\0"), (3, b""), (3, b"\0" * 50), (2, b"")]
)
async def test_a_page_that_arrived_empty_stays_a_page(tmp_path: Path, compression: int, data: bytes) -> None:
    path = write_tiff(tmp_path / "fax.tiff", [GOOD, fax(IMAGE, data, compression=compression), GOOD])
    found = await converted(path)
    assert found.outcome == "repaired"
    assert found.notes == ("Page 2 arrived empty",)
    shown = pictures(tmp_path / "fax.pdf")
    assert same(shown[1], Image.new("1", IMAGE.size, 255))
    assert same(shown[0], IMAGE)
    assert same(shown[2], IMAGE)


async def test_a_page_cut_off(tmp_path: Path) -> None:
    cut = fax(IMAGE, t4(IMAGE)[:1500], compression=3)
    found = await converted(write_tiff(tmp_path / "fax.tiff", [cut]))
    assert found.outcome == "repaired"
    (shown,) = pictures(tmp_path / "fax.pdf")
    assert 20 < shown.height < 220 or "lost or uncertain" in found.notes[0]
    assert same(shown.crop((0, 0, 1728, 20)), IMAGE.crop((0, 0, 1728, 20)))


async def test_a_page_shorter_than_its_tag(tmp_path: Path) -> None:
    page = fax(IMAGE, tags={257: (4, (440,)), 278: (4, (440,))})
    await repaired(
        write_tiff(tmp_path / "fax.tiff", [page]),
        pages=1,
        notes=["Page 1 has 220 lines, not 440 as its file says"],
    )
    assert same(pictures(tmp_path / "fax.pdf")[0], IMAGE)


async def test_a_page_without_a_length(tmp_path: Path) -> None:
    pages = [
        fax(IMAGE, tags={257: None, 278: None}),
        fax(IMAGE, t4(IMAGE), compression=3, tags={257: (4, (0,)), 278: (4, (0xFFFFFFFF,))}),
    ]
    found = await converted(write_tiff(tmp_path / "fax.tiff", pages))
    assert found.notes == ()
    assert all(same(shown, IMAGE) for shown in pictures(tmp_path / "fax.pdf"))


@pytest.mark.parametrize(
    ("data", "compression"), [(t6(IMAGE), 3), (t4(IMAGE), 4), (t4(IMAGE, every=4), 2), (t6(IMAGE), 32771)]
)
async def test_a_coding_that_is_not_what_the_tag_says(tmp_path: Path, data: bytes, compression: int) -> None:
    path = write_tiff(tmp_path / "fax.tiff", [fax(IMAGE, data, compression=compression)])
    await repaired(path, pages=1, notes=["Page 1 was in another coding than its file says"])
    assert same(pictures(tmp_path / "fax.pdf")[0], IMAGE)


async def test_the_wrong_fill_order(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "fax.tiff", [fax(IMAGE, tags={266: (3, (2,))})])
    await repaired(path, pages=1, notes=["Page 1 was in another coding than its file says"])
    assert same(pictures(tmp_path / "fax.pdf")[0], IMAGE)


async def test_what_only_libtiff_objects_to_is_lossless(tmp_path: Path) -> None:
    """T.4 without EOLs is not allowed, and reads well."""
    data = packed("".join(t4_bits(lines_of(IMAGE), 1728)))
    found = await converted(write_tiff(tmp_path / "fax.tiff", [fax(IMAGE, data, compression=3)]))
    assert found.outcome == "lossless"
    assert found.notes == ()
    assert same(pictures(tmp_path / "fax.pdf")[0], IMAGE)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (
            {326: (4, (7,)), 328: (4, (3,)), 327: (3, (2,))},
            "Page 1 has 7 damaged lines, up to 3 one after the other",
        ),
        ({326: (4, (1,)), 328: (4, (1,))}, "Page 1 has 1 damaged line"),
        ({326: (3, (9,))}, "Page 1 has 9 damaged lines"),
        ({326: (4, (7,)), 328: (4, (70,))}, "Page 1 has 7 damaged lines"),
        ({326: (4, (0,))}, None),
        ({326: (4, (1_000_000,))}, None),
    ],
)
async def test_what_the_receiver_counted(
    tmp_path: Path, tags: dict[int, object], expected: str | None
) -> None:
    page = fax(IMAGE, tags=tags)
    found = await converted(write_tiff(tmp_path / "fax.tiff", [page]))
    assert found.outcome == "lossless"  # the PDF has every pixel of the TIFF
    assert found.notes == (() if expected is None else (expected,))
    assert same(pictures(tmp_path / "fax.pdf")[0], IMAGE)


async def test_a_chain_of_pages_that_loops(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "fax.tiff", [GOOD, GOOD])
    first = int.from_bytes(path.read_bytes()[4:8], "little")
    write_tiff(path, [GOOD, GOOD], after_last=first)
    await repaired(
        path,
        pages=2,
        notes=["The fax file is damaged: its chain of pages runs in a circle after page 2"],
        tiff_wanted=True,
    )


async def test_a_file_cut_off_in_its_last_directory(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "fax.tiff", [GOOD, GOOD])
    path.write_bytes(path.read_bytes()[:-100])
    await repaired(
        path,
        pages=2,
        notes=[
            "The fax file is damaged: the directory of page 2 can't be read",
            "Page 2 is cut off: 220 lines of it are there",
        ],
        tiff_wanted=True,
    )
    assert same(pictures(tmp_path / "fax.pdf")[1], IMAGE)


async def test_a_page_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    none = Page(0, 220, [t6(IMAGE)], FINE)
    path = write_tiff(tmp_path / "fax.tiff", [GOOD, none, GOOD, none, none])
    await repaired(
        path,
        pages=2,
        notes=["Pages 2, 4 and 5 could not be read and are missing in the PDF"],
        tiff_wanted=True,
    )
    single = write_tiff(tmp_path / "single.tiff", [GOOD, none])
    found = await converted(single)
    assert found.notes == ("Page 2 could not be read and is missing in the PDF",)


async def test_wrong_resolutions_are_said_once(tmp_path: Path) -> None:
    bad = fax(IMAGE, tags={282: (5, (72, 1)), 283: (5, (72, 1))})
    found = await converted(write_tiff(tmp_path / "fax.tiff", [bad, GOOD, bad]))
    assert found.outcome == "lossless"
    assert found.resolution == "fine (204x196)"
    assert found.notes == (
        "The resolution of pages 1 and 3 was missing or wrong in the fax; shown at 204x196 dots per inch",
    )


async def test_damage_of_many_pages_is_summed_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes, "MAX_NOTES", 2)
    small = drawing(400, 30)
    bad = packed("".join(EOL + bits for bits in [*t4_bits(lines_of(small), 400)[:-9], "0001"]) + EOL * 6)
    page = fax(small, bad, compression=3)
    count = RUN_PAGES + 3
    found = await converted(write_tiff(tmp_path / "fax.tiff", [page] * count))
    assert found.pages == count
    assert len(found.notes) == 3
    assert found.notes[2] == f"Pages 3 to {count} are damaged too"


async def damaged_by_others(tmp_path: Path, mode: str, compression: str) -> Path:
    """A page of Pillow's, some bytes of its middle changed, between two good ones."""
    image = IMAGE.convert(mode)
    path = tmp_path / "fax.tiff"
    image.save(
        path, "TIFF", compression=compression, save_all=True, append_images=[image, image], dpi=(204, 196)
    )
    raw = bytearray(path.read_bytes())
    chance = random.Random(4)
    middle = len(raw) // 2
    raw[middle - 300 : middle + 300] = chance.randbytes(600)
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize(("mode", "compression"), [("1", "tiff_lzw"), ("1", "tiff_adobe_deflate")])
async def test_other_compressions_by_what_libtiff_makes_of_them(
    tmp_path: Path, mode: str, compression: str
) -> None:
    found = await converted(await damaged_by_others(tmp_path, mode, compression))
    assert found.outcome == "repaired"
    assert found.tiff_wanted
    assert found.notes[0] == "Page 2 is damaged; it is shown as far as it could be decoded"
    first, _, third = pictures(tmp_path / "fax.pdf")
    assert same(first, IMAGE)
    assert same(third, IMAGE)


async def test_a_colour_page_that_is_damaged(tmp_path: Path) -> None:
    found = await converted(await damaged_by_others(tmp_path, "RGB", "tiff_lzw"))
    assert found.outcome == "repaired"
    assert found.tiff_wanted
    assert "Page 2" in found.notes[0]


async def test_where_our_own_reader_must_not_libtiff_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(salvage, "MAX_WIDTH", 100)
    path = write_tiff(tmp_path / "fax.tiff", [fax(IMAGE, t4_with_damage([30]), compression=3)])
    await repaired(
        path,
        pages=1,
        notes=["Page 1 is damaged; it is shown as far as it could be decoded"],
        tiff_wanted=True,
    )


async def test_where_our_own_reader_fails_libtiff_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(salvage, "readable", list)  # the cage lets it read nothing, not even itself
    path = write_tiff(tmp_path / "fax.tiff", [GOOD, fax(IMAGE, t4_with_damage([30]), compression=3)])
    await repaired(
        path,
        pages=2,
        notes=["Page 2 is damaged; it is shown as far as it could be decoded"],
        tiff_wanted=True,
    )
    assert "damaged pages" in caplog.text


async def test_where_our_own_reader_dies_libtiff_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(salvage, "command", lambda *_: ["/nonexistent/python"])
    path = write_tiff(tmp_path / "fax.tiff", [fax(IMAGE, t4_with_damage([30]), compression=3)])
    with pytest.raises(ChildMissing):
        await converted(path)


def test_the_caged_process_answers_page_by_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What runs in the cage, run here: orders in, answers and rows out."""
    tiff = write_tiff(
        tmp_path / "fax.tiff",
        [GOOD, fax(IMAGE, t6(IMAGE)[:1000]), fax(IMAGE, b""), Page(9, 5, [b""], {324: (4, (8,))})],
    )
    pages = survey(tiff).pages
    size = tiff.stat().st_size
    orders = [salvage.job_for(page, fresh_tiff.strips_of(page, tiff, size), 220) for page in pages]
    assert orders[3] is None  # tiles
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(orders[:3])))
    monkeypatch.setattr("sys.argv", ["-c", "", str(tiff), str(tmp_path / "rows")])
    salvage.main()
    said = capsys.readouterr().out
    first, second, third = salvage.answers(said.encode()).values()
    assert (first.lines, first.damaged, first.complete, first.relabelled) == (220, 0, True, False)
    assert (second.offset, second.length, second.complete) == (220 * 216, 220, False)
    assert 5 < second.lines < 220
    assert (third.lines, third.length) == (0, 220)
    rows = (tmp_path / "rows").read_bytes()
    assert len(rows) == 3 * 220 * 216
    assert same(ImageChops.invert(Image.frombytes("1", IMAGE.size, rows[: 220 * 216]).convert("L")), IMAGE)
    assert rows[2 * 220 * 216 :] == bytes(220 * 216)
    assert list(salvage.answers(said.encode()[:-5])) == [1, 2]  # the last was cut off


async def test_no_time_left(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "fax.tiff", [fax(IMAGE, t6(IMAGE), tags={262: (3, (1,))})])
    found = await converted(path, timeout=0.0)
    assert found.outcome == "unreadable"
    assert found.pdf is None


async def test_no_time_left_for_the_rest(tmp_path: Path) -> None:
    from nexefax.fax.convert.coding import FLIPPED

    whole = fax(IMAGE, t6(IMAGE).translate(FLIPPED), tags=SPANDSP)
    found = await converted(write_tiff(tmp_path / "fax.tiff", [whole, GOOD, whole]), timeout=0.0)
    assert found.outcome == "repaired"
    assert found.notes == ("Page 2 could not be read and is missing in the PDF",)
    assert found.tiff_wanted


async def test_more_data_than_any_fax(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fresh_tiff, "MAX_COPY", 100)
    found = await converted(write_tiff(tmp_path / "fax.tiff", [GOOD]))
    assert found.outcome == "unreadable"


@pytest.mark.parametrize(
    "tags",
    [
        {256: (4, (4_000_000_000,)), 257: (4, (4_000_000_000,))},
        {273: None},
        {258: (3, (8,)), 259: (3, (5,)), 256: (4, (100_000,)), 257: (4, (100_000,))},
        {259: (3, (60_000,))},
        {259: (3, (1,)), 258: (3, (7,)), 277: (3, (70,))},
        {277: (4, (1 << 20,)), 259: (3, (1,))},
    ],
)
async def test_pages_that_cannot_be(tmp_path: Path, tags: dict[int, object]) -> None:
    path = write_tiff(tmp_path / "fax.tiff", [fax(IMAGE, tags=tags)])
    found = await converted(path)
    assert found.outcome == "unreadable"
    assert found.notes == (
        "No page of this fax could be read; the fax itself is attached as it was received (TIFF)",
    )
    assert not (tmp_path / "fax.pdf").exists()


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (b"", "The received file is empty"),
        (b"%PDF-1.4\n1 0 obj", "not a fax (TIFF) but a PDF document"),
        (b"%!PS-Adobe\n(x) run", "not a fax (TIFF) but a PostScript program"),
        (b"  <html><script>", "not a fax (TIFF) but a web page or XML"),
        (b"push graphic-context\nfill 'url(https://x|id)'", "not a fax (TIFF) but something else"),
        (b"II*\0\x08\0\0\0", "No page of this fax could be read"),
        (b"II*\0", "No page of this fax could be read"),
        (b"II", "No page of this fax could be read"),
    ],
)
async def test_what_is_no_fax_is_never_opened(
    tmp_path: Path, content: bytes, note: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There are no programs at all, so that none can be given the file."""
    monkeypatch.setattr(process, "PROGRAM_PATH", str(tmp_path))
    path = tmp_path / "fax.tiff"
    path.write_bytes(content)
    found = await converted(path)
    assert (found.outcome, found.pages, found.resolution, found.pdf) == ("unreadable", 0, "", None)
    assert found.tiff_wanted
    assert len(found.notes) == 1
    assert note in found.notes[0]
    assert [entry.name for entry in tmp_path.iterdir()] == ["fax.tiff"]


async def test_a_failing_disk_is_no_outcome(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "fax.tiff", [GOOD])
    with pytest.raises(FileNotFoundError):
        await to_pdf(path, tmp_path / "none" / "fax.pdf", info=INFO, tmp_dir=tmp_path)
    with pytest.raises(FileNotFoundError):
        await to_pdf(tmp_path / "none", tmp_path / "fax.pdf", info=INFO, tmp_dir=tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["fax.tiff"]


async def test_cancelled_in_the_middle_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = asyncio.Event()
    real_run = process.run

    async def noted_run(*arguments: object, **options: object) -> process.Finished:
        begun.set()
        return await real_run(*arguments, **options)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(decoding, "run", noted_run)
    path = write_tiff(tmp_path / "fax.tiff", [GOOD] * 40)
    task = asyncio.create_task(to_pdf(path, tmp_path / "fax.pdf", info=INFO, tmp_dir=tmp_path))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [entry.name for entry in tmp_path.iterdir()] == ["fax.tiff"]


async def test_the_share_of_black_may_stay_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second look at min-is-black pages is worth a note, not the fax."""

    def failing(*_: object) -> dict[int, float]:
        raise TiffError("cut off")

    monkeypatch.setattr(decoding, "shares_of_black", failing)
    path = write_tiff(tmp_path / "fax.tiff", [fax(IMAGE, tags={262: (3, (1,))})])
    found = await converted(path)
    assert found.outcome == "lossless"
    assert found.notes == ()


async def test_what_libtiff_writes_is_not_believed_either(tmp_path: Path) -> None:
    """A result that is cut off, of another size or in another coding, is no picture."""
    good = write_tiff(tmp_path / "good.tiff", [GOOD, GOOD])
    pages = survey(good).pages
    assert list(pictures_module.collect(good, pages, fax=True)) == [1, 2]
    assert pictures_module.collect(tmp_path / "none", pages, fax=True) == {}
    assert pictures_module.collect(good, pages, fax=False) == {}
    other = write_tiff(tmp_path / "other.tiff", [GOOD, fax(drawing(1000, 50))])
    assert list(pictures_module.collect(other, pages, fax=True)) == [1]
    two = Page(1728, 220, [t6(IMAGE), t6(IMAGE)], FINE)
    split = write_tiff(tmp_path / "split.tiff", [two, GOOD])
    assert pictures_module.collect(split, pages, fax=True) == {}
    rgb = Page(1728, 220, [b"x" * 99], {258: (3, (8, 8, 8)), 277: (3, (3,))}, compression=1)
    assert pictures_module.collect(write_tiff(tmp_path / "rgb", [rgb]), pages[:1], fax=False) == {}


def test_t6_end_is_the_end() -> None:
    assert packed(T6_END).hex() == "001001"
    assert t6_bits([[]], 1728) == ["1"]
