"""What the digests need to know of source files and installed libraries, remembered from one command to the next.

Walking the syntax trees of all plugins takes seconds. What was found goes into the user's cache by the SHA-256 of the
file's bytes, so an edited file is read anew, whatever its time stamp says; the cache of another Python or of another
version of this module is not looked at.
"""

from __future__ import annotations

import ast
import functools
import gc
import hashlib
import importlib.metadata
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bench.core.files import cache_home, keep_in_cache
from bench.registry.resources import RESOURCES

_MOST = 2000  # files remembered, the latest ones; a checkout has about 250
_DECORATORS = ("generator", "attack", "metric")
_READING = (
    "decides",
    "turn",
    "real",
    "target",
    "chance",
    "words",
)  # of a Measure: how tables read it, no part of any number
_METADATA = (".dist-info", ".egg-info")


class Source(NamedTuple):
    """What one source file is: the digest of its code, and what it imports.

    Parameters
    ----------
    digest : str, SHA-256 of its syntax tree without what `_strip` takes out
    imports : list of (dots before the name, module, names taken from it)
    """

    digest: str
    imports: list[tuple[int, str, list[str]]]


def source_of(path: Path) -> Source:
    """Return the digest and the imports of a source file, as it is now."""
    text = path.read_bytes()
    name = hashlib.sha256(text).hexdigest()
    memory = _memory()
    if name not in memory["sources"]:
        memory["sources"][name] = _read(text)
        memory["changed"] = True
    return Source(*memory["sources"][name])


def _read(text: bytes) -> Source:
    """Return what a source file is; hundreds of trees without a cycle are no work for the garbage collector."""
    collects = gc.isenabled()
    gc.disable()
    try:
        tree = ast.parse(text.decode("utf-8"))
        imports = list(_strip(tree))
        return Source(hashlib.sha256(ast.dump(tree).encode()).hexdigest(), imports)
    finally:
        if collects:
            gc.enable()


def _strip(tree: ast.Module) -> Iterator[tuple[int, str, list[str]]]:
    """Take docstrings, what changes no number, and the places of project files out of a tree; yield what it imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name, []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.level, node.module or "", [alias.name for alias in node.names]
            if node.level or (node.module or "").partition(".")[0] == "bench":
                node.module, node.level = None, 0
        elif isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            if isinstance(node, ast.ClassDef):
                _strip_scope(node)
            if ast.get_docstring(node, clean=False) is not None:
                node.body = node.body[1:]


def _strip_scope(node: ast.ClassDef) -> None:
    """Take from a plugin's decorator what changes no number: resources, modalities, and how tables read it."""
    for call in node.decorator_list:
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in _DECORATORS:
            free = {*RESOURCES, "modalities", "floor", "preset"}
            free |= {"family"} if call.func.id == "generator" else set()
            call.keywords = [k for k in call.keywords if k.arg not in free]
            for inner in ast.walk(call):
                if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) and inner.func.id == "Measure":
                    inner.keywords = [k for k in inner.keywords if k.arg not in _READING]


@functools.cache
def version_of(package: str) -> str:
    """Return ``distribution==version`` of the library that an import name belongs to; empty if none is installed."""
    for distribution in distributions_of(package):
        return f"{distribution}=={importlib.metadata.version(distribution)}"
    return ""


def distributions_of(package: str) -> list[str]:
    """Return the names of the installed distributions that bring a package; looked up anew once anything was installed.

    It is the entry of `importlib.metadata.packages_distributions`, which reads every file of every distribution.
    """
    state, memory = _installed(), _memory()
    if memory["installed"] != state:
        memory.update(installed=state, changed=True, distributions={})
    found: dict[str, list[str]] = memory["distributions"]
    if package not in found:
        found[package] = [d.metadata["Name"] for d, tops, record in _contents() if _brings(package, d, tops, record)]
        memory["changed"] = True
    return found[package]


@functools.cache
def _contents() -> list[tuple[importlib.metadata.Distribution, list[str], str | None]]:
    """Return the installed distributions with the packages that they declare, and their lists of files as text."""
    found = list(importlib.metadata.distributions())
    return [(d, (d.read_text("top_level.txt") or "").split(), d.read_text("RECORD")) for d in found]


def _brings(
    package: str, distribution: importlib.metadata.Distribution, declared: list[str], record: str | None
) -> bool:
    if declared:
        return package in declared
    if record is None:
        return any(f.suffix == ".py" and f.parts[0] in (package, f"{package}.py") for f in distribution.files or ())
    if f"{package}/" not in record and f"{package}.py" not in record:
        return False  # almost always, and ten times as fast as the expression
    return bool(re.search(rf'^"?{re.escape(package)}(/.*)?\.py"?,', record, re.MULTILINE))


@functools.cache
def _installed() -> str:
    """Return a digest of where distributions lie and when each was written."""
    state = hashlib.sha256()
    for place in map(Path, sys.path):
        inside = sorted(path for path in place.iterdir() if path.suffix in _METADATA) if place.is_dir() else []
        for path in [place, *inside, *(path / "RECORD" for path in inside)]:
            state.update(f"{path}\0{path.stat().st_mtime_ns if path.exists() else 0}\0".encode())
    return state.hexdigest()


# -- the memory ------------------------------------------------------------------------------------------------------


@functools.cache
def _memory() -> dict[str, Any]:
    """Return what earlier commands found out; nothing if there is no memory or it is damaged."""
    memory: dict[str, Any] = {"sources": {}, "installed": "", "distributions": {}, "changed": False}
    try:
        found = json.loads(_file().read_bytes())
        if found.pop("sha256") == _checksum(found):
            memory |= found
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass  # it is made again
    return memory


def remember() -> None:
    """Put what this command found out into the user's cache, if that is anything new."""
    memory = _memory()
    if memory.pop("changed"):
        memory["sources"] = dict(list(memory["sources"].items())[-_MOST:])
        text = json.dumps({**memory, "sha256": _checksum(memory)})
        keep_in_cache(_file(), lambda path: path.write_text(text, encoding="utf-8"))
    memory["changed"] = False


def _checksum(memory: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(memory, sort_keys=True).encode()).hexdigest()


def _file() -> Path:
    """Return the file for this Python and this way of reading sources; trees differ between versions of Python."""
    made_by = hashlib.sha256(sys.version.encode() + Path(__file__).read_bytes()).hexdigest()
    return cache_home() / f"sources-{made_by[:16]}.json"
