"""NexeFax: a fax server that runs beside an Asterisk PBX."""

__version__ = "0.1.0"
