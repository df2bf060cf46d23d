"""JSON of the API: objects in bodies, checked by field and type, and times as they stand in answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from nexefax.httpd import Request
from nexefax.httpd.forms import read_json
from nexefax.times import timestamp
from nexefax.web.problem import Problem

__all__ = ["MOST_JSON_BYTES", "json_object", "needed", "text_list", "timestamp"]

# A message of 4,000 letters, two hundred recipients and the order of five hundred pages fit twice.
MOST_JSON_BYTES = 65_536

_WRONG: Mapping[type, str] = {
    str: "must be text.",
    bool: "must be true or false.",
    int: "must be a whole number.",
    list: "must be a list.",
    dict: "must be an object.",
}

T = TypeVar("T")


async def json_object(request: Request, fields: Mapping[str, type]) -> dict[str, Any]:
    """The object in a request's body, with none but these ``fields``, each of its type (``object`` for any).

    Without a body at all it is an empty object.

    Raises:
        Problem: 400 for anything else; ``field`` names what is wrong with it.
        HttpError: as :func:`nexefax.httpd.forms.read_json`.
    """
    if request.length == 0 and "content-type" not in request.headers:
        return {}
    found = await read_json(request, max_bytes=MOST_JSON_BYTES)
    if not isinstance(found, dict):
        raise Problem(400, "The body must be a JSON object.")
    for name, value in found.items():
        if name not in fields:
            shown = "".join(sign if sign.isprintable() else "?" for sign in name[:64])
            raise Problem(400, f"There is no field {shown} here.", field=shown)
        if not _is_a(value, fields[name]):
            raise Problem(400, f"The field {name} {_WRONG[fields[name]]}", field=name)
    return found


def needed(found: Mapping[str, Any], name: str, kind: type[T], otherwise: str) -> T:
    """The value of a field that must be there; raises Problem (400) with the sentence ``otherwise`` without it."""
    value = found.get(name)
    if not isinstance(value, kind):
        raise Problem(400, otherwise, field=name)
    return value


def text_list(values: list[Any], name: str) -> list[str]:
    """The list as one of texts; raises Problem (400) when it has anything else in it."""
    if not all(_is_a(value, str) for value in values):
        raise Problem(400, f"The field {name} must be a list of texts.", field=name)
    return values


def _is_a(value: object, kind: type) -> bool:
    if isinstance(value, bool):  # which is an int to Python
        return kind in (bool, object)
    if isinstance(value, str) and any("\ud800" <= sign <= "\udfff" for sign in value):
        return False  # half of a pair ("\ud800" in JSON): nothing can store or show it
    return isinstance(value, kind)
