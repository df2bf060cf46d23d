"""Faxes are composed on a whole daemon: what its user sees is what Asterisk is told to dial, also after a death."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from tests.daemon.composer import Composer
from tests.daemon.conftest import House, open_house, wait_until
from tests.daemon.scripted_asterisk import Answer, CallFile, sent
from tests.documents import pdf_bytes
from web_client import Refused


def pages_of(path: Path) -> list[Image.Image]:
    with Image.open(path) as tiff:
        found = []
        for at in range(getattr(tiff, "n_frames", 1)):
            tiff.seek(at)
            found.append(tiff.convert("1"))
        return found


def same(one: Image.Image, other: Image.Image) -> bool:
    return one.size == other.size and ImageChops.difference(one, other).getbbox() is None


@pytest.fixture
def dialled() -> dict[str, list[Image.Image]]:
    return {}


@pytest.fixture
def house(tmp_path: Path, dialled: dict[str, list[Image.Image]]) -> Iterator[House]:
    """A house whose Asterisk keeps what it is told to dial, by number."""

    def behave(call: CallFile) -> Answer:
        dialled[call.variables["FAXTO"]] = pages = pages_of(Path(call.variables["FAXFILE"]))
        return sent(len(pages))

    with open_house(tmp_path, behave=behave) as here:
        yield here


def test_what_is_seen_is_what_asterisk_dials(house: House, dialled: dict[str, list[Image.Image]]) -> None:
    bob = Composer(house)
    draft = bob.compose(
        pdf_bytes(3, words="One"),
        pdf_bytes(1, words="Two"),
        recipients=[{"number": "2025550100", "name": "Dr. Gray"}, {"number": "202 555 0101"}],
        subject="Results",
        cover=True,
        order=[2, 1],
        pages={"1.1": {"left_out": True}, "1.2": {"turn": 1}},
    )
    shown = bob.pixels(draft)
    assert len(shown) == 4
    first, second = bob.send(draft)
    assert bob.send(draft) == [first, second]  # a double click
    for fax in (first, second):
        assert house.wait_for_state(fax, "sent").pages_done == 4
    assert sorted(dialled) == ["2025550100", "2025550101"]
    assert [same(*pair) for pair in zip(shown, dialled["2025550100"], strict=True)] == [True] * 4
    # the other one's cover names the other one
    assert [same(*pair) for pair in zip(shown, dialled["2025550101"], strict=True)] == [
        False,
        True,
        True,
        True,
    ]
    assert len(house.asterisk.calls) == 2
    assert not list((house.nexefax.data_dir / "drafts").iterdir())


def test_killed_after_the_word_and_before_a_page_is_drawn(
    house: House, dialled: dict[str, list[Image.Image]]
) -> None:
    bob = Composer(house)
    draft = bob.compose(
        pdf_bytes(20), pdf_bytes(), recipients=[{"number": f"202555010{number}"} for number in range(3)]
    )
    kept = bob.compose(pdf_bytes(), subject="not sent yet")
    faxes = bob.send(draft)
    house.nexefax.kill()
    (house.nexefax.data_dir / "drafts" / "0123").mkdir()  # of a request that died with it
    house.nexefax.start()
    bob = Composer(house)
    assert bob.send(draft) == faxes
    for fax in faxes:
        house.wait_for_state(fax, "sent")
        assert sorted(
            path.name
            for path in (house.nexefax.data_dir / "out" / str(fax)).iterdir()
            if not path.name[0].isdigit()
        ) == ["document", "document-2", "fax.tiff"]
    assert [len(pages) for pages in dialled.values()] == [21, 21, 21]
    assert len(house.asterisk.calls) == 3
    assert [path.name for path in (house.nexefax.data_dir / "drafts").iterdir()] == [kept]
    assert len(bob.pixels(kept)) == 1


def test_a_request_that_dies_with_the_daemon_can_be_made_again(
    house: House, dialled: dict[str, list[Image.Image]]
) -> None:
    """Many clicks at once, and the daemon is killed among them."""
    bob = Composer(house)
    draft = bob.compose(pdf_bytes(), recipients=[{"number": "2025550100"}, {"number": "2025550101"}])
    answers: list[list[int]] = []
    over = threading.Event()

    def click() -> None:
        while not over.is_set():
            try:
                answers.append(bob.send(draft))
            except (OSError, ValueError, Refused):
                over.wait(0.01)

    users = [threading.Thread(target=click, name=f"click {number}") for number in range(4)]
    for user in users:
        user.start()
    wait_until(lambda: any((house.nexefax.data_dir / "out").iterdir()))
    house.nexefax.kill()
    house.nexefax.start()
    wait_until(lambda: bool(answers))
    over.set()
    for user in users:
        user.join()
    assert {tuple(answer) for answer in answers} == {tuple(answers[0])}
    for fax in answers[0]:
        house.wait_for_state(fax, "sent")
    assert sorted(dialled) == ["2025550100", "2025550101"]
    assert len(house.asterisk.calls) == 2


def test_a_backup_has_all_documents_and_no_drafts(house: House, tmp_path: Path) -> None:
    bob = Composer(house)
    bob.compose(pdf_bytes(), subject="not sent yet")
    (fax,) = bob.send(bob.compose(pdf_bytes(), pdf_bytes(2), recipients=[{"number": "2025550100"}]))
    house.wait_for_state(fax, "sent")
    before = {path.name for path in (house.nexefax.data_dir / "out" / str(fax)).iterdir()}
    backup = tmp_path / "nexefax.tar.gz"
    assert house.nexefax.command("backup", str(backup)).returncode == 0
    house.nexefax.stop()
    assert house.nexefax.command("restore", "--force", str(backup)).returncode == 0
    house.nexefax.start()
    assert {"document", "document-2", "fax.tiff"} <= before
    assert {path.name for path in (house.nexefax.data_dir / "out" / str(fax)).iterdir()} == before
    assert not list((house.nexefax.data_dir / "drafts").iterdir())
    with pytest.raises(Refused):  # signed out by the restore
        bob.tell("GET", "")
    assert Composer(house).tell("GET", "") == {"drafts": []}
    again = house.nexefax.command("queue", "resend", str(fax))
    assert again.returncode == 0, again.stdout
