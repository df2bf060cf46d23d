"""The table of causes, and the ladder of safer settings."""

from __future__ import annotations

import itertools

import pytest

from nexefax.config.fax_kinds import MODEMS, RATES, rate_fits
from nexefax.fax.cause import Cause
from nexefax.fax.retry import RULES, Again, Line, delay, line_with, may_resume, safer, settings_in_words

BETA = Line(ecm=True, modems="v17,v27,v29", minrate=4800, maxrate=14400)
LADDER = ("no-v17", "no-v17 audio", "no-v17 audio no-ecm")


def test_every_cause_of_failure_has_its_rule() -> None:
    assert set(RULES) == set(Cause) - {Cause.SENT}
    assert {rule.again for rule in RULES.values()} == set(Again)
    assert all(delay(cause, 300) in (300, 900) for cause in RULES)


def test_the_ladder_ends() -> None:
    for cause in (Cause.NEGOTIATION, Cause.PAGE_NOT_CONFIRMED, Cause.DROPPED):
        settings, seen = "", []
        while (step := safer(cause, settings)) != settings:
            seen.append(step)
            settings = step
        assert len(seen) == 3
        assert "without V.17" in settings_in_words(settings)
    assert safer(Cause.NEGOTIATION, "") == LADDER[0]
    assert safer(Cause.BUSY, "no-v17") == "no-v17"
    assert settings_in_words("") == ""


def test_the_configurations_line_goes_down() -> None:
    assert line_with("", BETA) == BETA
    assert line_with("no-v17", BETA) == Line(True, "v27,v29", 4800, 9600)
    assert line_with("no-v17 audio no-ecm", BETA) == Line(False, "v27,v29", 4800, 9600, audio=True)
    assert line_with("no-v17", Line(True, "v17", 9600, 14400)) == Line(True, "v17", 9600, 14400)
    assert line_with("no-v17", Line(True, "v17,v29", 14400, 14400)) == Line(True, "v29", 9600, 9600)
    assert line_with("no-v17", Line(True, "v27,v29", 4800, 4800)) == Line(True, "v27,v29", 4800, 4800)


@pytest.mark.parametrize("settings", ["no-v17", *LADDER])
def test_asterisk_accepts_every_line(settings: str) -> None:
    """Whatever the configuration may say (config/checks.py), the rates stay ones that the modems can do."""
    for count in range(1, 5):
        for chosen in itertools.combinations(MODEMS, count):
            modems = ",".join(chosen)
            fitting = [rate for rate in RATES if rate_fits(rate, modems)]
            for low, high in itertools.combinations_with_replacement(fitting, 2):
                line = line_with(settings, Line(True, modems, low, high))
                assert line.minrate <= line.maxrate <= high
                assert rate_fits(line.minrate, line.modems)
                assert rate_fits(line.maxrate, line.modems)


def test_only_counted_pages_are_resumed() -> None:
    assert {cause for cause in Cause if may_resume(cause)} == {Cause.DROPPED, Cause.PAGE_NOT_CONFIRMED}
