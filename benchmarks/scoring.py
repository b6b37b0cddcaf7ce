"""Times the scoring of one fold, and compares its values, with the definitions written straightforwardly.

Run it by hand, on an idle machine::

    OMP_NUM_THREADS=2 python benchmarks/scoring.py                  # brca: the real cohort if BENCH_DATA_HOME has it
    OMP_NUM_THREADS=2 python benchmarks/scoring.py --exact          # the reference's regressions solved to the end
    OMP_NUM_THREADS=2 python benchmarks/scoring.py --dataset combined --samples 1000
    OMP_NUM_THREADS=2 python benchmarks/scoring.py --dataset combined --cost   # what each default metric takes

Both forms score the same synthetic cohort, one after the other in this process, and nothing is kept from one to the
other. The reference, in this file, is what one writes from the definitions: scikit-learn's one-vs-rest L-BFGS on the
genes, a loop over samples for distances, a loop over genes for histograms, a loop over thresholds for the best F1 of an
attack; each measure on its own. Ours is what `bench run` does; what measures share is paid by the first that needs it.
Metrics without a straightforward form here are left out of the comparison; `--cost` lists every default one.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import StandardScaler

from bench import Attack, AttackView, Cohort, Split, stream
from bench.datasets import load_dataset
from bench.datasets.folds import make_splits
from bench.registry.finding import create, find, plugins
from bench.statistics.membership import membership_measures, roc

Values = Mapping[str, float]
SEED = 42


# -- the definitions, written straightforwardly ------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Fold:
    """What is scored: one fold, its synthetic cohort, and whether the reference's regressions run to convergence."""

    split: Split
    synthetic: Cohort
    exact: bool

    @property
    def roles(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Train, holdout and synthetic values."""
        return raw(self.split.train), raw(self.split.holdout), raw(self.synthetic)

    def regression(self) -> LogisticRegression:
        """Return the published regression, or the same one solved to the end."""
        if self.exact:
            return LogisticRegression(max_iter=1000, solver="newton-cholesky", tol=1e-8)
        return LogisticRegression(max_iter=1000)


def slow_tstr(fold: Fold) -> Values:
    return slow_classifiers(fold, lambda X: X, "")


def slow_tstr_2026(fold: Fold) -> Values:
    return slow_classifiers(fold, StandardScaler().fit(raw(fold.split.train)).transform, "_2026")


def slow_classifiers(fold: Fold, scale: Callable[[Any], Any], suffix: str) -> Values:
    values: dict[str, float] = {}
    top: dict[str, set[int]] = {}
    for role, cohort in (("real", fold.split.train), ("synthetic", fold.synthetic)):
        model = OneVsRestClassifier(fold.regression()).fit(scale(raw(cohort)), cohort.y)
        p = model.predict_proba(scale(raw(fold.split.holdout)))
        truth, called = fold.split.holdout.y, model.classes_[p.argmax(axis=1)]
        code = np.searchsorted(model.classes_, truth)
        values |= {
            f"accuracy_{role}{suffix}": float(np.mean(truth == called)),
            f"aupr_{role}{suffix}": average_precision_score(code, p, average="macro"),
            f"aupr_weighted_{role}{suffix}": average_precision_score(code, p, average="weighted"),
            f"f1_macro_{role}{suffix}": f1_score(truth, called, average="macro"),
            f"f1_weighted_{role}{suffix}": f1_score(truth, called, average="weighted"),
            f"auroc_{role}{suffix}": roc_auc_score(code, p, multi_class="ovr", average="macro"),
        }
        top[role] = {int(g) for e in model.estimators_ for g in e.coef_[0].argsort()[-10:]}
    common = len(top["real"] & top["synthetic"])
    values[f"feature_overlap{suffix}"] = common
    values[f"feature_overlap_proportion{suffix}"] = common / len(top["synthetic"])
    return values


def slow_distance_to_closest(fold: Fold) -> Values:
    t, h, s = fold.roles
    closest = {"distance_to_closest": s, "distance_to_closest_real": h}
    return {name: float(np.mean([distances(x, t).min() for x in people])) for name, people in closest.items()}


def slow_mmd(fold: Fold) -> Values:
    t, h, s = fold.roles
    return {"mmd": mmd(t, s), "mmd_holdout": mmd(h, s), "mmd_base": mmd(h, t)}


def slow_kl(fold: Fold) -> Values:
    t, h, s = fold.roles
    return {"kl_train": kl(t, s), "kl_holdout": kl(h, s), "kl_base": kl(h, t)}


def slow_prdc(fold: Fold) -> Values:
    t, h, s = fold.roles
    return {f"{name}_{role}": v for role, real in (("train", t), ("holdout", h)) for name, v in prdc(real, s).items()}


def slow_discriminative(fold: Fold) -> Values:
    t, h, s = fold.roles
    X, y = np.concatenate([t, s]), np.repeat([1, 0], [len(t), len(s)])
    order = metric_stream(fold.split, "discriminative").permutation(len(X))
    judged, fitted = np.split(order, [int(np.ceil(0.3 * len(X)))])
    scaler = StandardScaler().fit(X[fitted])
    model = fold.regression().fit(scaler.transform(X[fitted]), y[fitted])
    called = model.predict(scaler.transform(np.concatenate([X[judged], h])))
    return {"discriminative_score": f1_score(np.append(y[judged], np.ones(len(h))), called)}


def slow_mc_official(fold: Fold) -> Values:
    view, member = attack_view(fold)
    radius = np.median([distances(x, view.synthetic).min() for x in view.targets])
    scores = np.array([np.mean(distances(x, view.synthetic) < radius) for x in view.targets])
    return slow_attack("mc_official", scores, member)


def slow_gan_leaks(fold: Fold) -> Values:
    view, member = attack_view(fold)
    scores = np.array([-(distances(x, view.synthetic).min() ** 2) for x in view.targets])
    return slow_attack("gan_leaks", scores, member)


def slow_attack(name: str, scores: NDArray[np.float64], member: NDArray[np.bool_]) -> Values:
    best = max(f1_score(member, scores >= threshold) for threshold in np.unique(scores))
    area = roc_auc_score(member, scores)
    return {f"{name} auc": area, f"{name} pr_auc": average_precision_score(member, scores), f"{name} best F1": best}


def raw(cohort: Cohort) -> NDArray[np.float64]:
    return cohort.X.astype(np.float64)


def distances(x: NDArray[np.floating], others: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.sqrt(((others - x) ** 2).sum(axis=1))


def mmd(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    within = [(rbf_kernel(a).sum() - len(a)) / (len(a) * (len(a) - 1)) for a in (x, y)]  # gamma = 1 / n_genes
    return float(sum(within) - 2 * rbf_kernel(x, y).mean())


def kl(real: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    total = 0.0
    for r, o in zip(real.T, other.T, strict=True):
        edges = np.linspace(min(r.min(), o.min()), max(r.max(), o.max()), 50)
        p, q = (np.histogram(v, edges, density=True)[0] + 1e-10 for v in (r, o))
        p, q = p / p.sum(), q / q.sum()
        total += float((p * np.log(p / q)).sum())
    return total / real.shape[1]


def prdc(real: NDArray[np.float64], other: NDArray[np.float64], k: int = 5) -> dict[str, float]:
    real_radius = np.array([np.sort(distances(x, real))[k] for x in real])  # position 0 is the sample itself
    other_radius = np.array([np.sort(distances(x, other))[k] for x in other])
    between = np.array([distances(x, other) for x in real])
    inside = between < real_radius[:, None]
    return {
        "prdc_precision": float(inside.any(axis=0).mean()),
        "prdc_recall": float((between < other_radius).any(axis=1).mean()),
        "prdc_density": float(inside.sum(axis=0).mean() / k),
        "prdc_coverage": float(inside.any(axis=1).mean()),
    }


# -- ours --------------------------------------------------------------------------------------------------------------


def ours(fold: Fold) -> Iterator[tuple[str, Callable[[], Values]]]:
    split = fold.split
    for name, info in plugins("metric").items():
        if info.option("opt_in", False):
            continue
        call = partial(create(info), split.train, split.holdout, fold.synthetic)
        yield name, partial(call, rng=metric_stream(split, name))
    for name in ("mc_official", "gan_leaks"):
        yield name, partial(our_attack, name, create(find("attack", name)), fold)


def our_attack(name: str, plugin: Attack, fold: Fold) -> Values:
    view, member = attack_view(fold)
    scores = plugin.score(view, rng=stream(SEED, "attack", name))
    found = {r.measure: r.value for r in membership_measures(scores, member)}
    curve = roc(scores, member)
    best = float(np.max(2 * curve.true / (curve.true[-1] + curve.true + curve.false)))
    return {f"{name} auc": found["auc"], f"{name} pr_auc": found["pr_auc"], f"{name} best F1": best}


# -- both --------------------------------------------------------------------------------------------------------------


def metric_stream(split: Split, name: str) -> np.random.Generator:
    return stream(SEED, "metric", split.fold, name)


def attack_view(fold: Fold) -> tuple[AttackView, NDArray[np.bool_]]:
    train, holdout = fold.split.train, fold.split.holdout
    people = np.concatenate([train.X, holdout.X])
    view = AttackView(synthetic=fold.synthetic.X, targets=people, genes=train.genes)
    return view, np.arange(len(people)) < len(train)


def timed(function: Callable[[], Values]) -> tuple[Values, float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the reference's solver warns where it stops early
        values = function()
    return values, time.perf_counter() - wall, time.process_time() - cpu


def compare(fold: Fold, title: str) -> Table:
    table = Table("measure", title=title)
    for head in ("straightforward", "ours", "difference", "wall s", "ours s", "ratio", "CPU s", "ours s", "ratio"):
        table.add_column(head, justify="right")
    total = np.zeros(4)
    for name, function in ours(fold):
        if f"slow_{name}" not in globals():
            continue
        values, wall, cpu = timed(function)
        expected, slow_wall, slow_cpu = timed(partial(globals()[f"slow_{name}"], fold))
        seconds = np.array([slow_wall, wall, slow_cpu, cpu])
        total += seconds
        cells = times(seconds)
        table.add_section()
        for measure, value in sorted(values.items()):
            difference = f"{value - expected[measure]:+.1e}"
            table.add_row(measure, f"{expected[measure]:.4f}", f"{value:.4f}", difference, *cells)
            cells = ()
    table.add_section()
    table.add_row("all", "", "", "", *times(total))
    return table


def costs(fold: Fold, title: str) -> Table:
    """Return wall and CPU seconds of each default metric, the largest first, and its share of all CPU seconds."""
    spent = {name: timed(function)[1:] for name, function in ours(fold) if name in plugins("metric")}
    total = np.array(list(spent.values())).sum(axis=0)
    table = Table("metric", title=title)
    for head in ("wall s", "CPU s", "share"):
        table.add_column(head, justify="right")
    for name, (wall, cpu) in sorted(spent.items(), key=lambda one: -one[1][1]):
        table.add_row(name, f"{wall:.2f}", f"{cpu:.2f}", f"{cpu / total[1]:.1%}")
    table.add_section()
    table.add_row("all", f"{total[0]:.2f}", f"{total[1]:.2f}", "")
    return table


def times(seconds: NDArray[np.float64]) -> tuple[str, ...]:
    slow_wall, wall, slow_cpu, cpu = seconds
    ratios = (f"{slow_wall / wall:.1f}", f"{slow_cpu / cpu:.1f}")
    return f"{slow_wall:.2f}", f"{wall:.3f}", ratios[0], f"{slow_cpu:.2f}", f"{cpu:.3f}", ratios[1]


@click.command(help=(__doc__ or "").partition("\n")[0])
@click.option("--dataset", default="brca", show_default=True)
@click.option("--fold", default=1, show_default=True)
@click.option("--samples", type=int, help="Take only so many samples, at random.")
@click.option("--genes", type=int, help="Take only the first genes.")
@click.option("--exact", is_flag=True, help="Solve the reference's regressions to convergence (newton-cholesky).")
@click.option("--cost", is_flag=True, help="Only list what each default metric takes.")
def main(dataset: str, fold: int, samples: int | None, genes: int | None, exact: bool, cost: bool) -> None:
    data = load_dataset(dataset)
    rows = np.sort(stream(SEED, "subset").permutation(len(data.cohort))[:samples])
    some = data.cohort.take(rows)
    cohort = Cohort(X=some.X[:, :genes], y=some.y, genes=some.genes[:genes], samples=some.samples, units=some.units)
    split = make_splits(cohort, seed=SEED)[fold - 1]
    fitted = create(find("generator", "multivariate")).fit(split.train, rng=stream(SEED, "fit", fold))
    synthetic = fitted.sample(len(split.train), rng=stream(SEED, "sample", fold))
    title = (
        f"{data.label_name}, fold {fold}: {len(split.train)} x {cohort.n_genes} train, {len(split.holdout)} held out"
    )
    Console(width=150).print((costs if cost else compare)(Fold(split, synthetic, exact), title))


if __name__ == "__main__":
    main()
