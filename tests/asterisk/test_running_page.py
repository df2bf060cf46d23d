"""The page that is on the line shows on the web page while it is."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.asterisk.conftest import Started
from tests.asterisk.office import PATIENCE, Office
from web_client import WebClient


def events(office: Office) -> Iterator[tuple[str, Any]]:
    """What the account's page is told, as it happens."""
    client = WebClient(office.nexefax.url)
    client.sign_in("ACME", "bob", "secret")
    request = urllib.request.Request(
        f"{office.nexefax.url}/api/events", headers={"Cookie": f"nexefax-session={client.session}"}
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as stream:
        name = ""
        for line in stream:
            field, _, value = line.decode().rstrip("\n").partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                yield name, json.loads(value)


@pytest.mark.parametrize("suite", ["sid", "bullseye"])
def test_the_page_on_the_line_is_told(start_office: Started, suite: str) -> None:
    office = start_office(suite=suite)
    told = events(office)
    assert next(told)[0] == "counts"
    sent = office.send("1001", 4)
    pages, states = [], []
    for name, data in told:
        if name == "progress" and data["id"] == sent:
            assert (data["pages"], data["bitrate"]) == (4, 14_400)
            pages.append(data["page"])
        elif name == "fax" and data["id"] == sent:
            states.append(data["state"])
            if states[-1] == "sent":
                assert data["progress"] is None
                break
    assert pages == sorted(pages)
    assert pages[0] == 1
    assert len(set(pages)) >= 3, "a page takes longer than the time between two questions"
    assert "calling" in states
    assert "can't be told" not in office.nexefax.log_text()
