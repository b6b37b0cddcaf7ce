"""Signatures: whether how much of each cell type a tissue shows is, class by class, as it is in real people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench import Cohort, DataError, Measure, fold_fact, metric

from ._scaling import centre_and_scale

Array = NDArray[np.float64]


@metric(
    "signatures",
    family="biology",
    measures=(
        Measure(
            "signature_profile_rmse", "lower", 0, table="biology", rank=16, title="signatures RMSE",
            real="signature_profile_rmse_base", words="cell-type signatures",
        ),
        Measure("signature_profile_rmse_base", "none", 0),
        Measure("signature_correlation_rmse", "lower", 0, 2, table="biology", rank=17, title="signatures r RMSE"),
        Measure("signature_correlation_rmse_base", "none", 0, 2),
    ),
    opt_in=True,
    doi="10.1186/s13059-016-1070-5",
)  # fmt: skip
@dataclass(kw_only=True)
class Signatures:
    """Compare scores of cell-type signatures with those of the training samples, by class and together.

    Signatures come from a GMT file that the user names, ``signatures[gmt=FILE]``: markers that one cell type alone
    expresses, under the names that the cohort has. The score of a person is the mean of the markers, each standardised
    by the training samples: up to its scale the abundance of the cell type, as marker-based deconvolution has it.
    ``signature_profile_rmse`` is the root mean square difference of mean scores over classes and signatures, in
    standard deviations of a marker; ``signature_correlation_rmse`` that of the correlations between signatures over
    people, what appears together in a tissue. ``_base`` has the held-out samples in the place of the release. NaN
    without a file, where no signature has enough markers or a class is missing; of correlations also with one
    signature alone.

    Becht, Giraldo, Lacroix and others 2016, Genome Biology 17, 218.
    """

    gmt: str = ""  # one signature per line: name, description, genes, tabs between them
    smallest: int = 3  # markers that the cohort must have

    def __call__(
        self, train: Cohort, holdout: Cohort, synthetic: Cohort, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return the differences of the scores."""
        sets = _read(Path(self.gmt)) if self.gmt else []
        rows = [[i for i, gene in enumerate(train.genes) if gene in genes] for genes in sets]
        held = [row for row in rows if len(row) >= self.smallest]
        made, base = (_compared(cohort, train, held) for cohort in (synthetic, holdout))
        return made | {f"{name}_base": value for name, value in base.items()}


def _read(path: Path) -> list[set[str]]:
    """Return the genes of each signature of a GMT file."""
    try:
        lines = [
            line.rstrip("\n").split("\t") for line in path.read_text(encoding="utf-8").splitlines() if line.strip()
        ]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"the signatures {path} cannot be read: {error}. Give the path of a GMT file.") from error
    if short := next((line for line in lines if len(line) < 3), None):
        raise DataError(f"{path}, {short[0]!r}: expected name, description and genes with tabs between them.")
    return [set(line[2:]) - {""} for line in lines]


def _compared(cohort: Cohort, train: Cohort, held: list[list[int]]) -> dict[str, float]:
    if not held or len(cohort) < 2 or not set(train.classes.tolist()) <= set(cohort.y.tolist()):
        return {"signature_profile_rmse": nan, "signature_correlation_rmse": nan}
    real, made = (scores(people, train, held) for people in (train, cohort))
    apart = [made[cohort.y == k].mean(axis=0) - real[train.y == k].mean(axis=0) for k in train.classes]
    return {
        "signature_profile_rmse": float(np.sqrt(np.mean(np.square(apart)))),
        "signature_correlation_rmse": _apart(real, made),
    }


def scores(people: Cohort, train: Cohort, held: list[list[int]]) -> Array:
    """Return (n, n_signatures) the mean standardised markers of each person."""
    mean, spread = _scale(train)
    X = (people.X - mean) / spread
    return np.stack([X[:, row].mean(axis=1) for row in held], axis=1)


@fold_fact
def _scale(train: Cohort) -> tuple[Array, Array]:
    return centre_and_scale(train.X)


def _apart(real: Array, made: Array) -> float:
    """Return the root mean square difference of correlations between signatures; NaN where one does not vary."""
    if real.shape[1] < 2 or not (real.std(axis=0) > 0).all() or not (made.std(axis=0) > 0).all():
        return nan
    above = np.triu_indices(real.shape[1], 1)
    ours, theirs = (np.atleast_2d(np.corrcoef(found.T)) for found in (real, made))
    gap = ours[above] - theirs[above]
    return float(np.sqrt(np.mean(gap**2)))
