"""What the caged child runs to make a PDF of HTML: WeasyPrint of the system's own Python, never of ours.

It fetches nothing, whatever the HTML asks for: only pictures and fonts that stand in it (``data:``) are shown. The
characters for which this machine has no font are printed: WeasyPrint leaves them out without a word.
"""

import ctypes
import sys
from pathlib import Path
from typing import Any

from weasyprint import HTML, default_url_fetcher  # type: ignore[import-not-found]  # the distribution's


def fetch(url: str, *_: object, **__: object) -> Any:
    """What stands in the HTML itself; raises ValueError for all that would have to be got from elsewhere."""
    if url.startswith("data:"):
        return default_url_fetcher(url)
    raise ValueError("only data: addresses are shown")


def without_font(text: str) -> str:
    """The characters of ``text`` that Pango finds in no font; ASCII is in every one."""
    pango = ctypes.CDLL("libpango-1.0.so.0")
    fonts = ctypes.CDLL("libpangoft2-1.0.so.0").pango_ft2_font_map_new
    for function in (fonts, pango.pango_font_map_create_context, pango.pango_layout_new):
        function.restype = ctypes.c_void_p
    context = pango.pango_font_map_create_context(ctypes.c_void_p(fonts()))
    layout = ctypes.c_void_p(pango.pango_layout_new(ctypes.c_void_p(context)))

    def unknown(words: str) -> bool:
        written = words.encode()
        pango.pango_layout_set_text(layout, written, len(written))
        return bool(pango.pango_layout_get_unknown_glyphs_count(layout))

    letters = sorted(letter for letter in set(text) if letter > "\x7f")
    if not letters or not unknown(" ".join(letters)):
        return ""
    return "".join(letter for letter in letters if unknown(letter))


source = Path(sys.argv[1]).read_text(encoding="utf-8")
# Names without a host are of a place that can't be, so that they are refused as all others are.
HTML(string=source, base_url="http://nowhere.invalid/", url_fetcher=fetch).write_pdf(sys.argv[2])
sys.stdout.buffer.write(without_font(source).encode())
