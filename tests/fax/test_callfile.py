"""Call files: nothing that people type becomes a key, and nothing is dialled before it is whole."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexefax.errors import SpoolError
from nexefax.fax.callfile import (
    Call,
    Spool,
    call_name,
    call_text,
    header_text,
    parse_call_name,
    parse_done_status,
    station_id,
)


def call(**values: object) -> Call:
    fields: dict[str, object] = {
        "channel": "PJSIP/trunk/sip:123@127.0.0.1",
        "caller_name": "ACME",
        "caller_number": "12025550154",
        "account": "ACME",
        "context": "nexefax",
        "wait_time": 30,
        "variables": {"FAXTO": "123"},
    }
    return Call(**fields | values)  # type: ignore[arg-type]


def read_as_asterisk(text: bytes) -> list[tuple[str, str]]:
    """Read a call file as apply_outgoing() of pbx_spool.c does: comments cut, keys before the first colon."""
    pairs = []
    for line in text.decode().split("\n"):
        cut = line
        for at, sign in enumerate(line):
            if sign == "#" and (at == 0 or line[at - 1] in " \t"):
                cut = line[:at]
                break
        kept, at = "", 0
        while at < len(cut):
            if cut[at] == ";" and not kept.endswith("\\"):
                break
            kept = kept[:-1] + ";" if cut[at] == ";" else kept + cut[at]
            at += 1
        if kept.strip():
            key, _, value = kept.rstrip().partition(":")
            pairs.append((key.casefold(), value.lstrip()))
    return pairs


def test_the_text_of_a_call_file() -> None:
    assert call_text(call()).decode() == (
        "Channel: PJSIP/trunk/sip:123@127.0.0.1\n"
        'CallerID: "ACME" <12025550154>\n'
        "MaxRetries: 0\nRetryTime: 86400\nWaitTime: 30\nAccount: ACME\nContext: nexefax\nExtension: send\n"
        "Priority: 1\nArchive: yes\nSetvar: FAXTO=123\n"
    )


@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=80))
def test_hostile_values_make_no_new_keys(name: str, number: str, value: str) -> None:
    pairs = read_as_asterisk(call_text(call(caller_name=name, caller_number=number, variables={"X": value})))
    assert [key for key, _ in pairs] == [
        "channel", "callerid", "maxretries", "retrytime", "waittime", "account", "context", "extension",
        "priority", "archive", "setvar",
    ]  # fmt: skip


def test_a_semicolon_survives_and_a_blank_hash_does_not_cut_the_line() -> None:
    pairs = dict(read_as_asterisk(call_text(call(variables={"X": "a;b #5 c"}))))
    assert pairs["setvar"] == "X=a;b 5 c"


def test_a_line_that_asterisk_would_skip_is_refused() -> None:
    with pytest.raises(SpoolError, match="longer than Asterisk reads"):
        call_text(call(variables={"X": "a" * 1_000}))


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("ACME Corporation", "ACME Corporation"),
        ("Müller & Söhne GmbH – Zürich", "Mueller & Soehne GmbH - Zuerich"),
        ("Łódź\nBcc: x", "Lodz Bcc: x"),
        ("x" * 60, "x" * 50),
        ("日本", ""),
    ],
)
def test_header_lines_are_ascii_and_short(name: str, header: str) -> None:
    assert header_text(name) == header


def test_station_ids_have_twenty_signs_at_most() -> None:
    assert station_id("+1 202 555 0154") == "+1 202 555 0154"
    assert station_id("1" * 30) == "1" * 20
    assert station_id("abc") == ""


@given(st.text())
def test_headers_fit_whatever_the_name(name: str) -> None:
    header = header_text(name)
    assert len(header.encode()) <= 50
    assert header.isascii()
    assert header == header.strip()
    assert header.isprintable()


def test_names_of_call_files_are_read_back() -> None:
    assert parse_call_name(call_name(12, 3)) == (12, 3)


@pytest.mark.parametrize("name", ["nexefax-1.call", "x.call", "nexefax-1-2.call~", "nexefax--1-2.call"])
def test_other_names_are_not_ours(name: str) -> None:
    assert parse_call_name(name) is None


def test_the_last_status_counts() -> None:
    assert parse_done_status(b"Channel: x\nStartRetry: 1 1 (2)\n\nStatus: Expired\n") == "Expired"
    assert parse_done_status(b"Status: Failed\nStatus: Completed\n") == "Completed"
    assert parse_done_status(b"Channel: Status: x\n") is None


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    spool = Spool(tmp_path / "outgoing", tmp_path / "nexefax", tmp_path / "outgoing_done")
    spool.outgoing.mkdir()
    return spool


def test_a_call_file_is_staged_then_renamed(spool: Spool) -> None:
    spool.stage(12, 1, b"Channel: x\n")
    assert list(spool.outgoing.iterdir()) == []
    assert spool.hand_over(12, 1) is True
    assert (spool.outgoing / "nexefax-12-1.call").read_bytes() == b"Channel: x\n"
    assert list(spool.staging.iterdir()) == []
    assert spool.hand_over(12, 1) is False


def test_a_missing_spool_is_named(tmp_path: Path, spool: Spool) -> None:
    gone = Spool(tmp_path / "none", spool.staging, spool.done)
    with pytest.raises(SpoolError, match="none is missing; is Asterisk installed"):
        gone.stage(1, 1, b"")
    spool.stage(1, 1, b"")
    with pytest.raises(SpoolError, match="none is missing"):
        gone.hand_over(1, 1)


def test_folders_that_refuse_are_named(spool: Spool) -> None:
    spool.staging.mkdir(mode=0o500)
    with pytest.raises(SpoolError, match="nexefax can't be used: Permission denied"):
        spool.stage(1, 1, b"")
    spool.staging.chmod(0o700)
    spool.stage(1, 1, b"")
    spool.outgoing.chmod(0o500)
    with pytest.raises(SpoolError, match="outgoing can't be used: Permission denied"):
        spool.hand_over(1, 1)
    spool.outgoing.chmod(0o700)
    assert spool.hand_over(1, 1)
    spool.outgoing.chmod(0o500)
    with pytest.raises(SpoolError, match="outgoing can't be used"):
        spool.withdraw(1, 1)
    spool.outgoing.chmod(0o700)


def test_two_filesystems_are_told_with_the_remedy(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    def exdev(_self: Path, _target: Path) -> Path:
        raise OSError(18, os.strerror(18))

    spool.stage(1, 1, b"")
    monkeypatch.setattr(Path, "rename", exdev)
    with pytest.raises(SpoolError, match="put ast_staging_dir beside ast_call_dir"):
        spool.hand_over(1, 1)


def test_withdrawing_removes_every_trace(spool: Spool) -> None:
    spool.done.mkdir()
    for folder in (spool.outgoing, spool.done):
        (folder / call_name(1, 1)).write_text("Status: Expired\n")
    assert spool.done_status(1, 1) == "Expired"
    spool.withdraw(1, 1)
    spool.withdraw(1, 1)
    assert spool.done_status(1, 1) is None
    assert list(spool.outgoing.iterdir()) == []
