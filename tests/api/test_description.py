"""The description of the API is that of this API: nothing missing, nothing made up."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from nexefax.fax.worker import Worker
from nexefax.web.problem import MEDIA_TYPE
from nexefax.web.site import BETA_API, build_web
from tests.api.description import FILE, Operation, load, operations, shape
from tests.web.client import Client
from tests.web.ground import Installation, Tray
from tests.web.running import open_journal, run_site


async def routes(folder: Path) -> set[tuple[str, str]]:
    """What the router of the running site answers below /api/."""
    installation = Installation(folder / "etc")
    async with open_journal(folder / "data") as journal:
        desk = Worker(journal, lambda: installation.current).desk
        async with build_web(lambda: installation.current, journal, Tray(), desk=desk) as site:
            return {(method, shape(path)) for method, path in site.router.routes if path.startswith("/api/")}


async def test_every_route_is_described_and_nothing_else(tmp_path: Path) -> None:
    described = {(operation.method, shape(operation.path)) for operation in operations()}
    assert await routes(tmp_path) == described


async def test_it_is_served_to_anybody(tmp_path: Path) -> None:
    installation = Installation(tmp_path / "etc")
    async with (
        open_journal(tmp_path / "data") as journal,
        run_site(installation, journal, Tray()) as running,
    ):
        client = Client(running.port)
        reply = await client.get("/api/openapi.json")
        assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
        assert reply.body == FILE.read_bytes()
        packed = await client.get("/api/openapi.json", Accept_Encoding="gzip")
        assert len(packed.body) < len(reply.body) / 4


def test_operations_are_named_once_and_say_who_may() -> None:
    described = list(operations())
    assert [
        name for name, times in Counter(operation.id for operation in described).items() if times > 1
    ] == []
    for operation in described:
        if not operation.anybody and operation.path not in BETA_API:
            assert {401, 403} <= operation.statuses, operation


def test_errors_are_problem_details() -> None:
    """But for the beta's, whose form scripts know."""
    description = load()
    for operation in operations():
        for status in operation.statuses:
            if status >= 400:
                # a request whose very address can't be read gets a page, as nobody knows what it asks for
                kinds = _media_types(description, operation, status) - {"text/html"}
                assert kinds == {"application/json" if operation.path in BETA_API else MEDIA_TYPE}, (
                    f"{operation}: {status}"
                )


def test_references_lead_somewhere_and_all_is_used() -> None:
    description = load()
    text = json.dumps(description)
    for kind in ("parameters", "responses", "schemas"):
        for name in description["components"][kind]:
            assert f'"#/components/{kind}/{name}"' in text, f"nothing uses {kind}/{name}"
    used = set(_references(description))
    for reference in used:
        _resolve(description, reference)


def _media_types(description: dict[str, Any], operation: Operation, status: int) -> set[str]:
    responses = description["paths"][operation.path][operation.method.lower()]["responses"]
    response = responses[str(status)]
    if "$ref" in response:
        response = _resolve(description, response["$ref"])
    return set(response["content"])


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if "$ref" in value else []
        return own + [reference for inner in value.values() for reference in _references(inner)]
    if isinstance(value, list):
        return [reference for inner in value for reference in _references(inner)]
    return []


def _resolve(description: Any, reference: str) -> Any:
    found = description
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found
