"""Attempts as they are handed to Asterisk: settings, the rest of a fax, calls that are ended, faxes sent once more."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from nexefax.errors import DocumentError, NumberError
from nexefax.fax import records
from nexefax.fax.convert import Resolution
from nexefax.fax.convert.faxtiff import Strip, strips_of, write_fax
from nexefax.fax.outcome import Outcome, outcome_line
from tests.convert.fax_pages import T6_END, drawing, lines_of, packed, t6_bits
from tests.fax.workshop import Workshop, open_workshop


@pytest_asyncio.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Workshop]:
    async with open_workshop(tmp_path) as shop:
        yield shop


def write_pages(path: Path, pages: int) -> None:
    strips = []
    for number in range(pages):
        data = packed("".join(t6_bits(lines_of(drawing(length=60 + number)), 1728)) + T6_END)
        single = path.with_name(f"{path.name}.{number}")
        single.write_bytes(data)
        strips.append(Strip(single, 0, len(data), 60 + number, 1, Resolution.FINE))
    write_fax(path, strips)


async def add_ready(shop: Workshop, pages: int = 5, **values: object) -> records.Fax:
    fax = await shop.add_ready(pages=pages, max_attempts=6, **values)
    write_pages(shop.folders.fax_tiff(fax.id), pages)
    return fax


async def call(shop: Workshop) -> None:
    await shop.sending.start_due(None)  # type: ignore[arg-type]  # nothing is to be rendered


async def call_again(shop: Workshop) -> None:
    await shop.sending.retry_now(1, "bob")
    await call(shop)


async def report(shop: Workshop, attempt: int, **values: object) -> records.Fax:
    outcome = Outcome("sent", **values)  # type: ignore[arg-type]  # fields by name
    shop.folders.stem(1, attempt).with_suffix(".outcome").write_bytes(outcome_line(outcome))
    await shop.sending.settle(1, attempt)
    return await shop.fax()


def call_file(shop: Workshop, attempt: int) -> str:
    return (shop.outgoing / f"nexefax-1-{attempt}.call").read_text()


DROPPED = {
    "status": "FAILED",
    "error": "HANGUP",
    "text": "The call dropped prematurely",
    "resolution": "204x196",
}
UNTRAINED = {
    "status": "FAILED",
    "error": "NEGOTIATE",
    "text": "Far end is not compatible",
    "resolution": "204x196",
}


async def test_a_dropped_fax_goes_on_where_it_was(shop: Workshop) -> None:
    await add_ready(shop)
    await call(shop)
    after = await report(shop, 1, pages=2, **DROPPED)
    assert (after.state, after.reason) == ("ready", "the line dropped on page 3 of 5")
    await call_again(shop)
    rest = strips_of(shop.folders.stem(1, 2).with_suffix(".tiff"))
    assert [strip.length for strip in rest] == [62 + 52, 63, 64]
    after = await report(shop, 2, pages=1, **DROPPED)
    assert (after.reason, after.pages_done) == ("the line dropped on page 4 of 5", 3)
    await call_again(shop)
    after = await report(shop, 3, status="SUCCESS", pages=2)
    assert (after.state, after.pages_done, after.counted) == ("sent", 5, 0)
    assert [(row.first_page, row.pages) for row in await shop.attempts()] == [(1, 2), (3, 1), (4, 2)]


async def test_fewer_pages_than_the_rest_are_not_believed(shop: Workshop) -> None:
    await add_ready(shop)
    await call(shop)
    await report(shop, 1, pages=2, **DROPPED)
    await call_again(shop)
    after = await report(shop, 2, status="SUCCESS", pages=2)
    assert (after.state, after.reason) == ("ready", "only 4 of 5 pages were confirmed")


async def test_a_whole_fax_that_can_not_be_cut_waits_and_says_so(shop: Workshop) -> None:
    fax = await add_ready(shop)
    await call(shop)
    await report(shop, 1, pages=2, **DROPPED)
    shop.folders.fax_tiff(fax.id).write_bytes(b"II*")
    await call_again(shop)
    after = await shop.fax()
    assert (after.state, after.attempts) == ("ready", 1)
    assert "can't be sent" in after.reason


async def test_safer_settings_reach_asterisk_and_the_next_fax_to_the_number(shop: Workshop) -> None:
    await add_ready(shop)
    await call(shop)
    assert "Setvar: FAXOPT_MODEM=v17,v27,v29\n" in call_file(shop, 1)
    assert "Setvar: NEXEFAX_AUDIO=no\n" in call_file(shop, 1)
    await report(shop, 1, pages=0, **UNTRAINED)
    await call_again(shop)
    assert "Setvar: FAXOPT_MODEM=v27,v29\n" in call_file(shop, 2)
    assert "Setvar: FAXOPT_MAXRATE=9600\n" in call_file(shop, 2)
    await report(shop, 2, pages=0, **UNTRAINED)
    await call_again(shop)
    assert "Setvar: NEXEFAX_AUDIO=yes\n" in call_file(shop, 3)
    await report(shop, 3, status="SUCCESS", pages=5)
    assert [row.line_settings for row in await shop.attempts()] == ["", "no-v17", "no-v17 audio"]
    await add_ready(shop)
    await call(shop)
    assert (await shop.fax(2)).line_settings == "no-v17 audio"
    assert "NEXEFAX_AUDIO=yes\n" in (shop.outgoing / "nexefax-2-1.call").read_text()


async def test_what_was_learnt_a_month_ago_is_forgotten(shop: Workshop) -> None:
    month_ago = time.time() - 31 * 86_400
    await shop.journal.write(lambda c: records.remember_line(c, "2025550100", "no-v17", month_ago))
    await add_ready(shop)
    await call(shop)
    assert (await shop.fax()).line_settings == ""


async def test_what_is_learnt_drives_out_what_was_learnt_a_month_ago(shop: Workshop) -> None:
    now = time.time()
    await shop.journal.write(lambda c: records.remember_line(c, "2025550111", "no-v17", now - 31 * 86_400))
    await shop.journal.write(lambda c: records.remember_line(c, "2025550122", "no-v17", now - 29 * 86_400))
    await add_ready(shop)
    await call(shop)
    await report(shop, 1, pages=0, **UNTRAINED)
    numbers = "SELECT number FROM line_memory ORDER BY number"
    kept = await shop.journal.read(lambda c: [row[0] for row in c.execute(numbers)])
    assert kept == ["2025550100", "2025550122"]


async def test_a_call_that_asterisk_has_not_taken_is_cancelled_at_once(shop: Workshop) -> None:
    await add_ready(shop)
    await call(shop)
    after = await shop.sending.cancel(1, "bob")
    assert after is not None
    assert (after.state, after.reason) == ("cancelled", "cancelled by bob")
    assert list(shop.outgoing.iterdir()) == []
    assert shop.folders.stem(1, 1).with_suffix(".cancel").exists()
    (row,) = await shop.attempts()
    assert (row.cause, row.ended is not None) == ("cancelled", True)


async def test_a_staged_call_is_not_handed_over_any_more(shop: Workshop) -> None:
    await add_ready(shop)
    shop.outgoing.rename(shop.outgoing.with_name("away"))
    shop.outgoing.mkdir()
    await call(shop)
    (shop.outgoing / "nexefax-1-1.call").rename(shop.bookkeeper.spool.staging / "nexefax-1-1.call")
    assert (await shop.sending.cancel(1, "bob")) is not None
    assert (await shop.fax()).state == "cancelled"
    assert list(shop.bookkeeper.spool.staging.iterdir()) == []


def ring(shop: Workshop) -> None:
    """Asterisk has taken the call file: it sets its time far ahead."""
    path = shop.outgoing / "nexefax-1-1.call"
    ahead = time.time() + 86_400
    os.utime(path, (ahead, ahead))


async def test_what_rings_meets_the_guard(shop: Workshop) -> None:
    await add_ready(shop)
    await call(shop)
    ring(shop)
    after = await shop.sending.cancel(1, "bob")
    assert after is not None
    assert (after.state, after.reason) == ("calling", "being cancelled by bob")
    assert shop.folders.stem(1, 1).with_suffix(".cancel").exists()
    assert [path.name for path in shop.outgoing.iterdir()] == ["nexefax-1-1.call"]
    after = await report(shop, 1, status="CANCELLED", error="CANCELLED")
    assert (after.state, after.reason) == ("cancelled", "cancelled by bob")


async def test_what_runs_is_hung_up(shop: Workshop) -> None:
    await add_ready(shop)
    await call(shop)
    ring(shop)
    shop.folders.stem(1, 1).with_suffix(".started").write_text("PJSIP/trunk-00000004\n")
    await shop.sending.cancel(1, "bob")
    stop = (shop.outgoing / "nexefax-stop-1-1.call").read_text()
    assert "Application: SoftHangup\nData: PJSIP/trunk-00000004\n" in stop
    assert "Channel: Local/stop@nexefax/n\n" in stop
    (shop.outgoing / "nexefax-stop-1-1.call").unlink()
    await shop.sending.settle(1, 1)  # the watch: once more, as it did not end
    assert (shop.outgoing / "nexefax-stop-1-1.call").exists()
    after = await report(shop, 1, pages=2, **DROPPED)
    assert (after.state, after.reason) == ("cancelled", "cancelled by bob; 2 of 5 pages had arrived")
    assert list(shop.outgoing.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["", "x", "PJSIP/a,b", "PJSIP/a\nApplication: System", "PJSIP/a b", "Ä/b", "/x"]
)
async def test_a_channel_that_is_none_is_not_put_into_a_call_file(
    shop: Workshop, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    await add_ready(shop)
    await call(shop)
    shop.folders.stem(1, 1).with_suffix(".started").write_text(name)
    await shop.sending.cancel(1, "bob")
    assert [path.name for path in shop.outgoing.iterdir()] == ["nexefax-1-1.call"]
    assert "attempt 1 can't be hung up: its channel is not known" in caplog.text
    assert (await shop.fax()).state == "calling"


async def test_a_spool_that_is_gone_does_not_lose_the_cancelling(
    shop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    await add_ready(shop)
    await call(shop)
    shop.folders.stem(1, 1).with_suffix(".started").write_text("PJSIP/trunk-00000004")
    shop.outgoing.rename(shop.outgoing.with_name("away"))
    await shop.sending.cancel(1, "bob")
    assert "attempt 1 can't be ended, trying again" in caplog.text
    shop.outgoing.with_name("away").rename(shop.outgoing)
    await shop.sending.settle(1, 1)
    assert (shop.outgoing / "nexefax-stop-1-1.call").exists()


async def test_a_fax_is_sent_once_more(shop: Workshop) -> None:
    fax_id = await shop.sending.accept(shop.submission("request"))
    again = await shop.sending.resend(fax_id, "eve")
    other = await shop.sending.resend(fax_id, "eve", "+1 202 555 0177")
    first, second, third = [await shop.fax(number) for number in (fax_id, again, other)]
    assert (second.resent_from, second.user, second.number) == (first.id, "eve", first.number)
    assert (second.document_name, second.state) == (first.document_name, "queued")
    assert third.number == "+12025550177"
    assert shop.folders.document(again).read_bytes() == shop.folders.document(fax_id).read_bytes()
    timeline = await shop.journal.read(lambda c: records.events_of(c, again))
    assert timeline[0][1] == f"accepted from eve for {first.number}, as fax {first.id} once more"


async def test_what_can_not_be_sent_once_more_is_told(shop: Workshop) -> None:
    fax_id = await shop.sending.accept(shop.submission())
    with pytest.raises(NumberError):
        await shop.sending.resend(fax_id, "eve", "nobody")
    with pytest.raises(KeyError):
        await shop.sending.resend(99, "eve")
    shop.folders.document(fax_id).unlink()
    with pytest.raises(DocumentError, match="no longer kept"):
        await shop.sending.resend(fax_id, "eve")
    received = await shop.add(direction="in", state="delivered")
    with pytest.raises(KeyError):
        await shop.sending.resend(received.id, "eve")
    stranger = await shop.add(account="GONE", state="sent")
    with pytest.raises(DocumentError, match="The account GONE is no longer there"):
        await shop.sending.resend(stranger.id, "eve")


async def test_nobody_waits_who_does_not_want_to(shop: Workshop) -> None:
    later = time.time() + 1_000
    await shop.add_ready(next_try=later)
    after = await shop.sending.retry_now(1, "bob")
    assert after is not None
    assert (after.next_try or later) < later
    assert await shop.sending.retry_now(99, "bob") is None
    assert await shop.sending.cancel(99, "bob") is None
