"""What the prior of `dp_prior` contributes: the shipped one, one of one tissue, a random basis, and none.

    BENCH_DATA_HOME=... python benchmarks/dp_prior.py [--dataset brca] [--epsilons 10 4 1] [--oracle | --settings]

One row per epsilon and prior, beside the private methods for tables that read nothing public: mean over folds of what
the classifiers of `tstr` and `rare_class` reach, of MMD, and of edges at r > 0.3 and all correlations. The random basis
has the shipped strengths, and public means and spreads, so that only the programmes differ.

With ``--oracle`` the rows say instead what keeps the generator from being better: the same with tables of genes, with
moments of programmes, or with both measured without noise, which nobody may release; and with a prior of the same
tissue, made of the held-out people of the fold. What is out of reach even there is lost by the form of the model.

With ``--settings`` they are the shipped prior with the settings that `tune_dp_prior.py --merged` compares.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from bench.generators._pgm_release import Release
from bench.generators._privacy import gaussian_mu
from bench.generators._programmes import loadings, measure_programmes, normal_scores
from bench.generators._public_prior import PublicPrior, read_prior
from bench.generators.dp_copula import DpCopula
from bench.generators.dp_prior import DpPrior
from bench.generators.mst import Mst
from bench.generators.private_pgm import PrivatePgm
from bench.metrics._correlation import compare
from make_prior import ABOUT, tissues
from numpy.typing import NDArray
from tune_dp_prior import NAMED, take

from bench import Cohort, stream
from bench.core.roles import Split
from bench.datasets import load_dataset
from bench.datasets.folds import make_splits
from bench.registry.finding import create, find

SHOWN = (
    "accuracy_synthetic", "aupr_synthetic", "worst_class_recall_synthetic", "rare_class_f1_synthetic", "mmd",
    "recall", "precision", "rmse",
)  # fmt: skip
_R03 = 1  # position of r > 0.3 among the cuts
_EXACT = 1e4  # Gaussian strength that hides nobody


def priors(home: Path, folder: Path) -> dict[str, str | None]:
    """Return what `prior` is to be for each row."""
    shipped = read_prior("shipped")
    random = np.linalg.qr(np.random.default_rng(0).standard_normal(shipped.programmes.shape))[0]
    replace(shipped, programmes=random).write(folder / "random.npz")
    kidney, symbols = tissues(home, ["Kidney"])
    PublicPrior.of(kidney, 60, {**ABOUT, "made": "benchmarks/dp_prior.py"}, symbols).write(folder / "kidney.npz")
    found: dict[str, str | None] = {"shipped": "shipped", "kidney alone": str(folder / "kidney.npz")}
    return {**found, "random basis": str(folder / "random.npz"), "none": None}


class Oracle(DpPrior):
    """`DpPrior` with a part of what it measures almost without noise."""

    exact: frozenset[str] = frozenset()

    def fit(self, cohort: Cohort, *, rng: np.random.Generator) -> Oracle:
        """Measure as `DpPrior` does; what is `exact` at a strength that hides nobody."""
        super().fit(cohort, rng=rng)
        if self.public_ is not None and self.exact:
            codes = np.unique(cohort.y, return_inverse=True)[1]
            scores = normal_scores(self.star_, self.release_.bins.codes(cohort), codes)
            mu = _EXACT if "programmes" in self.exact else gaussian_mu(self.epsilon, self.delta) * self.together**0.5
            self.moments_ = measure_programmes(scores, self.public_, self._total(), mu, rng)
            self.loadings_ = loadings(self.moments_, self.public_, self._total())
        return self

    def _margins(self, cohort: Cohort, codes: NDArray[np.intp], mu: float, rng: np.random.Generator) -> Release:
        return super()._margins(cohort, codes, _EXACT if "tables" in self.exact else mu, rng)


def oracle(epsilon: float, exact: str) -> Oracle:
    """Return the generator with these parts, divided by blanks, measured exactly."""
    made = Oracle(epsilon=epsilon)
    made.exact = frozenset(exact.split())
    return made


def same_tissue(epsilon: float, split: Split, folder: Path) -> DpPrior:
    """Return the generator with a prior of the held-out people, whom it is not trained on."""
    held = split.holdout
    programmes = min(60, len(held) - len(held.classes))
    path = folder / f"{split.fold}.npz"
    PublicPrior.of(held, programmes, {**ABOUT, "made": "benchmarks/dp_prior.py"}).write(path)
    return DpPrior(epsilon=epsilon, prior=str(path))


def measured(make: Callable[[Split], Any], splits: list[Split]) -> dict[str, float]:
    """Return the means over folds."""
    rows = []
    for split in splits:
        fitted = make(split).fit(split.train, rng=stream(1, "fit", split.fold))
        made = fitted.sample(len(split.train), rng=stream(1, "sample", split.fold))
        edges = compare(split.train.X, made.X)
        row = {"recall": edges.recall(_R03), "precision": edges.precision(_R03), "rmse": edges.rmse}
        for metric in ("tstr", "rare_class", "mmd"):
            row |= create(find("metric", metric))(split.train, split.holdout, made, rng=stream(1, metric))
        rows.append(row)
    return {name: float(pd.DataFrame(rows)[name].mean()) for name in SHOWN}


def with_setting(epsilon: float, name: str) -> DpPrior:
    """Return the generator with a named setting, in force until another one is taken."""
    return DpPrior(epsilon=epsilon, **take(NAMED[name]))


def rows_of(epsilon: float, made: dict[str, str | None], folder: Path) -> dict[str, Callable[[Split], Any]]:
    """Return what makes the generator of each row from a split."""
    if made:
        rows: dict[str, Callable[[Split], Any]] = {"private_pgm": lambda _: PrivatePgm(epsilon=epsilon)}
        rows |= {"dp_copula": lambda _: DpCopula(epsilon=epsilon), "mst": lambda _: Mst(epsilon=epsilon)}
        return rows | {name: lambda _, p=prior: DpPrior(epsilon=epsilon, prior=p) for name, prior in made.items()}
    parts = {
        "as it is": "",
        "exact tables": "tables",
        "exact programmes": "programmes",
        "exact both": "tables programmes",
    }
    rows = {name: lambda _, exact=exact: oracle(epsilon, exact) for name, exact in parts.items()}
    return rows | {"prior of the same tissue": lambda split: same_tissue(epsilon, split, folder)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="brca")
    parser.add_argument("--epsilons", type=float, nargs="+", default=[10.0, 4.0, 1.0])
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--oracle", action="store_true")
    parser.add_argument("--settings", action="store_true")
    parser.add_argument("--only", nargs="+", default=[], help="names of rows; all of them by default")
    given = parser.parse_args()
    splits = make_splits(load_dataset(given.dataset).cohort, seed=42)[: given.folds]
    print("| epsilon | prior | " + " | ".join(SHOWN) + " |\n" + "|---" * (len(SHOWN) + 2) + "|")
    with tempfile.TemporaryDirectory() as folder:
        made = {} if given.oracle or given.settings else priors(Path(os.environ["BENCH_DATA_HOME"]), Path(folder))
        for epsilon in given.epsilons:
            rows = rows_of(epsilon, made, Path(folder))
            if given.settings:
                rows = {name: lambda _, e=epsilon, name=name: with_setting(e, name) for name in NAMED}
            for name, make in ((name, make) for name, make in rows.items() if name in (given.only or rows)):
                numbers = " | ".join(f"{value:.4f}" for value in measured(make, splits).values())
                print(f"| {epsilon:g} | {name} | {numbers} |", flush=True)


if __name__ == "__main__":
    main()
