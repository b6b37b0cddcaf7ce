"""The hybrid attack: what the model and what the genome tell of membership, weighed by shadow models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from bench import AttackView, PluginError, Variants, attack
from bench.statistics.contexts import Contexts

from ._people import Calls, Floats, allele_counts, as_calls, as_people, copies_of, frequencies, seen, sequences
from .model_loss import losses_of
from .nearest_haplotype import nearest

_RARE = 0.05
_KINDS = ("hybrid", "model", "genomic")


@attack(
    "hybrid",
    modalities=("variants",),
    access="white-box",
    opt_in=True,
    family="model",
    doi="10.48550/arXiv.2511.07503",
)
@dataclass(kw_only=True)
class Hybrid:
    """Score a target by a classifier of features of model and genome, which learnt from shadow models who is a member.

    Threat model: the attacker holds the fitted model, its code, the labels of the targets, and people of the population
    who are no members. He trains `shadows` models of the same kind, each on another half of the targets, which he chose
    himself, and computes for each target

    - of the *model*: its loss, and that less the loss under a chain of the reference;
    - of the *genome*, from the release alone: allele ratio, Homer's statistic, log ratio of chains, the distance
      to the nearest haplotype less that in the reference; and of the record itself: heterozygous sites, alternate
      homozygotes, rare alleles.

    Features are scaled to the spread over the targets, in each world on its own; a logistic regression learns from the
    shadows and is asked once about the attacked model. Nobody's true membership is used, no threshold is tuned.
    `features` takes only those of the model or of the genome, so that the three can stand side by side.

    The published attack (Belfiore, Passerat-Palmbach and Usynin 2025) trains on half of the true labels, tunes its
    threshold on the records that it reports and has 20 of them; this is what it measures when these are mended.
    """

    shadows: int = 4
    features: str = "hybrid"  # or "model", "genomic"
    order: int = 20  # sites, of the chains

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) log odds of membership."""
        if self.features not in _KINDS or self.shadows < 1:
            raise PluginError(
                f"hybrid: features is {self.features!r} and shadows {self.shadows}; expected one of "
                f"{', '.join(map(repr, _KINDS))}, and 1 or more."
            )
        if view.fitted is None or view.make_generator is None or view.target_labels is None:
            raise PluginError("hybrid reads the fitted model and trains others, but the view does not grant it.")
        order = np.argsort(view.targets @ rng.standard_normal(len(view.genes)))  # the given order must not matter
        people = as_people(view.genes, view.targets[order], view.target_labels[order])
        reference = seen(view, "hybrid").reference
        worlds = [self._world(view, people, reference, rng.spawn(1)[0]) for _ in range(self.shadows)]
        learnt, member = np.concatenate([f for f, _ in worlds]), np.concatenate([m for _, m in worlds])
        model = LogisticRegression(max_iter=1000).fit(learnt, member)
        asked = self._features(view.fitted, as_calls(view.synthetic, copies_of(view.genes)), people, reference)
        scores = np.empty(len(order))
        scores[order] = model.decision_function(asked)
        return scores

    def _world(
        self, view: AttackView, people: Variants, reference: Calls, rng: np.random.Generator
    ) -> tuple[Floats, NDArray[np.bool_]]:
        """Return the features of all targets under a model of a half of them, and who is in that half."""
        assert view.make_generator is not None
        inside = np.zeros(len(people), dtype=bool)
        for label in people.classes:  # class by class, so that every model has all classes
            mine = rng.permutation(np.flatnonzero(people.y == label))
            inside[mine[: (len(mine) + 1) // 2]] = True
        model: Any = view.make_generator().fit(people.take(inside), rng=rng.spawn(1)[0])
        release = model.sample(int(inside.sum()), rng=rng.spawn(1)[0])
        return self._features(model, release.calls, people, reference), inside

    def _features(self, model: Any, release: Calls, people: Variants, reference: Calls) -> Floats:
        """Return (n_targets, n_features), each with mean 0 and standard deviation 1 over the targets."""
        columns = [
            *(self._of_model(model, people, reference) if self.features != "genomic" else ()),
            *(self._of_genome(release, people, reference) if self.features != "model" else ()),
        ]
        x = np.stack(columns, axis=1)
        scaled: Floats = (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-12)
        return scaled

    def _chain_losses(self, known: Calls, people: Variants) -> Floats:
        alphabet = 4 - int(known.shape[1])
        chain = Contexts(sequences(known), alphabet=alphabet, order=self.order, strength=1.0)
        found: Floats = chain.losses(sequences(people.calls)).reshape(len(people), -1).sum(axis=1)
        return found

    def _of_model(self, model: Any, people: Variants, reference: Calls) -> Iterator[Floats]:
        loss = losses_of(model, people)
        yield -loss
        yield self._chain_losses(reference, people) - loss

    def _of_genome(self, release: Calls, people: Variants, reference: Calls) -> Iterator[Floats]:
        p, q = frequencies(release), frequencies(reference)
        x, called = allele_counts(people.calls)
        y = np.divide(x, called, out=np.zeros_like(x), where=called > 0)
        yield x @ np.log(p / q) + (called - x) @ np.log((1 - p) / (1 - q))
        yield np.where(called > 0, np.abs(y - q) - np.abs(y - p), 0).sum(axis=1)
        own = sequences(people.calls)
        apart = nearest(own, sequences(reference)) - nearest(own, sequences(release))
        yield apart.reshape(len(people), -1).max(axis=1)
        yield self._chain_losses(reference, people) - self._chain_losses(release, people)
        rare = np.minimum(q, 1 - q) < _RARE
        yield (people.genotypes == 1).sum(axis=1, dtype=np.float64)
        yield (people.genotypes == 2).sum(axis=1, dtype=np.float64)
        yield np.where(q < 0.5, x, called - x)[:, rare].sum(axis=1)
