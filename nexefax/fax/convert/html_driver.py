"""What the caged child runs to make a PDF of HTML: WeasyPrint of the system's own Python, never of ours.

It fetches nothing, whatever the HTML asks for: only pictures and fonts that stand in it (``data:``) are shown.
"""

import sys
from pathlib import Path
from typing import Any

from weasyprint import HTML, default_url_fetcher  # type: ignore[import-not-found]  # the distribution's


def fetch(url: str, *_: object, **__: object) -> Any:
    """What stands in the HTML itself; raises ValueError for all that would have to be got from elsewhere."""
    if url.startswith("data:"):
        return default_url_fetcher(url)
    raise ValueError("only data: addresses are shown")


source = Path(sys.argv[1]).read_text(encoding="utf-8")
# Names without a host are of a place that can't be, so that they are refused as all others are.
HTML(string=source, base_url="http://nowhere.invalid/", url_fetcher=fetch).write_pdf(sys.argv[2])
