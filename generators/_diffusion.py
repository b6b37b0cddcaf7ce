"""Noise schedules and reverse samplers that the diffusion generators share.

One convention holds in this file. At timestep t of T a sample is ``x_t = sqrt(a_t) x_0 + sqrt(1 - a_t) noise``, where
``a_t`` falls from nearly 1 to nearly 0; a denoiser estimates the noise from ``x_t``, t and the class.

References
----------
Ho, Jain and Abbeel (2020), Denoising diffusion probabilistic models, NeurIPS.
Nichol and Dhariwal (2021), Improved denoising diffusion probabilistic models, ICML.
Song, Meng and Ermon (2021), Denoising diffusion implicit models, ICLR.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from bench import PluginError

SCHEDULES = ("linear", "cosine", "power")
SAMPLERS = ("ancestral", "posterior", "ddim")
# Estimates the noise from x_t (n, n_genes), t (n,) and class codes (n,).
Denoiser = Callable[[Tensor, Tensor, Tensor], Tensor]
_ROWS = 2048  # sampled together; bounds the memory of a large sample
Net = TypeVar("Net", bound=nn.Module)


def signal_rates(schedule: str, timesteps: int, low: float = 1e-3, high: float = 0.02) -> Tensor:
    """Return (timesteps,) values of a_t for the linear, cosine or power (quadratic) schedule.

    `low` and `high` bound the noise added per step at T = 1000; fewer timesteps add proportionally more each. The
    cosine schedule does not use them.
    """
    if schedule not in SCHEDULES:
        raise PluginError(f"the noise schedule is {schedule!r}; expected one of {', '.join(SCHEDULES)}.")
    t = torch.arange(timesteps + 1, dtype=torch.float64) / timesteps
    if schedule == "cosine":
        f = torch.cos((t + 0.008) / 1.008 * math.pi / 2).square()  # the offset of Nichol and Dhariwal
        beta = 1 - f[1:] / f[:-1]
    else:
        ramp = torch.linspace(0, 1, timesteps, dtype=torch.float64) ** (2 if schedule == "power" else 1)
        beta = (low + (high - low) * ramp) * (1000 / timesteps)
    return torch.cumprod(1 - beta.clamp(max=0.999), dim=0).float()


def time_features(t: Tensor, width: int) -> Tensor:
    """Return (..., width) sines and cosines of the timesteps (...) at geometric frequencies."""
    rates = torch.exp(-math.log(10_000.0) * torch.arange(width // 2, device=t.device) / (width // 2))
    angles = t[..., None].float() * rates
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


@torch.no_grad()
def reverse(
    denoise: Denoiser, codes: Tensor, n_genes: int, rates: Tensor, *, sampler: str, steps: int, draw: torch.Generator,
    device: torch.device,
) -> Tensor:  # fmt: skip
    """Return (n, n_genes) samples of these class codes, walked back from pure noise in `steps` steps, on the CPU.

    ``ancestral`` adds noise of the forward step's variance (published, meant for all timesteps), ``posterior`` of the
    variance that the step has once x_0 is known (right for any number of steps), ``ddim`` none.
    """
    parts = [
        _walk_back(denoise, part.to(device), n_genes, rates, sampler, steps, draw) for part in torch.split(codes, _ROWS)
    ]
    return torch.cat([*parts, torch.empty(0, n_genes)])


def _walk_back(
    denoise: Denoiser, codes: Tensor, n_genes: int, rates: Tensor, sampler: str, steps: int, draw: torch.Generator
) -> Tensor:
    def normal() -> Tensor:
        return torch.randn(len(codes), n_genes, generator=draw).to(codes.device)

    x = normal()
    walk = torch.linspace(len(rates) - 1, 0, steps).round().long().tolist()
    for t, then in zip(walk, [*walk[1:], None], strict=True):
        now, later = float(rates[t]), 1.0 if then is None else float(rates[then])
        noise = denoise(x, torch.full((len(codes),), t, device=codes.device), codes).float()
        posterior = (1 - now / later) * (1 - later) / (1 - now)  # variance of the step once x_0 is known
        kept = 1 - later - (0.0 if sampler == "ddim" else posterior)
        x = (x - (1 - now) ** 0.5 * noise) * (later / now) ** 0.5 + max(kept, 0.0) ** 0.5 * noise
        if sampler != "ddim" and later < 1:
            x += (1 - now / later if sampler == "ancestral" else posterior) ** 0.5 * normal()
    return x.cpu()


def check_sampler(name: str, sampler: str, steps: int, timesteps: int) -> None:
    """Raise a `PluginError` unless the sampler is known and walks at most all timesteps."""
    if sampler not in SAMPLERS:
        raise PluginError(f"{name}: sampler is {sampler!r}; expected one of {', '.join(SAMPLERS)}.")
    if not 1 <= steps <= timesteps:
        raise PluginError(f"{name}: sampling_steps is {steps}; expected 1 to timesteps, {timesteps}.")


class MovingAverage:
    """Keeps the exponential moving average of a network's parameters, which samples better than the last step's."""

    def __init__(self, net: nn.Module, decay: float) -> None:
        self.decay, self.steps = decay, 0
        self.live = list(net.parameters())
        self.mean = [p.detach().clone() for p in self.live]

    @torch.no_grad()
    def update(self) -> None:
        """Move the average towards the present values; faster in the first steps, so that the start is forgotten."""
        self.steps += 1
        decay = min(self.decay, self.steps / (self.steps + 9))
        torch._foreach_lerp_(self.mean, [p.detach() for p in self.live], 1 - decay)

    def of(self, net: Net) -> Net:
        """Return a copy of the network with the averaged parameters."""
        averaged = copy.deepcopy(net)
        with torch.no_grad():
            for p, mean in zip(averaged.parameters(), self.mean, strict=True):
                p.copy_(mean)
        return averaged


@dataclass
class Patience:
    """Ends a training whose loss has not fallen by 1e-4 for a number of epochs, and keeps the best weights."""

    epochs: int
    lowest: float = math.inf
    waited: int = 0

    def is_over(self, loss: float, net: nn.Module) -> bool:
        """Return whether to stop after an epoch of this mean loss; `best` is the network to keep then."""
        self.waited += 1
        if loss < self.lowest - 1e-4:
            self.lowest, self.waited, self.best = loss, 0, copy.deepcopy(net)
        return self.waited >= self.epochs


class GradientNoise:
    """Adds normal noise to the gradients, read from a random place of a pool that is drawn once.

    Fresh numbers at each step would take a fifth of the training time, for noise that protects nobody.
    """

    def __init__(self, net: nn.Module, sd: float, draw: torch.Generator) -> None:
        self.sd, self.draw = sd, draw
        self.largest = max(p.numel() for p in net.parameters())
        pool = torch.randn(2 * self.largest if sd > 0 else 0, generator=draw)
        self.pool = pool.to(next(net.parameters()).device)

    def add_to(self, net: nn.Module) -> None:
        """Add the noise to the gradient of every parameter."""
        for p in net.parameters() if self.sd > 0 else ():
            assert p.grad is not None
            start = int(torch.randint(self.largest, (), generator=self.draw))
            p.grad.add_(self.pool[start : start + p.numel()].view_as(p), alpha=self.sd)
