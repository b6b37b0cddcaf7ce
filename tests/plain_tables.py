"""A small cohort as the tables that people have: as text, with its labels, and imported."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np

from bench import Cohort
from bench.core.records import Units
from bench.datasets.importing import import_dataset
from bench.datasets.readers.matrices import Layout

GENES = ["TP53", "BRCA1", "ESR1", "ERBB2", "MKI67", "GATA3", "FOXA1", "PGR", "EGFR", "MYC", "CCND1", "CDH1"]
SAMPLES = [f"S{i:02d}" for i in range(20)]
KINDS = ["LumA", "Basal"] * 10
X = np.round(np.random.default_rng(5).normal(8, 1, (20, 12)), 4)  # (samples, genes)
COUNTS = np.rint(2**X).astype(int)


def lines(values: Any = X, samples: list[str] = SAMPLES, genes: list[str] = GENES, sep: str = "\t") -> list[str]:
    """Return a table of genes x samples."""
    return [sep.join(["gene", *samples]), *(sep.join([g, *map(str, row)]) for g, row in zip(genes, np.transpose(values), strict=True))]  # fmt: skip


def labels(folder: Path, names: list[str] = SAMPLES, kinds: list[str] = KINDS, head: str = "samplesID,type") -> Path:
    path = folder / "labels.csv"
    path.write_text("\n".join([head, *(f"{n},{k}" for n, k in zip(names, kinds, strict=True))]))
    return path


def read(
    folder: Path, text: list[str] | str | bytes, name: str = "x.tsv", units: Units = "log2", **more: Any
) -> Cohort:
    """Import a matrix with the labels, and return the cohort."""
    path = folder / name
    text = "\n".join([*text, ""]) if isinstance(text, list) else text
    raw = text.encode() if isinstance(text, str) else text
    path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    beside = more.pop("labels", folder / "labels.csv")
    if beside is not None and not beside.exists():
        labels(folder)
    return import_dataset("x", path, beside, units=units, layout=Layout(**more), force=True).cohort  # type: ignore[return-value]
