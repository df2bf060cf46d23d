"""Which page is on the line, as Asterisk 16 and 22 show it: their answers were recorded from faxes to themselves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from nexefax.errors import SpoolError
from nexefax.fax import asterisk_console, running_page
from nexefax.fax.asterisk_console import ask_asterisk
from nexefax.fax.running_page import RunningPages, Shown, sending_sessions, shown_sessions
from tests.fax.workshop import Workshop, open_workshop

ANSWERS = Path(__file__).parent / "asterisk_answers"
RECORDED = sorted(ANSWERS.iterdir())
PAGES = {"16.28.0-audio": 3, "22.10.1-t38": 2}


@dataclass
class Console:
    """Answers as Asterisk's console does; ``text`` is all that it says of sessions."""

    socket: Path
    text: str = ""
    asked: list[list[str]] = field(default_factory=list)
    silent: bool = False

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"pbx/1234/22.10.1\n")
            question = (await reader.read(512)).decode()  # at once, as main/asterisk.c does
            assert question.startswith("cli quit after ")
            commands = question.removeprefix("cli quit after ").rstrip("\0").split("\0")
            self.asked.append(commands)
            if self.silent:
                with suppress(ConnectionError):
                    await reader.read()
                return
            writer.write(self.said(commands).encode())
        finally:
            writer.close()

    def said(self, commands: list[str]) -> str:
        head, *details = self.text.split("FAX Session Details:")
        said = head if "fax show sessions" in commands else ""
        for detail in details:
            number = detail.partition("session                : ")[2].partition("\n")[0]
            if f"fax show session {number}" in commands:
                said += f"FAX Session Details:{detail}"
        return said


@asynccontextmanager
async def console_at(socket: Path) -> AsyncIterator[Console]:
    console = Console(socket)
    server = await asyncio.start_unix_server(console.answer, str(socket))
    try:
        yield console
    finally:
        server.close()
        await server.wait_closed()


@dataclass
class Watch:
    """What watches, and what it told."""

    shop: Workshop
    console: Console
    pages: RunningPages
    now: dict[int, Mapping[str, Any]]
    told: list[tuple[str, int, Mapping[str, Any]]]
    somebody: asyncio.Event
    accounts: set[str]

    def show(self, text: str) -> None:
        """Let Asterisk say this of faxes that lie here."""
        self.console.text = text.replace("/var/lib/nexefax", str(self.shop.folders.data_dir))


@pytest.fixture
async def watch(tmp_path: Path) -> AsyncIterator[Watch]:
    async with open_workshop(tmp_path / "w") as shop, console_at(tmp_path / "ctl") as console:
        shop.config = replace(shop.config, general=replace(shop.config.general, ast_control=console.socket))
        now: dict[int, Mapping[str, Any]] = {}
        told: list[tuple[str, int, Mapping[str, Any]]] = []
        somebody, accounts = asyncio.Event(), {"acme"}
        pages = RunningPages(
            lambda: shop.config,
            shop.journal,
            somebody=somebody,
            watched=lambda: accounts,
            now=now,
            tell=lambda account, fax, progress: told.append((account, fax, progress)),
        )
        yield Watch(shop, console, pages, now, told, somebody, accounts)


@pytest.mark.parametrize("file", RECORDED, ids=lambda path: path.stem)
def test_what_asterisk_says_is_understood(file: Path) -> None:
    answer = file.read_text()
    assert sending_sessions(answer) == [0]  # the session that receives is of the same call
    assert list(shown_sessions(answer)) == [
        Shown(0, "/var/lib/nexefax/out/1/1.tiff", PAGES[file.stem], 14_400)
    ]


@pytest.mark.parametrize("file", RECORDED, ids=lambda path: path.stem)
async def test_the_page_of_a_fax_is_told_when_it_is_another(watch: Watch, file: Path) -> None:
    fax = await watch.shop.add(state="calling", attempts=1, pages=3)
    watch.show(file.read_text())
    page = PAGES[file.stem]
    progress = {"page": page, "pages": 3, "bitrate": 14_400}
    await watch.pages.look()
    assert (watch.now, watch.told) == ({fax.id: progress}, [("ACME", fax.id, progress)])
    assert watch.console.asked == [["fax show sessions"], ["fax show session 0"]]
    await watch.pages.look()
    assert len(watch.told) == 1
    assert watch.console.asked[2:] == [["fax show sessions", "fax show session 0"]]
    watch.console.text = watch.console.text.replace(
        f"Page Number            : {page}", "Page Number            : 9"
    )
    await watch.pages.look()
    assert watch.now[fax.id]["page"] == 3  # spandsp is behind the last one then


async def test_a_later_attempt_goes_on_with_a_later_page(watch: Watch) -> None:
    fax = await watch.shop.add(state="calling", attempts=2, pages=9, first_page=4)
    watch.show(RECORDED[0].read_text().replace("/1/1.tiff", "/1/2.tiff"))
    await watch.pages.look()
    assert watch.now[fax.id]["page"] == PAGES[RECORDED[0].stem] + 3


async def test_other_faxes_are_none_of_ours(watch: Watch) -> None:
    await watch.shop.add(state="calling", attempts=2, pages=3)  # and Asterisk still shows the first attempt
    text = RECORDED[0].read_text()
    ours = "/var/lib/nexefax/out/1/1.tiff"
    for said in (text, text.replace("/out/1/", "/out/7/"), text.replace(ours, "/etc/passwd")):
        watch.show(said)
        await watch.pages.look()
    assert (watch.now, watch.told) == ({}, [])


async def test_nothing_is_asked_unless_somebody_watches_a_call(watch: Watch) -> None:
    watch.show(RECORDED[0].read_text())
    await watch.pages.look()
    fax = await watch.shop.add(state="calling", attempts=1, pages=3)
    watch.accounts.clear()
    await watch.pages.look()
    assert watch.console.asked == []
    watch.accounts.add("acme")
    await watch.pages.look()
    assert fax.id in watch.now
    await watch.shop.journal.write(lambda c: c.execute("UPDATE fax SET state = 'sent'"))
    await watch.pages.look()
    assert watch.now == {}


async def test_many_sessions_are_asked_for_in_turns(watch: Watch) -> None:
    text = RECORDED[1].read_text()
    head, detail = text.split("FAX Session Details:")[:2]
    row = next(line for line in head.splitlines() if " send " in line)
    rows, details = [], []
    for number in range(20):
        fax = await watch.shop.add(state="calling", attempts=1, pages=3)
        file = f"/out/{fax.id}/1.tiff"
        rows.append(row.replace("   0   ", f"   {number:<4}", 1).replace("/out/1/1.tiff", file))
        named = detail.replace("session                : 0", f"session                : {number}")
        details.append(named.replace("/out/1/1.tiff", file))
    watch.show("\n".join([*rows, *(f"FAX Session Details:{each}" for each in details)]))
    for _ in range(2):
        await watch.pages.look()
        assert len(watch.now) == 20
    assert max(len(commands) for commands in watch.console.asked) <= asterisk_console.MOST_COMMANDS


@pytest.mark.parametrize(
    "said",
    [
        "", "No such command 'fax show sessions'", "FAX Session Details:", "FAX Session Details:\nsession : x\n",
        "FAX Session Details:\nsession : 0\noperation : Transmit\nPage Number : 99999999999999999999\nFile Name : /x\n",
        "FAX Session Details:\nsession : 0\noperation : Transmit\nPage Number : 0\nFile Name : /x\n",
        "FAX Session Details:\nsession : 0\noperation : Transmit\nPage Number : 1\n", "\0\xff: \n: \n",
    ],
)  # fmt: skip
def test_what_is_odd_says_nothing(said: str) -> None:
    assert list(shown_sessions(said)) == []
    assert sending_sessions(said) == []


async def test_an_asterisk_that_does_not_answer_is_told_once(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "nexefax.fax")
    monkeypatch.setattr(running_page, "ASK_SECONDS", 0)
    monkeypatch.setattr(asterisk_console, "ANSWER_SECONDS", 0.01)
    fax = await watch.shop.add(state="calling", attempts=1, pages=3)
    watch.show(RECORDED[0].read_text())
    watch.console.silent = True
    running = asyncio.create_task(watch.pages.run())
    try:
        async with asyncio.timeout(20):
            watch.somebody.set()
            while len(watch.console.asked) < 3:
                await asyncio.sleep(0)
            assert len(caplog.messages) == 1
            assert "which page is on the line can't be told" in caplog.text
            watch.console.silent = False
            while not watch.told:
                await asyncio.sleep(0)
    finally:
        running.cancel()
    assert fax.id in watch.now


async def test_what_is_no_asterisk(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for socket in (tmp_path / "none", tmp_path / "file", tmp_path, tmp_path / ("x" * 200), Path("/x\0y")):
        with pytest.raises(SpoolError, match="does not answer"):
            await ask_asterisk(socket, ["fax show sessions"])


async def test_one_that_never_stops_talking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asterisk_console, "MOST_BYTES", 1000)
    async with console_at(tmp_path / "ctl") as console:
        console.text = "x" * 5000
        with pytest.raises(SpoolError, match="too much"):
            await ask_asterisk(console.socket, ["fax show sessions"])
