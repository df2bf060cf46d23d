"""What the doctor finds in a picture: every fault alone, and nothing in what is healthy."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexefax.doctor.finding import Finding, age_in_words, lasting
from nexefax.doctor.findings import findings
from nexefax.doctor.picture import CallSeen, Daemon, FolderSeen, Picture, Rows, SpooledSeen
from nexefax.fax.job import State
from nexefax.fax.mail_records import Mail
from nexefax.fax.mending import Mend, Repair
from nexefax.fax.records import Attempt, Fax
from nexefax.fax.webhook_records import Waiting

NOW = 1_800_000_000.0
MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
FILES = {"out": frozenset({"document", "fax.tiff"}), "in": frozenset({"fax.tiff", "fax.pdf"})}


def a_fax(state: State, direction: str = "out", **more: object) -> Fax:
    values: dict[str, object] = {
        "id": 12, "direction": direction, "account": "ACME", "state": state, "created": NOW - MINUTE,
        "changed": NOW - MINUTE,
    }  # fmt: skip
    return Fax(**(values | more))  # type: ignore[arg-type]  # fields by name


def an_attempt(number: int = 1, **more: object) -> Attempt:
    values: dict[str, object] = {"fax": 12, "number": number, "started": NOW - 60, "deadline": NOW + 60}
    return Attempt(**(values | more))  # type: ignore[arg-type]  # fields by name


def a_mail(state: str = "waiting", kind: str = "received", **more: object) -> Mail:
    values: dict[str, object] = {
        "id": 1, "fax": 12, "kind": kind, "state": state, "message_id": "<x@y>", "created": NOW - MINUTE,
        "changed": NOW - MINUTE, "next_try": NOW, "attempts": 3, "error": "",
    }  # fmt: skip
    return Mail(**(values | more))  # type: ignore[arg-type]  # fields by name


def a_house(
    *faxes: Fax,
    attempts: tuple[Attempt, ...] = (),
    mails: tuple[Mail, ...] = (),
    latest: float = NOW,
    last_look: float | None = None,
    **more: object,
) -> Picture:
    """A house with these faxes, each with its folder."""
    rows = Rows(
        {fax.id: fax for fax in faxes},
        {fax.id: fax.direction for fax in faxes},
        {(attempt.fax, attempt.number): attempt for attempt in attempts},
        mails,
        latest,
        last_look,
    )
    folders = tuple(FolderSeen(fax.direction, str(fax.id), DAY, FILES[fax.direction]) for fax in faxes)
    values: dict[str, object] = {
        "now": NOW, "data_dir": "/data", "daemon": Daemon.RUNNING, "rows": rows, "folders": folders,
        "accounts": frozenset({"acme"}),
    }  # fmt: skip
    return Picture(**(values | more))  # type: ignore[arg-type]  # fields by name


def found_in(picture: Picture) -> list[tuple[str, str]]:
    return [(finding.kind, finding.severity) for finding in findings(picture)]


def the_one(picture: Picture) -> Finding:
    (finding,) = findings(picture)
    return finding


WORKING = [
    (a_fax(State.QUEUED), (), ()),
    (a_fax(State.QUEUED, next_try=NOW + 300, reason="no room"), (), ()),
    (a_fax(State.RENDERING), (), ()),
    (a_fax(State.READY, next_try=NOW - MINUTE), (), ()),
    (a_fax(State.READY, next_try=NOW + 30 * DAY), (), ()),
    (a_fax(State.CALLING, attempts=1), (an_attempt(),), ()),
    (a_fax(State.CALLING, attempts=1), (an_attempt(deadline=NOW - MINUTE),), ()),
    (a_fax(State.CALLING, attempts=1, cancelled_by="bob"), (an_attempt(),), ()),
    (a_fax(State.SENT), (), (a_mail(kind="sent"),)),
    (a_fax(State.FAILED), (), (a_mail(kind="failed"),)),
    (a_fax(State.CANCELLED), (), ()),
    (a_fax(State.RECEIVED, "in", spool_name="x.tiff"), (), ()),
    (a_fax(State.CONVERTING, "in"), (), ()),
    (a_fax(State.DELIVERING, "in"), (), (a_mail(),)),
    (a_fax(State.DELIVERED, "in"), (), ()),
    (a_fax(State.SENT, account="GONE"), (), ()),
    (a_fax(State.SENT, files_deleted=NOW - MINUTE), (), ()),
]


@pytest.mark.parametrize(("fax", "attempts", "mails"), WORKING)
def test_work_under_way_is_healthy(fax: Fax, attempts: tuple[Attempt, ...], mails: tuple[Mail, ...]) -> None:
    assert findings(a_house(fax, attempts=attempts, mails=mails)) == []


def test_a_house_at_work_is_healthy_outside_the_journal_too() -> None:
    fax = a_fax(State.CALLING, attempts=1)
    house = a_house(
        fax,
        attempts=(an_attempt(),),
        calls=(CallSeen("outgoing", 12, 1, HOUR), CallSeen("nexefax", 13, 1, 1.0)),
        spool=(
            SpooledSeen("writing", MINUTE, reported=False, written=True, readable=True),
            SpooledSeen("waiting", 20 * MINUTE, reported=False, written=False, readable=True),
            SpooledSeen("just now", MINUTE, reported=True, written=False, readable=True),
        ),
        reports=(("of a call without a page", MINUTE),),
        last_look=NOW - HOUR,
    )
    house = replace(
        house,
        folders=(
            *house.folders,
            FolderSeen("out", ".incoming-0123", MINUTE),
            FolderSeen("out", "13", MINUTE),
        ),
    )
    assert findings(house) == []
    new = a_house(missing_sides=(), daemon=Daemon.RUNNING)
    assert findings(new) == []


@pytest.mark.parametrize(
    ("fax", "kind", "severity", "repair"),
    [
        (a_fax(State.QUEUED, changed=NOW - 2 * HOUR), "waits", "error", Mend.HASTEN),
        (a_fax(State.QUEUED, next_try=NOW - 2 * HOUR, reason="disk"), "waits", "warning", Mend.HASTEN),
        (a_fax(State.READY, next_try=NOW - 2 * HOUR, reason="spool"), "waits", "warning", Mend.HASTEN),
        (a_fax(State.RENDERING, changed=NOW - 3 * HOUR), "work-stuck", "error", None),
        (a_fax(State.READY, account="GONE"), "account-gone", "error", None),
        (a_fax(State.CALLING, attempts=2), "attempt-lost", "error", Mend.LOOK_AGAIN),
        (a_fax(State.RECEIVED, "in", next_try=NOW - 2 * HOUR), "waits", "error", Mend.SWEEP),
        (a_fax(State.CONVERTING, "in", changed=NOW - 3 * HOUR), "work-stuck", "error", None),
        (a_fax(State.DELIVERING, "in"), "letter-lost", "error", Mend.LETTER),
        (a_fax(State.UNDELIVERABLE, "in", account="NEW"), "account-unknown", "error", None),
        (a_fax(State.UNDELIVERABLE, "in", reason="it vanished"), "undeliverable", "error", Mend.SWEEP),
        (a_fax(State.SENT, files_deleted=NOW - 2 * DAY), "not-deleted", "warning", None),
    ],
)
def test_a_stuck_fax_is_found(fax: Fax, kind: str, severity: str, repair: Mend | None) -> None:
    finding = the_one(a_house(fax))
    assert (finding.kind, finding.severity, finding.about) == (kind, severity, "fax 12")
    assert finding.sentence.startswith("fax 12: ")
    assert finding.remedy
    assert (finding.repair and finding.repair.kind) == repair


def test_without_a_daemon_it_is_enough_to_say_so() -> None:
    for fax in (a_fax(State.QUEUED, changed=NOW - DAY), a_fax(State.RENDERING, changed=NOW - DAY)):
        assert found_in(a_house(fax, daemon=Daemon.STOPPED)) == [("stopped", "error")]
    assert found_in(a_house(daemon=Daemon.SILENT)) == [("silent", "error")]


def test_a_long_queue_that_moves_is_no_fault() -> None:
    late = a_fax(State.READY, id=13, next_try=NOW - 3 * HOUR, reason="waiting for a line")
    calling = a_fax(State.CALLING, attempts=1)
    assert findings(a_house(calling, late, attempts=(an_attempt(),))) == []
    later = replace(late, next_try=NOW - 2 * DAY)
    assert found_in(a_house(calling, later, attempts=(an_attempt(),))) == [("waits", "warning")]
    queued = a_fax(State.QUEUED, id=13, changed=NOW - 3 * HOUR)
    assert findings(a_house(a_fax(State.RENDERING), queued)) == []


def test_attempts_that_have_no_end_are_found() -> None:
    calling = a_fax(State.CALLING, attempts=1)
    overdue = the_one(a_house(calling, attempts=(an_attempt(deadline=NOW - 2 * HOUR),)))
    assert (overdue.kind, overdue.repair) == ("call-overdue", Repair(Mend.LOOK_AGAIN, 12, 1))
    over = the_one(a_house(calling, attempts=(an_attempt(ended=NOW),)))
    assert over.kind == "attempt-lost"
    assert "which is over" in over.sentence
    left = the_one(a_house(a_fax(State.SENT, attempts=1), attempts=(an_attempt(),)))
    assert (left.kind, left.severity) == ("attempt-open", "warning")
    earlier = a_house(a_fax(State.CALLING, attempts=2), attempts=(an_attempt(), an_attempt(2)))
    assert found_in(earlier) == [("attempt-open", "warning")]
    assert findings(a_house(attempts=(an_attempt(),))) == []  # of a fax that was looked at a moment earlier


@pytest.mark.parametrize(
    ("fax", "left", "severity", "remedy"),
    [
        (a_fax(State.READY), {"document"}, "error", "nexefax queue resend 12"),
        (a_fax(State.QUEUED), set(), "error", "have it handed in again"),
        (a_fax(State.CALLING, attempts=1), {"document"}, "error", "from a backup"),
        (a_fax(State.SENT), {"document"}, "warning", "from a backup"),
        (a_fax(State.FAILED), set(), "warning", "from a backup"),
        (a_fax(State.DELIVERING, "in"), set(), "error", "ask its sender"),
        (a_fax(State.DELIVERED, "in"), {"fax.pdf"}, "warning", "from a backup"),
        (a_fax(State.RECEIVED, "in", spool_name="gone.tiff"), set(), "error", "ask its sender"),
    ],
)
def test_missing_files_are_found(fax: Fax, left: set[str], severity: str, remedy: str) -> None:
    house = a_house(
        fax,
        attempts=(an_attempt(),) if fax.attempts else (),
        mails=(a_mail(),) if fax.direction == "in" else (),
    )
    for folders in ((FolderSeen(fax.direction, "12", DAY, frozenset(left)),), ()):
        if folders or not left:
            finding = the_one(replace(house, folders=folders))
            assert (finding.kind, finding.severity) == ("files-missing", severity)
            assert remedy in finding.remedy
    assert found_in(replace(house, folders=(), missing_sides=(fax.direction,))) == [
        ("folder-missing", "error")
    ]


def test_a_received_fax_may_lie_in_the_spool_alone() -> None:
    fax = a_fax(State.RECEIVED, "in", spool_name="x.tiff")
    spooled = SpooledSeen("x.tiff", DAY, reported=True, written=False, readable=True, fax=12)
    assert findings(replace(a_house(fax, spool=(spooled,)), folders=())) == []


@pytest.mark.parametrize(
    ("mail", "kind", "severity"),
    [
        (a_mail("refused", error="550 no"), "mail-refused", "error"),
        (a_mail("waiting", created=NOW - 2 * HOUR, error="451 later"), "mail-waits", "warning"),
        (a_mail("waiting", created=NOW - 2 * HOUR), "mail-waits", "warning"),
    ],
)
def test_mails_that_are_not_taken_are_found(mail: Mail, kind: str, severity: str) -> None:
    state = State.DELIVERING if mail.state == "waiting" else State.UNDELIVERABLE
    finding = the_one(a_house(a_fax(state, "in"), mails=(mail,)))
    assert (finding.kind, finding.severity) == (kind, severity)
    assert finding.repair == Repair(Mend.HASTEN, 12)
    of_nobody = a_house(mails=(replace(mail, kind="sent"),))
    assert found_in(of_nobody) == [(kind, severity)]
    without_account = a_house(a_fax(State.UNDELIVERABLE, "in", account="GONE"), mails=(mail,))
    assert found_in(without_account) == [("account-unknown", "error")]


def test_a_webhook_that_takes_nothing_is_found() -> None:
    house = a_house(a_fax(State.SENT))

    def waiting(since: float, error: str) -> Picture:
        assert house.rows is not None
        return replace(house, rows=replace(house.rows, webhooks=(Waiting("ACME", 3, since, error),)))

    finding = the_one(waiting(NOW - 2 * HOUR, "it answers 500"))
    assert (finding.kind, finding.severity, finding.repair) == ("webhook-waits", "warning", None)
    assert finding.sentence == (
        "account ACME: calls of its webhook wait (3), the first one for 2 hours: it answers 500"
    )
    assert "accounts.conf, [ACME]: webhook_url" in finding.remedy
    assert "it was not tried yet" in the_one(waiting(NOW - 2 * HOUR, "")).sentence
    assert findings(waiting(NOW - MINUTE, "it answers 500")) == []


@pytest.mark.parametrize(
    ("attempts", "words"), [((), "does not know"), ((an_attempt(ended=NOW),), "which is over")]
)
def test_call_files_that_nobody_waits_for_are_found(attempts: tuple[Attempt, ...], words: str) -> None:
    finding = the_one(
        a_house(a_fax(State.SENT), attempts=attempts, calls=(CallSeen("outgoing", 12, 1, HOUR),))
    )
    assert words in finding.sentence
    assert finding.repair == Repair(Mend.WITHDRAW, 12, 1)


@pytest.mark.parametrize(
    ("spooled", "kind"),
    [
        (SpooledSeen("x", 20 * MINUTE, reported=True, written=False, readable=True), "not-taken-in"),
        (SpooledSeen("x", HOUR, reported=False, written=False, readable=False), "not-taken-in"),
        (SpooledSeen("x", DAY, reported=False, written=True, readable=True), "received-open"),
        (SpooledSeen("x", HOUR, reported=True, written=False, readable=True, fax=12), "spool-left"),
    ],
)
def test_what_is_left_in_the_spool_is_found(spooled: SpooledSeen, kind: str) -> None:
    finding = the_one(a_house(a_fax(State.DELIVERED, "in"), spool=(spooled,)))
    assert finding.kind == kind
    assert ("chown" in finding.remedy) == (not spooled.readable)
    elsewhere = a_house(spool=(replace(spooled, fax=99),))
    assert findings(elsewhere) == []


def test_what_is_around_the_faxes_is_found() -> None:
    assert found_in(a_house(reports=(("x.outcome", HOUR),))) == [("report", "warning")]
    assert found_in(a_house(unusable=("/data/in can't be written",))) == [("permission", "error")]
    assert found_in(a_house(warnings=("the disk is full",))) == [("surroundings", "error")]
    assert found_in(a_house(half_restored=True)) == [("half-restored", "error")]
    leftover = the_one(a_house(leftovers=(".restoring-01234567",)))
    assert leftover.repair == Repair(Mend.SET_ASIDE, path=".restoring-01234567")
    assert found_in(a_house(latest=NOW + 100)) == [("clock", "warning")]
    assert found_in(a_house(last_look=NOW - 3 * DAY)) == [("retention", "warning")]
    assert found_in(a_house(last_look=NOW - 3 * DAY, deletes=False)) == []
    damaged = a_house(journal_problem="it is damaged", rows=None, folders=(FolderSeen("out", "5", DAY),))
    assert found_in(damaged) == [("journal", "error")]


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        (FolderSeen("out", "77", HOUR), "orphan"),
        (FolderSeen("in", "12", HOUR, frozenset({"fax.tiff"})), "orphan"),
        (FolderSeen("out", "odd", 1.0), "stray"),
        (FolderSeen("out", "９", 1.0), "stray"),
        (FolderSeen("out", ".incoming-0123", 2 * HOUR), "stray"),
    ],
)
def test_what_belongs_to_no_fax_is_found(folder: FolderSeen, kind: str) -> None:
    house = a_house(a_fax(State.SENT))
    finding = the_one(replace(house, folders=(*house.folders, folder)))
    assert (finding.kind, finding.repair) == (kind, Repair(Mend.SET_ASIDE, path=folder.path))


def test_strange_files_in_a_faxs_folder_are_found() -> None:
    house = a_house(a_fax(State.SENT))
    strange = replace(house, folders=(replace(house.folders[0], strays=(".fax.tiff.1.0123abcd",)),))
    assert the_one(strange).repair == Repair(Mend.SET_ASIDE, path="out/12/.fax.tiff.1.0123abcd")


def test_errors_come_first_and_only_what_lasts_counts() -> None:
    late = a_fax(State.QUEUED, changed=NOW - DAY)
    found = findings(a_house(late, latest=NOW + 100))
    assert [finding.severity for finding in found] == ["error", "warning"]
    assert lasting(found[:1], found) == found[:1]
    assert lasting([], found) == []


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "0 seconds"), (59, "59 seconds"), (60, "1 minute"), (7199, "119 minutes"), (7200, "2 hours"),
     (2 * DAY - 1, "47 hours"), (2 * DAY, "2 days")],
)  # fmt: skip
def test_ages_are_said_as_people_say_them(seconds: float, words: str) -> None:
    assert age_in_words(seconds) == words


@given(st.sampled_from(Mend), st.integers(0, 10**14), st.integers(0, 99), st.text())
def test_repairs_go_over_the_socket_and_back(kind: Mend, fax: int, attempt: int, path: str) -> None:
    repair = Repair(kind, fax, attempt, path)
    assert Repair.of(repair.query()) == repair
    assert str(repair)


@pytest.mark.parametrize(
    "query", [{}, {"kind": "explode"}, {"kind": "sweep", "fax": "-1"}, {"kind": "sweep", "attempt": "x"}]
)
def test_what_is_no_repair_is_none(query: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Repair.of(query)
