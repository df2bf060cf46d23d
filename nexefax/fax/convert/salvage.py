"""The caged process that reads damaged fax pages, line by line, and writes what can be read as plain pixels.

`salvage` starts it; `main` is what runs in it: a hostile page can cost it its time and memory, never the
daemon's, and the event loop goes on meanwhile. Both speak JSON, one object a page.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nexefax.fax.convert.coding import Coding

if TYPE_CHECKING:
    from nexefax.fax.convert.fresh_tiff import Strip
    from nexefax.fax.convert.tiff import TiffPage

MAX_WIDTH: Final = 32_768  # pixels: 4 m of fax
MAX_LINES: Final = 200_000  # 26 m of fax, as long as the paper of the largest roll

# The cage lets the process read this package, but not the directory around it, in which Python would look it up;
# and of the package only this module and what it needs is to be imported.
_BOOT: Final = """
import sys, types
for name in ("nexefax", "nexefax.fax", "nexefax.fax.convert"):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [sys.argv[1] + name.removeprefix("nexefax").replace(".", "/")]
from nexefax.fax.convert.salvage import main
main()
"""
_PACKAGE: Final = Path(__file__).resolve().parents[2]
_CODINGS: Final = {2: Coding.BYTES, 4: Coding.T6, 32771: Coding.WORDS}


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What could be read of a page, as rows of bits (1 black) in a file at ``offset``.

    ``lines`` of them were decoded, of which ``damaged`` can't be trusted; what is lacking to the page's length
    after damage are white rows, so that ``length`` rows are in the file. ``complete`` is False when data was left
    that could not be read, ``relabelled`` is True when it was in another coding than its tags say.
    """

    number: int
    offset: int
    length: int
    lines: int
    damaged: int
    complete: bool
    relabelled: bool


def coding_of(page: TiffPage) -> Coding:
    """The coding that the tags of a CCITT page name."""
    plain = Coding.T4_2D if page.t4_options & 1 else Coding.T4
    return _CODINGS.get(page.compression, plain)


def job_for(page: TiffPage, strips: Sequence[Strip], rows: int) -> dict[str, Any] | None:
    """The order to read one page, ``rows`` lines in each strip; None when it is larger than any fax, or tiled."""
    if page.tiled or not 0 < page.width <= MAX_WIDTH or page.length > MAX_LINES:
        return None
    length = page.length or MAX_LINES
    return {
        "number": page.number,
        "width": page.width,
        "length": page.length,
        "coding": coding_of(page).value,
        "flipped": page.fill_order == 2,
        "strips": [
            (strip.offset, strip.size, min(rows, length - rows * index) if page.length else MAX_LINES)
            for index, strip in enumerate(strips)
            if rows * index < length
        ],
    }


def command(tiff: Path, raw: Path) -> list[str]:
    """The command that reads orders on its standard input and fills ``raw``."""
    return [sys.executable, "-I", "-S", "-c", _BOOT, str(_PACKAGE), str(tiff), str(raw)]


def readable() -> list[Path]:
    """What the process reads besides the TIFF: this package and Python's standard library."""
    import sysconfig  # here, since most daemons never salvage

    library = [Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")]
    return [_PACKAGE, *library, Path(sys.prefix, "pyvenv.cfg")]


def main() -> None:
    """Do the orders of the standard input: arguments are the TIFF and the file to write."""
    # Here, since the daemon imports this module for its orders alone, and would keep the tables for ever.
    from nexefax.fax.convert.reading import read_strips
    from nexefax.fax.convert.scanline import raster

    with Path(sys.argv[2]).open("rb") as tiff, Path(sys.argv[3]).open("wb") as raw:
        for order in json.load(sys.stdin):
            strips = []
            for offset, size, lines in order["strips"]:
                tiff.seek(offset)
                strips.append((tiff.read(size), lines))
            width = order["width"]
            reading, relabelled = read_strips(
                strips, width, coding=Coding(order["coding"]), flipped=order["flipped"]
            )
            start = raw.tell()
            raw.writelines(raster(reading.lines, width))
            length = len(reading.lines)
            if order["length"] > length and not (reading.complete and length):
                raw.write(bytes((order["length"] - length) * -(-width // 8)))
                length = order["length"]
            answer = {
                "number": order["number"],
                "offset": start,
                "length": length,
                "lines": len(reading.lines),
                "damaged": len(reading.damaged),
                "complete": reading.complete,
                "relabelled": relabelled,
            }
            sys.stdout.write(json.dumps(answer) + "\n")


def answers(stdout: bytes) -> dict[int, Salvaged]:
    """What the process said, by page; what it did not come to is missing."""
    pages = (
        Salvaged(**json.loads(line)) for line in stdout.splitlines(keepends=True) if line.endswith(b"\n")
    )
    return {page.number: page for page in pages}
