"""The web page and its JSON API: what people and scripts see over HTTP."""

from nexefax.web.api import Outgoing, http_limits
from nexefax.web.site import Site, build_web

__all__ = ["Outgoing", "Site", "build_web", "http_limits"]
