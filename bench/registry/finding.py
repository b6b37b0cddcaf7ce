"""Finds plugins, built-in, installed and added by file, and makes fresh copies of them."""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.metadata
import importlib.util
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.core.errors import MissingExtraError, PluginError, near_name
from bench.core.source_file import import_source_file
from bench.registry.command_file import read_command_file
from bench.registry.command_generator import command_generator
from bench.registry.declarations import HANDED, KINDS, NAME, Kind, PluginInfo, parsed, read_info, refuse_group

FOLDERS: dict[Kind, str] = {"generator": "generators", "attack": "attacks", "metric": "metrics"}
_EXTRAS = {
    "torch": "deep",
    "opacus": "deep",
    "mbi": "pgm",
    "anndata": "h5ad",
    "xgboost": "deep",
    "gseapy": "pathways",
    "sdv": "sdv",
    "synthcity": "synthcity",
}

# -- finding plugins -------------------------------------------------------------------------------------------------

_files: dict[tuple[Kind, str], PluginInfo] = {}


def add_plugin_file(path: Path) -> PluginInfo:
    """Register a plugin file (.py or .toml) from anywhere, as ``--plugin`` does, and return its declaration."""
    if not path.is_file():
        raise PluginError(f"plugin file {path} does not exist; give the path of a .py or .toml file.")
    if path.suffix not in (".py", ".toml"):  # a table of people that is named by mistake is not shown in an error
        raise PluginError(f"plugin file {path} is no .py or .toml file; `bench new generator NAME` writes one.")
    read = _read_commands if path.suffix == ".toml" else read_info
    info = read(path.resolve(), f"bench_plugin_{path.stem}", str(path))
    if info is None:
        raise PluginError(f"plugin file {path} declares no @generator, @attack or @metric class. {_advice(path)}")
    if info.name in _built_in(info.kind):
        raise PluginError(
            f"{info.kind} {info.name!r} of {path} has the name of a built-in one; rename file and plugin."
        )
    _files[info.kind, info.name] = info
    return info


def refuse_namesakes(paths: Iterable[Path]) -> None:
    """Raise a `PluginError` if two of the files have one name: the second would silently take the place of the first.

    A plugin has the name of its file, and is imported under it.
    """
    first: dict[str, Path] = {}
    for path in paths:
        other = first.setdefault(path.stem, path)
        if other.resolve() != path.resolve():
            raise PluginError(
                f"the plugin files {other} and {path} have one name, {path.stem!r}, so that rows would not say which "
                "of them they are about; rename one of them, file and plugin."
            )


def _read_commands(path: Path, module: str, origin: str) -> PluginInfo:
    """Return what a TOML file declares that makes a generator of two commands."""
    if not NAME.fullmatch(path.stem):
        raise PluginError(f"plugin file {path}: expected a lower-case name with letters, digits and '_'.")
    refuse_group(path.stem, path)
    declared = read_command_file(path)
    return PluginInfo("generator", path.stem, declared.summary, path, module, declared.params, declared.options, origin)


def _advice(path: Path) -> str:
    """Say which decorator a file seems to lack."""
    for node in (n for n in parsed(path).body if isinstance(n, ast.ClassDef)):
        methods = {line.name for line in node.body if isinstance(line, ast.FunctionDef)}
        for kind in KINDS:
            if methods >= set(HANDED[kind]):
                return (
                    f"Its class {node.name} (line {node.lineno}) looks like a {kind}: import {kind} from bench and put "
                    f'@{kind}("{path.stem}") above @dataclass(kw_only=True).'
                )
    return "`bench new generator NAME` writes one to start from; a dataset is a function `NAME() -> Dataset`."


@functools.cache
def _built_in(kind: Kind) -> dict[str, PluginInfo]:
    package = f"bench.{FOLDERS[kind]}"
    spec = importlib.util.find_spec(package)
    found: dict[str, PluginInfo] = {}
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for path in sorted(Path(folder).rglob("*.py"), key=lambda path: path.stem):
            if path.stem.startswith("_"):
                continue
            info = read_info(path, ".".join([package, *path.relative_to(folder).with_suffix("").parts]))
            if info is None or info.kind != kind:
                raise PluginError(
                    f"plugin file {path} declares no @{kind} class; files that start with '_' are helpers."
                )
            if info.name in found:
                raise PluginError(
                    f"{kind} {info.name!r} is declared by {found[info.name].path} and {path}; rename one of them."
                )
            found[info.name] = info
    return found


@functools.cache  # it opens a file of every installed distribution, and the plugins are looked up again and again
def _announced(group: str) -> importlib.metadata.EntryPoints:
    return importlib.metadata.entry_points(group=group)


def _entry_points(kind: Kind) -> Iterator[PluginInfo]:
    for entry in _announced(f"bench.{FOLDERS[kind]}"):
        module = entry.value.partition(":")[0]
        origin = entry.dist.name if entry.dist else entry.value
        spec = importlib.util.find_spec(module)
        if spec is None or spec.origin is None:
            raise PluginError(f"the package {origin!r} announces {kind} {entry.name!r}, but has no module {module!r}.")
        info = read_info(Path(spec.origin), module, origin=origin)
        if info is None or info.kind != kind:
            raise PluginError(f"the package {origin!r} announces {kind} {entry.name!r}, but {module!r} declares none.")
        yield info


def plugins(kind: Kind) -> dict[str, PluginInfo]:
    """Return every plugin of a kind by name: built-in, from installed packages, and added by file."""
    found = dict(_built_in(kind))
    for info in [*_entry_points(kind), *(i for (k, _), i in _files.items() if k == kind)]:
        if info.name in found and found[info.name].path != info.path:
            both = f"{found[info.name].origin} and from {info.origin}"
            raise PluginError(f"{kind} {info.name!r} comes from {both}; remove or rename one of them.")
        found[info.name] = info
    return found


def find(kind: Kind, name: str) -> PluginInfo:
    """Return one plugin's declaration; the error for an unknown name suggests the nearest."""
    known = plugins(kind)
    if name not in known:
        raise PluginError(
            f"there is no {kind} {name!r}.{_way_out(kind, name, known)} `bench list {FOLDERS[kind]}` shows all of them."
        )
    return known[name]


def _way_out(kind: Kind, name: str, known: Mapping[str, PluginInfo]) -> str:
    """Say what an unknown name may mean: a file beside the user, a measure, or a near name."""
    if beside := [path for path in (Path(f"{name}.py"), Path(f"{name}.toml")) if path.is_file()]:
        return f" There is a file {beside[0]} here: add --plugin {beside[0]}."
    named = re.compile(rf"{re.escape(name)}(_|$)")
    if kind == "metric" and (of := [i.name for i in known.values() if any(named.match(m.name) for m in i.measures)]):
        return f" It is a measure of {' and '.join(map(repr, of[:3]))}: name the metric."
    return near_name(name, known)


def sound(attacks: Iterable[str]) -> list[str]:
    """Return those of the attacks, in their order, that may judge a generator: not those of published arithmetic.

    An attack that is not known here, such as one of a file that was not brought along, may judge too.
    """
    known = plugins("attack")
    return [name for name in attacks if not (name in known and known[name].option("official", False))]


# -- making one ------------------------------------------------------------------------------------------------------


def _import(info: PluginInfo) -> Any:
    if info.module.startswith("bench_plugin_"):
        return import_source_file(info.module, info.path)
    return importlib.import_module(info.module)


def missing_needs(info: PluginInfo) -> str | None:
    """Return why the plugin cannot run here (a missing optional package or program), or None."""
    if info.path.suffix == ".toml":
        return read_command_file(info.path).missing()
    for package in info.option("needs", ()):
        if importlib.util.find_spec(package) is None:
            return str(MissingExtraError(f"{info.kind} {info.name!r}", package, _EXTRAS.get(package, "all")))
    return None


def create(info: PluginInfo, params: Mapping[str, Any] | None = None) -> Any:
    """Import the plugin and return a fresh instance with these hyper-parameters."""
    if reason := missing_needs(info):
        raise PluginError(reason)
    if info.path.suffix == ".toml":
        return command_generator(info.path, params or {})
    module = _import(info)
    for value in vars(module).values():
        if getattr(value, "__bench_plugin__", None) == (info.kind, info.name) and value.__module__ == module.__name__:
            return value(**(params or {}))
    raise PluginError(f"{info.path} declares {info.kind} {info.name!r}, but importing it defined no such class.")
