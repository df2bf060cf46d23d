"""A real Asterisk for each test, with its own folders and ports, so that many tests can wait side by side."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from private_asterisk import PrivateAsterisk
from private_nexefax import free_port
from tests.asterisk.office import Office, asterisk_with_our_dialplan, open_office

Started = Callable[..., Office]


# The longest waits begin first, else the whole run waits for them in the end.
LONGEST = (
    "nobody_says_anything",
    "killed_in_the_middle",
    "-5-",
    "line_dropped_goes_on",
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
    with asterisk_with_our_dialplan(folder, "sid", free_port()) as here:
        yield here


@pytest.fixture
def start_office(folder: Path) -> Iterator[Started]:
    """Starts Asterisk, a mail server and NexeFax, as :func:`open_office` does."""
    with ExitStack() as offices:
        yield lambda **options: offices.enter_context(open_office(folder, **options))
