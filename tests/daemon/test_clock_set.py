"""The machine's clock is set while the whole daemon works; nothing waits for the old time, and nothing is given up.

The product has no hooks for it: Python loads sitecustomize.py of PYTHONPATH, which gives the daemon another clock.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.daemon.conftest import House, open_house, wait_until
from tests.daemon.scripted_asterisk import Answer, sent

DAY = 86_400

OTHER_CLOCK = """
import time
now = time.time
def other():
    try:
        with open({file!r}) as file:
            return now() + float(file.read() or 0)
    except FileNotFoundError:
        return now()
time.time = other
"""


def give_clock(house: House) -> Callable[[int], None]:
    """Have the daemon look at a clock that can be set by so many seconds."""
    folder = house.nexefax.folder / "site"
    folder.mkdir()
    setting = folder / "seconds"
    (folder / "sitecustomize.py").write_text(OTHER_CLOCK.format(file=str(setting)))
    paths = f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    house.nexefax.environment = dict(house.nexefax.environment) | {"PYTHONPATH": paths}

    def set_clock(seconds: int) -> None:
        fresh = folder / "fresh"
        fresh.write_text(str(seconds))
        fresh.replace(setting)

    return set_clock


@pytest.mark.parametrize("seconds", [DAY, -365 * DAY])
def test_a_call_that_runs_while_the_clock_is_set(tmp_path: Path, seconds: int) -> None:
    """Set ahead, its deadline is not over; set back, what waits for a next try does not wait a year."""
    with open_house(tmp_path, start=False) as house:
        set_clock = give_clock(house)
        house.nexefax.start()
        over, dialled = threading.Event(), threading.Event()

        def running(_call: object) -> Answer:
            dialled.set()
            return Answer({"status": "SUCCESS", "pages": 0, "error": "HANGUP"}, hold=over)

        house.answers[:] = [running, lambda _call: sent(1)]
        fax = house.sign_in().send("2025550100", house.pdf())
        wait_until(dialled.is_set)
        house.wait_for_state(fax, "calling")
        set_clock(seconds)
        wait_until(lambda: "the clock was set" in house.nexefax.log_text())
        assert house.fax(fax).state == "calling"
        assert len(house.asterisk.calls) == 1
        over.set()
        assert not house.wait_for_state(fax, "sent").doubtful
        assert [attempt.cause for attempt in house.attempts(fax)] == ["page-not-confirmed", "sent"]
        assert len(house.asterisk.calls) == 2


def test_a_lost_report_is_not_waited_for_until_the_old_time_is_there_again(tmp_path: Path) -> None:
    with open_house(tmp_path, start=False) as house:
        set_clock = give_clock(house)
        house.nexefax.start()
        over, dialled = threading.Event(), threading.Event()

        def lost(_call: object) -> Answer:
            dialled.set()
            return Answer(None, hold=over)

        house.answers[:] = [lost, lambda _call: sent(1)]
        fax = house.sign_in().send("2025550100", house.pdf())
        wait_until(dialled.is_set)
        house.wait_for_state(fax, "calling")
        set_clock(-365 * DAY)
        over.set()
        assert house.wait_for_state(fax, "sent").doubtful
        assert [attempt.cause for attempt in house.attempts(fax)] == ["unknown", "sent"]
