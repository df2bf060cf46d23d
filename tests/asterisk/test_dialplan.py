"""Our dialplan by itself: while NexeFax is not there, each call leaves its outcome on the disk."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from nexefax.fax.outcome import Outcome, parse_outcome
from nexefax.fax.spool_files import parse_received_name
from private_asterisk import PrivateAsterisk
from tests.asterisk.lines import call_file
from tests.documents import write_pdf


@pytest.fixture
def tiff(folder: Path) -> Path:
    document, fax = write_pdf(folder / "one.pdf"), folder / "one.tiff"
    geometry = ["-sDEVICE=tiffg4", "-r204x98", "-g1728x1078", "-dFIXEDMEDIA", "-dPDFFitPage"]
    subprocess.run(["gs", "-q", "-dSAFER", "-o", str(fax), *geometry, str(document)], check=True)
    return fax


class Caller:
    """Places call files as NexeFax would, and reads what they leave."""

    def __init__(self, asterisk: PrivateAsterisk, tiff: Path) -> None:
        self.asterisk = asterisk
        self.tiff = tiff
        self.folder = tiff.parent / "out"
        self.folder.mkdir()

    def stem(self, fax: int) -> Path:
        return self.folder / str(fax)

    def place(self, fax: int, number: str, *, wait: int = 15, channel: str = "", **variables: str) -> None:
        text = call_file(
            (channel or self.asterisk.trunk).replace("${TO}", number),
            {
                "FAXTO": number,
                "FAXFILE": str(self.tiff),
                "NEXEFAX_STEM": str(self.stem(fax)),
                "NEXEFAX_FAX": str(fax),
                "NEXEFAX_ATTEMPT": "1",
            }
            | variables,
            wait=wait,
        )
        staged = self.asterisk.spool / "nexefax" / f"{fax}.call"
        staged.write_text(text)
        staged.rename(self.asterisk.spool / "outgoing" / staged.name)

    def outcome(self, fax: int) -> Outcome:
        return self.read(self.stem(fax).with_suffix(".outcome"))

    def read(self, path: Path) -> Outcome:
        found: list[Outcome | None] = [None]

        def whole() -> bool:
            found[0] = parse_outcome(path.read_bytes()) if path.exists() else None
            return found[0] is not None

        self.asterisk.wait_until(whole, f"{path} is whole", 120)
        assert found[0] is not None
        return found[0]

    def received(self, count: int) -> list[tuple[str, Outcome]]:
        """Names and outcomes of what is in rx_dir, when so many calls have ended."""
        folder = self.asterisk.spool / "tmp"
        self.asterisk.wait_until(lambda: len(list(folder.glob("*.outcome"))) >= count, "all calls ended", 120)
        return [
            (path.name.removesuffix(".outcome"), self.read(path)) for path in sorted(folder.glob("*.outcome"))
        ]

    def done(self, fax: int) -> None:
        path = self.asterisk.spool / "outgoing_done" / f"{fax}.call"
        self.asterisk.wait_until(path.exists, f"call {fax} is done", 120)


@pytest.fixture
def caller(asterisk: PrivateAsterisk, tiff: Path) -> Caller:
    return Caller(asterisk, tiff)


def test_what_hostile_callers_say_is_only_text(caller: Caller) -> None:
    for fax, number in enumerate(("4006", "4007", "4008"), 1):
        caller.place(fax, number)
    assert [caller.outcome(fax).status for fax in (1, 2, 3)] == ["SUCCESS"] * 3
    received = caller.received(3)
    assert sorted(path.name for path in (caller.asterisk.spool / "tmp").iterdir()) == sorted(
        name for tiff, _ in received for name in (tiff, f"{tiff}.outcome")
    )
    by_length = sorted(received, key=lambda pair: len(pair[1].caller))
    nameless, hostile, endless = (outcome for _, outcome in by_length)
    assert (nameless.caller, nameless.name) == ("", "")
    assert hostile.name.startswith('ev"il).3 ')
    assert hostile.name.endswith(", %41&status=SUCCESS é")
    assert hostile.caller == '../../12 34"\\,4).2 4'
    assert endless.caller == endless.name == ("12025550100" * 30)
    for name, outcome in received:
        assert (outcome.kind, outcome.account, outcome.status) == ("received", "ACME", "SUCCESS")
        assert outcome.station == "+1 202 555 0154"
        parsed = parse_received_name(name, unique_id=outcome.uniqueid, accounts=["ACME"])
        assert parsed is not None
        assert parsed.account == "ACME"
        assert parsed.caller in ("", "1234424", ("12025550100" * 3)[:32])


def test_one_attempt_is_transmitted_once(caller: Caller) -> None:
    caller.stem(1).with_suffix(".started").write_text("PJSIP/trunk-00000001")
    caller.stem(2).with_suffix(".cancel").touch()
    caller.place(1, "1001")
    caller.place(2, "1002")
    caller.place(3, "1003", NEXEFAX_STEM="/nonexistent/3")
    caller.place(4, "1004", NEXEFAX_STEM="")
    cancelled = caller.outcome(2)
    assert (cancelled.status, cancelled.error, cancelled.pages) == ("CANCELLED", "CANCELLED", None)
    for fax in (1, 2, 3, 4):
        caller.done(fax)
    assert not caller.stem(1).with_suffix(".outcome").exists()
    assert not caller.stem(2).with_suffix(".started").exists()
    log = caller.asterisk.log_text()
    assert "fax 1, attempt 1 was answered before" in log
    assert "can't write /nonexistent/3.started" in log
    assert "has no NEXEFAX_STEM" in log
    assert "SendFAX(" not in log


def test_a_redialled_attempt_that_nobody_answers_keeps_its_doubt(caller: Caller) -> None:
    caller.stem(1).with_suffix(".started").write_text("PJSIP/trunk-00000001")
    caller.place(1, "4000")
    caller.done(1)
    assert not caller.stem(1).with_suffix(".outcome").exists()


def test_the_sender_hangs_up_before_the_first_page(caller: Caller) -> None:
    caller.place(1, "1001")
    started = caller.stem(1).with_suffix(".started")
    caller.asterisk.wait_until(started.exists, "SendFAX began")
    caller.asterisk.rx(f"channel request hangup {started.read_text()}")
    sent = caller.outcome(1)
    assert (sent.kind, sent.status, sent.pages) == ("sent", "FAILED", 0)
    ((name, outcome),) = caller.received(1)
    assert (outcome.status, outcome.pages) == ("FAILED", 0)
    assert not (caller.asterisk.spool / "tmp" / name).exists()


def test_a_local_channel_confuses_nobody(caller: Caller) -> None:
    """Its two halves see each other's variables (DESIGN section 4)."""
    caller.place(1, "1001", channel="Local/${TO}@incoming")
    assert (caller.outcome(1).kind, caller.outcome(1).status) == ("sent", "SUCCESS")
    ((name, outcome),) = caller.received(1)
    assert (outcome.kind, outcome.status, outcome.mode) == ("received", "SUCCESS", "audio")
    assert (caller.asterisk.spool / "tmp" / name).read_bytes()[:2] == b"II"
