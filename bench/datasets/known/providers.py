"""Datasets that come from code: functions of installed packages (entry points) and of files (``--plugin``)."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from bench.core.errors import DataError, PluginError
from bench.core.source_file import import_source_file

_files: dict[str, Path] = {}


@dataclass(frozen=True)
class Provider:
    """A named function that returns a Dataset, not yet imported."""

    name: str
    where: str
    load: Callable[[], object]
    path: Path | None = None  # of a plugin file


def provided() -> dict[str, Provider]:
    """Return every dataset that code provides, by name.

    Raises
    ------
    DataError
        If two of them have one name.
    """
    found: dict[str, Provider] = {}
    announced = [
        Provider(entry.name, f"the entry point {entry.name} = {entry.value} of bench.datasets", entry.load)
        for entry in entry_points(group="bench.datasets")
    ]
    for provider in [*announced, *(_of_file(name, path) for name, path in _files.items())]:
        if provider.name in found:
            both = f"{found[provider.name].where} and from {provider.where}"
            raise DataError(f"dataset {provider.name!r} comes from {both}; remove or rename one of them.")
        found[provider.name] = provider
    return found


def declares_dataset(path: Path) -> bool:
    """Return whether a Python file holds a function that is declared to return a Dataset, without importing it."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return False  # reading it as a plugin says what is wrong
    return bool(_makers(tree))


def add_dataset_file(path: Path) -> str:
    """Register a dataset file from anywhere, as ``--plugin path.py`` does, and return the dataset's name.

    Raises
    ------
    PluginError
        If it has no function of its own name that is declared to return a Dataset.
    """
    if not path.is_file():
        raise PluginError(f"dataset file {path} does not exist; give the path of a .py file.")
    names = _makers(ast.parse(path.read_text(encoding="utf-8")))
    if path.stem not in names:
        found = f"only {', '.join(names)}()" if names else "no such function"
        raise PluginError(
            f"dataset file {path} has {found}; expected `def {path.stem}() -> Dataset:`, a function of the file's name."
        )
    _files[path.stem] = path.resolve()
    return path.stem


def _makers(tree: ast.Module) -> list[str]:
    """Return the names of the functions whose return annotation is Dataset."""
    return [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and node.returns is not None
        and ast.unparse(node.returns).strip("'\"").rpartition(".")[2] == "Dataset"
    ]


def _of_file(name: str, path: Path) -> Provider:
    module = f"bench_dataset_{path.stem}"
    return Provider(name, str(path), lambda: getattr(import_source_file(module, path), name), path)
