"""The journal: durable or not at all, one daemon only, and remedies in its errors."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from nexefax import store
from nexefax.errors import JournalError
from nexefax.fax import mail_records, records
from nexefax.fax.records import Attempt, Fax
from nexefax.store import JOURNAL_NAME, Journal, read_only

FAX = Fax(id=0, direction="out", account="ACME", state="queued", created=1.0, changed=1.0, notes=("a", "ä"))


async def test_what_is_written_is_there_after_a_restart(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path)
    fax_id = await journal.write(lambda c: records.add_fax(c, FAX))
    await journal.close()
    journal = await Journal.open(tmp_path)
    fax = await journal.read(lambda c: records.load_fax(c, fax_id))
    await journal.close()
    assert fax is not None
    assert (fax.id, fax.account, fax.notes, fax.incomplete) == (1, "ACME", ("a", "ä"), False)
    assert read_only(tmp_path, records.count_states) == {("out", "queued"): 1}


async def test_a_change_that_fails_leaves_nothing(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path)

    def change(connection: sqlite3.Connection) -> None:
        records.add_fax(connection, FAX)
        raise KeyError("x")

    with pytest.raises(KeyError):
        await journal.write(change)
    assert await journal.read(records.count_states) == {}
    await journal.close()


async def test_the_same_request_is_refused_by_the_journal_itself(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path)
    once = Fax(id=0, direction="out", account="A", state="queued", created=1.0, changed=1.0, request_id="r")
    await journal.write(lambda c: records.add_fax(c, once))
    with pytest.raises(sqlite3.IntegrityError):
        await journal.write(lambda c: records.add_fax(c, once))
    known = await journal.read(lambda c: records.fax_by_request(c, "A", "r"))
    assert known is not None
    assert await journal.read(lambda c: records.fax_by_request(c, "B", "r")) is None
    await journal.close()


async def test_two_daemons_on_one_folder_are_refused(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path)
    with pytest.raises(JournalError, match="in use by another NexeFax"):
        await Journal.open(tmp_path)
    await journal.close()
    again = await Journal.open(tmp_path)
    await again.close()


async def test_a_damaged_journal_names_the_remedy(tmp_path: Path) -> None:
    (tmp_path / JOURNAL_NAME).write_bytes(b"this is no journal at all, " * 400)
    with pytest.raises(JournalError, match=r"is damaged.*restore the last backup"):
        await Journal.open(tmp_path)
    with pytest.raises(JournalError, match="is damaged"):
        read_only(tmp_path, records.count_states)


async def test_a_newer_journal_is_left_alone(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path)
    await journal.close()
    with sqlite3.connect(tmp_path / JOURNAL_NAME) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    with pytest.raises(JournalError, match="written by a newer NexeFax"):
        await Journal.open(tmp_path)


async def test_pages_lost_in_the_middle_are_noticed_at_start(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path)
    for _ in range(300):
        await journal.write(lambda c: records.add_fax(c, FAX))
    await journal.close()
    path = tmp_path / JOURNAL_NAME
    content = bytearray(path.read_bytes())
    content[8192:16384] = bytes(8192)
    path.write_bytes(content)
    with pytest.raises(JournalError, match="is damaged"):
        await Journal.open(tmp_path)


async def test_a_folder_that_cannot_be_written_names_the_option(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(JournalError, match="data_dir must be a folder"):
        await Journal.open(tmp_path)
    tmp_path.chmod(0o700)


async def test_a_journal_that_stays_locked_is_an_error_not_a_wait_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "BUSY_SECONDS", 0.05)
    journal = await Journal.open(tmp_path)
    other = sqlite3.connect(tmp_path / JOURNAL_NAME, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalError, match="can't be used"):
        await journal.write(lambda c: records.add_fax(c, FAX))
    other.execute("ROLLBACK")
    other.close()
    assert await journal.write(lambda c: records.add_fax(c, FAX)) == 1
    await journal.close()


async def test_a_cancelled_writer_leaves_a_whole_change_or_none(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path)
    task = asyncio.create_task(journal.write(lambda c: records.add_fax(c, FAX)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await journal.write(records.count_states) in ({}, {("out", "queued"): 1})
    await journal.close()


async def test_attempts_mails_and_events_belong_to_their_fax(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path)

    def fill(connection: sqlite3.Connection) -> int:
        fax = records.add_fax(connection, FAX)
        records.save_attempt(connection, Attempt(fax, 1, 1.0, 2.0))
        records.save_attempt(connection, Attempt(fax, 1, 1.0, 2.0, ended=2.0, cause="busy"))
        mail_records.add_mail(connection, fax, "sent", "<a@b>", 5.0)
        mail_records.add_mail(connection, fax, "sent", "<c@d>", 6.0)
        records.add_event(connection, fax, 3.0, "rendered")
        return fax

    fax = await journal.write(fill)
    assert [a.cause for a in await journal.read(lambda c: records.attempts_of(c, fax))] == ["busy"]
    assert [m.message_id for m in await journal.read(lambda c: mail_records.mails_of(c, fax))] == ["<a@b>"]
    assert await journal.read(lambda c: records.events_of(c, fax)) == [(3.0, "rendered")]
    (mail,) = await journal.read(lambda c: mail_records.next_mails(c, ["received", "sent"], 1.0, 9))
    assert (mail.next_try, mail.is_due(4.0), mail.is_due(5.0)) == (5.0, False, True)
    assert await journal.read(lambda c: mail_records.next_mails(c, ["received"], 1.0, 9)) == []
    assert await journal.read(mail_records.count_mails) == {"waiting": 1}
    assert await journal.read(lambda c: records.load_attempt(c, fax, 2)) is None
    await journal.close()


SCHEMA_1 = Path(__file__).with_name("schema_1.sql")


def shape(connection: sqlite3.Connection) -> dict[str, list[tuple[object, ...]]]:
    """The columns of every table, however they came there, and every index."""
    names = [
        row[0]
        for row in connection.execute(
            "SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name"
        )
    ]
    return {
        name: sorted(tuple(row)[1:] for row in connection.execute(f"PRAGMA table_info({name})"))
        for name in names
    }


async def test_an_older_journal_is_brought_up_to_date(tmp_path: Path) -> None:
    older = sqlite3.connect(tmp_path / JOURNAL_NAME)
    older.executescript(f"{SCHEMA_1.read_text()} PRAGMA user_version = 1;")
    older.execute(
        "INSERT INTO fax (direction, account, state, created, changed, attempts) VALUES ('out', 'A', 'ready', 1, 1, 2)"
    )
    older.commit()
    older.close()
    journal = await Journal.open(tmp_path)
    kept = await journal.read(lambda c: records.load_fax(c, 1))
    migrated = await journal.read(shape)
    await journal.close()
    assert kept is not None
    assert (kept.attempts, kept.counted, kept.first_page) == (2, 2, 1)
    (tmp_path / "new").mkdir()
    journal = await Journal.open(tmp_path / "new")
    assert await journal.read(shape) == migrated
    await journal.close()
