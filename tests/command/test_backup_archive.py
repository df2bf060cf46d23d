"""Backups that are damaged, hostile or of another NexeFax are refused, and nothing is changed."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import json
import random
import sqlite3
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nexefax import config
from nexefax.backup.archive import ArchiveWriter, members
from nexefax.backup.holding import FEWEST_SKIPPED, numbers_to_skip
from nexefax.backup.manifest import (
    MANIFEST,
    Entry,
    Manifest,
    is_member_name,
    read_manifest,
    write_manifest,
)
from nexefax.backup.restoring import restore
from nexefax.backup.writing import write_backup
from nexefax.config import Config
from nexefax.errors import BackupError
from nexefax.store import JOURNAL_NAME
from private_nexefax import PrivateNexeFax
from tests.fax.workshop import open_workshop

ACME = {"tx_number": "12025550154", "tx_name": "ACME", "rx_email_to": "a@acme.example"}


@dataclass
class Backed:
    """A backup, and an empty installation to restore it in."""

    content: bytes
    config: Config
    folder: Path

    @property
    def data_dir(self) -> Path:
        return self.config.general.data_dir

    def restore(self, content: bytes | None = None, **how: bool) -> None:
        file = io.BytesIO(self.content if content is None else content)
        asyncio.run(restore(self.config, file, **how))

    def refusal(self, content: bytes) -> str:
        """What is said of a backup that is refused; nothing may be left of it."""
        with pytest.raises(BackupError) as refused:
            self.restore(content)
        assert [path.name for path in self.data_dir.iterdir() if path.name != "lock"] == []
        return str(refused.value)

    def members(self) -> dict[str, bytes]:
        return {name: b"".join(parts) for name, _size, parts in members(io.BytesIO(self.content))}

    def rewritten(self, change: Callable[[dict[str, bytes]], None], *, signed: bool = True) -> bytes:
        """The backup with other members; ``signed`` with a manifest that says so."""
        files = self.members()
        manifest = json.loads(files.pop(MANIFEST))
        change(files)
        if signed:
            manifest["files"] = {
                name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
                for name, content in files.items()
            }
        file = io.BytesIO()
        archive = ArchiveWriter(file)
        for name, content in {**files, MANIFEST: json.dumps(manifest).encode()}.items():
            archive.add(name, len(content), 1.0, io.BytesIO(content).read)
        archive.close()
        return file.getvalue()


async def make(folder: Path) -> Config:
    async with open_workshop(folder) as workshop:
        await workshop.sending.accept(workshop.submission())
        fax = await workshop.add_ready()
        workshop.folders.document(fax.id).write_bytes(random.Random(1).randbytes(200_000))
        return workshop.config


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("old")
    written = write_backup(asyncio.run(make(folder)), folder / "backup.tar.gz")
    assert (written.missing, written.left_out) == ((), ())
    return (folder / "backup.tar.gz").read_bytes()


@pytest.fixture
def backed(content: bytes, tmp_path: Path) -> Iterator[Backed]:
    nexefax = PrivateNexeFax(tmp_path, tmp_path / "spool", {"ACME": ACME})
    nexefax.write_config()
    yield Backed(content, config.load(nexefax.config_dir), tmp_path)


def test_the_same_backup_is_taken(backed: Backed) -> None:
    backed.restore()
    assert (backed.data_dir / "out" / "2" / "document").stat().st_size == 200_000


def test_the_slightest_damage_anywhere_is_noticed(backed: Backed) -> None:
    """One bit of every region; but gzip's head names a time and a system, which nobody needs.

    Nor do the few bits between deflate's blocks that fill up a byte: they lie elsewhere in every backup.
    """
    size = len(backed.content)
    harmless = []
    places = {10, 11, 12, size - 1, size - 4, size - 5, size - 8, *range(10, size, size // 60)}
    for place in sorted(places):
        damaged = bytearray(backed.content)
        damaged[place] ^= 0x10
        if unpacked(bytes(damaged)) == unpacked(backed.content):
            harmless.append(place)
        else:
            assert backed.refusal(bytes(damaged)), place
    assert len(harmless) <= 2


def unpacked(content: bytes) -> bytes | None:
    """What gzip makes of it, None when it finds fault."""
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error):
        return None


def test_a_backup_that_was_cut_is_noticed(backed: Backed) -> None:
    size = len(backed.content)
    for length in {0, 1, 9, 10, 20, size - 1, size - 8, size - 9, *range(0, size, size // 30)}:
        assert backed.refusal(backed.content[:length]), length


def test_what_follows_the_end_is_no_backup(backed: Backed) -> None:
    assert "something follows" in backed.refusal(backed.content + gzip.compress(b"x"))
    assert "something follows" in backed.refusal(backed.content + gzip.compress(bytes(1 << 20)))


def hostile(name: str, **values: object) -> bytes:
    head = tarfile.TarInfo(name)
    for key, value in values.items():
        setattr(head, key, value)
    return head.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize(
    "head",
    [
        hostile("../../etc/cron.d/x"),
        hostile("/etc/passwd"),
        hostile("in/1/../../../x"),
        hostile("out/0/x"),
        hostile("out/01/x"),
        hostile("out/1/.hidden"),
        hostile("out/1"),
        hostile("out/1/a/b/c/d"),
        hostile("lock"),
        hostile("config/auth/.."),
        hostile("config/auth/a/b"),
        hostile("config/other.conf"),
        hostile("restoring"),
        hostile("out/1/x\n"),
        hostile("out/1/link", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        hostile("out/1/link", type=tarfile.LNKTYPE, linkname="out/1/document"),
        hostile("out/1/device", type=tarfile.CHRTYPE, devmajor=1, devminor=3),
        hostile("out/1/pipe", type=tarfile.FIFOTYPE),
        hostile("out/1/folder", type=tarfile.DIRTYPE),
        hostile("out/1/sparse", type=tarfile.GNUTYPE_SPARSE),
        hostile("pax", type=tarfile.XHDTYPE, size=1 << 40),
        hostile("long", type=tarfile.GNUTYPE_LONGNAME, size=1 << 40),
        hostile("out/1/huge", size=1 << 62),
        hostile("out/1/document", size=(1 << 33) - 1),  # there is no room for so much, or it is not there
        b"\xff" * 512,
    ],
    ids=lambda head: head[:20].rstrip(b"\0").decode("ascii", "replace"),
)
def test_hostile_members_are_refused(backed: Backed, head: bytes) -> None:
    assert backed.refusal(gzip.compress(head + bytes(4096)))


def test_no_file_twice_and_none_behind_the_manifest(backed: Backed) -> None:
    file = io.BytesIO()
    archive = ArchiveWriter(file)
    for _ in range(2):
        archive.add("out/1/document", 1, 1.0, io.BytesIO(b"x").read)
    archive.close()
    assert "twice" in backed.refusal(file.getvalue())
    manifest = backed.members()[MANIFEST]
    file = io.BytesIO()
    archive = ArchiveWriter(file)
    archive.add(MANIFEST, len(manifest), 1.0, io.BytesIO(manifest).read)
    archive.add("out/1/document", 1, 1.0, io.BytesIO(b"x").read)
    archive.close()
    assert "behind its manifest" in backed.refusal(file.getvalue())


def test_the_manifest_must_say_what_is_there(backed: Backed) -> None:
    def more(files: dict[str, bytes]) -> None:
        files["out/9/document"] = b"more"

    def other(files: dict[str, bytes]) -> None:
        files["out/1/document"] = files["out/1/document"][:-1] + b"?"

    def fewer(files: dict[str, bytes]) -> None:
        del files["out/1/document"]

    def no_journal(files: dict[str, bytes]) -> None:
        del files[JOURNAL_NAME]

    for change in (more, other):
        assert "is not what was backed up" in backed.refusal(backed.rewritten(change, signed=False))
    assert "lacks out/1/document" in backed.refusal(backed.rewritten(fewer, signed=False))
    assert "no journal" in backed.refusal(backed.rewritten(no_journal))
    empty = io.BytesIO()
    ArchiveWriter(empty).close()
    assert "never finished" in backed.refusal(empty.getvalue())


@pytest.mark.parametrize(
    ("sql", "complaint"),
    [
        ("PRAGMA user_version = 99", "its manifest says"),
        ("CREATE TRIGGER evil AFTER UPDATE ON fax BEGIN DELETE FROM fax; END", "triggers or views"),
        ("CREATE VIEW evil AS SELECT 1", "triggers or views"),
        ("CREATE TABLE evil (x)", "other tables"),
        ("ALTER TABLE fax DROP COLUMN doubtful", "other tables"),
        ("INSERT INTO event (fax, at, text) VALUES (77, 1.0, 'x')", "faxes that it has not"),
    ],
)
def test_a_journal_that_is_none_of_ours_is_refused(backed: Backed, sql: str, complaint: str) -> None:
    def change(files: dict[str, bytes]) -> None:
        path = backed.folder / "changed.sqlite3"
        path.write_bytes(files[JOURNAL_NAME])
        journal = sqlite3.connect(path)
        with journal:
            journal.execute(sql)
        journal.close()
        files[JOURNAL_NAME] = path.read_bytes()

    assert complaint in backed.refusal(backed.rewritten(change))


def test_a_damaged_journal_is_refused(backed: Backed) -> None:
    def no_pages(files: dict[str, bytes]) -> None:
        files[JOURNAL_NAME] = files[JOURNAL_NAME][:8192] + bytes(len(files[JOURNAL_NAME]) - 8192)

    def no_journal(files: dict[str, bytes]) -> None:
        files[JOURNAL_NAME] = b"what is this"

    assert "malformed" in backed.refusal(backed.rewritten(no_pages))
    assert "can't be read" in backed.refusal(backed.rewritten(no_journal))


def test_another_format_and_a_newer_version_are_named(backed: Backed) -> None:
    manifest = Manifest("0.1.0", 2, 1.8e9, True, 0, {JOURNAL_NAME: Entry(1, "0" * 64)})
    assert read_manifest(write_manifest(manifest)) == manifest
    values = json.loads(write_manifest(manifest))
    with pytest.raises(BackupError, match="has format 2, this NexeFax knows 1"):
        read_manifest(json.dumps(values | {"format": 2}).encode())
    for broken in (
        b"",
        b"[]",
        b"[" * 100_000,
        json.dumps(values | {"quiet": 1}).encode(),
        json.dumps(values | {"made_at": 1e300}).encode(),
        json.dumps(values | {"files": {"../x": {"size": 1, "sha256": "0" * 64}}}).encode(),
        json.dumps(values | {"files": {JOURNAL_NAME: {"size": -1, "sha256": "0" * 64}}}).encode(),
        json.dumps(values | {"files": {JOURNAL_NAME: {"size": 1, "sha256": "no"}}}).encode(),
    ):
        with pytest.raises(BackupError, match="manifest can't be read"):
            read_manifest(broken)
    files = {"out/1/fax.tiff": {"size": 1, "sha256": "0" * 64}, JOURNAL_NAME: values["files"][JOURNAL_NAME]}
    for links in (
        {"../x": "out/1/fax.tiff"},
        {"out/1/1.tiff": "/etc/passwd"},
        {"out/1/1.tiff": JOURNAL_NAME},
        {"out/1/1.tiff": "out/2/fax.tiff"},
        {"out/1/fax.tiff": "out/1/fax.tiff"},
        {"out/1/1.tiff": 1},
    ):
        with pytest.raises(BackupError, match="links"):
            read_manifest(json.dumps(values | {"files": files, "links": links}).encode())


@given(st.binary(max_size=3000))
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
def test_rubbish_is_refused_with_a_sentence(content: bytes) -> None:
    for rubbish in (content, gzip.compress(content)):
        with pytest.raises(BackupError):
            for _name, _size, parts in members(io.BytesIO(rubbish)):
                b"".join(parts)


@given(
    st.dictionaries(
        st.from_regex(r"(in|out)/[1-9][0-9]?/[a-z][a-z0-9.]{0,9}", fullmatch=True),
        st.binary(max_size=2000),
        max_size=4,
    )
)
def test_what_is_written_is_read_back(files: dict[str, bytes]) -> None:
    file = io.BytesIO()
    archive = ArchiveWriter(file)
    for name, content in files.items():
        archive.add(name, len(content), 1.0, io.BytesIO(content).read)
    archive.close()
    file.seek(0)
    with tarfile.open(fileobj=file) as usual:
        assert usual.getnames() == list(files)
    file.seek(0)
    assert {name: b"".join(parts) for name, _size, parts in members(file)} == files


def test_a_file_that_shrinks_while_it_is_copied_is_no_backup() -> None:
    archive = ArchiveWriter(io.BytesIO())
    with pytest.raises(EOFError):
        archive.add("out/1/document", 10, 1.0, io.BytesIO(b"short").read)


def test_names_are_ours() -> None:
    assert is_member_name("config/auth/Zürich & Söhne")
    assert not is_member_name("config/auth/a\x00b")


def test_numbers_given_out_since_are_passed_over_generously() -> None:
    assert numbers_to_skip(0, 1e9) == FEWEST_SKIPPED
    assert numbers_to_skip(30_000, 10 * 86_400.0) == FEWEST_SKIPPED + 20_000
    assert numbers_to_skip(30_000, -86_400.0) == FEWEST_SKIPPED
