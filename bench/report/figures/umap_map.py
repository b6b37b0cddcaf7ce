"""Puts releases on one UMAP map, fitted once on training samples: the map does not move when a release is added.

Needs the extra `umap`; without it there is no map, and pages say so.
"""

from __future__ import annotations

import importlib.metadata
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.core.records import Records
from bench.core.seeds import integer_seed, stream
from bench.registry.digests import key, module_digest
from bench.report.figures.close_up_numbers import Lens, Numbers, label_numbers, labels_of, short, shown_rows
from bench.store.store import Store

N_FITTED = 1000  # training samples that the map is fitted on, at random where there are more
N_PLACED = 500  # samples of a release that are put on it
_FEWEST = 16  # training samples for a map worth the name: it looks at 15 neighbours
_NEIGHBOURS = 15


def version() -> str | None:
    """Return the version of umap-learn, or None if the extra is not installed."""
    try:
        return importlib.metadata.version("umap-learn")
    except importlib.metadata.PackageNotFoundError:
        return None


def umap_numbers(lens: Lens, cohorts: Mapping[str, Records], store: Store, *, compute: bool) -> dict[str, Numbers]:
    """Return where the samples of each cohort lie on the map of the training samples; empty if there can be no map.

    What the store knows is not computed again, and what it does not know only on request.
    """
    installed = version()
    if installed is None or len(lens.train) < _FEWEST or lens.train.shape[1] < 2:
        return {}
    keys = {label: _key(lens, cohort, installed) for label, cohort in cohorts.items()}
    missing = [label for label, name in keys.items() if not store.has(name)]
    if missing and compute:
        mapping = _fit(lens)
        for label in missing:
            store.write(keys[label], _place(lens, cohorts[label], mapping))
    found = {label: store.read(name) for label, name in keys.items()}
    return {label: body for label, body in found.items() if body is not None}


def _key(lens: Lens, cohort: Records, installed: str) -> str:
    parts = {"code": module_digest("bench.report.figures.umap_map"), "umap": installed, "fold": lens.split.fold}
    return key("umap", train=lens.split.train.digest, release=cohort.digest, seed=lens.split.seed, **parts)


def _fit(lens: Lens) -> Any:
    umap = _library()
    rows = shown_rows(lens, lens.split.train, N_FITTED)
    seed = integer_seed(stream(lens.split.seed, "umap", lens.split.fold))
    mapping = umap.UMAP(n_neighbors=_NEIGHBOURS, random_state=seed, transform_seed=seed, n_jobs=1)
    return mapping.fit(lens.train[rows].astype(np.float32))


def _library() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImportWarning)  # it misses TensorFlow, which it would not need here
        import umap
    return umap


def _place(lens: Lens, cohort: Records, mapping: Any) -> Numbers:
    """Return where samples lie on the map; the training samples lie where the fit put them."""
    if cohort is lens.split.train:
        rows, plane = shown_rows(lens, cohort, N_FITTED)[:N_PLACED], np.asarray(mapping.embedding_)[:N_PLACED]
    else:
        rows = shown_rows(lens, cohort, N_PLACED)
        plane = _moved(mapping, lens.basis.project(cohort.take(rows)))
    return {"x": short(plane[:, 0]), "y": short(plane[:, 1]), "label": label_numbers(lens, labels_of(cohort)[rows])}


def _moved(mapping: Any, points: NDArray[np.float64]) -> NDArray[np.float32]:
    if not len(points):
        return np.zeros((0, 2), dtype=np.float32)
    plane: NDArray[np.float32] = mapping.transform(points.astype(np.float32))
    return plane
