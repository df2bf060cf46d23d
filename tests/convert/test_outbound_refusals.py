"""Documents that can't be faxed: each for its own reason, in one plain sentence, with nothing left behind."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from nexefax.errors import ChildBroken, DocumentError
from nexefax.fax.convert import RenderSettings, render
from nexefax.fax.convert.document import Kind, recognise
from nexefax.fax.convert.work import check_page_count, missing_sentence
from tests.convert.drawn import Draw, Refuse, ink
from tests.convert.pdf_writer import PdfWriter, box, text

DAMAGED = "The document is damaged and can't be read. Save it again, or print it to a new PDF."


def document(pages: int = 3, **wrong: object) -> bytes:
    writer = PdfWriter()
    for number in range(1, pages + 1):
        writer.page(text(72, 600, 40, f"Page {number}") + box(72, 100, 300, 300))
    for name, value in wrong.items():
        setattr(writer, name, value)
    return writer.bytes()


@pytest.mark.parametrize("options", [("256",), ("128", "--use-aes=y"), ("40",)])
async def test_a_password_is_asked_for_only_where_one_is_needed(
    draw: Draw, refuse: Refuse, tmp_path: Path, options: tuple[str, ...]
) -> None:
    weak = ("--allow-weak-crypto",) if options[0] != "256" else ()
    folder = tmp_path.with_name(tmp_path.name + "-made")
    folder.mkdir()
    plain, locked = folder / "plain.pdf", folder / "locked.pdf"
    plain.write_bytes(document())
    for user in ("secret", ""):
        command = ["qpdf", *weak, "--encrypt", user, "owner", *options, "--", str(plain), str(locked)]
        subprocess.run(command, check=True)
        if user:
            said = await refuse(locked.read_bytes())
            assert said == (
                "The document is protected by a password. Open it, print it to a new PDF, and send that."
            )
        else:
            rendering, pages = await draw(locked.read_bytes())
            assert len(pages) == 3
            assert rendering.notes == ()
            assert all(ink(page) for page in pages)


CERTIFICATE = (
    b"<< /Filter /Adobe.PubSec /SubFilter /adbe.pkcs7.s5 /V 4 /CF << /DefaultCryptFilter << /CFM /AESV2 "
    b"/Recipients [<00>] >> >> /StmF /DefaultCryptFilter /StrF /DefaultCryptFilter >>"
)


async def test_encrypted_for_certain_people(refuse: Refuse) -> None:
    writer = PdfWriter()
    writer.page(text(72, 600, 40, "Secret"))
    writer.trailer = f"/Encrypt {writer.add(CERTIFICATE)} 0 R /ID [<00><00>]"
    said = await refuse(writer.bytes())
    assert (
        said == "The document is encrypted for certain people. Open it, print it to a new PDF, and send that."
    )


@pytest.mark.parametrize(
    "damaged",
    [
        document()[:60],
        document()[:200],
        b"%PDF-1.7\n" + bytes(range(256)) * 20,
        b"%PDF-1.7\n" + b"hello world " * 200,
        b"%PDF-1.4 nothing\n%!PS\n0 0 100 100 rectfill showpage\n",
        b"%PDF-1.4\n%!PS-Adobe-3.0\n{ } loop\n",
    ],
    ids=[
        "60 bytes",
        "200 bytes",
        "binary garbage",
        "words",
        "PostScript behind",
        "endless PostScript behind",
    ],
)
async def test_damaged_beyond_reading(refuse: Refuse, damaged: bytes) -> None:
    assert await refuse(damaged) == DAMAGED


@pytest.mark.parametrize("cut", [1_018, 1_198])
async def test_a_cut_off_end_with_all_pages_there_is_faxed_whole(draw: Draw, cut: int) -> None:
    _, pages = await draw(document()[:cut])
    assert len(pages) == 3
    assert all(ink(page) for page in pages)


async def test_no_pages_at_all(refuse: Refuse) -> None:
    assert await refuse(PdfWriter().bytes()) == "The document has no pages."


@pytest.mark.parametrize("count", [50, 2_147_483_647, -1, 0])
async def test_a_page_count_that_is_too_high_or_none(draw: Draw, count: int) -> None:
    _, pages = await draw(document(count=count))
    assert len(pages) == 3


async def test_a_page_count_that_is_too_low_is_told(draw: Draw) -> None:
    rendering, pages = await draw(document(count=1))
    assert len(pages) == 1
    assert rendering.notes == (
        "Programs disagree on how many pages the document has: 1 was faxed, as most viewers show it, but there may be "
        "3. Check that none is missing.",
    )


async def test_a_page_that_is_none_is_named_with_the_good_ones(refuse: Refuse) -> None:
    writer = PdfWriter()
    for number in range(1, 6):
        writer.page(text(72, 600, 40, f"Page {number}"))
    writer.objects[writer.pages[4] - 1] = b"null"
    said = await refuse(writer.bytes())
    assert said == (
        "Page 5 of the document can't be read, so nothing was faxed. The rest (pages 1 to 4) is good: "
        "print those to a new PDF, or repair the document."
    )


@pytest.mark.parametrize(("pages", "most"), [(4, 3), (4, 1)])
async def test_too_many_pages(refuse: Refuse, pages: int, most: int) -> None:
    said = await refuse(document(pages), max_pages=most)
    assert said == (
        f"The document has {pages} pages, but not more than {most} may be faxed at once. Send it in parts."
    )


async def test_as_many_pages_as_may_be(draw: Draw) -> None:
    _, pages = await draw(document(3), max_pages=3)
    assert len(pages) == 3


def bomb() -> bytes:
    """Forms within forms, ten each, twelve deep: no engine ends this."""
    writer = PdfWriter()
    form = writer.stream(
        box(0, 0, 500, 700, 0.5).encode(), "/Type /XObject /Subtype /Form /BBox [0 0 612 792]"
    )
    for _ in range(12):
        form = writer.stream(
            b"/F Do " * 10,
            "/Type /XObject /Subtype /Form /BBox [0 0 612 792] "
            f"/Resources << /XObject << /F {form} 0 R >> >>",
        )
    writer.page("/F Do", resources=f"/XObject << /F {form} 0 R >>")
    return writer.bytes()


async def test_too_slow(refuse: Refuse) -> None:
    said = await refuse(bomb(), timeout=2)
    assert said == (
        "The document takes longer than 2 seconds to render. Print it to a new PDF, or send it in parts."
    )


async def test_a_page_that_is_too_slow_is_named(refuse: Refuse, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOOK_SECONDS", "RUN_SECONDS", "PAGE_SECONDS"):
        monkeypatch.setattr(f"nexefax.fax.convert.pdf.{name}", 1.0)
    said = await refuse(bomb())
    assert said.startswith("Page 1 of the document can't be read, so nothing was faxed.")


async def test_too_little_memory_for_one_engine(draw: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = (await draw(document(1)))[1]
    monkeypatch.setattr("nexefax.fax.convert.poppler._MEMORY", 20 << 20)
    found = await draw(document(1), halftone="text")
    assert found[0].engine == "gs"
    assert ink(found[1][0]) == pytest.approx(ink(expected[0]), abs=0.01)


async def test_too_little_memory_to_begin_is_not_the_documents_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nexefax.fax.convert.ghostscript._MEMORY", 20 << 20)
    monkeypatch.setattr("nexefax.fax.convert.poppler._MEMORY", 20 << 20)
    monkeypatch.setattr("nexefax.fax.convert.pdf.ASK_SECONDS", 5.0)
    source = tmp_path / "in"
    source.write_bytes(document(1))
    with pytest.raises(ChildBroken, match="Ghostscript does not work here"):
        await render(source, tmp_path / "fax.tiff", settings=RenderSettings(), tmp_dir=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "The document is empty: it has 0 bytes."),
        (b"%!PS-Adobe-3.0\nshowpage\n", "The document is PostScript, which can't be faxed."),
        (b"\x04%!PS\n%PDF-1.4\nshowpage\n", "The document is PostScript, which can't be faxed."),
        (b"\r\n  %!PS\nshowpage\n", "The document is PostScript, which can't be faxed."),
        (b"\xc5\xd0\xd3\xc6" + bytes(28), "The document is PostScript, which can't be faxed."),
        (b"GIF89a" + bytes(range(200)), "The document is of a kind that can't be faxed. Send a PDF,"),
        (b"PK\x03\x04" + bytes(100), "The document is of a kind that can't be faxed. Send a PDF,"),
        (b"\x7fELF\x02\x01\x01" + bytes(100), "The document is of a kind that can't be faxed. Send a PDF,"),
        (b"<!DOCTYPE html><p>Hello", "The document is a web page or XML, which can't be faxed."),
        (b"\xef\xbb\xbf  <html><p>Hello", "The document is a web page or XML, which can't be faxed."),
        (b"<?xml version='1.0'?><x/>", "The document is a web page or XML, which can't be faxed."),
        (b"Return-Path: <a@b>\r\nSubject: x\r\n\r\nbody", "The document is a mail."),
        (b"MIME-Version: 1.0\r\n\r\nbody", "The document is a mail."),
        (b"--=_part\r\nContent-Type: text/plain\r\n\r\nbody", "The document is a mail."),
    ],
)
async def test_what_no_fax_can_be_made_of(refuse: Refuse, content: bytes, said: str) -> None:
    assert (await refuse(content)).startswith(said)


OFFICE = {
    "docx": b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml",
    "odt": b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/vnd.oasis.opendocument.text",
    "xlsx": b"PK\x03\x04" + bytes(26) + b"xl/workbook.xml",
    "doc": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100),
    "rtf": rb"{\rtf1 Hello}",
}


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"%PDF-1.4\n", Kind.PDF),
        (b"\xef\xbb\xbf%PDF-1.4\n", Kind.PDF),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 900 + b"%PDF-1.4\n", Kind.PDF),
        (b"II*\0\x08\0\0\0", Kind.TIFF),
        (b"MM\0*\0\0\0\x08", Kind.TIFF),
        (b"II+\0\x08\0\0\0", Kind.TIFF),
        (b"MM\0+\0\x08\0\0", Kind.TIFF),
        (b"\x89PNG\r\n\x1a\n%PDF-", Kind.PNG),
        (b"\xff\xd8\xff\xe0", Kind.JPEG),
        *((content, Kind.OFFICE) for content in OFFICE.values()),
        (b"Hello", Kind.TEXT),
        (b"x" * 1024 + b"%PDF-1.4\n", Kind.TEXT),
        ("Привет, 世界, שלום, مرحبا".encode(), Kind.TEXT),
        (b"x" * 8191 + "é".encode(), Kind.TEXT),  # cut within a letter
        ("Wide".encode("utf-16"), Kind.TEXT),
        ("Grüße aus dem Büro, an alle Kollegen".encode("latin-1"), Kind.TEXT),
        (b"--\r\nnot a mail", Kind.TEXT),
    ],
)
def test_kinds_are_known_by_their_first_bytes(tmp_path: Path, content: bytes, kind: Kind) -> None:
    path = tmp_path / "name.exe"
    path.write_bytes(content)
    assert recognise(path) is kind


def test_the_sentences_of_page_counts() -> None:
    check_page_count(1, 1)
    check_page_count(500, 500)
    with pytest.raises(DocumentError, match="no pages"):
        check_page_count(0, 500)
    with pytest.raises(DocumentError, match="501 pages, but not more than 500"):
        check_page_count(501, 500)
    assert missing_sentence([2], [1, 2, 3]).startswith("Page 2 of the document can't be read")
    assert "(pages 1 and 3)" in missing_sentence([2], [1, 2, 3])
    assert missing_sentence([1, 2], [1, 2]).endswith("Save the document again, or print it to a new PDF.")


async def test_a_document_on_another_disk_or_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, scratch = tmp_path / "in", tmp_path / "scratch"
    scratch.mkdir()
    with pytest.raises(FileNotFoundError):
        await render(source, tmp_path / "fax.tiff", settings=RenderSettings(), tmp_dir=scratch)
    assert list(scratch.iterdir()) == []

    def no_links(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    source.write_bytes(document(1))
    monkeypatch.setattr("os.link", no_links)
    rendering = await render(source, tmp_path / "fax.tiff", settings=RenderSettings(), tmp_dir=scratch)
    assert len(rendering.pages) == 1
    await asyncio.to_thread(source.unlink)
