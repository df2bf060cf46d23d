"""Addresses, headers, and who may post."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from functools import partial

import pytest

from nexefax.errors import JournalError
from nexefax.fax.records import Fax, add_fax
from nexefax.httpd import HttpServer
from nexefax.store import Journal
from nexefax.web import build_web, site
from nexefax.web.sessions import Sessions
from tests.web.client import Client
from tests.web.ground import PASSWORD, Installation, Tray, htpasswd

BOB = {"account": "ACME", "user": "bob.smith", "password": PASSWORD}


async def test_the_front_door_leads_to_the_sign_in(client: Client) -> None:
    reply = await client.get("/")
    assert (reply.status, reply.location) == (302, "/login")
    page = await client.get("/login")
    assert page.status == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert 'action="/api/login"' in page.text


async def test_who_is_signed_in_goes_on_to_compose(bob: Client) -> None:
    reply = await bob.get("/login")
    assert (reply.status, reply.location) == (302, "/send")
    page = await bob.get("/send")
    assert page.status == 200
    assert 'data-account="ACME" data-user="bob.smith"' in page.text
    assert 'data-most-bytes="1048576"' in page.text
    assert "<b>ACME Corporation</b>" in page.text


@pytest.mark.parametrize("page", ["inbox", "sent", "account"])
async def test_each_page_is_for_those_who_are_signed_in(client: Client, page: str) -> None:
    reply = await client.get(f"/{page}")
    assert (reply.status, reply.location) == (302, f"/login?next=/{page}")
    await client.post("/api/login", BOB)
    reply = await client.get(f"/{page}")
    assert reply.status == 200
    assert f'data-page="{page}" data-account="ACME" data-user="bob.smith"' in reply.text


async def test_a_faxs_page_is_there_for_its_account_alone(client: Client, journal: Journal) -> None:
    for number, account in ((1, "acme"), (2, "Quiet")):
        fax = Fax(id=number, direction="in", account=account, state="delivered", created=1.0, changed=1.0)
        assert await journal.write(partial(add_fax, fax=fax)) == number
    assert (await client.get("/faxes/1")).location == "/login?next=/faxes/1"
    await client.post("/api/login", BOB)
    page = await client.get("/faxes/1")
    assert page.status == 200
    assert 'data-fax="1"' in page.text
    replies = [await client.get(path) for path in ("/faxes/2", "/faxes/3", "/faxes/01", "/faxes/x")]
    assert {(reply.status, reply.text) for reply in replies} == {(404, replies[0].text)}
    assert "The account ACME has no such fax." in replies[0].text


async def test_names_are_shown_as_text(client: Client, installation: Installation) -> None:
    htpasswd(installation.auth / "quiet", "<i>&", PASSWORD)
    await client.post("/api/login", {"account": "quiet", "user": "<i>&", "password": PASSWORD})
    page = await client.get("/send")
    assert "Quiet &amp; Sons &lt;GmbH&gt;" in page.text
    assert "<b>&lt;i&gt;&amp;</b>" in page.text


@pytest.mark.parametrize("path", ["/send", "/api/status"])
@pytest.mark.parametrize("cookie", ["", "x" * 43, "nonsense"])
async def test_signed_out_leads_to_the_sign_in(client: Client, path: str, cookie: str) -> None:
    client.cookie = cookie
    reply = await client.get(path)
    assert (reply.status, reply.location) == (302, "/login")
    if path.startswith("/api"):
        assert (await client.post(path)).location == "/login"


async def test_a_stale_cookie_still_shows_the_sign_in(client: Client) -> None:
    client.cookie = "x" * 43
    assert (await client.get("/login")).status == 200


async def test_status_tells_who_is_signed_in(bob: Client) -> None:
    replies = [
        await bob.post("/api/status"),
        await bob.post_multipart("/api/status", {}),
        await bob.get("/api/status"),
    ]
    for reply in replies:
        assert reply.json == {
            "result": "ok",
            "data": {
                "account": "ACME",
                "user": "bob.smith",
                "tx_name": "ACME Corporation",
                "tx_number": "12025550154",
            },
        }


async def test_health_needs_no_session(client: Client) -> None:
    assert (await client.get("/api/health")).json == {"result": "ok"}


@pytest.mark.parametrize(
    "path", ["/nowhere", "/login/", "/res/css/none.css", "/res/", "/res/../pages.py", "/LOGIN"]
)
async def test_anything_else_is_a_404_page(client: Client, path: str) -> None:
    reply = await client.get(path)
    assert reply.status in (400, 404) if ".." in path else reply.status == 404
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "script" not in reply.text


async def test_an_unknown_call_of_the_api_is_an_error_in_json(client: Client) -> None:
    reply = await client.post("/api/nothing")
    assert reply.status == 404
    assert reply.headers["content-type"] == "application/problem+json"
    assert (reply.json["status"], reply.json["title"]) == (404, "Not Found")
    reply = await client.get("/api/login")
    assert (reply.status, reply.json["result"]) == (405, "error")
    assert "POST" in reply.headers["Allow"]


async def test_head_is_get_without_a_body(client: Client) -> None:
    reply = await client.ask("HEAD", "/login", None, {})
    assert (reply.status, reply.body) == (200, b"")


HARD = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
    " connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/login",
        "/send",
        "/logout",
        "/nowhere",
        "/api/status",
        "/api/login",
        "/api/x",
        "/res/img/sprite.svg",
        "/res/css/nexefax.css",
        "/res/js/compose.js",
    ],
)
@pytest.mark.parametrize("secure", [False, True])
async def test_every_answer_is_hardened(client: Client, path: str, *, secure: bool) -> None:
    reply = await client.get(path, **({"X_Forwarded_Proto": "https"} if secure else {}))
    for name, value in HARD.items():
        if name in ("Content-Security-Policy", "Permissions-Policy") and path.endswith((".css", ".js")):
            assert name not in reply.headers  # no documents, and thirty of them make a page
            continue
        assert reply.headers.get_all(name) == [value], name
    assert ("Cross-Origin-Opener-Policy" in reply.headers) == secure
    assert len(reply.headers.get_all("Cache-Control") or ()) == 1
    if not path.startswith("/res/"):
        assert reply.headers["Cache-Control"] == "no-store"


async def test_what_cannot_be_read_as_a_request_is_hardened_too(client: Client) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    writer.write(b"NONSENSE\r\n\r\n")
    answer = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    assert answer.startswith("HTTP/1.1 400 ")
    assert "Content-Security-Policy: default-src 'none'" in answer
    assert "That didn’t work" in answer


async def test_resources_may_be_kept_for_ever_under_their_fingerprint(client: Client) -> None:
    page = (await client.get("/login")).text
    address = next(
        word.split('"')[1] for word in page.split() if word.startswith('href="/res/') and ".css" in word
    )
    kept = await client.get(address)
    assert kept.status == 200
    assert kept.headers["Content-Type"].startswith("text/css")
    assert kept.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    plain = await client.get("/res/css/nexefax.css")
    assert plain.body == kept.body
    assert plain.headers["Cache-Control"] == "no-cache"
    again = await client.get("/res/css/nexefax.css", If_None_Match=plain.headers["ETag"])
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/res/js/compose.js", "text/javascript"),
        ("/res/img/icon.svg", "image/svg+xml"),
        ("/res/img/sprite.svg", "image/svg+xml"),
    ],
)
async def test_resources_have_their_types(client: Client, path: str, kind: str) -> None:
    assert (await client.get(path)).headers["Content-Type"].split(";")[0] == kind


OWN, FOREIGN = "own", "foreign"


@pytest.mark.parametrize(
    ("headers", "whose"),
    [
        ({}, OWN),
        ({"Origin": "http://{host}"}, OWN),
        ({"Origin": "https://{host}"}, OWN),
        ({"Origin": "HTTP://{host}"}, OWN),
        ({"Sec_Fetch_Site": "same-origin"}, OWN),
        ({"Sec_Fetch_Site": "none"}, OWN),
        (
            {"Sec_Fetch_Site": "same-origin", "Origin": "https://fax.example.org"},
            OWN,
        ),  # a proxy that changes Host
        ({"Origin": "http://evil.example"}, FOREIGN),
        ({"Origin": "http://{host}.evil.example"}, FOREIGN),
        ({"Origin": "null"}, FOREIGN),
        ({"Origin": "http://[broken"}, FOREIGN),
        ({"Sec_Fetch_Site": "cross-site"}, FOREIGN),
        ({"Sec_Fetch_Site": "same-site"}, FOREIGN),
        ({"Sec_Fetch_Site": "cross-site", "Origin": "http://{host}"}, FOREIGN),
        ({"Sec_Fetch_Site": "same-origin, cross-site"}, FOREIGN),
    ],
)
@pytest.mark.parametrize("path", ["/api/login", "/api/status", "/api/send"])
async def test_pages_of_other_sites_may_not_post(
    client: Client, headers: dict[str, str], whose: str, path: str
) -> None:
    sent = {name: value.format(host=f"127.0.0.1:{client.port}") for name, value in headers.items()}
    reply = await client.post(path, BOB, **sent)
    if whose is FOREIGN:
        assert reply.status == 403
        assert reply.json["error"].startswith("This request came from another website")
        assert "Set-Cookie" not in reply.headers
    else:
        assert reply.status in (200, 302)


class BrokenJournal:
    """A journal on a disk that is gone."""

    def __init__(self) -> None:
        self.after_write: list[object] = []

    async def read(self, query: object) -> object:
        raise JournalError("the journal can't be used (disk I/O error)")

    write = read


async def test_a_broken_journal_is_503_for_people_and_programs(
    installation: Installation, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken: Journal = BrokenJournal()  # type: ignore[assignment]  # all that the web uses of it
    async with build_web(lambda: installation.current, broken, Tray()) as web:
        server = HttpServer(web, error_page=web.error_page)
        client = Client(await server.start("127.0.0.1", 0))
        assert (await client.get("/login")).status == 200, (
            "nobody is signed in: the journal need not be asked"
        )
        client.cookie = "x" * 43
        page = await client.get("/send")
        assert (page.status, "One moment, please" in page.text) == (503, True)
        reply = await client.post("/api/status")
        assert (reply.status, reply.json["result"]) == (503, "error")
        assert (await client.post("/api/login", BOB)).status == 503
        await server.close(1.0)
    assert "disk I/O error" in caplog.text


async def test_sessions_are_swept_and_a_failing_sweep_goes_on(
    installation: Installation,
    journal: Journal,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG, "nexefax.web")
    monkeypatch.setattr(site, "SWEEP_SECONDS", 0)
    sweeps: asyncio.Queue[int] = asyncio.Queue()
    swept = Sessions.sweep

    async def sweep(self: Sessions) -> int:
        await sweeps.put(1)
        if sweeps.qsize() == 1:
            raise JournalError("the journal is locked")
        return await swept(self)

    def stale(connection: sqlite3.Connection) -> None:
        connection.execute(
            "INSERT INTO session (token_hash, account, user, proof, created, expires) VALUES (x'00', 'ACME', 'bob',"
            " x'00', 0, 1)"
        )

    monkeypatch.setattr(Sessions, "sweep", sweep)
    await journal.write(stale)
    async with build_web(lambda: installation.current, journal, Tray()):
        while await journal.read(lambda connection: connection.execute("SELECT 1 FROM session").fetchone()):
            await asyncio.sleep(0)
    assert "sessions that are over could not be removed: the journal is locked" in caplog.text
