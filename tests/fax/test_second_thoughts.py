"""Faults that a critical reader found: each of these lost, repeated or misreported a fax once."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from nexefax.control import spool_warnings
from nexefax.daemon import prepare_scratch
from nexefax.errors import ConfigError, JournalError, MailDelayed, SpoolError
from nexefax.fax import events, mail_records, records
from nexefax.fax.callfile import Spool
from nexefax.fax.cause import Cause, unknown
from nexefax.fax.letters import Letters
from nexefax.fax.outbox import Outbox
from nexefax.fax.outcome import Outcome, outcome_line
from tests.fax.deliveries import deliver_due
from tests.fax.workshop import Workshop, open_workshop

NAME = "nexefax-ACME-20261122-200905-12025550100-1700000000.4.tiff"
RECEIVED = outcome_line(Outcome("received", status="SUCCESS", account="ACME", caller="12025550100")).decode()
SENT = outcome_line(Outcome("sent", status="SUCCESS", pages=1)).decode()


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Workshop]:
    async with open_workshop(tmp_path) as opened:
        yield opened


async def test_a_caller_id_that_is_no_utf8_stops_nobody(shop: Workshop) -> None:
    """The beta's dialplan puts it into the file's name as it came."""
    odd = os.fsencode(shop.rx_dir) + b"/nexefax-ACME-20261122-200904-M\xfcller-1700000000.3.tiff"
    Path(os.fsdecode(odd)).write_bytes(b"II*rubbish")
    Path(os.fsdecode(odd + b".outcome")).write_text(RECEIVED)
    shop.receive(NAME, RECEIVED)
    await shop.receiving.sweep()
    await shop.receiving.convert_due()
    states = await shop.journal.read(records.count_states)
    assert states == {("in", "delivering"): 2}
    fax = await shop.fax(1)
    assert fax.spool_name == "nexefax-ACME-20261122-200904-M\\xfcller-1700000000.3.tiff"
    await shop.bookkeeper.record(1, events.MailAccepted())
    assert sorted(path.name for path in shop.rx_dir.iterdir()) == [NAME, f"{NAME}.outcome"]


async def test_a_report_that_came_while_the_daemon_was_down_is_read_before_the_next_call(
    shop: Workshop,
) -> None:
    fax = await shop.add_ready()
    await shop.sending.start_due(None)  # type: ignore[arg-type]  # nothing is to be rendered
    await shop.bookkeeper.record(
        fax.id,
        events.AttemptEnded(1, unknown("no report came")),
        also=lambda c, _: records.save_attempt(
            c, records.Attempt(fax.id, 1, 1.0, 2.0, ended=2.0, cause=Cause.UNKNOWN)
        ),
    )
    (shop.folders.sent_fax(fax.id) / "1.outcome").write_text(SENT)
    await shop.journal.write(lambda c: c.execute("UPDATE fax SET next_try = 1").rowcount)
    await shop.sending.start_due(None)  # type: ignore[arg-type]
    after = await shop.fax(fax.id)
    assert (after.state, after.attempts) == ("sent", 1)


async def test_an_attempt_that_an_older_journal_forgot_is_not_dialled_again(shop: Workshop) -> None:
    fax = await shop.add_ready()
    (shop.folders.sent_fax(fax.id) / "1.started").write_text("PJSIP/trunk-1")
    (shop.folders.sent_fax(fax.id) / "1.outcome").write_text(SENT)
    await shop.sending.start_due(None)  # type: ignore[arg-type]
    assert list(shop.outgoing.iterdir()) == []
    await shop.sending.settle(fax.id, 1)
    assert (await shop.fax(fax.id)).state == "sent"


async def test_a_call_file_that_cannot_be_removed_keeps_no_other_fax_from_being_judged(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fax = await shop.add(state="calling", attempts=1)
    await shop.journal.write(
        lambda c: records.save_attempt(c, records.Attempt(fax.id, 1, 1.0, 2.0, ended=2.0))
    )
    (shop.outgoing / f"nexefax-{fax.id}-1.call").touch()

    def refuse(*_: object) -> None:
        raise SpoolError("outgoing_done can't be used: Permission denied")

    monkeypatch.setattr(Spool, "withdraw", refuse)
    calling = shop.sending._calling
    await calling.clear_away()
    await calling.clear_away()
    assert caplog.text.count("its call file can't be removed") == 1


async def test_a_call_file_that_a_running_asterisk_leaves_alone_is_told_once(
    shop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    fax = await shop.add(state="calling", attempts=1, pages=1)
    long_ago = time.time() - 600
    await shop.journal.write(
        lambda c: records.save_attempt(c, records.Attempt(fax.id, 1, long_ago, long_ago + 300))
    )
    waiting = shop.outgoing / f"nexefax-{fax.id}-1.call"
    waiting.touch()
    os.utime(waiting, (long_ago, long_ago))
    control = shop.nexefax.folder / "asterisk.ctl"
    control.touch()
    os.utime(control, (long_ago, long_ago))
    shop.config = replace(shop.config, general=replace(shop.config.general, ast_control=control))
    for _ in range(2):
        await shop.sending.settle(fax.id, 1)
    assert any("leaves call files" in warning for warning in spool_warnings(shop.config))
    assert caplog.text.count("does not take the call file") == 1
    assert (await shop.fax(fax.id)).state == "calling"


async def test_a_removed_account_is_named_and_not_blamed_on_the_telephone_system(
    shop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    fax = await shop.add(state="ready", account="GONE", next_try=1.0)
    for _ in range(2):
        await shop.sending._calling.call(await shop.fax(fax.id))
    assert (await shop.fax(fax.id)).reason.startswith("the account GONE is no longer in accounts.conf")
    assert caplog.text.count("no longer in accounts.conf") == 1


async def test_a_received_fax_is_never_mailed_without_the_fax(shop: Workshop) -> None:
    fax = await shop.add(direction="in", state="delivering", spool_name=NAME)
    mail = mail_records.Mail(1, fax.id, "received", "waiting", "<1@x>", 1.0, 1.0, 1.0, 1, "")
    letters = Letters(shop.journal, shop.folders, lambda: shop.config)
    with pytest.raises(MailDelayed, match="its files are missing"):
        await letters.deliver(mail, fax)


async def test_an_accepted_letter_is_noted_before_any_other_is_sent(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nexefax.fax.outbox.JOURNAL_RETRY", 0)
    fax = await shop.add(state="sent")
    await shop.journal.write(lambda c: mail_records.add_mail(c, fax.id, "sent", "<1@x>", 1.0))
    delivered: list[str] = []
    failures = [JournalError("disk full"), JournalError("disk full")]
    write = shop.journal.write

    async def fail_twice(change: object) -> object:
        if delivered and failures:
            raise failures.pop()
        return await write(change)  # type: ignore[arg-type]

    async def deliver(mail: mail_records.Mail, _fax: records.Fax) -> None:
        delivered.append(mail.message_id)

    monkeypatch.setattr(shop.journal, "write", fail_twice)
    await deliver_due(Outbox(shop.bookkeeper, deliver), shop.journal)
    assert delivered == ["<1@x>"]
    letters = await shop.journal.read(lambda c: mail_records.mails_of(c, fax.id))
    assert [letter.state for letter in letters] == ["accepted"]


async def test_the_first_mail_that_gets_through_calls_the_others(shop: Workshop) -> None:
    first, second = await shop.add(state="sent"), await shop.add(state="sent")
    later = time.time() + 9_999

    def add(connection: object) -> None:
        for fax in (first, second):
            mail_records.add_mail(connection, fax.id, "sent", f"<{fax.id}@x>", 1.0)  # type: ignore[arg-type]
        connection.execute("UPDATE mail SET attempts = 5")  # type: ignore[attr-defined]
        connection.execute("UPDATE mail SET next_try = ? WHERE fax = ?", (later, second.id))  # type: ignore[attr-defined]

    await shop.journal.write(add)

    async def deliver(_mail: mail_records.Mail, _fax: records.Fax) -> None:
        return

    await deliver_due(Outbox(shop.bookkeeper, deliver), shop.journal)
    assert await shop.journal.read(mail_records.count_mails) == {"accepted": 2}


def test_a_folder_that_is_somebodys_is_not_made_private(tmp_path: Path) -> None:
    """A test that named /usr, run as root, shut it from everybody."""
    tmp_path.chmod(0o755)
    (tmp_path / "something").touch()
    with pytest.raises(ConfigError, match="is open to others and holds files"):
        prepare_scratch(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o755
    (tmp_path / "something").unlink()
    prepare_scratch(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o700


async def test_a_cancelled_fax_is_rendered_no_longer(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    rendering, ended = asyncio.Event(), asyncio.Event()

    async def render_for_ever(*_: object, **__: object) -> None:
        rendering.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    monkeypatch.setattr("nexefax.fax.rendering.render", render_for_ever)
    fax_id = await shop.sending.accept(shop.submission())
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        await shop.sending.start_due(tasks)
        await rendering.wait()
        cancelled = await shop.sending.cancel(fax_id, "bob")
        await ended.wait()
    assert cancelled is not None
    assert (cancelled.state, cancelled.reason) == ("cancelled", "cancelled by bob")
    assert (await shop.fax(fax_id)).state == "cancelled"
    assert await shop.sending.cancel(99, "bob") is None
