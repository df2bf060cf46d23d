"""Scratch directories: private, measured without being led astray, removed whatever is in them."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import socket
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest

from nexefax.scratch import (
    MAX_DEPTH,
    Usage,
    measure,
    remove_dead_sockets,
    remove_leftovers,
    remove_tree,
    scratch_directory,
)
from tests.process.standin import stand_in


def dig(top: Path, depth: int) -> None:
    """Make directories one in another, deeper than any path may be long."""
    here = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(depth):
        os.mkdir("d" * 200, dir_fd=here)
        below = os.open("d" * 200, os.O_RDONLY | os.O_DIRECTORY, dir_fd=here)
        os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=below))
        os.close(here)
        here = below
    os.close(here)


async def test_a_fresh_private_directory_that_is_removed(tmp_path: Path) -> None:
    async with scratch_directory(tmp_path) as one, scratch_directory(tmp_path) as other:
        assert one != other
        assert one.parent == tmp_path
        assert stat.S_IMODE(one.stat().st_mode) == 0o700
        (one / "pages").mkdir()
        (one / "pages" / "1.tiff").write_bytes(b"x")
    assert not list(tmp_path.iterdir())


async def test_it_is_removed_although_the_task_is_cancelled(tmp_path: Path) -> None:
    inside = asyncio.Event()

    async def work() -> None:
        async with scratch_directory(tmp_path) as directory:
            (directory / "file").touch()
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.ensure_future(work())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not list(tmp_path.iterdir())


def test_size_and_entries_are_summed(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 100_000)
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "b").write_bytes(b"x" * 50_000)
    usage = measure(tmp_path, entries_cap=100)
    assert usage.entries == 3
    assert 150_000 <= usage.size <= 150_000 + 3 * 8192
    assert not usage.hidden
    assert not usage.stranger


def test_a_sparse_file_counts_what_it_takes(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    assert measure(tmp_path, entries_cap=10).size < 1 << 20


def test_counting_stops_at_the_cap(tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    for number in range(20):
        (tmp_path / "pages" / str(number)).touch()
    assert measure(tmp_path, entries_cap=10).entries == 11


def test_deleted_files_count_while_they_are_open(tmp_path: Path) -> None:
    with (tmp_path / "gone").open("wb") as file:
        file.write(b"x" * 1_000_000)
        file.flush()
        (tmp_path / "gone").unlink()
        assert measure(tmp_path, entries_cap=10).size == 0
        assert measure(tmp_path, entries_cap=10, processes=(os.getpid(),)).size >= 1_000_000
    assert measure(tmp_path, entries_cap=10, processes=(os.getpid(), 2**22 + 1)).size < 1_000_000


def test_strangers_are_named(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    with socket.socket(socket.AF_UNIX) as pipe:
        pipe.bind(str(tmp_path / "s"))
    assert measure(tmp_path, entries_cap=10).stranger == ""
    (tmp_path / "link").symlink_to("/etc/passwd")
    assert measure(tmp_path, entries_cap=10).stranger == "'link'"
    (tmp_path / "link").unlink()
    os.mkfifo(tmp_path / "queue\n")
    assert measure(tmp_path, entries_cap=10).stranger == "'queue\\n'"
    (tmp_path / "queue\n").unlink()
    os.link(plain, tmp_path / "second")
    assert measure(tmp_path, entries_cap=10).stranger in ("'plain'", "'second'")


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "everything").symlink_to("/usr")
    assert measure(tmp_path, entries_cap=10) == Usage(0, 1, "", "'everything'")


def test_too_deep_is_hidden(tmp_path: Path) -> None:
    dig(tmp_path, MAX_DEPTH + 1)
    assert measure(tmp_path, entries_cap=1000).hidden
    shallow = tmp_path.with_name("shallow")
    directory = shallow.joinpath(*["d"] * MAX_DEPTH)
    directory.mkdir(parents=True)
    assert not measure(shallow, entries_cap=1000).hidden
    (directory / "d").mkdir()
    assert measure(shallow, entries_cap=1000).hidden == "directories without end"
    remove_tree(tmp_path)


@pytest.mark.skipif(os.getuid() == 0, reason="root may look everywhere")
def test_what_may_not_be_entered_is_hidden(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    assert measure(tmp_path, entries_cap=10).hidden == "'closed' (Permission denied)"


def test_what_vanishes_while_it_is_measured_counts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert measure(tmp_path / "gone", entries_cap=10) == Usage(0, 0)

    class Vanished:
        name = path = "vanished"

        def stat(self, *, follow_symlinks: bool) -> os.stat_result:
            raise FileNotFoundError(errno.ENOENT, "vanished")

    class Listing(list[Vanished]):
        def __enter__(self) -> Listing:
            return self

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(os, "scandir", lambda _: Listing([Vanished()]))
    assert measure(tmp_path, entries_cap=10) == Usage(0, 1)


def test_whatever_is_in_it_is_removed_with_few_descriptors(tmp_path: Path) -> None:
    """Thousands deep, closed directories, links, and names that removal itself uses."""
    top = tmp_path / "child-1"
    top.mkdir()
    other = tmp_path / "kept"
    other.mkdir()
    (other / "precious").touch()
    dig(top, 1500)
    (top / "link").symlink_to(other)
    (top / "wide").mkdir()
    for number in range(3000):
        (top / "wide" / str(number)).mkdir()
    (top / ".removed-0").touch()
    (top / ".removed-1").mkdir()
    (top / ".removed-1" / "x").mkdir()
    os.mkfifo(top / "queue")
    (top / "closed" / "within").mkdir(parents=True)
    (top / "closed" / "within").chmod(0)
    (top / "closed").chmod(0)
    top.chmod(0)
    used = len(list(Path("/proc/self/fd").iterdir()))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 16, hard))
    try:
        remove_tree(top)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert not top.exists()
    assert (other / "precious").exists()


def test_what_is_gone_already_is_no_error(tmp_path: Path) -> None:
    remove_tree(tmp_path / "gone")


def test_a_link_in_place_of_a_scratch_directory_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "child-1").symlink_to(tmp_path / "precious")
    with pytest.raises(NotADirectoryError):
        remove_tree(tmp_path / "child-1")
    assert (tmp_path / "precious").exists()


def test_a_failing_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "child" / "sub").mkdir(parents=True)

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "rename", fail)
    with pytest.raises(OSError, match="Input/output error"):
        remove_tree(tmp_path / "child")


async def test_a_directory_that_cannot_be_removed_spoils_no_result(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with scratch_directory(tmp_path) as directory:
        (directory / "file").touch()
        directory.rename(tmp_path / "elsewhere")
        directory.touch()  # no directory any more
    assert f"The scratch directory {directory} could not be removed: [Errno 20]" in caplog.text


def test_leftovers_of_a_killed_daemon_are_cleared_away(tmp_path: Path) -> None:
    for name in ("child-1", "child-2", "uploads"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    (tmp_path / "child-file").touch()
    (tmp_path / "child-link").symlink_to(tmp_path / "uploads")
    with subprocess.Popen(["sleep", "600"], cwd=tmp_path / "child-1") as stray:
        assert remove_leftovers(tmp_path) == 2
        assert stray.wait(60) < 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["child-file", "child-link", "uploads"]


def test_dead_sockets_of_ours_are_removed_and_nothing_else() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as name:  # the path of a socket is short
        directory = Path(name)
        (directory / "OSL_PIPE_file").touch()
        (directory / "OSL_PIPE_link").symlink_to("other")
        sockets = [socket.socket(socket.AF_UNIX) for _ in range(3)]
        try:
            for made, path in zip(sockets, ("OSL_PIPE_dead", "OSL_PIPE_alive", "other"), strict=True):
                made.bind(str(directory / path))
            sockets[1].listen()
            sockets[0].close()
            sockets[2].close()
            remove_dead_sockets(directory, "OSL_PIPE_")
            left = sorted(path.name for path in directory.iterdir())
        finally:
            for made in sockets:
                made.close()
    assert left == ["OSL_PIPE_alive", "OSL_PIPE_file", "OSL_PIPE_link", "other"]


async def test_the_socket_of_an_office_is_cleared_away(tmp_path: Path) -> None:
    name = f"/tmp/OSL_PIPE_{os.urandom(8).hex()}"
    script = (
        "import socket, sys; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); print(1)"
    )
    finished = await stand_in(script, name, scratch=tmp_path, unix_sockets=True)
    assert finished.stdout == b"1\n", finished
    assert not Path(name).exists()
