"""Whether what a classifier learns from a release holds for the people of a second cohort."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan
from pathlib import Path

import numpy as np

from bench import Cohort, DataError, Measure, metric, read_cohort

from ._ranking import average_precision
from ._scaling import centre_and_scale
from ._shared import shared
from ._tstr import classifier

_NAMES = ("transfer_accuracy", "transfer_balanced_accuracy", "transfer_aupr")


@metric(
    "transfer",
    family="utility",
    measures=(
        Measure("transfer_accuracy_synthetic", "higher", 0, 1),
        Measure("transfer_accuracy_real", "none", 0, 1),
        Measure(
            "transfer_balanced_accuracy_synthetic",
            "higher",
            0,
            1,
            table="in_use",
            rank=14,
            title="transfer syn",
            real="transfer_balanced_accuracy_real",
        ),
        Measure("transfer_balanced_accuracy_real", "none", 0, 1, table="in_use", rank=15, title="transfer real"),
        Measure("transfer_aupr_synthetic", "higher", 0, 1),
        Measure("transfer_aupr_real", "none", 0, 1),
        Measure("transfer_samples_real", "none", 0),
        Measure("transfer_genes_real", "none", 0),
    ),
    opt_in=True,
    doi="10.1093/bioinformatics/btu279",
)
@dataclass(kw_only=True)
class Transfer:
    """Return how classifiers of the release and of the training samples do on the people of a second cohort.

    The second cohort is a file that the user names, ``transfer[cohort=FILE]``: the ``cohort.npz`` that
    `bench data import` puts into the data home. Genes are matched by name; at least half of the training samples' genes
    must be there (`least_genes`), and only common ones are used, by both classifiers. Only people whose class is among
    the training samples are tested; at least two classes must be common. The classifier is that of `tstr_2026`, its
    genes standardised by the training samples; with ``own_scale=true`` each cohort's genes are standardised by
    that cohort itself, for cohorts measured in another way. Accuracy, mean recall over classes (balanced accuracy) and
    AUPR, mean over the classes of the second cohort. NaN without a file, and of ``_synthetic`` for an empty release.

    Raises
    ------
    DataError
        If the file is no cohort, its units differ (unless each cohort is standardised by itself), too few genes or
        classes are common, or somebody is in both cohorts.
    """

    cohort: str = ""  # the cohort.npz of an imported dataset
    own_scale: bool = False
    least_genes: float = 0.5  # share of the training samples' genes that the second cohort must have

    def __call__(
        self, train: Cohort, holdout: Cohort, synthetic: Cohort, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return the scores on the second cohort, and how many people and genes they rest on."""
        names = [f"{name}_{role}" for role in ("synthetic", "real") for name in _NAMES]
        if not self.cohort:
            return dict.fromkeys([*names, "transfer_samples_real", "transfer_genes_real"], nan)
        least = self.least_genes
        second = _tested(train, holdout, path=self.cohort, own_scale=self.own_scale, least=least)
        standard = _alike(train, genes=second.genes, own_scale=self.own_scale)
        release = _alike(synthetic, genes=second.genes, own_scale=self.own_scale) if len(synthetic) else None
        values = [*_scores(release, standard, second), *_scores(standard, standard, second)]
        sizes = {"transfer_samples_real": float(len(second)), "transfer_genes_real": float(second.n_genes)}
        return dict(zip(names, values, strict=True)) | sizes


@shared
def _tested(train: Cohort, holdout: Cohort, *, path: str, own_scale: bool, least: float) -> Cohort:
    """Return the people of the second cohort whose class is known, with the common genes in the training order."""
    second = _read(Path(path))
    if second.units != train.units and not own_scale:
        raise DataError(
            f"the second cohort {path} is in units {second.units!r}, the training samples in {train.units!r}. Convert "
            "one of them, or have each cohort standardised by itself with own_scale=true."
        )
    if both := _people(second) & (_people(train) | _people(holdout)):
        raise DataError(
            f"{sorted(both)[0]!r} is in the second cohort {path} and in the first ({len(both)} such); a second cohort "
            "must hold other people. Drop them from it."
        )
    there = set(second.genes)
    common = tuple(gene for gene in train.genes if gene in there)
    if len(common) < max(1, least * train.n_genes):
        raise DataError(
            f"the second cohort {path} has {len(common)} of {train.n_genes} genes, fewer than a share of {least:g}. "
            f"Its genes are named like {second.genes[0]!r}, the others like {train.genes[0]!r}: rename or map them."
        )
    known = np.isin(second.y, train.classes)
    if len(np.unique(second.y[known])) < 2:
        raise DataError(
            f"the second cohort {path} has the classes {', '.join(second.classes[:5])}; at least two of them must be "
            f"among the training classes, {', '.join(train.classes[:5])}. Rename its labels."
        )
    return _alike(second.take(known), genes=common, own_scale=own_scale)


def _read(path: Path) -> Cohort:
    try:
        return read_cohort(path)
    except DataError as error:
        raise DataError(
            f"the second cohort {path} cannot be read: expected the cohort.npz that `bench data import` puts into the "
            "data home. Import the matrix first."
        ) from error


def _people(cohort: Cohort) -> set[str]:
    return {*cohort.samples, *(() if cohort.donors is None else map(str, cohort.donors))}


@shared
def _alike(cohort: Cohort, *, genes: tuple[str, ...], own_scale: bool) -> Cohort:
    """Return the cohort with these genes alone, standardised by itself if asked."""
    place = {gene: i for i, gene in enumerate(cohort.genes)}
    X = cohort.X[:, [place[gene] for gene in genes]]
    if own_scale:
        centre, scale = centre_and_scale(X)
        X = ((X - centre) / scale).astype(np.float32)
    return Cohort(X=X, y=cohort.y, genes=genes, samples=cohort.samples, units=cohort.units)


def _scores(learnt_from: Cohort | None, standard: Cohort, second: Cohort) -> tuple[float, ...]:
    """Return accuracy, balanced accuracy and AUPR on the second cohort of a classifier."""
    if learnt_from is None:
        return nan, nan, nan
    labels = np.union1d(learnt_from.classes, second.classes)
    scores = classifier(learnt_from, standard, scaled=True).log_probabilities(second, labels)
    right = labels[scores.argmax(axis=1)] == second.y
    member = second.y[:, None] == labels
    there = member.any(axis=0)
    recalls = [right[second.y == label].mean() for label in second.classes]
    aupr = average_precision(scores[:, there], member[:, there]).mean()
    return float(right.mean()), float(np.mean(recalls)), float(aupr)
