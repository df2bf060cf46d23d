"""The log as an administrator reads it: the beta's stamp, one line per event."""

import logging
import re
import threading
from pathlib import Path

import pytest

from nexefax.errors import ConfigError
from nexefax.logs import logging_to, set_debug

log = logging.getLogger("nexefax.test")


@pytest.fixture(autouse=True)
def levels_as_they_were() -> object:
    root, ours = logging.getLogger().level, logging.getLogger("nexefax").level
    yield
    logging.getLogger().setLevel(root)
    logging.getLogger("nexefax").setLevel(ours)


def test_lines_are_stamped_as_the_betas(tmp_path: Path) -> None:
    file = tmp_path / "info.log"
    with logging_to(file, debug=False):
        log.info("fax 12: sent")
        log.debug("not shown")
        set_debug(True)
        log.debug("shown")
    lines = file.read_text().splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [AP]M \[INFO\] fax 12: sent", lines[0])
    assert [line.partition("M ")[2] for line in lines[1:]] == ["[DEBUG] shown"]


def test_what_strangers_say_cannot_make_lines_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "info.log"
    with logging_to(file, debug=False):
        log.info("station %s", "evil\n2026-11-22 08:00:00 PM [INFO] fax 1: sent\x1b[2J\u2028x")
    assert len(file.read_text().splitlines()) == 1
    assert "\x1b" not in file.read_text()


def test_a_traceback_keeps_its_lines(tmp_path: Path) -> None:
    file = tmp_path / "info.log"
    with logging_to(file, debug=False):
        try:
            raise ValueError("x")
        except ValueError:
            log.exception("fax 1: broke down")
    assert "Traceback" in file.read_text()
    assert len(file.read_text().splitlines()) > 3


def test_a_log_that_was_moved_away_is_made_again(tmp_path: Path) -> None:
    file = tmp_path / "info.log"
    with logging_to(file, debug=False):
        log.info("one")
    with logging_to(file, debug=False):
        file.rename(tmp_path / "info.log.1")
        log.info("two")
    assert file.read_text().endswith("two\n")


def test_a_log_that_cannot_be_written_names_the_option(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigError, match=r"\[logging\]: file="),
        logging_to(tmp_path / "no" / "log", debug=False),
    ):
        pass


def test_a_log_goes_on_when_its_folder_is_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, told = tmp_path / "log", threading.Event()
    monkeypatch.setattr(logging.FileHandler, "handleError", lambda _handler, _record: told.set())
    folder.mkdir()
    with logging_to(folder / "info.log", debug=False):
        folder.rename(tmp_path / "away")
        log.info("lost")
        assert told.wait(30)
        folder.mkdir()
        log.info("two")
        log.info("three")
    lines = (folder / "info.log").read_text().splitlines()
    assert [line.rpartition(" ")[2] for line in lines] == ["two", "three"]


def test_a_wrong_format_costs_only_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "info.log"
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # pytest's own raise
    with logging_to(file, debug=False):
        log.info("%d pages", "two")
        log.info("after")
    assert file.read_text().endswith("after\n")
    assert "%d pages" in capsys.readouterr().err
