"""What the published diffusion configuration would cost here, what ours costs, and what each change between them buys.

    python benchmarks/diffusion.py                      # BRCA's size
    python benchmarks/diffusion.py --size combined
    python benchmarks/diffusion.py --quality brca       # also scores fits of fold 1

Training and sampling steps are timed on random data of the size, in one process, and multiplied by their number. The
thread count is that of OMP_NUM_THREADS. The time of SMOTE and of the quantiles, equal for all, is not included. The
published training may stop before its 200 epochs, when its loss has not fallen for 30; it also draws fresh noise
in each step, where all rows here read it from a pool, which is cheaper. A gain is that over the row above.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from bench.generators import noisy_diffusion
from bench.generators._diffusion import GradientNoise, signal_rates
from bench.generators.noisy_diffusion import NoisyDiffusion, ResLinearNet
from numpy.typing import NDArray

from bench import Cohort, stream
from bench.datasets import load_dataset
from bench.datasets.folds import make_splits
from bench.registry.finding import create, find

SIZES = {"brca": (871, 978, 5), "combined": (3458, 978, 12)}  # training samples, genes, classes
PUBLISHED: dict[str, Any] = {
    "hidden": (2048, 2048), "linear_skip": False, "batch": 32, "epochs": 200, "dropout": 0.2, "ema": 0.0,
    "gradient_clip": 1.0, "sampler": "ancestral", "sampling_steps": 1000, "inverse": "refit",
}  # fmt: skip
OURS = NoisyDiffusion()
LADDER: list[tuple[str, dict[str, Any]]] = [
    ("published, all 200 epochs", {}),
    ("batch 512, not 32", {"batch": OURS.batch}),
    ("1024 wide, not 2048; no dropout", {"hidden": OURS.hidden, "dropout": OURS.dropout}),
    ("bfloat16 where the hardware has it", {}),
    ("linear skip: 15 epochs, not 200", {"linear_skip": True, "epochs": OURS.epochs, "ema": OURS.ema}),
    ("100 posterior steps, not 1000", {"sampler": OURS.sampler, "sampling_steps": OURS.sampling_steps}),
]


@contextlib.contextmanager
def float32() -> Iterator[None]:
    """Multiply matrices in float32, also where the hardware has bfloat16."""
    fast: Any = noisy_diffusion.fast_matrices
    noisy_diffusion.fast_matrices = lambda device: contextlib.nullcontext()  # type: ignore[assignment,return-value]
    try:
        yield
    finally:
        noisy_diffusion.fast_matrices = fast


def seconds(run: Callable[[], object], repeats: int) -> NDArray[np.float64]:
    """Return the shortest CPU and wall seconds of a call, (2,), after one that is not counted.

    What others do on the machine adds to the wall time, and less to the CPU time.
    """
    run()
    times = []
    for _ in range(repeats):
        start = np.array([time.process_time(), time.perf_counter()])
        run()
        times.append(np.array([time.process_time(), time.perf_counter()]) - start)
    shortest: NDArray[np.float64] = np.min(times, axis=0)
    return shortest


def step_times(model: NoisyDiffusion, size: tuple[int, int, int], repeats: int) -> tuple[NDArray[np.float64], ...]:
    """Return CPU and wall seconds (2,) of one training step, and of one sampling step for all samples."""
    n, genes, classes = size
    draw = torch.Generator().manual_seed(0)
    model.rates_ = signal_rates(model.schedule, model.timesteps)
    net = ResLinearNet(genes, classes, model.hidden, model.dropout, model.linear_skip, draw)
    optimiser, noise = model._optimiser(net), GradientNoise(net, model.gradient_noise * model.gradient_clip, draw)
    z, y = torch.randn(model.batch, genes), torch.randint(classes, (model.batch,))
    train = seconds(lambda: model._step(net, z, y, optimiser, noise, draw), repeats)
    x, t, codes = torch.randn(n, genes), torch.full((n,), 500), torch.randint(classes, (n,))

    def sampling_step() -> None:
        with torch.no_grad(), noisy_diffusion.fast_matrices(torch.device("cpu")):
            model._estimate(net, x, t, codes)

    return train, seconds(sampling_step, 3)


def print_ladder(size: tuple[int, int, int], repeats: int) -> None:
    """Print cost per step and in total as one change after the other is made."""
    n, _, classes = size
    rows, settings = classes * OURS.per_class, dict(PUBLISHED)
    print(f"{n} samples, {size[1]} genes, {classes} classes, {rows} rows, {torch.get_num_threads()} threads\n")
    print("| change | CPU ms/step | wall ms/step | steps | fit, CPU min | sample, CPU min | total | wall min | gain |")
    print("|---|---|---|---|---|---|---|---|---|")
    before = math.nan
    for number, (name, change) in enumerate(LADDER):
        settings |= change
        model = NoisyDiffusion(**settings)
        with contextlib.nullcontext() if number >= 3 else float32():
            train, walk = step_times(model, size, repeats)
        steps = model.epochs * math.ceil(rows / model.batch)
        fit, sample = train * steps / 60, walk * model.sampling_steps / 60  # (2,) each: CPU and wall
        total = fit + sample
        gain = "" if math.isnan(before) else f"{before / total[0]:.1f} x"
        cells = [name, f"{1e3 * train[0]:.0f}", f"{1e3 * train[1]:.0f}", str(steps)]
        cells += [f"{minutes:.1f}" for minutes in (fit[0], sample[0], *total)] + [gain]
        print("| " + " | ".join(cells) + " |", flush=True)
        before = float(total[0])


def print_quality(train: Cohort, holdout: Cohort) -> None:
    """Print what the linear skip, the averaging, the sampler and the gradient noise do to the scores of a fold."""
    print("\n| setting | accuracy | AUPR | mmd | discriminative | closest | fit, s | sample, s |")
    print("|---|---|---|---|---|---|---|---|")
    changes: dict[str, dict[str, Any]] = {
        "ours": {}, "no linear skip": {"linear_skip": False}, "last weights": {"ema": 0.0},
        "ddim, 50 steps": {"sampler": "ddim", "sampling_steps": 50},
        "clip 1 (noise 1e-5 as published)": {"gradient_clip": 1.0}, "refitted inverse": {"inverse": "refit"},
    }  # fmt: skip
    for name, change in changes.items():
        start = time.perf_counter()
        model = replace(OURS, **change).fit(train, rng=stream(1, "fit"))
        fitted = time.perf_counter()
        S = model.sample(len(train), rng=stream(1, "sample"))
        done = time.perf_counter()
        found: dict[str, float] = {}
        for metric in ("tstr", "mmd", "discriminative", "distance_to_closest"):
            found |= create(find("metric", metric))(train, holdout, S, rng=stream(1, metric))
        wanted = ("accuracy_synthetic", "aupr_synthetic", "mmd", "discriminative_score", "distance_to_closest")
        scores = " | ".join(f"{found[key]:.4g}" for key in wanted)
        print(f"| {name} | {scores} | {fitted - start:.0f} | {done - fitted:.0f} |", flush=True)


def main() -> None:
    """Parse the arguments and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="brca")
    parser.add_argument("--repeats", type=int, default=7, help="training steps that are timed")
    parser.add_argument("--quality", metavar="DATASET", help="a data set of `bench list datasets`")
    args = parser.parse_args()
    print_ladder(SIZES[args.size], args.repeats)
    if args.quality:
        print_quality(*fold_one(args.quality))


def fold_one(dataset: str) -> tuple[Cohort, Cohort]:
    """Return train and holdout of the first fold of a data set."""
    split = make_splits(load_dataset(dataset).cohort, seed=42)[0]
    return split.train, split.holdout


if __name__ == "__main__":
    main()
