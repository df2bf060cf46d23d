"""What a whole daemon does with a fax too large for a mail, and with a disk that is nearly full."""

from __future__ import annotations

import io
import random
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from PIL import Image

from tests.daemon.conftest import open_house, wait_until
from tests.daemon.scripted_asterisk import nudge, outcome_line
from web_client import Refused

NAME = "nexefax-ACME-20261122-200905-12025550100-1700000000.4.tiff"
SAID = {
    "account": "ACME", "caller": "12025550100", "status": "SUCCESS", "pages": 2, "uniqueid": "1700000000.4",
}  # fmt: skip


def noisy_fax() -> bytes:
    """Two pages of noise, which no code makes smaller: more than a megabyte."""
    noise = random.Random(1)
    pages = [Image.frombytes("1", (1728, 2200), noise.randbytes(216 * 2200)) for _ in range(2)]
    file = io.BytesIO()
    pages[0].save(
        file,
        "TIFF",
        save_all=True,
        append_images=pages[1:],
        compression="group4",
        dpi=(204, 196),
        tiffinfo={296: 2},
    )
    return file.getvalue()


def test_a_fax_too_large_for_a_mail_is_where_the_mail_says(tmp_path: Path) -> None:
    with open_house(tmp_path, start=False) as house:
        house.nexefax.email = dict(house.nexefax.email) | {"mail_max_mb": "1"}
        house.nexefax.server = {"public_url": house.nexefax.url}
        house.nexefax.write_config()
        house.nexefax.start()
        tiff = noisy_fax()
        assert len(tiff) > 1 << 20
        house.receive(tiff, NAME, outcome_line("received", SAID))
        nudge(house.nexefax.port_fagi, "received", NAME)
        mail = house.wait_for_mail("New eFax Received")
        assert list(mail.iter_attachments()) == []
        text = str(mail.get_body(("plain",)).get_content())  # type: ignore[union-attr]  # it has a text
        (link,) = [line for line in text.splitlines() if line.startswith("http")]
        assert link == f"{house.nexefax.url}/faxes/1/fax.pdf"
        cookie = {"Cookie": f"nexefax-session={house.sign_in().session}"}
        with urllib.request.urlopen(urllib.request.Request(link, headers=cookie), timeout=30) as answer:
            pdf = answer.read()
        assert pdf == (house.nexefax.data_dir / "in" / "1" / "fax.pdf").read_bytes()
        assert len(pdf) > 1 << 20
        with urllib.request.urlopen(link, timeout=30) as answer:
            assert answer.url == f"{house.nexefax.url}/login?next=/faxes/1/fax.pdf"
        wait_until(lambda: house.fax(1).state == "delivered")


def test_a_disk_that_is_nearly_full_refuses_documents_and_takes_faxes(tmp_path: Path) -> None:
    with open_house(tmp_path, start=False) as house:
        house.nexefax.general = dict(house.nexefax.general) | {"min_free_mb": "10000000"}
        house.nexefax.write_config()
        house.nexefax.start()
        with pytest.raises(Refused, match="disk is full") as refused:
            house.sign_in().send("2025550100", house.pdf())
        assert refused.value.status == 507
        house.receive(noisy_fax(), NAME, outcome_line("received", SAID))
        nudge(house.nexefax.port_fagi, "received", NAME)
        house.wait_for_mail("New eFax Received")
        wait_until(lambda: house.fax(1).state == "delivered")
        assert list((house.nexefax.data_dir / "out").iterdir()) == []
        assert "fewer than min_free_mb=10000000" in house.nexefax.command("status").stdout
        assert house.nexefax.log_file.read_text().count("THE DISK IS NEARLY FULL") == 1
