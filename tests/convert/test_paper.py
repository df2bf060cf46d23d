"""Page sizes: from the tags where they can be true, else from what is known of fax lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexefax.fax.convert.paper import FAX_WIDTHS, paper
from nexefax.fax.convert.tiff import TiffPage


def page(
    width: int, length: int, across: float | None = None, down: float | None = None, unit: int = 2
) -> TiffPage:
    """A page of which only size and resolution matter."""
    return TiffPage(
        number=1,
        offset=8,
        width=width,
        length=length,
        bits_per_sample=(1,),
        samples=1,
        compression=4,
        photometric=0,
        fill_order=1,
        t4_options=0,
        orientation=1,
        rows_per_strip=length,
        strip_offsets=(8,),
        strip_counts=(8,),
        tiled=False,
        x_resolution=across,
        y_resolution=down,
        unit=unit,
        subfile=0,
        bad_lines=None,
        clean_data=None,
        bad_run=None,
    )


@pytest.mark.parametrize(
    ("across", "down", "unit", "expected"),
    [
        (204, 98, 2, (204, 98)),
        (204, 196, 2, (204, 196)),
        (204, 391, 2, (204, 391)),
        (203.2, 97.8, 2, (203.2, 97.8)),
        (200, 100, 2, (200, 100)),
        (200, 200, 2, (200, 200)),
        (80.32, 77.17, 3, (204.01, 196.01)),
        (78.74, 78.74, 3, (200, 200)),
    ],
)
def test_what_the_tags_say_is_believed_where_it_can_be(
    across: float, down: float, unit: int, expected: tuple[float, float]
) -> None:
    found = paper(page(1728, 2200, across, down, unit))
    assert (found.across, found.down) == pytest.approx(expected, abs=0.01)
    assert found.as_tagged


@pytest.mark.parametrize(
    ("across", "down", "unit", "length", "expected"),
    [
        (196, 204, 2, 2376, (204, 196)),  # swapped
        (98, 204, 2, 1100, (204, 98)),
        (391, 204, 2, 4600, (204, 391)),
        (80.32, 38.5, 2, 1100, (204, 97.8)),  # per centimetre, said to be per inch
        (518, 498, 3, 2300, (204, 196)),  # per inch and 2.54 times too many
        (204, 98, 1, 1100, (204, 98)),  # no unit
        (None, None, 2, 1100, (204, 98)),
        (None, None, 2, 2300, (204, 196)),
        (None, None, 2, 4600, (204, 391)),
        (None, None, 2, 300, (204, 196)),
        (None, None, 2, 23_150, (204, 196)),  # three metres
        (None, 98, 2, 300, (204, 98)),
        (72, 72, 2, 2376, (204, 196)),
        (300, 300, 2, 1078, (204, 98)),
        (72, 36, 2, 2376, (204, 98)),
        (96, 192, 2, 2376, (204, 391)),
        (1, 1, 2, 2376, (204, 196)),
    ],
)
def test_a_line_of_1728_pixels_is_215_mm(
    across: float | None, down: float | None, unit: int, length: int, expected: tuple[float, float]
) -> None:
    found = paper(page(1728, length, across, down, unit))
    assert (found.across, found.down) == pytest.approx(expected, abs=0.5)
    assert not found.as_tagged


@pytest.mark.parametrize(("width", "across", "down"), [(2592, 300, 300), (3456, 408, 408), (2432, 204, 196)])
def test_other_widths_of_fax_lines(width: int, across: int, down: int) -> None:
    found = paper(page(width, 3000))
    assert (found.across, found.down) == (across, down)
    assert paper(page(3456, 4600, 408, 391)).as_tagged


@pytest.mark.parametrize(
    ("width", "length", "across", "down", "expected"),
    [
        (2548, 3296, 200, 200, (200, 200)),
        (3307, 4677, 400, 400, (400, 400)),
        (128, 128, 96, 96, (96, 96)),
        (4123, 5556, 72, 72, (500, 500)),  # said to be 57 inches wide
        (2550, 3300, None, None, (300, 300)),
        (10, 10, None, None, (72, 72)),
        (100_000, 10, None, None, (11494, 11494)),
        (1000, 10, 500, 20, (120, 120)),  # pixels 25 times as high as wide
        (1000, 10, 60_000, 60_000, (120, 120)),
        (20, 10, 2, 2, (72, 72)),
    ],
)
def test_other_pictures(
    width: int, length: int, across: float | None, down: float | None, expected: tuple[float, float]
) -> None:
    found = paper(page(width, length, across, down))
    assert (found.across, found.down) == pytest.approx(expected, abs=1)
    assert found.as_tagged is (across == expected[0])


def test_resolutions_in_words() -> None:
    assert paper(page(1728, 1100, 204, 98)).words == "standard (204x98)"
    assert paper(page(1728, 1100, 203, 195)).words == "fine (204x196)"
    assert paper(page(1728, 1100, 200, 200)).words == "200x200 dpi"


POSITIVE = st.one_of(st.none(), st.floats(min_value=1e-30, max_value=1e30))


@given(
    st.one_of(st.integers(1, 100_000), st.sampled_from(sorted(FAX_WIDTHS))),
    st.integers(0, 10**6),
    POSITIVE,
    POSITIVE,
    st.integers(0, 5),
)
def test_pages_are_never_absurd(
    width: int, length: int, across: float | None, down: float | None, unit: int
) -> None:
    found = paper(page(width, length, across, down, unit))
    inches = width / found.across
    assert 0.01 < inches < 18
    assert 0.19 < found.down / found.across < 5.1
    if width in FAX_WIDTHS:
        assert 7 < inches < 14
        assert 0.4 < found.down / found.across < 2.3
