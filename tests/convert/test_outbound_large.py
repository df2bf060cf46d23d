"""Pictures of more pixels than ImageMagick may hold: faxed whole, or refused with the reason, never "damaged"."""

from __future__ import annotations

import pytest
from PIL import Image, ImageOps

from tests.convert.drawn import Draw, Refuse, ink, near
from tests.convert.test_outbound_kinds import PICTURE_BROKEN, cornered, png_of, saved

WIDTH, HEIGHT = 5_200, 6_400  # 33.3 million pixels
LARGE = cornered(WIDTH, HEIGHT)
DPI = (600, 600)


@pytest.fixture(autouse=True)
def _pillow_does_not_mind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "P", "I;16"])
async def test_a_large_png_of_any_kind(draw: Draw, mode: str) -> None:
    if mode == "I;16":
        picture = Image.new("I;16", (WIDTH, HEIGHT), 65_535)
        picture.paste(0, (0, 0, WIDTH // 2, HEIGHT // 2))
    else:
        picture = LARGE.convert(mode)
    _, (page,) = await draw(saved(picture, "PNG", dpi=DPI))
    left = (1 - WIDTH / 600 / (1728 / 204)) / 2
    assert near(ink(page), (max(left, 0), 0, 0.5, 0.5), by=0.02)


@pytest.mark.parametrize("orientation", [1, 6])
async def test_a_large_photo_is_turned_as_it_was_taken(draw: Draw, orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    _, (page,) = await draw(saved(cornered(8_000, 6_000), "JPEG", exif=exif), fit="width")
    assert near(ink(page), (0, 0, 0.5, 0.5) if orientation == 1 else (0.5, 0, 1, 0.5), by=0.02)


@pytest.mark.parametrize(
    ("mode", "options"), [("1", {"compression": "group4"}), ("RGB", {"compression": "tiff_lzw"})]
)
@pytest.mark.parametrize("orientation", [1, 6])
async def test_a_large_tiff(draw: Draw, mode: str, options: dict[str, object], orientation: int) -> None:
    def pages(width: int, height: int, dpi: int) -> bytes:
        first, second = cornered(width, height, mode), ImageOps.flip(cornered(width, height)).convert(mode)
        tags = {274: orientation}
        return saved(
            first, "TIFF", dpi=(dpi, dpi), tiffinfo=tags, save_all=True, append_images=[second], **options
        )

    _, small = await draw(pages(WIDTH // 8, HEIGHT // 8, 75))
    _, large = await draw(pages(WIDTH, HEIGHT, 600))
    assert [page.size for page in large] == [page.size for page in small]
    assert ink(small[0]) != ink(small[1])
    assert all(near(ink(page), ink(other), by=0.01) for page, other in zip(large, small, strict=True))


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


PNG = saved(LARGE, "PNG")
G4 = saved(
    Image.effect_noise((1_100, 1_300), 60).resize((WIDTH, HEIGHT)).convert("1"), "TIFF", compression="group4"
)


@pytest.mark.parametrize(
    "damaged",
    [
        PNG[: len(PNG) // 2],
        PNG[:-12],
        flipped(PNG, len(PNG) // 2),
        png_of(WIDTH, HEIGHT, b"\0" * 1_000_000),
        png_of(WIDTH, HEIGHT, b"\0" * ((WIDTH + 1) * HEIGHT + 1)),
        PNG[:8] + b"\0\0\0\x02IHDR" + PNG[16:],
        flipped(G4, len(G4) // 2),
    ],
    ids=["half", "no end", "a flipped byte", "rows missing", "a row too many", "no header", "a damaged T.6"],
)
async def test_large_pictures_are_not_sent_in_half(refuse: Refuse, damaged: bytes) -> None:
    assert await refuse(damaged) == PICTURE_BROKEN


async def test_rows_that_are_no_zlib(refuse: Refuse) -> None:
    whole = png_of(WIDTH, HEIGHT, b"\0")
    assert await refuse(whole.replace(b"IDAT\x78", b"IDAT\x00")) == PICTURE_BROKEN


@pytest.mark.parametrize(
    ("document", "size"),
    [
        (png_of(2_000_000_000, 2_000_000_000, b"\0"), "2,000,000,000 x 2,000,000,000"),
        (saved(Image.new("RGBA", (WIDTH, HEIGHT)), "PNG"), "5,200 x 6,400"),
        (saved(LARGE, "PNG", transparency=255), "5,200 x 6,400"),
    ],
    ids=["a bomb", "transparent", "a transparent colour"],
)
async def test_what_is_too_large_is_told(refuse: Refuse, document: bytes, size: str) -> None:
    assert await refuse(document) == (
        f"The picture is too large: {size} pixels. Save it smaller, or as a JPEG, and send that."
    )


async def test_a_jpeg_that_says_it_is_enormous(refuse: Refuse) -> None:
    data = bytearray(saved(cornered(), "JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = b"\xff\xff\xff\xff"
    assert (await refuse(bytes(data))).startswith("The picture is too large: 65,535 x 65,535 pixels.")
