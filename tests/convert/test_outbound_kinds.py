"""Pictures, plain text and office documents become fax pages as their viewers show them."""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from nexefax.errors import ChildFailed, ChildTimeout
from nexefax.fax.convert import office, plaintext
from nexefax.fax.convert.office import START_AGAIN, office_program
from nexefax.process import Finished
from tests.convert.drawn import Draw, Refuse, blank, ink, near
from tests.convert.pdf_writer import PdfWriter, box

PICTURE_BROKEN = "The picture is damaged and can't be read. Open it, and save it again."


def saved(picture: Image.Image, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def cornered(width: int = 600, height: int = 800, mode: str = "L") -> Image.Image:
    """White with a black top left quarter."""
    picture = Image.new("L", (width, height), 255)
    picture.paste(0, (0, 0, width // 2, height // 2))
    return picture.convert(mode)


@pytest.mark.parametrize("orientation", range(1, 9))
async def test_a_photo_is_turned_as_it_was_taken(draw: Draw, orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    data = saved(cornered(), "JPEG", exif=exif, quality=95)
    with Image.open(io.BytesIO(data)) as opened:
        expected = ImageOps.exif_transpose(opened).convert("L")
    _, (page,) = await draw(data, fit="width")
    black = expected.point(lambda grey: 0 if grey < 128 else 255)
    assert near(ink(page), ink(black), by=0.02)


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "P", "LA", "RGBA", "I;16"])
async def test_pngs_of_any_kind(draw: Draw, mode: str) -> None:
    picture = cornered() if mode == "I;16" else cornered(mode=mode)
    if mode == "I;16":
        picture = Image.new("I;16", (600, 800), 65_535)
        picture.paste(0, (0, 0, 300, 400))
    rendering, (page,) = await draw(saved(picture, "PNG", dpi=(100, 100)))
    assert rendering.engine == "magick"
    margin = (1 - 600 / 100 / (1728 / 204)) / 2
    assert near(ink(page), (margin, 0, 0.5, 0.5), by=0.02)


async def test_what_is_transparent_is_white(draw: Draw) -> None:
    picture = Image.new("RGBA", (600, 800), (0, 0, 0, 0))
    picture.paste((0, 0, 0, 255), (0, 0, 300, 400))
    _, (page,) = await draw(saved(picture, "PNG"), fit="width")
    assert near(ink(page), (0, 0, 0.5, 0.5), by=0.02)


@pytest.mark.parametrize("size", [(3_000, 4_000), (3, 3), (4000, 20), (20, 4000)])
async def test_pictures_of_any_size(draw: Draw, size: tuple[int, int]) -> None:
    _, (page,) = await draw(saved(Image.new("1", size, 0), "PNG"))
    assert not blank(page)


def png_of(width: int, height: int, rows: bytes) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\0\0\0\0"
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


NOISE = Image.effect_noise((400, 400), 60)
PNG, JPEG = saved(NOISE, "PNG"), saved(NOISE, "JPEG")
FLIPPED = PNG[:2_000] + bytes([PNG[2_000] ^ 0xFF]) + PNG[2_001:]


@pytest.mark.parametrize(
    "damaged",
    [
        PNG[: len(PNG) // 2],
        JPEG[: len(JPEG) // 2],
        PNG[:60],
        JPEG[:60],
        FLIPPED,
        png_of(400, 400, b"\0"),
    ],
    ids=["half a PNG", "half a JPEG", "a PNG's head", "a JPEG's head", "a flipped byte", "no rows"],
)
async def test_damaged_pictures_are_not_sent_in_half(refuse: Refuse, damaged: bytes) -> None:
    assert await refuse(damaged) == PICTURE_BROKEN


@pytest.mark.parametrize(
    "words",
    [
        "Grüße aus dem Büro",
        "Привет, мир",
        "Γειά σου Κόσμε",
        "שלום עולם",
        "مرحبا بالعالم",
        "你好，世界",
        "नमस्ते दुनिया",
        "😀 and ♞ and ∑",
    ],
)
async def test_text_in_any_script(draw: Draw, words: str) -> None:
    rendering, (page,) = await draw(words.encode())
    assert rendering.engine == "paps"
    left, top, right, bottom = ink(page)
    assert 0.02 < left < right < 0.98
    assert 0.02 < top < bottom < 0.15


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
async def test_text_with_a_byte_order_mark(draw: Draw, encoding: str) -> None:
    _, (plain,) = await draw("Grüße, мир".encode())
    _, (marked,) = await draw("Grüße, мир".encode(encoding))
    assert plain.tobytes() == marked.tobytes()


async def test_text_from_right_to_left_begins_on_the_right(draw: Draw) -> None:
    _, (page,) = await draw("שלום עולם".encode())
    assert ink(page)[0] > 0.5
    _, (page,) = await draw(b"Hello")
    assert ink(page)[2] < 0.5


async def test_long_lines_are_wrapped_and_tabs_are_spaces(draw: Draw) -> None:
    _, (page,) = await draw(b"word " * 100 + b"\n" + b"x" * 300)
    assert ink(page)[2] < 0.97
    assert ink(page)[3] > 0.1
    _, (tabbed,) = await draw(b"\t\tHello")
    _, (plain,) = await draw(b"Hello")
    assert ink(tabbed)[0] > ink(plain)[0] + 0.05


async def test_form_feeds_begin_new_pages_and_long_texts_have_many(draw: Draw, refuse: Refuse) -> None:
    _, pages = await draw(b"One\fTwo\fThree")
    assert len(pages) == 3
    assert not any(blank(page) for page in pages)
    _, pages = await draw(b"A line\r\n" * 150)
    assert len(pages) in (2, 3)
    said = await refuse(b"A line\n" * 150, max_pages=1)
    assert said.startswith("The document has ")


async def test_control_characters_leave_no_trace(draw: Draw) -> None:
    plain = (await draw(b"x" * 8_200 + b"\nend"))[1]
    odd = (await draw(b"x" * 8_200 + b"\0\x07\x7f\nend"))[1]
    assert [page.tobytes() for page in plain] == [page.tobytes() for page in odd]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("Grüße aus dem Büro".encode("latin-1"), "The text is not in UTF-8. Save it as UTF-8, or print"),
        (b"\xff\xfeH\0i", "The text is not in UTF-8. Save it as UTF-8, or print"),
        (b" \r\n\t\n", "The text is empty."),
        (b"\xef\xbb\xbf", "The text is empty."),
        (b"Hello\0World", "The document is of a kind that can't be faxed."),
        (b"word\n" * 220_000, "The text is longer than 1 MB. Send it in parts."),
    ],
)
async def test_texts_that_cannot_be_faxed(refuse: Refuse, data: bytes, said: str) -> None:
    assert (await refuse(data)).startswith(said)


async def test_a_text_that_cannot_be_laid_out(refuse: Refuse, monkeypatch: pytest.MonkeyPatch) -> None:
    for finished in (None, Finished(1, b"%!PS\n%%Page: 1 1\n", b"")):

        async def broken(*_: object, finished: Finished | None = finished, **__: object) -> Finished | None:
            return finished

        monkeypatch.setattr(plaintext, "attempt", broken)
        assert await refuse(b"Hello") == (
            "The text can't be laid out on pages. Print it to a PDF, and send that."
        )


RTF = rb"{\rtf1\ansi Hello, this is a letter.\par}"


async def test_office_documents_without_libreoffice(
    refuse: Refuse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("nexefax.process.PROGRAM_PATH", str(tmp_path))
    assert office_program() is None
    assert await refuse(RTF) == (
        "Office documents can't be faxed here, as LibreOffice is not installed. Save the document as a PDF."
    )


class Suite:
    """Stands in for LibreOffice: answers its calls in turn, the last with a PDF."""

    def __init__(self, folder: Path, *answers: int | Exception) -> None:
        program = folder / "suite" / "program"
        program.mkdir(parents=True)
        for name in ("soffice", "soffice.bin"):
            (program / name).write_bytes(b"")
            (program / name).chmod(0o755)
        self.folder, self.answers, self.calls = program, list(answers), 0

    async def run(self, argv: Sequence[str], *, scratch: Path, **_: object) -> Finished:
        answer = self.answers[self.calls]
        self.calls += 1
        assert argv[0] == str(self.folder / "soffice.bin")
        assert Path(argv[-1]).read_bytes() == RTF
        if isinstance(answer, Exception):
            raise answer
        if answer == 0:
            writer = PdfWriter()
            writer.page(box(0, 396, 306, 396))
            writer.write(scratch / f"{Path(argv[-1]).stem}.pdf")
        return Finished(answer, b"", b"")


@pytest.mark.parametrize("answers", [(0,), (START_AGAIN, 0)])
async def test_office_documents_by_way_of_a_pdf(
    draw: Draw, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answers: tuple[int, ...]
) -> None:
    suite = Suite(tmp_path, *answers)
    monkeypatch.setattr("nexefax.process.PROGRAM_PATH", str(suite.folder))
    assert office_program() == suite.folder / "soffice.bin"
    monkeypatch.undo()
    monkeypatch.setattr(office, "office_program", lambda: suite.folder / "soffice.bin")
    monkeypatch.setattr(office, "run", suite.run)
    rendering, (page,) = await draw(RTF)
    assert rendering.engine == "gs"
    assert near(ink(page), (0, 0, 0.5, 0.5))
    assert suite.calls == len(answers)


@pytest.mark.parametrize("answer", [1, ChildTimeout("too slow"), ChildFailed("no memory")])
async def test_office_documents_that_cannot_be_read(
    refuse: Refuse,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    answer: int | Exception,
) -> None:
    suite = Suite(tmp_path_factory.mktemp("made"), answer)
    monkeypatch.setattr(office, "office_program", lambda: suite.folder / "soffice.bin")
    monkeypatch.setattr(office, "run", suite.run)
    assert await refuse(RTF) == "The office document can't be read. Open it, and print or save it as a PDF."


@pytest.mark.parametrize("program", [found for found in [office_program()] if found], ids=str)
async def test_office_documents_by_the_libreoffice_that_is_here(draw: Draw, program: Path) -> None:
    rendering, (page,) = await draw(RTF)
    assert rendering.engine == "gs"
    assert ink(page)[3] < 0.3
