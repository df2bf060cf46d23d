"""What holds for all tests."""

from __future__ import annotations


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a long text by its length: a test's name is in its environment, where it must leave room for programs'
    arguments (execve(2), E2BIG)."""
    if isinstance(val, str | bytes) and len(val) > 100:
        return f"{argname} of {len(val)}"
    return None
