"""Where pages lie, how long they hold the line, and how greys become black and white: the pure parts."""

from __future__ import annotations

import io
import random
import re
import struct
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from nexefax.fax.convert import Resolution
from nexefax.fax.convert.geometry import LONGEST, PAPER_WIDTH, SHORTEST, Box, Fit, PageShape, Placement, place
from nexefax.fax.convert.linetime import HANDSHAKE, line_seconds, numbers_in_words, slow_page_notes
from nexefax.fax.convert.photo import Frame, shape_of
from nexefax.fax.convert.picture_size import density, jpeg_density, png_density
from nexefax.fax.convert.postscript import transfer
from nexefax.fax.convert.screen import WIDTH, postscript, thresholds
from nexefax.fax.convert.tone import (
    LINE_ART,
    PHOTO,
    Picture,
    Tone,
    choose_tone,
    complexity,
    has_ink,
    read_pgm,
    tone_areas,
)

sides = st.floats(1, 20_000)
corners = st.floats(-5_000, 5_000)
boxes = st.builds(lambda x, y, w, h: Box(x, y, x + w, y + h), corners, corners, sides, sides)
shapes = st.builds(PageShape, st.just(1), boxes, st.integers(0, 3), st.floats(0.1, 10))
resolutions = st.sampled_from(Resolution)
fits = st.sampled_from(["size", "width"])
turns = st.integers(0, 3)


def laid(page: Placement, x: float, y: float) -> tuple[float, float]:
    """Where a point of user space comes out, in pixels from the top left of the fax page."""
    a, b, c, d, e, f = page.matrix
    across, up = a * x + c * y + e, b * x + d * y + f
    return across * page.resolution.across / 72, page.length - up * page.resolution.down / 72


@given(shapes, resolutions, fits, turns)
def test_every_page_lies_within_its_fax_page_in_proportion(
    shape: PageShape, resolution: Resolution, fit: Fit, turn: int
) -> None:
    page = place(shape, resolution, fit, turn)
    assert page.x >= 0
    assert page.x + page.width <= 1728
    assert page.y >= 0
    assert page.y + page.height <= page.length
    assert round(SHORTEST * resolution.down / 72) <= page.length <= round(LONGEST * resolution.down / 72) + 1
    assert abs(page.x - (1728 - page.width - page.x)) <= 1
    width, height = shape.size[::-1] if page.turn % 2 else shape.size
    across, down = page.width * 72 / resolution.across, page.height * 72 / resolution.down
    scale = min(PAPER_WIDTH / width, LONGEST / height)
    scale = min(scale, 1.0) if fit == "size" else scale
    assert abs(across - width * scale) <= 72 / resolution.across
    assert abs(down - height * scale) <= 72 / resolution.down
    assert page.shown == ((page.height, page.width) if page.turn % 2 else (page.width, page.height))
    assert page.number == shape.number
    by_itself = place(shape, resolution, fit).turn
    assert by_itself == (3 if shape.size[0] > shape.size[1] and PAPER_WIDTH / shape.size[0] < 0.9 else 0)
    assert page.turn == (by_itself + turn) % 4


@given(shapes, resolutions, fits, turns)
def test_the_matrix_takes_the_box_to_its_rectangle_turned_as_shown(
    shape: PageShape, resolution: Resolution, fit: Fit, turn: int
) -> None:
    page = place(shape, resolution, fit, turn)
    box = shape.box
    # Clockwise from the top left as seen in user space; each quarter turn moves what is first.
    points = [(box.left, box.top), (box.right, box.top), (box.right, box.bottom), (box.left, box.bottom)]
    quarters = (shape.quarters + page.turn) % 4
    left, top = page.x, page.y
    right, bottom = page.x + page.width, page.y + page.height
    seen = [(left, top), (right, top), (right, bottom), (left, bottom)]
    for at, (x, y) in enumerate(points):
        expected = seen[(at + quarters) % 4]
        found = laid(page, x, y)
        assert found == pytest.approx(expected, abs=0.05)


@given(shapes, resolutions, fits, turns)
def test_spots_lie_on_the_page(shape: PageShape, resolution: Resolution, fit: Fit, turn: int) -> None:
    page = place(shape, resolution, fit, turn)
    x, y, width, height = page.spot((0.0, 0.0, 1.0, 1.0))
    assert x == pytest.approx(page.x * 72 / resolution.across, abs=0.01)
    assert width == pytest.approx(page.width * 72 / resolution.across, abs=0.01)
    assert height == pytest.approx(page.height * 72 / resolution.down, abs=0.01)
    assert y == pytest.approx((page.length - page.y - page.height) * 72 / resolution.down, abs=0.01)
    # The top left quarter as a viewer shows it goes round clockwise; PDF counts from below.
    quarter = page.spot((0.0, 0.0, 0.5, 0.5))
    right, up = [(0, 1), (1, 1), (1, 0), (0, 0)][page.turn]
    assert quarter[:2] == pytest.approx((x + right * width / 2, y + up * height / 2), abs=0.01)
    assert page.drawn.spot((0.0, 0.0, 1.0, 1.0)) == pytest.approx((0, 0, *page.paper), abs=0.01)


@given(boxes, boxes)
def test_boxes_meet_or_not(one: Box, other: Box) -> None:
    met = one.within(other)
    assert met == other.within(one)
    if met is None:
        assert (
            one.right <= other.left
            or other.right <= one.left
            or one.top <= other.bottom
            or other.top <= one.bottom
        )
    else:
        assert met.within(one) == met.within(other) == met
        assert met.width > 0
        assert met.height > 0


@given(st.sets(st.integers(1, 60), min_size=1))
def test_page_numbers_in_words_can_be_read_back(numbers: set[int]) -> None:
    words = numbers_in_words([*numbers, *numbers])
    assert words.startswith("page " if len(numbers) == 1 else "pages ")
    found: set[int] = set()
    for first, last in re.findall(r"(\d+)(?: to (\d+))?", words):
        found |= set(range(int(first), int(last or first) + 1))
    assert found == numbers


def test_page_numbers_as_people_write_them() -> None:
    assert numbers_in_words([3]) == "page 3"
    assert numbers_in_words([9, 1, 2, 5, 6, 7, 8]) == "pages 1, 2 and 5 to 9"
    assert numbers_in_words([1, 3]) == "pages 1 and 3"
    assert numbers_in_words([4, 5, 6]) == "pages 4 to 6"


@given(st.integers(0, 1 << 24), st.sampled_from([2400, 4800, 7200, 9600, 12_000, 14_400, 33_600]))
def test_line_time_grows_with_bytes_and_shrinks_with_rate(size: int, rate: int) -> None:
    assert line_seconds(size, rate) == pytest.approx(size * 8 / rate + HANDSHAKE)
    assert line_seconds(size, rate) >= line_seconds(size, rate * 2)


@given(st.dictionaries(st.integers(1, 30), st.floats(0, 3000)), st.floats(0.1, 30))
def test_slow_pages_are_noted_once_with_a_remedy(seconds: dict[int, float], minutes: float) -> None:
    slow = [number for number, time in seconds.items() if time > minutes * 60]
    notes = slow_page_notes(seconds, minutes)
    assert len(notes) == bool(slow)
    if slow:
        assert notes[0].startswith(numbers_in_words(slow).capitalize())
        assert ("take each" in notes[0]) == (len(slow) > 1)
        assert "Standard resolution halves that" in notes[0]


@pytest.mark.parametrize("resolution", Resolution)
def test_the_screen_has_every_grey_and_prints_it(resolution: Resolution) -> None:
    table = thresholds(resolution)
    assert {len(row) for row in table} == {WIDTH}
    assert len(table) % 2 == 0
    values = [value for row in table for value in row]
    assert min(values) >= 1
    assert max(values) <= 255
    # As many black pixels as the grey is dark
    for grey in range(0, 256, 5):
        black = sum(grey < value for value in values) / len(values)
        assert black == pytest.approx(1 - grey / 255, abs=0.02)
    written = re.search(r"<([0-9a-f]+)>", postscript(resolution))
    assert written is not None
    assert list(bytes.fromhex(written[1])) == values


@pytest.mark.parametrize(
    ("data", "picture"),
    [
        (b"P5 2 2 255\n1234", Picture(2, 2, b"1234")),
        (b"P5\n# Image made by a program\n2 2\n255\n1234more", Picture(2, 2, b"1234")),
        (b"P5 2 2 255\n123", None),
        (b"P5 0 2 255\n", None),
        (b"P5 2 2 65535\n12341234", None),
        (b"P6 2 2 255\n123412341234", None),
        (b"", None),
    ],
)
def test_pgm_files(data: bytes, picture: Picture | None) -> None:
    assert read_pgm(data) == picture


WHITE = Picture(408, 528, b"\xff" * (408 * 528))


def pasted(*parts: tuple[Image.Image, tuple[int, int]], paper: int = 255) -> Picture:
    page = Image.new("L", (408, 528), paper)
    for part, where in parts:
        page.paste(part, where)
    return Picture(408, 528, page.tobytes())


def slope(width: int, height: int) -> Image.Image:
    return Image.linear_gradient("L").resize((width, height))


def writing(grey: int, paper: int = 255) -> Image.Image:
    page = Image.new("L", (300, 200), paper)
    for line in range(0, 200, 8):
        for column in range(0, 300, 6):
            page.paste(grey, (column, line, column + 2, line + 5))
    return page


def test_white_paper_and_ink() -> None:
    assert not has_ink(WHITE)
    assert has_ink(pasted((Image.new("L", (1, 1), 0), (5, 5))))
    assert complexity(WHITE) == 0
    assert complexity(pasted((writing(0), (20, 20)))) > 1000


@pytest.mark.parametrize("halftone", ["auto", "text", "photo"])
def test_black_and_white_is_left_as_it_is(halftone: str) -> None:
    page = pasted((writing(0), (20, 20)))
    assert choose_tone(page, halftone) == (PHOTO if halftone == "photo" else LINE_ART)  # type: ignore[arg-type]  # from a table
    assert choose_tone(None, halftone) == (LINE_ART if halftone == "text" else PHOTO)  # type: ignore[arg-type]  # from a table


@pytest.mark.parametrize(("grey", "paper"), [(100, 255), (0, 200), (200, 255), (255, 60), (215, 160)])
def test_grey_writing_is_cut_between_its_greys(grey: int, paper: int) -> None:
    tone = choose_tone(pasted((writing(grey, paper), (54, 160)), paper=paper), "text")
    assert not tone.photo
    assert min(grey, paper) < tone.threshold <= max(grey, paper)


def test_a_photo_is_dithered_altogether() -> None:
    tone = choose_tone(pasted((slope(408, 528), (0, 0))), "auto")
    assert tone.photo
    assert choose_tone(pasted((slope(408, 528), (0, 0))), "photo").photo
    assert not choose_tone(pasted((slope(408, 528), (0, 0))), "text").photo


def test_a_photo_among_grey_writing_is_dithered_in_its_place_only() -> None:
    # A scan: paper with grain, writing in many greys, and a photo below
    page = Image.new("L", (408, 528))
    page.putdata([232 + (x * 7 + y * 13) % 9 for y in range(528) for x in range(408)])
    for line in range(20, 260, 9):
        for column in range(20, 380, 7):
            page.paste(20 + (column * line) % 60, (column, line, column + 2, line + 5))
    page.paste(slope(160, 160), (120, 330))
    tone = choose_tone(Picture(408, 528, page.tobytes()), "auto")
    assert tone.spots or tone.photo
    for left, top, right, bottom in tone.spots:
        assert 0 <= left < right <= 1
        assert 0.5 < top < bottom <= 1


def test_areas_of_a_chart_are_told_apart() -> None:
    tiles = [
        (Image.new("L", (100, 200), grey), (20 + at * 120, 100)) for at, grey in enumerate((80, 120, 160))
    ]
    picture = pasted(*tiles)
    areas = tone_areas(picture, 255)
    assert 0.2 < areas.share < 0.5
    assert areas.blend(128)
    assert len(areas.rest) == len(picture.data)
    assert choose_tone(picture, "auto").photo or choose_tone(picture, "auto").spots


def test_no_areas_in_writing_and_none_of_a_single_tile() -> None:
    assert tone_areas(pasted((writing(100), (20, 20))), 255).share == 0
    assert tone_areas(WHITE, 255).share == 0
    assert tone_areas(pasted((Image.new("L", (11, 11), 120), (24, 24))), 255).share == 0


@given(st.integers(0, 1 << 32), st.sampled_from(["auto", "text", "photo"]))
def test_any_picture_has_a_tone(seed: int, halftone: str) -> None:
    data = random.Random(seed).randbytes(64 * 64)
    tone = choose_tone(Picture(64, 64, data), halftone)  # type: ignore[arg-type]  # from a table
    assert 0 < tone.threshold < 256
    assert tone.white > tone.black


@pytest.mark.parametrize(
    ("tone", "written"),
    [
        (None, "{}"),
        (Tone(threshold=128), "{0.5000 ge {1} {0} ifelse}"),
        (Tone(photo=True, black=0, white=255), "{0.0000 sub 1.0000 mul 0 .max 1 .min}"),
    ],
)
def test_transfer_functions(tone: Tone | None, written: str) -> None:
    assert transfer(tone) == written


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + b"CRC."


PNG = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes(13))
JFIF = b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1"


@pytest.mark.parametrize(
    ("head", "dots"),
    [
        (PNG + chunk(b"pHYs", struct.pack(">IIB", 7874, 7874, 1)), (200, 200)),
        (PNG + chunk(b"pHYs", struct.pack(">IIB", 7874, 3937, 1)), (200, 100)),
        (PNG + chunk(b"pHYs", struct.pack(">IIB", 4, 3, 0)), None),
        (PNG + chunk(b"pHYs", struct.pack(">IIB", 2834, 2834, 1)), None),  # 72
        (PNG + chunk(b"IDAT", bytes(20)) + chunk(b"pHYs", struct.pack(">IIB", 7874, 7874, 1)), None),
        (PNG, None),
        (JFIF + b"\1" + struct.pack(">HH", 300, 300), (300, 300)),
        (JFIF + b"\2" + struct.pack(">HH", 118, 118), (300, 300)),
        (JFIF + b"\0" + struct.pack(">HH", 300, 300), None),
        (JFIF + b"\1" + struct.pack(">HH", 0, 0), None),
        (JFIF + b"\1" + struct.pack(">HH", 300, 65_535), None),
        (JFIF + b"\1", None),
        (b"\xff\xd8\xff\xe1\0\x10Exif\0\0" + bytes(20), None),
        (b"", None),
    ],
)
def test_dots_to_the_inch(tmp_path: Path, head: bytes, dots: tuple[float, float] | None) -> None:
    path = tmp_path / "picture"
    path.write_bytes(head)
    assert density(path) == (None if dots is None else pytest.approx(dots, rel=0.01))


@given(st.binary(max_size=200))
def test_any_bytes_have_a_density_or_none(data: bytes) -> None:
    for head in (data, PNG + data, JFIF + data):
        for found in (png_density(head), jpeg_density(head)):
            assert found is None or len(found) == 2


@pytest.mark.parametrize("dpi", [100, 204, 600])
def test_what_pillow_writes_of_dots(tmp_path: Path, dpi: int) -> None:
    for form in ("PNG", "JPEG"):
        file = io.BytesIO()
        Image.new("L", (8, 8)).save(file, form, dpi=(dpi, dpi))
        path = tmp_path / form
        path.write_bytes(file.getvalue())
        assert density(path) == pytest.approx((dpi, dpi), rel=0.01)


@given(st.integers(1, 30_000), st.integers(1, 30_000))
def test_a_picture_without_a_size_fits_a_sheet_and_is_no_larger_than_on_a_screen(
    width: int, height: int
) -> None:
    shown = shape_of((width, height), Frame(1, None, (width, height))).size
    assert shown[0] <= PAPER_WIDTH + 0.01
    assert shown[1] <= 842
    assert shown[0] <= width * 72 / 96 + 0.01
    assume(shown[1] > 0)
    assert shown[0] / shown[1] == pytest.approx(width / height)
    assert shape_of((width, height), Frame(1, (100, 200), (width, height))).size == pytest.approx(
        (width * 0.72, height * 0.36)
    )


def test_screens_grow_dot_by_dot() -> None:
    values = sorted(value for row in thresholds(Resolution.FINE) for value in row)
    assert all(after - before <= 3 for before, after in pairwise(values))
