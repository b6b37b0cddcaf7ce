"""A score model of images by a stochastic differential equation, without privacy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench import Images, generator

from .._diffusion import MovingAverage
from .._labels import class_counts
from .._nets import epochs_of_batches
from .._record_losses import codes_of
from .._torch import pick_device, torch_generator
from ._image_nets import make_net
from ._sde import FIRST, Diffusion, bits_per_dimension, log_density, score_loss
from ._sde_model import check_settings, scaled_score, sde_gradient_norms, sde_losses, sde_sample, to_data, to_range


@generator(
    "score_sde",
    family="diffusion",
    modalities=("images",),
    needs=("torch",),
    doi="10.48550/arXiv.2011.13456",
    quick={"hidden": 16, "steps": 5, "sampling_steps": 4},
    memory_gb=4,
    minutes=60,
    gpus=1,
)
@dataclass(kw_only=True)
class ScoreSde:
    """Train a class-conditional score network on a VP, VE or sub-VP diffusion and walk it back.

    It claims nothing: the reference for what privacy costs. ``bits_per_dimension`` tells how well it knows
    given images.

    References
    ----------
    Song et al. (2021), Score-based generative modeling through stochastic differential equations, ICLR.
    """

    sde: str = "vp"  # or "ve", "subvp"
    sampler: str = "predictor_corrector"  # or "euler_maruyama", "probability_flow"
    net: str = "mlp"  # or "unet"
    hidden: int = 256
    blocks: int = 2
    steps: int = 3000
    batch: int = 128
    lr: float = 1e-3
    ema: float = 0.999
    sampling_steps: int = 200

    def fit(self, images: Images, *, rng: np.random.Generator) -> Self:
        """Train the network on all images."""
        check_settings("score_sde", self.sde, self.sampler, self.net, self.hidden, self.sampling_steps, images.shape)
        draw = torch_generator(rng)
        self.like_ = images.take(np.arange(0))
        self.labels_, codes, self.counts_ = np.unique(images.y, return_inverse=True, return_counts=True)
        net = make_net(self.net, images.shape, len(self.labels_), self.hidden, self.blocks, draw).to(pick_device())
        x, y = to_range(images.X), torch.from_numpy(codes)
        self.net_ = self._train(net, x, y, draw).cpu().eval()
        return self

    def _train(self, net: nn.Module, x: Tensor, y: Tensor, draw: torch.Generator) -> nn.Module:
        device, sde = pick_device(), Diffusion(self.sde)
        optimiser = torch.optim.Adam(net.parameters(), lr=self.lr)
        average = MovingAverage(net, self.ema)
        for rows in epochs_of_batches(len(x), min(self.batch, len(x)), self.steps, draw):
            t = FIRST + (1 - FIRST) * torch.rand(len(rows), generator=draw).to(device)
            noise = torch.randn(len(rows), x.shape[1], generator=draw).to(device)
            loss = score_loss(scaled_score(net, y[rows].to(device), sde), x[rows].to(device), t, noise, sde).mean()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            average.update()
        return average.of(net)

    def sample(self, n: int, *, rng: np.random.Generator) -> Images:
        """Return n images in the class rates of the training images."""
        codes = rng.permutation(np.repeat(np.arange(len(self.labels_)), class_counts(self.counts_, n)))
        X = sde_sample(
            self.net_, codes, self.like_.n_genes, Diffusion(self.sde), self.sampler, self.sampling_steps, rng
        )
        return self.like_.synthetic(X, self.labels_[codes])

    def losses(self, images: Images, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return the (n, 4) losses of the score at fixed times, averaged over noises that all images share."""
        codes = codes_of("score_sde", self.labels_, images.y)
        return sde_losses(self.net_, to_range(images.X), codes, Diffusion(self.sde), rng)

    def gradient_norms(self, images: Images, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n, n_tensors): how strongly each image pulls at each tensor of weights, at noises that all share."""
        codes = codes_of("score_sde", self.labels_, images.y)
        return sde_gradient_norms(self.net_, to_range(images.X), codes, Diffusion(self.sde), rng)

    def denoised(self, X: NDArray[np.float32], level: float, y: NDArray[np.str_]) -> NDArray[np.float64]:
        """Return the (n, n_features) estimates of images that are seen with normal noise of this sd, from 0 to 1."""
        codes = codes_of("score_sde", self.labels_, y)
        return to_data(self.net_, X, level, codes, Diffusion(self.sde))

    def bits_per_dimension(
        self, images: Images, *, rng: np.random.Generator, levels: int = 256, steps: int = 100
    ) -> NDArray[np.float64]:
        """Return the (n,) bits a pixel that the model needs for given images, uniformly dequantised.

        Parameters
        ----------
        levels : of brightness in the images: 256, or 17 for `digits`
        """
        draw = torch_generator(rng)
        codes, width = codes_of("score_sde", self.labels_, images.y), 2 / (levels - 1)
        x = to_range(images.X)
        x = x + width * (torch.rand(x.shape, generator=draw) - 0.5)
        sde = Diffusion(self.sde)
        score: Callable[[Tensor, Tensor], Tensor] = _score(self.net_, codes, sde)
        found = log_density(score, x, sde, steps=steps, draw=draw)
        return bits_per_dimension(found, x.shape[1], width).double().numpy()


def _score(net: nn.Module, codes: Tensor, sde: Diffusion) -> Callable[[Tensor, Tensor], Tensor]:
    scaled = scaled_score(net, codes, sde)
    return lambda x, t: scaled(x, t) / sde.sigma(t)[:, None]
