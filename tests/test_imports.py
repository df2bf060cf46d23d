"""Imports run downward only, and the pure modules stay pure."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import nexefax

ROOT = Path(nexefax.__file__).parent

# A module may import from layers below its own, and from its own package. The first match counts.
LAYERS = [
    ("nexefax.__main__", 9),
    ("nexefax.cli", 8),
    ("nexefax.check", 7),
    ("nexefax.daemon", 7),
    ("nexefax.control_client", 7),
    ("nexefax.backup", 6),
    ("nexefax.doctor", 6),
    ("nexefax.control", 6),
    ("nexefax.call_reports", 6),
    ("nexefax.web", 5),
    ("nexefax.fastagi", 5),
    ("nexefax.fax.worker", 5),
    ("nexefax.httpd", 4),
    ("nexefax.fax", 3),
    ("nexefax.store", 2),
    ("nexefax.logs", 2),
    ("nexefax.passwords", 3),
    ("nexefax.config", 2),
    ("nexefax.rehearsal", 3),
    ("nexefax.process", 2),
    ("nexefax.cage", 1),
    ("nexefax.errors", 0),
]
PURE = [
    "fax/job.py", "fax/commands.py", "fax/reconcile.py", "fax/cause.py", "fax/outcome.py", "fax/number.py",
    "fax/kept_files.py", "fax/composition.py", "config/changes.py", "fastagi/protocol.py", "fastagi/commands.py",
    "httpd/protocol.py",
    "backup/manifest.py", "doctor/picture.py", "doctor/finding.py", "doctor/findings.py", "doctor/house.py",
    "doctor/spool.py", "doctor/faxes.py",
]  # fmt: skip
IMPURE = {"asyncio", "time", "socket", "os", "subprocess", "threading", "sqlite3", "random"}
FAX_WORDS = ("nexefax.fax", "nexefax.fastagi", "nexefax.web", "nexefax.config", "nexefax.store")

FILES = sorted(ROOT.rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Return what a module imports when it runs, also late; imports for the type checker alone do not count."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def layer(module: str) -> int | None:
    return next((at for prefix, at in LAYERS if module == prefix or module.startswith(f"{prefix}.")), None)


def package(module: str) -> str:
    return ".".join(module.split(".")[:2])


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_run_downward(path: Path) -> None:
    module = name_of(path)
    own = layer(module)
    if own is None:
        return
    upward = {
        other
        for other in imported(path)
        if other.startswith("nexefax.") and package(other) != package(module) and (layer(other) or 0) >= own
    }
    assert upward == set()


@pytest.mark.parametrize("name", PURE)
def test_pure_modules_have_no_loop_no_clock_no_files(name: str) -> None:
    assert {module.split(".")[0] for module in imported(ROOT / name)} & IMPURE == set()


def test_the_http_server_knows_nothing_of_faxes_and_faxes_nothing_of_http() -> None:
    for path in (ROOT / "httpd").rglob("*.py"):
        assert [other for other in imported(path) if other.startswith(FAX_WORDS)] == [], path
    for path in (ROOT / "fax").rglob("*.py"):
        assert [
            other for other in imported(path) if other.startswith(("nexefax.httpd", "nexefax.web"))
        ] == [], path


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_module_is_long(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 350
