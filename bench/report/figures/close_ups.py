"""Keeps what close-up pictures show: one file of numbers, and two small tables, beside the rows of a dataset.

The numbers are computed where the samples are (`bench run`, `bench pictures`); reports draw them without the samples.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.core.errors import StoreError
from bench.core.records import Records
from bench.datasets import Dataset
from bench.engine.releases import Releases
from bench.registry.digests import key, module_digest
from bench.report.figures.close_up_numbers import Lens, Numbers, make_lens, numbers_of, short
from bench.report.figures.close_up_panels import REAL
from bench.report.figures.image_grids import draw_grids
from bench.report.figures.pca import draw_releases
from bench.report.figures.roc import Panel, draw_roc, roc_panels
from bench.report.figures.umap_map import umap_numbers, version
from bench.report.figures.variant_panels import draw_variants
from bench.store.rows import read_rows
from bench.store.store import Store, write_atomic

log = logging.getLogger(__name__)
WORST = 10  # genes of each release in the table
_CLASS_COLUMNS = ["generator", "class", "n_holdout", "share", "recall", "mmd"]
_GENE_COLUMNS = ["generator", "gene", "ks", "mean_train", "mean", "sd_train", "sd"]
TABLES = {"classes": _CLASS_COLUMNS, "genes": _GENE_COLUMNS}


def pictures_file(rows: Path) -> Path:
    """Return where the numbers of a rows file's pictures lie: ``<out>/pictures/<slug>.json``."""
    return rows.parent.parent / "pictures" / f"{rows.stem}.json"


def draw_all(rows: Path, dataset: Dataset, store: Store, releases: Releases | None, *, umap: bool) -> None:
    """Draw what lies beside the leaderboard, and write the numbers of all other pictures.

    Parameters
    ----------
    releases : of one fold; without them only ROC curves are drawn, and if some were dropped from the store since a
        picture was made, it stays
    umap : as for `write_numbers`
    """
    table, beside = read_rows(rows)[0], rows.parent.parent / "leaderboard"
    roc = beside / f"{rows.stem}_roc.png"
    panels = roc_panels(store, table, simulated=dataset.simulated)
    draw_roc(roc, panels, title=dataset.title, simulated=dataset.simulated)
    pca = beside / f"{rows.stem}_pca.png"
    if releases is not None and releases.dropped and pca.exists():
        gone = ", ".join(releases.dropped)
        log.warning("%s stays as it is: the samples of %s were dropped from the store", pca, gone)
    elif releases is not None:
        draw_releases(pca, releases, dataset)
        draw_grids(beside / f"{rows.stem}_samples.png", releases, dataset)
        draw_variants(beside / f"{rows.stem}_linkage.png", releases, dataset)
        write_numbers(rows, dataset, store, releases, panels, umap=umap)


def write_numbers(
    rows: Path, dataset: Dataset, store: Store, releases: Releases, roc: list[Panel], *, umap: bool
) -> Path:
    """Write the numbers of one fold, as far as the store does not know them computed anew, and the two tables.

    Parameters
    ----------
    umap : compute the UMAP map too; without it, only what the store knows of it is shown
    """
    lens = make_lens(releases.split)
    cohorts = {REAL: releases.split.train, **releases.synthetic}
    found = {label: _numbers(lens, cohort, store) for label, cohort in cohorts.items()}
    planes = umap_numbers(lens, cohorts, store, compute=umap)
    whole = {
        "about": _about(dataset, lens, releases),
        "releases": {label: {**body, "umap": planes.get(label)} for label, body in found.items()},
        "roc": [_curves(panel) for panel in roc],
    }
    path = pictures_file(rows)
    text = json.dumps(whole, separators=(",", ":")) + "\n"
    write_atomic(path, lambda f: f.write(text.encode()))
    _write_table(path.with_name(f"{rows.stem}_classes.csv"), _CLASS_COLUMNS, _class_lines(whole))
    _write_table(path.with_name(f"{rows.stem}_genes.csv"), _GENE_COLUMNS, _gene_lines(whole))
    return path


def _write_table(path: Path, names: list[str], lines: Iterator[list[Any]]) -> None:
    text = pd.DataFrame(list(lines), columns=names).to_csv(index=False)
    write_atomic(path, lambda f: f.write(text.encode()))


def read_numbers(rows: Path, digest: str) -> dict[str, Any] | None:
    """Return the numbers of a rows file's pictures, or None if there are none of the very cohort.

    Raises
    ------
    StoreError
        If there is a file that cannot be read.
    """
    path = pictures_file(rows)
    if not path.exists():
        return None
    try:
        whole: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return whole if whole["about"]["digest"] == digest else None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} cannot be read ({error}). `bench pictures` writes it again.") from error


def _numbers(lens: Lens, cohort: Records, store: Store) -> Numbers:
    split, code = lens.split, module_digest("bench.report.figures.close_up_numbers")
    roles = {"train": split.train.digest, "holdout": split.holdout.digest, "fold": split.fold, "seed": split.seed}
    name = key("picture", code=code, release=cohort.digest, itself=cohort is split.train, **roles)
    if not store.has(name):
        store.write(name, numbers_of(lens, cohort))
    body = store.read(name)  # as the store gives it: the same order of keys, computed now or before
    assert body is not None
    return body


def _about(dataset: Dataset, lens: Lens, releases: Releases) -> Numbers:
    split = lens.split
    return {
        "digest": dataset.digest,
        "seed": split.seed,
        "fold": split.fold,
        "n_train": len(split.train),
        "n_holdout": len(split.holdout),
        "classes": list(lens.classes),
        "held_out": [int(np.sum(split.holdout.y == label)) for label in lens.classes],
        "controls": sorted(releases.controls),
        "genes": list(split.train.genes),
        "n_correlated": len(lens.correlated),
        "explained": [float(f"{share:.4g}") for share in lens.basis.explained[:2]],
        "pair": lens.pair,
        "calls": lens.calls.tolist(),
        "umap": version(),
    }


def _curves(panel: Panel) -> Numbers:
    curves = {name: np.round(curve, 6).tolist() for name, curve in panel.curves.items()}
    published = None if panel.published is None else np.round(panel.published, 6).tolist()
    return {"title": panel.title, "curves": curves, "published": published}


# -- the tables --------------------------------------------------------------------------------------------------------


def _class_lines(whole: Mapping[str, Any]) -> Iterator[list[Any]]:
    """Yield a line per release and class; the generator of the training samples has no name."""
    sizes = whole["about"]["held_out"]
    for label, body in whole["releases"].items():
        found = body["classes"]
        for i, name in enumerate(whole["about"]["classes"]):
            yield [label, name, sizes[i], *(found[column][i] for column in _CLASS_COLUMNS[3:])]


def _gene_lines(whole: Mapping[str, Any]) -> Iterator[list[Any]]:
    """Yield the worst genes of each release, and of the mean over releases that are no controls, which has no name."""
    real, genes = whole["releases"][REAL]["genes"], whole["about"]["genes"]
    others = {label: body["genes"] for label, body in whole["releases"].items() if label != REAL}
    ranked = [found for label, found in others.items() if label not in whole["about"]["controls"]]
    if ranked:
        means = {name: _mean([found[name] for found in ranked]) for name in ("ks", "mean", "sd")}
        others = {REAL: means, **others}
    for label, found in others.items():
        ks = np.array(found["ks"], dtype=float)  # None becomes NaN
        for g in np.argsort(-np.nan_to_num(ks), kind="stable")[:WORST]:
            yield [label, genes[g], found["ks"][g], real["mean"][g], found["mean"][g], real["sd"][g], found["sd"][g]]


def _mean(rows: list[list[float | None]]) -> list[float | None]:
    values = np.array(rows, dtype=float)
    return short(values[~np.isnan(values).any(axis=1)].mean(axis=0)) if len(values) else []
