"""A real Asterisk for each test, with its own folders and ports, so that many tests can wait side by side."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import asterisk_program
from private_asterisk import PrivateAsterisk
from private_nexefax import free_port
from tests.asterisk.lines import MACHINES, OUR_DIALPLAN, beta_dialplan
from tests.asterisk.office import Office

Started = Callable[..., Office]


# The longest waits begin first, else the whole run waits for them in the end.
LONGEST = (
    "nobody_says_anything",
    "killed_in_the_middle",
    "-5-",
    "drops_in_the_middle",
    "nexefax_is_down_while_the_fax",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.asterisk)
    items.sort(
        key=lambda item: next((n for n, name in enumerate(LONGEST) if name in item.name), len(LONGEST))
    )


@pytest.fixture
def folder() -> Iterator[Path]:
    """Private, and with a name short enough for Asterisk's control socket, which tmp_path has not."""
    path = Path(tempfile.mkdtemp(prefix="nx-"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def asterisk(folder: Path) -> Iterator[PrivateAsterisk]:
    """Asterisk 22 with our dialplan, whose nudges nobody hears."""
    here = asterisk_with_our_dialplan(folder, "sid", free_port())
    with here:
        yield here


@pytest.fixture
def start_office(folder: Path) -> Iterator[Started]:
    """Starts Asterisk, a mail server and NexeFax. `options` are for config.conf."""
    offices: list[Office] = []

    def start(*, suite: str = "sid", beta: bool = False, audio: bool = False, **options: str) -> Office:
        port = free_port()
        make = asterisk_with_betas_dialplan if beta else asterisk_with_our_dialplan
        asterisk = make(folder, suite, port)
        if audio:
            options["tx_channel"] = asterisk.audio_trunk
        office = Office(folder, asterisk, port, options)
        offices.append(office)
        office.start()
        return office

    yield start
    for office in offices:
        office.close()


def asterisk_with_our_dialplan(folder: Path, suite: str, agi_port: int) -> PrivateAsterisk:
    spool = folder / "a" / "spool"
    return PrivateAsterisk(
        asterisk_program.find(suite),
        folder / "a",
        dialplan=MACHINES + OUR_DIALPLAN,
        variables={
            "NEXEFAX_RX_DIR": str(spool / "tmp"),
            "NEXEFAX_AGI": f"agi://127.0.0.1:{agi_port}",
            "NEXEFAX_LONG": "12025550100" * 30,
        },
    )


def asterisk_with_betas_dialplan(folder: Path, suite: str, agi_port: int) -> PrivateAsterisk:
    dialplan = beta_dialplan(folder / "a" / "spool" / "tmp", f"agi://127.0.0.1:{agi_port}")
    return PrivateAsterisk(asterisk_program.find(suite), folder / "a", dialplan=MACHINES + dialplan)
