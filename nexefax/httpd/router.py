"""Which handler answers which path."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from nexefax.errors import HttpError
from nexefax.httpd.request import Request
from nexefax.httpd.response import Response

Handler = Callable[[Request], Awaitable[Response]]

_PLACEHOLDER = re.compile(r"\{([a-z_]+)(\.\.\.)?\}")


class _Node:
    """What may follow after some segments of a path."""

    __slots__ = ("handlers", "literal", "named", "names", "rest")

    def __init__(self) -> None:
        self.literal: dict[str, _Node] = {}
        self.named: _Node | None = None
        self.rest: _Node | None = None
        self.handlers: dict[str, Handler] = {}
        self.names: tuple[str, ...] = ()


class Router:
    """A handler made of handlers.

    Patterns are literal (``/api/send``) or hold placeholders: ``{id}`` is one segment that is not empty,
    ``{path...}`` at the end all that follows. A literal segment goes before a placeholder.
    """

    def __init__(self) -> None:
        self._exact: dict[str, _Node] = {}
        self._root = _Node()
        self.routes: list[tuple[str, str]] = []  # (method, pattern) as they were added

    def add(self, method: str, pattern: str, handler: Handler) -> None:
        """Let ``handler`` answer ``method`` at ``pattern``; GET answers HEAD too.

        Raises:
            ValueError: a pattern that can't be read, or that has this method already.
        """
        if not pattern.startswith("/"):
            raise ValueError(f"The pattern {pattern!r} does not begin with a slash.")
        node = self._root
        names: list[str] = []
        segments = pattern[1:].split("/")
        for index, segment in enumerate(segments):
            placeholder = _PLACEHOLDER.fullmatch(segment)
            if placeholder is None:
                if "{" in segment or "}" in segment:
                    raise ValueError(f"The pattern {pattern!r} has a placeholder that can't be read.")
                node = node.literal.setdefault(segment, _Node())
                continue
            names.append(placeholder[1])
            if placeholder[2]:
                if index != len(segments) - 1:
                    raise ValueError(f"In {pattern!r} something follows {segment}.")
                node.rest = node = node.rest or _Node()
            else:
                node.named = node = node.named or _Node()
        if len(set(names)) < len(names):
            raise ValueError(f"The pattern {pattern!r} uses a name twice.")
        if method in node.handlers or (node.handlers and node.names != tuple(names)):
            raise ValueError(f"{method} {pattern} contradicts a route that is there already.")
        node.names = tuple(names)
        node.handlers[method] = handler
        self.routes.append((method, pattern))
        if not names:
            self._exact[pattern] = node

    def __call__(self, request: Request) -> Awaitable[Response]:
        """Answer a request.

        Raises:
            HttpError: 404 for an unknown path, 405 with Allow for an unknown method.
        """
        node = self._exact.get(request.path)
        if node is None:
            if request.path == "*":  # RFC 9110 section 9.3.7
                return _options("GET, HEAD, OPTIONS, POST")
            node, values = _find(self._root, request.path[1:].split("/"), ())
            if node is None:
                raise HttpError(404, "There is nothing at this address.")
            request.params = dict(zip(node.names, values, strict=True))
        handlers = node.handlers
        handler = handlers.get(request.method)
        if handler is None and request.method == "HEAD":
            handler = handlers.get("GET")
        if handler is not None:
            return handler(request)
        allow = ", ".join(sorted({*handlers, "OPTIONS"} | ({"HEAD"} if "GET" in handlers else set())))
        if request.method == "OPTIONS":
            return _options(allow)
        raise HttpError(405, f"{request.method} is not possible here.", headers={"Allow": allow})


async def _options(allow: str) -> Response:
    return Response(204, {"Allow": allow})


def _find(node: _Node, segments: list[str], values: tuple[str, ...]) -> tuple[_Node | None, tuple[str, ...]]:
    """The node for the segments, literal ones first, and the values of the placeholders on the way."""
    if not segments:
        return (node if node.handlers else None), values
    first, others = segments[0], segments[1:]
    literal = node.literal.get(first)
    if literal is not None:
        found = _find(literal, others, values)
        if found[0] is not None:
            return found
    if node.named is not None and first:
        found = _find(node.named, others, (*values, first))
        if found[0] is not None:
            return found
    if node.rest is not None:
        return node.rest, (*values, "/".join(segments))
    return None, ()
