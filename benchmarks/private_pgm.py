"""Times Private-PGM: the star of tables against mbi's own estimator, and the generator at the sizes of the cohorts.

Run it with ``python benchmarks/private_pgm.py``; it needs no data. Part 1 gives both estimators the same noisy tables
(4 quartile bins, 5 classes, 871 samples, epsilon 10) and compares losses and times in one process. mbi compiles a
program anew for every number of genes: its first line pays for that, the others do not. Part 2 fits and samples, each
size in a process of its own, so that the peak is its own. Two threads.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from pathlib import Path

import jax
import numpy as np
from bench.generators._mbi import LABEL, estimation
from bench.generators._pgm_least_squares import least_squares_star
from bench.generators._pgm_published import measure_published, noisy_star
from bench.generators._privacy import gaussian_mu
from bench.generators.private_pgm import PrivatePgm
from threadpoolctl import threadpool_limits

from bench import Cohort, stream

SIZES = {"BRCA": (871, 978, 5), "COMBINED": (3_458, 978, 12), "transcriptome": (5_000, 20_000, 12)}
FORMS = {
    "end to end": {},
    "published": {"variant": "published", "shrink": False},
    "published, shrunk": {"variant": "published"},
    "end to end, 50 pairs": {"pairs": 50},
}


def invented(n: int, genes: int, classes: int) -> Cohort:
    """Return people whose classes differ in every gene."""
    rng = np.random.default_rng(0)
    kind = np.arange(n) % classes
    X = rng.standard_normal((n, genes), dtype=np.float32) + rng.uniform(4, 16, genes).astype(np.float32)
    X += rng.normal(0, 0.7, (classes, genes)).astype(np.float32)[kind]
    names = tuple(f"g{g}" for g in range(genes))
    y = np.char.add("class ", kind.astype(str))
    return Cohort(X=X, y=y, genes=names, samples=tuple(map(str, range(n))), units="vst")


def compare_with_mbi(genes: int, iterations: tuple[int, ...]) -> None:
    """Print the loss and the time of both estimators on the same noisy tables."""
    cohort = invented(871, genes, 5)
    codes = np.unique(cohort.y, return_inverse=True)[1]
    release = measure_published(cohort, codes, 5, 4, gaussian_mu(10.0, 1e-5), 0.5, stream(0, "tables"))
    noisy = noisy_star(release)
    start = time.perf_counter()
    tables = least_squares_star(noisy, 871.0)
    ours_s, ours = time.perf_counter() - start, noisy.loss(tables)
    print(f"{genes} genes: ours      loss {ours:12.6f}  {ours_s:8.3f} s")
    for steps in iterations:
        start = time.perf_counter()
        model = estimation.MirrorDescent().estimate(
            release.domain, list(release.measurements), known_total=871.0, iters=steps
        )
        theirs = np.stack([np.asarray(model.project((LABEL, f"gene {g}")).values, dtype=float) for g in range(genes)])
        mbi_s = time.perf_counter() - start
        faster = mbi_s / ours_s
        print(f"{genes} genes: mbi {steps:6,} loss {noisy.loss(theirs):12.6f}  {mbi_s:8.3f} s  ({faster:,.0f} x ours)")


def one_size(what: str, form: str) -> None:
    """Print time and peak memory of one fit and one sample of full size."""
    threadpool_limits(2)
    cohort = invented(*SIZES[what])
    start = time.perf_counter()
    fitted = PrivatePgm(**FORMS[form]).fit(cohort, rng=stream(1, "fit"))
    fit_s = time.perf_counter() - start
    fitted.sample(len(cohort), rng=stream(1, "sample"))
    both_s = time.perf_counter() - start
    print(f"{what:14} {form:24} fit {fit_s:7.2f} s  both {both_s:7.2f} s  peak {peak_mb():6,.0f} MB", flush=True)


def peak_mb() -> float:
    """Return the largest memory of this process since it started (that of ``getrusage`` is inherited)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--genes", type=int, default=50, help="genes of the comparison with mbi")
    parser.add_argument("--iterations", type=int, nargs="*", default=[200, 1_000, 10_000], help="steps given to mbi")
    parser.add_argument("--sizes", nargs="*", choices=SIZES, default=list(SIZES))
    chosen = parser.parse_args()
    threadpool_limits(2)
    jax.config.update("jax_enable_x64", True)  # in single precision mbi stops short of the smallest loss
    if chosen.iterations:
        compare_with_mbi(chosen.genes, tuple(chosen.iterations))
    for what in chosen.sizes:
        for form in FORMS:
            if (what, form) == ("transcriptome", "end to end, 50 pairs"):
                continue  # refused: pairs are compared among at most 5,000 genes
            process = multiprocessing.get_context("spawn").Process(target=one_size, args=(what, form))
            process.start()
            process.join()


if __name__ == "__main__":
    main()
