"""What happens shows as it happens: to the account's own pages, without gaps after a break, and not for ever."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from nexefax.errors import JournalError
from nexefax.fax import changes, records
from nexefax.fax.records import save_fax
from nexefax.web import live as hub_module
from nexefax.web.caller import Callers
from nexefax.web.resources import live
from tests.fax.test_running_page import ANSWERS, console_at
from tests.web.client import Client
from tests.web.office import IN, OUT, Office, do, problem


@dataclass(frozen=True)
class Event:
    name: str
    data: Any
    id: str | None


class Page:
    """Reads a stream of events as a browser does."""

    def __init__(self, reader: asyncio.StreamReader, status: int) -> None:
        self.status = status
        self._reader = reader
        self._text = b""

    async def _piece(self) -> bytes:
        size = int((await self._reader.readline()) or b"0", 16)
        piece = await self._reader.readexactly(size + 2)
        return piece[:-2]

    async def block(self) -> bytes:
        """The next block of lines; b"" at the end."""
        while b"\n\n" not in self._text:
            try:
                piece = await self._piece()
            except (asyncio.IncompleteReadError, ConnectionError):
                return b""
            if not piece:
                return b""
            self._text += piece
        block, self._text = self._text.split(b"\n\n", 1)
        return block

    async def event(self) -> Event:
        """The next event, past comments."""
        async with asyncio.timeout(20):
            while True:
                lines = dict(
                    line.split(": ", 1) for line in (await self.block()).decode().split("\n") if ": " in line
                )
                if "event" in lines:
                    return Event(lines["event"], json.loads(lines["data"]), lines.get("id"))
                assert lines, "the stream ended"

    async def ended(self) -> bool:
        """Whether nothing follows but the end."""
        async with asyncio.timeout(20):
            while block := await self.block():
                assert b"event: fax" not in block
        return True


@asynccontextmanager
async def following(client: Client, query: str = "", **headers: str) -> AsyncIterator[Page]:
    """A page that follows what happens."""
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    lines = {"Host": "localhost", "Cookie": f"nexefax-session={client.cookie}"}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    writer.write(f"GET /api/events{query} HTTP/1.1\r\n{head}\r\n".encode())
    try:
        answer = await reader.readuntil(b"\r\n\r\n")
        yield Page(reader, int(answer.split()[1]))
    finally:
        writer.close()


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "PAUSE_SECONDS", 0)


async def test_what_happens_is_told_as_it_happens(office: Office) -> None:
    async with following(office.bob) as page, following(office.bob) as other:
        assert (page.status, other.status) == (200, 200)
        first = await page.event()
        assert (first.name, first.data, first.id) == (
            "counts",
            {"unread": 0, "waiting": 0, "failed_today": 0},
            "0",
        )
        await other.event()
        fax = await office.add(IN)
        for reader in (page, other):
            event = await reader.event()
            assert (event.name, event.id, event.data["id"], event.data["unread"]) == ("fax", "1", fax, True)
            counted = await reader.event()
            assert (counted.name, counted.id, counted.data["unread"]) == ("counts", None, 1)
        await do(office.bob, fax, "read")
        event = await page.event()
        assert (event.id, event.data["unread"]) == ("2", False)
        assert event.data == (await office.bob.get("/api/faxes")).json["faxes"][0]


async def test_only_the_own_accounts_faxes_are_told(office: Office) -> None:
    eve = await office.signed_in("Quiet", "eve")
    async with following(eve) as page:
        assert (await page.event()).name == "counts"
        await office.add(IN)
        own = await office.add(replace(IN, account="quiet"))  # accounts compare without case
        event = await page.event()
        assert (event.name, event.data["id"]) == ("fax", own)
    await office.add(OUT)
    polled = (await eve.get("/api/changes?after=0")).json
    assert ([fax["id"] for fax in polled["faxes"]], polled["last"]) == ([own], 2)
    assert (await eve.get("/api/changes")).json == {
        "last": 2, "counts": {"unread": 1, "waiting": 0, "failed_today": 0},
    }  # fmt: skip


@pytest.mark.parametrize("by_header", [True, False])
async def test_a_page_that_comes_back_misses_nothing(office: Office, by_header: bool) -> None:
    first = await office.add(IN)
    async with following(office.bob) as page:
        known = (await page.event()).id or ""
    second, third = await office.add(OUT), await office.add(OUT)
    await do(office.bob, first, "read")
    again = (
        following(office.bob, Last_Event_ID=known) if by_header else following(office.bob, f"?after={known}")
    )
    async with again as page:
        told = [await page.event() for _ in range(4)]
        assert [(event.name, event.data.get("id"), event.id) for event in told] == [
            ("fax", second, "2"), ("fax", third, "3"), ("fax", first, "4"), ("counts", None, "4"),
        ]  # fmt: skip
        latest = await office.add(IN)
        assert (await page.event()).data["id"] == latest


async def test_polling_tells_the_same(office: Office) -> None:
    await office.add(IN)
    start = (await office.bob.get("/api/changes")).json["last"]
    fax = await office.add(OUT)
    polled = (await office.bob.get(f"/api/changes?after={start}")).json
    assert polled["reset"] is False
    assert polled["faxes"] == [(await office.bob.get("/api/faxes")).json["faxes"][0]]
    assert [each["id"] for each in polled["faxes"]] == [fax]
    nothing = (await office.bob.get(f"/api/changes?after={polled['last']}")).json
    assert (nothing["faxes"], nothing["last"]) == ([], polled["last"])


async def forget(office: Office, below: int) -> None:
    await office.journal.write(lambda c: c.execute("DELETE FROM change WHERE id < ?", (below,)))


@pytest.mark.parametrize("known", ["1", "99"])
async def test_what_is_not_known_any_more_is_fetched_anew(office: Office, known: str) -> None:
    """Too old, or of a journal that was replaced by an older one."""
    for _ in range(4):
        await office.add(IN)
    await forget(office, 3)
    async with following(office.bob, Last_Event_ID=known) as page:
        event = await page.event()
        assert (event.name, event.id) == ("reset", "4")
    assert (await office.bob.get(f"/api/changes?after={known}")).json["reset"] is True
    assert (await office.bob.get("/api/changes?after=2")).json["reset"] is False


async def test_whoever_missed_very_much_fetches_anew(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MOST_AT_ONCE", 3)
    for _ in range(4):
        await office.add(IN)
    assert (await office.bob.get("/api/changes?after=0")).json["reset"] is True
    assert len((await office.bob.get("/api/changes?after=1")).json["faxes"]) == 3


async def test_an_account_without_changes_is_not_told_to_fetch_again_and_again(office: Office) -> None:
    eve = await office.signed_in("Quiet", "eve")
    await office.add(replace(IN, account="Quiet"))
    for _ in range(4):
        await office.add(IN)
    await forget(office, 4)
    polled = (await eve.get("/api/changes?after=1")).json
    assert polled["reset"] is True
    assert (await eve.get(f"/api/changes?after={polled['last']}")).json["reset"] is False


async def test_the_table_of_changes_stays_short(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "_FORGET_EVERY", 5)
    monkeypatch.setattr(changes, "KEPT", 3)
    forgot = asyncio.Event()
    keep = changes.forget_changes
    loop = asyncio.get_running_loop()

    def noting(connection: Any) -> None:
        keep(connection)
        loop.call_soon_threadsafe(forgot.set)

    monkeypatch.setattr(changes, "forget_changes", noting)
    for _ in range(6):
        await office.add(IN)
    async with asyncio.timeout(20):
        await forgot.wait()
    await office.journal.write(lambda _connection: None)  # after the one that forgets
    left = await office.journal.read(lambda c: c.execute("SELECT count(*) FROM change").fetchone()[0])
    assert left <= 4


async def test_a_stream_ends_with_its_session(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_SECONDS", 0.01)
    async with following(office.bob) as page:
        await page.event()
        async with asyncio.timeout(20):
            assert await page.block() == b"event: beat\ndata: {}"
        await office.bob.get("/logout")
        assert await page.ended()


async def test_a_stream_in_which_much_happens_ends_with_its_session_too(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is never a pause in which nothing is told."""
    clock = [0.0]
    monkeypatch.setattr(live, "monotonic", lambda: clock[0])
    async with following(office.bob) as page:
        await page.event()
        await office.bob.get("/logout")
        clock[0] += live.HEARTBEAT_SECONDS
        await office.add(IN)
        assert (await page.event()).name == "fax"
        assert await page.ended()


@pytest.mark.parametrize(
    ("of_user", "in_all", "status"), [(2, 300, 429), (20, 2, 503)]
)  # fmt: skip
async def test_streams_are_capped(
    office: Office, monkeypatch: pytest.MonkeyPatch, of_user: int, in_all: int, status: int
) -> None:
    monkeypatch.setattr(hub_module, "MOST_OF_A_USER", of_user)
    monkeypatch.setattr(hub_module, "MOST_STREAMS", in_all)
    async with following(office.bob) as one, following(office.bob) as two:
        await one.event()
        await two.event()
        refused = await office.bob.get("/api/events")
        assert (refused.status, refused.headers["Retry-After"]) == (status, "30")
        problem(refused)
    async with asyncio.timeout(20):
        while True:  # the server hears of their leaving when it does
            async with following(office.bob) as three:
                if three.status == 200:
                    break


async def test_a_reader_that_does_not_keep_up_is_let_go(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "MOST_WAITING", 2)
    stream = hub_module.Stream("ACME", "bob.smith")
    for number in range(3):
        stream.tell(b"%d" % number)
    assert stream.lost
    async with following(office.bob) as page:
        await page.event()
        fax = await office.load(await office.add(IN))
        assert (await page.event()).name == "fax"

        def many(connection: Any) -> None:
            for number in range(5):
                save_fax(connection, replace(fax, id=records.add_fax(connection, fax), reason=str(number)))

        await office.journal.write(many)
        async with asyncio.timeout(20):
            while await page.block():
                pass


@pytest.mark.parametrize("after", ["x", "-1", "1.5", "%D9%A1", "9" * 16, "1;"])
async def test_odd_numbers_of_changes(office: Office, after: str) -> None:
    for path in ("/api/changes", "/api/events"):
        reply = await office.bob.get(f"{path}?after={after}")
        assert (reply.status, problem(reply)["field"]) == (400, "after")


async def test_nobody_is_told_without_signing_in(office: Office) -> None:
    office.bob.cookie = ""
    for path in ("/api/changes", "/api/events"):
        assert (await office.bob.get(path)).status == 401


async def test_a_head_request_leaves_no_stream_behind(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "MOST_STREAMS", 1)
    for _ in range(3):
        reply = await office.bob.ask("HEAD", "/api/events", None, {})
        assert (reply.status, reply.headers["Content-Type"]) == (200, "text/event-stream")


@pytest.mark.parametrize("fault", [sqlite3.OperationalError("disk I/O error"), ValueError("ours")])
async def test_a_journal_that_fails_for_a_moment_is_asked_again(
    office: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fault: Exception
) -> None:
    read, failed = changes.changes_after, asyncio.Event()
    loop = asyncio.get_running_loop()

    def failing(connection: Any, after: int) -> list[changes.Change]:
        if not failed.is_set():
            loop.call_soon_threadsafe(failed.set)
            raise fault
        return read(connection, after)

    async with following(office.bob) as page:
        await page.event()
        monkeypatch.setattr(changes, "changes_after", failing)
        fax = await office.add(IN)
        async with asyncio.timeout(20):
            await failed.wait()
        await office.add(OUT)
        assert (await page.event()).data["id"] == fax
    assert "what happens can't be told" in caplog.text


async def test_the_page_on_the_line_is_told_to_its_account(office: Office, tmp_path: Path) -> None:
    """From Asterisk's console to the page, in lists and for one fax, as long as the call lasts."""
    general = office.installation.current.general
    fax = await office.add(replace(OUT, state="calling", attempts=1, pages=3))
    recorded = min(ANSWERS.iterdir()).read_text()
    said = recorded.replace("/var/lib/nexefax/out/1/", f"{general.data_dir}/out/{fax}/")
    eve = await office.signed_in("Quiet", "eve")
    async with console_at(tmp_path / "ctl") as console:
        console.text = said
        office.installation.configure(
            general=f"data_dir={general.data_dir}\nast_control={console.socket}\nast_call_dir={general.ast_call_dir}"
        )
        async with following(eve) as foreign, following(office.bob) as page:
            assert (await foreign.event()).name == "counts"
            assert (await page.event()).name == "counts"
            event = await page.event()
            assert (event.name, event.id) == ("progress", None)
            progress = {"page": 3, "pages": 3, "bitrate": 14_400}
            assert event.data == {"id": fax, **progress}
            assert (await office.bob.get(f"/api/faxes/{fax}")).json["progress"] == progress
            assert (await office.bob.get("/api/faxes")).json["faxes"][0]["progress"] == progress
            await office.journal.write(lambda c: save_fax(c, replace(OUT, id=fax, state="sent")))
            assert (await page.event()).data["progress"] is None
            own = await office.add(replace(IN, account="Quiet"))
            assert (await foreign.event()).data["id"] == own


async def test_a_busy_journal_ends_no_stream(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_SECONDS", 0.01)
    async with following(office.bob) as page:
        await page.event()
        find, refused = Callers.find, asyncio.Event()

        async def busy(_self: object, _request: object, _scope: object) -> None:
            monkeypatch.setattr(Callers, "find", find)
            refused.set()
            raise JournalError("it is busy")

        monkeypatch.setattr(Callers, "find", busy)
        async with asyncio.timeout(20):
            await refused.wait()
        fax = await office.add(IN)
        while (event := await page.event()).name == "beat":
            pass
        assert event.data["id"] == fax
