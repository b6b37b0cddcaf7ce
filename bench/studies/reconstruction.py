"""Study: how often an adversary who knows everybody but one names the one, against the most that the noise allows.

Membership asks whether a record was there; reconstruction asks which one. DP-SGD trains a softmax regression on the
flat view and publishes every noisy gradient. The adversary knows all other records and n candidates, one of which is in
the data. What he achieves stands beside the bound that holds for any adversary.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from bench.core.errors import DataError
from bench.core.records import Records
from bench.core.seeds import stream
from bench.datasets import Dataset
from bench.statistics.dp_bounds import gaussian_strength
from bench.statistics.membership import clopper_pearson
from bench.statistics.reconstruction import Training, full_batch_bound, matched_filter, sampled_bound

COLUMNS = (
    *("dataset", "epsilon", "delta", "rate", "sigma", "steps", "candidates", "trials"),
    *("named", "low", "high", "chance", "bound"),
)
_KNOWN = 400  # records that the adversary knows; more change nothing but the time
_DRAWS = 100_000  # of the simulated bound


def reconstruct(
    dataset: Dataset, epsilons: Sequence[float], *, candidates: int, trials: int, steps: int, rate: float, delta: float,
    seed: int,
) -> pd.DataFrame:  # fmt: skip
    """Return one line per epsilon and batch rate: 1, and `rate` with the same noise.

    Parameters
    ----------
    epsilons : budgets; infinite means no noise
    candidates : records among which the adversary names one
    trials : trainings per line
    rate : of Poisson sampling in the second line of each epsilon; its true budget is below the stated one, since
        sampling amplifies privacy and the noise is the same

    Returns
    -------
    pandas.DataFrame
        ``named`` is the share of trials in which the right candidate was named, ``low`` and ``high`` its 95 %
        interval (Clopper-Pearson), ``chance`` is 1 / candidates, ``bound`` the most that any adversary can reach.

    Raises
    ------
    DataError
        If the cohort is too small.
    """
    cohort = dataset.cohort
    if candidates < 2 or len(cohort) < candidates + 2:
        raise DataError(
            f"{dataset.name} has {len(cohort)} records and {candidates} candidates were asked for; expected 2 or more, "
            "and records beside them."
        )
    return pd.DataFrame(
        list(_lines(dataset, epsilons, candidates, trials, steps, rate, delta, seed)), columns=list(COLUMNS)
    )


def _lines(
    dataset: Dataset, epsilons: Sequence[float], candidates: int, trials: int, steps: int, rate: float, delta: float,
    seed: int,
) -> Iterator[tuple[object, ...]]:  # fmt: skip
    for epsilon in epsilons:
        sigma = 0.0 if math.isinf(epsilon) else math.sqrt(steps) / gaussian_strength(epsilon, delta)
        for batch in (1.0, rate) if rate < 1 else (1.0,):
            training = Training(sigma, steps, batch)
            rng = stream(seed, "reconstruction", str(epsilon), str(batch))
            named = _named(dataset.cohort, training, candidates, trials, rng)
            bound = full_batch_bound(1 / candidates, sigma, steps)
            if batch < 1:
                bound = sampled_bound(1 / candidates, sigma, steps, batch, draws=_DRAWS, rng=rng)
            low, high = clopper_pearson(named, trials)
            about = (dataset.slug, epsilon, delta, batch, sigma, steps, candidates, trials)
            yield (*about, named / trials, low, high, 1 / candidates, bound)


def _named(cohort: Records, training: Training, candidates: int, trials: int, rng: np.random.Generator) -> int:
    """Return in how many trials the right candidate was named; each draws its records anew."""
    X = cohort.X.astype(np.float64)
    X = (X - X.mean(axis=0)) / X.std()
    X = np.concatenate([X, np.ones((len(X), 1))], axis=1)
    labels, codes = np.unique(cohort.y, return_inverse=True)
    right = 0
    for _ in range(trials):
        rows = rng.permutation(len(X))[: candidates + _KNOWN]
        few, rest = rows[:candidates], rows[candidates:]
        target = int(rng.integers(candidates))
        found = matched_filter((X[rest], codes[rest]), (X[few], codes[few]), target, training, len(labels), rng)
        right += found == target
    return right
