"""The challenge's conditional variational autoencoder; what `cvae`, `nmf_cvae` and `cvae_gmm` share."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench import PluginError

from ._nets import dense, epochs_of_batches, relu_stack
from ._torch import fast_matrices

_WARM_UP = 0.03  # part of the steps in which the rate of a cosine schedule rises
SCHEDULES = ("constant", "cosine")


class Condition(nn.Module):
    """Turns class codes into vectors: one-hot, or a learned embedding of `width` numbers."""

    def __init__(self, n_classes: int, width: int, draw: torch.Generator) -> None:
        super().__init__()
        start = torch.randn(n_classes, width, generator=draw) if width else torch.eye(n_classes)
        self.table = nn.Parameter(start, requires_grad=width > 0)
        self.width = start.shape[1]

    def forward(self, codes: Tensor) -> Tensor:
        """Return (n, width) vectors for (n,) codes."""
        return self.table[codes]


class ConditionalVAE(nn.Module):
    """Encoder and decoder of the published shape: x through `hidden`, the class beside it, both joined; and back."""

    def __init__(
        self, n_inputs: int, condition: Condition, z_dim: int, hidden: tuple[int, ...], draw: torch.Generator
    ) -> None:
        super().__init__()
        self.z_dim = z_dim
        self.condition = condition
        last = hidden[-1]
        self.encode_x = relu_stack((n_inputs, *hidden), draw)
        self.encode_y = relu_stack((condition.width, last), draw)
        self.encode_join = relu_stack((2 * last, 2 * last), draw)
        self.mean, self.log_var = dense(2 * last, z_dim, draw), dense(2 * last, z_dim, draw)
        self.decode_z = relu_stack((z_dim, last), draw)
        self.decode_y = relu_stack((condition.width, last), draw)
        widening = (2 * last, *hidden[-2::-1])  # the published decoder: 512, 512, 1000
        self.decode_join = relu_stack(widening, draw)
        self.out = dense(widening[-1], n_inputs, draw)

    def encode(self, x: Tensor, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of q(z | x, class), each (n, z_dim)."""
        joined = torch.cat([self.encode_x(x), self.encode_y(self.condition(codes))], dim=-1)
        hidden = self.encode_join(joined)
        return self.mean(hidden), self.log_var(hidden)

    def decode(self, z: Tensor, codes: Tensor) -> Tensor:
        """Return the (..., n_genes) reconstruction of latent points (..., z_dim) of classes (...)."""
        joined = torch.cat([self.decode_z(z), self.decode_y(self.condition(codes))], dim=-1)
        out: Tensor = self.out(self.decode_join(joined))
        return out

    def forward(self, x: Tensor, codes: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the (n, draws, n_genes) reconstructions for latent noise (n, draws, z_dim), mean and log-variance."""
        mean, log_var = self.encode(x, codes)
        z = mean[:, None] + (0.5 * log_var).exp()[:, None] * noise
        return self.decode(z, codes[:, None].expand(z.shape[:2])), mean, log_var


def gaussian_kl(mean: Tensor, log_var: Tensor) -> Tensor:
    """Return KL(q(z | x) || N(0, I)) summed over z and averaged over the batch."""
    return -0.5 * (1 + log_var - mean.square() - log_var.exp()).sum(dim=1).mean()


def learning_rates(schedule: str, lr: float, steps: int) -> NDArray[np.float64]:
    """Return the learning rate of each step, (steps,): always lr, or up to it and down to 0 along a cosine."""
    if schedule not in SCHEDULES:
        raise PluginError(f"the schedule of the learning rate is {schedule!r}; expected one of {', '.join(SCHEDULES)}.")
    if schedule == "constant":
        return np.full(steps, lr)
    done = np.arange(steps)
    rising = np.minimum((done + 1) / math.ceil(_WARM_UP * steps), 1.0)
    rates: NDArray[np.float64] = lr * rising * (1 + np.cos(np.pi * done / steps)) / 2
    return rates


def train_vae(
    model: ConditionalVAE, x: Tensor, codes: Tensor, *, rates: NDArray[np.float64], batch: int, beta: float,
    draw: torch.Generator, device: torch.device,
) -> ConditionalVAE:  # fmt: skip
    """Return the model, trained by one Adam step per learning rate in `rates`, on the CPU and ready to decode."""
    model, x, codes = model.to(device).train(), x.to(device), codes.to(device)
    wanted = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(wanted, lr=float(rates[0]), fused=True)
    batches = epochs_of_batches(len(x), batch, len(rates), draw)
    for rows, rate in zip(batches, rates, strict=True):
        noise = torch.randn(len(rows), model.z_dim, generator=draw).to(device)
        optimiser.param_groups[0]["lr"] = float(rate)
        optimiser.zero_grad()
        evidence_loss(model, x[rows.to(device)], codes[rows.to(device)], noise, beta).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return model.cpu().eval()


def evidence_loss(model: ConditionalVAE, x: Tensor, codes: Tensor, noise: Tensor, beta: float) -> Tensor:
    """Return the squared error, averaged over samples and genes, plus beta times the KL term, for noise (n, z_dim)."""
    with fast_matrices(x.device):
        mean, log_var = (part.float() for part in model.encode(x, codes))
        rebuilt = model.decode(mean + (0.5 * log_var).exp() * noise, codes).float()
    return (rebuilt - x).square().mean() + beta * gaussian_kl(mean, log_var)


@torch.no_grad()
def decode_prior(model: ConditionalVAE, codes: NDArray[np.int64], draw: torch.Generator) -> Tensor:
    """Return (n, n_genes) decoded draws from the prior N(0, I) for these class codes."""
    z = torch.randn(len(codes), model.z_dim, generator=draw)
    return model.decode(z, torch.from_numpy(codes))
