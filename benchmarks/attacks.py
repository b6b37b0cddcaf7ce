"""Times the attacks on one fold of COMBINED's size, and some against their straightforward forms.

Run it with ``python benchmarks/attacks.py``; it needs no data. 4,323 candidates, 3,458 synthetic people, 824 reference
people, 978 genes, 12 classes, two threads. Shadow attacks (opt-in) are left out.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import gaussian_kde, spearmanr
from threadpoolctl import threadpool_limits

from bench import AttackView, stream
from bench.registry.declarations import PluginInfo
from bench.registry.finding import create, plugins

CLASSES = (920, 447, 434, 420, 417, 385, 353, 312, 244, 155, 150, 86)
N_REFERENCE = 824
COMPARED = ("mc_official", "gan_leaks", "gan_leaks_cal", "neighbour_kde", "marginal_ratio", "low_variance")


def cohort_like_view(n_genes: int, shrink: float, seed: int = 0) -> AttackView:
    """Return a view of COMBINED's shape: classes apart, 40 hidden factors, and a release that copies with noise."""
    rng = np.random.default_rng(seed)
    sizes = [max(10, int(n * shrink)) for n in CLASSES]
    labels = rng.permutation(np.repeat(np.arange(12), sizes))
    n = len(labels) + int(N_REFERENCE * shrink)
    loadings, centres = rng.normal(size=(40, n_genes)), rng.normal(0, 1.5, size=(12, n_genes))
    people = rng.normal(size=(n, 40)) @ loadings * 0.25 + 0.6 * rng.normal(size=(n, n_genes)) + 8
    people += centres[np.append(labels, rng.integers(12, size=n - len(labels)))]
    targets, reference = people[: len(labels)], people[len(labels) :]
    members = np.sort(rng.permutation(len(labels))[: round(0.8 * len(labels))])
    synthetic = targets[members] + 0.5 * rng.normal(size=(len(members), n_genes))
    return AttackView(
        synthetic=synthetic.astype(np.float32),
        targets=targets.astype(np.float32),
        genes=tuple(f"g{i}" for i in range(n_genes)),
        synthetic_labels=labels[members].astype(str),
        target_labels=labels.astype(str),
        reference=reference.astype(np.float32),
    )


def timed(what: Callable[[], NDArray[np.float64]]) -> tuple[NDArray[np.float64], float]:
    start = time.perf_counter()
    return what(), time.perf_counter() - start


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def score(info: PluginInfo, view: AttackView) -> NDArray[np.float64]:
    found: NDArray[np.float64] = create(info).score(view, rng=stream(0, "benchmark", info.name))
    return found


# -- some attacks, written straightforwardly - ------------------------------------------------------------------------


def row_minima(targets: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float64]:
    wide = others.astype(np.float64)
    return np.array([np.sum((wide - x) ** 2, axis=1).min() for x in targets.astype(np.float64)])


def loop_mc(view: AttackView) -> NDArray[np.float64]:
    radius = np.median(row_minima(view.targets, view.synthetic))
    wide = view.synthetic.astype(np.float64)
    return np.array([(np.sum((wide - x) ** 2, axis=1) < radius).mean() for x in view.targets.astype(np.float64)])


def loop_gan_leaks(view: AttackView) -> NDArray[np.float64]:
    return -row_minima(view.targets, view.synthetic)


def loop_gan_leaks_cal(view: AttackView) -> NDArray[np.float64]:
    return row_minima(view.targets, view.reference) - row_minima(view.targets, view.synthetic)


def loop_neighbour_kde(view: AttackView) -> NDArray[np.float64]:
    mixed = 0.5 * np.log(row_minima(view.targets, view.synthetic))
    others = 0.5 * np.log(row_minima(view.reference, view.synthetic))
    return gaussian_kde(mixed).logpdf(mixed) - gaussian_kde(others).logpdf(mixed)


def loop_marginal_ratio(view: AttackView) -> NDArray[np.float64]:
    total = np.zeros(len(view.targets))
    for mine, theirs in zip(view.synthetic.T.astype(float), view.targets.T.astype(float), strict=True):
        edges = np.quantile(theirs, np.arange(1, 1024) / 1024)
        p, q = (np.bincount(np.searchsorted(edges, x), minlength=1024) + 1 for x in (mine, theirs))
        total += np.log(p / p.sum() / (q / q.sum()))[np.searchsorted(edges, theirs)]
    return total / len(view.genes)


def loop_low_variance(view: AttackView) -> NDArray[np.float64]:
    wide, asked = view.synthetic.astype(np.float64), view.targets.astype(np.float64)
    axes = np.linalg.svd(wide - wide.mean(axis=0))[2]
    last = axes[int(0.9 * len(axes)) :]
    return np.array([-np.log(np.sum((last @ (x - wide.mean(axis=0))) ** 2)) for x in asked])


_LOOPS = (
    *(loop_mc, loop_gan_leaks, loop_gan_leaks_cal, loop_neighbour_kde),
    *(loop_marginal_ratio, loop_low_variance),
)
LOOPS = dict(zip(COMPARED, _LOOPS, strict=True))


# -- the two tables ---------------------------------------------------------------------------------------------------


def compare(view: AttackView) -> None:
    print(f"\n{'attack':<26}{'loops s':>10}{'here s':>10}{'faster':>9}{'rank correlation':>19}")
    known, total = plugins("attack"), np.zeros(2)
    for name in COMPARED:
        fast, fast_s = timed(lambda name=name: score(known[name], view))
        slow, slow_s = timed(lambda name=name: LOOPS[name](view))
        total += slow_s, fast_s
        agree = spearmanr(fast, slow).statistic
        print(f"{name:<26}{slow_s:>10.2f}{fast_s:>10.2f}{slow_s / fast_s:>8.0f}x{agree:>19.12f}")
    print(f"{'together':<26}{total[0]:>10.2f}{total[1]:>10.2f}{total[0] / total[1]:>8.0f}x")


def every_attack(view: AttackView) -> None:
    print(f"{'attack':<26}{'access':<32}{'wall s':>8}{'CPU s':>8}{'peak MB':>9}")
    total, cpu_total = 0.0, 0.0
    for name, info in plugins("attack").items():
        if info.option("opt_in", False):
            continue
        cpu = time.process_time()
        _, wall = timed(lambda info=info: score(info, view))
        cpu = time.process_time() - cpu
        total, cpu_total = total + wall, cpu_total + cpu
        print(f"{name:<26}{info.option('access', 'black-box'):<32}{wall:>8.2f}{cpu:>8.2f}{peak_mb():>9.0f}", flush=True)
    print(f"{'all':<58}{total:>8.2f}{cpu_total:>8.2f}{peak_mb():>9.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--genes", type=int, default=978)
    parser.add_argument("--only-compare", action="store_true", help="leave out the first table")
    parser.add_argument("--shrink", type=float, default=1.0, help="share of COMBINED's people")
    options = parser.parse_args()
    torch.set_num_threads(2)
    view = cohort_like_view(options.genes, options.shrink)
    print(f"{len(view.targets)} candidates, {len(view.synthetic)} synthetic, {len(view.reference)} reference, ", end="")
    print(f"{options.genes} genes; before the first attack {peak_mb():.0f} MB\n")
    with threadpool_limits(2):
        if not options.only_compare:
            every_attack(view)
        compare(cohort_like_view(options.genes, options.shrink, seed=1))  # other people: nothing is computed yet


if __name__ == "__main__":
    main()
