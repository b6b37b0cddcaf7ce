"""Commands that are printed to be pasted: they name every file of the user's own that they need."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from bench.datasets import Dataset
from bench.datasets.known.providers import declares_dataset, provided
from bench.engine.manifest import read_manifest
from bench.registry.declarations import PluginInfo

_BY_FILE = "bench_plugin_"  # what the module of a plugin file is called


def quoted(value: object) -> str:
    """Return a value as a shell takes it for one word."""
    return shlex.quote(str(value))


def with_files(paths: Iterable[Path]) -> str:
    """Return options ``--plugin FILE``, each file once, a space before each; shorter where it lies below the folder.

    Examples
    --------
    >>> with_files([Path("mine.py"), Path("my set.py"), Path("mine.py")])
    " --plugin mine.py --plugin 'my set.py'"
    """
    named: dict[Path, Path] = {}
    for path in paths:
        named.setdefault(path.resolve(), path)
    return "".join(f" --plugin {quoted(_near(path))}" for path in named.values())


def _near(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_absolute() and path.is_relative_to(here) else path


def files_of_run(rows: Path) -> list[Path]:
    """Return the plugin and dataset files that the latest run behind a rows file used; none where nothing records them.

    Parameters
    ----------
    rows : ``<out>/rows/<dataset>.csv``, beside which the manifest lies
    """
    beside = rows.with_suffix(".manifest.json")
    if not beside.exists():
        return []
    manifest = read_manifest(beside)
    plugins = [Path(file["path"]) for file in manifest["plugin_files"]]
    return [*plugins, *(path for path in _typed(manifest) if declares_dataset(path))]


def _typed(manifest: dict[str, Any]) -> Iterator[Path]:
    """Yield the files after ``--plugin`` on the command line of a run, from the folder that it was started in."""
    words = [str(word) for word in manifest["argv"]]
    for before, word in itertools.pairwise(words):
        if before == "--plugin":
            yield Path(manifest["folder"]) / word
    for word in words:
        if word.startswith("--plugin="):
            yield Path(manifest["folder"]) / word.partition("=")[2]


def files_needed(info: PluginInfo, dataset: Dataset) -> list[Path]:
    """Return the files that a command about this generator and dataset has to name, as they were named."""
    found = [Path(info.origin)] if info.module.startswith(_BY_FILE) else []
    provider = provided().get(dataset.name)
    return [*found, *([provider.path] if provider and provider.path else [])]
