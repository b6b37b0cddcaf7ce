"""The contract of metrics, as checks that say in words what is wrong."""

from __future__ import annotations

import numpy as np

from bench.boundary.checks import check_measures
from bench.conformance.example_cohorts import check_rng, example
from bench.core.errors import PluginError
from bench.core.records import Records
from bench.registry.declarations import Measure, PluginInfo
from bench.registry.finding import create


def _measured(info: PluginInfo, train: Records, holdout: Records, synthetic: Records) -> dict[str, float]:
    return check_measures(info, create(info)(train, holdout, synthetic, rng=check_rng("metric")))


def _far_off(like: Records) -> Records:
    """Return noise beside the real data, with labels that mean nothing."""
    rng = check_rng("noise")
    return like.synthetic(rng.normal(16, 1, like.X.shape), rng.permutation(like.y))


def measures_what_it_declares(info: PluginInfo) -> None:
    """It returns exactly its declared measures, inside their bounds, and the same ones for the same stream."""
    train, holdout = example(info, 90, "train"), example(info, 45, "holdout")
    for synthetic in (example(info, 90, "synthetic"), train.synthetic(train.X, train.y), _far_off(train)):
        first, second = (_measured(info, train, holdout, synthetic) for _ in range(2))
        if not all(first[name] == second[name] or np.isnan(first[name]) for name in first):
            raise PluginError(f"the same rng gave {first} and {second}; draw only from the rng that is handed in.")


def worse_data_score_worse(info: PluginInfo) -> None:
    """Noise beside the data, or copies where privacy is measured, do not score better than fresh people do."""
    train, holdout = example(info, 90, "train"), example(info, 45, "holdout")
    private = info.option("family") == "privacy"  # noise is: what is bad for privacy are copies
    what, worse = ("copies", train.synthetic(train.X, train.y)) if private else ("noise", _far_off(train))
    good = _measured(info, train, holdout, example(info, 90, "synthetic"))
    bad = _measured(info, train, holdout, worse)
    for measure in info.measures:
        if _better(measure, bad[measure.name], good[measure.name]):
            said = measure.better if measure.target is None else f"what is closer to {measure.target:g}"
            raise PluginError(
                f"{measure.name} is {bad[measure.name]:.4g} for {what} and {good[measure.name]:.4g} for good data, but "
                f"{said} is declared better. Mend the measure or its direction ('none' for a reference)."
            )


def _better(measure: Measure, a: float, b: float) -> bool:
    return measure.scored and measure.merit(a) > measure.merit(b) + 1e-9 + 0.02 * abs(b)


def order_of_rows_is_free(info: PluginInfo) -> None:
    """The order of the synthetic samples does not matter (up to the chance of a random split)."""
    train, holdout, synthetic = example(info, 90, "train"), example(info, 45, "holdout"), example(info, 90, "synthetic")
    straight = _measured(info, train, holdout, synthetic)
    shuffled = _measured(info, train, holdout, synthetic.take(check_rng("order").permutation(90)))
    for name, value in straight.items():
        if abs(value - shuffled[name]) > 0.15 * max(abs(value), 0.5):
            raise PluginError(f"{name} is {value:.4g}, but {shuffled[name]:.4g} after shuffling the synthetic samples.")


def degenerate_input_is_nan(info: PluginInfo) -> None:
    """A single synthetic sample, one class, and constant genes give numbers or NaN, and no error."""
    train, holdout = example(info, 90, "train"), example(info, 45, "holdout")
    constant = train.synthetic(np.full_like(train.X, 8), train.y)
    for synthetic in (train.take([0]), train.take(train.y == "a"), constant):
        _measured(info, train, holdout, synthetic)
