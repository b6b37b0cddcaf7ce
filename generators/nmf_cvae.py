"""Non-negative matrix factorisation distorts the cohort, and a conditional VAE learns what is left of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from bench import Cohort, PluginError, generator

from ._cvae import Condition, ConditionalVAE, decode_prior, learning_rates, train_vae
from ._labels import class_counts
from ._nets import Standardiser, check_positive
from ._nmf import factorise, jitter
from ._torch import pick_device, torch_generator


@generator(
    "nmf_cvae",
    family="autoencoder",
    needs=("torch",),
    quick={"steps": 40, "passes": 20},
    memory_gb=4,
    minutes=60,
    gpus=1,
)
@dataclass(kw_only=True)
class NmfCvae:
    """Factorise the cohort, train a conditional VAE on the factorisation, and give its samples back the lost spread.

    The public entry is only named ("CVAE with NMF"); what follows is our reading of it. Each gene is counted from its
    smallest training value, V = X - min, which makes the matrix non-negative, and V ~ W H. `noise_w` and `noise_h` add
    Gaussian noise to the factors, in units of the standard deviation of each factor's entries. The network then learns
    either the reconstruction W H, gene by gene, or the coefficients W alone (``learn="coefficients"``), which H and
    the minima bring back to gene space. What factorisation and decoder lost of the spread of each gene inside the
    classes returns as independent Gaussian noise of that variance (times `residual` squared; 0 leaves the smooth
    samples). Because this noise is added last, the smallest training value is not the smallest synthetic one.

    Nothing is claimed. No noise here is calibrated to a sensitivity: the minima, H, the scaler, the network and the
    lost spread are all fitted to the training samples without a budget, and the class counts of a full-size sample
    are those of the training cohort, exactly. The public entry claims nothing either ("lacks any formal privacy
    guarantee").

    References
    ----------
    Lee and Seung (1999), Learning the parts of objects by non-negative matrix factorization, Nature 401, 788-791.
    Boutsidis and Gallopoulos (2008), SVD based initialization: a head start for NMF, Pattern Recognition 41, 1350-1362.
    Sohn, Lee and Yan (2015), Learning structured output representation using deep generative models, NeurIPS.
    """

    rank: int = 50  # of the factorisation
    passes: int = 200  # of coordinate descent
    noise_w: float = 0.1  # on the coefficients of each sample
    noise_h: float = 0.0  # on the basis; the same for all samples, so it shifts genes
    learn: str = "reconstruction"  # or "coefficients"
    residual: float = 1.0  # 0 leaves out the spread that factorisation and decoder lost
    z_dim: int = 32
    beta: float = 0.001
    lr: float = 1e-3
    batch: int = 64
    steps: int = 2000

    def fit(self, cohort: Cohort, *, rng: np.random.Generator) -> Self:
        """Factorise, train the network on the result, and measure the spread that is missing."""
        self._check()
        self.like_ = cohort.take(np.arange(0))
        self.labels_, codes, self.counts_ = np.unique(cohort.y, return_inverse=True, return_counts=True)
        coefficients, self.factors_ = factorise(cohort.X, self.rank, self.passes, rng)
        coefficients = jitter(coefficients.T, self.noise_w, rng).T
        noisy_basis = jitter(self.factors_.basis, self.noise_h, rng)
        seen = coefficients if self.learn == "coefficients" else coefficients @ noisy_basis
        draw = torch_generator(rng)
        self.scaler_ = Standardiser.of(seen.astype(np.float32))
        model = ConditionalVAE(seen.shape[1], Condition(len(self.labels_), 0, draw), self.z_dim, (256, 128), draw)
        self.model_ = train_vae(
            model, self.scaler_.forward(seen.astype(np.float32)), torch.from_numpy(codes), batch=self.batch,
            rates=learning_rates("constant", self.lr, self.steps), beta=self.beta, draw=draw, device=pick_device(),
        )  # fmt: skip
        self.lost_ = self._lost_spread(cohort.X, codes, draw)
        return self

    def sample(self, n: int, *, rng: np.random.Generator) -> Cohort:
        """Return n samples in random order, classes at their training rates."""
        codes = rng.permutation(np.repeat(np.arange(len(self.labels_)), class_counts(self.counts_, n)))
        X = self._smooth(codes, torch_generator(rng))
        return self.like_.synthetic(X + rng.normal(0, self.residual * self.lost_, X.shape), self.labels_[codes])

    def _check(self) -> None:
        check_positive("nmf_cvae", rank=self.rank, passes=self.passes, z_dim=self.z_dim, batch=self.batch, lr=self.lr)
        if self.learn not in ("reconstruction", "coefficients"):
            raise PluginError(
                f"nmf_cvae: learn is {self.learn!r}; expected 'reconstruction' or 'coefficients' of the factorisation."
            )
        if min(self.noise_w, self.noise_h, self.residual) < 0:
            raise PluginError(
                f"nmf_cvae: noise_w {self.noise_w}, noise_h {self.noise_h}, residual {self.residual}; "
                "expected 0 or more."
            )

    def _smooth(self, codes: NDArray[np.int64], draw: torch.Generator) -> NDArray[np.float64]:
        """Return decoded draws of these classes in gene space, (n, n_genes), without the residual noise."""
        decoded = self.scaler_.back(decode_prior(self.model_, codes, draw))
        if self.learn == "coefficients":
            return self.factors_.back(np.maximum(decoded, 0))
        return decoded + self.factors_.lowest

    def _lost_spread(
        self, X: NDArray[np.float32], codes: NDArray[np.int64], draw: torch.Generator
    ) -> NDArray[np.float64]:
        """Return the standard deviation (n_genes,) that decoded draws lack inside the classes."""
        smooth = self._smooth(np.repeat(codes, 4), draw)
        lost = _variance_inside(X, codes) - _variance_inside(smooth, np.repeat(codes, 4))
        spread: NDArray[np.float64] = np.sqrt(np.maximum(lost, 0))
        return spread


def _variance_inside(X: NDArray[np.floating], codes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the variance of each gene around its class mean, (n_genes,)."""
    inside = np.zeros(X.shape[1])
    for code in np.unique(codes):
        members = X[codes == code]
        inside += len(members) * members.var(axis=0, dtype=np.float64)
    return inside / len(X)
