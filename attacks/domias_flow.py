"""DOMIAS with normalising flows in one shared basis."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench import AttackView, attack

from ._classes import reference_of
from ._density import shared_basis
from ._nets import dense, torch_stream, train


@attack(
    "domias_flow",
    modalities="all",
    access="black-box + reference",
    family="density",
    doi="10.48550/arXiv.2302.12580",
    needs=("torch",),
)
@dataclass(kw_only=True)
class DomiasFlow:
    """Score a target by log p_release(x) - log p_reference(x), each the density of a small normalising flow.

    Threat model: the attacker also holds people of the same population who are no members.
    The published attack takes a block neural autoregressive flow on few columns; here affine coupling layers (RealNVP,
    doi:10.48550/arXiv.1605.08803) on the leading axes of the reference, blurred for a few hundred people.

    Van Breugel, Sun, Qian and van der Schaar 2023.
    """

    n_axes: int = 20  # of the shared basis
    layers: int = 4
    hidden: int = 32
    steps: int = 200
    batch: int = 128
    lr: float = 1e-3
    decay: float = 1e-2
    blur: float = 0.5  # standard deviation of noise on the people, so that a flow cannot close in on each of them

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) log density ratios."""
        reference, draw = reference_of(view, "domias_flow"), torch_stream(rng)
        basis = shared_basis(reference, self.n_axes)
        targets = torch.from_numpy(basis(view.targets)).float()
        release = self._log_density(basis(view.synthetic), targets, draw)
        return release - self._log_density(basis(reference), targets, draw)

    def _log_density(self, people: NDArray[np.float64], targets: Tensor, draw: torch.Generator) -> NDArray[np.float64]:
        x = torch.from_numpy(people).float()
        flow = CouplingFlow(x.shape[1], self.layers, self.hidden, draw)

        def loss(rows: Tensor) -> Tensor:
            noise = torch.randn(len(rows), x.shape[1], generator=draw)
            return -cast(Tensor, flow(x[rows] + self.blur * noise)).mean()

        batch = min(self.batch, len(x))
        train(flow, loss, len(x), steps=self.steps, batch=batch, lr=self.lr, decay=self.decay, draw=draw)
        with torch.no_grad():
            found: NDArray[np.float64] = flow(targets).double().numpy()
        return found


class CouplingFlow(nn.Module):
    """Affine coupling layers: each moves and scales one half of the axes by a function of the other half."""

    def __init__(self, n_axes: int, layers: int, hidden: int, draw: torch.Generator) -> None:
        super().__init__()
        self.kept = [torch.randperm(n_axes, generator=draw)[: n_axes // 2 or 1] for _ in range(layers)]
        self.nets = nn.ModuleList(
            nn.Sequential(dense(n_axes, hidden, draw), nn.ReLU(), dense(hidden, 2 * n_axes, draw, 0.01))
            for _ in range(layers)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the log density of each row, (n,)."""
        images, log_volume = self.images(x)
        return log_volume - 0.5 * images.square().sum(dim=1) - 0.5 * x.shape[1] * math.log(2 * math.pi)

    def images(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return where each row goes in the standard normal, (n, n_axes), and its log volume change, (n,)."""
        log_volume = x.new_zeros(len(x))
        for kept, net in zip(self.kept, self.nets, strict=True):
            mask = x.new_zeros(x.shape[1]).index_fill(0, kept, 1.0)
            shift, scale = net(x * mask).chunk(2, dim=1)
            scale = torch.tanh(scale) * (1 - mask)  # bounded, so that a far target cannot overflow
            x = x * torch.exp(scale) + shift * (1 - mask)
            log_volume = log_volume + scale.sum(dim=1)
        return x, log_volume
