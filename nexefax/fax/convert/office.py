"""Office documents to PDF, by LibreOffice when it is installed, caged as everything else."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from pathlib import Path
from typing import Final

from nexefax.errors import ChildFailed, ChildMissing, ChildTimeout, DocumentError
from nexefax.fax.convert.pdf import render_pdf
from nexefax.fax.convert.work import Work
from nexefax.process import Limits, find_program, run, scratch_directory

log = logging.getLogger("nexefax.convert")

OFFICE_SECONDS: Final = 90.0  # LibreOffice starts in 2 to 10 s and converts 100 pages in 10
START_AGAIN: Final = (
    81  # its exit status after making a new profile (desktop/inc/desktop, EXITHELPER_NORMAL_RESTART)
)
_MEMORY: Final = 4 << 30  # of address space: it maps 2 GB before it has read anything
_FILE: Final = 512 << 20

# What LibreOffice reads of its own beside its program directory, where the distribution has it.
_SHARED: Final = ("/etc/libreoffice", "/usr/share/libreoffice", "/var/lib/libreoffice")


def office_program() -> Path | None:
    """LibreOffice's program, None when LibreOffice is not installed; blocking.

    Not ``soffice``: that is a shell script, which would need a shell and a dozen programs in the cage.
    """
    try:
        program = find_program("soffice").resolve().with_name("soffice.bin")
    except ChildMissing:
        return None
    return program if program.is_file() else None


async def render_office(work: Work) -> list[str]:
    """Make a PDF of an office document, and fax pages of that; returns notes for the sender.

    Raises DocumentError when LibreOffice is not installed, or can't read the document.
    """
    program = await asyncio.to_thread(office_program)
    if program is None:
        raise DocumentError(
            "Office documents can't be faxed here, as LibreOffice is not installed. Save the document as a PDF."
        )
    pdf = work.room / "office.pdf"
    async with work.turns.turn(), scratch_directory(work.room) as scratch:
        await _convert(program, work.source, pdf, scratch)
    return await render_pdf(replace(work, source=pdf))


async def _convert(program: Path, source: Path, pdf: Path, scratch: Path) -> None:
    argv = [str(program), "--headless", "--norestore", "--nolockcheck", "--nodefault"]
    argv += [
        "--convert-to",
        "pdf",
        "--outdir",
        str(scratch),
        f"-env:UserInstallation={(scratch / 'profile').as_uri()}",
    ]
    limits = Limits(
        seconds=OFFICE_SECONDS,
        cpu_seconds=int(OFFICE_SECONDS),
        memory=_MEMORY,
        file_size=_FILE,
        open_files=256,
    )
    suite = program.parent.parent
    try:
        for _ in range(2):
            finished = await run(
                [*argv, str(source)],
                scratch=scratch,
                readable=[source, suite, *(Path(path) for path in _SHARED)],
                programs=[suite],
                may_fork=True,
                unix_sockets=True,
                limits=limits,
            )
            if finished.returncode != START_AGAIN:
                break
        await asyncio.to_thread((scratch / f"{source.stem}.pdf").rename, pdf)
    except (ChildTimeout, ChildFailed, FileNotFoundError) as error:
        log.warning("LibreOffice made no PDF: %s", error)
        raise DocumentError(
            "The office document can't be read. Open it, and print or save it as a PDF."
        ) from None
