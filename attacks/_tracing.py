"""What tracing attacks share: centring within classes, inner products whitened by the candidates, and likelihoods."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._spectra import spectrum

Floats = NDArray[np.float64]


def class_shifts(
    synthetic: NDArray[np.float32],
    synthetic_labels: NDArray[np.generic],
    targets: NDArray[np.float32],
    target_labels: NDArray[np.generic],
) -> tuple[NDArray[np.float32], dict[str, Floats]]:
    """Return the targets less their class means, (n_targets, n_genes), and the shift of each class mean, (n_genes,).

    The shift is the class mean of the release less that of the targets. A class without a release, or with one target,
    has none.
    """
    centred, shifts = np.empty(targets.shape, dtype=np.float32), {}
    for label in np.unique(target_labels):
        rows, released = target_labels == label, synthetic_labels == label
        mean = targets[rows].mean(axis=0, dtype=np.float64)
        centred[rows] = targets[rows] - mean
        if released.any() and rows.sum() > 1:
            shifts[str(label)] = synthetic[released].mean(axis=0, dtype=np.float64) - mean
    return centred, shifts


def whitened(centred: NDArray[np.float32], shifts: Floats, ridge: float) -> Floats:
    """Return x' (S + ridge v)^-1 s for each person x and shift s, (n, n_shifts); v is the mean variance.

    The covariance S of the people is never formed: its axes do, also where there are more genes than people.
    """
    if not len(shifts) or not np.any(centred):
        return np.zeros((len(centred), len(shifts)))
    axes = spectrum(centred)
    added = ridge * float(axes.variances.sum()) / centred.shape[1]
    inside, theirs = centred @ axes.directions, shifts @ axes.directions
    outside = centred @ shifts.T - inside @ theirs.T
    found: Floats = (inside / (axes.variances + added)) @ theirs.T + outside / added
    return found


def standardised(scores: Floats) -> Floats:
    """Return scores with mean 0 and standard deviation 1; all 0 where they are equal."""
    spread = float(scores.std())
    return (scores - scores.mean()) / spread if spread > 0 else np.zeros(len(scores))


def unexplained(shifts: Floats, means: Floats) -> Floats:
    """Return what is left of each shift, (n_classes, n_genes), after regression on the class means over the genes.

    A generator that draws class means to each other, or to what genes have in common, moves them by a linear function
    of these means; a person's own contribution is hardly one. With fewer than ten genes for each coefficient the
    regression would explain chance as well, and only the mean over the genes is taken out.

    Parameters
    ----------
    shifts, means : (n_classes, n_genes)
    """
    one = np.ones((means.shape[1], 1))
    design = np.hstack([one, means.T]) if means.shape[1] >= 10 * (len(means) + 1) else one
    coefficients = np.linalg.lstsq(design, shifts.T, rcond=None)[0]
    left: Floats = shifts - (design @ coefficients).T
    return left


def likeliest_noise(seen: Floats, variances: Floats) -> Floats:
    """Return the variance of a shift on each axis, (n_axes,): a level, plus a multiple of the people's variance there.

    Level and multiple are those under which the shift is likeliest, among ratios of the two from a hundredth of the
    mean variance (the people's spread is all) to a million times (the level is all).

    Parameters
    ----------
    seen : (n_axes,) the shift
    variances : (n_axes,) of the people
    """
    ratios = np.geomspace(1e-2, 1e6, 65) * variances.mean()
    shapes = 1 + variances / ratios[:, None]  # (n_ratios, n_axes)
    levels = (seen**2 / shapes).mean(axis=1)  # the likeliest for each ratio
    if not levels.all():
        return np.zeros_like(seen)
    cost = len(seen) * np.log(levels) + np.log(shapes).sum(axis=1)  # -2 log-likelihood
    best = int(np.argmin(cost))
    noise: Floats = levels[best] * shapes[best]
    return noise


def mean_ratios(
    synthetic: NDArray[np.float32],
    synthetic_labels: NDArray[np.generic],
    targets: NDArray[np.float32],
    target_labels: NDArray[np.generic],
    saturate: float,
) -> Floats:
    """Return the log-likelihood ratio of the release's class means with each target in them or not, (n_targets,).

    Genes are standardised over the targets and cut off at `saturate`. A target whose class has no mean scores 0.
    """
    bounded = bounded_units(targets, targets, saturate)
    centred, shifts = class_shifts(
        bounded_units(synthetic, targets, saturate), synthetic_labels, bounded, target_labels
    )
    scores = np.zeros(len(targets))
    if not shifts or not np.any(centred):
        return scores
    axes = spectrum(centred)
    inside = centred @ axes.directions  # (n_targets, rank)
    of_class = {label: target_labels.astype(str) == label for label in shifts}
    means = np.array([bounded[rows].mean(axis=0, dtype=np.float64) for rows in of_class.values()])
    left = unexplained(np.array(list(shifts.values())), means) @ axes.directions  # (n_classes, rank)
    for (label, rows), seen in zip(of_class.items(), left, strict=True):
        noise = likeliest_noise(seen, axes.variances) * np.count_nonzero(synthetic_labels.astype(str) == label)
        scores[rows] = inside[rows] @ np.divide(seen, noise, out=np.zeros_like(seen), where=noise > 0)
    return scores


def bounded_units(people: NDArray[np.float32], targets: NDArray[np.float32], saturate: float) -> NDArray[np.float32]:
    """Return people in standard deviations of the targets from their mean, cut off; constant genes as they are."""
    mean, spread = targets.mean(axis=0, dtype=np.float64), targets.std(axis=0, dtype=np.float64)
    units = (people - mean) / np.where(spread > 0, spread, 1.0)
    bounded: NDArray[np.float32] = np.clip(units, -saturate, saturate).astype(np.float32)
    return bounded
