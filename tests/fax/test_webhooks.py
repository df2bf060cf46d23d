"""Webhooks: written with what happened, signed, called until they are taken, and none held up by another."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import socket
import sqlite3
import textwrap
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from nexefax.errors import HookError, JournalError
from nexefax.fax import events, records, webhook_call, webhook_records, webhooks
from nexefax.fax.webhook_call import call_hook, in_own_thread, signature
from nexefax.fax.webhook_events import event_of
from nexefax.fax.webhooks import Webhooks
from tests.fax.hooks import LATE, STALL, Hook, open_hook, reply
from tests.fax.workshop import Workshop, open_workshop
from tests.mail.servers import make_certificates

SECRET = "a secret that only the two know"


@pytest.fixture
async def workshop(tmp_path: Path) -> AsyncIterator[Workshop]:
    async with open_workshop(tmp_path) as workshop:
        yield workshop


def hook_up(workshop: Workshop, url: str, account: str = "ACME") -> None:
    """Give an account a webhook; "" takes it away."""
    made = replace(workshop.account, id=account, webhook_url=url, webhook_secret=SECRET if url else "")
    accounts = dict(workshop.config.accounts) | {account.casefold(): made}
    workshop.config = replace(workshop.config, accounts=MappingProxyType(accounts))


@asynccontextmanager
async def calling(workshop: Workshop) -> AsyncIterator[Webhooks]:
    """The webhooks at work."""
    hooks = Webhooks(workshop.journal, lambda: workshop.config)
    workshop.bookkeeper.webhook_written = hooks.wake
    task = asyncio.create_task(hooks.run())
    try:
        yield hooks
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def cancel(workshop: Workshop, account: str = "ACME", by: str = "bob") -> int:
    """Something that happens to a fax."""
    fax = await workshop.add(account=account)
    await workshop.bookkeeper.record(fax.id, events.CancelRequested(by))
    return fax.id


async def calls(workshop: Workshop, fax_id: int = 1) -> list[webhook_records.Call]:
    return await workshop.journal.read(lambda c: webhook_records.calls_of(c, fax_id))


async def when(
    workshop: Workshop, faxes: Iterable[int], holds: Callable[[webhook_records.Call], bool]
) -> None:
    """Wait until the journal says this of the one call about each of these faxes."""
    changed = asyncio.Event()
    workshop.journal.after_write.append(changed.set)
    try:
        while True:
            changed.clear()
            found = [call for fax_id in faxes for call in await calls(workshop, fax_id)]
            if all(map(holds, found)):
                return
            await changed.wait()
    finally:
        workshop.journal.after_write.remove(changed.set)


async def ended(workshop: Workshop, fax_id: int = 1) -> webhook_records.Call:
    """The one call about a fax, when it waits no more."""
    await when(workshop, [fax_id], lambda call: call.state != "waiting")
    (call,) = await calls(workshop, fax_id)
    return call


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Retries follow at once; the numbers of the tries that failed."""
    tries: list[int] = []

    def delay(attempts: int) -> float:
        tries.append(attempts)
        return 0.0

    monkeypatch.setattr(webhooks, "delay_after", delay)
    monkeypatch.setattr(webhooks, "PUT_OFF", 0.0)
    return tries


async def test_what_happened_is_told_signed_and_in_json(workshop: Workshop) -> None:
    async with open_hook() as hook, calling(workshop):
        hook_up(workshop, hook.url)
        fax_id = await cancel(workshop)
        told = await hook.told.get()
        call = await ended(workshop)
    assert told.target == "/faxes?key=1"
    assert told.headers["Content-Type"] == "application/json"
    assert told.headers["NexeFax-Event"] == "fax.cancelled"
    assert told.headers["User-Agent"].startswith("NexeFax/")
    assert str(uuid.UUID(told.headers["NexeFax-Delivery"])) == call.delivery
    said = told.json
    assert set(said) == {"event", "at", "fax"}
    assert said["event"] == "fax.cancelled"
    assert said["at"].endswith("Z")
    assert (said["fax"]["id"], said["fax"]["state"], said["fax"]["number"]) == (
        fax_id,
        "cancelled",
        "2025550100",
    )
    parts = dict(part.split("=") for part in told.headers["NexeFax-Signature"].split(","))
    signed = hmac.new(SECRET.encode(), f"{parts['t']}.".encode() + told.body, hashlib.sha256)
    assert parts["v1"] == signed.hexdigest()
    assert abs(int(parts["t"]) - time.time()) < 600
    assert (call.state, call.attempts, call.error, call.body) == ("accepted", 1, "", "")


async def test_the_readmes_receiver_believes_it_and_no_forgery(workshop: Workshop) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    example = readme.partition("    import hashlib, hmac, time\n")[2].partition("\n\n## ")[0]
    shown: dict[str, Any] = {}
    exec(textwrap.dedent(f"    import hashlib, hmac, time\n{example}"), shown)
    async with open_hook() as hook, calling(workshop):
        hook_up(workshop, hook.url)
        await cancel(workshop)
        told = await hook.told.get()
    is_from_nexefax, header = shown["is_from_nexefax"], told.headers["NexeFax-Signature"]
    assert is_from_nexefax(SECRET, header, told.body)
    assert not is_from_nexefax(SECRET, header, told.body + b" ")
    assert not is_from_nexefax("another", header, told.body)
    assert not is_from_nexefax(SECRET, signature(SECRET, told.body, int(time.time()) - 3600), told.body)


@pytest.mark.parametrize(
    ("before", "after", "event"),
    [
        ("converting", "delivering", "fax.received"),
        ("undeliverable", "delivering", ""),
        ("delivering", "delivered", ""),
        ("received", "converting", ""),
        ("converting", "undeliverable", ""),
        ("calling", "sent", "fax.sent"),
        ("failed", "sent", "fax.sent"),
        ("calling", "failed", "fax.failed"),
        ("rendering", "failed", "fax.failed"),
        ("queued", "cancelled", "fax.cancelled"),
        ("calling", "calling", ""),
        ("calling", "ready", ""),
        ("sent", "sent", ""),
    ],
)
def test_which_changes_are_told(before: str, after: str, event: str) -> None:
    fax = records.Fax(1, "out", "ACME", before, 1.0, 1.0)
    assert event_of(fax, replace(fax, state=after)) == event


async def test_a_received_fax_is_told_once_it_can_be_read(workshop: Workshop) -> None:
    hook_up(workshop, "http://127.0.0.1:9/")
    fax = await workshop.add(direction="in", state="converting", number="4930123")
    await workshop.bookkeeper.record(fax.id, events.FaxConverted(3, "fine", (), tiff_wanted=False))
    (call,) = await calls(workshop)
    assert (call.event, call.state) == ("fax.received", "waiting")
    assert '"pages":3' in call.body


async def test_an_account_without_a_webhook_has_no_calls(workshop: Workshop) -> None:
    await cancel(workshop)
    await cancel(workshop, account="nobody's")
    assert [await calls(workshop, fax) for fax in (1, 2)] == [[], []]


async def test_the_call_is_written_with_what_happened_or_not_at_all(workshop: Workshop) -> None:
    hook_up(workshop, "http://127.0.0.1:9/")
    fax = await workshop.add()

    def fails(*_: object) -> None:
        raise JournalError("the disk is full")

    with pytest.raises(JournalError):
        await workshop.bookkeeper.record(fax.id, events.CancelRequested("bob"), also=fails)
    assert (await workshop.fax()).state == "queued"
    assert await calls(workshop) == []


async def test_a_repeat_has_the_same_name_and_body_and_a_new_signature(
    workshop: Workshop, at_once: list[int]
) -> None:
    async with open_hook(reply(500), reply(503), b"nonsense\r\n\r\n", b"") as hook, calling(workshop):
        hook_up(workshop, hook.url)
        await cancel(workshop)
        told = [await hook.told.get() for _ in range(5)]
        call = await ended(workshop)
    assert len({(one.headers["NexeFax-Delivery"], one.body) for one in told}) == 1
    assert (call.state, call.attempts, call.error) == ("accepted", 5, "")
    assert at_once == [1, 2, 3, 4]


async def test_a_kill_in_the_middle_of_a_call_repeats_it(workshop: Workshop) -> None:
    async with open_hook(STALL) as hook:
        hook_up(workshop, hook.url)
        async with calling(workshop):
            await cancel(workshop)
            first = await hook.told.get()
        assert (await calls(workshop))[0].state == "waiting"
        async with calling(workshop) as again:
            await again.hasten()
            second = await hook.told.get()
            assert (await ended(workshop)).state == "accepted"
    assert first.headers["NexeFax-Delivery"] == second.headers["NexeFax-Delivery"]


async def test_a_slow_hook_holds_up_nobody_elses(workshop: Workshop) -> None:
    async with open_hook(STALL) as slow, open_hook() as quick, calling(workshop):
        hook_up(workshop, slow.url)
        hook_up(workshop, quick.url, "Other")
        await cancel(workshop)
        await slow.told.get()
        for _ in range(3):
            fax = await cancel(workshop, "Other")
            await quick.told.get()
            assert (await ended(workshop, fax)).state == "accepted"
        assert (await calls(workshop, 1))[0].state == "waiting"
        slow.released.set()


async def test_a_hook_that_fails_is_not_asked_for_each_of_many_faxes(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "delay_after", lambda _attempts: 3600.0)
    async with open_hook(reply(500)) as hook:
        hook_up(workshop, hook.url)
        faxes = [await cancel(workshop) for _ in range(5)]
        async with calling(workshop):
            await when(workshop, faxes, lambda call: call.next_try > time.time())
            waiting = [(await calls(workshop, fax))[0] for fax in faxes]
        assert [call.attempts for call in waiting] == [1, 0, 0, 0, 0]
        assert hook.told.qsize() == 1


async def test_a_hook_that_is_in_order_again_is_told_all_that_waits(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "delay_after", lambda attempts: 0.0 if attempts == 1 else 3600.0)
    async with open_hook(reply(500)) as hook:
        hook_up(workshop, hook.url)
        faxes = [await cancel(workshop) for _ in range(3)]
        async with calling(workshop):
            assert [(await ended(workshop, fax)).state for fax in faxes] == ["accepted"] * 3


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 404, 429, 500])
async def test_nothing_but_2xx_is_taken_and_no_redirect_followed(
    workshop: Workshop, at_once: list[int], caplog: pytest.LogCaptureFixture, status: int
) -> None:
    async with open_hook() as elsewhere:
        async with open_hook(reply(status, f"Location: {elsewhere.url}")) as hook, calling(workshop):
            hook_up(workshop, hook.url)
            await cancel(workshop)
            assert (await ended(workshop)).attempts == 2
        assert elsewhere.told.empty()
    assert f"the webhook answers {status}" in caplog.text
    assert ("redirects are not followed" in caplog.text) == (status < 400)


async def test_410_gives_up_at_once(workshop: Workshop, caplog: pytest.LogCaptureFixture) -> None:
    async with open_hook(reply(410)) as hook, calling(workshop):
        hook_up(workshop, hook.url)
        await cancel(workshop)
        call = await ended(workshop)
    assert (call.state, call.attempts) == ("refused", 1)
    assert "fax 1: fax.cancelled is not told to anybody: the webhook answers 410" in caplog.text
    timeline = await workshop.journal.read(lambda c: records.events_of(c, 1))
    assert timeline[-1][1].startswith(
        "the webhook could not be told (fax.cancelled): the webhook answers 410"
    )


async def test_what_is_refused_for_days_is_given_up(
    workshop: Workshop, at_once: list[int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(webhooks, "GIVEN_UP_SECONDS", -1.0)
    async with open_hook(*[reply(500)] * 10) as hook, calling(workshop):
        hook_up(workshop, hook.url)
        await cancel(workshop)
        call = await ended(workshop)
    assert (call.state, call.attempts) == ("refused", webhooks.LEAST_TRIES)
    assert call.error == "the webhook answers 500"
    assert "is not told to anybody: the webhook answers 500" in caplog.text


async def test_a_webhook_that_is_configured_no_more_is_not_called(workshop: Workshop) -> None:
    async with open_hook() as hook:
        hook_up(workshop, hook.url)
        await cancel(workshop)
        hook_up(workshop, "")
        async with calling(workshop):
            call = await ended(workshop)
        assert (call.state, call.error) == ("refused", "the account has no webhook_url any more")
        assert hook.told.empty()


async def test_a_server_that_refuses_is_told_of(workshop: Workshop, caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        hook_up(workshop, f"http://127.0.0.1:{taken.getsockname()[1]}/")
        await cancel(workshop)
        (call,) = await calls(workshop)
        assert await Webhooks(workshop.journal, lambda: workshop.config)._try(call) is False
    (call,) = await calls(workshop)
    assert (call.state, call.attempts) == ("waiting", 1)
    assert call.error.startswith("127.0.0.1 can't be called: [Errno 111]")
    assert "fax.cancelled not told, next try in" in caplog.text


async def test_a_server_that_says_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_call, "CALL_SECONDS", 0.2)
    async with open_hook(STALL) as hook:
        with pytest.raises(HookError, match="does not answer within 0 s"):
            await call(hook)


async def call(hook: Hook) -> int:
    return await asyncio.to_thread(call_hook, hook.url, SECRET, "id", "fax.sent", b"{}")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", "it closed the connection without an answer"),
        (b"HTTP/1.1 200", "it closed the connection without an answer"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "its answer is no HTTP"),
        (b"HTTP/1.1 2x0 OK\r\n", "its answer is no HTTP"),
        (b"HTTP/2 200\r\n", "its answer is no HTTP"),
        (b"x" * 40_000, "its answer is no HTTP"),
    ],
)
async def test_answers_that_are_none(answer: bytes, why: str) -> None:
    async with open_hook(answer) as hook:
        with pytest.raises(HookError, match=why):
            await call(hook)


async def test_interim_answers_are_passed_over() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    async with open_hook(interim + b"HTTP/1.1 202 Accepted\r\n\r\n") as hook:
        assert await call(hook) == 202


async def test_a_server_must_prove_who_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificates = make_certificates(tmp_path)
    async with open_hook(tls=certificates.context()) as hook:
        with pytest.raises(HookError, match="CERTIFICATE_VERIFY_FAILED"):
            await call(hook)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
        assert await call(hook) == 204
        assert (await hook.told.get()).body == b"{}"


async def test_a_call_that_is_taken_while_the_journal_is_read_is_not_made_again(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read before it was noted says that it waits."""
    async with open_hook(LATE) as hook, calling(workshop) as hooks:
        hook_up(workshop, hook.url)
        fax_id = await cancel(workshop)
        await hook.told.get()
        read, looked = workshop.journal.read, asyncio.Event()

        async def read_slowly(query: Callable[[sqlite3.Connection], object]) -> object:
            found = await read(query)
            monkeypatch.setattr(workshop.journal, "read", read)
            hook.released.set()
            await ended(workshop, fax_id)
            while any(task.get_name() == "webhook acme" for task in asyncio.all_tasks()):
                await asyncio.sleep(0)
            looked.set()
            return found

        monkeypatch.setattr(workshop.journal, "read", read_slowly)
        hooks.wake()
        async with asyncio.timeout(30):
            await looked.wait()
            await cancel(workshop)
            second = await hook.told.get()
    assert second.json["fax"]["id"] != fax_id


async def test_a_thread_that_nobody_waits_for_any_more_is_let_go() -> None:
    go = asyncio.Event()
    loop = asyncio.get_running_loop()

    def work() -> int:
        asyncio.run_coroutine_threadsafe(go.wait(), loop).result()
        return 7

    task = asyncio.create_task(in_own_thread(work, "test"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go.set()
    assert await in_own_thread(lambda: 8, "test") == 8


async def test_a_journal_that_can_not_be_written_is_waited_for(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(webhooks, "JOURNAL_RETRY", 0.0)
    save, failures = webhook_records.save_call, [1]

    def fails_once(*arguments: object) -> None:
        if failures.pop() if failures else 0:
            raise JournalError("the disk is full")
        save(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(webhook_records, "save_call", fails_once)
    async with open_hook() as hook, calling(workshop):
        hook_up(workshop, hook.url)
        await cancel(workshop)
        assert (await ended(workshop)).state == "accepted"
        assert hook.told.qsize() == 1
    assert "its webhook is accepted, but that can't be noted: the disk is full" in caplog.text


async def test_the_loop_goes_on_after_faults(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(webhooks, "IDLE_SECONDS", 0.01)
    monkeypatch.setattr(webhooks, "JOURNAL_RETRY", 0.0)
    read, broken = webhook_records.due_calls, [1]

    def fails_once(*arguments: object) -> list[webhook_records.Call]:
        if broken.pop() if broken else 0:
            raise JournalError("the journal is locked")
        return read(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(webhook_records, "due_calls", fails_once)
    attempt, faults = Webhooks._try, [1]

    async def breaks_once(self: Webhooks, call: webhook_records.Call) -> bool:
        if faults.pop() if faults else 0:
            raise RuntimeError("a fault of ours")
        return await attempt(self, call)

    monkeypatch.setattr(Webhooks, "_try", breaks_once)
    async with open_hook() as hook:
        hook_up(workshop, hook.url)
        await cancel(workshop)
        async with calling(workshop):
            assert (await ended(workshop)).state == "accepted"
    assert "the webhooks can't be read; trying again: the journal is locked" in caplog.text
    assert "the webhook of account acme could not be served" in caplog.text
