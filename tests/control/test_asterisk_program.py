"""Finding an Asterisk, and giving each its own ports."""

from __future__ import annotations

import itertools
import os
import socket
from pathlib import Path

import pytest

import asterisk_program
from asterisk_ports import PortBlock
from asterisk_program import NoAsteriskError
from private_asterisk import AsteriskFailedError, PrivateAsterisk


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("Asterisk 16.28.0~dfsg-0+deb11u4\n", (16, 28, 0)),
        ("Asterisk 22.10.1+dfsg+~cs6.17.60671434-1\n", (22, 10, 1)),
        ("Asterisk certified/20.7\n", (20, 7)),
    ],
)
def test_versions(said: str, version: tuple[int, ...]) -> None:
    assert asterisk_program.version_in(said) == version


def test_what_is_no_asterisk_is_said() -> None:
    with pytest.raises(NoAsteriskError, match="does not look like"):
        asterisk_program.version_in("bash: asterisk: command not found")


def root(folder: Path, *, fax: bool = True, version: str = "22.0.0") -> Path:
    """A root whose "loader" answers as `asterisk -V` does."""
    libraries = folder / "usr/lib/x86_64-linux-gnu"
    modules = libraries / "asterisk/modules"
    modules.mkdir(parents=True)
    (folder / "usr/sbin").mkdir()
    (folder / "usr/sbin/asterisk").touch()
    loader = libraries / "ld-linux-x86-64.so.2"
    loader.write_text(f'#!/bin/sh\n[ "$1 $4" = "--library-path -V" ] && echo Asterisk {version}\n')
    loader.chmod(0o755)
    if fax:
        (modules / "res_fax_spandsp.so").touch()
    return folder


def test_the_newest_root_of_a_suite_is_taken(tmp_path: Path) -> None:
    old = root(tmp_path / "sid_22.0.0")
    new = root(tmp_path / "sid_22.10.0", version="22.10.0")
    root(tmp_path / "bullseye_16.28.0", version="16.28.0")
    os.utime(old, (1_000, 1_000))
    program = asterisk_program.find("sid", tmp_path)
    assert program.version_text == "22.10.0"
    assert program.command[0].startswith(str(new))
    assert program.modules == new / "usr/lib/x86_64-linux-gnu/asterisk/modules"
    assert asterisk_program.find("bullseye", tmp_path).version == (16, 28, 0)


def test_a_root_that_is_not_whole_names_the_remedy(tmp_path: Path) -> None:
    broken = root(tmp_path / "sid_22.0.0", fax=False)
    with pytest.raises(NoAsteriskError, match=f"{broken} is not whole. Remove that folder"):
        asterisk_program.find("sid", tmp_path)


def test_without_any_the_command_that_brings_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoAsteriskError, match="sudo control/asterisk-root bullseye"):
        asterisk_program.find("bullseye", tmp_path)


def test_blocks_of_ports_are_never_shared() -> None:
    blocks = [PortBlock() for _ in range(5)]
    try:
        ranges = sorted((block.sip, block.rtp, block.udptl) for block in blocks)
        for (sip, rtp, udptl), (following, _, _) in itertools.pairwise(ranges):
            assert sip < rtp[0] < rtp[1] < udptl[0] < udptl[1] < following
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sip_socket:
            sip_socket.bind(("127.0.0.1", blocks[0].sip))
    finally:
        for block in blocks:
            block.close()


def test_a_folder_with_too_long_a_name_is_refused(tmp_path: Path) -> None:
    program = asterisk_program.in_root(root(tmp_path / "root"))
    with pytest.raises(AsteriskFailedError, match="too long for a socket"):
        PrivateAsterisk(program, tmp_path / ("x" * 100), dialplan="")


def test_one_that_ends_at_once_shows_its_last_words(tmp_path: Path) -> None:
    program = asterisk_program.in_root(root(tmp_path / "r"))
    short = Path("/tmp") / f"nx-{os.getpid()}"  # tmp_path may be too long for a socket
    asterisk = PrivateAsterisk(program, short, dialplan="")
    try:
        with pytest.raises(AsteriskFailedError, match="Asterisk ended before it listens"):
            asterisk.start()
    finally:
        asterisk.close()
