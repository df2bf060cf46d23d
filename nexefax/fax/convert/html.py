"""HTML and CSS to PDF, by WeasyPrint: Pango lays the text out, in any script; caged, and without anything to fetch."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from nexefax.errors import ChildFailed, ChildMissing
from nexefax.process import Limits, find_program, run, scratch_directory

HTML_SECONDS: Final = 60.0  # a page takes one; the rest is for a busy machine
_MEMORY: Final = 2 << 30  # of address space; a page takes 100 MB
_FILE: Final = 64 << 20
_DRIVER: Final = Path(__file__).with_name("html_driver.py")
_PYTHON: Final = "/usr/bin/python3"  # for which the distribution's WeasyPrint is made


def html_possible() -> bool:
    """Whether WeasyPrint is installed; blocking."""
    try:
        find_program("weasyprint")
    except ChildMissing:
        return False
    return True


async def html_to_pdf(html: str, pdf: Path, *, room: Path) -> str:
    """Write a PDF of HTML at ``pdf``, which is in ``room``: a directory of ours alone.

    Returns the characters for which this machine has no font, and which are therefore missing in it.

    Raises ChildMissing without WeasyPrint, ChildTimeout, and ChildFailed when it made nothing of it.
    """
    await asyncio.to_thread(find_program, "weasyprint")  # started below by its Python; this names the package
    source = room / "page.html"
    await asyncio.to_thread(source.write_text, html, "utf-8")
    async with scratch_directory(room) as scratch:
        made = scratch / "page.pdf"
        finished = await run(
            [_PYTHON, "-I", str(_DRIVER), str(source), str(made)],
            scratch=scratch,
            readable=[source, _DRIVER],
            limits=Limits(
                seconds=HTML_SECONDS, cpu_seconds=int(HTML_SECONDS), memory=_MEMORY, file_size=_FILE
            ),
        )
        if finished.returncode != 0 or not await asyncio.to_thread(made.is_file):
            said = finished.stderr.decode("utf-8", "replace").strip()[-500:]
            raise ChildFailed(f"WeasyPrint made no PDF (status {finished.returncode}): {said}")
        await asyncio.to_thread(made.rename, pdf)
        return finished.stdout.decode("utf-8", "ignore")
