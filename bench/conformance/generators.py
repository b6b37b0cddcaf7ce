"""The contract of generators, as checks that say in words what is wrong."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from bench.boundary.checks import check_sample
from bench.conformance.example_cohorts import check_rng, example
from bench.core.cohort import Cohort
from bench.core.errors import PluginError
from bench.core.images import Images
from bench.core.records import Records
from bench.core.roles import PrivacyClaim, claim_of
from bench.core.variants import Variants
from bench.registry.declarations import PluginInfo
from bench.registry.finding import create


def _fitted(info: PluginInfo, cohort: Records) -> Any:
    plugin = _quick(info)
    if plugin.fit(cohort, rng=check_rng("fit")) is not plugin:
        raise PluginError("fit did not return self; end it with `return self`.")
    return plugin


_shared: dict[str, Any] = {}  # the last generator that was fitted to the training people, and its model


def _fitted_once(info: PluginInfo) -> Any:
    """Return a model fitted to the training people; checks that only draw from it share it."""
    if _shared.get("info") is not info:
        _shared.update(info=None, model=_fitted(info, example(info, 60, "train")))
        _shared["info"] = info
    return _shared["model"]


def _drawn(fitted: Any, n: int, *path: str | int) -> Records:
    """Return n samples, after a look at their type: the other checks compare what is in them."""
    sample = fitted.sample(n, rng=check_rng("sample", *path))
    if not isinstance(sample, Cohort | Images | Variants):
        raise PluginError(f"sample returned {type(sample).__name__}; expected a Cohort (use cohort.synthetic(X, y)).")
    return sample


def _quick(info: PluginInfo) -> Any:
    """Make the generator with the hyper-parameters that it declares quick enough for a toy cohort."""
    return create(info, info.option("quick"))


def fit_returns_self(info: PluginInfo) -> None:
    """Fit returns self and changes nothing in the training cohort."""
    cohort = example(info, 60, "train")
    before = cohort.X.copy()
    plugin = _quick(info)
    if plugin.fit(cohort, rng=check_rng("fit")) is not plugin:
        raise PluginError("fit did not return self; end it with `return self`.")
    if not np.array_equal(before, cohort.X):
        raise PluginError("fit changed the training matrix; work on a copy.")


def sample_has_the_asked_size(info: PluginInfo) -> None:
    """Sample returns n finite samples with the genes, their order, the units and known labels, for any n."""
    cohort = example(info, 60, "train")
    fitted = _fitted_once(info)
    for n in (60, 7, 130):
        sample = fitted.sample(n, rng=check_rng("sample", n))
        check_sample(sample, like=cohort, n=n)
    _check_columns(sample, cohort)


def _check_columns(sample: Records, cohort: Records) -> None:
    """Notice values in the alphabetical order of the genes under the names in their own order."""
    made, real = sample.X.mean(axis=0), cohort.X.mean(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        own, alphabetical = (np.corrcoef(made, real[order])[0, 1] for order in (slice(None), np.argsort(cohort.genes)))
    if alphabetical > 0.9 and own < 0.5:
        raise PluginError(
            "the values lie in the alphabetical order of the genes, but their names in the order of training. "
            "Something sorted the columns: leave them in the order of cohort.genes."
        )


def same_stream_same_sample(info: PluginInfo) -> None:
    """The same random stream gives the same sample, whatever the global random state, which stays as it was."""
    cohort = example(info, 60, "train")
    samples = []
    for disturbance in (1, 2):
        _disturb(disturbance)
        before = _global_state()
        samples.append(_drawn(_fitted(info, cohort), 60))
        if _global_state() != before:
            raise PluginError("the global random state was used or seeded; draw only from the rng that is handed in.")
    if samples[0].digest != samples[1].digest:
        raise PluginError(
            "two runs with the same rng gave different samples; draw only from the rng that is handed in."
        )


def another_stream_another_sample(info: PluginInfo) -> None:
    """Another random stream gives another sample."""
    fitted = _fitted_once(info)
    first, second = (_drawn(fitted, 60, i) for i in (1, 2))
    if first.digest == second.digest:
        raise PluginError(
            "two different random streams gave the same sample; a fixed seed makes every release guessable."
        )


def _disturb(seed: int) -> None:
    np.random.seed(seed)  # noqa: NPY002 - the point is to disturb it
    random.seed(seed)


def _global_state() -> tuple[Any, ...]:
    numpy_state = np.random.get_state(legacy=True)  # noqa: NPY002
    return (numpy_state[1].tobytes(), numpy_state[2], random.getstate())  # type: ignore[index]


def refit_replaces(info: PluginInfo) -> None:
    """A second fit forgets the first."""
    first, second = example(info, 60, "train"), example(info, 45, "other")
    twice, once = _fitted(info, first).fit(second, rng=check_rng("fit")), _fitted(info, second)
    if _drawn(twice, 30).digest != _drawn(once, 30).digest:
        raise PluginError("after a second fit, samples still depend on the first; set every attribute anew in fit.")


def a_class_of_three(info: PluginInfo) -> None:
    """A class with three samples does not stop it."""
    cohort = example(info, 63, "train")
    rare = np.flatnonzero(cohort.y == "c")[3:]
    small = cohort.take(np.setdiff1d(np.arange(63), rare))
    check_sample(_fitted(info, small).sample(len(small), rng=check_rng("sample")), like=small, n=len(small))


def claims_are_data(info: PluginInfo) -> None:
    """Its privacy claim is a PrivacyClaim, or None if it has no mechanism."""
    claim = claim_of(_fitted_once(info))
    if claim is not None and not isinstance(claim, PrivacyClaim):
        raise PluginError(f"claim() returned {type(claim).__name__}; expected a PrivacyClaim or None.")
    if claim is not None and not claim.mechanism.strip():
        raise PluginError(f"it claims epsilon {claim.epsilon:g} without naming a mechanism.")
