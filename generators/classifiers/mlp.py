"""A small neural network as a release: not private, unless it is trained on a private release."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from torch import nn

from bench import PluginError, PrivacyClaim, Records, ReleasedModel, generator

from .._nets import check_positive, dense, epochs_of_batches
from .._torch import torch_generator
from ._linear import standard
from ._teaching import class_weights, lesson


@generator(
    "mlp", family="classifier", releases="model", modalities="all", opt_in=True, needs=("torch",), trains=("train_on",),
    quick={"epochs": 40},
)  # fmt: skip
@dataclass(kw_only=True)
class MLP:
    """Release a network with one hidden layer, trained by Adam on standardised features.

    Not private, and the more epochs the less: with ``decay=0`` and many of them it knows its people by heart, which is
    what the attacks are tested on. Trained on a private release (``train_on``) it has that release's guarantee.
    """

    hidden: int = 128
    epochs: int = 30
    lr: float = 1e-3
    decay: float = 0.01  # of the weights, decoupled (AdamW)
    batch: int = 64
    balanced: bool = False  # all classes weigh the same, however many people they have
    train_on: str = ""  # a generator of data, such as private_pgm[epsilon=4]; empty: the people themselves
    n_synthetic: int = 1000  # people it draws

    def fit(self, cohort: Records, *, rng: np.random.Generator) -> Self:
        """Train the network on the cohort or on a release of it."""
        check_positive("mlp", hidden=self.hidden, epochs=self.epochs, lr=self.lr, batch=self.batch)
        if self.decay < 0:
            raise PluginError(f"mlp: decay is {self.decay}; expected 0 or more.")
        self.lesson_ = lesson(cohort, self.train_on, self.n_synthetic, rng)
        X, codes = self.lesson_.X, self.lesson_.codes
        self.centre_, self.scale_ = standard(X)
        rows = torch.from_numpy(((X - self.centre_) / self.scale_).astype(np.float32))
        draw = torch_generator(rng)
        n_genes, n_classes = X.shape[1], len(self.lesson_.classes)
        self.net_ = nn.Sequential(dense(n_genes, self.hidden, draw), nn.ReLU(), dense(self.hidden, n_classes, draw))
        self._train(rows, torch.from_numpy(codes), torch.from_numpy(class_weights(codes, self.balanced)), draw)
        return self

    def _train(self, rows: torch.Tensor, codes: torch.Tensor, weights: torch.Tensor, draw: torch.Generator) -> None:
        optimiser = torch.optim.AdamW(self.net_.parameters(), lr=self.lr, weight_decay=self.decay)
        steps = self.epochs * -(-len(rows) // self.batch)
        for batch in epochs_of_batches(len(rows), self.batch, steps, draw):
            losses = nn.functional.cross_entropy(self.net_(rows[batch]), codes[batch], reduction="none")
            optimiser.zero_grad()
            (losses * weights[batch].float()).mean().backward()  # type: ignore[no-untyped-call]
            optimiser.step()

    def release(self, *, rng: np.random.Generator) -> ReleasedModel:
        """Return the weights of both layers."""
        layers = {
            name.replace(".", "_"): values.detach().numpy().astype(np.float64)
            for name, values in self.net_.state_dict().items()
        }
        arrays = {**layers, "centre": self.centre_, "scale": self.scale_}
        return ReleasedModel(arrays, self.lesson_.classes, self.lesson_.features)

    def predict_proba(self, model: ReleasedModel, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return class probabilities (n, n_classes)."""
        a = model.arrays
        hidden = np.maximum(((X - a["centre"]) / a["scale"]) @ a["0_weight"].T + a["0_bias"], 0)
        answers: NDArray[np.float64] = softmax(hidden @ a["2_weight"].T + a["2_bias"], axis=1)
        return answers

    def claim(self) -> PrivacyClaim | None:
        """Return the guarantee of the release that it was trained on, if there is one."""
        return self.lesson_.claim
