"""Train on synthetic, test on real: the classifier, its scores and the measures read from them."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_expit, logsumexp

from bench import Cohort, fold_fact

from ._logistic import one_vs_rest
from ._ranking import auroc, average_precision
from ._scaling import centre_and_scale
from ._shared import shared

_TOP = 10  # genes per class, as published


@dataclass(frozen=True, eq=False)
class Classifier:
    """One logistic regression per class against all other samples.

    Parameters
    ----------
    labels : (n_classes,) sorted
    coefficients, intercepts : (n_genes, n_classes), (n_classes,); a sole class has coefficients 0, intercept infinity
    centre, scale : (n_genes,) what was subtracted from the genes, and what they were then divided by
    """

    labels: NDArray[np.str_]
    coefficients: NDArray[np.float64]
    intercepts: NDArray[np.float64]
    centre: NDArray[np.float64]
    scale: NDArray[np.float64]

    def log_probabilities(self, cohort: Cohort, labels: NDArray[np.str_]) -> NDArray[np.float64]:
        """Return (n, n_labels) log class probabilities, the columns those of `labels`; minus infinity if unknown."""
        scores = ((cohort.X - self.centre) / self.scale) @ self.coefficients + self.intercepts
        known = log_expit(scores)
        aligned = np.full((len(cohort), len(labels)), -np.inf)
        aligned[:, np.searchsorted(labels, self.labels)] = known - logsumexp(known, axis=1, keepdims=True)
        return aligned

    def top_genes(self) -> set[int]:
        """Return the genes among the ten largest signed coefficients of some class."""
        if len(self.labels) < 2:
            return set()
        return set(np.argsort(self.coefficients, axis=0, kind="stable")[-_TOP:].ravel().tolist())


@shared
@fold_fact
def classifier(cohort: Cohort, standard: Cohort, *, scaled: bool) -> Classifier:
    """Return the classifier of a cohort; `scaled` standardises its genes by the mean and spread of `standard`."""
    centre, scale = centre_and_scale(standard.X) if scaled else (np.zeros(cohort.n_genes), np.ones(cohort.n_genes))
    labels = cohort.classes
    if len(labels) == 1:
        return Classifier(labels, np.zeros((cohort.n_genes, 1)), np.array([np.inf]), centre, scale)
    coefficients, intercepts = one_vs_rest((cohort.X - centre) / scale, cohort.y[:, None] == labels)
    return Classifier(labels, coefficients, intercepts, centre, scale)


def tstr_values(train: Cohort, holdout: Cohort, synthetic: Cohort, *, scaled: bool) -> dict[str, float]:
    """Return the measures of the classifiers of synthetic and of training samples, on the held-out samples."""
    values = _scores(train, train, holdout, scaled=scaled, suffix="real")
    values |= _scores(synthetic, train, holdout, scaled=scaled, suffix="synthetic")
    return values | _overlap(train, synthetic, scaled=scaled)


def _scores(cohort: Cohort, train: Cohort, holdout: Cohort, *, scaled: bool, suffix: str) -> dict[str, float]:
    names = ("accuracy", "aupr", "aupr_weighted", "f1_macro", "f1_weighted", "auroc")
    if len(cohort) == 0 or len(holdout) == 0:
        return {f"{name}_{suffix}": nan for name in names}
    labels = np.union1d(cohort.classes, holdout.classes)
    scores = classifier(cohort, train, scaled=scaled).log_probabilities(holdout, labels)
    predicted = labels[scores.argmax(axis=1)]
    return dict(zip((f"{name}_{suffix}" for name in names), _read(holdout.y, predicted, labels, scores), strict=True))


def _read(
    truth: NDArray[np.str_], predicted: NDArray[np.str_], labels: NDArray[np.str_], scores: NDArray[np.float64]
) -> tuple[float, ...]:
    """Return accuracy, macro and weighted AUPR, macro and weighted F1 and macro AUROC."""
    member, called = truth[:, None] == labels, predicted[:, None] == labels  # (n, n_labels)
    share = member.mean(axis=0)
    there = share > 0  # a class without a held-out sample has no precision to average
    aupr = average_precision(scores[:, there], member[:, there])
    seen = there | called.any(axis=0)
    f1 = 2 * (member & called)[:, seen].sum(axis=0) / (member.sum(axis=0) + called.sum(axis=0))[seen]
    return (
        float(np.mean(truth == predicted)),
        float(aupr.mean()),
        float(share[there] @ aupr),
        float(f1.mean()),
        float(share[seen] @ f1),
        float(auroc(scores[:, there], member[:, there]).mean()) if there.sum() > 1 else nan,
    )


def _overlap(train: Cohort, synthetic: Cohort, *, scaled: bool) -> dict[str, float]:
    if len(synthetic) == 0:
        return {"feature_overlap": nan, "feature_overlap_proportion": nan}
    ours = classifier(synthetic, train, scaled=scaled).top_genes()
    common = len(ours & classifier(train, train, scaled=scaled).top_genes())
    return {"feature_overlap": float(common), "feature_overlap_proportion": common / len(ours) if ours else nan}
