"""Whether a released classifier tells hidden genes, or the label, of its members better than those of other people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from bench import Cohort, Estimate, Measure, ReleasedModel, metric

from .._asked import Asked, asked, regress
from .._estimates import UNDEFINED, difference, share_gone
from .._scaling import centre_and_scale

Array = NDArray[np.float64]
_HIDDEN = 10  # genes, each hidden alone
_MOST = 300  # people of a kind
_PLACES = np.linspace(-2, 2, 9)  # values that are tried, in standard deviations of what the population leaves open
_POWERS = (1.0, 10.0, 100.0)  # of the model's probability: how much it is believed
_RIDGE = 1.0  # of who learns from the population
_FLOOR = 1e-12


@metric(
    "model_attribute_inference",
    modalities="all",
    releases="model",
    family="privacy",
    opt_in=True,
    measures=(
        Measure("model_attribute_gene_leak", "lower", high=1, rank=12, title="hidden gene"),
        Measure("model_attribute_gene_members", "none", high=1, title="hidden gene, members"),
        Measure("model_attribute_gene_others", "none", high=1, title="hidden gene, others"),
        Measure("model_attribute_gene_base", "none", high=1, title="hidden gene, population"),
        Measure("model_attribute_label_leak", "lower", -2, 2, rank=13, title="label"),
        Measure("model_attribute_label_members", "none", 0, 1, title="label, members"),
        Measure("model_attribute_label_others", "none", 0, 1, title="label, others"),
        Measure("model_attribute_label_base", "none", 0, 1, title="label, population"),
    ),
    doi="10.1109/CSF.2018.00027",
)
@dataclass(kw_only=True)
class ModelAttributeInference:
    """Return how much better the model tells what is hidden of a member than what is hidden of another person.

    Hidden is one gene of ten, each alone, the class and all other genes being known; or the class, all genes being
    known. The attacker asks the model. The *population* does the same without a model, by ridge regression on a third
    of the people held out, who are asked nothing.

    Of a gene the attacker tries nine values around what the population says of it, asks the model how probable the true
    class is with each, and takes their mean, weighted by the population's probability of the value times the model's
    of the class, to the power of 1, 10 or 100: a model that knows a person is surest at the true value. Which power
    guesses best is learned from the other half of the members. The class he takes from the model's answer.

    ``model_attribute_gene_leak`` is the share of the error about others, each in units of the population's error, that
    is gone about members; the error about others is the population's where the model makes it larger.
    ``model_attribute_label_leak`` is the gain in right labels over the population's, on members less the same on
    others. Both are 0 where being a member makes no difference. The rest is what these are made of: explained variance
    of hidden genes and share of right labels, of members, of others and, as ``_base``, by the population about others.

    NaN with fewer than six members or others, or without a second gene that varies; of labels also with a single class.
    Opt-in, because it asks ninety questions a person.

    Fredrikson et al. 2014 and Yeom et al. 2018, for values that are no categories.
    """

    def __call__(
        self, train: Cohort, holdout: Cohort, model: ReleasedModel, *, rng: np.random.Generator
    ) -> Mapping[str, float | Estimate]:
        """Return both leaks with their intervals, and what they are made of."""
        people = asked(train, holdout, rng, most=_MOST)
        varies = np.flatnonzero((train.X[:1] != train.X).any(axis=0)) if len(train) else np.empty(0, dtype=np.intp)
        if people is None or len(varies) < 2:
            return {m: UNDEFINED if m.endswith("leak") else nan for kind in ("gene", "label") for m in _names(kind)}
        hidden = rng.permutation(varies)[: min(_HIDDEN, len(varies) // 2)]
        population, people = people.parted()
        centre, scale = centre_and_scale(train.X)
        task = _Task(people, population, model, varies, centre, scale)
        return {**task.genes(hidden), **task.labels()}


def _names(kind: str) -> list[str]:
    return [f"model_attribute_{kind}_{name}" for name in ("leak", "members", "others", "base")]


@dataclass(frozen=True, eq=False)
class _Task:
    """People, others of the population, the model, and the genes that vary with centre and scale of all genes."""

    people: Asked
    population: Asked
    model: ReleasedModel
    varies: NDArray[np.intp]
    centre: Array
    scale: Array

    def genes(self, hidden: NDArray[np.intp]) -> dict[str, float | Estimate]:
        """Return the measures of hidden genes."""
        errors, usual, truths = np.zeros((len(_POWERS), len(self.people.y))), np.zeros(len(self.people.y)), []
        for gene in hidden:
            truth, expected, open_ = self._by_population(int(gene))
            guesses = self._by_model(int(gene), expected, open_)
            errors += (guesses - truth) ** 2 / len(hidden)
            usual += (expected - truth) ** 2 / len(hidden)
            truths.append(truth)
        best = self._choose(errors)
        total = float(np.var(truths, axis=1).mean())
        member = self.people.member
        of = [best[member], best[~member], usual[~member]]
        # who guesses others worse with the model than without has no need of it: they are no easier for that
        better = best[~member].mean() < usual[~member].mean()
        leak = share_gone(best if better else np.where(member, best, usual), usual, member)
        return dict(zip(_names("gene"), (leak, *(1 - float(e.mean()) / total for e in of)), strict=True))

    def labels(self) -> dict[str, float | Estimate]:
        """Return the measures of labels."""
        classes = np.unique(self.people.y)
        if len(classes) < 2:
            return dict.fromkeys(_names("label"), nan)
        given = (self.population.y[:, None] == classes).astype(np.float64)
        known, about = (self._scaled(people.X)[:, self.varies] for people in (self.population, self.people))
        usual = (classes[regress(known, given, about, _RIDGE).argmax(axis=1)] == self.people.y).astype(np.float64)
        right = (self.model.predict(self.people.X) == self.people.y).astype(np.float64)
        member = self.people.member
        leak = difference(right - usual, member)
        of = [right[member], right[~member], usual[~member]]
        return dict(zip(_names("label"), (leak, *(float(e.mean()) for e in of)), strict=True))

    def _scaled(self, X: NDArray[np.float32]) -> Array:
        return np.asarray((X - self.centre) / self.scale, dtype=np.float64)

    def _by_population(self, gene: int) -> tuple[Array, Array, float]:
        """Return true values of a gene, (n,), what the population says of them, (n,), and the spread it leaves open."""
        rest = self.varies[self.varies != gene]
        ours, theirs = self._scaled(self.people.X), self._scaled(self.population.X)
        expected = regress(theirs[:, rest], theirs[:, [gene]], ours[:, rest], _RIDGE)[:, 0]
        left = theirs[:, gene] - regress(theirs[:, rest], theirs[:, [gene]], theirs[:, rest], _RIDGE)[:, 0]
        spread = max(float(theirs[:, gene].std()), float(left.std()), 1e-6)  # of the fit alone it would be too small
        return ours[:, gene], expected, spread

    def _by_model(self, gene: int, expected: Array, spread: float) -> Array:
        """Return what the model makes of a gene, (n_powers, n)."""
        values = expected[:, None] + spread * _PLACES  # (n, n_places)
        own = np.asarray(self.model.classes, dtype=np.str_) == self.people.y[:, None]
        X, logs = self.people.X.copy(), np.empty(values.shape)
        for place in range(len(_PLACES)):
            X[:, gene] = values[:, place] * self.scale[gene] + self.centre[gene]
            logs[:, place] = np.log(np.maximum(np.where(own, self.model.predict_proba(X), 0).sum(axis=1), _FLOOR))
        found = []
        for power in _POWERS:
            heights = power * logs - _PLACES**2 / 2
            weights = np.exp(heights - heights.max(axis=1, keepdims=True))
            found.append((weights * values).sum(axis=1) / weights.sum(axis=1))
        return np.array(found)

    def _choose(self, errors: Array) -> Array:
        """Return (n,) errors with the power that is best on the members of the other half; errors (n_powers, n)."""
        chosen = np.empty(errors.shape[1])
        for half in (0, 1):
            there, here = self.people.member & (self.people.half != half), self.people.half == half
            chosen[here] = errors[errors[:, there].mean(axis=1).argmin()][here]
        return chosen
