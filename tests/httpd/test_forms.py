"""Forms: urlencoded, multipart with files to disk, JSON; nothing left behind when they break."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from io import FileIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexefax.errors import HttpError
from nexefax.httpd import Headers, Peer, Request, Response
from nexefax.httpd import forms as forms_module
from nexefax.httpd.forms import MOST_FIELD_BYTES, MOST_PARTS, Form, read_form, read_json
from nexefax.httpd.target import Target
from tests.httpd.client import request
from tests.httpd.conftest import Serve

BOUNDARY = "----tests"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"
URLENCODED = "application/x-www-form-urlencoded"


def part(name: str, content: bytes, filename: str | None = None, extra: str = "") -> bytes:
    named = f'; filename="{filename}"' if filename is not None else ""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n{extra}\r\n'
    return head.encode() + content + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()


async def cut(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


def posted(kind: str, body: bytes, *, size: int = 65536, framing: str = "Content-Length") -> Request:
    headers = Headers({"Content-Type": kind} if kind else {})
    if framing == "Content-Length":
        headers.add(framing, str(len(body)))
    elif framing:
        headers.add(framing, "chunked")
    length = len(body) if framing == "Content-Length" else None if framing else 0
    return Request("POST", Target("/", "", None), headers, Peer("::1"), body=cut(body, size), length=length)


async def read(
    tmp_path: Path, body: bytes, kind: str = MULTIPART, *, most: int = 1 << 20, **how: object
) -> Form:
    return await read_form(posted(kind, body, **how), directory=tmp_path, max_bytes=most)  # type: ignore[arg-type]


async def refusal(tmp_path: Path, body: bytes, kind: str = MULTIPART, **how: object) -> int:
    """The status of the refusal; and nothing is left behind."""
    with pytest.raises(HttpError) as caught:
        await read(tmp_path, body, kind, **how)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
    return caught.value.status


@pytest.mark.parametrize("size", [1, 7, 65536])
@pytest.mark.parametrize("framing", ["Content-Length", "Transfer-Encoding"])
async def test_a_form_with_a_file(tmp_path: Path, size: int, framing: str) -> None:
    content = os.urandom(3000) + b"\r\n--" + BOUNDARY.encode()[:-1] + b"\r\n"
    body = (
        part("fax_to", b"+1 202")
        + part("fax_file", content, "brief ü.pdf")
        + part("subject", "ü".encode())
        + END
    )
    form = await read(tmp_path, body, size=size, framing=framing)
    assert form.fields == {"fax_to": "+1 202", "subject": "ü"}
    (upload,) = form.files
    assert (upload.field, upload.filename, upload.size) == ("fax_file", "brief ü.pdf", len(content))
    assert upload.path.read_bytes() == content
    assert upload.path.parent == tmp_path
    assert stat.S_IMODE(upload.path.stat().st_mode) == 0o600
    await form.discard()
    await form.discard()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("../../etc/passwd", "../../etc/passwd"),
        ("/etc/cron.d/x", "/etc/cron.d/x"),
        ("C:\\temp\\fax.pdf", "fax.pdf"),
        ("a%22b%0D%0Ac", 'a"b\r\nc'),
        ("$(reboot);`x`|y", "$(reboot);`x`|y"),
        ("-dSAFER", "-dSAFER"),
        ("", ""),
        ("\u202egnp.exe", "\u202egnp.exe"),
    ],
)
async def test_a_files_name_is_only_data(tmp_path: Path, filename: str, expected: str) -> None:
    form = await read(tmp_path, part("f", b"x", filename) + END)
    (upload,) = form.files
    assert upload.filename == expected
    assert upload.path.name.startswith("upload-")
    assert [upload.path] == list(tmp_path.iterdir())


async def test_an_empty_file_is_a_file(tmp_path: Path) -> None:
    form = await read(tmp_path, part("f", b"", "") + END)
    assert [(upload.size, upload.path.read_bytes()) for upload in form.files] == [(0, b"")]


async def test_the_first_of_a_name_counts(tmp_path: Path) -> None:
    assert (await read(tmp_path, part("a", b"1") + part("a", b"2") + END)).fields == {"a": "1"}
    assert (await read(tmp_path, b"a=1&a=2&b=%C3%BC+x", URLENCODED)).fields == {"a": "1", "b": "ü x"}


async def test_fields_that_are_no_utf_8_show_it(tmp_path: Path) -> None:
    assert (await read(tmp_path, part("a", b"\xfc") + END)).fields == {"a": "\ufffd"}


async def test_a_charset_of_a_part_changes_nothing(tmp_path: Path) -> None:
    extra = "Content-Type: text/plain; charset=utf-16\r\n"
    assert (await read(tmp_path, part("a", "ü".encode(), extra=extra) + END)).fields == {"a": "ü"}


async def test_no_form_at_all_is_an_empty_one(tmp_path: Path) -> None:
    assert await read(tmp_path, b"", "", framing="") == Form()
    assert await read(tmp_path, b"", URLENCODED) == Form()


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("text/plain", b"x", 415),
        ("", b"x", 415),
        ("multipart/mixed; boundary=x", b"x", 415),
        ("multipart/form-data", END, 400),
        ('multipart/form-data; boundary=""', END, 400),
        (MULTIPART, b"", 400),
        (MULTIPART, b"nonsense", 400),
        (MULTIPART, part("a", b"x"), 400),
        (MULTIPART, part("a", b"x", "y"), 400),
        (MULTIPART, (part("a", b"x", "y") + END)[:-5], 400),
        (MULTIPART, part("a", b"x").replace(b"form-data", b"attachment") + END, 400),
        (MULTIPART, part("a", b"x", extra="Content-Disposition: form-data\x00\r\n") + END, 400),
        (MULTIPART, part("a", b"x", extra="Content-Length: 5\r\n") + END, 400),
        (MULTIPART, part("a", b"x", extra="X: " + "y" * 5000 + "\r\n") + END, 413),
        (MULTIPART, part("a", b"x", extra="X: y\r\n" * 20) + END, 413),
        (MULTIPART, part("a", b"x" * (MOST_FIELD_BYTES + 1)) + END, 413),
        (MULTIPART, part("a", b"x") * (MOST_PARTS + 1) + END, 413),
        (URLENCODED, b"a=%", 400),
        (URLENCODED, b"a=\xfc", 400),
        (URLENCODED, b"a=%00", 400),
        (URLENCODED, b"&".join(b"a%d=1" % number for number in range(MOST_PARTS + 1)), 400),
        (URLENCODED, b"a=" + b"x" * 2 * MOST_FIELD_BYTES, 413),
    ],
)
async def test_what_is_refused(tmp_path: Path, kind: str, body: bytes, status: int) -> None:
    assert await refusal(tmp_path, body, kind) == status


@pytest.mark.parametrize("framing", ["Content-Length", "Transfer-Encoding"])
async def test_too_much(tmp_path: Path, framing: str) -> None:
    body = part("f", b"x" * 700_000, "big") + END
    assert await refusal(tmp_path, body, most=600_000, framing=framing) == 413
    assert await refusal(tmp_path, b"a=" + b"x" * 500, URLENCODED, most=400, framing=framing) == 413


@pytest.mark.parametrize("kind", [MULTIPART, URLENCODED, "application/json"])
async def test_a_length_must_be_stated(tmp_path: Path, kind: str) -> None:
    with pytest.raises(HttpError) as caught:
        if kind == "application/json":
            await read_json(posted(kind, b"", framing=""), max_bytes=10)
        await read(tmp_path, b"", kind, framing="")
    assert caught.value.status == 411


async def test_what_was_written_goes_when_the_form_breaks_later(tmp_path: Path) -> None:
    body = part("f", b"x" * 700_000, "big") + part("g", b"", "empty") + b"--" + BOUNDARY.encode() + b"?"
    assert await refusal(tmp_path, body) == 400


async def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(forms_module, "_write_all", full)
    with pytest.raises(OSError, match="No space"):
        await read(tmp_path, part("f", b"x" * 700_000, "big") + END)
    assert list(tmp_path.iterdir()) == []


async def test_a_disk_that_takes_little_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Reluctant(FileIO):
        def write(self, data: object) -> int:
            return super().write(bytes(data)[:1000])  # type: ignore[call-overload]  # a memoryview

    monkeypatch.setattr(forms_module, "FileIO", Reluctant)
    content = os.urandom(50_000)
    form = await read(tmp_path, part("f", content, "big") + END)
    assert form.files[0].path.read_bytes() == content


async def test_a_form_that_is_cancelled_leaves_nothing(tmp_path: Path) -> None:
    waiting = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield part("f", b"x" * 700_000, "big")
        waiting.set()
        await asyncio.get_running_loop().create_future()

    asked = posted(MULTIPART, b"", framing="Transfer-Encoding")
    asked.body = body()
    task = asyncio.ensure_future(read_form(asked, directory=tmp_path, max_bytes=1 << 20))
    await waiting.wait()
    assert len(list(tmp_path.iterdir())) == 1
    task.cancel()
    await asyncio.wait((task,))
    assert task.cancelled()
    assert list(tmp_path.iterdir()) == []


async def test_a_form_cancelled_while_a_thread_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread can't be stopped: the file goes when it has ended, however often the task is cancelled."""
    loop = asyncio.get_running_loop()
    writing = asyncio.Event()
    task: asyncio.Future[Form]
    write = forms_module._write_all

    def slow(file: FileIO, piece: bytes) -> None:
        loop.call_soon_threadsafe(writing.set)
        loop.call_soon_threadsafe(task.cancel)
        loop.call_soon_threadsafe(task.cancel)
        write(file, piece)

    monkeypatch.setattr(forms_module, "_write_all", slow)
    task = asyncio.ensure_future(read(tmp_path, part("f", b"x" * 700_000, "big") + END))
    await asyncio.wait((task,))
    assert writing.is_set()
    assert task.cancelled()
    assert list(tmp_path.iterdir()) == []


async def test_forms_over_the_wire(serve: Serve, tmp_path: Path) -> None:
    async def handler(asked: Request) -> Response:
        form = await read_form(asked, directory=tmp_path, max_bytes=20_000_000)
        return Response.json([form.fields, [upload.size for upload in form.files]])

    content = b"z" * 10_000_000
    async with await (await serve(handler)).wire() as wire:
        body = part("a", b"1") + part("f", content, "big") + END
        reply = await wire.ask(request("/", "POST", body, Content_Type=MULTIPART, Expect="100-continue"))
        if reply.status == 100:
            reply = await wire.reply()
        assert reply.text == '[{"a":"1"},[10000000]]'
        (path,) = tmp_path.iterdir()
        assert path.read_bytes() == content
        path.unlink()
        broken = request("/", "POST", body, Content_Type=MULTIPART)[:-1000]
        await wire.send(broken)
        wire.end()
        assert (await wire.reply()).status == 400
        assert list(tmp_path.iterdir()) == []


@given(
    body=st.lists(
        st.sampled_from([part("a", b"1"), part("f", b"2", "n"), END, b"\r\n", b"--", b"x", b"\0", b'"; ']),
        max_size=8,
    )
)
async def test_any_soup_is_a_form_or_refused(
    tmp_path_factory: pytest.TempPathFactory, body: list[bytes]
) -> None:
    folder = tmp_path_factory.mktemp("soup")
    for kind in (MULTIPART, URLENCODED):
        try:
            form = await read(folder, b"".join(body), kind)
        except HttpError as error:
            assert error.status in {400, 413}
        else:
            await form.discard()
        assert list(folder.iterdir()) == []


# -- JSON --------------------------------------------------------------------------------------------------


async def test_json() -> None:
    asked = posted("application/json; charset=utf-8", '{"a":["ü",1]}'.encode())
    assert await read_json(asked, max_bytes=100) == {"a": ["ü", 1]}


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("text/json", b"1", 415), ("", b"1", 415), ("application/json", b"", 400), ("application/json", b"{", 400),
        ("application/json", b'"\xfc"', 400), ("application/json", b"[" * 90_000, 400),
        ("application/json", b"1" * 5000, 400), ("application/json", b'"' + b"x" * 100_000 + b'"', 413),
    ],
)  # fmt: skip
async def test_what_is_no_json(kind: str, body: bytes, status: int) -> None:
    with pytest.raises(HttpError) as caught:
        await read_json(posted(kind, body), max_bytes=100_000)
    assert caught.value.status == status
