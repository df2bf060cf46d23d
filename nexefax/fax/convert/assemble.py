"""Chosen pages of fax TIFFs joined into one fax: what was shown of each is what is sent, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nexefax.durable import build_file
from nexefax.errors import ChildFailed
from nexefax.fax.convert.faxtiff import Strip, strips_of, write_fax


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page of a fax TIFF."""

    tiff: Path
    page: int  # from 1, by its place in the file


def assemble(destination: Path, sheets: Sequence[Sheet]) -> None:
    """Write a fax TIFF of these pages: checked, fsynced and renamed into place; blocking.

    Any page may be taken several times. Raises ChildFailed, in words for the log, when there are none, when one is
    not there or is no fax page of ours, or when what was written reads differently; OSError when a disk fails.
    """
    if not sheets:
        raise ChildFailed("a fax needs at least one page")
    found = {tiff: strips_of(tiff) for tiff in {sheet.tiff for sheet in sheets}}
    place_fax(destination, [_strip(found[sheet.tiff], sheet) for sheet in sheets])


def place_fax(destination: Path, strips: Sequence[Strip]) -> None:
    """Write a fax, read it again as SendFAX will, and put it into its place durably; blocking."""
    build_file(destination, lambda path: _write(path, strips))


def _write(path: Path, strips: Sequence[Strip]) -> None:
    write_fax(path, strips)
    written = strips_of(path, lengths=[strip.length for strip in strips])
    if [strip.size for strip in written] != [strip.size for strip in strips]:
        raise ChildFailed("the fax TIFF does not hold what was drawn")


def _strip(strips: Sequence[Strip], sheet: Sheet) -> Strip:
    if not 1 <= sheet.page <= len(strips):
        raise ChildFailed(f"{sheet.tiff.name} has {len(strips)} pages and no page {sheet.page}")
    return strips[sheet.page - 1]
