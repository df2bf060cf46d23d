"""The samples and the README's tables are what the table of options gives."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import render_options
from nexefax import config
from nexefax.config.account_settings import Account
from nexefax.config.options import options_of
from nexefax.config.settings import SECTIONS
from nexefax.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]


def test_files_are_as_the_table_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert render_options.main(["--check"]) == 0, f"run control/render_options.py: {capsys.readouterr().out}"


def test_it_writes_what_differs_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(render_options, "ROOT", tmp_path)
    (tmp_path / "conf-samples").mkdir()
    (tmp_path / "README.md").write_text(
        "before\n<!-- options:config.conf -->\nold\n<!-- /options -->\nbetween\n<!-- options:accounts.conf -->\n"
        "<!-- /options -->\nafter\n"
    )
    assert render_options.main(["--check"]) == 1
    assert capsys.readouterr().out.count("differs") == 3
    assert render_options.main([]) == 0
    assert render_options.main(["--check"]) == 0
    text = (tmp_path / "README.md").read_text()
    assert re.findall(r"^(before|between|after|old)$", text, re.MULTILINE) == ["before", "between", "after"]
    with pytest.raises(ValueError, match="no block <!-- options:config"):
        render_options.readme("nothing")


def installed(directory: Path, *, uncommented: str) -> config.Config:
    for name in ("config.conf", "accounts.conf"):
        text = (ROOT / "conf-samples" / name).read_text()
        (directory / name).write_text(re.sub(rf"^#({uncommented})", r"\1", text, flags=re.MULTILINE))
    return config.load(directory)


def test_the_samples_with_the_required_options_are_the_defaults(tmp_path: Path) -> None:
    loaded = installed(tmp_path, uncommented=r"\[ACME\]|rx_email_to=|tx_number=|tx_name=|tx_channel=PJSIP")
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "config.conf").write_text("[general]\ntx_channel=PJSIP/${TO}@trunk")
    (plain / "accounts.conf").write_text(
        "[ACME]\nrx_email_to=fax@example.com\ntx_number=12025550154\ntx_name=ACME Corporation"
    )
    expected = config.load(plain)
    assert loaded.warnings == ()
    assert {name: getattr(loaded, name) for name in [*SECTIONS, "accounts"]} == {
        name: getattr(expected, name) for name in [*SECTIONS, "accounts"]
    }
    # The defaults that the sample shows are the ones that count.
    everything = installed(tmp_path, uncommented=r"\[ACME\]|[a-z0-9_]+=")
    assert (everything.general, everything.accounts) == (expected.general, expected.accounts)
    assert (everything.server, everything.email) == (expected.server, expected.email)


def test_as_installed_the_samples_say_what_is_to_be_filled_in(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        installed(tmp_path, uncommented="nothing")
    [problem] = refused.value.problems
    assert problem.startswith("config.conf, [general]: tx_channel is missing; add the channel")


@pytest.mark.parametrize("section", [*SECTIONS.values(), Account])
def test_every_option_is_in_sample_and_table(section: type) -> None:
    sample = render_options.accounts_sample() if section is Account else render_options.config_sample()
    table = render_options.accounts_table() if section is Account else render_options.config_table()
    for name, option in options_of(section).items():
        assert f"\n#{name}=" in sample
        assert f"| {name} | {option.purpose.replace('${TO}', '**${TO}**')} |" in table
        assert option.purpose.endswith("."), name
        assert option.required == bool(option.example), name
