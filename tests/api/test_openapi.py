"""schemathesis holds the description of the API against the running server: any answer is one that is described.

What it sends is good, bad and hostile, made from the description; warnings are errors. The rules are in
schemathesis.toml.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.description import FILE, operations
from tests.api.ground import BUSY, REACHED, Ground, fax_tiff, open_ground

pytestmark = pytest.mark.xdist_group("openapi")  # one daemon for all
RULES = Path(__file__).with_name("schemathesis.toml")


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """With two received faxes, one that was sent, and two that wait."""
    folder = tmp_path_factory.mktemp("openapi")
    with open_ground(folder) as ground:
        ground.receive("ACME", fax_tiff(folder), 2)
        ground.house.wait_for_state(2, "delivered")
        ground.send("ACME", REACHED, "sent")
        for _ in range(2):
            ground.send("ACME", BUSY, "ready")
        yield ground


def hold(ground: Ground, folder: Path, who: str, *options: str) -> None:
    """Run schemathesis for whoever ``who`` says; its report is what a failure shows."""
    bob = ground.person("ACME", "bob")
    rules = folder / "schemathesis.toml"
    rules.write_text(f"{RULES.read_text()}\n{who}\n")
    # Coverage is of NexeFax; schemathesis takes three times as long with it.
    around = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    done = subprocess.run(
        [Path(sys.executable).with_name("schemathesis"), "--no-color", "--config-file", rules, "run", FILE,
         "--url", ground.house.nexefax.url, *options],
        cwd=folder,  # where it leaves what it remembers
        env=around | {"DRAFT": ground.draft(bob), "SPARE": ground.draft(bob)},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-3000:]
    assert "Traceback" not in ground.house.nexefax.log_text()


def never_done(ground: Ground) -> set[str]:
    """Operations that were tried, and not once came to a good end."""
    asked = re.findall(r" ([A-Z]+) (/api/\S*) ([0-9]{3}) ", ground.house.nexefax.log_text())
    assert asked
    done = {(method, path) for method, path, status in asked if status.startswith("2")}
    return {
        operation.id
        for operation in operations()
        if not any(method == operation.method and operation.matches(path) for method, path in done)
    }


def test_a_person_gets_what_is_described(ground: Ground, tmp_path: Path) -> None:
    session = ground.person("ACME", "bob").headers["Cookie"].partition("=")[2]
    hold(ground, tmp_path, f'[auth.openapi.session]\napi_key = "{session}"')
    # What takes a password that is right, or a session other than one's own; and streams, which are left in the middle.
    assert never_done(ground) <= {"change_password", "end_session", "follow_faxes"}


def test_a_program_gets_what_is_described(ground: Ground, tmp_path: Path) -> None:
    program = ground.program(ground.person("ACME", "bob"), "send", "read")
    token = program.headers["Authorization"].removeprefix("Bearer ")
    tags = [word for tag in ("Faxes", "Drafts", "Live") for word in ("--include-tag", tag)]
    hold(ground, tmp_path, f'[auth.openapi.token]\nbearer = "{token}"', *tags, "--max-examples", "2")
