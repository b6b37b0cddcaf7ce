"""Per-record losses of fitted networks: what an attacker who holds the released model reads off it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench import PluginError

if TYPE_CHECKING:
    from ._cvae import ConditionalVAE
    from ._diffusion import Denoiser

Floats = NDArray[np.float64]
_LEVELS = (0.99, 0.9, 0.7, 0.4, 0.1)  # share of signal variance left: little noise to nearly all
_DRAWS = 8


def codes_of(name: str, labels: NDArray[np.str_], y: NDArray[np.str_]) -> Tensor:
    """Return the (n,) codes of class labels that a generator was trained on; `PluginError` for another one."""
    unknown = sorted(set(map(str, y)) - set(map(str, labels)))
    if unknown:
        raise PluginError(f"{name} was not trained on the label {unknown[0]!r} and has no loss for it.")
    return torch.from_numpy(np.searchsorted(labels, y))


@torch.no_grad()
def denoising_losses(denoise: Denoiser, x: Tensor, codes: Tensor, rates: Tensor, draw: torch.Generator) -> Floats:
    """Return (n, 5) squared errors of the estimated noise at five timesteps, averaged over fixed noise draws.

    The draws are the same for every record, so that records differ by what the network knows of them alone.

    Parameters
    ----------
    x : (n, n_inputs) records as the network sees them
    codes : (n,) their class codes
    rates : (timesteps,) values of a_t
    """
    times = [int((rates - level).abs().argmin()) for level in _LEVELS]
    losses = torch.zeros(len(x), len(times), dtype=torch.float64)
    for column, t in enumerate(times):
        signal = float(rates[t])
        for noise in torch.randn(_DRAWS, 1, x.shape[1], generator=draw):
            noisy = signal**0.5 * x + (1 - signal) ** 0.5 * noise
            found = denoise(noisy, torch.full((len(x),), t), codes).float()
            losses[:, column] += (found - noise).double().square().mean(dim=1) / _DRAWS
    return losses.numpy()


@torch.no_grad()
def evidence_losses(model: ConditionalVAE, x: Tensor, codes: Tensor, beta: float, draw: torch.Generator) -> Floats:
    """Return (n, 2): the squared error of the rebuilt record over fixed latent draws, and that + beta * KL.

    KL alone would mislead: a network that knows a record by heart places it far from the prior.

    Parameters
    ----------
    x : (n, n_inputs) records as the network sees them
    codes : (n,) their class codes
    beta : weight of the KL term in the network's loss
    """
    noise = torch.randn(1, _DRAWS, model.z_dim, generator=draw).expand(len(x), -1, -1)
    rebuilt, mean, log_var = model(x, codes, noise)
    error = (rebuilt - x[:, None]).double().square().mean(dim=(1, 2))
    kl = -0.5 * (1 + log_var - mean.square() - log_var.exp()).double().sum(dim=1)
    return torch.stack([error, error + beta * kl], dim=1).numpy()
