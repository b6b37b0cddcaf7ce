"""Audits DP-SGD from inside: canaries that are gradients, told from the sums that every step of a training releases.

`python tests/zoo/gradients.py dp_cvae dp_diffusion` measures on real people. A release shows little of what a training
by DP-SGD spends, because a network makes little of one record. The guarantee is about every step's noisy sum, so here
the adversary is given these. A fair coin puts a canary among the people who are trained on; its gradient is a unit
vector of a coordinate of its own, a thousand times too long, so that a clip that is forgotten shows, and everybody
else's gradient is zero, which is a data set like any other. What the noisy sums of all steps add up to on a canary's
coordinate is the best guess of its coin. The trainings are those of the generator itself: its batches, noise, steps.

After Nasr et al. (2023), arXiv 2302.07956, and Steinke, Nasr and Jagielski (2023), whose canaries these are.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from unittest.mock import patch

import numpy as np
import torch
from bench.generators import _dpsgd
from numpy.typing import NDArray
from opacus.optimizers import DPOptimizer

from bench import Cohort, PrivacyClaim, stream
from bench.datasets import load_dataset
from bench.registry.finding import create
from bench.registry.selection import Choice, choose
from bench.statistics.dp_bounds import gaussian_strength
from bench.studies.audit_reading import Bound, Trial, bounds

_LONG = 1000.0  # times the clip


@dataclass(eq=False)
class Witness:
    """What is seen of one training.

    Parameters
    ----------
    rows : (n_in,) which rows of the training set are canaries
    places : (n_in,) the coordinate of each, among all weights
    seen : (n_weights,) what the noisy sums of all steps add up to, in clips; filled by the training
    steps : of the training, filled likewise
    """

    rows: NDArray[np.intp]
    places: NDArray[np.intp]
    seen: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    steps: int = 0
    _batch: list[int] = field(default_factory=list)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Put the canaries' gradients in the place of people's, and add up what the steps release."""
        witness, batches = self, _dpsgd.poisson_batches

        class Watched(_dpsgd.PrivateOptimiser):
            def clip_and_accumulate(self) -> None:
                witness.replace_gradients(self)
                super().clip_and_accumulate()

            def add_noise(self) -> None:
                super().add_noise()
                witness.add(self)

        def noted(*args: object, **options: object) -> Iterator[torch.Tensor]:
            for rows in batches(*args, **options):  # type: ignore[arg-type]
                self._batch = rows.tolist()
                yield rows

        with patch.object(_dpsgd, "PrivateOptimiser", Watched), patch.object(_dpsgd, "poisson_batches", noted):
            yield

    def replace_gradients(self, optimiser: DPOptimizer) -> None:
        """Give each canary of a part of the batch its gradient, and everybody else none."""
        weights = [p for group in optimiser.param_groups for p in group["params"]]
        n = len(optimiser.grad_samples[0])
        part, self._batch = self._batch[:n], self._batch[n:]
        place_of = dict(zip(self.rows.tolist(), self.places.tolist(), strict=True))
        first = 0
        for p in weights:
            flat = torch.zeros(n, p.numel(), device=p.device)
            for i, row in enumerate(part):
                if first <= place_of.get(row, -1) < first + p.numel():
                    flat[i, place_of[row] - first] = _LONG * optimiser.max_grad_norm
            p.grad_sample = flat.reshape(n, *p.shape)
            first += p.numel()

    def add(self, optimiser: DPOptimizer) -> None:
        """Add what one step releases."""
        weights = [p for group in optimiser.param_groups for p in group["params"]]
        sums = torch.cat([p.grad.flatten() for p in weights]).double().cpu().numpy() / optimiser.max_grad_norm
        self.seen = sums if not len(self.seen) else self.seen + sums
        self.steps += 1


def watch(chosen: Choice, cohort: Cohort, coins: int, seed: int, run: int) -> tuple[Trial, Witness]:
    """Train once with canaries that fair coins put in; return what their coordinates say of the coins."""
    rng = stream(seed, "gradients", chosen.label, run)
    inside = rng.random(coins) < 0.5
    who = rng.permutation(len(cohort))[:coins]  # whose rows the canaries take: those that are out leave the training
    kept = np.setdiff1d(np.arange(len(cohort)), who[~inside])
    rows = np.searchsorted(kept, who[inside])
    places = rng.permutation(_fewest_weights(cohort))[:coins]
    witness = Witness(rows, places[inside])
    with witness.watching():
        fitted = create(chosen.info, chosen.params).fit(cohort.take(kept), rng=rng)
    return Trial(inside, {"gradient": witness.seen[places]}, fitted.claim()), witness


def _fewest_weights(cohort: Cohort) -> int:
    """Return a number of coordinates that every network here has: a weight for each gene and a few units."""
    return 4 * cohort.n_genes


def audit_gradients(chosen: Choice, cohort: Cohort, *, coins: int, runs: int, seed: int = 42) -> list[Bound]:
    """Return the bounds over all canaries of some trainings; the first half of these chooses how many are guessed."""
    trials = [watch(chosen, cohort, coins, seed, run)[0] for run in range(runs)]
    claim = trials[0].claim
    assert isinstance(claim, PrivacyClaim)
    return bounds(trials, claim.delta, epsilon=claim.epsilon)


def main() -> None:
    """Print what the gradients of the named generators show on real people."""
    people = load_dataset("brca").expression
    for chosen in choose("generator", ",".join(sys.argv[1:])):
        for bound in audit_gradients(chosen, people, coins=436, runs=2):
            claimed = float(chosen.params["epsilon"])
            mu = gaussian_strength(claimed, float(chosen.params["delta"]))
            print(  # noqa: T201
                f"{chosen.label}: epsilon at least {bound.low:.2f} of {claimed:g} (at most {bound.ceiling:.2f} could "
                f"be shown), mu at least {bound.mu:.2f} of {mu:.2f} (at most {bound.mu_ceiling:.2f}); {bound.detail}",
                flush=True,
            )


if __name__ == "__main__":
    main()
