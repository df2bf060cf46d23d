"""Documents to fax TIFF, fax TIFF to PDF, pages to PNG.

What the daemon calls can be had from here, and is imported when it is first used: the converters are not needed
while no fax is on its way, and the caged processes of this package start without them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nexefax.fax.convert.page_image import page_png
    from nexefax.fax.convert.pdf_file import PdfInfo
    from nexefax.fax.convert.received import Received, to_pdf
    from nexefax.fax.convert.render import RenderedPage, Rendering, RenderSettings, render
    from nexefax.fax.convert.slots import Slots
    from nexefax.fax.convert.tiff import Resolution, count_pages

__all__ = [
    "PdfInfo",
    "Received",
    "RenderSettings",
    "RenderedPage",
    "Rendering",
    "Resolution",
    "Slots",
    "count_pages",
    "page_png",
    "render",
    "to_pdf",
]

_MODULES = {
    "PdfInfo": "pdf_file",
    "Received": "received",
    "RenderSettings": "render",
    "RenderedPage": "render",
    "Rendering": "render",
    "Resolution": "tiff",
    "Slots": "slots",
    "count_pages": "tiff",
    "page_png": "page_image",
    "render": "render",
    "to_pdf": "received",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
