"""The manifest of a run: everything that is needed to repeat it, and to see what is no longer as it was."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import __version__
from bench.core.errors import BenchError, StoreError
from bench.core.files import sha256
from bench.engine.environment import commit, distributions, hardware, variables
from bench.engine.plan import PlannedCell, Scope, label_of
from bench.engine.tasks import Task
from bench.registry.declarations import PluginInfo
from bench.registry.digests import ENGINE, code_digest, module_digest
from bench.registry.finding import add_plugin_file, find
from bench.store.row_equality import rows_digest

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 2
_ENGINE = (
    "bench.statistics.exposure",
    "bench.datasets.folds",
    "bench.statistics.membership",
    "bench.core.seeds",
    "bench.boundary.views",
)  # modules that make numbers
_FIELDS = ("argv", "folder", "request", "data", "code", "plugin_files", "versions", "rows")


def manifest_of(
    scope: Scope, plan: Sequence[PlannedCell], rows: pd.DataFrame, limits: Mapping[str, Any], call: str | None = None
) -> dict[str, Any]:
    """Return the manifest of a run that gave these rows.

    Parameters
    ----------
    limits : threads, jobs and whatever else bounded the run, as plain values
    call : the call in Python that made the run; None: the command line of this process did
    """
    infos = {(task.plugin.kind, task.plugin.name): task.plugin for planned in plan for task in planned.tasks}
    return {
        "manifest": FORMAT,
        "argv": ["bench", "run"] if call else ["bench", *sys.argv[1:]],
        "call": call,
        "folder": os.getcwd(),  # noqa: PTH109
        "git": commit(),
        "request": {**_request(plan), **limits, "device": os.environ.get("BENCH_DEVICE", "auto")},
        "data": _data(scope),
        "code": {**_engine(), **{f"{kind} {name}": code_digest(info) for (kind, name), info in sorted(infos.items())}},
        "plugin_files": [
            {"path": str(info.path), "sha256": sha256(info.path)} for info in infos.values() if _by_file(info)
        ],
        "versions": {"python": platform.python_version(), "omics-bench": __version__, **distributions()},
        "hardware": hardware(),
        "variables": variables(),
        "samples": sorted({planned.cell.sample_key for planned in plan}),
        "rows": {"n": len(rows), "sha256": rows_digest(rows)},
    }


def _request(plan: Sequence[PlannedCell]) -> dict[str, Any]:
    """Return what the run consists of, with names for whatever was called `all`."""
    tasks = [task for planned in plan for task in planned.tasks]
    return {
        "generators": list(dict.fromkeys(map(label_of, plan))),
        "seeds": sorted({planned.cell.seed for planned in plan}),
        "folds": sorted({planned.cell.fold for planned in plan}),
        "metrics": _labels(task for task in tasks if task.step == "metric"),
        "attacks": _labels(task for task in tasks if task.step == "attack"),
    }


def _labels(tasks: Iterable[Task]) -> list[str]:
    found: dict[str, None] = {}
    for task in tasks:
        changed = {name: value for name, value in task.params.items() if value != task.plugin.params[name]}
        text = ",".join(f"{name}={changed[name]}" for name in sorted(changed))
        found[f"{task.plugin.name}[{text}]" if text else task.plugin.name] = None
    return list(found)


def _data(scope: Scope) -> dict[str, Any]:
    dataset = scope.dataset
    return {
        "name": dataset.name,
        "slug": dataset.slug,
        "source": dataset.source,
        "samples": len(dataset.cohort),
        "genes": dataset.cohort.n_genes,
        "digest": dataset.digest,
        "reference_digest": dataset.reference.digest if dataset.reference else "",
        "splits": {f"fold {split.fold} of seed {split.seed}": split.digest for split in scope.splits},
    }


def _engine() -> dict[str, str]:
    return {"engine": str(ENGINE), **{module: module_digest(module) for module in _ENGINE}}


def _by_file(info: PluginInfo) -> bool:
    return info.module.startswith("bench_plugin_")


# -- reading -----------------------------------------------------------------------------------------------------------


def read_manifest(path: Path) -> dict[str, Any]:
    """Return the manifest in a file: one that lies beside rows, or the record of a run in a store.

    Raises
    ------
    StoreError
        If the file is missing or is no manifest of our format.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        found = found.get("manifest") if isinstance(found.get("manifest"), dict) else found
        version = found["manifest"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise StoreError(
            f"{path} is no manifest of a run ({reason}); expected <out>/rows/<dataset>.manifest.json or a file of "
            "<out>/store/runs."
        ) from error
    if version != FORMAT or (gone := [name for name in _FIELDS if name not in found]):
        wrong = f"has format {version!r}" if version != FORMAT else f"lacks {gone[0]!r}"
        raise StoreError(f"the manifest {path} {wrong}; this version of the package reads format {FORMAT}.")
    manifest: dict[str, Any] = found
    return manifest


# -- what is no longer as it was ---------------------------------------------------------------------------------------


def differences(manifest: Mapping[str, Any], data: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for whatever would make another number possible: data, plugins, the engine, versions of packages.

    Parameters
    ----------
    data : digest and reference_digest of the dataset as it is now
    """
    for name in ("digest", "reference_digest"):
        if manifest["data"][name] != data[name]:
            yield f"data {manifest['data']['name']}, {name}: {_short(manifest['data'][name])} -> {_short(data[name])}"
    for file in manifest["plugin_files"]:
        yield from _file_difference(Path(file["path"]), file["sha256"])
    for name, old in manifest["code"].items():
        if (new := _code_now(name)) != old:
            yield f"code of {name}: {_short(old)} -> {_short(new)}"
    now = {"python": platform.python_version(), "omics-bench": __version__, **distributions()}
    for name, old in manifest["versions"].items():
        if (new := now.get(name, "not installed")) != old:
            yield f"version of {name}: {old} -> {new}"


def _file_difference(path: Path, old: str) -> Iterator[str]:
    if not path.is_file():
        yield f"plugin file {path}: {_short(old)} -> not there"
        return
    add_plugin_file(path)
    if (new := sha256(path)) != old:
        yield f"plugin file {path}: {_short(old)} -> {_short(new)}"


def _code_now(name: str) -> str:
    kind, _, plugin = name.partition(" ")
    if name == "engine":
        return str(ENGINE)
    if not plugin:
        now = {module.rpartition(".")[2]: module for module in _ENGINE}.get(name.rpartition(".")[2])
        return module_digest(now) if now else "not there"  # it may have moved to another room since
    try:
        return code_digest(find(kind, plugin))  # type: ignore[arg-type]  # a kind was written there
    except BenchError:
        return "not there"


def notes(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for whatever moves times and perhaps last digits: commit, hardware, variables."""
    for name, now in (("git", commit()), ("hardware", hardware()), ("variables", variables())):
        old = manifest.get(name) or {}
        new: Mapping[str, Any] = now or {}
        for key in sorted({*old, *new}):
            if old.get(key) != new.get(key):
                yield f"{name}, {key}: {old.get(key, 'not set')} -> {new.get(key, 'not set')}"


def _short(digest: str) -> str:
    return digest[:12] if len(digest) == 64 else digest or "none"
