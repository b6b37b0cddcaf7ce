"""A small neural network trained by DP-SGD as a release, private end to end."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from torch import Tensor, nn

from bench import Cohort, PluginError, PrivacyClaim, ReleasedModel, generator

from .._dpsgd import calibrated, train_privately
from .._nets import check_positive, dense
from .._privacy import check_budget, compose_mu, gaussian_mu
from .._torch import torch_generator
from ._private_scale import unit_rows
from ._private_start import start

Array = NDArray[np.float64]


@generator(
    "dp_mlp", family="classifier", releases="model", opt_in=True, needs=("torch", "opacus"), files=("prior",),
    doi="10.1145/2976749.2978318", quick={"hidden": 8, "steps": 20},
)  # fmt: skip
@dataclass(kw_only=True)
class DpMlp:
    """Release a network with one hidden layer, trained by per-example DP-SGD at a given epsilon, end to end.

    Rows are centred, scaled and put at unit length as in `dp_logistic`, which is paid for; then each step draws its
    batch by a coin for each person, shortens their gradients to `clip` and adds noise to the sum. The noise is what
    epsilon leaves, by the PRV accountant with the releases before (`_dpsgd`). The network is the mean of the iterates
    of the second half, which averages much of the noise away.

    It answers the published DP-SGD of `deeptype[private=true]`, whose network never moves: smaller, its input at a
    public length, its learning rate over the clip. Public are the set of class labels, the genes and their order, the
    range that the units allow, and the prior (``prior=none`` takes none). Learning rate, batch rate, width and length
    were chosen on tissue profiles of other people, in a short search (``benchmarks/choose_classifiers.py``).

    Abadi et al. 2016.
    """

    epsilon: float = 10.0
    delta: float = 1e-5
    prior: str | None = "shipped"  # or a file, or none
    hidden: int = 32
    steps: int = 120
    rate: float = 0.25  # probability to be in a batch
    lr: float = 0.3  # of gradients in units of the clip
    clip: float = 1.0  # length to which a person's gradient is shortened
    momentum: float = 0.9
    length: float = 4.0  # of a person's row as the network sees it
    sizes: float = 0.02  # share of the budget for class sizes
    centring: float = 0.3  # share of the budget for where the genes lie
    low: float | None = None  # public range of a gene; None is the usual one of the units
    high: float | None = None

    def fit(self, cohort: Cohort, *, rng: np.random.Generator) -> Self:
        """Measure sizes and scale with noise, then train."""
        self._check()
        self.features_ = cohort.features
        whole = gaussian_mu(self.epsilon, self.delta)
        mus = (whole * math.sqrt(self.sizes), whole * math.sqrt(self.centring))
        begun = start(cohort, self.prior, (self.low, self.high), mus, rng)
        self.classes_, self.scale_, self.words_, self.mus_ = begun.classes, begun.scale, begun.words, begun.mus
        if len(self.classes_) < 2:
            raise PluginError(f"dp_mlp: everybody is {self.classes_[0]!r}; a classifier needs two classes.")
        spent = compose_mu([mu for _, mu in self.mus_])
        self.plan_ = calibrated(self.epsilon, self.delta, steps=self.steps, rate=self.rate, released_mu=spent)
        self.layers_ = self._train(begun.rows, begun.codes, float(begun.counts.sum()), rng)
        return self

    def _train(self, rows: Array, codes: NDArray[np.intp], total: float, rng: np.random.Generator) -> dict[str, Array]:
        """Return the mean weights of the second half of the steps, by name."""
        draw = torch_generator(rng)
        x, y = torch.from_numpy((self.length * rows).astype(np.float32)), torch.from_numpy(codes)
        net = nn.Sequential(
            dense(x.shape[1], self.hidden, draw), nn.Tanh(), dense(self.hidden, len(self.classes_), draw)
        )
        optimiser = torch.optim.SGD(net.parameters(), lr=self.lr / self.clip, momentum=self.momentum)
        mean = [torch.zeros_like(p) for p in net.parameters()]
        first = self.steps // 2

        def loss(net: nn.Module, batch: Tensor) -> Tensor:
            return nn.functional.cross_entropy(net(x[batch]), y[batch], reduction="none")

        def average(step: int) -> None:
            if step >= first:
                for kept, p in zip(mean, net.parameters(), strict=True):
                    kept += p.detach() / (self.steps - first)

        train_privately(
            net, loss, len(x), self.plan_, optimiser, clip=self.clip, divisor=self.rate * total, rng=rng,
            after_step=average,
        )  # fmt: skip
        names = ("weights_1", "bias_1", "weights_2", "bias_2")
        return {name: kept.numpy().astype(np.float64) for name, kept in zip(names, mean, strict=True)}

    def release(self, *, rng: np.random.Generator) -> ReleasedModel:
        """Return the weights of both layers and the scale."""
        arrays = {
            **self.layers_, "centre": self.scale_.centre, "spread": self.scale_.spread, "length": np.array(self.length)
        }  # fmt: skip
        return ReleasedModel(arrays, self.classes_, self.features_)

    def predict_proba(self, model: ReleasedModel, X: NDArray[np.float32]) -> Array:
        """Return class probabilities (n, n_classes)."""
        a = model.arrays
        rows = a["length"] * unit_rows(X, a["centre"], a["spread"])
        hidden = np.tanh(rows @ a["weights_1"].T + a["bias_1"])
        answers: Array = softmax(hidden @ a["weights_2"].T + a["bias_2"], axis=1)
        return answers

    def claim(self) -> PrivacyClaim:
        """Return the guarantee, and the public data that it does not cover."""
        parts = ", ".join(name for name, _ in self.mus_)
        return PrivacyClaim(
            mechanism=f"DP-SGD, noise multiplier {self.plan_.sigma:.3g}; Gaussian noise on {parts}",
            unit="one sample",
            neighbours="add-remove",
            epsilon=self.epsilon,
            delta=self.delta,
            accountant=self.plan_.account,
            public=self.words_,
        )

    def _check(self) -> None:
        check_budget("dp_mlp", self.epsilon, self.delta)
        values = {n: getattr(self, n) for n in ("hidden", "lr", "clip", "length", "sizes", "centring")}
        check_positive("dp_mlp", **values)
        if not self.sizes + self.centring < 1:
            raise PluginError(
                f"dp_mlp: sizes and centring take {self.sizes + self.centring:g} of the budget; leave some for the "
                "training."
            )
        if not 0 <= self.momentum < 1:
            raise PluginError(f"dp_mlp: momentum is {self.momentum}; expected 0 <= momentum < 1.")
