"""Faxes through the API: lists, one with all that is known of it, and what may be done with them."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from dataclasses import replace

import pytest

from nexefax.fax import mail_records, records
from nexefax.fax.records import Attempt
from tests.documents import write_pdf
from tests.web.office import IN, OUT, Office, do, problem

SUMMARY = {
    "id", "direction", "state", "reason", "created", "changed", "ended", "next_try", "send_at", "number", "name",
    "station", "user", "subject", "document_name", "pages", "pages_done", "resolution", "bitrate", "line_seconds",
    "attempts", "max_attempts", "incomplete", "doubtful", "damaged", "repeat_of", "resent_from", "batch", "notes",
    "unread", "deleted", "files", "progress", "can",
}  # fmt: skip


async def test_a_summary_has_all_that_was_agreed(office: Office) -> None:
    sent = await office.add(replace(OUT, send_at=1.8e9 + 0.25))
    received = await office.add(replace(IN, notes=("Page 1 has 14 damaged lines",), incomplete=True))
    newest, oldest = (await office.bob.get("/api/faxes")).json["faxes"]
    assert (newest["id"], oldest["id"]) == (received, sent)
    assert set(newest) == set(oldest) == SUMMARY
    assert (oldest["created"], oldest["ended"]) == ("2027-01-15T08:00:00.000Z", "2027-01-15T08:01:00.000Z")
    assert oldest["send_at"] == "2027-01-15T08:00:00.250Z"
    assert (oldest["name"], oldest["resolution"], oldest["unread"]) == ("Dr. Gray", "fine", False)
    assert oldest["can"] == ["resend", "forward", "delete"]
    assert (newest["name"], newest["unread"], newest["damaged"]) == ("Praxis Groß", True, True)
    assert newest["can"] == ["read", "forward", "delete"]


async def test_pages_of_a_list_follow_one_another_without_gap_or_double(office: Office) -> None:
    ids = [await office.add(replace(OUT if at % 3 else IN, created=1.8e9 + at)) for at in range(11)]
    for query in ("", "direction=out&", "q=a&"):
        wanted = [fax for fax in reversed(ids) if query != "direction=out&" or fax % 3 != 1]
        seen: list[int] = []
        cursor = ""
        while cursor is not None:
            page = (await office.bob.get(f"/api/faxes?{query}limit=3{cursor and f'&cursor={cursor}'}")).json
            assert len(page["faxes"]) <= 3
            seen += [fax["id"] for fax in page["faxes"]]
            cursor = page["next"]
        assert seen == wanted


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("12025550199", [1]), ("(202) 555", [1]), ("+1 (202) 555-0199", [1]), ("202.555.0199", [1]),
        ("+49%20(0)30%20123456", [2]), ("030123456", []), ("GRAY", [1]), ("gray lab", [1]), ("gray praxis", []),
        ("GROSS", [2]), ("gro%C3%9F", [2]), ("bob.smith", [1]), ("LAB.PDF", [1]), ("results", [1]),
        ("4930123456", [2]), ("%23" "2", [2]), ("%23" "2 praxis", [2]), ("%23" "1 praxis", []), ("%23" "77", []),
        ("%25", []), ("_", []), ("'", []), ("\\", []), ("caf%65%CC%81", [3]), ("CAF%C3%89", [3]), ("", [3, 2, 1]),
    ],
)  # fmt: skip
async def test_search(office: Office, typed: str, found: list[int]) -> None:
    await office.add(OUT)
    await office.add(IN)
    await office.add(replace(IN, number="", station="", caller_name="Café"))
    assert await office.listed(f"q={typed.replace(' ', '%20').replace('+', '%2B')}") == found


async def test_filters(office: Office) -> None:
    day = 86_400
    old = await office.add(replace(OUT, created=1.8e9 - 3 * day, state="failed", batch="b1"))
    waiting = await office.add(replace(OUT, state="ready", user="ann", batch="b1"))
    read = await office.add(replace(IN, read_at=1.8e9))
    unread = await office.add(IN)
    listed = office.listed
    assert await listed("direction=in") == [unread, read]
    assert await listed("state=ready,failed") == [waiting, old]
    assert await listed("unread=1") == [unread]
    assert await listed("unread=1&direction=out") == []
    assert await listed("user=ann") == [waiting]
    assert await listed("batch=b1") == [waiting, old]
    assert await listed("batch=b1&state=failed&q=gray") == [old]
    assert await listed("since=2027-01-15") == [unread, read, waiting]
    assert await listed("until=2027-01-14") == [old]
    assert await listed("since=2027-01-15T08:00:00Z&until=2027-01-15T09:00:00%2B01:00") == []
    assert await listed("since=2027-01-15T08:00:00Z&until=2027-01-15T08:00:00.001Z&direction=in") == [
        unread,
        read,
    ]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("direction=up", "direction"), ("state=sent,gone", "state"), ("limit=0", "limit"), ("limit=-1", "limit"),
        ("limit=%D9%A1", "limit"), ("limit=1e9", "limit"), ("limit=9999999999", "limit"), ("cursor=x", "cursor"),
        ("cursor=1;DROP TABLE fax", "cursor"), ("cursor=-1", "cursor"), ("since=yesterday", "since"),
        ("since=2026-02-30", "since"), ("until=9999-12-31", "until"), ("since=2026-01-01T25:00:00Z", "since"),
        ("since=2026-01-01T10:00:00", "since"), ("unread=yes", "unread"),
        ("deleted=2", "deleted"), ("q=" + "a" * 201, "q"), ("q=" + "+".join("abcdefghijklmn"), "q"),
        ("order=id", "order"),
    ],
)  # fmt: skip
async def test_a_filter_that_is_none_is_refused(office: Office, query: str, field: str) -> None:
    reply = await office.bob.get(f"/api/faxes?{query.replace(' ', '%20')}")
    assert reply.status == 400
    assert problem(reply)["field"] == field


async def test_counts(office: Office) -> None:
    now = time.time()
    for fax in (
        IN, replace(IN, read_at=now), replace(IN, deleted_at=now), replace(OUT, state="queued"),
        replace(OUT, state="calling"), replace(OUT, state="failed", changed=now),
        replace(OUT, state="failed", changed=now - 2 * 86_400),
        replace(OUT, state="failed", changed=now, account="Quiet"),
    ):  # fmt: skip
        await office.add(fax)
    assert (await office.bob.get("/api/counts")).json == {"unread": 1, "waiting": 2, "failed_today": 1}


async def test_one_fax_with_all_that_is_known(office: Office) -> None:
    fax = await office.add(replace(OUT, message="Hello\nthere", attempts=1))

    def more(connection: sqlite3.Connection) -> None:
        records.save_attempt(
            connection,
            Attempt(fax, 1, 1.8e9, 1.8e9 + 99, 1.8e9 + 30, "sent", "it arrived", 2, 14_400, "GRAY", "T38"),
        )
        records.add_event(connection, fax, 1.8e9, "accepted")
        mail_records.add_mail(connection, fax, "sent", "<id@x>", 1.8e9)

    await office.journal.write(more)
    seen = (await office.bob.get(f"/api/faxes/{fax}")).json
    assert set(seen) == SUMMARY | {"message", "attempts_made", "mails", "timeline", "readers", "page_sizes"}
    assert seen["message"] == "Hello\nthere"
    assert seen["attempts_made"] == [
        {
            "number": 1, "started": "2027-01-15T08:00:00.000Z", "ended": "2027-01-15T08:00:30.000Z", "cause": "sent",
            "sentence": "it arrived", "pages": 2, "bitrate": 14_400, "station": "GRAY", "mode": "T38",
            "first_page": 1, "settings": "",
        }
    ]  # fmt: skip
    assert seen["timeline"] == [{"at": "2027-01-15T08:00:00.000Z", "text": "accepted"}]
    assert (seen["mails"][0]["kind"], seen["mails"][0]["next_try"]) == ("sent", "2027-01-15T08:00:00.000Z")
    assert (seen["readers"], seen["page_sizes"]) == ([], [])


async def test_reading_is_shared_by_the_account_and_told_once_for_each_user(office: Office) -> None:
    fax, ann = await office.add(IN), await office.signed_in("ACME", "ann")
    for client in (office.bob, office.bob, ann):
        reply = await do(client, fax, "read")
        assert (reply.status, reply.json["unread"]) == (200, False)
    assert await office.timeline(fax) == ["read by bob.smith", "read by ann"]
    assert [reader["user"] for reader in (await ann.get(f"/api/faxes/{fax}")).json["readers"]] == [
        "bob.smith",
        "ann",
    ]
    assert (await do(ann, fax, "unread")).json["unread"] is True
    assert (await do(ann, fax, "unread")).json["can"] == ["read", "forward", "delete"]
    assert await office.listed("unread=1") == [fax]
    assert (await do(office.bob, fax, "read")).json["unread"] is False
    assert len(await office.timeline(fax)) == 2


async def test_the_bin(office: Office) -> None:
    fax, other = await office.add(IN), await office.add(OUT)
    changed = (await office.load(fax)).changed
    gone = await office.bob.ask("DELETE", f"/api/faxes/{fax}", None, {})
    assert (gone.status, gone.json["can"], gone.json["unread"]) == (200, ["restore"], False)
    assert (await office.bob.ask("DELETE", f"/api/faxes/{fax}", None, {})).json == gone.json
    assert (await office.listed(), await office.listed("deleted=1")) == ([other], [fax])
    assert (await office.listed("deleted=1&q=praxis"), await office.listed("deleted=1&direction=out")) == (
        [fax],
        [],
    )
    kept = await office.load(fax)
    assert (kept.deleted_by, kept.changed) == ("bob.smith", changed)
    for _ in range(2):
        back = await do(office.bob, fax, "restore")
        assert (back.status, back.json["deleted"], back.json["unread"]) == (200, None, True)
    assert await office.listed() == [other, fax]
    assert await office.timeline(fax) == ["deleted by bob.smith", "restored by bob.smith"]


async def test_cancel_and_retry(office: Office) -> None:
    soon = time.time() + 900
    fax = await office.add(replace(OUT, state="ready", reason="busy", next_try=soon, attempts=1))
    assert (await office.bob.get(f"/api/faxes/{fax}")).json["can"] == ["cancel", "retry", "forward"]
    hastened = await do(office.bob, fax, "retry")
    assert (hastened.status, hastened.json["can"]) == (200, ["cancel", "forward"])
    assert (await office.load(fax)).next_try < soon  # type: ignore[operator]
    cancelled = await do(office.bob, fax, "cancel")
    assert (cancelled.status, cancelled.json["state"], cancelled.json["reason"]) == (
        200, "cancelled", "cancelled by bob.smith",
    )  # fmt: skip
    assert await office.timeline(fax) == [
        "bob.smith asks for the next try at once", "cancelled by bob.smith",
    ]  # fmt: skip


async def test_resend(office: Office) -> None:
    fax = await office.add(OUT)
    office.folders.sent_fax(fax).mkdir()
    write_pdf(office.folders.document(fax))
    same = await do(office.bob, fax, "resend")
    assert (same.status, same.json["resent_from"], same.json["number"]) == (201, fax, "12025550199")
    assert same.headers["Location"] == f"/api/faxes/{same.json['id']}"
    other = await do(office.bob, fax, "resend", json.dumps({"number": "+49 30 99"}).encode())
    assert (other.status, other.json["number"], other.json["user"]) == (201, "+493099", "bob.smith")
    wrong = await do(office.bob, fax, "resend", b'{"number": "none"}')
    assert (wrong.status, problem(wrong)["field"]) == (400, "number")
    for body in (b'{"to": "1"}', b'{"number": 1}', b"[]", b"{", b'{"number": "\\ud800"}'):
        assert (await do(office.bob, fax, "resend", body)).status == 400
    assert (await do(office.bob, fax, "resend", b"number=1", Content_Type="text/plain")).status == 415
    assert (await do(office.bob, fax, "resend", b'{"number": "%b"}' % (b"1" * 70_000))).status == 413
    office.folders.document(fax).unlink()
    assert (await do(office.bob, fax, "resend")).status == 409


async def test_what_is_asked_twice_under_one_key_is_sent_again_once(office: Office) -> None:
    fax = await office.add(OUT)
    office.folders.sent_fax(fax).mkdir()
    write_pdf(office.folders.document(fax))
    asked = b'{"number": "+49 30 99", "request_id": "k1"}'
    first, repeated = [await do(office.bob, fax, "resend", asked) for _ in range(2)]
    assert (first.status, repeated.status, repeated.json["id"]) == (201, 201, first.json["id"])
    assert repeated.headers["Location"] == first.headers["Location"]
    other = await do(office.bob, fax, "resend", b'{"request_id": "k2"}')
    assert other.json["id"] != first.json["id"]
    assert (await do(office.bob, fax, "resend", b'{"request_id": "k 3"}')).status == 400


@pytest.mark.parametrize(
    ("fax", "refused"),
    [
        (IN, ["cancel", "retry", "resend"]),
        (OUT, ["cancel", "retry", "read", "unread"]),
        (replace(OUT, state="calling"), ["retry", "resend", "delete", "read"]),
        (replace(OUT, state="queued"), ["resend", "delete"]),
        (replace(OUT, state="failed"), ["cancel", "retry"]),
        (replace(IN, state="converting"), ["delete", "retry"]),
        (replace(IN, state="undeliverable", deleted_at=1.0), ["retry"]),
        (replace(OUT, deleted_at=1.0), ["resend"]),
        (replace(OUT, deleted_at=1.0, files_deleted=2.0), ["restore"]),
    ],
)
async def test_what_the_state_does_not_allow_is_a_conflict(
    office: Office, fax: records.Fax, refused: list[str]
) -> None:
    number = await office.add(fax)
    for action in refused:
        if action == "delete":
            reply = await office.bob.ask("DELETE", f"/api/faxes/{number}", None, {})
        else:
            reply = await do(office.bob, number, action)
        assert reply.status == 409, action
        assert f"ax {number}" in problem(reply)["detail"]
        assert action not in (await office.bob.get(f"/api/faxes/{number}")).json["can"]
    assert await office.load(number) == replace(fax, id=number)
    assert await office.timeline(number) == []


ACTIONS = ["cancel", "retry", "read", "unread", "restore", "resend"]


async def test_foreign_unknown_and_odd_numbers_are_not_there(office: Office) -> None:
    fax = await office.add(IN)
    eve = await office.signed_in("Quiet", "eve")
    assert (await office.listed("", eve), await office.listed(f"q=%23{fax}", eve)) == ([], [])
    assert (await eve.get("/api/counts")).json == {"unread": 0, "waiting": 0, "failed_today": 0}
    for number in (fax, 777, "01", "0", "-1", "x", "1%20", "%D9%A1", "9999999999999999", "1.0", "%2e%2e"):
        asked = [
            await eve.get(f"/api/faxes/{number}"),
            await eve.ask("DELETE", f"/api/faxes/{number}", None, {}),
        ]
        asked += [await eve.ask("POST", f"/api/faxes/{number}/{action}", None, {}) for action in ACTIONS]
        if number != "%2e%2e":  # which no server takes as a step of a path
            assert {(reply.status, reply.text) for reply in asked} == {(404, asked[0].text)}
            assert problem(asked[0])["detail"] == "There is no such fax in this account."
        else:
            assert {reply.status for reply in asked} == {400}
    assert await office.load(fax) == replace(IN, id=fax)


async def test_accounts_compare_without_case(office: Office) -> None:
    fax = await office.add(replace(IN, account="acme"))
    assert await office.listed() == [fax]
    assert (await office.bob.get(f"/api/faxes/{fax}")).status == 200


async def test_nobody_is_told_anything_without_signing_in(office: Office) -> None:
    fax = await office.add(IN)
    office.bob.cookie = ""
    for path in ("/api/faxes", "/api/counts", f"/api/faxes/{fax}"):
        assert (await office.bob.get(path)).status == 401
    for action in ACTIONS:
        assert (await do(office.bob, fax, action)).status == 401


async def test_another_sites_page_can_do_nothing(office: Office) -> None:
    fax = await office.add(IN)
    for action in ACTIONS:
        assert (await do(office.bob, fax, action, Sec_Fetch_Site="cross-site")).status == 403
    reply = await office.bob.ask("DELETE", f"/api/faxes/{fax}", None, {"Origin": "https://evil.example"})
    assert reply.status == 403


async def test_two_who_delete_at_once_delete_once(office: Office) -> None:
    fax, ann = await office.add(IN), await office.signed_in("ACME", "ann")
    asked = (client.ask("DELETE", f"/api/faxes/{fax}", None, {}) for client in (office.bob, ann))
    assert [reply.status for reply in await asyncio.gather(*asked)] == [200, 200]
    assert len(await office.timeline(fax)) == 1


async def test_a_full_disk_takes_nothing_again(office: Office) -> None:
    fax = await office.add(OUT)
    office.folders.sent_fax(fax).mkdir()
    write_pdf(office.folders.document(fax))
    general = office.installation.current.general
    office.installation.configure(general=f"data_dir={general.data_dir}\nmin_free_mb=10000000")
    reply = await do(office.bob, fax, "resend")
    assert reply.status == 507
    assert "disk is full" in problem(reply)["detail"]
    assert await office.listed() == [fax]
