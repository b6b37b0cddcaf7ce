"""A score model trained by plain DP-SGD, one noise an image: what most people would try first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench import Images, PrivacyClaim, generator

from .._dpsgd import calibrated, train_privately
from .._nets import check_positive
from .._privacy import check_budget, counts_to_rates, gaussian_mu, noisy_counts
from .._record_losses import codes_of
from .._torch import pick_device, torch_generator
from ._image_nets import DenseNet
from ._sde import FIRST, Diffusion, score_loss
from ._sde_model import check_settings, scaled_score, sde_gradient_norms, sde_losses, sde_sample, to_data, to_range


@generator(
    "dp_score_sde",
    family="diffusion",
    modalities=("images",),
    needs=("torch", "opacus"),
    quick={"hidden": 16, "steps": 3, "rate": 1.0, "sampling_steps": 4},
    memory_gb=4,
    minutes=60,
    gpus=1,
)
@dataclass(kw_only=True)
class DpScoreSde:
    """Wrap the training of a VP, VE or sub-VP score model by Opacus, with nothing done about the noise.

    One time and one noise an image and step, the last step's weights: on purpose without what `dpdm` adds, so that the
    table shows what that is worth. Private end to end: class counts and the network are inside the budget.

    References
    ----------
    Song et al. (2021), ICLR (the model); Abadi et al. (2016), CCS (the training).
    """

    epsilon: float = 10.0
    delta: float = 1e-5
    sde: str = "vp"  # or "ve", "subvp"
    sampler: str = "predictor_corrector"  # or "euler_maruyama", "probability_flow"
    hidden: int = 128
    blocks: int = 1
    steps: int = 250
    rate: float = 0.2  # of Poisson sampling
    clip: float = 1.0
    lr: float = 3e-3
    count_share: float = 0.01  # part of the budget mu**2 for the class counts
    sampling_steps: int = 200

    def fit(self, images: Images, *, rng: np.random.Generator) -> Self:
        """Spend the budget on class counts and the network."""
        check_budget("dp_score_sde", self.epsilon, self.delta)
        check_positive("dp_score_sde", clip=self.clip, lr=self.lr, count_share=self.count_share)
        check_settings("dp_score_sde", self.sde, self.sampler, "mlp", self.hidden, self.sampling_steps, images.shape)
        draw = torch_generator(rng)
        self.like_ = images.take(np.arange(0))
        self.labels_, codes = np.unique(images.y, return_inverse=True)
        self.mu_ = gaussian_mu(self.epsilon, self.delta) * self.count_share**0.5
        counts = noisy_counts(images.y, self.labels_.tolist(), 1 / self.mu_, rng)
        self.rates_, total = counts_to_rates(counts), float(np.maximum(counts, 1.0).sum())
        self.plan_ = calibrated(self.epsilon, self.delta, steps=self.steps, rate=self.rate, released_mu=self.mu_)
        device, sde = pick_device(), Diffusion(self.sde)
        net = DenseNet(images.n_genes, len(self.labels_), self.hidden, self.blocks, draw).to(device)
        x, y = to_range(images.X).to(device), torch.from_numpy(codes).to(device)

        def loss(watched: nn.Module, rows: Tensor) -> Tensor:
            t = FIRST + (1 - FIRST) * torch.rand(len(rows), generator=draw).to(device)
            noise = torch.randn(len(rows), x.shape[1], generator=draw).to(device)
            return score_loss(scaled_score(watched, y[rows], sde), x[rows], t, noise, sde)

        train_privately(
            net, loss, len(x), self.plan_, torch.optim.Adam(net.parameters(), lr=self.lr), clip=self.clip,
            divisor=self.rate * total, rng=rng,
        )  # fmt: skip
        self.net_ = net.cpu().eval()
        return self

    def sample(self, n: int, *, rng: np.random.Generator) -> Images:
        """Return n images whose classes are drawn at the noisy rates."""
        codes = rng.choice(len(self.labels_), size=n, p=self.rates_)
        X = sde_sample(
            self.net_, codes, self.like_.n_genes, Diffusion(self.sde), self.sampler, self.sampling_steps, rng
        )
        return self.like_.synthetic(X, self.labels_[codes])

    def losses(self, images: Images, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return the (n, 4) losses of the score at fixed times, averaged over noises that all images share."""
        codes = codes_of("dp_score_sde", self.labels_, images.y)
        return sde_losses(self.net_, to_range(images.X), codes, Diffusion(self.sde), rng)

    def gradient_norms(self, images: Images, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n, n_tensors): how strongly each image pulls at each tensor of weights, at noises that all share."""
        codes = codes_of("dp_score_sde", self.labels_, images.y)
        return sde_gradient_norms(self.net_, to_range(images.X), codes, Diffusion(self.sde), rng)

    def denoised(self, X: NDArray[np.float32], level: float, y: NDArray[np.str_]) -> NDArray[np.float64]:
        """Return the (n, n_features) estimates of images that are seen with normal noise of this sd, from 0 to 1."""
        return to_data(self.net_, X, level, codes_of("dp_score_sde", self.labels_, y), Diffusion(self.sde))

    def claim(self) -> PrivacyClaim:
        """Return the guarantee of everything that was released together."""
        return PrivacyClaim(
            mechanism=f"Gaussian release of class counts (mu {self.mu_:.3g}), then DP-SGD (noise multiplier "
            f"{self.plan_.sigma:.4g}, clip {self.clip:g})",
            unit="one image",
            neighbours="add-remove",
            epsilon=self.plan_.epsilon(self.delta, self.mu_),
            delta=self.delta,
            accountant=self.plan_.account,
        )
