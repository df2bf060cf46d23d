"""axe-core in the page: what it finds wrong for people who use a keyboard, a screen reader or little contrast."""

from __future__ import annotations

import functools

from playwright.async_api import Page

from tests.browser.tools import node_module

# WCAG 2.2 AA and axe's own advice, which is stricter than the standard in places.
_RUN = """async () => {
  const found = await axe.run(document, {resultTypes: ["violations"]});
  return found.violations.flatMap(({id, help, nodes}) =>
    nodes.map(({html, failureSummary}) => `${id}: ${help}\\n  ${html}\\n  ${failureSummary}`));
}"""


@functools.cache
def _source() -> str:
    return node_module("axe-core/axe.min.js").read_text(encoding="utf-8")


async def violations(page: Page) -> list[str]:
    """Each rule that the page breaks, with the element and what is wrong with it, as it looks now.

    Evaluated, not added to the page as a script, which its Content-Security-Policy would refuse.
    """
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(f"{{{_source()}; undefined}}")
    # What is still fading in has less contrast than it will have.
    await page.evaluate("Promise.allSettled(document.getAnimations().map((animation) => animation.finished))")
    found: list[str] = await page.evaluate(_RUN)
    return found


async def check(page: Page) -> None:
    """Nothing is wrong with the page, by day and by night."""
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        found = await violations(page)
        assert found == [], f"{page.url}, {scheme}: {found}"
