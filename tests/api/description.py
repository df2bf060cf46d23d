"""The API's description (OpenAPI 3.1), as the tests that walk it need it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nexefax.web.pages import STATIC

FILE = STATIC / "openapi.json"
METHODS = ("get", "put", "post", "delete", "patch")


def load() -> dict[str, Any]:
    description: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return description


@dataclass(frozen=True)
class Operation:
    """One method at one path; ``scopes`` are what a token needs, None where no token will do."""

    method: str
    path: str
    id: str
    anybody: bool
    scopes: frozenset[str] | None
    statuses: frozenset[int]
    body: str  # the media type that it takes, "" for none

    def matches(self, path: str) -> bool:
        """Whether a path as it was asked for is one of this operation."""
        pattern = "/".join("[^/]+" if "{" in part else re.escape(part) for part in self.path.split("/"))
        return re.fullmatch(pattern, path) is not None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def operations() -> Iterator[Operation]:
    """All that is described."""
    for path, item in load()["paths"].items():
        for method in METHODS:
            if method in item:
                yield _operation(method, path, item[method])


def _operation(method: str, path: str, described: dict[str, Any]) -> Operation:
    tokens = [needed["token"] for needed in described["security"] if "token" in needed]
    return Operation(
        method.upper(),
        path,
        described["operationId"],
        not described["security"],
        frozenset(tokens[0]) if tokens else None,
        frozenset(int(status) for status in described["responses"]),
        next(iter(described.get("requestBody", {}).get("content", {})), ""),
    )


def shape(path: str) -> str:
    """A path without the names of its parameters, which router and description need not share."""
    return re.sub(r"\{[a-z]+\}(\.png)?", "{}", path)
