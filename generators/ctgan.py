"""The challenge's 2025 baseline: a conditional tabular GAN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench import Cohort, PluginError, generator

from ._gan import adam, balanced_rows, check_pairs, critic_loss, critic_stack, descend
from ._labels import class_counts
from ._modes import Modes
from ._nets import check_positive, dense
from ._torch import pick_device, torch_generator

_HIDDEN = (256, 256)  # of generator and critic, as published
_TEMPERATURE = 0.2  # of the choice of modes
_REACH = 4.0  # spreads of a mode that the generator's output reaches to either side


class _Decoder(nn.Module):
    """Noise and class to encoded genes: one distance per gene, then shares of the modes of genes with several."""

    def __init__(self, noise: int, n_classes: int, possible: Tensor, n_genes: int, draw: torch.Generator) -> None:
        super().__init__()
        self.n_classes, self.n_genes = n_classes, n_genes
        self.register_buffer("closed", torch.zeros(possible.shape).masked_fill(~possible, -torch.inf))
        width = noise + n_classes
        blocks: list[nn.Module] = []
        for hidden in _HIDDEN:
            blocks.append(nn.Sequential(dense(width, hidden, draw), nn.BatchNorm1d(hidden), nn.ReLU()))
            width += hidden
        self.blocks = nn.ModuleList(blocks)
        self.out = dense(width, n_genes + possible.numel(), draw)

    def forward(self, noise: Tensor, codes: Tensor, gumbel: Tensor) -> Tensor:
        """Return (n, width) for (n, noise) draws, (n,) classes and Gumbel draws (n, genes with modes, modes)."""
        hidden = torch.cat([noise, nn.functional.one_hot(codes, self.n_classes)], dim=1)
        for block in self.blocks:
            hidden = torch.cat([block(hidden), hidden], dim=1)
        out = self.out(hidden)
        logits = out[:, self.n_genes :].view(gumbel.shape) + self.closed
        shares = ((logits + gumbel) / _TEMPERATURE).softmax(dim=2)
        return torch.cat([out[:, : self.n_genes].tanh(), shares.flatten(1)], dim=1)


@generator(
    "ctgan",
    family="gan",
    doi="10.48550/arXiv.1907.00503",
    needs=("torch",),
    quick={"steps": 30},
    memory_gb=4,
    minutes=120,
    gpus=1,
)
@dataclass(kw_only=True)
class CtGan:
    """Train a conditional tabular GAN on genes written as distances from modes, and draw from it.

    Each gene is a Gaussian mixture of up to `modes` modes: as many as BIC prefers and as lie `apart`. A value becomes
    its distance from the mean of a mode, and which mode that was. Generator and critic are told the class. Classes are
    trained at the rate of the logarithm of their sizes, so that rare ones are seen, and drawn at their training rates.
    The critic judges `pac` samples together, by which it notices a generator that repeats itself.

    The paper keeps modes that overlap (``apart=0``). Which of them a value is from says little of the sample: on the
    simulated cohort no gene-gene correlation was learned in 100 steps, with modes `apart` nearly all. Its column of
    generated labels is left out: it must equal the class asked for, and does so here by construction.

    The published entry of the challenge sends standardised genes through a tanh, which ends at one standard deviation
    (``modes=0``), takes 734 steps (``steps=734``) with one of the critic each (``critic_steps=1``), ``batch=500``,
    ``pac=10``, ``dropout=0.5`` and a constant rate of 2e-4, and lets the generator choose its labels. The defaults are
    ours: chosen on the first fold of BRCA.

    Nothing is claimed: mixtures, networks and class sizes come from the training samples without a budget.

    References
    ----------
    Xu, Skoularidou, Cuesta-Infante and Veeramachaneni (2019), Modeling tabular data using conditional GAN, NeurIPS.
    Lin, Khetan, Fanti and Oh (2018), PacGAN: the power of two samples in generative adversarial networks, NeurIPS.
    """

    modes: int = 3  # of a gene, at most; 0 as published: standardised genes, drawn no further than 1 deviation from 0
    apart: float = 2.0  # Ashman's D of the modes of a gene, at least; 0 keeps modes that overlap
    noise: int = 128  # width of the generator's random input
    pac: int = 2  # samples that the critic judges together
    critic_steps: int = 5  # per generator step
    penalty: float = 10.0  # weight of the gradient penalty
    dropout: float = 0.0  # of the critic
    lr: float = 1e-3  # at the start; it falls to 0 in a straight line
    batch: int = 100
    steps: int = 1200  # of the generator

    def fit(self, cohort: Cohort, *, rng: np.random.Generator) -> Self:
        """Fit the mixtures and play the game."""
        self._check(len(cohort))
        draw = torch_generator(rng)
        self.like_ = cohort.take(np.arange(0))
        self.labels_, codes, self.counts_ = np.unique(cohort.y, return_inverse=True, return_counts=True)
        self.modes_ = Modes.of(cohort.X, max(self.modes, 1), self.apart)
        possible = self.modes_.weights[self._several] > 0
        self.model_ = _Decoder(self.noise, len(self.labels_), torch.from_numpy(possible), cohort.n_genes, draw)
        encoded = self._encode(cohort.X, rng)
        sizes = (self.pac * (encoded.shape[1] + len(self.labels_)), *_HIDDEN)
        self._play(critic_stack(sizes, draw, dropout=self.dropout), encoded, codes, draw)
        return self

    @torch.no_grad()
    def sample(self, n: int, *, rng: np.random.Generator) -> Cohort:
        """Return n samples in random order, classes at their training rates."""
        codes = rng.permutation(np.repeat(np.arange(len(self.labels_)), class_counts(self.counts_, n)))
        encoded = self._make(torch.from_numpy(codes), torch_generator(rng)).numpy().astype(np.float64)
        n_genes, mode = self.like_.n_genes, np.zeros((n, self.like_.n_genes), dtype=np.int64)
        mode[:, self._several] = encoded[:, n_genes:].reshape(n, *self._choices).argmax(axis=2)
        return self.like_.synthetic(self.modes_.back(self._reach * encoded[:, :n_genes], mode), self.labels_[codes])

    @property
    def _reach(self) -> float:
        return _REACH if self.modes else 1.0

    @property
    def _several(self) -> NDArray[np.bool_]:
        """Which genes have more than one mode."""
        several: NDArray[np.bool_] = (self.modes_.weights > 0).sum(axis=1) > 1
        return several

    @property
    def _choices(self) -> tuple[int, int]:
        """How many genes have several modes, and the most that any has."""
        return int(self._several.sum()), self.modes_.weights.shape[1]

    def _check(self, n: int) -> None:
        check_positive(
            "ctgan", noise=self.noise, pac=self.pac, critic_steps=self.critic_steps, penalty=self.penalty, lr=self.lr,
            steps=self.steps,
        )  # fmt: skip
        check_pairs("ctgan", self.batch, n)
        if self.modes < 0:
            raise PluginError(f"ctgan: modes is {self.modes}; expected 0 (no mixtures, as published) or more.")
        if self.apart < 0:
            raise PluginError(f"ctgan: apart is {self.apart}; expected 0 (modes may overlap) or more.")
        if not 0 <= self.dropout < 1:
            raise PluginError(f"ctgan: dropout is {self.dropout}; expected 0 (none) or more, and less than 1.")
        if self.batch % self.pac:
            raise PluginError(f"ctgan: batch is {self.batch} and pac {self.pac}; expected a batch of whole packs.")

    def _encode(self, X: NDArray[np.float32], rng: np.random.Generator) -> Tensor:
        """Return (n, width) what the generator has to make: distances over the reach, then modes."""
        mode = self.modes_.choose(X, rng)
        distance = self.modes_.forward(X, mode) / self._reach
        if self.modes:
            distance = distance.clip(-1, 1)  # what the generator cannot make must not give the real ones away
        chosen = mode[:, self._several, None] == np.arange(self.modes_.weights.shape[1])
        return torch.from_numpy(np.concatenate([distance, chosen.reshape(len(X), -1)], axis=1).astype(np.float32))

    def _play(self, critic: nn.Module, real: Tensor, codes: NDArray[np.int64], draw: torch.Generator) -> None:
        """Train critic and generator in turn, on the device, and leave the generator on the CPU."""
        device = pick_device()
        real, critic, self.model_ = real.to(device), critic.to(device), self.model_.to(device)
        down, up = adam(critic, self.lr, beta=0.5), adam(self.model_, self.lr, beta=0.5, decay=1e-6)
        for step in range(self.steps):
            down.param_groups[0]["lr"] = up.param_groups[0]["lr"] = self.lr * (1 - step / self.steps)
            for _ in range(self.critic_steps):
                rows = balanced_rows(codes, self.counts_, self.batch, draw)
                asked = torch.from_numpy(codes)[rows].to(device)
                with torch.no_grad():
                    fake = self._packs(self._make(asked, draw), asked)
                descend(down, critic_loss(critic, self._packs(real[rows.to(device)], asked), fake, self.penalty, draw))
            descend(up, -critic(self._packs(self._make(asked, draw), asked)).mean())
        self.model_ = self.model_.cpu().eval()

    def _make(self, codes: Tensor, draw: torch.Generator) -> Tensor:
        """Return (n, width) encoded draws of these classes, on their device."""
        noise = torch.randn(len(codes), self.noise, generator=draw)
        uniform = torch.rand((len(codes), *self._choices), generator=draw)
        gumbel = -(-uniform.clamp(1e-7, 1 - 1e-7).log()).log()
        out: Tensor = self.model_(noise.to(codes.device), codes, gumbel.to(codes.device))
        return out

    def _packs(self, encoded: Tensor, codes: Tensor) -> Tensor:
        """Return (n / pac, pac * width) encoded samples with their classes, side by side in packs."""
        beside = nn.functional.one_hot(codes, len(self.labels_))
        return torch.cat([encoded, beside], dim=1).reshape(len(codes) // self.pac, -1)
