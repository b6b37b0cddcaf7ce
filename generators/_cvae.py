"""The challenge's conditional variational autoencoder; what `cvae`, `nmf_cvae` and `cvae_gmm` share."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ._nets import dense, epochs_of_batches, relu_stack


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


def train_vae(
    model: ConditionalVAE, x: Tensor, codes: Tensor, *, steps: int, batch: int, lr: float, beta: float,
    draw: torch.Generator, device: torch.device,
) -> ConditionalVAE:  # fmt: skip
    """Return the model, trained by Adam on mean squared error + beta * KL, on the CPU and ready to decode."""
    model, x, codes = model.to(device).train(), x.to(device), codes.to(device)
    wanted = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(wanted, lr=lr, fused=True)
    for rows in epochs_of_batches(len(x), batch, steps, draw):
        noise = torch.randn(len(rows), model.z_dim, generator=draw).to(device)
        xb, yb = x[rows.to(device)], codes[rows.to(device)]
        mean, log_var = model.encode(xb, yb)
        rebuilt = model.decode(mean + (0.5 * log_var).exp() * noise, yb)
        loss = (rebuilt - xb).square().mean() + beta * gaussian_kl(mean, log_var)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return model.cpu().eval()


@torch.no_grad()
def decode_prior(model: ConditionalVAE, codes: NDArray[np.int64], draw: torch.Generator) -> Tensor:
    """Return (n, n_genes) decoded draws from the prior N(0, I) for these class codes."""
    z = torch.randn(len(codes), model.z_dim, generator=draw)
    return model.decode(z, torch.from_numpy(codes))
