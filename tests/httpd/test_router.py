"""Which handler answers which path."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from nexefax.errors import HttpError
from nexefax.httpd import Handler, Headers, Peer, Request, Response, Router
from nexefax.httpd.target import Target


def names(label: str) -> Handler:
    async def handler(request: Request) -> Response:
        return Response.json([label, dict(request.params)])

    return handler


@pytest.fixture
def router() -> Router:
    router = Router()
    for method, pattern in [
        ("GET", "/"), ("GET", "/login"), ("POST", "/login"), ("POST", "/api/send"), ("GET", "/api/faxes/{id}"),
        ("DELETE", "/api/faxes/{id}"), ("GET", "/api/faxes/{id}/pages/{page}"), ("GET", "/api/faxes/new"),
        ("GET", "/res/{path...}"), ("GET", "/a/{x}/b"), ("GET", "/a/c/{path...}"),
    ]:  # fmt: skip
        router.add(method, pattern, names(f"{method} {pattern}"))
    return router


async def ask(router: Router, method: str, path: str) -> tuple[str, Mapping[str, str]]:
    request = Request(method, Target(path, "", None), Headers(), Peer("::1"))
    response = await router(request)
    assert isinstance(response.body, bytes)
    label, params = json.loads(response.body)
    return label, params


@pytest.mark.parametrize(
    ("method", "path", "label", "params"),
    [
        ("GET", "/", "GET /", {}),
        ("HEAD", "/login", "GET /login", {}),
        ("POST", "/login", "POST /login", {}),
        ("GET", "/api/faxes/12", "GET /api/faxes/{id}", {"id": "12"}),
        ("HEAD", "/api/faxes/12", "GET /api/faxes/{id}", {"id": "12"}),
        ("DELETE", "/api/faxes/ü", "DELETE /api/faxes/{id}", {"id": "ü"}),
        ("GET", "/api/faxes/new", "GET /api/faxes/new", {}),
        ("GET", "/api/faxes/new/pages/1", "GET /api/faxes/{id}/pages/{page}", {"id": "new", "page": "1"}),
        ("GET", "/res/css/a.css", "GET /res/{path...}", {"path": "css/a.css"}),
        ("GET", "/res/", "GET /res/{path...}", {"path": ""}),
        ("GET", "/a/c/b", "GET /a/c/{path...}", {"path": "b"}),
        ("GET", "/a/d/b", "GET /a/{x}/b", {"x": "d"}),
    ],
)
async def test_routes(router: Router, method: str, path: str, label: str, params: dict[str, str]) -> None:
    assert await ask(router, method, path) == (label, params)


@pytest.mark.parametrize(
    "path",
    [
        "/x",
        "/login/",
        "/api",
        "/api/faxes",
        "/api/faxes/",
        "/api/faxes/1/pages",
        "/res",
        "/a/d",
        "/a/d/x",
        "//login",
    ],
)
async def test_unknown_paths(router: Router, path: str) -> None:
    with pytest.raises(HttpError) as caught:
        await ask(router, "GET", path)
    assert caught.value.status == 404


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/login", "GET, HEAD, OPTIONS, POST"), ("HEAD", "/api/send", "OPTIONS, POST"),
        ("POST", "/api/faxes/1", "DELETE, GET, HEAD, OPTIONS"), ("DELETE", "/api/faxes/new", "GET, HEAD, OPTIONS"),
    ],
)  # fmt: skip
async def test_unknown_methods(router: Router, method: str, path: str, allow: str) -> None:
    with pytest.raises(HttpError) as caught:
        await ask(router, method, path)
    assert (caught.value.status, caught.value.headers) == (405, {"Allow": allow})
    response = await router(Request("OPTIONS", Target(path, "", None), Headers(), Peer("::1")))
    assert (response.status, response.headers["allow"]) == (204, allow)


async def test_options_of_the_server(router: Router) -> None:
    response = await router(Request("OPTIONS", Target("*", "", None), Headers(), Peer("::1")))
    assert (response.status, response.headers["allow"]) == (204, "GET, HEAD, OPTIONS, POST")


async def test_an_options_handler_goes_first(router: Router) -> None:
    router.add("OPTIONS", "/login", names("own"))
    assert await ask(router, "OPTIONS", "/login") == ("own", {})


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "login",
        "/{",
        "/a{b}",
        "/{B}",
        "/{path...}/x",
        "/{a}/{a}",
        "/login",
        "/api/faxes/{other}",
        "/res/{rest...}",
    ],
)
def test_patterns_that_are_refused(router: Router, pattern: str) -> None:
    with pytest.raises(ValueError, match=r"pattern|contradicts|something follows"):
        router.add("GET", pattern, names("x"))
