"""Functions do one thing: none over 70 lines, files under 500 (architecture.md, Conventions)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(
    path
    for folder in ("settlement", "adapters", "rules", "batch", "portal", "tests", "benchmarks")
    for path in (ROOT / folder).rglob("*.py")
)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_small(path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text.splitlines()) < 500, f"{path} has 500 lines or more; give its second subject a file of its own"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert lines <= 70, f"{path}:{node.lineno} {node.name} has {lines} lines"


def test_tree_names_no_index_and_no_machine() -> None:
    for path in [*ROOT.glob("requirements*.txt"), ROOT / "pyproject.toml", ROOT / "Makefile", *SOURCES]:
        text = path.read_text("utf-8")
        for word in (
            "--" + "index-url",
            "--extra-" + "index-url",
            "--find-" + "links",
            "pypi." + "org",
            "pythonhosted." + "org",
        ):
            assert word not in text, f"{path}: {word}"


def test_public_functions_are_documented() -> None:
    bare = []
    for path in SOURCES:
        if path.is_relative_to(ROOT / "tests") or path.is_relative_to(ROOT / "benchmarks"):
            continue
        public = [
            node
            for node in ast.parse(path.read_text("utf-8")).body
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
        ]
        bare += [f"{path}:{node.lineno} {node.name}" for node in public if ast.get_docstring(node) is None]
    assert not bare, "\n".join(bare)
