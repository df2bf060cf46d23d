"""Names of received TIFFs with dashes everywhere, and files that are still written."""

import os
from pathlib import Path

import pytest

from nexefax.fax.spool_files import ReceivedName, find_received, is_written, parse_received_name

DATE = "20261122-200905"


@pytest.mark.parametrize(
    ("name", "unique_id", "expected"),
    [
        (f"nexefax-ACME-{DATE}-12025550100-1700000000.4.tiff", "", ReceivedName("ACME", DATE, "12025550100")),
        (f"nexefax-ACME-{DATE}--1700000000.4.tiff", "", ReceivedName("ACME", DATE, "")),
        (f"nexefax-ACME-EU-{DATE}-+4930-pbx-1-170.4.tiff", "", ReceivedName("ACME-EU", DATE, "+4930")),
        (
            f"nexefax-ACME-{DATE}-an-on-ymous-pbx-1-170.4.tiff",
            "pbx-1-170.4",
            ReceivedName("ACME", DATE, "an-on-ymous"),
        ),
        (f"nexefax-ACME-{DATE}--pbx-1-170.4.tiff", "pbx-1-170.4", ReceivedName("ACME", DATE, "")),
        (f"nexefax-ACME-{DATE}-pbx-1-170.4.tiff", "other", ReceivedName("ACME", DATE, "")),
        (f"nexefax-ACME-{DATE}-{DATE}-1.4.tif", "", ReceivedName("ACME", DATE, "20261122")),
        (f"nexefax-{DATE}-{DATE}-5-1.4.tiff", "", ReceivedName(DATE, DATE, "5")),
        (f"nexefax-A{chr(10)}B-{DATE}-5-1.4.tiff", "", ReceivedName("A\nB", DATE, "5")),
    ],
)
def test_names_are_read_from_the_date(name: str, unique_id: str, expected: ReceivedName) -> None:
    assert parse_received_name(name, unique_id=unique_id) == expected


def test_known_accounts_settle_a_name_with_two_dates() -> None:
    name = f"nexefax-ACME-{DATE}-{DATE}-5-1.4.tiff"
    assert parse_received_name(name, accounts=[f"acme-{DATE}"]) == ReceivedName(f"ACME-{DATE}", DATE, "5")


@pytest.mark.parametrize(
    "name", ["nexefax.tiff", "other-ACME-20261122-200905-1-2.tiff", f"nexefax-ACME-{DATE}.pdf", ""]
)
def test_other_names_are_nobodys(name: str) -> None:
    assert parse_received_name(name) is None


def test_only_regular_files_with_our_names_are_found(tmp_path: Path) -> None:
    old, new = (tmp_path / f"nexefax-A-{DATE}-{n}-1.{n}.tiff" for n in (1, 2))
    new.write_bytes(b"xy")
    old.write_bytes(b"x")
    os.utime(old, (1, 1))
    (tmp_path / f"nexefax-A-{DATE}-3-1.3.tiff").symlink_to("/etc/passwd")
    (tmp_path / f"nexefax-A-{DATE}-4-1.4.tiff").mkdir()
    (tmp_path / "somebody.tiff").write_bytes(b"")
    found = find_received(tmp_path)
    assert [(file.path, file.size) for file in found] == [(old, 1), (new, 2)]


def test_a_file_that_somebody_writes_is_known(tmp_path: Path) -> None:
    path = tmp_path / "a.tiff"
    with path.open("wb"):
        assert is_written(path) is True
    assert is_written(path) is False
    assert is_written(tmp_path / "none") is False
