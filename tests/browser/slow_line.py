"""A slow and lossy line between the page and the site: requests and answers that come late, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Page, Route


async def lose_request(page: Page, address: str, times: int = 1) -> None:
    """Let the next requests to an address get lost before they arrive."""
    await page.route(address, lambda route: route.abort(), times=times)


async def lose_answer(page: Page, address: str) -> None:
    """Let the next request to an address arrive, and its answer get lost on the way."""

    async def lose(route: Route) -> None:
        await route.fetch()
        await route.abort()

    await page.route(address, lose, times=1)


@asynccontextmanager
async def late_request(page: Page, address: str, lost: bool = False) -> AsyncIterator[None]:
    """The next request to an address goes on its way at the end of the block, or gets ``lost`` there."""
    release = asyncio.Event()

    async def hold(route: Route) -> None:
        await release.wait()
        await (route.abort() if lost else route.continue_())

    await page.route(address, hold, times=1)
    yield
    release.set()


@asynccontextmanager
async def late_answer(page: Page, address: str) -> AsyncIterator[asyncio.Event]:
    """The answer to the next request to an address comes at the end of the block; the event tells that it was given."""
    release, answered = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        answer = await route.fetch()
        answered.set()
        await release.wait()
        await route.fulfill(response=answer)

    await page.route(address, hold, times=1)
    yield answered
    release.set()
