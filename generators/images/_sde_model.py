"""What the score model and its private form share: the network as a score, sampling, losses, estimates."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench import PluginError

from .._torch import pick_device, torch_generator
from ._edm import Network
from ._image_nets import NETS
from ._per_image import gradient_norms
from ._sde import SAMPLERS, SDES, Diffusion, Score, score_loss, walk_back

_LOSS_TIMES = (0.05, 0.15, 0.3, 0.5)
_LOSS_DRAWS = 8
_ROWS = 2048


def check_settings(
    name: str, sde: str, sampler: str, net: str, hidden: int, steps: int, shape: tuple[int, int, int]
) -> None:
    """Raise a `PluginError` if a setting is unknown or a U-Net does not fit the images."""
    for what, value, known in (("sde", sde, SDES), ("sampler", sampler, SAMPLERS), ("net", net, NETS)):
        if value not in known:
            raise PluginError(f"{name}: {what} is {value!r}; expected one of {', '.join(known)}.")
    if steps < 1 or hidden < 1:
        raise PluginError(f"{name}: sampling_steps is {steps} and hidden {hidden}; expected 1 or more.")
    if net == "unet" and (hidden % 4 or shape[0] % 2 or shape[1] % 2):
        raise PluginError(
            f"{name}: a U-Net of {hidden} channels on {shape[0]} x {shape[1]} pixels; expected a multiple of 4 "
            "channels and even sides. net='mlp' takes any."
        )


def to_range(X: NDArray[np.float32]) -> Tensor:
    """Return brightness from 0 to 1 as values from -1 to 1."""
    return torch.from_numpy(2 * np.asarray(X, dtype=np.float32) - 1)


def scaled_score(net: Network, codes: Tensor, sde: Diffusion) -> Score:
    """Return the network as sigma(t) times the score of images of these classes.

    The network sees x_t divided by its own standard deviation, for data of variance 1/3. Its output is added to the
    score of such data: ``-sigma x / (alpha^2 / 3 + sigma^2)``, so that zero, where it starts, is a fair guess.
    """

    def scaled(x: Tensor, t: Tensor) -> Tensor:
        sigma, signal = sde.sigma(t)[:, None], sde.alpha(t)[:, None] / 3**0.5
        total = (signal.square() + sigma.square()).sqrt()
        found: Tensor = signal / total * net(x / total, (sigma / sde.alpha(t)[:, None])[:, 0].log() / 4, codes)
        return found - sigma * x / total.square()

    return scaled


def sde_sample(
    net: nn.Module, codes: NDArray[np.int64], d: int, sde: Diffusion, sampler: str, steps: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return (n, d) images of these class codes, brightness from 0 to 1."""
    draw, device = torch_generator(rng), pick_device()
    net = net.to(device)
    parts = []
    for part in torch.split(torch.from_numpy(codes), _ROWS):
        scaled = scaled_score(net, part.to(device), sde)

        def score(x: Tensor, t: Tensor, scaled: Score = scaled) -> Tensor:
            return (scaled(x.to(device), t.to(device)) / sde.sigma(t.to(device))[:, None]).cpu()

        parts.append(walk_back(score, len(part), d, sde, sampler=sampler, steps=steps, draw=draw))
    net.cpu()
    x = torch.cat([*parts, torch.empty(0, d)]).clamp(-1, 1)
    return (x.double().numpy() + 1) / 2


@torch.no_grad()
def sde_losses(
    net: nn.Module, x: Tensor, codes: Tensor, sde: Diffusion, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the (n, 4) losses of the score at fixed times, averaged over noises that all images share."""
    draw, scaled = torch_generator(rng), scaled_score(net, codes, sde)
    found = torch.zeros(len(x), len(_LOSS_TIMES), dtype=torch.float64)
    for column, time in enumerate(_LOSS_TIMES):
        for noise in torch.randn(_LOSS_DRAWS, 1, x.shape[1], generator=draw):
            losses = score_loss(scaled, x, torch.full((len(x),), time), noise.expand(x.shape), sde)
            found[:, column] += losses.double() / _LOSS_DRAWS
    return found.numpy()


def sde_gradient_norms(
    net: nn.Module, x: Tensor, codes: Tensor, sde: Diffusion, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return (n, n_tensors) norms of each image's gradient, at fixed times and noises that all images share."""
    times = torch.tensor(_LOSS_TIMES).repeat_interleave(_LOSS_DRAWS)
    noise = torch.randn(len(times), x.shape[1], generator=torch_generator(rng))

    def loss(network: Network, entries: tuple[Tensor, ...]) -> Tensor:
        image, code = entries
        scaled = scaled_score(network, code.expand(times.shape), sde)
        return score_loss(scaled, image.expand(noise.shape), times, noise, sde).mean()

    return gradient_norms(net, loss, (x, codes)).double().numpy()


@torch.no_grad()
def to_data(net: nn.Module, X: NDArray[np.float32], level: float, codes: Tensor, sde: Diffusion) -> NDArray[np.float64]:
    """Return estimates (n, d) of images seen with normal noise of sd `level`, both in brightness from 0 to 1.

    By Tweedie's formula, at the time at which the noise is as strong against the signal.
    """
    times = torch.linspace(1e-4, 1.0, 4096)
    ratio = sde.sigma(times) / sde.alpha(times)
    t = times[int((ratio - 2 * level).abs().argmin())].expand(len(X))
    alpha, sigma = sde.alpha(t)[:, None], sde.sigma(t)[:, None]
    seen = alpha * to_range(X)
    found = (seen + sigma * scaled_score(net, codes, sde)(seen, t)) / alpha
    return (found.double().numpy() + 1) / 2
