"""The PostScript that drives Ghostscript: procedures for the pages of a PDF, and how values are written. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from nexefax.fax.convert.tone import Tone

PROLOGUE: Final = """
/Complaints (%stderr) (w) file def
/Say { Log exch writestring Log flushfile } bind def
/Announce { dup Say dup print flush Complaints exch writestring Complaints flushfile } bind def
/Number { 20 string cvs } bind def
/Drawn { currentpagedevice /PageCount get } bind def
"""

PDF_PROLOGUE: Final = """
/Page { % number paper matrix box transfer unit
  /Unit exch def /Transfer exch def /Visible exch def /Matrix exch def /Paper exch def /At exch def
  (\\n@page ) Announce At Number Announce (\\n) Announce
  At pdfgetpage
  dup null eq { pop } {
    dup /UserUnit known { dup /UserUnit get } { 1 } ifelse
    dup Unit sub abs 0.001 gt {
      (@unit ) Say Number Say (\\n) Say pop
    } {
      pop
      pdfshowpage_init
      pdfshowpage_setpage
      << /PageSize Paper >> setpagedevice
      Matrix concat
      Visible aload pop rectclip
      /Transfer load settransfer
      Screen
      Drawn exch pdfshowpage_finish
      Drawn ne { (@file ) Say Drawn Number Say (\\n) Say } if
    } ifelse
  } ifelse
} bind def
"""

SHAPES: Final = """
/Numbers { { ( ) Say Number Say } forall } bind def
1 1 pdfpagecount %d .min {
  pdfgetpage dup null ne {
    (@shape) Say
    dup /MediaBox known { dup /MediaBox get } { [0 0 612 792] } ifelse Numbers
    dup /CropBox known { dup /CropBox get } { [] } ifelse (;) Say Numbers
    dup /Rotate known { dup /Rotate get } { 0 } ifelse (; ) Say Number Say
    dup /UserUnit known { dup /UserUnit get } { 1 } ifelse (; ) Say Number Say
    (\\n) Say
  } if pop
} for
"""


def numbers(values: Sequence[float]) -> str:
    return " ".join(f"{value:.9f}" for value in values)


def string(path: Path) -> str:
    """A PostScript string; hexadecimal, so that no character of a path means anything."""
    return f"<{str(path).encode().hex()}>"


def transfer(tone: Tone | None) -> str:
    """PostScript's transfer function (PLRM 7.3): grey 0 is black. Without a tone greys stay as they are."""
    if tone is None:
        return "{}"
    if tone.photo:
        span = max(1, tone.white - tone.black)
        return f"{{{tone.black / 255:.4f} sub {255 / span:.4f} mul 0 .max 1 .min}}"
    return f"{{{(tone.threshold - 0.5) / 255:.4f} ge {{1}} {{0}} ifelse}}"
