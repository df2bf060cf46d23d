"""The comparison that the demo and the Asterisk tests believe in must see every difference."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from compare_pages import MOST_HEADER_ROWS, PageDifference, compare_faxes


def page(rows: int = 1_000, *, header: int = 0, spoilt: tuple[int, int] | None = None) -> Image.Image:
    image = Image.new("1", (1728, rows + header), 1)
    draw = ImageDraw.Draw(image)
    draw.line((10, header + 10, 1700, header + rows - 10), fill=0, width=3)
    if header:
        draw.text((10, 0), "ACME Corporation", fill=0)
    if spoilt is not None:
        x, y = spoilt[0], header + spoilt[1]
        image.putpixel((x, y), 0 if image.getpixel((x, y)) else 255)
    return image


def fax(path: Path, *pages: Image.Image, fill_order: int = 1) -> Path:
    pages[0].save(
        path, compression="group4", save_all=True, append_images=pages[1:], tiffinfo={266: fill_order}
    )
    return path


def test_equal_pages_below_a_header(tmp_path: Path) -> None:
    sent = fax(tmp_path / "sent.tiff", page(), page(rows=500))
    received = fax(tmp_path / "received.tiff", page(header=32), page(rows=500, header=16))
    assert compare_faxes(sent, received) == [
        PageDifference(1, 32, 0, 1728 * 1_000),
        PageDifference(2, 16, 0, 1728 * 500),
    ]


@pytest.mark.parametrize("spot", [(0, 0), (1727, 999), (10, 10), (800, 500)])
def test_a_single_pixel_is_seen(tmp_path: Path, spot: tuple[int, int]) -> None:
    sent = fax(tmp_path / "sent.tiff", page(), page())
    received = fax(tmp_path / "received.tiff", page(header=32), page(header=32, spoilt=spot))
    assert [difference.pixels for difference in compare_faxes(sent, received)] == [0, 1]


@pytest.mark.parametrize(
    ("sent", "received", "sentence"),
    [
        ([page()], [page(), page()], "1 pages were sent and 2 received"),
        ([page(), page()], [page()], "2 pages were sent and 1 received"),
        ([page()], [page(rows=999)], "page 1 was sent as"),
        ([page()], [page(header=MOST_HEADER_ROWS + 1)], "page 1 was sent as"),
        ([page()], [page().crop((0, 0, 1727, 1_000))], "page 1 was sent as"),
    ],
)
def test_other_sizes_are_refused(
    tmp_path: Path, sent: list[Image.Image], received: list[Image.Image], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        compare_faxes(fax(tmp_path / "sent.tiff", *sent), fax(tmp_path / "received.tiff", *received))
