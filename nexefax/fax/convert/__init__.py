"""Documents to fax TIFF, fax TIFF to PDF, pages to PNG."""

from nexefax.fax.convert.page_image import page_png
from nexefax.fax.convert.pdf_file import PdfInfo
from nexefax.fax.convert.received import Received, to_pdf
from nexefax.fax.convert.render import RenderedPage, Rendering, render
from nexefax.fax.convert.slots import Slots
from nexefax.fax.convert.tiff import Resolution, count_pages
from nexefax.fax.convert.work import PageChoice, RenderSettings

__all__ = [
    "PageChoice",
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
