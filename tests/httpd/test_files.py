"""Files as bodies, and folders of static files, on real sockets and with real curl."""

from __future__ import annotations

import asyncio
import gzip
import os
import subprocess
import threading
from pathlib import Path

import pytest

from nexefax.httpd import FileBody, Handler, HttpLimits, Request, Response, Router
from nexefax.httpd import files as files_module
from nexefax.httpd.dates import format_date
from nexefax.httpd.static import ASK_AGAIN, FOR_EVER, StaticFile, StaticFiles, accepts_gzip
from tests.httpd.client import request
from tests.httpd.conftest import Serve

CONTENT = bytes(range(256)) * 4


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "fax.pdf"
    path.write_bytes(CONTENT)
    os.utime(path, (784111777.25, 784111777.25))
    return path


def giving(path: Path, status: int = 200, etag: str = "", **headers: str) -> Handler:
    fields = {"Content-Type": "application/pdf"} | {
        name.replace("_", "-"): text for name, text in headers.items()
    }

    async def handler(asked: Request) -> Response:
        return Response(status, fields, FileBody(path, etag))

    return handler


async def test_a_file(serve: Serve, document: Path) -> None:
    async with await (await serve(giving(document))).wire() as wire:
        for _ in range(2):
            reply = await wire.ask(request())
            assert (reply.status, reply.body) == (200, CONTENT)
            assert reply.headers["last-modified"] == format_date(784111777)
            assert reply.headers["accept-ranges"] == "bytes"
            assert reply.headers["content-type"] == "application/pdf"
            tag = reply.headers["etag"]
        again = await wire.ask(request(If_None_Match=tag))
        assert (again.status, again.headers["etag"], again.body) == (304, tag, b"")
        assert not {"content-type", "content-length"} & set(again.headers)
        head = await wire.ask(request("/", "HEAD"), head=True)
        assert (head.status, head.headers["content-length"]) == (200, "1024")
        part = await wire.ask(request(Range="bytes=-24", If_Range=tag))
        assert (part.status, part.body, part.headers["content-range"]) == (
            206,
            CONTENT[-24:],
            "bytes 1000-1023/1024",
        )
        beyond = await wire.ask(request(Range="bytes=1024-"))
        assert (beyond.status, beyond.body, beyond.headers["content-range"]) == (416, b"", "bytes */1024")
        os.utime(document, (784111800, 784111800))
        assert (await wire.ask(request(If_None_Match=tag))).status == 200


async def test_headers_of_the_handler_stand(serve: Serve, document: Path) -> None:
    handler = giving(document, etag="mine", Last_Modified=format_date(5), Accept_Ranges="none")
    async with await (await serve(handler)).wire() as wire:
        reply = await wire.ask(request())
        assert (reply.headers["etag"], reply.headers["last-modified"]) == ('"mine"', format_date(5))
        assert reply.headers["accept-ranges"] == "none"
        assert (await wire.ask(request(If_None_Match='"mine"'))).status == 304


@pytest.mark.parametrize(("method", "status"), [("POST", 200), ("GET", 201)])
async def test_conditions_ask_about_the_200_of_a_get(
    serve: Serve, document: Path, method: str, status: int
) -> None:
    async with await (await serve(giving(document, status))).wire() as wire:
        reply = await wire.ask(request("/", method, b"", If_None_Match="*", Range="bytes=0-0"))
        assert (reply.status, reply.body) == (status, CONTENT)


@pytest.mark.parametrize("size", [0, 1, files_module.PIECE, files_module.PIECE + 1, 3 * files_module.PIECE])
async def test_files_of_any_size(serve: Serve, tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    (tmp_path / "file").write_bytes(content)
    async with await (await serve(giving(tmp_path / "file"))).wire() as wire:
        for _ in range(2):
            assert (await wire.ask(request())).body == content


async def test_what_is_no_file(serve: Serve, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "file").touch()
    for path in ("missing", "fifo", "file/below", "."):
        async with await (await serve(giving(tmp_path / path))).wire() as wire:
            for _ in range(2):
                assert (await wire.ask(request())).status == 404


async def test_a_file_that_may_not_be_read(
    serve: Serve, document: Path, caplog: pytest.LogCaptureFixture
) -> None:
    document.chmod(0)
    if os.access(document, os.R_OK):
        pytest.skip("this user may read everything")
    async with await (await serve(giving(document))).wire() as wire:
        assert (await wire.ask(request())).status == 500
    assert "PermissionError" in caplog.text


async def test_a_file_that_shrinks_while_it_is_sent(
    serve: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 3 * files_module.PIECE)
    read = files_module.read_piece

    def shrinking(*arguments: object) -> bytes:
        os.truncate(path, files_module.PIECE)
        return read(*arguments)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr("nexefax.httpd.answer.read_piece", shrinking)
    async with await (await serve(giving(path))).wire() as wire:
        await wire.send(request())
        try:
            got = await wire.rest()
        except ConnectionError:
            got = b""
        assert len(got) < 2 * files_module.PIECE
    assert "became shorter" in caplog.text


async def test_a_client_that_leaves_a_large_file(serve: Serve, tmp_path: Path) -> None:
    """The file is closed: the warning of a forgotten one would fail the test."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * 20_000_000)
    serving = await serve(giving(path))
    wire = await serving.wire()
    await wire.send(request())
    await wire.reader.readexactly(1000)
    (connection,) = serving.server._connections
    wire.reset()
    await asyncio.wait((connection.task,))
    assert connection.task.cancelled()


async def test_a_reader_in_no_hurry_gets_a_large_file(serve: Serve, tmp_path: Path) -> None:
    content = os.urandom(3_000_000)
    (tmp_path / "file").write_bytes(content)
    async with await (
        await serve(giving(tmp_path / "file"), limits=HttpLimits(write_buffer=1000))
    ).wire() as wire:
        assert (await wire.ask(request())).body == content


async def test_the_loop_does_not_read(serve: Serve, document: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = set()
    opened = files_module.open_selected

    def noting(*arguments: object) -> object:
        threads.add(threading.current_thread())
        return opened(*arguments)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr("nexefax.httpd.answer.open_selected", noting)
    async with await (await serve(giving(document))).wire() as wire:
        assert (await wire.ask(request())).status == 200
    assert threading.main_thread() not in threads
    assert threads


# -- static files ------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "static"
    (folder / "css").mkdir(parents=True)
    (folder / "css" / "page.css").write_text("p {}")
    (folder / "logo.svg").write_text("<svg/>")
    (folder / "strange.xyz").write_text("?")
    (folder / ".hidden").write_text("secret")
    (tmp_path / "outside.txt").write_text("secret")
    (folder / "link.txt").symlink_to(tmp_path / "outside.txt")
    return folder


async def test_static_files(serve: Serve, folder: Path) -> None:
    router = Router()
    router.add("GET", "/res/{path...}", StaticFiles(folder))
    router.add("GET", "/v1/{path...}", StaticFiles(folder, for_ever=True))
    async with await (await serve(router)).wire() as wire:
        reply = await wire.ask(request("/res/css/page.css"))
        assert (reply.text, reply.headers["content-type"]) == ("p {}", "text/css; charset=utf-8")
        assert reply.headers["cache-control"] == ASK_AGAIN
        assert (
            await wire.ask(request("/res/css/page.css", If_None_Match=reply.headers["etag"]))
        ).status == 304
        assert (await wire.ask(request("/res/logo.svg"))).headers["content-type"] == "image/svg+xml"
        assert (await wire.ask(request("/res/strange.xyz"))).headers[
            "content-type"
        ] == "application/octet-stream"
        assert (await wire.ask(request("/v1/logo.svg"))).headers["cache-control"] == FOR_EVER
        for path in ("", "css", "css/", ".hidden", "link.txt", "css//page.css", "/css/page.css", "missing"):
            assert (await wire.ask(request(f"/res/{path}"))).status == 404


def test_who_takes_gzip() -> None:
    for field in (
        "gzip",
        "GZIP",
        "br, gzip",
        "gzip;q=0.1, br",
        "x-gzip",
        "*",
        "br;q=1, *;q=0.5",
        "gzip ; q=1",
    ):
        assert accepts_gzip(field), field
    for field in ("", "br", "gzip;q=0", "gzip; q=0.000, *", "identity", "*;q=0", "gzip;q=x", "gzipped"):
        assert not accepts_gzip(field), field


async def test_text_goes_out_as_gzip_made_once(serve: Serve, folder: Path) -> None:
    script = b"export const words = 'the same again and again';\n" * 100
    (folder / "page.js").write_bytes(script)
    (folder / "photo.jpg").write_bytes(b"\xff" * 4000)
    router = Router()
    router.add("GET", "/res/{path...}", StaticFiles(folder))
    router.add("GET", "/one", StaticFile(folder / "page.js"))
    async with await (await serve(router)).wire() as wire:
        plain = await wire.ask(request("/res/page.js"))
        assert (plain.body, plain.headers["vary"]) == (script, "Accept-Encoding")
        assert "content-encoding" not in plain.headers
        for path in ("/res/page.js", "/res/page.js", "/one"):
            packed = await wire.ask(request(path, Accept_Encoding="gzip, deflate, br"))
            assert packed.headers["content-encoding"] == "gzip"
            assert packed.headers["vary"] == "Accept-Encoding"
            assert packed.headers["content-type"] == "text/javascript; charset=utf-8"
            assert packed.headers["cache-control"] == ASK_AGAIN
            assert gzip.decompress(packed.body) == script
            assert len(packed.body) < len(script) / 10
        tag = packed.headers["etag"]
        assert tag != plain.headers["etag"]
        head = await wire.ask(request("/res/page.js", "HEAD", Accept_Encoding="gzip"), head=True)
        assert (head.headers["content-length"], head.headers["etag"]) == (str(len(packed.body)), tag)
        same = await wire.ask(request("/res/page.js", Accept_Encoding="gzip", If_None_Match=tag))
        assert (same.status, same.body, same.headers["etag"]) == (304, b"", tag)
        assert same.headers["vary"] == "Accept-Encoding"
        assert not {"content-type", "content-encoding"} & set(same.headers)
        other = await wire.ask(
            request("/res/page.js", Accept_Encoding="gzip", If_None_Match=plain.headers["etag"])
        )
        assert (other.status, other.body) == (200, packed.body)
        for small in ("/res/css/page.css", "/res/photo.jpg"):
            reply = await wire.ask(request(small, Accept_Encoding="gzip"))
            assert not {"content-encoding", "vary"} & set(reply.headers)


async def test_parts_are_cut_from_the_plain_form(serve: Serve, folder: Path) -> None:
    script = bytes(range(32, 127)) * 30
    (folder / "page.js").write_bytes(script)
    router = Router()
    router.add("GET", "/res/{path...}", StaticFiles(folder))
    async with await (await serve(router)).wire() as wire:
        tag = (await wire.ask(request("/res/page.js"))).headers["etag"]
        packed = (await wire.ask(request("/res/page.js", Accept_Encoding="gzip"))).headers["etag"]
        part = await wire.ask(
            request("/res/page.js", Accept_Encoding="gzip", Range="bytes=95-99", If_Range=tag)
        )
        assert (part.status, part.body, part.headers["etag"]) == (206, script[:5], tag)
        whole = await wire.ask(
            request("/res/page.js", Accept_Encoding="gzip", Range="bytes=95-99", If_Range=packed)
        )
        assert (whole.status, whole.body, whole.headers["etag"]) == (200, script, tag)


@pytest.mark.parametrize(
    "path",
    [
        "../outside.txt",
        "css/../../outside.txt",
        "%2e%2e/outside.txt",
        "..%2foutside.txt",
        "%00",
        "..\\outside.txt",
    ],
)
async def test_no_way_out_of_the_folder(serve: Serve, folder: Path, path: str) -> None:
    router = Router()
    router.add("GET", "/res/{path...}", StaticFiles(folder))
    async with await (await serve(router)).wire() as wire:
        reply = await wire.ask(request(f"/res/{path}"))
        assert reply.status == 400
        assert b"secret" not in reply.body


# -- a stranger's client -----------------------------------------------------------------------------------


async def curl(*arguments: str, stdin: bytes = b"") -> str:
    """Run curl; what it prints."""
    command = ["curl", "--silent", "--show-error", "--max-time", "20", *arguments]
    done = await asyncio.to_thread(
        lambda: subprocess.run(command, input=stdin, capture_output=True, check=False)
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.decode("latin-1")


async def test_curl_asks_for_ranges(serve: Serve, document: Path, tmp_path: Path) -> None:
    port = (await serve(giving(document))).port
    printed = await curl("--include", "--range", "65-67", f"http://127.0.0.1:{port}/")
    assert printed.startswith("HTTP/1.1 206 Partial Content\r\n")
    assert printed.endswith("\r\n\r\nABC")
    (tmp_path / "got").write_bytes(CONTENT[:500])
    await curl("--continue-at", "-", "--output", str(tmp_path / "got"), f"http://127.0.0.1:{port}/")
    assert (tmp_path / "got").read_bytes() == CONTENT
    await curl("--etag-save", str(tmp_path / "tag"), "--output", "/dev/null", f"http://127.0.0.1:{port}/")
    again = [
        "--etag-compare",
        str(tmp_path / "tag"),
        "--write-out",
        "%{http_code}",
        f"http://127.0.0.1:{port}/",
    ]
    assert await curl(*again) == "304"


async def test_curl_unpacks_what_it_gets(serve: Serve, folder: Path) -> None:
    (folder / "page.js").write_bytes(CONTENT * 10)
    router = Router()
    router.add("GET", "/res/{path...}", StaticFiles(folder))
    address = f"http://127.0.0.1:{(await serve(router)).port}/res/page.js"
    printed = await curl("--include", "--compressed", address)
    head, _, body = printed.partition("\r\n\r\n")
    assert "content-encoding: gzip" in head.lower()
    assert body.encode("latin-1") == CONTENT * 10


@pytest.mark.parametrize("options", [[], ["--http1.0"], ["--http2"], ["--header", "Expect: 100-continue"]])
async def test_curl_sends_bodies(serve: Serve, options: list[str]) -> None:
    port = (await serve()).port
    sent = ["--data-binary", "@-", *options, f"http://127.0.0.1:{port}/{{1,2}}"]
    printed = await curl("--include", *sent, stdin=b"x" * 2_000_000)
    assert printed.count(",2000000]") == 2
    assert printed.count("HTTP/1.1 100 Continue") == (
        2 if "Expect: 100-continue" in options else printed.count(" 100 ")
    )


async def test_curl_sends_chunks(serve: Serve) -> None:
    port = (await serve()).port
    printed = await curl(
        "--upload-file", "-", "--request", "POST", f"http://127.0.0.1:{port}/", stdin=b"y" * 300_000
    )
    assert printed.endswith(",300000]")
