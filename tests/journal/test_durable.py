"""Files written durably: whole or not at all, and never through a link."""

from pathlib import Path

import pytest

from nexefax.durable import copy_file, make_folder, move_file, remove_file, write_file


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_file(path, b"one")
    write_file(path, b"two", mode=0o600)
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_copy_that_fails_leaves_the_old_file_and_no_rubbish(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_file(path, b"one")
    with pytest.raises(IsADirectoryError):
        copy_file(tmp_path, path)
    assert path.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [path]


def test_links_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"s")
    (tmp_path / "link").symlink_to(secret)
    with pytest.raises(OSError, match="symbolic links"):
        copy_file(tmp_path / "link", tmp_path / "copy")
    copy_file(secret, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"s"


def test_files_move_and_go(tmp_path: Path) -> None:
    make_folder(tmp_path / "f")
    make_folder(tmp_path / "f")
    write_file(tmp_path / "a", b"1")
    move_file(tmp_path / "a", tmp_path / "f" / "b")
    assert remove_file(tmp_path / "f" / "b") is True
    assert remove_file(tmp_path / "f" / "b") is False
