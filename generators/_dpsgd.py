"""Per-example differentially private SGD and its exact bookkeeping, shared by the generators that train privately.

One convention holds in this file. Neighbouring cohorts differ by one sample that is added or removed. In each step
every sample enters the batch by its own coin of probability `rate` (Poisson sampling), its gradient is shortened to
norm `clip`, and the sum gets noise of standard deviation ``sigma * clip`` per coordinate. The sum is divided by a
number that does not depend on who is in the batch.

Coins and noise are drawn by numpy, in double precision from a stream of 128 bits: torch reads 32 bits of a seed at
most, which could all be tried, and its normal numbers of single precision end at 5.77 standard deviations.

References
----------
Abadi et al. (2016), Deep learning with differential privacy, CCS.
Gopi, Lee and Wutschitz (2021), Numerical composition of differential privacy, NeurIPS.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from opacus import GradSampleModule
from opacus.accountants import PRVAccountant
from opacus.optimizers import DPOptimizer
from scipy.optimize import brentq
from torch import Tensor, nn

from bench import PluginError

from ._privacy import gaussian_epsilon, gaussian_mu

# Returns one loss per sample, (n,), for row numbers (n,) of the training data.
Loss = Callable[[nn.Module, Tensor], Tensor]


@dataclass(frozen=True)
class PrivateSteps:
    """What the accountant must know of a private training: steps, batch rate and noise multiplier."""

    steps: int
    rate: float
    sigma: float

    def epsilon(self, delta: float, released_mu: float = 0.0) -> float:
        """Return the epsilon of these steps and of Gaussian releases of total strength `released_mu`, by PRV.

        The upper end of the accountant's error interval is returned. With rate 1 the sum is exact.
        """
        if self.rate == 1.0:
            return gaussian_epsilon(math.hypot(math.sqrt(self.steps) / self.sigma, released_mu), delta)
        return _prv_epsilon(self, delta, released_mu)

    @property
    def account(self) -> str:
        """How `epsilon` is found, and what it assumes of the batches."""
        if self.rate == 1.0:
            return f"Gaussian differential privacy, exact; everybody in each of {self.steps} steps"
        return f"PRV (opacus), Poisson sampling at rate {self.rate:g}, {self.steps} steps"


@functools.cache
def _prv_epsilon(plan: PrivateSteps, delta: float, released_mu: float) -> float:
    accountant = PRVAccountant()
    accountant.history = [(plan.sigma, plan.rate, plan.steps)]
    if released_mu > 0:  # a Gaussian release is one step with everybody in the batch
        accountant.history.append((1 / released_mu, 1.0, 1))
    with np.errstate(all="ignore"), warnings.catch_warnings():  # it takes log(0) at rate 1
        warnings.simplefilter("ignore", UserWarning)  # on the grid that bounds its domain, not the result
        return float(accountant.get_epsilon(delta))


@functools.cache
def calibrated(epsilon: float, delta: float, *, steps: int, rate: float, released_mu: float = 0.0) -> PrivateSteps:
    """Return private steps whose epsilon, together with the earlier releases, is just below `epsilon`.

    Raises
    ------
    PluginError
        If the releases alone cost as much, or the rate or the number of steps is out of range.
    """
    if not 0 < rate <= 1 or steps < 1:
        raise PluginError(
            f"private training with rate {rate} and {steps} steps; expected 0 < rate <= 1, 1 step or more."
        )
    whole = gaussian_mu(epsilon, delta)
    if released_mu >= whole:
        raise PluginError(f"the releases cost mu {released_mu:.3g} of {whole:.3g}; nothing is left for the training.")
    without_sampling = math.sqrt(steps) / math.sqrt(whole**2 - released_mu**2)  # enough noise at any rate
    if rate == 1.0:
        return PrivateSteps(steps, rate, without_sampling)

    def excess(log_sigma: float) -> float:
        return PrivateSteps(steps, rate, math.exp(log_sigma)).epsilon(delta, released_mu) - epsilon

    low = high = math.log(max(rate * without_sampling, 0.5))  # right for many steps; the accountant decides
    while excess(high) > 0:
        low, high = high, high + 0.2
    while excess(low) < 0:
        low, high = low - 0.2, low
    root = brentq(excess, low, high, xtol=1e-3)
    while excess(root) > 0:
        root += 1e-3
    return PrivateSteps(steps, rate, math.exp(root))


def poisson_batches(n: int, rate: float, steps: int, rng: np.random.Generator) -> Iterator[Tensor]:
    """Yield the row numbers of `steps` batches; each of n samples is in each batch by its own coin, also in none."""
    for _ in range(steps):
        yield torch.from_numpy(np.flatnonzero(rng.random(n) < rate))


def with_noise(total: Tensor, sd: float, rng: np.random.Generator) -> Tensor:
    """Return a sum with normal noise in each coordinate, added in double precision and rounded once."""
    noise = torch.from_numpy(rng.normal(0, sd, tuple(total.shape))).to(total.device)
    return (total.double() + noise).to(total.dtype)


class PrivateOptimiser(DPOptimizer):  # type: ignore[misc]  # opacus ships no types
    """The optimiser of Opacus, which clips and adds up, with the noise of `with_noise`."""

    def __init__(self, *args: Any, rng: np.random.Generator, **options: Any) -> None:
        super().__init__(*args, **options)
        self._rng = rng

    def add_noise(self) -> None:
        """Set the gradient of each weight to the sum of the clipped ones of a batch, with noise."""
        for p in self.params:
            p.grad = with_noise(p.summed_grad, self.noise_multiplier * self.max_grad_norm, self._rng).view_as(p)


def train_privately(
    net: nn.Module, loss: Loss, n: int, plan: PrivateSteps, optimiser: torch.optim.Optimizer, *, clip: float,
    divisor: float, rng: np.random.Generator, physical: int = 512,
    after_step: Callable[[int], None] = lambda step: None,
) -> None:  # fmt: skip
    """Train the network in place by the planned steps; `divisor` is the public size that sums are divided by.

    `physical` samples at most are differentiated together, which bounds the memory and changes nothing else.
    """
    device = next(net.parameters()).device
    watched = GradSampleModule(net, loss_reduction="sum")
    private = PrivateOptimiser(
        optimiser, noise_multiplier=plan.sigma, max_grad_norm=clip, expected_batch_size=divisor, rng=rng
    )
    for step, rows in enumerate(poisson_batches(n, plan.rate, plan.steps, rng)):
        parts = torch.split(rows, physical) if len(rows) else (rows,)
        for i, part in enumerate(parts):
            private.signal_skip_step(do_skip=i < len(parts) - 1)
            _differentiate(loss(watched, part.to(device)).sum())
            _leave_out_what_no_clip_bounds(private.params)
            private.step()
            private.zero_grad()
        after_step(step)
    watched.remove_hooks()
    for p in net.parameters():  # what the hooks left behind must not be saved with the network
        p.grad = None
        for name in ("grad_sample", "summed_grad", "_forward_counter"):
            if hasattr(p, name):
                delattr(p, name)


def _leave_out_what_no_clip_bounds(weights: Iterable[nn.Parameter]) -> None:
    """Set the whole gradient of a sample to 0, in place, where a part of it is infinite or no number.

    Shortened, it would still be no number, and so would be the sum: one sample could be told by that alone.
    """
    parts: list[Tensor] = [p.grad_sample for p in weights]  # type: ignore[attr-defined]
    usable = torch.stack([part.flatten(1).isfinite().all(dim=1) for part in parts]).all(dim=0)
    if not bool(usable.all()):
        for part in parts:
            part[~usable] = 0


def _differentiate(total: Tensor) -> None:
    with warnings.catch_warnings():  # that no gradient is wanted for the data is no news
        warnings.filterwarnings("ignore", message="Full backward hook is firing")
        total.backward()  # type: ignore[no-untyped-call]
