"""`nexefax queue` on the real daemon, and on a journal alone."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from nexefax import cli
from nexefax.queue_command import plain
from nexefax.queue_list import MOST, Wanted
from nexefax.store import JOURNAL_NAME
from private_nexefax import PrivateNexeFax
from tests.daemon.conftest import wait_until
from tests.documents import write_pdf
from web_client import WebClient

ACME = {"tx_number": "12025550154", "tx_name": "ACME", "rx_email_to": "a@acme.example"}


@pytest.fixture
def nexefax(tmp_path: Path) -> Iterator[PrivateNexeFax]:
    nexefax = PrivateNexeFax(tmp_path, tmp_path / "spool", {"ACME": ACME})
    nexefax.write_config()
    (nexefax.spool / "outgoing").rmdir()  # so that everything waits
    nexefax.add_user("ACME", "bob", "secret")
    nexefax.start()
    yield nexefax
    nexefax.stop()


def send(nexefax: PrivateNexeFax, number: str = "2025550100") -> str:
    client = WebClient(nexefax.url)
    client.sign_in("ACME", "bob", "secret")
    return str(client.send(number, write_pdf(nexefax.folder / "x.pdf")))


class Line:
    """The command line on one installation: its exit status, and what it said."""

    def __init__(self, nexefax: PrivateNexeFax, capsys: pytest.CaptureFixture[str]) -> None:
        self._nexefax, self._capsys = nexefax, capsys

    def __call__(self, *words: str) -> tuple[int, str, str]:
        self._capsys.readouterr()
        status = cli.main([*words, "--config", str(self._nexefax.config_dir)])
        return status, *self._capsys.readouterr()


@pytest.fixture
def line(nexefax: PrivateNexeFax, capsys: pytest.CaptureFixture[str]) -> Line:
    return Line(nexefax, capsys)


def change(nexefax: PrivateNexeFax, sql: str, *values: object) -> None:
    journal = sqlite3.connect(nexefax.data_dir / JOURNAL_NAME)
    with journal:
        journal.execute(sql, values)
    journal.close()


def test_what_waits_is_listed(nexefax: PrivateNexeFax, line: Line) -> None:
    assert line("queue") == (0, "No fax is waiting or under way.\n", "")
    first = send(nexefax)
    # It is rendered, and has found that there is nobody to call: nothing more changes of it by itself.
    wait_until(lambda: "waiting for the telephone system" in line("queue", "show", first)[1])
    second = send(nexefax, "2025550101")
    change(
        nexefax,
        "UPDATE fax SET reason = 'the line was busy', state = 'ready', next_try = 4e9, attempts = 2, counted = 2,"
        " pages = 5, pages_done = 2, doubtful = 1 WHERE id = ?",
        first,
    )
    status, said, _ = line("queue")
    assert status == 0
    head, one, two = said.splitlines()
    assert head.split() == ["FAX", "ACCOUNT", "WITH", "PAGES", "STATE"]
    assert one.split()[:5] == [first, "out", "ACME", "2025550100", "2/5"]
    assert one.split("  ")[-1].startswith("ready; the line was busy; next try 2096-10-02 ")
    assert one.endswith("; attempt 2, 2 of 6 failed; may have arrived more than once")
    assert two.split()[:4] == [second, "out", "ACME", "2025550101"]
    assert line("queue", "list", "--account", "acme", "--direction", "out")[1] == said
    assert line("queue", "list", "--direction", "in")[1] == "No fax is waiting or under way.\n"
    assert "… and 1 older; --limit shows more" in line("queue", "list", "--limit", "1")[1]
    seen = json.loads(line("queue", "list", "--json")[1])
    assert [fax["id"] for fax in seen["faxes"]] == [int(first), int(second)]


def test_a_fax_is_cancelled_and_still_listed_with_all(nexefax: PrivateNexeFax, line: Line) -> None:
    number = send(nexefax)
    status, said, complaint = line("queue", "cancel", number, "99")
    assert (status, said) == (1, f"Fax {number} is cancelled.\n")
    assert "There is no fax 99." in complaint
    assert line("queue")[1] == "No fax is waiting or under way.\n"
    assert "cancelled; cancelled by the administrator" in line("queue", "list", "--all")[1]
    assert f"{number} " in line("queue", "list", "--state", "cancelled")[1]
    assert "faxes out: 1 cancelled" in line("status")[1]
    change(nexefax, "UPDATE fax SET state = 'sent'")
    assert line("queue", "cancel", number)[2] == f"Fax {number} can't be cancelled any more: it is sent.\n"
    assert line("queue", "retry", number)[:2] == (0, f"Fax {number} does not wait any more; it is sent.\n")


def test_a_call_that_is_being_made_is_ended(nexefax: PrivateNexeFax, line: Line) -> None:
    number = send(nexefax)
    change(nexefax, "UPDATE fax SET state = 'calling', attempts = 1 WHERE id = ?", number)
    said = line("queue", "cancel", number)[1]
    assert said == f"Fax {number} is being dialled; its call is being ended.\n"
    assert "being cancelled; being cancelled by the administrator" in line("queue")[1]


def test_a_fax_is_sent_once_more(nexefax: PrivateNexeFax, line: Line) -> None:
    number = send(nexefax)
    again = str(int(number) + 1)
    assert line("queue", "resend", number, "--to", "+1 202 555 0177") == (
        0,
        f"Fax {number} is sent once more, as fax {again}.\n",
        "",
    )
    shown = line("queue", "show", again)[1]
    assert f"  sends again:  fax {number}\n" in shown
    assert shown.startswith(f"Fax {again} of ACME to +12025550177\n")
    assert "can't be dialled" in line("queue", "resend", number, "--to", "5-CALL")[2]
    assert line("queue", "resend", "99")[2] == "nexefax: There is no fax 99 that was sent from here.\n"


def test_nobody_need_wait(nexefax: PrivateNexeFax, line: Line) -> None:
    number = send(nexefax)
    change(nexefax, "UPDATE fax SET state = 'ready', next_try = 4e9 WHERE id = ?", number)
    assert line("queue", "retry", number)[0] == 0
    assert json.loads(line("queue", "show", "--json", number)[1])["fax"]["next_try"] < 3e9
    change(nexefax, "UPDATE fax SET state = 'failed' WHERE id = ?", number)
    assert (
        line("queue", "retry", number)[2]
        == f"Fax {number} can't be tried again, only resent: it is failed.\n"
    )


def test_a_refused_mail_is_tried_again(nexefax: PrivateNexeFax, line: Line) -> None:
    number = send(nexefax)
    change(nexefax, "UPDATE fax SET direction = 'in', state = 'undeliverable' WHERE id = ?", number)
    change(
        nexefax,
        "INSERT INTO mail (fax, kind, state, message_id, created, changed, next_try, attempts, error)"
        " VALUES (?, 'received', 'refused', '<a@b>', 1, 1, 1, 3, '550 no such user')",
        number,
    )
    assert "  received: refused after 3 tries: 550 no such user\n" in line("queue", "show", number)[1]
    assert line("queue", "retry", number)[1] == f"Fax {number} does not wait any more; it is delivering.\n"
    (mail,) = json.loads(line("queue", "show", number, "--json")[1])["mails"]
    assert (mail["state"], mail["message_id"]) == ("waiting", "<a@b>")


def test_what_the_webhook_was_told_is_shown(nexefax: PrivateNexeFax, line: Line) -> None:
    number = send(nexefax)
    for event, state, error in (("fax.sending", "accepted", ""), ("fax.sent", "waiting", "it answers 500")):
        change(
            nexefax,
            "INSERT INTO webhook (fax, event, delivery, body, state, created, changed, next_try, attempts, error)"
            " VALUES (?, ?, ?, '{}', ?, 1, 1, 4e9, 2, ?)",
            number,
            event,
            event,
            state,
            error,
        )
    shown = line("queue", "show", number)[1]
    assert (
        "Webhook\n  fax.sending: accepted after 2 tries\n  fax.sent: waiting after 2 tries, next try "
        in shown
    )
    assert shown.endswith(": it answers 500\n")
    told = json.loads(line("queue", "show", number, "--json")[1])["webhooks"]
    assert [call["delivery"] for call in told] == ["fax.sending", "fax.sent"]


def test_without_a_daemon_the_journal_is_read(nexefax: PrivateNexeFax, line: Line) -> None:
    number = send(nexefax)
    change(
        nexefax,
        "INSERT INTO attempt (fax, number, started, deadline, ended, cause, sentence, bitrate, mode, station)"
        " VALUES (?, 1, 1, 2, 3, 'busy', 'the line was busy', 9600, 'T38', '+1')",
        number,
    )
    change(nexefax, "UPDATE fax SET station = ?, subject = ?", "a\x1b[31m", "\u202eright to left")
    assert nexefax.stop() == 0
    status, said, _ = line("queue", "show", number)
    assert status == 0
    assert f"Fax {number} of ACME to 2025550100" in said
    assert "  station:      a�[31m\n" in said
    assert "  subject:      �right to left\n" in said
    assert "accepted from bob for 2025550100" in said
    assert "busy, the line was busy, 9600 bit/s, T38, +1" in said
    assert number in line("queue")[1]
    assert line("queue", "show", "99")[2] == "nexefax: There is no such fax.\n"
    assert line("queue", "cancel", number)[::2] == (1, "nexefax: NexeFax does not run; start it first\n")


def test_numbers_are_numbers(line: Line) -> None:
    for text in ("x", "-1", "٣", "1" * 16):
        with pytest.raises(SystemExit):
            line("queue", "show", text)


def test_the_configurations_folder_may_stand_anywhere(
    nexefax: PrivateNexeFax, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(nexefax.config_dir)
    assert cli.main(["queue", "--config", folder]) == 0
    assert cli.main(["queue", "--config", folder, "list"]) == 0
    assert cli.main(["queue", "list", "--config", folder, "--all"]) == 0
    assert capsys.readouterr().out == "No fax is waiting or under way.\n" * 3


def test_strange_queries_over_the_socket_are_passed_over() -> None:
    assert Wanted.of({}) == Wanted.of({"limit": "x", "final": "2"}) == Wanted()
    assert Wanted.of({"limit": "99999999"}).limit == MOST
    assert plain("ab\x00\x9b\u202ec\nd") == "ab���c�d"
