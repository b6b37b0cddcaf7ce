"""Shadow releases: the attacked generator, trained again on candidates that the attacker picked himself."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, Cohort, PluginError, integer_seed

from ._classes import given_labels
from ._losses import Surrogates
from ._spectra import spectrum
from .gan_leaks import GanLeaks
from .mahalanobis import Mahalanobis
from .mahalanobis_ratio import MahalanobisRatio
from .nn_ratio import NearestNeighbourRatio
from .quantile_support import QuantileSupport
from .span_residual import SpanResidual

Floats = NDArray[np.float64]
WATCHED = (
    GanLeaks(),
    NearestNeighbourRatio(),
    Mahalanobis(),
    MahalanobisRatio(),
    SpanResidual(),
    QuantileSupport(),
)
_PARTS = 5


@dataclass(frozen=True, eq=False)
class Shadows:
    """What the attacks say of each target under the real release and under releases whose members are known.

    Parameters
    ----------
    real : (n_targets, n_attacks), of the attacks in `WATCHED`, of tracing, and of the losses of surrogate models
    scores : (n_shadows, n_targets, n_attacks)
    member : (n_shadows, n_targets) bool, in the shadow's training data
    back : (n_targets,) positions of the targets as they were given; here they have an order of their own, so that
        nothing learned from them depends on the given one
    """

    real: Floats
    scores: Floats
    member: NDArray[np.bool_]
    back: NDArray[np.intp]


def play(view: AttackView, name: str, rounds: int, steps: int, rng: np.random.Generator) -> Shadows:
    """Return the scores of every target under the release and under shadow releases.

    The candidates are cut into five parts, and each shadow trains on four of them, as in a fivefold design: it has the
    size of the real training set, and after one round everybody has been in four times and out once. Each release also
    trains surrogate models for so many steps, whose losses on the targets count as further attacks; 0 leaves them out.

    Raises
    ------
    PluginError
        If the view does not grant the generator's code, or there are too few rounds.
    """
    if rounds < 1:
        raise PluginError(f"{name}: rounds is {rounds}; expected 1 or more.")
    if view.make_generator is None or view.units is None:
        raise PluginError(f"attack {name!r} trains the generator again, but the view does not grant its code.")
    labels = given_labels(view, name)[1]
    order = np.argsort(view.targets @ rng.standard_normal(len(view.genes)))  # the given order must not matter
    people = _cohort(view, order, labels)
    parts = [rng.permutation(len(order)) % _PARTS for _ in range(rounds)]
    member = np.array([part != k for part in parts for k in range(_PARTS)])  # (n_shadows, n_targets)
    seen = replace(view, targets=people.X)
    surrogates = Surrogates(targets=people.X, seed=integer_seed(rng), steps=steps) if steps else None
    releases = [view.synthetic, *(_release(view, people.take(m), rng) for m in member)]
    scores = np.array([_scores(replace(seen, synthetic=release), surrogates, rng) for release in releases])
    return Shadows(scores[0], scores[1:], member, np.argsort(order))


def need_two_rounds(rounds: int, name: str) -> None:
    """Refuse fewer rounds than it takes to see everybody left out twice, for attacks that take means over these."""
    if rounds < 2:
        raise PluginError(f"{name}: rounds is {rounds}; expected 2 or more, to see everybody left out twice.")


def _cohort(view: AttackView, order: NDArray[np.intp], labels: NDArray[np.str_]) -> Cohort:
    assert view.units is not None
    names = tuple(f"candidate_{i}" for i in range(len(order)))
    return Cohort(
        X=view.targets[order],
        y=labels[order],
        genes=view.genes,
        samples=names,
        units=view.units,
    )


def _release(view: AttackView, people: Cohort, rng: np.random.Generator) -> NDArray[np.float32]:
    assert view.make_generator is not None
    fit, sample = rng.spawn(2)
    return view.make_generator().fit(people, rng=fit).sample(len(view.synthetic), rng=sample).X


def _scores(view: AttackView, surrogates: Surrogates | None, rng: np.random.Generator) -> Floats:
    losses = surrogates.losses(view.synthetic).T if surrogates else ()
    return np.array([*(one.score(view, rng=rng) for one in WATCHED), tracing(view), *losses]).T


def tracing(view: AttackView) -> Floats:
    """Return how far each target leans the way in which the release's mean differs from the candidates' mean.

    A released mean is traced back to its members by (x - m) C^-1 (mean_release - m), with the candidates' mean m and
    covariance C (with a ridge). A single release needs a reference for it; shadows give every person one of his own,
    and noise that is the same in every release, because its seed is, cancels.

    Dwork, Smith, Steinke, Ullman and Vadhan 2015, doi:10.1109/FOCS.2015.46; after Homer et al. 2008.
    """
    axes = spectrum(view.targets)
    shift = (view.synthetic.mean(axis=0, dtype=np.float64) - axes.mean) @ axes.directions
    weighted = shift / (axes.variances + 0.1 * axes.variances.mean())
    leaning: Floats = axes.coordinates(view.targets)[0] @ weighted
    return leaning


def calibrated(shadows: Shadows) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Return what the shadows say of each score of each target: the real one, and each shadow's seen by the others.

    Per attack and person: the score less its mean when the person is out, and less its mean when in, in units of the
    spread of scores around these means. A shadow never takes part in the means that it is compared with.

    Returns
    -------
    real : (n_targets, 2 n_attacks)
    known : (n_shadows * n_targets, 2 n_attacks)
    member : (n_shadows * n_targets,) bool
    """
    outside, inside = ~shadows.member[..., None], shadows.member[..., None]
    spread = np.maximum(_spread(shadows), 1e-12)
    known = [
        np.concatenate(
            [(own - _mean_of_others(shadows.scores, who, j)) / spread for who in (outside, inside)],
            axis=1,
        )
        for j, own in enumerate(shadows.scores)
    ]
    real = [(shadows.real - _mean_of_others(shadows.scores, who, None)) / spread for who in (outside, inside)]
    return np.concatenate(real, axis=1), np.concatenate(known), shadows.member.ravel()


def calibrated_inside(shadows: Shadows) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Return each score less the person's mean over the shadows that were trained on her, where one round is enough.

    A shadow never takes part in the mean that it is compared with: of five, four hold a person whom the fifth left out,
    and three others one whom it holds. Scores are bounded, so that no attack outshouts all.

    Returns
    -------
    real, known, member : as of `calibrated`, with n_attacks columns
    """
    inside, spread = shadows.member[..., None], np.maximum(_spread(shadows), 1e-12)
    known = [
        np.arcsinh((own - _mean_of_others(shadows.scores, inside, j)) / spread) for j, own in enumerate(shadows.scores)
    ]
    real = np.arcsinh((shadows.real - _mean_of_others(shadows.scores, inside, None)) / spread)
    return real, np.concatenate(known), shadows.member.ravel()


def _mean_of_others(scores: Floats, who: NDArray[np.bool_], without: int | None) -> Floats:
    """Return the mean score per target and attack over the shadows in which `who` holds, one shadow left out."""
    chosen = who.copy()
    if without is not None:
        chosen[without] = False
    mean: Floats = (scores * chosen).sum(axis=0) / np.maximum(chosen.sum(axis=0), 1)
    return mean


def _spread(shadows: Shadows) -> Floats:
    """Return the spread of scores around each person's mean when in, per attack, (n_attacks,)."""
    inside = shadows.member[..., None]
    around = (shadows.scores - _mean_of_others(shadows.scores, inside, None)) * inside
    spread: Floats = np.sqrt((around**2).sum(axis=(0, 1)) / inside.sum())
    return spread
