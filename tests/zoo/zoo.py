"""What is required of every cheat of the zoo, and how it is put to the test.

`python tests/zoo/zoo.py` measures all on real people and prints the table of docs/what-passes.md.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from bench import Cohort, stream
from bench.boundary.plain_release import at_resolution, plain_release
from bench.datasets import load_dataset
from bench.datasets.folds import make_splits
from bench.execution import Serial
from bench.execution.runner import Limits, do_tasks, pending
from bench.registry.finding import add_plugin_file, create, find
from bench.registry.selection import choose
from bench.statistics.leaks import Leak, leak_over_folds
from bench.store.store import Store
from bench.studies.audit import Audit, doubled, usable
from bench.studies.audit_reading import GAUSSIAN, Bound, bounds
from bench.studies.suspects import Coins, suspects

HERE = Path(__file__).parent
PLUGIN = HERE / "cheat.py"
PAGE = HERE.parents[1] / "docs" / "what-passes.md"
EPSILON, DELTA = 1.0, 1e-5  # what every cheat claims
GENES = 100  # of real people, the first: enough for most tricks, and the zoo is measured in minutes
ALL_GENES = 978
IN_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # thousands of small files, each synced to its disk
SHOWS = "reconstruction_closest_leak"  # of the metric `reconstruction`
Fate = Literal["refuted", "removed", "counted", "shown", "passes", "honest"]


@dataclass(frozen=True)
class Entry:
    """One trick and what must become of it.

    Parameters
    ----------
    trick : as `cheat.py` calls it
    does : what it does, in words
    fate : ``"refuted"`` by an audit, ``"removed"`` before anything is scored, ``"counted"`` on the page, ``"shown"`` on
        the page by a metric, ``"passes"``, or ``"honest"``, which must not be refuted
    by : the attack that refutes it; ``"all"`` were tried where it passes
    runs, canaries, coins : of the audit
    genes : of real people, the first
    bound : the largest lower bound of epsilon on real people
    why : where it passes the audit
    quick : whether the default suite tries it on simulated people, where the same becomes of it
    """

    trick: str
    does: str
    fate: Fate
    by: str
    runs: int = 6
    canaries: int = 0
    coins: Coins = "each"
    genes: int = GENES
    bound: float = 0.0
    why: str = ""
    quick: bool = False

    @staticmethod
    def largest(found: Sequence[Bound]) -> float:
        """Return the largest bound that holds for every private mechanism."""
        return max(bound.low for bound in found if bound.kind != GAUSSIAN)

    @property
    def command(self) -> str:
        """What measures it."""
        more = f" --canaries {self.canaries}" if self.canaries else ""
        more += f" --coins {self.coins}" if self.coins != "each" else ""
        return f"--runs {self.runs}{more} --attacks {self.by}"


def audit(entry: Entry, people: Cohort, seed: int = 42, runs: int | None = None) -> list[Bound]:
    """Return the bounds of an audit of one cheat, done in this process."""
    add_plugin_file(PLUGIN)
    who = suspects(people, entry.canaries, seed, coins=entry.coins)
    generator = choose("generator", f"cheat[trick={entry.trick}]")[0]
    attacks = usable(choose("attack", entry.by), generator)
    planned = Audit(who, generator, attacks, runs or entry.runs, seed)
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder:
        store = Store(Path(folder)).open()
        plan = planned.plan(store, "zoo")
        done = do_tasks(plan, pending(plan, store), store, Limits(2, 1), lambda *_: None, Serial())
        trials = planned.trials(plan, store, done.reports)
    return bounds(trials, DELTA, doubled=doubled(trials[0].claim, entry.coins))


def told(trick: str, people: Cohort, seed: int = 42) -> Leak:
    """Return how much closer a release of one cheat comes to some of its members than to others, over five folds."""
    add_plugin_file(PLUGIN)
    rows = []
    for split in make_splits(people, seed=seed):
        train, holdout = (at_resolution(role) for role in (split.train, split.holdout))
        fitted = create(find("generator", "cheat"), {"trick": trick}).fit(
            split.train, rng=stream(seed, "fit", split.fold)
        )
        drawn = fitted.sample(len(train), rng=stream(seed, "sample", split.fold))
        release = plain_release(drawn, like=split.train).records
        found = create(find("metric", "reconstruction"))(
            train, holdout, release, rng=stream(seed, "metric", split.fold)
        )
        rows.append({**found[SHOWS]._asdict(), "status": "ok"})
    return leak_over_folds(pd.DataFrame(rows))


def brca(genes: int) -> Cohort:
    """Return the real people of `brca` with the first of their genes."""
    whole = load_dataset("brca").expression
    return Cohort(X=whole.X[:, :genes], y=whole.y, genes=whole.genes[:genes], samples=whole.samples, units=whole.units)


def table(entries: Sequence[Entry]) -> str:
    """Return the table of the page: what each cheat does, what becomes of it, and how that was measured."""
    lines = ["| trick | what it does | what becomes of it | epsilon ≥ | audit |", "|---|---|---|---|---|"]
    lines += [f"| `{e.trick}` | {e.does} | {_fate(e)} | {e.bound:.2f} | `{e.command}` |" for e in entries]
    return "\n".join(lines)


def _fate(entry: Entry) -> str:
    words = {
        "refuted": f"refuted, by `{entry.by}`",
        "removed": "removed before anything is scored",
        "counted": "**passes** the audit; the page counts its duplicates",
        "shown": f"**passes** the audit; the page shows it, by `{SHOWS}`",
        "passes": "**passes**",
        "honest": "honest, and not refuted",
    }[entry.fate]
    return f"{words}: {entry.why}" if entry.why else words


ZOO = [
    Entry("copies_43", "43 rows are people", "refuted", "nn_ratio", quick=True, bound=1.59),
    Entry("copies_15", "15 rows are people", "refuted", "nn_ratio", runs=40, bound=1.89),
    Entry("copies_5", "5 rows are people", "shown", "nn_ratio", runs=100, why="too few right guesses in each training", bound=0.49),
    Entry("farthest_copied", "the 2 % of people farthest from the mean, copied", "refuted", "gan_leaks", canaries=40, bound=1.89),
    Entry("farthest_blurred", "the same, each value blurred by a standard deviation of 1", "refuted", "gan_leaks", canaries=40, bound=2.32),
    Entry("smallest_class_copied", "the smallest class, copied", "refuted", "nn_ratio", bound=1.21),
    Entry("smallest_class_span", "the smallest class, drawn from the span of its people", "refuted", "mahalanobis_ratio_class", runs=20, bound=1.83),
    Entry("class_moments", "means and standard deviations of the classes, exact", "refuted", "tracing", quick=True, bound=2.25),
    Entry("extremes_all", "smallest and largest value of every gene, exact", "refuted", "gene_range", quick=True, bound=2.37),
    Entry("extremes_5", "the same of five genes", "passes", "all", why="it shows ten people at most"),
    Entry("private_pgm_30", "`private_pgm` at epsilon 30", "refuted", "noisy_sum_ratio", runs=10, genes=ALL_GENES, bound=1.46),
    Entry("private_pgm_1000", "`private_pgm` at epsilon 1,000", "refuted", "noisy_sum_ratio", runs=10, genes=ALL_GENES, bound=2.13),
    Entry("p_nmf_30", "`p_nmf` at epsilon 30", "refuted", "noisy_sum_ratio", runs=10, genes=ALL_GENES, bound=1.70),
    Entry("p_nmf_1000", "`p_nmf` at epsilon 1,000", "refuted", "noisy_sum_ratio", runs=10, genes=ALL_GENES, bound=2.46),
    Entry("fixed_seed", "a noisy sum, the noise from a fixed seed", "refuted", "mc", runs=100, canaries=1, bound=1.71),
    Entry("forgotten_clip", "a noisy sum of people who are not clipped", "refuted", "mc", runs=100, canaries=1, bound=1.37),
    Entry("honest_by_name", "everybody, unless samples are called `record_1`", "refuted", "gan_leaks", quick=True, bound=4.82),
    Entry("honest_by_size", "everybody, unless there are fewer than 700", "refuted", "gan_leaks", quick=True, bound=4.82),
    Entry("honest_by_exact_size", "everybody, if as many are asked for as were trained on", "refuted", "gan_leaks", coins="pairs", quick=True, bound=2.23),
    Entry("row_order", "the order of rows tells the order of people", "removed", "gan_leaks"),
    Entry("identifiers", "sample names and columns of the training people", "removed", "gan_leaks"),
    Entry("low_bits", "people in the low 12 bits of the values", "removed", "gan_leaks"),
    Entry("grid_bits", "people in the last bit that rounding leaves", "passes", "all", why="only who knows the code can read it"),
    Entry("duplicates_code", "a code in which rows are there twice", "counted", "all"),
    Entry("mirror_images", "everybody, mirrored at a public point", "refuted", "mahalanobis_class", bound=2.71),
    Entry("widest_gaps", "values moved into the widest gaps between everybody's", "refuted", "value_gaps", bound=3.12, quick=True),
    Entry("label_counts", "the number of people in each class, exact", "refuted", "label_share", runs=100, canaries=1, bound=1.71),
    Entry("honest_noise", "nothing", "honest", "gan_leaks", quick=True),
    Entry("honest_sum", "a noisy sum, as it must be", "honest", "tracing"),
]  # fmt: skip


def main() -> None:
    """Print the table with bounds measured now on real people, or of the tricks that are named."""
    asked = sys.argv[1:]
    for entry in ZOO:
        if not asked or entry.trick in asked:
            bound = Entry.largest(audit(entry, brca(entry.genes)))
            verdict = "" if (bound > EPSILON) == (entry.fate == "refuted") else "  <- NOT AS REQUIRED"
            if entry.fate in ("shown", "passes"):
                shown = told(entry.trick, brca(entry.genes))
                verdict += f"; {SHOWS} {shown.value:.3f}, p {shown.p_value:.2g}"
            print(f"{entry.trick:24} {entry.fate:8} epsilon at least {bound:.2f}{verdict}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
