"""The contract of generators, metrics and attacks, as checks that say in words what is wrong.

`bench check NAME` and the tests run the same list. Passing proves that a plugin keeps the contract, not that its method
is right: every metric and attack also has a known-answer test.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import PluginError
from bench.registry import Kind, Measure, PluginInfo, create
from bench.scoring import membership_measures
from bench.seeds import stream
from bench.tasks import check_measures, check_sample, one_line
from bench.types import Cohort, PrivacyClaim, Split, claim_of
from bench.views import Insider, candidates, view_of

Check = Callable[[PluginInfo], None]
_GENES = 24


@dataclass(frozen=True)
class Finding:
    """The result of one check: what was checked, and what is wrong (empty if nothing is)."""

    check: str
    problem: str


def check_plugin(info: PluginInfo) -> Iterator[Finding]:
    """Yield the finding of every check of a plugin's kind."""
    for check in CHECKS[info.kind]:
        title = (check.__doc__ or check.__name__).strip().rstrip(".")
        try:
            check(info)
        except Exception as error:
            yield Finding(title, one_line(error))
        else:
            yield Finding(title, "")


def people(n: int, *path: str | int, genes: int = _GENES, apart: float = 1.0) -> Cohort:
    """Return n invented people of three classes `apart`, skewed genes in two modules; gene names are not sorted."""
    rng = stream(7, "conformance", *path)
    y = np.array(["b", "a", "c"])[np.arange(n) % 3]
    centres = stream(7, "centres").normal(0, apart, (3, genes))[np.arange(n) % 3]  # (n, genes)
    modules = rng.standard_normal((n, 2)) @ np.repeat(np.eye(2), -(-genes // 2), axis=1)[:, :genes]
    X = 8 + centres + 0.7 * modules + 0.5 * rng.gumbel(size=(n, genes))
    names = tuple(f"GENE{(389 * i) % 1009:04d}" for i in range(genes))
    return Cohort(X=X.astype(np.float32), y=y, genes=names, samples=tuple(f"{path}{i}" for i in range(n)), units="log2")


# -- generators ------------------------------------------------------------------------------------------------------


def _rng(*path: str | int) -> np.random.Generator:
    return stream(11, "check", *path)


def _fitted(info: PluginInfo, cohort: Cohort) -> Any:
    return _quick(info).fit(cohort, rng=_rng("fit"))


def _quick(info: PluginInfo) -> Any:
    """Make the generator with the hyper-parameters that it declares quick enough for a toy cohort."""
    return create(info, info.option("quick"))


def parameters_round_trip(info: PluginInfo) -> None:
    """Its parameters have defaults, and a copy made from them is equal."""
    made = create(info)
    found = {f.name: getattr(made, f.name) for f in dataclasses.fields(made)}
    if found != dict(info.params):
        raise PluginError(f"the declared parameters are {dict(info.params)}, the instance has {found}.")
    if not info.summary:
        raise PluginError("the class has no docstring; its first line is what lists and tables show.")


def fit_returns_self(info: PluginInfo) -> None:
    """Fit returns self and changes nothing in the training cohort."""
    cohort = people(60, "train")
    before = cohort.X.copy()
    plugin = _quick(info)
    if plugin.fit(cohort, rng=_rng("fit")) is not plugin:
        raise PluginError("fit did not return self; end it with `return self`.")
    if not np.array_equal(before, cohort.X):
        raise PluginError("fit changed the training matrix; work on a copy.")


def sample_has_the_asked_size(info: PluginInfo) -> None:
    """Sample returns n finite samples with the genes, their order, the units and known labels, for any n."""
    cohort = people(60, "train")
    fitted = _fitted(info, cohort)
    for n in (60, 7, 130):
        check_sample(fitted.sample(n, rng=_rng("sample", n)), like=cohort, n=n)


def same_stream_same_sample(info: PluginInfo) -> None:
    """The same random stream gives the same sample, whatever the global random state, which stays as it was."""
    cohort = people(60, "train")
    samples = []
    for disturbance in (1, 2):
        _disturb(disturbance)
        before = _global_state()
        samples.append(_fitted(info, cohort).sample(60, rng=_rng("sample")))
        if _global_state() != before:
            raise PluginError("the global random state was used or seeded; draw only from the rng that is handed in.")
    if samples[0].digest != samples[1].digest:
        raise PluginError(
            "two runs with the same rng gave different samples; draw only from the rng that is handed in."
        )


def another_stream_another_sample(info: PluginInfo) -> None:
    """Another random stream gives another sample."""
    fitted = _fitted(info, people(60, "train"))
    first, second = (fitted.sample(60, rng=_rng("sample", i)) for i in (1, 2))
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
    first, second = people(60, "train"), people(45, "other")
    twice = _quick(info).fit(first, rng=_rng("fit")).fit(second, rng=_rng("fit"))
    once = _fitted(info, second)
    if twice.sample(30, rng=_rng("sample")).digest != once.sample(30, rng=_rng("sample")).digest:
        raise PluginError("after a second fit, samples still depend on the first; set every attribute anew in fit.")


def a_class_of_three(info: PluginInfo) -> None:
    """A class with three samples does not stop it."""
    cohort = people(63, "train")
    rare = np.flatnonzero(cohort.y == "c")[3:]
    small = cohort.take(np.setdiff1d(np.arange(63), rare))
    check_sample(_fitted(info, small).sample(len(small), rng=_rng("sample")), like=small, n=len(small))


def claims_are_data(info: PluginInfo) -> None:
    """Its privacy claim is a PrivacyClaim, or None if it has no mechanism."""
    claim = claim_of(_fitted(info, people(60, "train")))
    if claim is not None and not isinstance(claim, PrivacyClaim):
        raise PluginError(f"claim() returned {type(claim).__name__}; expected a PrivacyClaim or None.")
    if claim is not None and not claim.mechanism.strip():
        raise PluginError(f"it claims epsilon {claim.epsilon:g} without naming a mechanism.")


# -- metrics ---------------------------------------------------------------------------------------------------------


def _measured(info: PluginInfo, train: Cohort, holdout: Cohort, synthetic: Cohort) -> dict[str, float]:
    return check_measures(info, create(info)(train, holdout, synthetic, rng=_rng("metric")))


def _far_off(like: Cohort) -> Cohort:
    """Return noise beside the real data, with labels that mean nothing."""
    rng = _rng("noise")
    return like.synthetic(rng.normal(16, 1, like.X.shape), rng.permutation(like.y))


def measures_what_it_declares(info: PluginInfo) -> None:
    """It returns exactly its declared measures, inside their bounds, and the same ones for the same stream."""
    train, holdout = people(90, "train"), people(45, "holdout")
    for synthetic in (people(90, "synthetic"), train.synthetic(train.X, train.y), _far_off(train)):
        first, second = (_measured(info, train, holdout, synthetic) for _ in range(2))
        if not all(first[name] == second[name] or np.isnan(first[name]) for name in first):
            raise PluginError(f"the same rng gave {first} and {second}; draw only from the rng that is handed in.")


def worse_data_score_worse(info: PluginInfo) -> None:
    """Noise beside the data does not score better than fresh people do, in the declared direction."""
    train, holdout = people(90, "train"), people(45, "holdout")
    good = _measured(info, train, holdout, people(90, "synthetic"))
    bad = _measured(info, train, holdout, _far_off(train))
    for measure in info.measures:
        if _better(measure, bad[measure.name], good[measure.name]):
            raise PluginError(
                f"{measure.name} is {bad[measure.name]:.4g} for noise and {good[measure.name]:.4g} for good data, but "
                f"{measure.better} is declared better. Mend the measure or its direction ('none' for a reference)."
            )


def _better(measure: Measure, a: float, b: float) -> bool:
    slack = 1e-9 + 0.02 * abs(b)
    return (measure.better == "higher" and a > b + slack) or (measure.better == "lower" and a < b - slack)


def order_of_rows_is_free(info: PluginInfo) -> None:
    """The order of the synthetic samples does not matter (up to the chance of a random split)."""
    train, holdout, synthetic = people(90, "train"), people(45, "holdout"), people(90, "synthetic")
    straight = _measured(info, train, holdout, synthetic)
    shuffled = _measured(info, train, holdout, synthetic.take(_rng("order").permutation(90)))
    for name, value in straight.items():
        if abs(value - shuffled[name]) > 0.15 * max(abs(value), 0.5):
            raise PluginError(f"{name} is {value:.4g}, but {shuffled[name]:.4g} after shuffling the synthetic samples.")


def degenerate_input_is_nan(info: PluginInfo) -> None:
    """A single synthetic sample, one class, and constant genes give numbers or NaN, and no error."""
    train, holdout = people(90, "train"), people(45, "holdout")
    constant = train.synthetic(np.full_like(train.X, 8), train.y)
    for synthetic in (train.take([0]), train.take(train.y == "a"), constant):
        _measured(info, train, holdout, synthetic)


# -- attacks ---------------------------------------------------------------------------------------------------------


def _many(who: str) -> Cohort:
    """Return 90 people with more genes than that and classes that overlap: where attacks matter."""
    return people(90, who, genes=150, apart=0.2)


class _Resample:
    """The generator whose code and model an insider gets: it releases its training samples."""

    def fit(self, cohort: Cohort, *, rng: np.random.Generator) -> _Resample:
        self.cohort_ = cohort
        return self

    def sample(self, n: int, *, rng: np.random.Generator) -> Cohort:
        rows = rng.permutation(np.arange(n) % len(self.cohort_))
        return self.cohort_.synthetic(self.cohort_.X[rows], self.cohort_.y[rows])

    def losses(self, cohort: Cohort, *, rng: np.random.Generator) -> NDArray[np.float64]:
        squares = ((cohort.X[:, None] - self.cohort_.X) ** 2).sum(axis=2, dtype=np.float64)
        nearest: NDArray[np.float64] = squares.min(axis=1, keepdims=True)
        return nearest


def _attacked(info: PluginInfo, released: Cohort, order: str = "") -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    split = Split(_many("members"), _many("others"), 1, 5, _many("reference"))
    insider = Insider(_Resample, lambda: _Resample().fit(released, rng=_rng("released")))
    view = view_of(split, "conformance", released, info.option("access", "black-box"), insider)
    member = candidates(split, "conformance").member
    if order:
        shuffle = _rng(order).permutation(len(member))
        labels = None if view.target_labels is None else view.target_labels[shuffle]
        view = dataclasses.replace(view, targets=view.targets[shuffle], target_labels=labels)
        back = np.argsort(shuffle)
        return np.asarray(create(info).score(view, rng=_rng("attack")), dtype=np.float64)[back], member
    return np.asarray(create(info).score(view, rng=_rng("attack")), dtype=np.float64), member


def _auc(scores: NDArray[np.float64], member: NDArray[np.bool_]) -> float:
    return next(reading.value for reading in membership_measures(scores, member) if reading.measure == "auc")


def silent_without_signal(info: PluginInfo) -> None:
    """It finds nothing (AUC within 4 standard errors of 1/2) if the release comes from other people."""
    scores, member = _attacked(info, _many("elsewhere"))
    standard_error = np.sqrt(181 / (12 * 90 * 90))  # of the AUC of 90 against 90 under no signal
    if abs((found := _auc(scores, member)) - 0.5) > 4 * standard_error:
        raise PluginError(f"AUC {found:.3f} on a release of other people; the attack sees what is not there.")


def finds_verbatim_copies(info: PluginInfo) -> None:
    """It does better than chance if the release is the members themselves."""
    members = _many("members")
    scores, member = _attacked(info, members.synthetic(members.X, members.y))
    if (found := _auc(scores, member)) <= 0.55:
        raise PluginError(f"AUC {found:.3f} on a verbatim copy of the members; expected more than 0.55.")


def order_of_targets_is_free(info: PluginInfo) -> None:
    """The scores do not depend on the order in which targets are asked about."""
    released = _many("members")
    synthetic = released.synthetic(released.X, released.y)
    straight, _ = _attacked(info, synthetic)
    shuffled, _ = _attacked(info, synthetic, order="order")
    if not np.allclose(straight, shuffled, rtol=1e-3, atol=1e-6):
        worst = int(np.argmax(np.abs(straight - shuffled)))
        raise PluginError(f"target {worst} scores {straight[worst]:.6g}, but {shuffled[worst]:.6g} in another order.")


CHECKS: dict[Kind, tuple[Check, ...]] = {
    "generator": (
        parameters_round_trip,
        fit_returns_self,
        sample_has_the_asked_size,
        same_stream_same_sample,
        another_stream_another_sample,
        refit_replaces,
        a_class_of_three,
        claims_are_data,
    ),
    "metric": (
        parameters_round_trip,
        measures_what_it_declares,
        worse_data_score_worse,
        order_of_rows_is_free,
        degenerate_input_is_nan,
    ),
    "attack": (
        parameters_round_trip,
        silent_without_signal,
        finds_verbatim_copies,
        order_of_targets_is_free,
    ),
}
