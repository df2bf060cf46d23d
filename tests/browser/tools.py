"""Where the npm packages are that the checks of the pages use; control/test installs them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

_LOCK = Path(__file__).parent / "package-lock.json"


def node_module(path: str) -> Path:
    """A file of an npm package, such as ``axe-core/axe.min.js``."""
    contents = hashlib.sha256(_LOCK.read_bytes()).hexdigest()[:12]
    cache = Path(os.environ.get("NEXEFAX_CACHE") or "/var/cache/nexefax")
    return cache / f"node-{contents}" / "node_modules" / path
