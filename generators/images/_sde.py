"""Score models of three diffusions (VP, VE, sub-VP): moments, loss, samplers and likelihood.

Time runs from 0 (data) to 1 (noise): ``dx = f(x, t) dt + g(t) dw``. Given x_0, x_t is normal with mean
``alpha(t) x_0`` and standard deviation ``sigma(t)``. A score model estimates the gradient of the log density of x_t.

References
----------
Song et al. (2021), Score-based generative modeling through stochastic differential equations, ICLR.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

SDES = ("vp", "ve", "subvp")
SAMPLERS = ("euler_maruyama", "predictor_corrector", "probability_flow")
FIRST = 1e-5  # the earliest time: at 0 the score of data on a grid is infinite
_SNR = 0.16  # of the corrector's step
_ROWS = 2048
# Returns the score (n, d) of x (n, d) at times t (n,).
Score = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Diffusion:
    """One of the three diffusions.

    Parameters
    ----------
    kind : ``vp`` (variance preserving), ``ve`` (variance exploding) or ``subvp``
    low, high : the first and the last rate beta of VP and sub-VP
    smallest, largest : the first and the last standard deviation of VE
    """

    kind: str = "vp"
    low: float = 0.1
    high: float = 20.0
    smallest: float = 0.01
    largest: float = 20.0

    def alpha(self, t: Tensor) -> Tensor:
        """Return what is left of x_0 at times t."""
        return torch.ones_like(t) if self.kind == "ve" else (-self._integral(t) / 2).exp()

    def sigma(self, t: Tensor) -> Tensor:
        """Return the standard deviation of the noise at times t."""
        if self.kind == "ve":  # the variance that g has added since time 0
            return (self._ve(t).square() - self.smallest**2).clamp(min=1e-12).sqrt()
        spent = -torch.expm1(-self._integral(t))
        return spent if self.kind == "subvp" else spent.sqrt()

    def drift(self, x: Tensor, t: Tensor) -> Tensor:
        """Return f(x, t), (n, d)."""
        return torch.zeros_like(x) if self.kind == "ve" else -0.5 * self._rate(t)[:, None] * x

    def squared_g(self, t: Tensor) -> Tensor:
        """Return g(t)^2, (n,)."""
        if self.kind == "ve":
            return self._ve(t).square() * (2 * math.log(self.largest / self.smallest))
        rate = self._rate(t)
        return rate * -torch.expm1(-2 * self._integral(t)) if self.kind == "subvp" else rate

    @property
    def prior_sd(self) -> float:
        """The standard deviation that x_1 is taken to have."""
        return float(self.sigma(torch.ones(1, dtype=torch.float64)))

    def _rate(self, t: Tensor) -> Tensor:
        return self.low + t * (self.high - self.low)

    def _integral(self, t: Tensor) -> Tensor:
        return self.low * t + (self.high - self.low) * t.square() / 2

    def _ve(self, t: Tensor) -> Tensor:
        return self.smallest * (self.largest / self.smallest) ** t


def score_loss(scaled: Score, x: Tensor, t: Tensor, noise: Tensor, sde: Diffusion) -> Tensor:
    """Return the (n,) losses ``mean (sigma s + noise)^2``: those of the score, weighted by sigma^2.

    Parameters
    ----------
    scaled : returns sigma(t) times the score, which the network gives
    """
    seen = sde.alpha(t)[:, None] * x + sde.sigma(t)[:, None] * noise
    errors: Tensor = (scaled(seen, t) + noise).square().mean(dim=1)
    return errors


@torch.no_grad()
def walk_back(
    score: Score, n: int, d: int, sde: Diffusion, *, sampler: str, steps: int, draw: torch.Generator
) -> Tensor:
    """Return (n, d) samples, walked back from noise in equal steps of time.

    ``euler_maruyama`` follows the reverse diffusion, ``predictor_corrector`` adds a Langevin step after each of its
    steps, ``probability_flow`` follows the ordinary equation with the same marginals (Heun's method).
    """
    x = sde.prior_sd * torch.randn(n, d, generator=draw)
    times = torch.linspace(1.0, 1e-3, steps + 1).tolist()
    for now, later in itertools.pairwise(times):
        t, step = torch.full((n,), now), now - later
        if sampler == "probability_flow":
            x = _flow_step(score, x, now, later, sde)
            continue
        squared = sde.squared_g(t)[:, None]
        mean = x - (sde.drift(x, t) - squared * score(x, t)) * step
        x = mean + (squared * step).sqrt() * torch.randn(n, d, generator=draw)
        if sampler == "predictor_corrector":
            x = _corrected(score, x, torch.full((n,), later), sde, draw)
    t = torch.full((n,), times[-1])  # the noise that is left is taken away
    found: Tensor = (x + sde.sigma(t)[:, None].square() * score(x, t)) / sde.alpha(t)[:, None]
    return found


def _flow(score: Score, x: Tensor, time: float, sde: Diffusion) -> Tensor:
    t = torch.full((len(x),), time, dtype=x.dtype)
    return sde.drift(x, t) - 0.5 * sde.squared_g(t)[:, None] * score(x, t)


def _flow_step(score: Score, x: Tensor, now: float, later: float, sde: Diffusion) -> Tensor:
    first = _flow(score, x, now, sde)
    second = _flow(score, x + (later - now) * first, later, sde)
    return x + (later - now) * (first + second) / 2


def _corrected(score: Score, x: Tensor, t: Tensor, sde: Diffusion, draw: torch.Generator) -> Tensor:
    noise, found = torch.randn(x.shape, generator=draw), score(x, t)
    lengths = noise.norm(dim=1).mean() / found.norm(dim=1).mean().clamp(min=1e-12)
    step = 2 * sde.alpha(t)[:, None].square() * (_SNR * lengths).square()
    moved: Tensor = x + step * found + (2 * step).sqrt() * noise
    return moved


def log_density(score: Score, x: Tensor, sde: Diffusion, *, steps: int, draw: torch.Generator) -> Tensor:
    """Return the (n,) log densities of x (n, d): along the probability flow, divergence by Hutchinson."""
    sign = torch.randint(0, 2, x.shape, generator=draw).to(x.dtype) * 2 - 1
    times = torch.linspace(FIRST**0.5, 1.0, steps + 1, dtype=torch.float64).square().tolist()  # finer where x is data
    gained = torch.zeros(len(x), dtype=x.dtype)

    def slope(x: Tensor, time: float) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            inside = x.detach().requires_grad_()
            found = _flow(score, inside, time, sde)
            (pulled,) = torch.autograd.grad((found * sign).sum(), inside)
        return found.detach(), (pulled * sign).sum(dim=1)

    for now, later in itertools.pairwise(times):
        first, grown = slope(x, now)
        second, grown_later = slope(x + (later - now) * first, later)
        x = x + (later - now) * (first + second) / 2
        gained = gained + (later - now) * (grown + grown_later) / 2
    sd = sde.prior_sd
    prior = -0.5 * (x / sd).square().sum(dim=1) - x.shape[1] * (math.log(sd) + 0.5 * math.log(2 * math.pi))
    return prior + gained


def bits_per_dimension(log_densities: Tensor, d: int, width: float) -> Tensor:
    """Return bits a pixel of values on a grid of this width, from the log densities of uniformly dequantised ones."""
    return -log_densities / (d * math.log(2)) - math.log2(width)
