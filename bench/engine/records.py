"""What a run leaves behind: a record in the store, and per dataset the merged rows that reports are made from."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import logging
import os
import platform
import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench import __version__
from bench.core.plain import writable
from bench.core.roles import Split
from bench.datasets import Dataset
from bench.datasets.elsewhere import shown_from_elsewhere
from bench.store.rows import IDENTITY, table_of_records, write_rows
from bench.store.store import Store, write_atomic

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)
_LIBRARIES = ("numpy", "scipy", "pandas", "scikit-learn", "torch", "opacus", "imbalanced-learn", "xgboost-cpu", "mbi")


def about(dataset: Dataset, threads: int, splits: Sequence[Split] = ()) -> dict[str, Any]:
    """Return where rows come from: data, versions, machine, command and time; and how large training and holdout are.

    How many people a fold has on either side decides how far luck reaches. The size of a release says nothing of it:
    one made elsewhere has any number of rows, and a control that releases spare people has a fold's.
    """
    classes, counts = np.unique(dataset.cohort.y, return_counts=True)
    return {
        "bench": __version__,
        "command": writable(shlex.join(["bench", *sys.argv[1:]])),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": {
            "classes": {str(label): int(n) for label, n in zip(classes, counts, strict=True)},
            "digest": dataset.digest,
            "genes": dataset.cohort.n_genes,
            "modality": dataset.cohort.modality,
            "name": dataset.name,
            "reference": _reference(dataset),
            **_people_of(splits),
            "samples": len(dataset.cohort),
            "simulated": dataset.simulated,
            "source": dataset.source,
            "title": dataset.title,
            "units": (splits[0].train if splits else dataset.cohort).units,
            **({"per_fold": list(dataset.per_fold)} if dataset.per_fold else {}),
        },
        "machine": {
            "cpus": os.cpu_count(),
            "device": os.environ.get("BENCH_DEVICE", "auto"),
            "system": platform.platform(),
            "threads_per_task": threads,
        },
        "versions": {"python": platform.python_version(), **_versions()},
    }


def _people_of(splits: Sequence[Split]) -> dict[str, int]:
    """Return how many people a generator usually is trained on, and how many are held out; nothing without splits."""
    if not splits:
        return {}
    sides = {"trained_on": [len(s.train) for s in splits], "held_out": [len(s.holdout) for s in splits]}
    return {side: int(np.median(sizes)) for side, sizes in sides.items()}


def _reference(dataset: Dataset) -> str:
    """Return in words whom attackers with a reference are shown."""
    if dataset.reference is not None:
        return f"{len(dataset.reference)} people of the cohort, in no training set"
    found = shown_from_elsewhere(dataset)
    return found.words if found else "none"


def _versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def keep(
    store: Store, dataset: Dataset, rows: pd.DataFrame, facts: dict[str, Any], manifest: dict[str, Any] | None = None
) -> Path:
    """Write the record of a finished run into the store and return its path; the manifest is told its name.

    A run that gave the very rows of the one before it, because all of them were in the store, points to that record
    under ``rows_in`` instead of holding them again.
    """
    name = store.next_run()
    if manifest is not None:
        manifest |= {"record": name, "created": facts["created"]}
    values = rows.astype(object).to_numpy().tolist()
    digest = hashlib.sha256(json.dumps(values).encode()).hexdigest()
    record = {"about": facts, "slug": dataset.slug, "rows": values, "rows_digest": digest, "manifest": manifest}
    if same := _holder(store, dataset.slug, digest):
        record |= {"rows": [], "rows_in": same}
    text = json.dumps(record)
    path = store.root / "runs" / f"{name}.json"
    write_atomic(path, lambda f: f.write(text.encode()))
    return path


def _holder(store: Store, slug: str, digest: str) -> str | None:
    """Return the name of the record that holds the rows of this digest, if the latest run of a dataset gave them."""
    for path in sorted((store.root / "runs").glob("*.json"), reverse=True):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue  # `Store.runs` says so
        if record["slug"] == slug:
            holder = str(record.get("rows_in", path.stem))
            there = path.with_name(f"{holder}.json").is_file()
            return holder if record.get("rows_digest") == digest and there else None
    return None


def write_manifest(rows: Path, manifest: dict[str, Any]) -> Path:
    """Write the manifest of the latest run of a dataset beside its rows: ``<out>/rows/<slug>.manifest.json``."""
    path = rows.with_suffix(".manifest.json")
    text = json.dumps(manifest, indent=1, sort_keys=True) + "\n"
    write_atomic(path, lambda f: f.write(text.encode()))
    return path


def publish(store: Store, slug: str, out: Path) -> Path:
    """Write the rows of all recorded runs of a dataset to ``<out>/rows/<slug>.csv``; newer rows replace older ones.

    Rows of other data under the same name (another digest) are left out, with a warning: they would not compare.
    """
    records = [record for record in store.runs() if record["slug"] == slug]
    latest = records[-1]["about"]
    rows: dict[tuple[Any, ...], list[Any]] = {}
    notes: dict[str, list[str]] = {}
    for record in records:
        if record["about"]["data"]["digest"] != latest["data"]["digest"]:
            log.warning("a run of %s was made on other data and is left out of the table", record["about"]["created"])
            continue
        rows |= {tuple(row[: len(IDENTITY)]): row for row in record["rows"]}
        notes |= record["about"].get("notes", {})
    merged = table_of_records(rows.values())
    merged = merged.sort_values(IDENTITY, ignore_index=True)
    path = out / "rows" / f"{slug}.csv"
    write_rows(path, merged, {**latest, "notes": notes} if notes else latest)
    return path
