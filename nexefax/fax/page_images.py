"""Pages as pictures, and what was faxed as a PDF: made when somebody wants to see them, and kept for the next time.

They lie below ``data_dir/images/<fax>/``, named after the TIFF that they were made of (its size and time of change),
so that none is shown of another one. They take ``page_cache_mb`` at most: those not looked at for longest make room.
They can be made again at any time, so no backup has them; what makes a fax's pages go takes them along.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import shutil
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from weakref import WeakValueDictionary

from nexefax.config import Config
from nexefax.durable import make_folder, remove_temporaries
from nexefax.errors import ChildFailed, TiffError
from nexefax.fax import convert
from nexefax.fax.convert.pdf_page import pdf_page_png
from nexefax.fax.folders import Folders
from nexefax.fax.free_space import lack_of_space
from nexefax.fax.records import Fax

log = logging.getLogger("nexefax.fax")

#: Pixels across; None are the TIFF's own pixels, one bit each.
SIZES: Final[dict[str, int | None]] = {"thumb": 240, "page": 864, "full": None}

YOUNG_SECONDS: Final = 60.0  # what was just made is being sent
_FILL: Final = 0.9  # of the cap is what is left when room is made, so that it is not made for every picture


@dataclass(frozen=True, slots=True)
class Made:
    """A file of the cache and its entity tag."""

    path: Path
    etag: str


class PageImages:
    """The cache of one ``data_dir``. ``config`` returns the configuration as it is now."""

    def __init__(self, config: Callable[[], Config]) -> None:
        self._config = config
        self._making: WeakValueDictionary[Path, asyncio.Lock] = WeakValueDictionary()
        self._turns = asyncio.Semaphore(os.cpu_count() or 1)
        self._look = asyncio.Lock()
        self._total: int | None = None  # bytes; None until the folder was looked at

    async def page(self, fax: Fax, page: int, size: str) -> Made | None:
        """The picture of a page (from 1) in one of SIZES; None when the fax has no such page (yet).

        Raises TiffError or ChildFailed when it can't be drawn, ChildMissing, OSError.
        """
        tiff = fax_tiff(self._folders, fax)
        stamp = await asyncio.to_thread(_stamp, tiff)
        if stamp is None or not 1 <= page <= await asyncio.to_thread(convert.count_pages, tiff):
            return None
        return await self.made(
            fax, f"{page}-{size}-{stamp}.png", lambda path: self._draw(fax, tiff, page, size, path)
        )

    async def pdf(self, fax: Fax) -> Made | None:
        """What is faxed as a PDF, every pixel of it; None when there is nothing (yet). Raises as :meth:`page`."""
        tiff = self._folders.fax_tiff(fax.id)
        stamp = await asyncio.to_thread(_stamp, tiff)
        if stamp is None:
            return None
        return await self.made(fax, f"fax-{stamp}.pdf", lambda path: self._write_pdf(fax, tiff, path))

    @property
    def _folders(self) -> Folders:
        return Folders(self._config().general.data_dir)

    async def _draw(self, fax: Fax, tiff: Path, page: int, size: str, path: Path) -> None:
        tmp_dir = self._config().general.tmp_dir
        try:
            await convert.page_png(tiff, page, path, width=SIZES[size], tmp_dir=tmp_dir)
        except (TiffError, ChildFailed):
            if fax.direction == "out":
                raise
            # what came damaged was mended when its PDF was made
            pdf = self._folders.received_pdf(fax.id)
            await pdf_page_png(pdf, page, path, width=SIZES[size], tmp_dir=tmp_dir)

    async def _write_pdf(self, fax: Fax, tiff: Path, path: Path) -> None:
        general = self._config().general
        account = self._config().account(fax.account)
        info = convert.PdfInfo(
            title=f"Fax to {fax.number}",
            created=datetime.fromtimestamp(fax.created).astimezone(),
            author=account.tx_name if account else "",
            account=fax.account,
        )
        written = await convert.to_pdf(
            tiff, path, info=info, tmp_dir=general.tmp_dir, timeout=general.convert_timeout
        )
        if written.pdf is None:
            raise TiffError(f"The pages of fax {fax.id} can't be read.")

    async def made(self, fax: Fax, name: str, make: Callable[[Path], Awaitable[None]]) -> Made:
        """The file ``name`` of a fax, made unless it is there; one who asks meanwhile waits for it, or takes over.

        ``make`` must not ask for another one. Raises what it raises, and OSError.
        """
        path = images_folder(self._folders.data_dir, fax.id) / name
        made = Made(path, name.rpartition(".")[0])
        if await asyncio.to_thread(_is_there, path):
            return made
        await self._look_once()
        lock = self._making.get(path) or asyncio.Lock()
        self._making[path] = lock
        async with lock:
            if await asyncio.to_thread(_is_there, path):
                return made
            async with self._turns:
                await asyncio.to_thread(_make_folders, path.parent)
                await make(path)
        self._total = (self._total or 0) + (await asyncio.to_thread(path.stat)).st_size
        await self._make_room()
        return made

    async def _look_once(self) -> None:
        """See what a former run left, before the first picture is made."""
        async with self._look:
            if self._total is None:
                self._total = await asyncio.to_thread(_tidy, self._folders.data_dir / "images")

    async def _make_room(self) -> None:
        general = self._config().general
        is_short = await asyncio.to_thread(lack_of_space, general)  # received faxes need the room more
        cap = 0 if is_short else general.page_cache_mb << 20
        async with self._look:
            if (self._total or 0) > cap:
                folder = self._folders.data_dir / "images"
                self._total = await asyncio.to_thread(_shrink, folder, int(cap * _FILL))


def fax_tiff(folders: Folders, fax: Fax) -> Path:
    """The TIFF of a fax: what was received, or what is dialled."""
    return folders.received_tiff(fax.id) if fax.direction == "in" else folders.fax_tiff(fax.id)


def images_folder(data_dir: Path, fax_id: int) -> Path:
    """Where the pictures of a fax lie."""
    return data_dir / "images" / str(fax_id)


def remove_images(data_dir: Path, fax_id: int) -> None:
    """Remove the pictures of a fax whose pages go. Blocks; raises OSError."""
    with suppress(FileNotFoundError):
        shutil.rmtree(images_folder(data_dir, fax_id))


def _stamp(tiff: Path) -> str | None:
    try:
        facts = tiff.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return f"{facts.st_mtime_ns:x}-{facts.st_size:x}"


def _is_there(path: Path) -> bool:
    """Whether it is made already; it was looked at now, then."""
    try:
        os.utime(path, (time.time(), path.stat().st_mtime))
    except FileNotFoundError:
        return False
    return True


def _make_folders(folder: Path) -> None:
    for made in (folder.parent, folder):
        make_folder(made)


def _files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    with suppress(FileNotFoundError):
        for below in list(folder.iterdir()):
            with suppress(FileNotFoundError, NotADirectoryError):  # somebody else removes, too
                for path in list(below.iterdir()):
                    with suppress(FileNotFoundError):
                        yield path, path.stat()


def _tidy(folder: Path) -> int:
    """Remove what killed runs left half made, and return the bytes of the rest."""
    with suppress(FileNotFoundError):
        for below in list(folder.iterdir()):
            remove_temporaries(below)
    return sum(facts.st_size for _, facts in _files(folder))


def _shrink(folder: Path, wanted: int) -> int:
    """Remove what was not looked at for longest until ``wanted`` bytes are left; return how many there are."""
    files = sorted(_files(folder), key=lambda found: found[1].st_atime)
    total = sum(facts.st_size for _, facts in files)
    young = time.time() - YOUNG_SECONDS
    for path, facts in files:
        if total <= wanted or facts.st_atime > young:
            break
        with suppress(FileNotFoundError):
            path.unlink()
        total -= facts.st_size
        try:
            path.parent.rmdir()
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
                raise
    return total
