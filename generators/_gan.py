"""The Wasserstein game with gradient penalty that `wgan_gp` and `ctgan` share."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench import PluginError

from ._nets import dense, epochs_of_batches


class Dropout(nn.Module):
    """Dropout whose masks come from a stream of ours, not from torch's global one; for critics, which are not kept."""

    def __init__(self, rate: float, draw: torch.Generator) -> None:
        super().__init__()
        self.rate = rate
        self.draw = draw

    def forward(self, x: Tensor) -> Tensor:
        """Return x with entries set to 0 at the rate, the others scaled up."""
        kept = torch.rand(x.shape, generator=self.draw).to(x.device) >= self.rate
        return x * kept / (1 - self.rate)


def critic_stack(sizes: tuple[int, ...], draw: torch.Generator, *, dropout: float = 0.0) -> nn.Sequential:
    """Return layers with leaky ReLUs (slope 0.2) that end in one number."""
    layers: list[nn.Module] = []
    for n_in, n_out in itertools.pairwise(sizes):
        layers += [dense(n_in, n_out, draw), nn.LeakyReLU(0.2)]
        if dropout:
            layers.append(Dropout(dropout, draw))
    return nn.Sequential(*layers, dense(sizes[-1], 1, draw))


def critic_loss(critic: nn.Module, real: Tensor, fake: Tensor, weight: float, draw: torch.Generator) -> Tensor:
    """Return fake minus real score plus `weight` times the gradient penalty; rows are what one score belongs to.

    The penalty is (norm of the gradient - 1) squared, at a random point between each real and its fake row.
    """
    share = torch.rand(len(real), 1, generator=draw).to(real.device)
    between = (share * real + (1 - share) * fake).requires_grad_()
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    penalty: Tensor = (slope.norm(dim=1) - 1).square().mean()
    loss: Tensor = critic(fake).mean() - critic(real).mean() + weight * penalty
    return loss


def adam(net: nn.Module, lr: float, *, beta: float, decay: float = 0.0) -> torch.optim.Adam:
    """Return the optimiser of what the net learns; `beta` is the momentum, which this game wants low."""
    learned = [p for p in net.parameters() if p.requires_grad]
    return torch.optim.Adam(learned, lr=lr, betas=(beta, 0.9), weight_decay=decay, fused=True)


def check_pairs(name: str, batch: int, n: int) -> None:
    """Raise a `PluginError` where a batch would be one sample, which batch normalisation turns into nothing."""
    if batch < 2:
        raise PluginError(f"{name}: batch is {batch}; expected 2 or more, since the generator is batch-normalised.")
    if n < 2:
        raise PluginError(f"{name}: the cohort has {n} sample; expected 2 or more, to tell real from synthetic.")


def descend(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    """Take one step down the loss."""
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()


def full_batches(n: int, size: int, draw: torch.Generator) -> Iterator[Tensor]:
    """Yield row indices without end, in batches of `size` or of n if that is less; short ones are left out."""
    size = min(size, n)
    while True:
        yield from (rows for rows in epochs_of_batches(n, size, -(-n // size), draw) if len(rows) == size)


def balanced_rows(codes: NDArray[np.int64], counts: NDArray[np.int64], size: int, draw: torch.Generator) -> Tensor:
    """Return the rows of a batch: classes at the rate of their log-sizes, any sample of each."""
    rates = torch.from_numpy((np.log1p(counts) / counts)[codes])
    return rates.multinomial(size, replacement=True, generator=draw)
