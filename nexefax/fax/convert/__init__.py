"""Documents to fax TIFF, fax TIFF to PDF, pages to PNG."""

from nexefax.fax.convert.page_image import page_png
from nexefax.fax.convert.render import RenderedPage, Rendering, RenderSettings, render
from nexefax.fax.convert.slots import Slots
from nexefax.fax.convert.tiff import Resolution

__all__ = ["RenderSettings", "RenderedPage", "Rendering", "Resolution", "Slots", "page_png", "render"]
