"""A class-conditional diffusion model that is differentially private from the first look at the data to the last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from bench import Cohort, PluginError, PrivacyClaim, generator

from ._diffusion import MovingAverage, check_sampler, reverse, signal_rates, time_features
from ._discretise import binned_scale, original_scale
from ._dpsgd import calibrated, train_privately
from ._labels import class_counts
from ._nets import check_positive, dense
from ._privacy import check_budget, gaussian_mu
from ._private_frame import PrivateFrame, exact_frame, release_frame
from ._record_losses import codes_of, denoising_losses
from ._torch import pick_device, torch_generator

# The range that each kind of number can have, known without any data; counts are modelled as log2(1 + count).
RANGES: Mapping[str, tuple[float, float]] = {
    "vst": (0.0, 25.0), "log2": (-10.0, 25.0), "counts": (0.0, 25.0), "zscore": (-10.0, 10.0), "genotype": (0.0, 2.0)
}  # fmt: skip
_TIME = 32  # width of the condition
_GROUPS = 8


@generator(
    "dp_diffusion",
    family="diffusion",
    needs=("torch", "opacus"),
    quick={"hidden": 16, "steps": 5, "rate": 1.0, "draws": 2, "sampling_steps": 5},
    memory_gb=4,
    minutes=120,
    gpus=1,
)
@dataclass(kw_only=True)
class DpDiffusion:
    """Release noisy class means and spreads, and train a diffusion model of what remains by per-example DP-SGD.

    The default is private end to end: one sample added or removed changes what is released by no more than
    (epsilon, delta) allows. Inside the budget are the class counts, the radii of clipping, the class means, the
    spread of each gene and the network. The number of samples is not used as such, only the sum of noisy counts.
    Public are: the set of classes, the genes, the range that the units allow (or `bounds`, which must not be taken
    from the data) and how many samples are asked for (a benchmark that asks for as many as it trained on tells that
    number). Classes are drawn at their noisy rates. The form of the method was found on BRCA; its numbers were then
    chosen on other people, tissue profiles without breast, by `benchmarks/choose_dp_diffusion.py`. The guarantee is
    against those who do not know the random stream.

    ``variant="published"`` does what the published entry is described to do: genes standardised by their exact moments,
    exact class counts in the loss and in the sample, all of epsilon for DP-SGD. `claim` lists what stays outside.

    References
    ----------
    Husak et al., CAMDA 2025 (shape of the network, schedule, class weights); Dockhorn et al. (2023), Differentially
    private diffusion models, TMLR (several timesteps per sample); Biswas et al. (2020), CoinPress, NeurIPS (the centre
    is released before the means).
    """

    epsilon: float = 10.0
    delta: float = 1e-5
    variant: str = "end-to-end"  # or "published"
    bounds: tuple[float, ...] = ()  # (lowest, highest) value of a gene, public; empty for the range of the units
    frame_share: float = 0.9  # part of the budget mu**2 for rates, means and spreads; the rest trains the network
    hidden: int = 64  # a multiple of 8
    blocks: int = 1
    steps: int = 200
    rate: float = 0.2  # of Poisson sampling
    draws: int = 8  # timesteps and noises averaged in each sample's gradient
    clip: float = 1.0  # of each sample's gradient
    lr: float = 1e-3
    ema: float = 0.98  # decay of the averaged weights
    class_weights: bool = True  # the loss of a class is divided by the root of its rate
    schedule: str = "cosine"  # or "linear", "power"
    timesteps: int = 1000
    sampler: str = "ddim"  # or "posterior", "ancestral"
    sampling_steps: int = 50

    def fit(self, cohort: Cohort, *, rng: np.random.Generator) -> Self:
        """Spend the budget on the frame and the network."""
        self._check(cohort)
        draw = torch_generator(rng)
        self.like_ = cohort.take(np.arange(0))
        self.labels_, codes = np.unique(cohort.y, return_inverse=True)
        self.range_ = (self.bounds[0], self.bounds[1]) if self.bounds else RANGES[cohort.units]
        X = self._clipped(cohort.X)
        self.frame_ = self._frame(X, cohort.y, rng)
        self.signal_ = signal_rates(self.schedule, self.timesteps)
        net = AdaGroupNet(cohort.n_genes, len(self.labels_), self.hidden, self.blocks, draw)
        z = torch.from_numpy(self.frame_.forward(X, codes))
        self.net_ = self._train(net, z, torch.from_numpy(codes), draw, rng)
        return self

    def _clipped(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        clipped: NDArray[np.float64] = np.clip(binned_scale(X, self.like_.units), *self.range_)
        return clipped

    def sample(self, n: int, *, rng: np.random.Generator) -> Cohort:
        """Return n samples; classes are drawn at their noisy rates, or match the training counts if published."""
        if self.variant == "published":
            codes = rng.permutation(
                np.repeat(np.arange(len(self.labels_)), class_counts(self.frame_.counts.astype(np.int64), n))
            )
        else:
            codes = rng.choice(len(self.labels_), size=n, p=self.frame_.rates)
        device = pick_device()
        net = self.net_.to(device)
        z = reverse(
            lambda x, t, y: self._noise(net, x, t, y), torch.from_numpy(codes), self.like_.n_genes, self.signal_,
            sampler=self.sampler, steps=self.sampling_steps, draw=torch_generator(rng), device=device,
        )  # fmt: skip
        net.cpu()
        X = np.clip(self.frame_.back(z.numpy(), codes), *self.range_)
        return self.like_.synthetic(original_scale(X, self.like_.units), self.labels_[codes])

    def losses(self, cohort: Cohort, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return the (n, 5) denoising losses of people at fixed timesteps: what the fitted network says of each."""
        codes = codes_of("dp_diffusion", self.labels_, cohort.y)
        z = torch.from_numpy(self.frame_.forward(self._clipped(cohort.X), codes.numpy()))
        return denoising_losses(partial(self._noise, self.net_), z, codes, self.signal_, torch_generator(rng))

    def claim(self) -> PrivacyClaim:
        """Return the guarantee of everything that was released together."""
        published = self.variant == "published"
        before = f"Gaussian releases of counts, lengths, means and spreads (mu {self.frame_.mu:.3g}), then "
        training = f"DP-SGD (noise multiplier {self.plan_.sigma:.4g}, clip {self.clip:g})"
        return PrivacyClaim(
            mechanism=training if published else before + training,
            unit="one sample",
            neighbours="add-remove",
            epsilon=self.plan_.epsilon(self.delta, self.frame_.mu),
            delta=self.delta,
            accountant=self.plan_.account,
            outside=("gene means and standard deviations", "class counts", "number of samples") if published else (),
        )

    def _check(self, cohort: Cohort) -> None:
        check_budget("dp_diffusion", self.epsilon, self.delta)
        check_positive(
            "dp_diffusion", hidden=self.hidden, blocks=self.blocks, draws=self.draws, clip=self.clip, lr=self.lr,
            timesteps=self.timesteps,
        )  # fmt: skip
        check_sampler("dp_diffusion", self.sampler, self.sampling_steps, self.timesteps)
        if self.variant not in ("end-to-end", "published"):
            raise PluginError(f"dp_diffusion: variant is {self.variant!r}; expected 'end-to-end' or 'published'.")
        if not 0 < self.frame_share < 1:
            raise PluginError(f"dp_diffusion: frame_share is {self.frame_share}; expected a number between 0 and 1.")
        if self.hidden % _GROUPS:
            raise PluginError(f"dp_diffusion: hidden is {self.hidden}; expected a multiple of {_GROUPS}.")
        if self.bounds and (len(self.bounds) != 2 or not self.bounds[0] < self.bounds[1]):
            raise PluginError(f"dp_diffusion: bounds is {self.bounds}; expected two numbers, the lower first.")
        if not self.bounds and cohort.units not in RANGES:
            raise PluginError(
                f"dp_diffusion: units {cohort.units!r} have no range that is known without the data. Give "
                "bounds=(lowest, highest) from what is public, never from this cohort."
            )

    def _frame(self, X: NDArray[np.float64], y: NDArray[np.str_], rng: np.random.Generator) -> PrivateFrame:
        """Return rates, means and spreads, with noise; exact ones, and no class means, if published."""
        if self.variant == "published":
            return exact_frame(X, y)
        mu = gaussian_mu(self.epsilon, self.delta) * self.frame_share**0.5
        return release_frame(X, y, self.labels_, self.range_, mu, rng)

    def _train(
        self, net: AdaGroupNet, z: Tensor, y: Tensor, draw: torch.Generator, rng: np.random.Generator
    ) -> nn.Module:
        """Return the network trained with what the frame left of the budget, its weights averaged."""
        self.plan_ = calibrated(self.epsilon, self.delta, steps=self.steps, rate=self.rate, released_mu=self.frame_.mu)
        device = pick_device()
        net, z, y = net.to(device), z.to(device), y.to(device)
        weights = torch.ones(len(self.labels_), device=device)
        if self.class_weights:
            weights = torch.tensor(self.frame_.rates, dtype=torch.float32, device=device).rsqrt()
        weights /= weights.max()
        optimiser = torch.optim.Adam(net.parameters(), lr=self.lr)
        cooling = torch.optim.lr_scheduler.LambdaLR(optimiser, self._pace)
        average = MovingAverage(net, self.ema)

        def after_step(step: int) -> None:
            cooling.step()
            average.update()

        train_privately(
            net, lambda watched, rows: weights[y[rows]] * self._loss(watched, z[rows], y[rows], draw), len(z),
            self.plan_, optimiser, clip=self.clip, divisor=self.rate * self.frame_.total, rng=rng,
            after_step=after_step,
        )  # fmt: skip
        return average.of(net).cpu().eval()

    def _pace(self, step: int) -> float:
        """Return the part of the learning rate used in a step: a short rise, then a straight fall."""
        return min(1.0, 10 * (step + 1) / self.steps) * (1 - 0.9 * min(step / self.steps, 1.0))

    def _loss(self, net: nn.Module, x: Tensor, y: Tensor, draw: torch.Generator) -> Tensor:
        """Return the (n,) losses of samples (n, n_genes), each averaged over several timesteps and noises.

        The network estimates ``v = sqrt(a) noise - sqrt(1 - a) x``, so that zero, where it starts, is the
        best estimate for independent genes.
        """
        spread = (torch.rand(len(x), 1, generator=draw) + torch.arange(self.draws) / self.draws) % 1
        t = (spread * self.timesteps).long().clamp(max=self.timesteps - 1).to(x.device)  # (n, draws)
        noise = torch.randn(*t.shape, x.shape[1], generator=draw).to(x.device)  # (n, draws, n_genes)
        signal = self.signal_.to(x.device)[t][..., None]  # (n, draws, 1)
        noisy = signal.sqrt() * x[:, None] + (1 - signal).sqrt() * noise
        target = signal.sqrt() * noise - (1 - signal).sqrt() * x[:, None]
        losses: Tensor = (net(noisy, t, y) - target).square().mean(dim=(1, 2))
        return losses

    def _noise(self, net: nn.Module, x: Tensor, t: Tensor, y: Tensor) -> Tensor:
        """Return the (n, n_genes) noise in x that the network's estimate of v amounts to."""
        signal = self.signal_.to(x.device)[t, None]
        v: Tensor = net(x[:, None], t[:, None], y)[:, 0]
        return (1 - signal).sqrt() * x + signal.sqrt() * v


class AdaGroupBlock(nn.Module):
    """A residual block whose group normalisation is scaled and shifted by timestep and class (AdaGN)."""

    def __init__(self, width: int, draw: torch.Generator) -> None:
        super().__init__()
        self.first, self.second = dense(width, width, draw), dense(width, width, draw)
        self.modulate = dense(_TIME, 2 * width, draw)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Return (..., width) features of (..., width) features."""
        scale, shift = self.modulate(condition).chunk(2, dim=-1)
        h = self.first(functional.silu(x))
        groups = h.reshape(*h.shape[:-1], _GROUPS, h.shape[-1] // _GROUPS)
        h = functional.layer_norm(groups, groups.shape[-1:]).reshape(h.shape)  # no parameters: nothing mixes samples
        out: Tensor = x + self.second(functional.silu(h * (1 + scale) + shift))
        return out


class AdaGroupNet(nn.Module):
    """Residual AdaGN blocks between a linear map from all genes and one back; it starts as zero."""

    def __init__(self, n_genes: int, n_classes: int, width: int, blocks: int, draw: torch.Generator) -> None:
        super().__init__()
        self.time = dense(_TIME, _TIME, draw)
        self.labels = nn.Embedding(n_classes, _TIME, _weight=0.1 * torch.randn(n_classes, _TIME, generator=draw))
        self.into, self.out = dense(n_genes, width, draw), dense(width, n_genes, draw)
        self.blocks = nn.ModuleList(AdaGroupBlock(width, draw) for _ in range(blocks))
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor, t: Tensor, y: Tensor) -> Tensor:
        """Return (n, draws, n_genes) for x (n, draws, n_genes), timesteps t (n, draws) and class codes y (n,)."""
        labels = self.labels(y[:, None].expand(t.shape))  # (n, draws, width)
        condition = functional.silu(self.time(time_features(t, _TIME)) + labels)
        h = self.into(x)
        for block in self.blocks:
            h = block(h, condition)
        out: Tensor = self.out(h)
        return out
