"""The export of lists for spreadsheets, and the numbers that were used lately."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest

from nexefax.fax import records
from nexefax.web.resources import fax_csv
from nexefax.web.resources.fax_csv import COLUMNS, disarmed
from tests.web.client import Client
from tests.web.office import IN, OUT, Office, problem


async def exported(client: Client, query: str = "") -> list[dict[str, str]]:
    reply = await client.get(f"/api/faxes.csv?{query}")
    assert (reply.status, reply.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert reply.headers["Content-Disposition"].startswith('attachment; filename="faxes-2')
    assert reply.body.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(reply.body.decode("utf-8-sig"), newline="")))


async def test_a_list_for_spreadsheets(office: Office) -> None:
    await office.add(replace(OUT, subject='Say "hello",\nDr. Gray', notes=("one", "two"), doubtful=True))
    await office.add(IN)
    await office.add(replace(OUT, state="ready", next_try=1.9e9))
    await office.add(replace(IN, account="Quiet"))
    rows = await exported(office.bob)
    assert [row["fax"] for row in rows] == ["3", "2", "1"]
    assert set(rows[0]) == set(COLUMNS)
    first = rows[2]
    assert (first["subject"], first["notes"]) == ('Say "hello",\nDr. Gray', "one; two")
    assert (first["created (UTC)"], first["ended (UTC)"]) == ("2027-01-15 08:00:00", "2027-01-15 08:01:00")
    assert (first["may have arrived twice"], first["incomplete"], first["pages"]) == ("yes", "", "2")
    assert (rows[0]["ended (UTC)"], rows[1]["name"]) == ("", "Praxis Groß")
    assert [row["fax"] for row in await exported(office.bob, "direction=in&q=gro%C3%9F")] == ["2"]
    assert await exported(office.bob, "q=nothing") == []


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+49 30",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "  =cmd|' /C calc'!A0",
        "\u00a0=1",
        "＝1",
        "|x",
        "%x",
        "\n=1",
    ],
)
async def test_no_cell_is_a_formula(office: Office, text: str) -> None:
    await office.add(replace(OUT, subject=text, to_name=text, document_name=text, number=text, reason=text))
    (row,) = await exported(office.bob)
    assert {row[name] for name in ("subject", "name", "document", "number", "reason")} == {f"'{text}"}


@pytest.mark.parametrize("text", ["12025550199", "Dr. Gray", "", "a=b", "1-2", 12, None])
def test_other_cells_stay_as_they_are(text: object) -> None:
    assert disarmed(text) == text


async def test_it_is_read_in_pieces(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fax_csv, "PIECE", 7)
    reads: list[int] = []
    load = records.load_faxes

    def counting(connection: object, ids: list[int]) -> list[records.Fax]:
        reads.append(len(ids))
        return load(connection, ids)  # type: ignore[arg-type]

    monkeypatch.setattr("nexefax.fax.listing.load_faxes", counting)
    ids = [await office.add(replace(OUT, created=1.8e9 + number)) for number in range(20)]
    assert [int(row["fax"]) for row in await exported(office.bob)] == ids[::-1]
    assert reads == [7, 7, 6]


async def test_filters_of_an_export_are_checked(office: Office) -> None:
    reply = await office.bob.get("/api/faxes.csv?state=gone")
    assert (reply.status, problem(reply)["field"]) == (400, "state")
    office.bob.cookie = ""
    assert (await office.bob.get("/api/faxes.csv")).status == 401


async def numbers(office: Office, query: str = "") -> list[tuple[str, str]]:
    reply = await office.bob.get(f"/api/numbers?{query}")
    assert reply.status == 200, reply.text
    return [(found["number"], found["name"]) for found in reply.json["numbers"]]


async def test_recent_numbers(office: Office) -> None:
    for number, name in (
        ("111", "Ärztin Blau"), ("222", ""), ("+493099", "Dr. Gray"), ("222", "Lab"), ("222", ""),
    ):  # fmt: skip
        await office.add(replace(OUT, number=number, to_name=name))
    await office.add(replace(OUT, number="444", account="Quiet"))
    await office.add(replace(OUT, number="555", deleted_at=1.0))
    await office.add(IN)
    assert await numbers(office) == [("222", "Lab"), ("+493099", "Dr. Gray"), ("111", "Ärztin Blau")]
    assert await numbers(office, "limit=1") == [("222", "Lab")]
    assert await numbers(office, "q=GRAY") == [("+493099", "Dr. Gray")]
    assert await numbers(office, "q=%2B49+(0)30") == [("+493099", "Dr. Gray")]
    assert await numbers(office, "q=%C3%A4RZTIN") == [("111", "Ärztin Blau")]
    assert await numbers(office, "q=nobody") == []
    used = (await office.bob.get("/api/numbers?limit=1")).json["numbers"][0]["used"]
    assert used == "2027-01-15T08:00:00.000Z"


@pytest.mark.parametrize(
    ("query", "field"), [("limit=0", "limit"), ("limit=x", "limit"), ("q=" + "1" * 201, "q")]
)
async def test_odd_questions_for_numbers(office: Office, query: str, field: str) -> None:
    reply = await office.bob.get(f"/api/numbers?{query}")
    assert (reply.status, problem(reply)["field"]) == (400, field)
