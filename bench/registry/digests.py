"""Names for results: a key says everything that a number depends on, so an equal key means an equal number.

The code of a plugin enters by its syntax tree (comments, docstrings and the resources that a generator asks for are
free to change), together with the helper files it imports and the versions of the libraries that those import. Where a
file lies does not enter: a plugin moved to another folder, with or without its helpers, keeps its key.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.registry.command_file import read_command_file
from bench.registry.declarations import PluginInfo
from bench.registry.selection import choose
from bench.registry.sources import Source, source_of, version_of

# Raised by hand when the engine itself starts to give other numbers for the same plugins and data.
ENGINE = 1
# stable interfaces, covered by ENGINE
_CONTRACT = {
    *("bench", "bench.registry.declarations", "bench.registry.finding", "bench.core.errors", "bench.core.records"),
    *("bench.core.cohort", "bench.core.fold_facts", "bench.core.images", "bench.core.released", "bench.core.roles"),
    "bench.registry.selection",
}


def key(step: str, **parts: Any) -> str:
    """Return the SHA-256 of a step and everything it depends on, as 64 hex digits."""
    text = json.dumps({"step": step, "engine": ENGINE, **parts}, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def source_digest(path: Path, module: str) -> str:
    """Return the SHA-256 of the syntax trees of a file and of the project files it imports, without docstrings."""
    files = sorted(source.digest for source in _project_sources(path, module).values())
    return hashlib.sha256("\0".join(files).encode()).hexdigest()


def code_digest(info: PluginInfo, params: Mapping[str, Any] | None = None) -> str:
    """Return the SHA-256 of a plugin's sources and of the versions of the libraries they import.

    A class that a hyper-parameter names (the decorator's ``imports``) is part of it: its file, its library's version.
    So is the content of a file that one names (``files``), and the code of a generator (``trains``).
    """
    if info.path.suffix == ".toml":
        return read_command_file(info.path).digest()
    own = _code_digest(info.path, info.module)
    chosen = {**info.params, **(params or {})}
    named = [_named_code(str(chosen[name])) for name in info.option("imports", ())]
    files = [Path(str(chosen[name])) for name in info.option("files", ())]
    held = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.is_file()]
    texts = [text for name in info.option("trains", ()) if (text := str(chosen[name]))]
    trained = [code_digest(choice.info, choice.params) for text in texts for choice in choose("generator", text)]
    parts = {name: found for name, found in (("named", named), ("files", held), ("trained", trained)) if found}
    return key("code", own=own, **parts) if parts else own


def _named_code(path: str) -> list[str]:
    """Return the version of the library that a class comes from, and the digest of its module, if it has a source."""
    module = path.rpartition(".")[0]
    try:
        file = _file_of(module) if module else None
    except ModuleNotFoundError:
        file = None  # making the plugin says so
    digest = source_digest(file, module) if file is not None and file.suffix == ".py" else ""
    return [path, version_of(path.partition(".")[0]), digest]


def forget() -> None:
    """Read every plugin file again when it is next asked for: in a notebook, it may have been edited since."""
    _code_digest.cache_clear()


def libraries_of(info: PluginInfo) -> frozenset[str]:
    """Return the libraries, by their import names, that a plugin and the project files it imports may import."""
    if info.path.suffix == ".toml":
        return frozenset()
    return frozenset().union(*map(_libraries, _project_sources(info.path, info.module).values()))


@functools.cache
def _code_digest(path: Path, module: str) -> str:
    sources = _project_sources(path, module).values()
    versions = sorted({version_of(name) for source in sources for name in _libraries(source)} - {""})
    return key("code", source=source_digest(path, module), versions=versions)


@functools.cache  # every attack of every cell asks for the same one
def module_digest(module: str) -> str:
    """Return `source_digest` of an importable module of the project, without importing it."""
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return source_digest(Path(spec.origin), module)


@functools.cache
def own_digest(module: str) -> str:
    """Return the SHA-256 of the syntax tree of one module of the project, what it imports left aside.

    For what is cheap to make again, such as pictures: it does not change with every part of the harness.
    """
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return source_of(Path(spec.origin)).digest


def _project_sources(path: Path, module: str) -> Mapping[str, Source]:
    """Read a file and, repeatedly, the helpers that it imports from its own folder or from the harness."""
    sources: dict[str, Source] = {}
    todo = [(path, module)]
    while todo:
        path, module = todo.pop()
        if module in sources:
            continue
        sources[module] = source_of(path)
        for name in _imports(sources[module], module.rpartition(".")[0]):
            found = _project_file(name, path.parent)
            if found is not None:
                todo.append((found, name))
    return sources


def _imports(source: Source, package: str) -> Iterator[str]:
    """Yield the absolute names of all modules that may be imported, anywhere in the file."""
    for level, module, names in source.imports:
        parents = package.split(".")[: len(package.split(".")) - level + 1] if level else []
        base = ".".join([*parents, *([module] if module else [])])
        yield base
        yield from (f"{base}.{name}" for name in names)


def _project_file(module: str, folder: Path) -> Path | None:
    """Return the file of a helper: a module of the harness, or a file with `_` beside the plugin or one folder up."""
    if module.startswith("bench.") and module not in _CONTRACT:
        return _file_of(module)
    name = module.rpartition(".")[2]
    if not name.startswith("_") or name == "__init__":
        return None
    return next((file for place in (folder, folder.parent) if (file := place / f"{name}.py").is_file()), None)


@functools.cache
def _file_of(module: str) -> Path | None:
    """Return a module's file; only packages are imported, where `find_spec("a.b.x")` would run all of ``a/b.py``."""
    package = module.rpartition(".")[0]
    if "." in package and ((parent := _file_of(package)) is None or parent.name != "__init__.py"):
        return None
    spec = importlib.util.find_spec(module)
    return Path(spec.origin) if spec and spec.origin else None


def _libraries(source: Source) -> set[str]:
    names = {name.partition(".")[0] for name in _imports(source, "") if name}
    return names - set(sys.stdlib_module_names) - {"bench"}
