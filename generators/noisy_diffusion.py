"""NoisyDiffusion (also "Embedded diffusion"), the challenge's class-conditional diffusion model, at a laptop's cost."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import partial
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from bench import Cohort, PluginError, PrivacyClaim, generator, integer_seed

from ._diffusion import GradientNoise, MovingAverage, Patience, check_sampler, reverse, signal_rates, time_features
from ._dpsgd import calibrated, train_privately
from ._labels import class_counts
from ._nets import check_positive, epochs_of_batches
from ._normal_scores import NormalScores, oversampled
from ._privacy import check_budget
from ._record_losses import codes_of, denoising_losses
from ._torch import fast_matrices, pick_device, torch_generator

_GROUPS = 8  # of the group normalisation, as published
_TIME, _CONDITION, _LABEL = 256, 128, 64  # widths: sinusoids of the timestep, their embedding, the class embedding


@generator(
    "noisy_diffusion",
    family="diffusion",
    doi="10.5281/zenodo.22693680",
    needs=("torch", "imblearn", "opacus"),
    quick={"per_class": 40, "hidden": (32,), "epochs": 2, "sampling_steps": 5},
    memory_gb=4,
    minutes=120,
    gpus=1,
)
@dataclass(kw_only=True)
class NoisyDiffusion:
    """Oversample the classes, map genes to normal scores, train a conditional diffusion model and sample it back.

    It claims no privacy. The gradient that is clipped is that of a whole batch, so it bounds nobody's part in it, and
    noise of 1e-5 hides nothing; SMOTE and the quantiles are fitted without noise. The inverse map is made of
    the order statistics of real genes: synthetic values end exactly at a gene's smallest and largest training value,
    and a full-size sample has the exact class counts. With ``per_example=True`` the network alone is trained
    by DP-SGD, on the real samples without SMOTE, and `claim` lists the steps that stay outside the budget.

    The published configuration is ``hidden=(2048, 2048), linear_skip=False, batch=32, epochs=200, dropout=0.2, ema=0,
    sampler="ancestral", sampling_steps=1000, inverse="refit"``. Deviations: sinusoids of width 256, not 978; class
    counts keep to the label order; COMBINED's time embedding has BRCA's width.

    References
    ----------
    Kreuer, Ouaari and Pfeifer, CAMDA 2025 (ISMB/ECCB); Ho, Jain and Abbeel (2020), NeurIPS.
    """

    per_class: int = 3000  # rows of each class after SMOTE, as published; larger classes stay as they are
    hidden: tuple[int, ...] = (1024, 1024)  # width of each ResLinear block, a multiple of 8; published (2048, 2048)
    linear_skip: bool = True  # the net corrects the linear estimate of independent genes, not replaces it
    epochs: int = 15  # passes over the oversampled rows; published: at most 200
    batch: int = 512  # published: 32
    lr: float = 1e-3
    weight_decay: float = 1e-3
    dropout: float = 0.0  # published: 0.2
    ema: float = 0.995  # decay of the averaged weights; 0 samples the last step's, as published
    patience: int = 30  # epochs without a training loss lower by 1e-4 before it stops and takes the best weights
    schedule: str = "linear"  # or "cosine", "power"
    timesteps: int = 1000
    sampler: str = "posterior"  # or "ancestral" (published), "ddim"
    sampling_steps: int = 100  # published: 1000
    gradient_clip: float = 0.05  # of the batch gradient (each sample's with per_example); published 1.0, never reached
    gradient_noise: float = 1e-5  # standard deviation in units of gradient_clip, as published; not with per_example
    inverse: str = "same"  # "refit": quantiles of the real training fold, not of the oversampled one, as published
    per_example: bool = False  # train by DP-SGD to (epsilon, delta)
    epsilon: float = 10.0
    delta: float = 1e-5
    rate: float = 0.1  # of Poisson sampling, with per_example
    steps: int = 400  # of DP-SGD, with per_example

    def fit(self, cohort: Cohort, *, rng: np.random.Generator) -> Self:
        """Fit the quantiles and train the network."""
        self._check()
        draw = torch_generator(rng)
        self.like_ = cohort.take(np.arange(0))
        self.labels_, codes, self.counts_ = np.unique(cohort.y, return_inverse=True, return_counts=True)
        X, codes = (cohort.X, codes) if self.per_example else oversampled(cohort.X, codes, self.per_class, rng)
        self.scores_ = NormalScores(X, integer_seed(rng))
        z, y = torch.from_numpy(self.scores_.forward(X)), torch.from_numpy(codes)
        if self.inverse == "refit":
            self.scores_ = NormalScores(cohort.X, integer_seed(rng))
        self.rates_ = signal_rates(self.schedule, self.timesteps)
        net = ResLinearNet(cohort.n_genes, len(self.labels_), self.hidden, self.dropout, self.linear_skip, draw)
        net = net.to(pick_device())
        trained = self._train_privately(net, z, y, draw, rng) if self.per_example else self._train(net, z, y, draw)
        self.net_ = trained.cpu().eval()
        return self

    def sample(self, n: int, *, rng: np.random.Generator) -> Cohort:
        """Return n samples in random order, classes at their training rates."""
        codes = rng.permutation(np.repeat(np.arange(len(self.labels_)), class_counts(self.counts_, n)))
        device = pick_device()
        net = self.net_.to(device)
        with fast_matrices(device):
            z = reverse(
                lambda x, t, y: self._estimate(net, x, t, y), torch.from_numpy(codes), self.like_.n_genes, self.rates_,
                sampler=self.sampler, steps=self.sampling_steps, draw=torch_generator(rng), device=device,
            )  # fmt: skip
        net.cpu()
        return self.like_.synthetic(self.scores_.back(z.numpy()), self.labels_[codes])

    def losses(self, cohort: Cohort, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return the (n, 5) denoising losses of people at fixed timesteps: what the fitted network says of each."""
        x = torch.from_numpy(self.scores_.forward(cohort.X))
        codes = codes_of("noisy_diffusion", self.labels_, cohort.y)
        return denoising_losses(partial(self._estimate, self.net_), x, codes, self.rates_, torch_generator(rng))

    def claim(self) -> PrivacyClaim | None:
        """Return what DP-SGD guarantees with ``per_example``, and None without: nothing is private then."""
        if not self.per_example:
            return None
        return PrivacyClaim(
            mechanism=f"DP-SGD (noise multiplier {self.plan_.sigma:.4g}, clip {self.gradient_clip:g})",
            unit="one sample",
            neighbours="add-remove",
            epsilon=self.plan_.epsilon(self.delta),
            delta=self.delta,
            accountant=self.plan_.account,
            outside=("quantiles of each gene", "class counts, number and set", "number of samples", "hyper-parameters"),
        )

    def _check(self) -> None:
        check_positive(
            "noisy_diffusion", per_class=self.per_class, epochs=self.epochs, batch=self.batch, lr=self.lr,
            timesteps=self.timesteps, gradient_clip=self.gradient_clip, patience=self.patience,
        )  # fmt: skip
        check_sampler("noisy_diffusion", self.sampler, self.sampling_steps, self.timesteps)
        check_budget("noisy_diffusion", self.epsilon, self.delta)
        if self.inverse not in ("same", "refit"):
            raise PluginError(f"noisy_diffusion: inverse is {self.inverse!r}; expected 'same' or 'refit'.")
        if not self.hidden or any(width < _GROUPS or width % _GROUPS for width in self.hidden):
            raise PluginError(f"noisy_diffusion: hidden is {self.hidden}; expected multiples of {_GROUPS}.")

    def _estimate(self, net: nn.Module, x: Tensor, t: Tensor, y: Tensor, draw: torch.Generator | None = None) -> Tensor:
        """Return the (n, n_genes) estimate of the noise in x; `draw` is for dropout, none without it."""
        correction: Tensor = net(x, t, y, draw)
        if not self.linear_skip:
            return correction.float()
        signal = self.rates_.to(x.device)[t, None]  # (n, 1)
        return (1 - signal).sqrt() * x + signal.sqrt() * correction.float()

    def _loss(self, net: nn.Module, x: Tensor, y: Tensor, draw: torch.Generator) -> Tensor:
        """Return the (n,) squared errors of the estimated noise at random timesteps, averaged over genes."""
        t = torch.randint(self.timesteps, (len(x),), generator=draw).to(x.device)
        noise = torch.randn(x.shape, generator=draw).to(x.device)
        signal = self.rates_.to(x.device)[t, None]
        noisy = signal.sqrt() * x + (1 - signal).sqrt() * noise
        return (self._estimate(net, noisy, t, y, draw) - noise).square().mean(dim=1)

    def _optimiser(self, net: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.AdamW(net.parameters(), lr=self.lr, weight_decay=self.weight_decay, fused=True)

    def _train(self, net: ResLinearNet, z: Tensor, y: Tensor, draw: torch.Generator) -> nn.Module:
        """Return the network trained by AdamW under a one-cycle learning rate, its weights averaged."""
        device = next(net.parameters()).device
        per_epoch = math.ceil(len(z) / self.batch)
        optimiser, average = self._optimiser(net), MovingAverage(net, self.ema)
        noise = GradientNoise(net, self.gradient_noise * self.gradient_clip, draw)
        cycle = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, self.lr, total_steps=self.epochs * per_epoch + 1, pct_start=0.2, final_div_factor=25
        )
        watch, z, y = Patience(self.patience), z.to(device), y.to(device)
        batches = epochs_of_batches(len(z), self.batch, self.epochs * per_epoch, draw)
        for _ in range(self.epochs):
            total = 0.0
            for rows in itertools.islice(batches, per_epoch):
                total += float(self._step(net, z[rows.to(device)], y[rows.to(device)], optimiser, noise, draw))
                cycle.step()
                average.update()
            if watch.is_over(total / per_epoch, net):
                return watch.best
        return average.of(net)

    def _step(
        self, net: ResLinearNet, z: Tensor, y: Tensor, optimiser: torch.optim.Optimizer, noise: GradientNoise,
        draw: torch.Generator,
    ) -> Tensor:  # fmt: skip
        with fast_matrices(z.device):
            loss = self._loss(net, z, y, draw).mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(net.parameters(), self.gradient_clip)
        noise.add_to(net)
        optimiser.step()
        return loss.detach()

    def _train_privately(
        self, net: ResLinearNet, z: Tensor, y: Tensor, draw: torch.Generator, rng: np.random.Generator
    ) -> nn.Module:
        """Return the network trained by per-example DP-SGD, its weights averaged."""
        device = next(net.parameters()).device
        self.plan_ = calibrated(self.epsilon, self.delta, steps=self.steps, rate=self.rate)
        average, z, y = MovingAverage(net, self.ema), z.to(device), y.to(device)
        train_privately(
            net, lambda watched, rows: self._loss(watched, z[rows], y[rows], draw), len(z), self.plan_,
            self._optimiser(net), clip=self.gradient_clip, divisor=self.rate * len(z), rng=rng, physical=16,
            after_step=lambda step: average.update(),
        )  # fmt: skip
        return average.of(net)


class GroupNorm(nn.Module):
    """Group normalisation of vectors; torch's own is made for images and takes four times as long here."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.empty(width)), nn.Parameter(torch.empty(width))

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, width): each group of an (n, width) input at mean 0 and variance 1, scaled and shifted."""
        groups = x.reshape(len(x), _GROUPS, x.shape[1] // _GROUPS)  # (n, groups, width / groups)
        return functional.layer_norm(groups, groups.shape[2:]).flatten(1) * self.weight + self.bias


class ResLinear(nn.Module):
    """Two conditioned linear layers with group normalisation, SiLU and dropout, beside a linear shortcut."""

    def __init__(self, n_in: int, width: int, n_condition: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.first, self.second = nn.Linear(n_in + n_condition, width), nn.Linear(width + n_condition, width)
        self.shortcut = nn.Linear(n_in + n_condition, width)
        self.norms = nn.ModuleList(GroupNorm(width) for _ in range(3))

    def forward(self, x: Tensor, condition: Tensor, draw: torch.Generator | None) -> Tensor:
        """Return (n, width) features of (n, n_in) inputs."""
        joined = torch.cat([x, condition], dim=1)
        h = self._dropped(functional.silu(self.norms[0](self.first(joined))), draw)
        h = self._dropped(functional.silu(self.norms[1](self.second(torch.cat([h, condition], dim=1)))), draw)
        out: Tensor = self.norms[2](h + self.shortcut(joined))
        return out

    def _dropped(self, h: Tensor, draw: torch.Generator | None) -> Tensor:
        if self.dropout == 0 or draw is None:
            return h
        kept = torch.empty(h.shape).bernoulli_(1 - self.dropout, generator=draw).to(h.device)
        return h * kept / (1 - self.dropout)


class ResLinearNet(nn.Module):
    """Residual blocks over all genes, told the timestep by sinusoids and the class by an embedding."""

    def __init__(
        self, n_genes: int, n_classes: int, hidden: tuple[int, ...], dropout: float, zero_start: bool,
        draw: torch.Generator,
    ) -> None:  # fmt: skip
        super().__init__()
        with torch.device("meta"):  # made there, nothing is drawn from the global stream
            self.labels = nn.Embedding(n_classes, _LABEL)
            self.time = nn.Sequential(nn.Linear(_TIME, _CONDITION), nn.SiLU(), nn.Linear(_CONDITION, _CONDITION))
            widths = itertools.pairwise((n_genes, *hidden))
            self.blocks = nn.ModuleList(ResLinear(a, b, _CONDITION + _LABEL, dropout) for a, b in widths)
            self.out = nn.Linear(hidden[-1], n_genes)
        self.to_empty(device="cpu")
        for layer in self.modules():
            _initialise(layer, draw)
        if zero_start:
            nn.init.zeros_(self.out.weight)

    def forward(self, x: Tensor, t: Tensor, y: Tensor, draw: torch.Generator | None = None) -> Tensor:
        """Return (n, n_genes) for x (n, n_genes), timesteps t (n,) and class codes y (n,); `draw` is for dropout."""
        condition = torch.cat([self.time(time_features(t, _TIME)), self.labels(y)], dim=1)
        for block in self.blocks:
            x = block(x, condition, draw)
        out: Tensor = self.out(x)
        return out


def _initialise(layer: nn.Module, draw: torch.Generator) -> None:
    """Set the published initial values: Kaiming-normal weights, small class embeddings."""
    if isinstance(layer, nn.Linear):
        nn.init.kaiming_normal_(layer.weight, generator=draw)
        nn.init.zeros_(layer.bias)
    elif isinstance(layer, nn.Embedding):
        nn.init.normal_(layer.weight, std=0.02, generator=draw)
    elif isinstance(layer, GroupNorm):
        nn.init.ones_(layer.weight)
        nn.init.zeros_(layer.bias)
