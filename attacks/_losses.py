"""Losses of small surrogate models: how well a denoiser and an autoencoder that know a release rebuild each target.

An attacker without the model trains models of his own on the release. What the release keeps of a member, they keep
too, and their loss on the member is smaller than on another person. Timesteps, noise and initial weights are drawn once
and serve every surrogate, so that the losses of two of them differ by what they were trained on and by nothing else.

After the diffusion attacks of Wu et al. 2025 (losses over fixed timesteps and fixed noise), on surrogates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ._nets import dense, train

Floats = NDArray[np.float64]
LEVELS = (0.99, 0.9, 0.6, 0.2)  # share of signal variance left at the timesteps: little noise to nearly all
_ROWS = 512  # targets at a time: what is made of them stays in the cache
N_TERMS = len(LEVELS) + 2  # and the two terms of the evidence lower bound


@dataclass(kw_only=True)
class Surrogates:
    """Train a denoiser and a variational autoencoder on some people and return their losses on the targets.

    Parameters
    ----------
    targets : (n_targets, n_genes); their mean and spread per gene standardise everybody
    seed : of the fixed draws: timesteps' noise, latent noise, initial weights and batches
    """

    targets: NDArray[np.float32]
    seed: int
    steps: int = 100  # more steps find no more (measured up to 1,500)
    hidden: int = 128
    latent: int = 32
    draws: int = 4
    batch: int = 128
    lr: float = 3e-3
    decay: float = 1e-2

    def __post_init__(self) -> None:
        self._mean, self._spread = self.targets.mean(axis=0), self.targets.std(axis=0) + 1e-6
        self._asked = self._standard(self.targets)

    def losses(self, people: NDArray[np.float32]) -> Floats:
        """Return minus the loss terms of each target, (n_targets, N_TERMS), of surrogates trained on `people`."""
        x = self._standard(people)
        terms = torch.cat([self._denoising(x), self._evidence(x)], dim=1)
        found: Floats = terms.double().numpy()
        return found

    def _standard(self, people: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy((people - self._mean) / self._spread)

    def _train(self, net: nn.Module, loss: Callable[[Tensor], Tensor], n: int, draw: torch.Generator) -> None:
        batch = min(self.batch, n)
        train(net, loss, n, steps=self.steps, batch=batch, lr=self.lr, decay=self.decay, draw=draw)

    def _denoising(self, x: Tensor) -> Tensor:
        """Return minus the loss at each level, (n_targets, n_levels)."""
        draw = torch.Generator().manual_seed(self.seed)
        net, levels = Denoiser(x.shape[1], self.hidden, draw), torch.tensor(LEVELS)

        def loss(rows: Tensor) -> Tensor:
            which = torch.randint(len(LEVELS), (len(rows),), generator=draw)
            noise = torch.randn(len(rows), x.shape[1], generator=draw)
            return net.errors(x[rows], noise, levels[which]).mean()

        self._train(net, loss, len(x), draw)
        fixed = torch.randn(self.draws, x.shape[1], generator=torch.Generator().manual_seed(self.seed + 1))
        with torch.no_grad():
            return -torch.cat([_mean_errors(net, x, fixed, levels) for x in torch.split(self._asked, _ROWS)])

    def _evidence(self, x: Tensor) -> Tensor:
        """Return the reconstruction term and the divergence term of the evidence lower bound, (n_targets, 2)."""
        draw = torch.Generator().manual_seed(self.seed + 2)
        net = Autoencoder(x.shape[1], self.hidden, self.latent, draw)

        def loss(rows: Tensor) -> Tensor:
            noise = torch.randn(len(rows), self.latent, generator=draw)
            return -net.evidence(x[rows], noise).sum(dim=1).mean()

        self._train(net, loss, len(x), draw)
        fixed = torch.randn(self.draws, self.latent, generator=torch.Generator().manual_seed(self.seed + 3))
        with torch.no_grad():
            parts = [
                torch.stack([net.evidence(x, e) for e in fixed]).mean(dim=0) for x in torch.split(self._asked, _ROWS)
            ]
            return torch.cat(parts)


def _mean_errors(net: Denoiser, x: Tensor, noises: Tensor, levels: Tensor) -> Tensor:
    """Return the mean over the noises of the error of each row at each level, (n, n_levels)."""
    errors = [torch.stack([net.errors(x, noise, level) for noise in noises]).mean(dim=0) for level in levels]
    return torch.stack(errors, dim=1)


class Denoiser(nn.Module):
    """Two hidden layers that predict the velocity, a mix of noise and signal that has variance 1 at every level."""

    def __init__(self, n_genes: int, hidden: int, draw: torch.Generator) -> None:
        super().__init__()
        self.net = nn.Sequential(
            dense(n_genes + 1, hidden, draw), nn.SiLU(), dense(hidden, hidden, draw), nn.SiLU(),
            dense(hidden, n_genes, draw, 0.1),
        )  # fmt: skip

    def errors(self, x: Tensor, noise: Tensor, level: Tensor) -> Tensor:
        """Return the mean squared error of each row, (n,), at one level or at one for each row."""
        kept, added = level.sqrt().reshape(-1, 1), (1 - level).sqrt().reshape(-1, 1)
        noisy = kept * x + added * noise  # (n, n_genes)
        velocity = kept * noise - added * x
        found = self.net(torch.cat([noisy, 2 * kept.expand(len(x), 1) - 1], dim=1))
        errors: Tensor = (found - velocity).square().mean(dim=1)
        return errors


class Autoencoder(nn.Module):
    """A variational autoencoder with one hidden layer on each side and unit noise on every gene."""

    def __init__(self, n_genes: int, hidden: int, latent: int, draw: torch.Generator) -> None:
        super().__init__()
        self.encoder = nn.Sequential(dense(n_genes, hidden, draw), nn.SiLU(), dense(hidden, 2 * latent, draw, 0.1))
        self.decoder = nn.Sequential(dense(latent, hidden, draw), nn.SiLU(), dense(hidden, n_genes, draw, 0.1))

    def evidence(self, x: Tensor, noise: Tensor) -> Tensor:
        """Return minus the reconstruction error and minus the divergence from the prior, both in nats, (n, 2)."""
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        log_variance = log_variance.clamp(-8, 8)
        rebuilt = self.decoder(mean + torch.exp(0.5 * log_variance) * noise)
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1)
        return torch.stack([-0.5 * (rebuilt - x).square().sum(dim=1), -divergence], dim=1)
