"""Denoisers in two parametrisations, their training loss with many noises an image, and their sampler.

One convention holds in this file. An image is a vector of values from -1 to 1. At noise level s it is seen as
``x + s n`` with normal n; a denoiser ``D(x + s n, s, class) = c_skip (x + s n) + c_out F(c_in (x + s n), c_noise,
class)`` estimates x, where F is the network.

References
----------
Karras et al. (2022), Elucidating the design space of diffusion-based generative models, NeurIPS (``edm``).
Salimans and Ho (2022), Progressive distillation for fast sampling of diffusion models, ICLR (``v``).
Dockhorn et al. (2023), Differentially private diffusion models, TMLR (both, with many noises an image).
Ho and Salimans (2022), Classifier-free diffusion guidance, arXiv 2207.12598.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

PARAMETRISATIONS = ("edm", "v")
_SPREAD = {"edm": math.sqrt(1 / 3), "v": 1.0}  # sd of the data that the coefficients assume
_LOW, _HIGH, _RHO = 0.002, 80.0, 7.0  # of the sampler's noise levels
_ROWS = 2048  # images sampled together
# Returns F from c_in x (n, d), c_noise (n,) and class codes (n,).
Network = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Prior:
    """A normal distribution of each class with a common covariance, which the denoiser starts from.

    Parameters
    ----------
    means : (n_classes, d), values from -1 to 1
    vectors, variances : (d, d) and (d,), the covariance's eigenvectors (columns) and eigenvalues
    """

    means: Tensor
    vectors: Tensor
    variances: Tensor

    def estimate(self, x: Tensor, s: Tensor, y: Tensor) -> Tensor:
        """Return the best estimates (n, d) of images of this distribution, seen as x (n, d) at noise levels s (n,)."""
        mean = self.means[y]
        kept = self.variances / (self.variances + s.square()[:, None])
        return mean + (((x - mean) @ self.vectors) * kept) @ self.vectors.T

    def to(self, device: torch.device) -> Prior:
        """Return the same on a device."""
        return Prior(self.means.to(device), self.vectors.to(device), self.variances.to(device))


@dataclass(frozen=True)
class Guide:
    """How far samples are pushed away from what the denoiser finds without a label (Ho and Salimans 2022).

    Parameters
    ----------
    strength : 0 pushes nowhere
    unlabelled : the class code that stands for no label
    """

    strength: float
    unlabelled: int


def coefficients(s: Tensor, form: str = "edm") -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return c_skip, c_out, c_in and c_noise at noise levels s, each of the shape of s."""
    spread = _SPREAD[form]
    total = s.square() + spread**2
    skip, into = spread**2 / total, total.rsqrt()
    noise = s.log() / 4 if form == "edm" else torch.atan(s) * (2 / math.pi)
    return skip, s * spread * into, into, noise


def loss_weight(s: Tensor, form: str = "edm") -> Tensor:
    """Return the weight of the squared error of D at noise levels s: 1 / c_out^2, so that F has an even loss."""
    spread = _SPREAD[form]
    return (s.square() + spread**2) / (s * spread).square()


def draw_levels(shape: tuple[int, ...], form: str, draw: torch.Generator) -> Tensor:
    """Return noise levels for training: ln s ~ N(-1.2, 1.2^2) for ``edm``, s = tan(pi t / 2), t uniform, for ``v``."""
    if form == "edm":
        return (torch.randn(shape, generator=draw) * 1.2 - 1.2).exp()
    t = torch.rand(shape, generator=draw) * (1 - 2e-5) + 1e-5
    return torch.tan(t * (math.pi / 2)).clamp(max=1e4)


def denoise(net: Network, x: Tensor, s: Tensor, y: Tensor, form: str = "edm", prior: Prior | None = None) -> Tensor:
    """Return D(x, s, y), (n, d), of images x (n, d) seen at noise levels s (n,) with class codes y (n,).

    With a prior, its best estimate takes the place of ``c_skip x``: a network that is zero is right about it.
    """
    skip, out, into, noise = coefficients(s, form)
    start = skip[:, None] * x if prior is None else prior.estimate(x, s, y)
    return start + out[:, None] * net(into[:, None] * x, noise, y)


def image_loss(
    net: Network, x: Tensor, y: Tensor, s: Tensor, noise: Tensor, form: str = "edm", prior: Prior | None = None
) -> Tensor:
    """Return the loss of one image, averaged over its noises: the number that is clipped by its gradient.

    Parameters
    ----------
    x : (d,) the image; y : () its class code
    s : (k,) noise levels; noise : (k, d) standard normal
    """
    return batch_loss(net, x.expand(noise.shape), y.expand(s.shape), s, noise, form, prior)


def batch_loss(
    net: Network, x: Tensor, y: Tensor, s: Tensor, noise: Tensor, form: str = "edm", prior: Prior | None = None
) -> Tensor:
    """Return the mean weighted squared error of D on images x (n, d), seen with one noise (n, d) each."""
    found = denoise(net, x + s[:, None] * noise, s, y, form, prior)
    errors: Tensor = loss_weight(s, form) * (found - x).square().mean(dim=1)
    return errors.mean()


@torch.no_grad()
def sample(
    net: Network,
    codes: Tensor,
    d: int,
    steps: int,
    draw: torch.Generator,
    device: torch.device,
    form: str = "edm",
    prior: Prior | None = None,
    guide: Guide | None = None,
) -> Tensor:
    """Return (n, d) images of these class codes: Heun's method along the probability flow, on the CPU."""

    def denoiser(x: Tensor, s: Tensor, y: Tensor) -> Tensor:
        found = denoise(net, x, s, y, form, prior)
        if guide is None:
            return found
        return found + guide.strength * (found - denoise(net, x, s, torch.full_like(y, guide.unlabelled), form, prior))

    parts = [
        _walk(denoiser, part.to(device), torch.randn(len(part), d, generator=draw).to(device), steps)
        for part in torch.split(codes, _ROWS)
    ]
    return torch.cat([*parts, torch.empty(0, d)])


def noise_levels(steps: int) -> list[float]:
    """Return the falling noise levels of the sampler, and a last one of 0."""
    ramp = [i / max(steps - 1, 1) for i in range(steps)]
    return [(_HIGH ** (1 / _RHO) + r * (_LOW ** (1 / _RHO) - _HIGH ** (1 / _RHO))) ** _RHO for r in ramp] + [0.0]


def _walk(denoiser: Network, codes: Tensor, normal: Tensor, steps: int) -> Tensor:
    levels = noise_levels(steps)
    x = levels[0] * normal

    def slope(x: Tensor, level: float) -> Tensor:
        s = torch.full((len(x),), level, device=x.device)
        return (x - denoiser(x, s, codes)) / level

    for now, later in itertools.pairwise(levels):
        first = slope(x, now)
        ahead = x + (later - now) * first
        x = ahead if later == 0 else x + (later - now) * (first + slope(ahead, later)) / 2
    return x.clamp(-1, 1).cpu()
