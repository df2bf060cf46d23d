"""Cover pages: what is written on them in any script, what can't get onto them, and what is said when there is none."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from nexefax.errors import ChildBroken, ChildMissing, CoverError
from nexefax.fax import cover
from nexefax.fax.convert import Rendering, RenderSettings, Resolution, Slots, html
from nexefax.fax.cover import CoverFacts, covers_possible, draw_cover
from nexefax.markup import Markup
from tests.convert.drawn import ink, pages_of

FACTS = CoverFacts(
    account="ACME",
    to_number="+1 202 555 0199",
    date=datetime(2026, 11, 25, 14, 5, tzinfo=UTC),
    document_pages=4,
    from_name="Harbour Street Clinic",
    from_fax="+1 202 555 0154",
    from_phone="+1 202 555 0100",
    from_email="desk@clinic.example",
    from_web="www.clinic.example",
    to_name="Dr. Gray",
    subject="Referral",
    message="Dear Dr. Gray,\n\nplease see the enclosed.",
)


class Covers:
    """Draws covers, and keeps the PDFs that they were made from."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tiff = folder / "cover.tif"
        self.pdfs: list[Path] = []

    async def draw(
        self, facts: CoverFacts, template: str | Path | None = None, **settings: object
    ) -> Rendering:
        if isinstance(template, str):
            path = self.folder / "template.html"
            path.write_text(template, "utf-8")
            template = path
        return await draw_cover(
            facts,
            self.tiff,
            template=template,
            settings=RenderSettings(**settings),  # type: ignore[arg-type]  # by name
            tmp_dir=self.folder,
            slots=Slots(),
        )

    @property
    def text(self) -> str:
        """What is written on the last cover, as pdftotext reads it."""
        argv = ["/usr/bin/pdftotext", str(self.pdfs[-1]), "-"]
        return subprocess.run(argv, capture_output=True, check=True, timeout=60).stdout.decode()


@pytest.fixture
def covers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Covers:
    made = Covers(tmp_path)
    real = html.html_to_pdf

    async def keeping(source: str, pdf: Path, *, room: Path) -> str:
        lacking = await real(source, pdf, room=room)
        kept = tmp_path / f"kept-{len(made.pdfs)}.pdf"
        shutil.copyfile(pdf, kept)
        made.pdfs.append(kept)
        return lacking

    monkeypatch.setattr(html, "html_to_pdf", keeping)
    return made


async def test_everything_is_told_and_the_pages_include_the_cover(covers: Covers) -> None:
    rendering = await covers.draw(FACTS)
    assert len(rendering.pages) == 1
    assert rendering.notes == ()
    said = covers.text
    for words in (
        "Harbour Street Clinic", "+1 202 555 0154", "+1 202 555 0100", "desk@clinic.example", "www.clinic.example",
        "Dr. Gray", "+1 202 555 0199", "Referral", "please see the enclosed.", "25 November 2026", "14:05",
    ):  # fmt: skip
        assert words in said, words
    assert "\n5\n" in said
    (page,) = pages_of(covers.tiff)
    assert page.size == (1728, (11 * 196))
    # One bit has no greys: nothing is dithered, or the line would carry many times as much.
    assert rendering.pages[0].bytes < 20_000
    left, top, right, bottom = ink(page)
    assert min(left, top, 1 - right, 1 - bottom) > 0.03


async def test_standard_resolution_and_a_cover_that_says_next_to_nothing(covers: Covers) -> None:
    facts = CoverFacts("ACME", "12025550199", FACTS.date, document_pages=None)
    await covers.draw(facts, resolution=Resolution.STANDARD)
    (page,) = pages_of(covers.tiff)
    assert page.size == (1728, 11 * 98)
    assert "12025550199" in covers.text
    assert not {"Pages", "PAGES", "Phone", "None"} & set(covers.text.split())


async def test_a_long_message_flows_over_and_all_sheets_are_counted(covers: Covers) -> None:
    paragraphs = [f"Paragraph {number}: " + "and so on and so on " * 16 for number in range(1, 16)]
    rendering = await covers.draw(replace(FACTS, message="\n\n".join(paragraphs), document_pages=10))
    assert len(rendering.pages) == len(pages_of(covers.tiff)) == 3
    assert len(covers.pdfs) == 2  # drawn again as the first did not know of its second sheet
    said = " ".join(covers.text.split())
    assert [f"Paragraph {number}:" in said for number in range(1, 16)] == [True] * 15
    assert " 13 " in said
    assert {"Cover page 2", "Cover page 3"} <= {said[at : at + 12] for at in range(len(said))}


async def test_a_cover_that_never_settles_ends_all_the_same(
    covers: Covers, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two sheets when it is to say 5 pages, one when it is to say 6.
    template = "<style>@page{size:8in 6in}</style>{{pages}}"
    template += "<div style='height:3in'></div>"
    calls: list[int] = []
    real = cover._filled

    def filled(markup: Markup, facts: CoverFacts, sheets: int) -> str:
        calls.append(sheets)
        return real(markup, facts, sheets) + ("<div style='height:2in'></div>" if sheets == 1 else "")

    monkeypatch.setattr(cover, "_filled", filled)
    rendering = await covers.draw(FACTS, template)
    assert calls == [1, 2]
    assert len(rendering.pages) == 1


SCRIPTS = {
    "Greek": "Παραπομπή ασθενούς",
    "Cyrillic": "Направление к врачу",
    "Arabic": "إحالة مريض إلى الطبيب",
    "Hebrew": "הפניה לרופא מומחה",
    "Japanese": "検査結果について",
    "Chinese": "检查结果请查收",
}


@pytest.mark.parametrize("script", SCRIPTS)
async def test_any_script_is_drawn_and_what_runs_leftwards_is_aligned_right(
    covers: Covers, script: str
) -> None:
    words = SCRIPTS[script]
    template = (
        "<style>@page{size:8.47in 3in;margin:0.5in}p,div{margin:0}.rtl{direction:rtl;text-align:right}</style>"
        '{{#message}}<p class="{{direction}}">{{text}}</p>{{/message}}'
    )
    await covers.draw(replace(FACTS, message=words), template)
    left, _, right, _ = ink(pages_of(covers.tiff)[0])
    if script in {"Arabic", "Hebrew"}:
        assert right > 0.92
        assert left > 0.5
    else:
        assert left < 0.08
        assert right < 0.5


async def test_letters_without_a_font_are_told(covers: Covers) -> None:
    rendering = await covers.draw(replace(FACTS, message="Grüße שלום \u0378 and \u0379\u200f\u00a0\u200d."))
    assert rendering.notes == (
        "The cover page lacks letters for which this server has no font: \u0378 \u0379. Ask your administrator "
        "to install one (fonts-noto-core, fonts-noto-cjk), or send the message as a PDF.",
    )
    nobodys = [chr(0xE9900 + at) for at in range(20)]
    rendering = await covers.draw(replace(FACTS, message="".join(nobodys)))
    assert f"no font: {' '.join(nobodys[:12])} …. Ask" in rendering.notes[0]


@pytest.mark.parametrize("error", [ChildBroken("no cage"), ChildMissing("gs is missing"), OSError("disk")])
async def test_what_is_the_machines_fault_stays_so(
    covers: Covers, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(cover, "render", broken)
    with pytest.raises(type(error)) as raised:
        await covers.draw(FACTS)
    assert raised.value is error


HOSTILE = [
    "<script>alert(1)</script>",
    "{{from_phone}} {{#message}}",
    "</title></style><style>@import url(http://127.0.0.1/x.css)",
    '"><img src="file:///etc/passwd">',
    "url(http://127.0.0.1/) \x00\x07\x1b \ud800",
    "&lt;b&gt; &amp;",
]


@pytest.mark.parametrize("hostile", HOSTILE)
async def test_values_are_text_whatever_they_are(covers: Covers, hostile: str) -> None:
    fields = ("from_name", "from_fax", "from_email", "from_web", "to_name", "to_number", "subject", "message")
    await covers.draw(replace(FACTS, **dict.fromkeys(fields, hostile), from_phone="1234567"))  # type: ignore[arg-type]
    shown = "".join(letter for letter in hostile if letter >= " " and letter != "\ud800")
    said = "".join(covers.text.split())
    assert said.count("".join(shown.split())) >= len(fields)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


async def test_a_template_reads_nothing_and_reaches_nobody(
    covers: Covers, listener: socket.socket, tmp_path: Path
) -> None:
    port = listener.getsockname()[1]
    secret = Image.new("L", (300, 300), 0)
    secret.save(tmp_path / "secret.png")
    system = next(Path("/usr/share").rglob("*.png"), tmp_path / "secret.png")
    nowhere = [
        f"http://127.0.0.1:{port}/x.png", "file:///etc/passwd", f"file://{tmp_path}/secret.png", "secret.png",
        f"file://{system}", "file:///dev/urandom", "/dev/zero",
    ]  # fmt: skip
    template = "".join(
        f'<link rel="stylesheet" href="{url}"><link rel="attachment" href="{url}"><img src="{url}">'
        f'<style>@import url("{url}"); @font-face {{ font-family: f; src: url("{url}") }}</style>'
        f'<div style="background:url({url});width:3in;height:1in"></div><object data="{url}"></object>'
        for url in nowhere
    )
    await covers.draw(FACTS, f"<p>{{{{to_name}}}}</p>{template}")
    with pytest.raises(BlockingIOError):
        listener.accept()
    assert covers.text.split() == ["Dr.", "Gray"]
    images = subprocess.run(
        ["/usr/bin/pdfimages", "-list", str(covers.pdfs[-1])], capture_output=True, check=True
    )
    assert len(images.stdout.splitlines()) == 2  # the head of an empty list
    attached = subprocess.run(
        ["/usr/bin/pdfdetach", "-list", str(covers.pdfs[-1])], capture_output=True, check=True
    )
    assert attached.stdout.startswith(b"0 embedded files")


async def test_a_template_shows_pictures_that_stand_in_it(covers: Covers) -> None:
    import base64
    import io

    logo = io.BytesIO()
    Image.new("1", (100, 50), 0).save(logo, "PNG")
    data = base64.b64encode(logo.getvalue()).decode()
    await covers.draw(
        FACTS, f'<style>@page{{margin:0}}body{{margin:0}}</style><img src="data:image/png;base64,{data}">'
    )
    (page,) = pages_of(covers.tiff)
    assert ImageChops.invert(page).getbbox() is not None
    assert ink(page)[0] < 0.03


BROKEN = {
    "an unknown place": ("<p>\n{{sbuject}}</p>", "line 2: there is no place 'sbuject'; see the README"),
    "an open section": ("{{#subject}}<p>{{subject}}", "line 1: the section subject is not closed"),
    "a record's place elsewhere": ("{{text}}", "line 1: there is no place 'text'"),
    "sheets without end": (
        "<p style='break-after:page'>x</p>" * 40,
        "what it makes can't be faxed: The document has 4",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_template_is_named_with_its_option(covers: Covers, name: str) -> None:
    template, reason = BROKEN[name]
    with pytest.raises(CoverError) as refused:
        await covers.draw(FACTS, template)
    said = str(refused.value)
    assert f"{covers.folder}/template.html (accounts.conf, [ACME]: cover_template): {reason}" in said
    assert said.endswith("Ask your administrator, or send the fax without a cover page.")
    assert not covers.tiff.exists()


async def test_templates_that_cannot_be_read(covers: Covers) -> None:
    path = covers.folder / "other.html"
    with pytest.raises(CoverError, match="it can't be read: No such file or directory"):
        await covers.draw(FACTS, path)
    path.write_bytes("Grüße".encode("latin-1"))
    with pytest.raises(CoverError, match="it is not in UTF-8"):
        await covers.draw(FACTS, path)
    path.write_bytes(b"x" * ((2 << 20) + 1))
    with pytest.raises(CoverError, match="it has more than 2 MB"):
        await covers.draw(FACTS, path)


async def test_what_weasyprint_cannot_draw_is_the_templates_fault(
    covers: Covers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(html, "HTML_SECONDS", 0.01)
    with pytest.raises(CoverError, match="it can't be drawn, see the log"):
        await covers.draw(FACTS)
    assert list(covers.folder.iterdir()) == []


async def test_without_weasyprint_there_is_a_sentence_and_no_fax(
    covers: Covers, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert covers_possible()
    monkeypatch.setattr("nexefax.process.PROGRAM_PATH", str(covers.folder))
    assert not covers_possible()
    with pytest.raises(CoverError) as refused:
        await covers.draw(FACTS)
    assert str(refused.value) == (
        "Cover pages can't be made on this server, as WeasyPrint is not installed there. "
        "Ask your administrator, or send the fax without a cover page."
    )


@pytest.mark.parametrize("message", ["x" * 20_001, "\n" * 700])
async def test_a_message_that_is_a_document(covers: Covers, message: str) -> None:
    with pytest.raises(CoverError, match="too long for a cover page"):
        await covers.draw(replace(FACTS, message=message))
