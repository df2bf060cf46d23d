"""The web page and its JSON API: what people and scripts see over HTTP."""

from nexefax.web.api import Outgoing, most_body_bytes
from nexefax.web.site import Site, build_web

__all__ = ["Outgoing", "Site", "build_web", "most_body_bytes"]
