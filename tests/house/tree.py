"""The tree as the house tests see it: its rooms, files, functions and texts, read once."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "tocsin"

_NOT_OURS = frozenset({
    ".git", ".hypothesis", ".import_linter_cache", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".venv",
    "__pycache__", "build", "dist", "htmlcov", "node_modules",
})  # fmt: skip

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Source:
    """One Python file: where it is, what it says, and how Python understands it."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """The path a person would type, seen from the top of the repository."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def room_path(self) -> str:
        """The path inside the package, such as `engine/accept.py`; the whole name for files outside it."""
        return self.path.relative_to(PACKAGE).as_posix() if self.path.is_relative_to(PACKAGE) else self.name

    def functions(self) -> Iterator[Function]:
        """Every function and method, nested ones included."""
        for node in ast.walk(self.tree):
            if isinstance(node, Function):
                yield node

    def at(self, line: int) -> str:
        """A clickable place."""
        return f"{self.name}:{line}"


def paths(folder: Path, pattern: str = "*") -> Iterator[Path]:
    """The files under a folder that are ours, in order."""
    for path in sorted(folder.rglob(pattern)):
        if path.is_file() and not _NOT_OURS.intersection(path.relative_to(ROOT).parts):
            yield path


@cache
def sources(*folders: str) -> tuple[Source, ...]:
    """The Python files under these top-level folders."""
    found = []
    for folder in folders:
        for path in paths(ROOT / folder, "*.py"):
            text = path.read_text(encoding="utf-8")
            found.append(Source(path, text, ast.parse(text, filename=str(path))))
    return tuple(found)


@cache
def rooms() -> tuple[Path, ...]:
    """The folders of the package that hold Python files."""
    return tuple(sorted({path.parent for path in paths(PACKAGE, "*.py")}))


@cache
def texts() -> tuple[tuple[Path, str], ...]:
    """Every text file of the repository that people wrote: not binaries, not locks."""
    found = []
    for path in paths(ROOT):
        if path.is_relative_to(ROOT / "requirements") or path.name == "LICENSE":
            continue
        try:
            found.append((path, path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue
    return tuple(found)


def _docstrings(tree: ast.Module) -> set[int]:
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, owners) and node.body and isinstance(node.body[0], ast.Expr)
    }


def constants(source: Source) -> Iterator[tuple[int, str]]:
    """The string constants of a file with their lines; f-strings joined around their holes; no docstrings."""
    skipped = _docstrings(source.tree)
    for node in ast.walk(source.tree):
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
            skipped.update(id(part) for part in node.values)
            yield node.lineno, "".join(str(part) for part in parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield node.lineno, node.value


def word(text: str) -> re.Pattern[str]:
    """A pattern for a word on its own or as a part of a snake_case name, whatever its case."""
    return re.compile(rf"(?<![A-Za-z0-9.]){re.escape(text)}(?![A-Za-z0-9.])", re.IGNORECASE)


def verdict(findings: list[str], advice: str) -> None:
    """Fail with every finding and with what to do instead."""
    assert not findings, "\n".join([advice, *findings])
