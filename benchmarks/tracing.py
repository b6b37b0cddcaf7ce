"""Measures what tracing attacks find on real `brca`: AUC over the five folds of seed 42, in about ten minutes.

    BENCH_DATA_HOME=... OMP_NUM_THREADS=1 python benchmarks/tracing.py

`real_holdout` releases people who are in neither role: what these attacks find there is noise.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

import numpy as np

from bench import Cohort, Split, stream
from bench.boundary.views import candidates, view_of
from bench.datasets import Dataset, load_dataset
from bench.datasets.folds import make_splits
from bench.registry import create, find
from bench.registry.selection import choose
from bench.statistics.membership import membership_measures

GENERATORS = "private_pgm,private_pgm[epsilon=4],private_pgm[epsilon=1],p_nmf,nmf,multivariate,real_holdout,noise"


def released(
    dataset: Dataset, split: Split, later: Split, name: str, params: Mapping[str, Any]
) -> tuple[Split, Cohort]:
    """Return the roles of a fold and a release of as many samples as there are in the train role."""
    path = (dataset.label_name, split.fold, name)
    fitted, roles = split.train, split
    if name == "real_holdout":
        spare = np.isin(split.train.samples, later.holdout.samples)
        fitted, roles = split.train.take(spare), Split(split.train.take(~spare), split.holdout, split.fold, split.seed)
    model = create(find("generator", name), params).fit(fitted, rng=stream(42, "fit", *path))
    return roles, model.sample(len(fitted), rng=stream(42, "sample", *path))


def main() -> None:
    """Print mean, standard deviation and the folds of each generator."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--generators", default=GENERATORS)
    parser.add_argument("--attacks", default="tracing,noisy_sum_ratio,noisy_sum_ratio_blind")
    parser.add_argument("--dataset", default="brca")
    asked = parser.parse_args()
    dataset = load_dataset(asked.dataset)
    splits = make_splits(dataset.cohort, seed=42)
    for choice in choose("generator", asked.generators):
        found: dict[str, list[float]] = {name: [] for name in asked.attacks.split(",")}
        for split, later in zip(splits, [*splits[1:], splits[0]], strict=True):
            roles, release = released(dataset, split, later, choice.info.name, choice.params)
            view = view_of(roles, dataset.label_name, release, "black-box + labels")
            for name, values in found.items():
                scores = create(find("attack", name)).score(view, rng=stream(42, name))
                values.append(membership_measures(scores, candidates(roles, dataset.label_name).member)[0].value)
        for name, values in found.items():
            folds = " ".join(f"{value:.3f}" for value in values)
            print(f"{choice.label}, {name}: {np.mean(values):.3f} ± {np.std(values, ddof=1):.3f} ({folds})", flush=True)


if __name__ == "__main__":
    main()
