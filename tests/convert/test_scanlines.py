"""The decoder of T.4 and T.6, held against libtiff where data is sound, and against what was sent where it is not."""

from __future__ import annotations

import io
import random
import tempfile
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nexefax.fax.convert.coding import FLIPPED, Coding
from nexefax.fax.convert.huffman import BLACK_CODES, MODES, RUNS, WHITE_CODES
from nexefax.fax.convert.reading import read_as, read_strips
from nexefax.fax.convert.scanline import Bits, patched, raster
from nexefax.fax.convert.tiff import survey
from tests.convert.fax_pages import (
    EOL,
    T6_END,
    drawing,
    huffman,
    lines_of,
    one_dimensional,
    packed,
    t4,
    t4_bits,
    t6,
    t6_bits,
)

PAGE = drawing(640, 120)
LINES = lines_of(PAGE)
ENCODED = {
    Coding.T4: t4(PAGE),
    Coding.T4_2D: t4(PAGE, every=4),
    Coding.T6: t6(PAGE),
    Coding.BYTES: huffman(PAGE),
    Coding.WORDS: huffman(PAGE, apart=16),
}


def opened(line: list[int]) -> list[int]:
    """A decoded line as the encoders take it."""
    return line[:-4]


def closed(line: list[int], width: int = 640) -> list[int]:
    return [*line, *[width] * 4]


@st.composite
def pages(draw: st.DrawFn) -> tuple[int, list[list[int]]]:
    """A width and some scan lines; lines below each other are often alike, as on paper."""
    width = draw(st.one_of(st.integers(1, 70), st.sampled_from([1728, 2432, 5300])))
    lines: list[list[int]] = []
    for alike in draw(st.lists(st.booleans(), min_size=1, max_size=6)):
        if lines and alike:
            moves = draw(st.lists(st.integers(-4, 4), min_size=len(lines[-1]), max_size=len(lines[-1])))
            moved = {min(max(x + by, 0), width - 1) for x, by in zip(lines[-1], moves, strict=True)}
            lines.append(sorted(moved))
        else:
            lines.append(sorted(draw(st.sets(st.integers(0, width - 1), max_size=12))))
    return width, lines


def test_no_code_begins_another() -> None:
    for codes in (WHITE_CODES, BLACK_CODES):
        assert len(codes) == 104
        for first, second in pairwise(sorted(codes)):
            assert not second.startswith(first)
        assert sorted(codes.values()) == [*range(64), *range(64, 2561, 64)]
    assert not any(bits for _, bits in MODES[:1])
    assert all(bits == 0 for _, bits in RUNS[0][:8])  # eight zeros and more begin no run


@pytest.mark.parametrize("coding", Coding)
@given(page=pages())
def test_what_is_written_is_read(coding: Coding, page: tuple[int, list[list[int]]]) -> None:
    width, lines = page
    if coding is Coding.T6:
        data = packed("".join(t6_bits(lines, width)) + T6_END)
    elif coding in (Coding.T4, Coding.T4_2D):
        every = 1 if coding is Coding.T4 else 2
        tag = "" if every == 1 else "1"
        data = packed("".join(EOL + bits for bits in t4_bits(lines, width, every=every)) + (EOL + tag) * 6)
    else:
        apart = 8 if coding is Coding.BYTES else 16
        text = ""
        for line in lines:
            text += one_dimensional(line, width)
            text += "0" * (-len(text) % apart)
        data = packed(text)
    found = read_as(coding, data, width, len(lines))
    assert [opened(line) for line in found.lines] == lines
    assert not found.damaged
    assert found.complete


@pytest.mark.parametrize("compression", ["group3", "group4", "tiff_ccitt"])
@given(width=st.integers(1, 300), length=st.integers(1, 40), seed=st.integers(0, 1000))
@settings(deadline=None, max_examples=40)
def test_libtiff_and_we_agree(compression: str, width: int, length: int, seed: int) -> None:
    chance = random.Random(seed)
    image = Image.frombytes("1", (width, length), chance.randbytes(-(-width // 8) * length))
    if seed % 2:
        image = drawing(width, length, seed=seed)
    file = io.BytesIO()
    image.save(file, "TIFF", compression=compression)
    raw = file.getvalue()
    # Not a name by `random`: Hypothesis seeds it alike in every process, and two of them run side by side.
    with tempfile.NamedTemporaryFile(dir="/dev/shm", suffix=".tif") as written:
        written.write(raw)
        written.flush()
        (page,) = survey(Path(written.name)).pages
    rows = page.rows_per_strip or length
    strips = [
        (raw[offset : offset + count], min(rows, length - rows * index))
        for index, (offset, count) in enumerate(zip(page.strip_offsets, page.strip_counts, strict=True))
    ]
    coding = {2: Coding.BYTES, 3: Coding.T4, 4: Coding.T6}[page.compression]
    if page.t4_options & 1:
        coding = Coding.T4_2D
    found, relabelled = read_strips(strips, width, coding=coding, flipped=page.fill_order == 2)
    drawn = image if page.photometric == 0 else image.point(lambda value: 255 - value)
    assert [opened(line) for line in found.lines] == lines_of(drawn)
    assert not relabelled


@pytest.mark.parametrize("coding", [Coding.T4, Coding.T4_2D])
def test_the_end_of_data_ends_a_page(coding: Coding) -> None:
    for extra in (b"", b"\0", b"\0" * 40):
        found = read_as(coding, ENCODED[coding] + extra, 640, 500)
        assert len(found.lines) == 120
        assert found.complete
        assert not found.damaged


def test_t4_without_any_eol_and_with_fill() -> None:
    plain = packed("".join(t4_bits(LINES, 640)))
    assert [opened(line) for line in read_as(Coding.T4, plain, 640, 120).lines] == LINES
    filled = packed(
        "".join("0" * (number % 30) + EOL + bits for number, bits in enumerate(t4_bits(LINES, 640)))
    )
    assert [opened(line) for line in read_as(Coding.T4, filled, 640, 120).lines] == LINES


def test_one_damaged_line_of_t4_costs_one_line() -> None:
    coded = t4_bits(LINES, 640)
    coded[50] = coded[50][:20] + "00000000" + coded[50][30:]
    found = read_as(Coding.T4, packed("".join(EOL + bits for bits in coded)), 640, 120)
    assert found.damaged == {50}
    assert found.lines[50] == closed(LINES[49])  # shown as the line before
    assert [opened(line) for number, line in enumerate(found.lines) if number != 50] == [
        line for number, line in enumerate(LINES) if number != 50
    ]
    assert found.complete


def test_two_dimensional_lines_below_a_damaged_one_are_not_trusted() -> None:
    coded = t4_bits(LINES, 640, every=4)
    coded[41] = coded[41][:6] + "0000000"
    found = read_as(Coding.T4_2D, packed("".join(EOL + bits for bits in coded)), 640, 120)
    assert found.damaged == {41, 42, 43}
    assert found.lines[41] == found.lines[42] == found.lines[43] == closed(LINES[40])
    assert [opened(line) for line in found.lines[44:]] == LINES[44:]


def test_many_damaged_lines_in_a_row_show_what_was_decoded() -> None:
    coded = t4_bits(LINES, 640, every=1000)
    coded[10] = coded[10][:10] + "0000000"
    found = read_as(Coding.T4_2D, packed("".join(EOL + bits for bits in coded)), 640, 120)
    assert found.damaged == set(range(10, 120))
    assert found.lines[13] == closed(LINES[9])
    assert found.lines[100] != closed(LINES[9])


def test_bytes_lost_in_the_middle_of_t4() -> None:
    data = ENCODED[Coding.T4]
    found = read_as(Coding.T4, data[:900] + data[1300:], 640, 120)
    good = [opened(line) for number, line in enumerate(found.lines) if number not in found.damaged]
    assert len(found.damaged) <= 1
    first = next(number for number in range(120) if good[number] != LINES[number])
    assert 10 < first < 119
    assert good[first:] == LINES[120 - len(good) + first :]


def test_a_page_cut_off() -> None:
    for coding in Coding:
        found = read_as(coding, ENCODED[coding][: len(ENCODED[coding]) // 2], 640, 120)
        good = [opened(line) for number, line in enumerate(found.lines) if number not in found.damaged]
        assert 20 < len(good) < 119
        assert good == LINES[: len(good)]
        if coding is Coding.T6:
            assert not found.complete


def test_t6_shorter_than_it_should_be_is_whole() -> None:
    found = read_as(Coding.T6, ENCODED[Coding.T6], 640, 240)
    assert len(found.lines) == 120
    assert found.complete
    assert not found.damaged


@pytest.mark.parametrize("seed", range(6))
def test_t6_is_taken_up_again_after_damage(seed: int) -> None:
    page = drawing(1728, 300)
    lines = lines_of(page)
    data = bytearray(t6(page))
    chance = random.Random(seed)
    data[chance.randrange(500, len(data) * 3 // 4)] ^= 1 << chance.randrange(8)
    found = read_as(Coding.T6, bytes(data), 1728, 300)
    assert not found.complete
    assert len(found.damaged) == 1
    assert agreeing([opened(line) for line in found.lines], lines) > 300 - 2 * 24  # two rows of text at most
    assert opened(found.lines[-1]) == lines[-1]  # to the end of the page


def agreeing(found: list[list[int]], lines: list[list[int]]) -> int:
    """How many lines are right above the damage and, from the end, below it."""
    above = next(number for number, pair in enumerate(zip(found, lines, strict=False)) if pair[0] != pair[1])
    backwards = zip(reversed(found), reversed(lines), strict=False)
    return above + next(number for number, pair in enumerate(backwards) if pair[0] != pair[1])


def test_t6_with_a_block_of_zeros() -> None:
    page = drawing(1728, 300)
    data = bytearray(t6(page))
    data[2000:2100] = bytes(100)
    found = read_as(Coding.T6, bytes(data), 1728, 300)
    assert [opened(line) for line in found.lines[-40:]] == lines_of(page)[-40:]
    assert not found.complete
    nothing = read_as(Coding.T6, bytes(data[:2000]) + bytes(3000), 1728, 300)
    assert not nothing.complete
    assert 0 < nothing.good < 300


def test_t6_taken_up_below_a_guessed_line_is_not_trusted() -> None:
    """The lines are alike, so they can be read on at once, but nobody knows what stood in the damaged one."""
    lines = [[100, 200, 300, 400]] * 60
    coded = t6_bits(lines, 640)
    coded[20] = "11" + "0000001111"  # an extension, which T.6 does not have
    found = read_as(Coding.T6, packed("".join(coded) + T6_END), 640, 60)
    assert found.damaged == set(range(20, len(found.lines)))
    assert [opened(line) for line in found.lines[-5:]] == lines[-5:]


def test_t6_that_never_holds_again() -> None:
    page = drawing(640, 60)
    noise = random.Random(5).randbytes(3000)
    found = read_as(Coding.T6, t6(page)[:400] + noise, 640, 600)
    assert not found.complete
    assert 5 < found.good < 60


def test_t6_of_ones_only_is_white() -> None:
    found = read_as(Coding.T6, b"\xff" * 100, 64, 800)
    assert found.lines == [[64] * 4] * 800
    assert found.complete
    longer = read_as(Coding.T6, b"\xff" * 100, 64, 900)
    assert len(longer.lines) == 800
    assert not longer.complete
    lost = b"\x00\x07" + b"\xff" * 300
    assert len(read_as(Coding.T6, lost, 64, 900).lines) > 700


def test_damage_without_eol() -> None:
    for coding in (Coding.BYTES, Coding.WORDS):
        data = bytearray(ENCODED[coding])
        data[500:503] = b"\0\0\0"
        found = read_as(coding, bytes(data), 640, 120)
        assert found.damaged
        assert not found.complete
        assert [opened(line) for line in found.lines[-30:]] == LINES[-30:]
        assert len(found.damaged) == 1
        assert found.good > 110


def test_noise_gives_up_in_time() -> None:
    noise = random.Random(3).randbytes(200_000)
    for coding in Coding:
        found = read_as(coding, noise, 1728, 2376)
        assert len(found.lines) <= 2376
        assert not found.complete or coding in (Coding.T4, Coding.T4_2D)


def test_no_data_no_lines() -> None:
    for coding in Coding:
        found = read_as(coding, b"", 640, 10)
        assert found.lines == []
        assert found.complete is (coding is not Coding.T6)


@pytest.mark.parametrize("actual", Coding)
@pytest.mark.parametrize("labelled", Coding)
@pytest.mark.parametrize("flipped", [False, True])
def test_tags_may_lie_about_the_coding(actual: Coding, labelled: Coding, flipped: bool) -> None:
    data = ENCODED[actual].translate(FLIPPED)
    found, relabelled = read_strips([(data, 120)], 640, coding=labelled, flipped=flipped)
    assert [opened(line) for line in found.lines] == LINES
    assert not found.damaged
    assert relabelled is (actual is not labelled or not flipped)


def test_a_heavily_damaged_page_keeps_its_coding() -> None:
    data = bytearray(ENCODED[Coding.T4])
    chance = random.Random(2)
    for _ in range(400):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    found, relabelled = read_strips([(bytes(data), 120)], 640, coding=Coding.T4, flipped=False)
    assert not relabelled
    assert len(found.damaged) > 40


def test_strips_stay_at_their_place() -> None:
    parts = [drawing(640, 50, seed=seed) for seed in range(3)]
    strips = [(t6(parts[0]), 50), (b"\0\0", 50), (t6(parts[2]), 50)]
    found, _ = read_strips(strips, 640, coding=Coding.T6, flipped=False)
    assert [opened(line) for line in found.lines[:50]] == lines_of(parts[0])
    assert found.lines[50:100] == [[640] * 4] * 50
    assert [opened(line) for line in found.lines[100:]] == lines_of(parts[2])
    assert found.damaged == set(range(50, 100))
    assert not found.complete


@given(
    st.binary(max_size=600),
    st.sampled_from(Coding),
    st.integers(1, 200),
    st.integers(0, 60),
)
def test_any_bytes_give_lines_that_can_be_drawn(data: bytes, coding: Coding, width: int, limit: int) -> None:
    found = read_as(coding, data, width, limit)
    assert len(found.lines) <= limit
    for line in found.lines:
        assert line[-4:] == [width] * 4
        changes = opened(line)
        assert changes == sorted(set(changes))
        assert all(0 <= change < width for change in changes)
    rows = list(raster(found.lines, width))
    assert all(len(row) == -(-width // 8) for row in rows)
    assert found.damaged <= set(range(len(found.lines)))


@given(st.integers(1, 60), st.data())
def test_a_patched_line_is_its_beginning_and_the_line_above(width: int, data: st.DataObject) -> None:
    above = sorted(data.draw(st.sets(st.integers(0, width - 1))))
    line = sorted(data.draw(st.sets(st.integers(0, width - 1))))
    reached = data.draw(st.integers(0, width - 1))
    mended = patched([change for change in line if change < reached], reached, closed(above, width))

    def bits(changes: list[int]) -> str:
        (row,) = raster([closed(changes, width)], width)
        return f"{int.from_bytes(row, 'big'):0{len(row) * 8}b}"[:width]

    (row,) = raster([mended], width)
    assert mended[-4:] == [width] * 4
    text = f"{int.from_bytes(row, 'big'):0{len(row) * 8}b}"[:width]
    assert text == bits(line)[:reached] + bits(above)[reached:]


def test_rows_of_pixels_are_those_of_the_page() -> None:
    rows = b"".join(raster([closed(line) for line in LINES], 640))
    black = Image.frombytes("1", (640, 120), rows)
    assert black.point(lambda value: 255 - value).tobytes() == PAGE.tobytes()


def test_bits_past_the_end_are_zeros() -> None:
    bits = Bits(b"\x00\x10")
    assert bits.zeros_at(0)
    assert bits.eol_at(0)
    assert bits.after_eol(0) == 12
    assert bits.after_eol(13) == -1
    assert bits.skip_zeros(0) == 11
    assert bits.skip_zeros(12) == 16
    assert Bits(b"").next_eol(0) == -1


def test_runs_of_ones_are_found_one_by_one() -> None:
    bits = Bits(b"\xff\x7f\xef\xff")
    assert list(bits.runs_of_ones(0, 8)) == [0, 9, 20]
    assert list(bits.runs_of_ones(2, 7)) == [9, 20]
    assert list(Bits(b"\xf0").runs_of_ones(0, 4)) == [0]
