"""LOGAN: a discriminator between the release and people who are no members."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bench import AttackView, attack

from ._classes import reference_of
from ._nets import dense, torch_stream, train


@attack(
    "logan",
    modalities="all",
    access="black-box + reference",
    family="density",
    doi="10.2478/popets-2019-0008",
    needs=("torch",),
)
@dataclass(kw_only=True)
class Logan:
    """Score a target by the logit of a network that tells the release from reference people.

    Threat model: the attacker also holds people of the same population who are no members.
    The published form truncates both sides to the first rows and feeds raw values; here all rows are used, shuffled,
    standardised on both sides together, and weighted to balance.

    Hayes, Melis, Danezis and De Cristofaro 2019.
    """

    hidden: int = 256
    steps: int = 400  # of AdamW; more only memorises the two sides
    batch: int = 128
    lr: float = 1e-3
    decay: float = 1e-2

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) logits."""
        reference, draw = reference_of(view, "logan"), torch_stream(rng)
        both = np.concatenate([view.synthetic, reference])
        mean, scale = both.mean(axis=0), both.std(axis=0) + 1e-6
        x = torch.from_numpy((both - mean) / scale)  # (n_synthetic + n_reference, n_genes)
        truth = (torch.arange(len(both)) < len(view.synthetic)).float()
        weight = torch.where(truth == 1, len(both) / (2 * len(view.synthetic)), len(both) / (2 * len(reference)))
        net = nn.Sequential(
            dense(x.shape[1], self.hidden, draw), nn.ReLU(), dense(self.hidden, self.hidden, draw), nn.ReLU(),
            dense(self.hidden, 1, draw, 0.1),
        )  # fmt: skip
        train(
            net,
            lambda rows: nn.functional.binary_cross_entropy_with_logits(net(x[rows])[:, 0], truth[rows], weight[rows]),
            len(both), steps=self.steps, batch=min(self.batch, len(both)), lr=self.lr, decay=self.decay, draw=draw,
        )  # fmt: skip
        with torch.no_grad():
            logits: NDArray[np.float64] = net(torch.from_numpy((view.targets - mean) / scale))[:, 0].double().numpy()
        return logits
