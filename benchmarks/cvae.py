"""What the published training of the conditional VAE costs here, what ours costs, and what each change between buys.

    python benchmarks/cvae.py                      # BRCA's size
    python benchmarks/cvae.py --size combined

One training step is timed on random data of the size and multiplied by the number of steps. The thread count is that
of OMP_NUM_THREADS. Rounds go through all rows in turn and the shortest time of a row counts, so that what others do
on the machine meanwhile weighs on no row in particular. The published code also reads each batch through a DataLoader,
which is left out here. A gain is in CPU seconds, over the first row.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from bench.generators import _cvae
from bench.generators._cvae import Condition, ConditionalVAE, evidence_loss
from bench.generators._torch import fast_matrices
from bench.generators.cvae import Cvae
from numpy.typing import NDArray

SIZES = {"brca": (871, 978, 5), "combined": (3458, 978, 12)}  # training samples, genes, classes
OURS, PUBLISHED_BATCH, PUBLISHED_STEPS = Cvae(), 64, 10_000
LADDER: list[tuple[str, int, int, bool, bool]] = [  # what, batch, steps, fused Adam, bfloat16
    ("published", PUBLISHED_BATCH, PUBLISHED_STEPS, False, False),
    ("fused Adam", PUBLISHED_BATCH, PUBLISHED_STEPS, True, False),
    (f"{OURS.steps} steps on batches of {OURS.batch}", OURS.batch, OURS.steps, True, False),
    ("bfloat16 where the hardware has it: ours", OURS.batch, OURS.steps, True, True),
]


def training_step(size: tuple[int, int, int], batch: int, fused: bool, fast: bool) -> Callable[[], None]:
    """Return a function that makes one training step of a new network on a batch of random data."""
    n, genes, classes = size
    draw = torch.Generator().manual_seed(0)
    model = ConditionalVAE(genes, Condition(classes, OURS.embedding, draw), OURS.z_dim, (1000, 512, 256), draw)
    wanted = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(wanted, lr=OURS.lr, fused=fused)
    x, codes = torch.randn(n, genes, generator=draw), torch.randint(classes, (n,), generator=draw)
    network: Any = _cvae

    def step() -> None:
        rows = torch.randint(n, (batch,), generator=draw)
        noise = torch.randn(batch, OURS.z_dim, generator=draw)
        network.fast_matrices = fast_matrices if fast else lambda device: torch.autocast(device.type, enabled=False)
        optimiser.zero_grad()
        evidence_loss(model, x[rows], codes[rows], noise, OURS.beta).backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    return step


def timed(run: Callable[[], None]) -> NDArray[np.float64]:
    """Return CPU and wall seconds of a call, (2,)."""
    start = np.array([time.process_time(), time.perf_counter()])
    run()
    taken: NDArray[np.float64] = np.array([time.process_time(), time.perf_counter()]) - start
    return taken


def main() -> None:
    """Parse the arguments and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="brca")
    parser.add_argument("--rounds", type=int, default=20)
    args = parser.parse_args()
    runs = [training_step(SIZES[args.size], batch, fused, fast) for _, batch, _, fused, fast in LADDER]
    times = np.array([[timed(run) for run in runs] for _ in range(args.rounds + 1)])[1:]  # the first is not counted
    shortest = times.min(axis=0)  # (rows, 2)
    print(f"{args.size}: {SIZES[args.size]} samples, genes, classes; {torch.get_num_threads()} threads\n")
    print("| training | CPU ms/step | wall ms/step | steps | CPU s | wall s | gain |")
    print("|---|---|---|---|---|---|---|")
    first = shortest[0, 0] * LADDER[0][2]
    for (what, _, steps, _, _), (cpu, wall) in zip(LADDER, shortest, strict=True):
        cells = [what, f"{1e3 * cpu:.1f}", f"{1e3 * wall:.1f}", str(steps), f"{cpu * steps:.0f}", f"{wall * steps:.0f}"]
        print("| " + " | ".join([*cells, f"{first / (cpu * steps):.1f} x"]) + " |")


if __name__ == "__main__":
    main()
