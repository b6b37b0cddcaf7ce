"""Whether a release tells hidden genes, or the label, of its members better than those of other people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from bench import Cohort, Estimate, Measure, metric

from ._asked import Asked, asked, nearest, regress
from ._estimates import UNDEFINED, difference, share_gone
from ._scaling import centre_and_scale

Array = NDArray[np.float64]
_RIDGES = (1e-4, 1e-2, 1.0)  # in units of the mean variance of a gene
_OF_POPULATION = 1.0  # the ridge of who learns from the population
_MOST_HIDDEN = 50  # genes, a tenth at most


@metric(
    "attribute_inference",
    modalities="all",
    family="privacy",
    measures=(
        Measure("attribute_gene_leak", "lower", high=1, rank=1, title="hidden genes"),
        Measure("attribute_gene_members", "none", high=1, title="hidden genes, members"),
        Measure("attribute_gene_others", "none", high=1, title="hidden genes, others"),
        Measure("attribute_gene_base", "none", high=1, title="hidden genes, population"),
        Measure("attribute_label_leak", "lower", -2, 2, rank=2, title="label"),
        Measure("attribute_label_members", "none", 0, 1, title="label, members"),
        Measure("attribute_label_others", "none", 0, 1, title="label, others"),
        Measure("attribute_label_base", "none", 0, 1, title="label, population"),
    ),
    doi="10.56553/popets-2023-0055",
)
@dataclass(kw_only=True)
class AttributeInference:
    """Return how much better the release tells what is hidden of a member than what is hidden of another person.

    The attacker knows all genes of a person but a tenth, at most fifty, and guesses these, or the label. He learns how
    from the release, in four ways: the nearest synthetic sample, and ridge regression at three ridges. The *population*
    does the same without a release, by ridge regression on a third of the people held out, who are asked nothing: what
    is true of everybody is no leak. Which of the four ways guesses best is learned from the other half of the members.

    ``attribute_gene_leak`` is the share of the error about others, each in units of the population's error, that is
    gone about members: 0 if being a member makes no difference, 1 if hidden genes of members are read off.
    ``attribute_label_leak`` is the gain in right labels over the population's, on members less the same on others. The
    rest is what these are made of: explained variance of hidden genes and share of right labels, of members, of others
    and, as ``_base``, by the population about others.

    NaN without a synthetic sample, with fewer than six members or others, without a second gene that varies; of labels
    also with a single class, or if the release has none.
    """

    def __call__(
        self, train: Cohort, holdout: Cohort, synthetic: Cohort, *, rng: np.random.Generator
    ) -> Mapping[str, float | Estimate]:
        """Return both leaks with their intervals, and what they are made of."""
        people = asked(train, holdout, rng)
        varies = np.flatnonzero((train.X[:1] != train.X).any(axis=0)) if len(train) else np.empty(0, dtype=np.intp)
        if people is None or len(synthetic) == 0 or len(varies) < 2:
            return {m: UNDEFINED for kind in ("gene", "label") for m in _names(kind)}
        hidden = rng.permutation(varies)[: max(1, min(_MOST_HIDDEN, len(varies) // 10))]
        population, people = people.parted()
        task = _Task(people, population, np.setdiff1d(varies, hidden), hidden, centre_and_scale(train.X)[1])
        return {**task.genes(synthetic), **task.labels(synthetic)}


def _names(kind: str) -> list[str]:
    return [f"attribute_{kind}_{name}" for name in ("leak", "members", "others", "base")]


@dataclass(frozen=True, eq=False)
class _Task:
    """People, others of the population, which genes are known and hidden, and the scale of each gene, (n_genes,)."""

    people: Asked
    population: Asked
    known: NDArray[np.intp]
    hidden: NDArray[np.intp]
    scale: Array

    def genes(self, release: Cohort) -> dict[str, float | Estimate]:
        """Return the measures of hidden genes."""
        truth = self._hidden(self.people.X)
        guesses = list(self._guesses(release.X, self._hidden(release.X)))
        errors = np.array([((guess - truth) ** 2).mean(axis=1) for guess in guesses])  # (n_ways, n)
        usual = ((self._by_population(self._hidden(self.population.X)) - truth) ** 2).mean(axis=1)
        best = self._choose(errors, -errors)
        leak = share_gone(best, usual, self.people.member)
        total = ((truth - truth.mean(axis=0)) ** 2).mean()
        of = [best[self.people.member], best[~self.people.member], usual[~self.people.member]]
        return dict(zip(_names("gene"), (leak, *(1 - float(e.mean() / total) for e in of)), strict=True))

    def labels(self, release: Cohort) -> dict[str, float | Estimate]:
        """Return the measures of labels."""
        classes = np.unique(self.people.y)
        if len(classes) < 2 or not release.has_labels:
            return dict.fromkeys(_names("label"), nan)
        truth, given = self.people.y[:, None] == classes, (release.y[:, None] == classes).astype(np.float64)
        right = [truth[np.arange(len(truth)), g.argmax(axis=1)] for g in self._guesses(release.X, given)]
        guessed = self._by_population((self.population.y[:, None] == classes).astype(np.float64)).argmax(axis=1)
        usual = truth[np.arange(len(truth)), guessed].astype(np.float64)
        rights = np.array(right, dtype=np.float64)
        best = self._choose(rights, rights)
        leak = difference(best - usual, self.people.member)
        of = [best[self.people.member], best[~self.people.member], usual[~self.people.member]]
        return dict(zip(_names("label"), (leak, *(float(e.mean()) for e in of)), strict=True))

    def _hidden(self, X: NDArray[np.float32]) -> Array:
        return np.asarray(X[:, self.hidden] / self.scale[self.hidden], dtype=np.float64)

    def _known(self, X: NDArray[np.float32]) -> Array:
        return np.asarray(X[:, self.known] / self.scale[self.known], dtype=np.float64)

    def _guesses(self, X: NDArray[np.float32], values: Array) -> Iterator[Array]:
        """Yield what each way to learn from the release makes of everybody, kept to what the release holds."""
        known, about = self._known(X), self._known(self.people.X)
        yield values[nearest(about.astype(np.float32), known.astype(np.float32))[0]]
        for ridge in _RIDGES:
            yield np.clip(regress(known, values, about, ridge), values.min(axis=0), values.max(axis=0))

    def _by_population(self, values: Array) -> Array:
        """Return what is made of everybody by who has others of the population, with these values, and no release."""
        return regress(self._known(self.population.X), values, self._known(self.people.X), _OF_POPULATION)

    def _choose(self, values: Array, worth: Array) -> Array:
        """Return (n,) the values of the way that is worth most on the members of the other half; both (n_ways, n)."""
        chosen = np.empty(values.shape[1])
        for half in (0, 1):
            there = self.people.member & (self.people.half != half)
            here = self.people.half == half
            chosen[here] = values[worth[:, there].mean(axis=1).argmax()][here]
        return chosen
