"""What the prior of `dp_prior` contributes: the shipped one, one of one tissue, a random basis, and none.

    BENCH_DATA_HOME=... python benchmarks/dp_prior.py [--dataset brca] [--epsilons 10 4 1] [--folds 5]

One row per epsilon and prior, beside `private_pgm`: mean over folds of what the classifiers of `tstr` and `rare_class`
reach, of MMD, and of edges at r > 0.3 and all correlations. The random basis has the shipped strengths, and public
means and spreads, so that only the programmes differ.
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
from bench.generators._public_prior import PublicPrior, read_prior
from bench.generators.dp_prior import DpPrior
from bench.generators.private_pgm import PrivatePgm
from bench.metrics._correlation import compare
from make_prior import ABOUT, tissues

from bench import stream
from bench.core.roles import Split
from bench.datasets import load_dataset
from bench.datasets.folds import make_splits
from bench.registry.finding import create, find

SHOWN = (
    "accuracy_synthetic", "aupr_synthetic", "worst_class_recall_synthetic", "rare_class_f1_synthetic", "mmd",
    "recall", "precision", "rmse",
)  # fmt: skip
_R03 = 1  # position of r > 0.3 among the cuts


def priors(home: Path, folder: Path) -> dict[str, str | None]:
    """Return what `prior` is to be for each row."""
    shipped = read_prior("shipped")
    random = np.linalg.qr(np.random.default_rng(0).standard_normal(shipped.programmes.shape))[0]
    replace(shipped, programmes=random).write(folder / "random.npz")
    kidney, symbols = tissues(home, ["Kidney"])
    PublicPrior.of(kidney, 60, {**ABOUT, "made": "benchmarks/dp_prior.py"}, symbols).write(folder / "kidney.npz")
    found: dict[str, str | None] = {"shipped": "shipped", "kidney alone": str(folder / "kidney.npz")}
    return {**found, "random basis": str(folder / "random.npz"), "none": None}


def measured(make: Callable[[], Any], splits: list[Split]) -> dict[str, float]:
    """Return the means over folds."""
    rows = []
    for split in splits:
        fitted = make().fit(split.train, rng=stream(1, "fit", split.fold))
        made = fitted.sample(len(split.train), rng=stream(1, "sample", split.fold))
        edges = compare(split.train.X, made.X)
        row = {"recall": edges.recall(_R03), "precision": edges.precision(_R03), "rmse": edges.rmse}
        for metric in ("tstr", "rare_class", "mmd"):
            row |= create(find("metric", metric))(split.train, split.holdout, made, rng=stream(1, metric))
        rows.append(row)
    return {name: float(pd.DataFrame(rows)[name].mean()) for name in SHOWN}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="brca")
    parser.add_argument("--epsilons", type=float, nargs="+", default=[10.0, 4.0, 1.0])
    parser.add_argument("--folds", type=int, default=5)
    given = parser.parse_args()
    splits = make_splits(load_dataset(given.dataset).cohort, seed=42)[: given.folds]
    print("| epsilon | prior | " + " | ".join(SHOWN) + " |\n" + "|---" * (len(SHOWN) + 2) + "|")
    with tempfile.TemporaryDirectory() as folder:
        made = priors(Path(os.environ["BENCH_DATA_HOME"]), Path(folder))
        for epsilon in given.epsilons:
            rows: dict[str, Callable[[], Any]] = {"private_pgm": lambda e=epsilon: PrivatePgm(epsilon=e)}
            rows |= {name: lambda e=epsilon, p=prior: DpPrior(epsilon=e, prior=p) for name, prior in made.items()}
            for name, make in rows.items():
                numbers = " | ".join(f"{value:.4f}" for value in measured(make, splits).values())
                print(f"| {epsilon:g} | {name} | {numbers} |", flush=True)


if __name__ == "__main__":
    main()
