"""Pages of faxes as pictures, their PDF and TIFF: made once, kept within a cap, shown to their account alone."""

from __future__ import annotations

import asyncio
import io
import os
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from nexefax.fax import convert, page_images
from nexefax.fax.page_images import images_folder, remove_images
from nexefax.fax.records import Fax
from tests.convert.fax_pages import STANDARD, drawing, fax, write_tiff
from tests.web.client import Reply
from tests.web.office import IN, OUT, Office, problem


async def kept(office: Office, of: Fax, pages: int = 2, *, length: int = 1146) -> int:
    """A fax with pages on the disk."""
    number = await office.add(replace(of, pages=pages))
    tiff = page_images.fax_tiff(office.folders, await office.load(number))
    tiff.parent.mkdir()
    write_tiff(tiff, [fax(drawing(1728, length, seed=page), tags=STANDARD) for page in range(pages)])
    return number


def picture(reply: Reply) -> Image.Image:
    assert (reply.status, reply.headers["Content-Type"]) == (200, "image/png"), reply.text
    return Image.open(io.BytesIO(reply.body))


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int | None]]:
    """The pages that were really drawn, with their widths."""
    done: list[tuple[int, int | None]] = []
    draw = convert.page_png

    async def counting(tiff: Path, page: int, png: Path, *, width: int | None, tmp_dir: Path) -> None:
        done.append((page, width))
        await draw(tiff, page, png, width=width, tmp_dir=tmp_dir)

    monkeypatch.setattr(convert, "page_png", counting)
    return done


@pytest.mark.parametrize("of", [IN, OUT])
async def test_three_sizes(office: Office, of: Fax) -> None:
    number = await kept(office, of)
    widths = {}
    for size in ("thumb", "page", "full"):
        shown = picture(await office.bob.get(f"/api/faxes/{number}/pages/2.png?size={size}"))
        widths[size] = shown.size
        if size != "full":
            assert shown.height / shown.width == pytest.approx((1146 / 98) / (1728 / 204), rel=0.01)
    assert widths["thumb"][0] == 240
    assert widths["page"][0] == 864
    with Image.open(page_images.fax_tiff(office.folders, await office.load(number))) as tiff:
        tiff.seek(1)
        assert widths["full"] == tiff.size
        assert shown.mode == "1"
        assert shown.tobytes() == tiff.convert("1").tobytes()
    default = await office.bob.get(f"/api/faxes/{number}/pages/2.png")
    assert picture(default).width == 864


async def test_a_picture_is_drawn_once_and_kept_by_the_browser(
    office: Office, drawn: list[tuple[int, int | None]]
) -> None:
    number = await kept(office, IN)
    path = f"/api/faxes/{number}/pages/1.png?size=thumb"
    first, *others = await asyncio.gather(*(office.bob.get(path) for _ in range(5)))
    assert {reply.body for reply in others} == {first.body}
    assert drawn == [(1, 240)]
    assert first.headers["Cache-Control"] == "private, max-age=604800, immutable"
    assert "Cookie" in first.headers["Vary"]
    known = await office.bob.get(path, If_None_Match=first.headers["ETag"])
    assert (known.status, known.body) == (304, b"")
    other = await office.bob.get(f"/api/faxes/{number}/pages/2.png?size=thumb")
    assert other.headers["ETag"] != first.headers["ETag"]


async def test_one_who_goes_away_does_not_spoil_it_for_the_next(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = page_images.PageImages(lambda: office.installation.current)
    number = await kept(office, IN)
    began, draw = asyncio.Event(), convert.page_png

    async def slow(tiff: Path, page: int, png: Path, *, width: int | None, tmp_dir: Path) -> None:
        if not began.is_set():
            began.set()
            await asyncio.Event().wait()
        await draw(tiff, page, png, width=width, tmp_dir=tmp_dir)

    monkeypatch.setattr(convert, "page_png", slow)
    loaded = await office.load(number)
    async with asyncio.TaskGroup() as tasks:
        leaving = tasks.create_task(images.page(loaded, 1, "thumb"))
        await began.wait()
        staying = tasks.create_task(images.page(loaded, 1, "thumb"))
        leaving.cancel()
    made = staying.result()
    assert made is not None
    assert made.path.exists()


async def test_another_tiff_is_another_picture(office: Office) -> None:
    number = await kept(office, IN)
    path = f"/api/faxes/{number}/pages/1.png?size=thumb"
    before = await office.bob.get(path)
    write_tiff(office.folders.received_tiff(number), [fax(drawing(1728, 500, seed=9), tags=STANDARD)])
    after = await office.bob.get(path, If_None_Match=before.headers["ETag"])
    assert picture(after).size != picture(before).size


async def test_what_nobody_looks_at_makes_room(office: Office, drawn: list[tuple[int, int | None]]) -> None:
    number = await kept(office, IN, 4)
    folder = images_folder(office.folders.data_dir, number)
    folder.mkdir(parents=True)
    half_made = folder / ".9-thumb-x.png.123.0123abcd"
    half_made.write_bytes(b"x")  # by a run that was killed
    other = images_folder(office.folders.data_dir, 777) / "1-thumb-x.png"
    other.parent.mkdir()
    other.write_bytes(b"x" * (1 << 20))

    async def look(page: int) -> None:
        picture(await office.bob.get(f"/api/faxes/{number}/pages/{page}.png?size=thumb"))

    await look(1)
    assert not half_made.exists()
    assert other.exists()
    hours_ago = time.time() - 7_200
    os.utime(other, (hours_ago, hours_ago))
    for path in folder.iterdir():
        os.utime(path, (hours_ago + 60, path.stat().st_mtime))
    office.installation.configure(
        general=f"data_dir={office.folders.data_dir}\nmin_free_mb=0\npage_cache_mb=1"
    )
    await look(2)
    assert not other.parent.exists()
    await look(1)
    assert drawn == [(1, 240), (2, 240)]  # the first one had room to stay


async def test_with_little_room_on_the_disk_pictures_go_first(office: Office) -> None:
    number = await kept(office, IN)
    old = images_folder(office.folders.data_dir, 777) / "1-thumb-x.png"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"x")
    os.utime(old, (0, 0))
    office.installation.configure(general=f"data_dir={office.folders.data_dir}\nmin_free_mb=10000000")
    picture(await office.bob.get(f"/api/faxes/{number}/pages/1.png?size=thumb"))
    assert not old.exists()


async def test_pictures_go_with_the_pages(office: Office) -> None:
    number = await kept(office, IN)
    picture(await office.bob.get(f"/api/faxes/{number}/pages/1.png?size=thumb"))
    folder = images_folder(office.folders.data_dir, number)
    assert len(list(folder.iterdir())) == 1
    remove_images(office.folders.data_dir, number)
    assert not folder.exists()
    remove_images(office.folders.data_dir, number)


def cut(tiff: Path) -> None:
    """Lose the second page's directory, as a full disk does."""
    content = bytearray(tiff.read_bytes())
    first = int.from_bytes(content[4:8], "little")
    entries = int.from_bytes(content[first : first + 2], "little")
    link = first + 2 + 12 * entries
    content[link : link + 4] = (len(content) + 1000).to_bytes(4, "little")
    tiff.write_bytes(content)


async def test_what_came_damaged_is_shown_as_it_was_mended(office: Office) -> None:
    number = await kept(office, IN)
    tiff = office.folders.received_tiff(number)
    cut(tiff)
    asked = f"/api/faxes/{number}/pages/1.png?size=thumb"
    none_yet = await office.bob.get(asked)
    assert none_yet.status == 404
    assert "can't be shown" in problem(none_yet)["detail"]
    info = convert.PdfInfo("", datetime.now(UTC))
    tmp_dir = office.installation.tmp
    made = await convert.to_pdf(tiff, office.folders.received_pdf(number), info=info, tmp_dir=tmp_dir)
    assert made.outcome == "repaired"
    shown = picture(await office.bob.get(asked))
    assert shown.width == 240
    assert shown.convert("L").histogram()[0] > 0


async def test_the_pdf_of_a_sent_fax_has_its_very_pixels(office: Office, tmp_path: Path) -> None:
    number = await kept(office, OUT)
    first = await office.bob.get(f"/api/faxes/{number}/fax.pdf")
    assert (first.status, first.headers["Content-Type"]) == (200, "application/pdf")
    assert first.headers["Content-Disposition"].startswith('inline; filename="fax-')
    (tmp_path / "fax.pdf").write_bytes(first.body)
    extract = await asyncio.create_subprocess_exec(
        "pdfimages", "-png", str(tmp_path / "fax.pdf"), str(tmp_path / "page")
    )
    assert await extract.wait() == 0
    with Image.open(office.folders.fax_tiff(number)) as tiff:
        for page in range(2):
            tiff.seek(page)
            with Image.open(tmp_path / f"page-{page:03}.png") as image:
                assert image.convert("1").tobytes() == tiff.convert("1").tobytes()
    part = await office.bob.get(f"/api/faxes/{number}/fax.pdf?download=1", Range="bytes=0-3")
    assert (part.status, part.body) == (206, b"%PDF")
    assert part.headers["Content-Disposition"].startswith("attachment; ")


async def test_files_are_streamed_with_ranges(office: Office) -> None:
    for of in (IN, OUT):
        number = await kept(office, of)
        tiff = page_images.fax_tiff(office.folders, await office.load(number))
        whole = await office.bob.get(f"/api/faxes/{number}/fax.tiff")
        assert (whole.status, whole.body) == (200, tiff.read_bytes())
        assert whole.headers["Content-Disposition"].startswith("attachment; ")
        part = await office.bob.get(f"/api/faxes/{number}/fax.tiff", Range="bytes=0-1")
        assert (part.status, part.body) == (206, b"II")
    office.folders.received_pdf(1).write_bytes(b"%PDF-1.7")
    received = await office.bob.get("/api/faxes/1/fax.pdf")
    assert (received.body, received.headers["Content-Type"]) == (b"%PDF-1.7", "application/pdf")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("pages/3.png", 404), ("pages/0.png", 404), ("pages/-1.png", 404), ("pages/01.png", 404), ("pages/1.jpg", 404),
        ("pages/1", 404), ("pages/%D9%A1.png", 404), ("pages/99999.png", 404), ("pages/100000.png", 404),
        ("pages/1.png?size=huge", 400), ("pages/1.png?size=", 400), ("fax.png", 404), ("document", 404),
        ("pages/..%2f..%2fx.png", 400), ("pages/1.png%00", 400),
    ],
)  # fmt: skip
async def test_nothing_else_is_there(office: Office, path: str, status: int) -> None:
    number = await kept(office, OUT)
    assert (await office.bob.get(f"/api/faxes/{number}/{path}")).status == status


FILES = ("pages/1.png", "fax.pdf", "fax.tiff")


@pytest.mark.parametrize(
    ("of", "status", "says"),
    [
        (replace(OUT, state="rendering"), 409, "not ready yet"),
        (replace(IN, state="converting"), 409, "not ready yet"),
        (replace(OUT, state="failed"), 404, ""),
        (replace(OUT, files_deleted=1.0), 410, "when their time was over"),
        (replace(OUT, files_deleted=1.0, deleted_at=1.0, deleted_by="ann"), 410, "ann deleted them"),
    ],
)
async def test_a_fax_without_pages(office: Office, of: Fax, status: int, says: str) -> None:
    number = await office.add(of)
    for name in FILES:
        reply = await office.bob.get(f"/api/faxes/{number}/{name}")
        assert reply.status == status
        assert says in problem(reply)["detail"]


async def test_another_accounts_pages_are_not_there(office: Office) -> None:
    number = await kept(office, OUT)
    eve = await office.signed_in("Quiet", "eve")
    for name in FILES:
        foreign, unknown = (
            await eve.get(f"/api/faxes/{number}/{name}"),
            await eve.get(f"/api/faxes/777/{name}"),
        )
        assert (foreign.status, foreign.text) == (404, unknown.text)
    eve.cookie = ""
    assert {(await eve.get(f"/api/faxes/{number}/{name}")).status for name in FILES} == {401}
    assert not (office.folders.data_dir / "images").exists()


@pytest.mark.parametrize(("error", "status"), [(28, 507), (5, 503)])
async def test_a_disk_that_takes_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch, error: int, status: int
) -> None:
    number = await kept(office, OUT)

    def refuse(_folder: Path) -> Callable[[], None]:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(page_images, "_make_folders", refuse)
    for name in ("pages/1.png", "fax.pdf"):
        reply = await office.bob.get(f"/api/faxes/{number}/{name}")
        assert reply.status == status
        problem(reply)


async def test_the_sizes_of_pages_are_told(office: Office) -> None:
    number = await kept(office, IN)
    shown = (await office.bob.get(f"/api/faxes/{number}")).json["page_sizes"]
    assert shown == [{"width": 1728, "length": 1146, "across": 204, "down": 98}] * 2
    office.folders.received_tiff(number).write_bytes(b"no TIFF at all")
    assert (await office.bob.get(f"/api/faxes/{number}")).json["page_sizes"] == []


async def test_what_is_no_tiff_has_no_pdf(office: Office) -> None:
    number = await kept(office, OUT)
    office.folders.fax_tiff(number).write_bytes(b"no TIFF at all")
    for name, says in (("fax.pdf", "can't be shown"), ("pages/1.png", "has no page 1")):
        reply = await office.bob.get(f"/api/faxes/{number}/{name}")
        assert reply.status == 404
        assert says in problem(reply)["detail"]


async def test_pages_that_go_while_they_are_drawn(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    number = await kept(office, OUT)
    draw = convert.page_png

    async def late(tiff: Path, page: int, png: Path, *, width: int | None, tmp_dir: Path) -> None:
        remove_images(office.folders.data_dir, number)
        await draw(tiff, page, png, width=width, tmp_dir=tmp_dir)

    monkeypatch.setattr(convert, "page_png", late)
    reply = await office.bob.get(f"/api/faxes/{number}/pages/1.png?size=thumb")
    assert reply.status == 404
    assert "not there any more" in problem(reply)["detail"]


async def test_a_fax_whose_tiff_and_pdf_show_nothing(office: Office) -> None:
    number = await kept(office, IN)
    cut(office.folders.received_tiff(number))
    office.folders.received_pdf(number).write_bytes(b"no PDF at all")
    reply = await office.bob.get(f"/api/faxes/{number}/pages/1.png?size=thumb")
    assert reply.status == 404
    assert "can't be shown" in problem(reply)["detail"]
    assert office.installation.leftovers() == []
