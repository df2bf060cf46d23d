"""A FaxReports that writes down what it is told, and can be made to wait or fail."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from nexefax.fastagi.scripts import CallReport


@dataclass
class Recorder:
    calls: list[tuple[object, ...]] = field(default_factory=list)
    reports: list[CallReport] = field(default_factory=list)
    failure: Exception | None = None
    started: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event | None = None
    cancelled: bool = False

    async def receive_reported(self, report: CallReport) -> None:
        await self._take(report, "receive")

    async def send_reported(self, report: CallReport, status: str, error: str, file: str) -> None:
        await self._take(report, "send/post", status, error, file)

    async def received_nudged(self, report: CallReport, name: str) -> None:
        await self._take(report, "received", name)

    async def sent_nudged(self, report: CallReport, fax: int, attempt: int) -> None:
        await self._take(report, "sent", fax, attempt)

    async def _take(self, report: CallReport, *call: object) -> None:
        self.started.set()
        if self.release is not None:
            try:
                await self.release.wait()
            except asyncio.CancelledError:
                self.cancelled = True
                raise
        if self.failure is not None:
            raise self.failure
        self.calls.append(call)
        self.reports.append(report)
