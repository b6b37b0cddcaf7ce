"""The contract of attacks, as checks that say in words what is wrong."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from bench.boundary.views import Insider, candidates, view_of
from bench.conformance.example_cohorts import check_rng, example
from bench.core.errors import PluginError
from bench.core.records import Records
from bench.core.roles import Split
from bench.registry.declarations import PluginInfo
from bench.registry.finding import create
from bench.statistics.membership import membership_measures


def _many(info: PluginInfo, who: str) -> Records:
    """Return 90 people with more genes than that and classes that overlap: where attacks matter."""
    return example(info, 90, who, genes=150, apart=0.2)


class _Resample:
    """The generator whose code and model an insider gets: it releases its training samples."""

    def fit(self, cohort: Records, *, rng: np.random.Generator) -> _Resample:
        self.cohort_ = cohort
        return self

    def sample(self, n: int, *, rng: np.random.Generator) -> Records:
        rows = rng.permutation(np.arange(n) % len(self.cohort_))
        return self.cohort_.synthetic(self.cohort_.X[rows], self.cohort_.y[rows])

    def losses(self, cohort: Records, *, rng: np.random.Generator) -> NDArray[np.float64]:
        squares = ((cohort.X[:, None] - self.cohort_.X) ** 2).sum(axis=2, dtype=np.float64)
        nearest: NDArray[np.float64] = squares.min(axis=1, keepdims=True)
        return nearest

    def gradient_norms(self, cohort: Records, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return how strongly records pull at a model that fits its training records perfectly."""
        pulls: NDArray[np.float64] = np.sqrt(self.losses(cohort, rng=rng))
        return pulls

    def denoised(self, X: NDArray[np.float32], level: float, y: NDArray[np.str_]) -> NDArray[np.float64]:
        """Return what a diffusion model that fits its training records perfectly makes of noisy ones."""
        squares = ((X[:, None] - self.cohort_.X) ** 2).sum(axis=2, dtype=np.float64)
        weights = np.exp(-(squares - squares.min(axis=1, keepdims=True)) / (2 * level**2))
        mean: NDArray[np.float64] = (weights / weights.sum(axis=1, keepdims=True)) @ self.cohort_.X
        return mean


def _attacked(info: PluginInfo, released: Records, order: str = "") -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    split = Split(_many(info, "members"), _many(info, "others"), 1, 5, _many(info, "reference"))
    insider = Insider(_Resample, lambda: _Resample().fit(released, rng=check_rng("released")))
    view = view_of(split, "conformance", released, info.option("access", "black-box"), insider)
    member = candidates(split, "conformance").member
    if order:
        shuffle = check_rng(order).permutation(len(member))
        labels = None if view.target_labels is None else view.target_labels[shuffle]
        view = dataclasses.replace(view, targets=view.targets[shuffle], target_labels=labels)
        back = np.argsort(shuffle)
        return np.asarray(create(info).score(view, rng=check_rng("attack")), dtype=np.float64)[back], member
    return np.asarray(create(info).score(view, rng=check_rng("attack")), dtype=np.float64), member


def _auc(scores: NDArray[np.float64], member: NDArray[np.bool_]) -> float:
    return next(reading.value for reading in membership_measures(scores, member) if reading.measure == "auc")


def silent_without_signal(info: PluginInfo) -> None:
    """It finds nothing (AUC within 4 standard errors of 1/2) if the release comes from other people."""
    scores, member = _attacked(info, _many(info, "elsewhere"))
    standard_error = np.sqrt(181 / (12 * 90 * 90))  # of the AUC of 90 against 90 under no signal
    if abs((found := _auc(scores, member)) - 0.5) > 4 * standard_error:
        raise PluginError(f"AUC {found:.3f} on a release of other people; the attack sees what is not there.")


def finds_verbatim_copies(info: PluginInfo) -> None:
    """It does better than chance if the release is the members themselves."""
    members = _many(info, "members")
    scores, member = _attacked(info, members.synthetic(members.X, members.y))
    if (found := _auc(scores, member)) <= 0.55:
        turned = " Higher scores must mean members: is the sign turned round?" if found < 0.45 else ""
        raise PluginError(f"AUC {found:.3f} on a verbatim copy of the members; expected more than 0.55.{turned}")


def order_of_targets_is_free(info: PluginInfo) -> None:
    """The scores do not depend on the order in which targets are asked about."""
    released = _many(info, "members")
    synthetic = released.synthetic(released.X, released.y)
    straight, member = _attacked(info, synthetic)
    _auc(straight, member)  # complains of a wrong number of scores
    shuffled, _ = _attacked(info, synthetic, order="order")
    if not np.allclose(straight, shuffled, rtol=1e-3, atol=1e-6):
        worst = int(np.argmax(np.abs(straight - shuffled)))
        raise PluginError(
            f"target {worst} scores {straight[worst]:.6g}, but {shuffled[worst]:.6g} in another order. Score each "
            "target on its own, and draw only from the rng that is handed in."
        )
