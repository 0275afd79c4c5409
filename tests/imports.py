"""Which module of the project imports which, read from the source without running it."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("models", "optimizer")


def modules() -> dict[str, Path]:
    """Every module of the project by its dotted name."""
    files = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]
    return {_name(file): file for file in files}


def _name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(name: str, file: Path, known: frozenset[str]) -> set[str]:
    """Modules imported anywhere in a file, also inside functions; imports for type checkers only are left out."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    found: set[str] = set()
    for node in _running(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            home = _home(node, package)
            found |= {full if (full := f"{home}.{alias.name}") in known else home for alias in node.names}
    return found - {name}


def _home(node: ast.ImportFrom, package: str) -> str:
    """The absolute name behind ``from .x import y``."""
    if not node.level:
        return node.module or ""
    base = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*base, node.module] if node.module else base)


def _running(tree: ast.AST) -> list[ast.AST]:
    """All nodes but those under ``if TYPE_CHECKING``."""
    out = [tree]
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        out += _running(child)
    return out


def graph() -> dict[str, set[str]]:
    """Module -> everything it imports (own modules by full name, others by the name written)."""
    files = modules()
    return {name: imports(name, file, frozenset(files)) for name, file in files.items()}


def reached(start: set[str], arrows: dict[str, set[str]]) -> set[str]:
    """Every module that the given ones import, directly or through others."""
    seen: set[str] = set()
    todo = list(start)
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += arrows.get(name, ())
    return seen
