"""The challenge's 2026 baseline: a conditional VAE whose latent space is sampled where the training samples lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench import Cohort, PluginError, generator

from ._cvae import Condition, ConditionalVAE, learning_rates, train_vae
from ._labels import class_counts
from ._mixture import Mixture
from ._nets import Standardiser, check_positive
from ._record_losses import codes_of, evidence_losses
from ._torch import pick_device, torch_generator

_SHAPES = ("diag", "full", "tied", "spherical")


@generator("cvae_gmm", family="autoencoder", needs=("torch",), quick={"epochs": 10}, memory_gb=4, minutes=120, gpus=1)
@dataclass(kw_only=True)
class CvaeGmm:
    """Train a conditional VAE, fit a Gaussian mixture to the latent codes of each class, and decode draws from it.

    A prior N(0, I) puts draws where the encoder put nobody; a mixture fitted to the codes of each class does not. It is
    fitted to `draws` draws from the posterior of every training sample, not to the posterior means: the means alone are
    less spread out than the codes the decoder was trained on. ``draws=0`` fits the means. A class of n samples gets at
    most n // `per_component` components, at least one, so that a class of three is one Gaussian.

    Sizes, rates and the number of components are the published ones. Training stops after `most_steps`, which the 100
    epochs of BRCA do not reach and those of COMBINED do: ``most_steps=5500`` is the published training there. The shape
    of the covariances and what the mixture is fitted to are not published. Nothing is claimed: every step reads the
    training samples without a budget.

    References
    ----------
    Sohn, Lee and Yan (2015), Learning structured output representation using deep generative models, NeurIPS.
    Ghosh, Sajjadi, Vergari, Black and Schölkopf (2020), From variational to deterministic autoencoders, ICLR: density
    estimation on the codes after training.
    """

    components: int = 3  # of the mixture of each class
    per_component: int = 10  # training samples that a component needs
    covariance: str = "diag"  # or "full", "tied", "spherical"
    draws: int = 5  # posterior draws per training sample that the mixture is fitted to; 0 takes the means
    z_dim: int = 128
    embedding: int = 20  # width of the learned class embedding; 0 is one-hot
    beta: float = 0.001  # weight of the KL term against the squared error averaged over genes
    lr: float = 1e-3
    batch: int = 64
    epochs: int = 100
    most_steps: int = 4000  # Adam steps at most, so that a large cohort does not cost more; published: no bound

    def fit(self, cohort: Cohort, *, rng: np.random.Generator) -> Self:
        """Fit the scaler, train the network, and fit one mixture per class to its latent codes."""
        self._check()
        draw = torch_generator(rng)
        self.like_ = cohort.take(np.arange(0))
        self.labels_, codes, self.counts_ = np.unique(cohort.y, return_inverse=True, return_counts=True)
        self.scaler_ = Standardiser.of(cohort.X)
        x, y = self.scaler_.forward(cohort.X), torch.from_numpy(codes)
        condition = Condition(len(self.labels_), self.embedding, draw)
        model = ConditionalVAE(cohort.n_genes, condition, self.z_dim, (1000, 512, 256), draw)
        steps = min(self.epochs * -(-len(x) // self.batch), self.most_steps)
        self.model_ = train_vae(
            model, x, y, rates=learning_rates("constant", self.lr, steps), batch=self.batch, beta=self.beta,
            draw=draw, device=pick_device(),
        )  # fmt: skip
        self.mixtures_ = [self._mixture(x[y == code], code, draw, rng) for code in range(len(self.labels_))]
        return self

    def sample(self, n: int, *, rng: np.random.Generator) -> Cohort:
        """Return n samples in random order, classes at their training rates."""
        codes = rng.permutation(np.repeat(np.arange(len(self.labels_)), class_counts(self.counts_, n)))
        z = np.empty((n, self.z_dim), dtype=np.float32)
        for code, mixture in enumerate(self.mixtures_):
            z[codes == code] = mixture.draw(int((codes == code).sum()), rng)
        with torch.no_grad():
            decoded = self.model_.decode(torch.from_numpy(z), torch.from_numpy(codes))
        return self.like_.synthetic(self.scaler_.back(decoded), self.labels_[codes])

    def losses(self, cohort: Cohort, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return the (n, 2) terms of the evidence lower bound of people: what the fitted network says of each."""
        codes = codes_of("cvae_gmm", self.labels_, cohort.y)
        return evidence_losses(self.model_, self.scaler_.forward(cohort.X), codes, self.beta, torch_generator(rng))

    def _check(self) -> None:
        check_positive(
            "cvae_gmm", components=self.components, per_component=self.per_component, z_dim=self.z_dim, lr=self.lr,
            batch=self.batch, epochs=self.epochs, most_steps=self.most_steps,
        )  # fmt: skip
        if self.draws < 0:
            raise PluginError(f"cvae_gmm: draws is {self.draws}; expected 0 (the posterior means) or more.")
        if self.covariance not in _SHAPES:
            raise PluginError(f"cvae_gmm: covariance is {self.covariance!r}; expected one of {', '.join(_SHAPES)}.")

    @torch.no_grad()
    def _mixture(self, x: Tensor, code: int, draw: torch.Generator, rng: np.random.Generator) -> Mixture:
        """Return the mixture fitted to the latent codes of the (n, n_genes) samples of one class."""
        mean, log_var = self.model_.encode(x, torch.full((len(x),), code))
        if self.draws:
            mean, log_var = mean.repeat(self.draws, 1), log_var.repeat(self.draws, 1)
            mean = mean + (0.5 * log_var).exp() * torch.randn(mean.shape, generator=draw)
        components = min(self.components, max(1, len(x) // self.per_component))
        return Mixture.of(mean.numpy().astype(np.float64), components, self.covariance, rng)
