"""The resources of the API, a module each; :class:`nexefax.web.site.Site` gives them their addresses."""
