"""Killed at any step, again and again: no fax is lost, stuck, or sent twice."""

from pathlib import Path

import pytest

from tests.daemon.crashes import open_campaign, plan

KILLS = 30


@pytest.mark.parametrize("seed", [1, 2])
def test_what_is_accepted_survives_every_death(tmp_path: Path, seed: int) -> None:
    with open_campaign(tmp_path) as campaign:
        campaign.run(plan(KILLS, seed))
        assert campaign.check() == []
        assert sum(campaign.ends.values()) == KILLS
        assert len(campaign.accepted) == KILLS
        assert campaign.ends.keys() - {"instant"}
