"""A hidden Markov model along the genome: at each site a sequence follows one of a few hidden haplotypes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bench import PluginError, Variants, generator

from ._sequences import Calls, Codes, drawn_classes, people_of, sequences_of

Floats = NDArray[np.float64]
_BLOCK = 1024  # sequences whose chances are held at once
_FIRST_CHANGE = 0.02  # chance of a change of state at a site before anything is learnt
_LEAN = 0.4  # how much of the haplotype that a state starts from is in its first chances


@generator(
    "hmm", family="chain", modalities=("variants",), doi="10.1086/502802", quick={"states": 4, "rounds": 5}, minutes=10
)
@dataclass(kw_only=True)
class Hmm:
    """Learn a few hidden haplotypes and how sequences change between them, by expectation-maximisation.

    Each site has chances of its own for the calls of every state and for every change of state from the site before.
    States start from training haplotypes chosen by chance. Each class has its own chances of the first state; the rest
    is shared, so that what tells populations apart fades along the genome. This is the model that DP-SNP-TIHMM (arXiv
    2510.05777) makes private, without the privacy, and of the kind of fastPHASE.

    References
    ----------
    Scheet and Stephens (2006), American Journal of Human Genetics 78, 629-644 (clusters of haplotypes on a genome);
    Rabiner (1989), Proceedings of the IEEE 77, 257-286 (the algorithm, with scaling).
    """

    states: int = 16
    rounds: int = 25  # of expectation-maximisation
    pseudo: float = 0.05  # counts added to each call of a state and each change of state

    def fit(self, cohort: Variants, *, rng: np.random.Generator) -> Self:
        """Fit starts, changes and calls."""
        if not (self.states >= 1 and self.rounds >= 0 and self.pseudo > 0):
            raise PluginError(
                f"hmm: states is {self.states}, rounds {self.rounds} and pseudo {self.pseudo}; expected 1 or more, 0 "
                "or more, and more than 0."
            )
        sequences = sequences_of(cohort, rng)
        self.like_, self.labels_, self.counts_ = cohort.take([]), sequences.labels, sequences.counts
        self.chain_ = Chain.first(
            sequences.calls, sequences.alphabet, len(sequences.labels), self.states, self.pseudo, rng
        )
        for _ in range(self.rounds):
            self.chain_ = self.chain_.improved(sequences.calls, sequences.classes, self.pseudo)
        return self

    def sample(self, n: int, *, rng: np.random.Generator) -> Variants:
        """Return n people, classes at their training rates; the two haplotypes of a person are drawn apart."""
        drawn = drawn_classes(self.counts_, n, rng)
        calls = self.chain_.draw(np.repeat(drawn, self.like_.calls.shape[1]), rng)
        return people_of(self.like_, calls, self.labels_[drawn])

    def losses(self, cohort: Variants, *, rng: np.random.Generator) -> Floats:
        """Return (n, 1) negative log-likelihoods of people, in nats."""
        sequences = sequences_of(cohort, rng, self.labels_)
        found = self.chain_.losses(sequences.calls, sequences.classes)
        whole: Floats = found.reshape(len(cohort), -1).sum(axis=1, keepdims=True)
        return whole


@dataclass(frozen=True, eq=False)
class Chain:
    """Chances of a hidden Markov model.

    Parameters
    ----------
    start : (n_classes, states) of the first state
    change : (n_sites, states, states) from the state at the site before to that at this one; the first is not used
    call : (n_sites, states, alphabet) of calls
    """

    start: Floats
    change: Floats
    call: Floats

    @classmethod
    def first(
        cls, calls: Calls, alphabet: int, n_classes: int, states: int, pseudo: float, rng: np.random.Generator
    ) -> Self:
        """Return chances to begin with: each state leans to one of the sequences, and seldom changes."""
        leaders = calls[rng.choice(len(calls), size=states)]
        each = np.stack([(calls == a).sum(axis=0) for a in range(alphabet)], axis=1) + pseudo  # (n_sites, alphabet)
        common = (each / each.sum(axis=1, keepdims=True))[:, None]
        call = (1 - _LEAN) * common + _LEAN * np.eye(alphabet)[leaders.T]
        stay = (1 - _FIRST_CHANGE) * np.eye(states) + _FIRST_CHANGE / states
        change = np.tile(stay, (calls.shape[1], 1, 1))
        return cls(np.full((n_classes, states), 1 / states), change, call)

    def _forward(self, calls: Calls, classes: Codes) -> tuple[Floats, Floats]:
        """Return (n_sites, n, states) chances of states given the calls so far, and (n_sites, n) chances of calls."""
        at = np.empty((len(self.call), len(calls), self.start.shape[1]))
        scale = np.empty(at.shape[:2])
        state = self.start[classes]
        for site, call in enumerate(self.call):
            joint = (state if site == 0 else state @ self.change[site]) * call.T[calls[:, site]]
            scale[site] = joint.sum(axis=1)
            state = at[site] = joint / scale[site][:, None]
        return at, scale

    def losses(self, calls: Calls, classes: Codes) -> Floats:
        """Return (n,) negative log-likelihoods of sequences, in nats."""
        parts = [slice(i, i + _BLOCK) for i in range(0, len(calls), _BLOCK)]
        return np.concatenate(
            [np.empty(0), *(-np.log(self._forward(calls[p], classes[p])[1]).sum(axis=0) for p in parts)]
        )

    def improved(self, calls: Calls, classes: Codes, pseudo: float) -> Chain:
        """Return the chances after one round of expectation-maximisation."""
        start, change, call = (np.full_like(a, pseudo) for a in (self.start, self.change, self.call))
        for i in range(0, len(calls), _BLOCK):
            self._count(calls[i : i + _BLOCK], classes[i : i + _BLOCK], start, change, call)
        return Chain(*(a / a.sum(axis=-1, keepdims=True) for a in (start, change, call)))

    def _count(self, calls: Calls, classes: Codes, start: Floats, change: Floats, call: Floats) -> None:
        """Add the expected numbers of starts, changes and calls of sequences to three tables."""
        at, scale = self._forward(calls, classes)
        after = np.ones_like(at[0])  # chances of the calls that follow, over those expected of them
        for site in range(len(self.call) - 1, -1, -1):
            states = at[site] * after
            for a in range(call.shape[2]):
                call[site, :, a] += states[calls[:, site] == a].sum(axis=0)
            if site == 0:
                np.add.at(start, classes, states)
                return
            ahead = after * self.call[site].T[calls[:, site]] / scale[site][:, None]
            change[site] += self.change[site] * (at[site - 1].T @ ahead)
            after = ahead @ self.change[site].T

    def draw(self, classes: Codes, rng: np.random.Generator) -> Calls:
        """Return (n, n_sites) sequences of these classes."""
        calls = np.empty((len(classes), len(self.call)), dtype=np.int8)
        state = _drawn(self.start[classes], rng)
        for site, call in enumerate(self.call):
            if site > 0:
                state = _drawn(self.change[site][state], rng)
            calls[:, site] = _drawn(call[state], rng)
        return calls


def _drawn(chances: Floats, rng: np.random.Generator) -> Codes:
    """Return (n,) numbers drawn at (n, k) chances."""
    upto = chances.cumsum(axis=1)
    found: Codes = (rng.random((len(chances), 1)) > upto[:, :-1]).sum(axis=1)
    return found
