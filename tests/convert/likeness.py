"""How like a faxed page is to what a viewer shows: both in grey, reduced to an eighth, ink compared with ink."""

from __future__ import annotations

import io
import subprocess
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageChops, ImageFilter

from nexefax.fax.convert.geometry import Placement

REDUCTION = 8
SECONDS = 60


@dataclass(frozen=True, slots=True)
class Likeness:
    """``ink`` is the share of ink (darkness) of both that lies where the other has it too; ``shape`` correlates."""

    ink: float
    shape: float


def reference(pdf: Path, page: Placement) -> Image.Image | None:
    """The page as pdftocairo shows it, laid on the fax as ours; None when pdftocairo can't, or not in a minute."""
    across, down = page.shown
    argv = ["/usr/bin/pdftocairo", "-cropbox", "-gray", "-png", "-singlefile"]
    argv += ["-scale-to-x", str(across), "-scale-to-y", str(down)]
    argv += ["-f", str(page.number), "-l", str(page.number), str(pdf), "-"]
    try:
        finished = subprocess.run(argv, capture_output=True, timeout=SECONDS, check=False)
        picture = Image.open(io.BytesIO(finished.stdout)).convert("L")
    except (subprocess.TimeoutExpired, OSError):
        return None
    picture = picture.rotate(-90 * page.turn, expand=True)
    whole = Image.new("L", (1728, page.length), 255)
    whole.paste(picture, (page.x, page.y))
    return whole


def faxed(tiff: Path, index: int) -> Image.Image:
    """Page ``index`` (from 0) of a fax TIFF in grey."""
    with Image.open(tiff) as picture:
        picture.seek(index)
        return picture.convert("L")


def compare(ours: Image.Image, theirs: Image.Image) -> Likeness:
    """Compare two pages of the same size."""
    a, b = (_reduced(picture) for picture in (ours, theirs))
    more, less = _sum(ImageChops.lighter(a, b)), _sum(ImageChops.darker(a, b))
    return Likeness(ink=1.0 if more < 1000 else less / more, shape=_correlation(a, b))


def _reduced(picture: Image.Image) -> Image.Image:
    """Ink (white is 0) at an eighth, blurred by a pixel so that a screen's dots are no difference."""
    return ImageChops.invert(picture.reduce(REDUCTION)).filter(ImageFilter.BoxBlur(1))


def _sum(picture: Image.Image) -> int:
    return sum(value * number for value, number in enumerate(picture.histogram()))


def _correlation(a: Image.Image, b: Image.Image) -> float:
    ones, others = a.tobytes(), b.tobytes()
    count = len(ones)
    mean_a, mean_b = sum(ones) / count, sum(others) / count
    both = sum(x * y for x, y in zip(ones, others, strict=True)) / count - mean_a * mean_b
    spread_a = sum(x * x for x in ones) / count - mean_a**2
    spread_b = sum(x * x for x in others) / count - mean_b**2
    if spread_a < 0.5 or spread_b < 0.5:
        return 1.0 if spread_a < 0.5 and spread_b < 0.5 else 0.0
    return float(both / (spread_a * spread_b) ** 0.5)
