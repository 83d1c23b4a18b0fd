"""What the source tree can say to users: messages of operating errors and codes of rejects, found by reading it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from settlement.model import errors

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("portal", "batch", "settlement", "adapters", "rules")
KINDS = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.PuhuiError) and kind is not errors.PuhuiError
}
GAP = "…"
_CODE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")
# Calls whose upper-case argument is the code of a reject or of a refused file.
_GIVES_CODE = re.compile(r"(^|[._])(Reject|\w*Refused(Error)?|CellError|_?Bad\w*Error|_bad|_?refuse|rejects?|_need)$")
_NOT_A_CODE = re.compile(r"^(typer|os\.environ)\.")
_NO_CODES = frozenset({"SKIP"})  # a kind of message that is counted and left out, not rejected


def sources() -> Iterator[tuple[str, ast.Module]]:
    """(path, tree) of every module of the product, in order."""
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text("utf-8"))


def messages() -> dict[tuple[str, str], str]:
    """(error class, message with gaps) -> where it is raised."""
    found: dict[tuple[str, str], str] = {}
    for path, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS and node.args:
                found.setdefault((node.func.id, squeezed(_text(node.args[0]))), f"{path}:{node.lineno}")
    return found


def codes() -> dict[str, str]:
    """Code of a reject -> where it is given."""
    found: dict[str, str] = {}
    for path, tree in sources():
        if path.startswith("settlement/model/"):
            continue  # kinds of discrepancies and states of files, not rejects
        for node in ast.walk(tree):
            for code in _codes_of(node):
                found.setdefault(code, f"{path}:{getattr(node, 'lineno', 0)}")
    return found


def squeezed(text: str) -> str:
    """The text with neighbouring gaps and blanks made one."""
    return re.sub(rf"{GAP}+", GAP, " ".join(text.split()))


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else GAP for part in node.values)
    return GAP


def _codes_of(node: ast.AST) -> Iterator[str]:
    """Codes in a call that makes a reject, before a sentence in a call, tuple or table, in a constant of that name."""
    if isinstance(node, ast.Call):
        if _NOT_A_CODE.search(ast.unparse(node.func)):
            return
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        if _GIVES_CODE.search(ast.unparse(node.func)):
            for part in given:
                yield from _words(part)
        if any(keyword.arg == "code" for keyword in node.keywords):
            yield from (word for k in node.keywords if k.arg == "code" for word in _words(k.value))
        yield from _before_a_sentence(given)
    elif isinstance(node, ast.Tuple | ast.List):
        yield from _before_a_sentence(node.elts)
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if key is not None and isinstance(value, ast.Tuple) and value.elts and " " in _text(value.elts[-1]):
                yield from _words(key)
    elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and len(node.targets) == 1:
        name = node.targets[0]
        if isinstance(name, ast.Name) and name.id == node.value.value:
            yield from _words(node.value)


def _before_a_sentence(parts: list[ast.expr]) -> Iterator[str]:
    for part, following in pairwise(parts):
        if " " in _text(following):
            yield from _words(part)


def _words(node: ast.expr) -> Iterator[str]:
    for part in (node.body, node.orelse) if isinstance(node, ast.IfExp) else (node,):
        value = part.value if isinstance(part, ast.Constant) else None
        if isinstance(value, str) and len(value) > 2 and value not in _NO_CODES and _CODE.fullmatch(value):
            yield value
