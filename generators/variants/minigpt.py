"""A transformer on packed haplotypes: eight alleles a token, small enough for two cores."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench import PluginError, Variants, generator

from .._nets import check_positive, epochs_of_batches
from .._torch import torch_generator
from ._sequences import Sequences, drawn_classes, people_of, sequences_of
from ._transformer import Packing, Transformer

_BLOCK = 256  # sequences whose logits are held at once


@generator(
    "minigpt",
    family="language model",
    modalities=("variants",),
    needs=("torch",),
    quick={"steps": 30, "width": 16, "layers": 1, "heads": 2},
    memory_gb=4,
    minutes=10,
)
@dataclass(kw_only=True)
class MiniGpt:
    """Train a small transformer from scratch on haplotypes and let it write new ones.

    Eight alleles are one token (five genotypes, where the phase is not known), so that every output is valid and a
    sequence is short. Tokens mean something at their position alone, and so each position has its own input table,
    output head and bias. A share of the *people* is kept aside, and the weights that explain them best are taken. The
    class is an input: synthetic classes come at their training rates.

    Nothing is private: the loss of the released weights tells who was in training far better than the release does.
    """

    calls: int = 0  # a token; 0 takes 8 alleles or 5 genotypes
    layers: int = 2
    width: int = 64
    heads: int = 4
    dropout: float = 0.1
    batch: int = 32  # sequences
    steps: int = 900
    lr: float = 2e-3
    warm_up: int = 50  # steps
    decay: float = 0.1  # of weights, by AdamW
    aside: float = 0.1  # share of the people who choose the weights

    def fit(self, cohort: Variants, *, rng: np.random.Generator) -> Self:
        """Train the network."""
        self._check()
        draw = torch_generator(rng)
        sequences = sequences_of(cohort, rng)
        self.like_, self.labels_, self.counts_ = cohort.take([]), sequences.labels, sequences.counts
        self.packing_ = Packing(cohort.n_sites, sequences.alphabet, self.calls or (8 if cohort.phased else 5))
        tokens, classes = self.packing_.pack(sequences.calls), torch.from_numpy(sequences.classes)
        learnt, kept = _divided(sequences, self.aside, rng)
        net = Transformer(
            self.packing_, len(self.labels_), layers=self.layers, width=self.width, heads=self.heads,
            bias=self.packing_.log_frequencies(tokens[learnt], 0.1), draw=draw,
        )  # fmt: skip
        self.net_ = self._trained(net, tokens, classes, learnt, kept, draw)
        return self

    def sample(self, n: int, *, rng: np.random.Generator) -> Variants:
        """Return n people, classes at their training rates; the two haplotypes of a person are drawn apart."""
        drawn = drawn_classes(self.counts_, n, rng)
        each = torch.from_numpy(np.repeat(drawn, self.like_.calls.shape[1]))
        calls = self.packing_.unpack(self.net_.write(each, torch_generator(rng)))
        return people_of(self.like_, calls, self.labels_[drawn])

    def losses(self, cohort: Variants, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n, 1) negative log-likelihoods of people, in nats."""
        sequences = sequences_of(cohort, rng, self.labels_)
        found = _losses(self.net_, self.packing_.pack(sequences.calls), torch.from_numpy(sequences.classes))
        whole: NDArray[np.float64] = found.double().numpy().reshape(len(cohort), -1).sum(axis=1, keepdims=True)
        return whole

    def _check(self) -> None:
        check_positive("minigpt", layers=self.layers, width=self.width, heads=self.heads, batch=self.batch, lr=self.lr)
        if self.width % self.heads:
            raise PluginError(f"minigpt: width {self.width} is no multiple of heads {self.heads}; expected one.")
        if not (0 <= self.calls <= 12 and self.steps >= 0 and 0 <= self.aside < 1 and 0 <= self.dropout < 1):
            raise PluginError(
                f"minigpt: calls is {self.calls}, steps {self.steps}, aside {self.aside} and dropout {self.dropout}; "
                "expected 0 to 12, 0 or more, and shares from 0 to below 1."
            )

    def _trained(
        self, net: Transformer, tokens: Tensor, classes: Tensor, learnt: Tensor, kept: Tensor, draw: torch.Generator
    ) -> Transformer:
        """Return the network with the weights that explained the people aside best, or the last ones."""
        optimiser = torch.optim.AdamW(net.parameters(), lr=self.lr, weight_decay=self.decay)
        best, lowest = copy.deepcopy(net), math.inf
        every = max(1, self.steps // 15)
        for step, rows in enumerate(epochs_of_batches(len(learnt), self.batch, self.steps, draw), start=1):
            for group in optimiser.param_groups:
                group["lr"] = self.lr * _rate(step, self.steps, self.warm_up)
            picked = learnt[rows]
            loss = net.losses(tokens[picked], classes[picked], dropout=self.dropout, draw=draw).mean()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(net.parameters(), 10.0)
            optimiser.step()
            if len(kept) == 0 or (step % every and step < self.steps):
                continue
            if (now := float(_losses(net, tokens[kept], classes[kept]).mean())) < lowest:
                best, lowest = copy.deepcopy(net), now
        return (best if len(kept) and self.steps else net).eval()


def _rate(step: int, steps: int, warm_up: int) -> float:
    """Return the share of the learning rate at a step: a rise, then half a cosine."""
    if step <= warm_up:
        return step / max(1, min(warm_up, steps))
    return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))


def _divided(sequences: Sequences, aside: float, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Return the rows to learn from and those aside; both sequences of a person are on the same side."""
    n = len(sequences.calls) // sequences.copies
    away = rng.permutation(n) < int(aside * n)
    rows = np.repeat(away, sequences.copies)
    return torch.from_numpy(np.flatnonzero(~rows)), torch.from_numpy(np.flatnonzero(rows))


@torch.no_grad()
def _losses(net: Transformer, tokens: Tensor, classes: Tensor) -> Tensor:
    """Return (n,) negative log-likelihoods, block by block."""
    starts = range(0, len(tokens), _BLOCK)
    parts = [net.losses(tokens[s : s + _BLOCK], classes[s : s + _BLOCK]) for s in starts]
    return torch.cat(parts) if parts else torch.zeros(0)
