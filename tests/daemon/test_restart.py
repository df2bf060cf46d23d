"""Killed at any step, again and again: no fax is lost, stuck, or sent twice."""

from pathlib import Path

import pytest

from tests.daemon.crashes import open_campaign, plan

HOUSES = 4
KILLS = 50  # in each: together every call of the sweep, and a hundred instants


@pytest.mark.parametrize("house", range(HOUSES))
def test_what_is_accepted_survives_every_death(tmp_path: Path, house: int) -> None:
    with open_campaign(tmp_path) as campaign:
        campaign.run(plan(KILLS, seed=1, house=house, houses=HOUSES))
        assert campaign.check() == []
        assert sum(campaign.ends.values()) == KILLS
        assert len(campaign.accepted) == KILLS
        assert campaign.ends.keys() - {"instant"}
