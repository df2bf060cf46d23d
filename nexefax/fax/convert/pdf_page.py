"""One page of a PDF of ours as a PNG: of received faxes whose TIFF nobody but our own reader can read."""

from __future__ import annotations

import asyncio
from pathlib import Path

from nexefax.durable import copy_file
from nexefax.errors import ChildFailed, TiffError
from nexefax.fax.convert.attempt import attempt
from nexefax.fax.convert.page_image import PNG_SECONDS
from nexefax.process import Limits, scratch_directory

_FULL_WIDTH = 1728  # pixels, where a page has no pixels of its own


async def pdf_page_png(pdf: Path, page: int, png: Path, *, width: int | None, tmp_dir: Path) -> None:
    """Draw page ``page`` (from 1) of ``pdf`` as a grey PNG of ``width`` pixels; None is as wide as a fax line.

    ``png`` appears whole or not at all. Raises TiffError when there is no such PDF, ChildFailed, ChildMissing, OSError.
    """
    async with scratch_directory(tmp_dir) as room:
        source = room / "fax.pdf"
        try:
            await asyncio.to_thread(copy_file, pdf, source)
        except FileNotFoundError:
            raise TiffError(f"Page {page} of the fax can't be read.") from None
        async with scratch_directory(room) as scratch:
            drawn = scratch / "page.png"
            argv = ["pdftoppm", "-gray", "-png", "-singlefile", "-f", str(page), "-l", str(page)]
            argv += [
                "-scale-to-x",
                str(width or _FULL_WIDTH),
                "-scale-to-y",
                "-1",
                str(source),
                str(drawn.with_suffix("")),
            ]
            limits = Limits(seconds=PNG_SECONDS, cpu_seconds=30, memory=1 << 30, file_size=256 << 20)
            finished = await attempt(argv, scratch=scratch, readable=[source], limits=limits)
            if finished is None or finished.returncode != 0 or not await asyncio.to_thread(drawn.is_file):
                raise ChildFailed(f"no picture could be made of page {page} of {pdf.name}")
            await asyncio.to_thread(copy_file, drawn, png)
