"""Fits what each plugin takes by samples and genes, from the committed rows, and writes the file that ships.

    python benchmarks/fit_costs.py

The law, for time and for memory alike, is ``c * samples ** a * genes ** b``: least squares on the logarithms of the
mean seconds (the largest memory) on each cohort. Three cohorts, often two, cannot tell three numbers apart, so the
exponents are pulled towards 1 (time) and 1/2 (memory, of which libraries hold a part) with the weight of a tenth of a
cohort, and kept within [0, 2] and [0, 1]. A generator is fitted with its default parameters, a metric or an attack over
every generator. What runs on expression is fitted to cohorts of expression alone, since a pixel or a site costs another
time than a gene; what serves other modalities only, to theirs. The published runs come from several machines: a law
through them is right within what these differ by.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import lsq_linear

from bench.boundary.views import WITH_CODE
from bench.engine import costs
from bench.registry import plugins
from bench.store.rows import read_rows

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "bench/engine/cost_estimates.json"
REFERENCE = {"samples": 1000, "genes": 500}  # near the least of each among the cohorts
_WEIGHT = 0.1  # of the pull, against 1 for a cohort
_DIGITS = 3

Shape = tuple[int, int]
Measured = dict[tuple[str, str], dict[Shape, list[tuple[float, float]]]]  # by step and plugin, then by cohort


def power_law(amounts: Mapping[Shape, float], *, pull: float, most: float) -> tuple[float, float, float]:
    """Return the amount at the reference size, and its exponents in samples and in genes."""
    logs = np.log(np.array(list(amounts)) / list(REFERENCE.values()))  # (n_cohorts, 2)
    a = np.vstack([np.column_stack([np.ones(len(logs)), logs]), _WEIGHT**0.5 * np.eye(3)[1:]])
    b = np.append(np.log(list(amounts.values())), _WEIGHT**0.5 * np.full(2, pull))
    c, *powers = lsq_linear(a, b, bounds=([-np.inf, 0, 0], [np.inf, most, most]), method="bvls").x
    of_samples, of_genes = (round(float(power), 2) for power in powers)
    return float(f"{np.exp(c):.{_DIGITS}g}"), of_samples, of_genes


def fit(files: Sequence[Path]) -> dict[str, Any]:
    """Return the laws fitted to files of rows, and where these came from."""
    by_modality: dict[str, Measured] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    kept, cohorts, cpus, threads = _plugins_in_general(), [], set(), set()
    for path in files:
        rows, about = read_rows(path)
        shape = (about["data"]["samples"], about["data"]["genes"])
        threads.add(about["machine"]["threads_per_task"])
        cpus.add(about["machine"]["cpus"])
        cohorts.append(f"{path.stem} ({shape[0]:,} x {shape[1]:,})")
        measured = by_modality[about["data"].get("modality", "expression")]
        for work, wall_s, peak_mb in costs.work_in(rows):
            name = (work.step, work.plugin)
            if name in kept and not (work.step == "sample" and work.params):
                measured[name][shape].append((wall_s, peak_mb))
    if len(threads) > 1:
        raise SystemExit(f"tasks had {sorted(threads)} threads in these files; an estimate is of one number of them.")
    first = ("expression", *sorted(set(by_modality) - {"expression"}))
    laws = {name: _law(*name, each) for modality in reversed(first) for name, each in by_modality[modality].items()}
    machines = {"cpus": sorted(cpus), "threads_per_task": threads.pop()}
    about = {"cohorts": ", ".join(cohorts), **machines, "script": "benchmarks/fit_costs.py"}
    return {"about": about, "reference": REFERENCE, "costs": [laws[name] for name in sorted(laws)]}


def _law(step: str, plugin: str, cohorts: Mapping[Shape, list[tuple[float, float]]]) -> dict[str, Any]:
    seconds = {shape: float(np.mean([wall_s for wall_s, _ in each])) for shape, each in cohorts.items()}
    memory = {shape: max(peak_mb for _, peak_mb in each) for shape, each in cohorts.items()}
    laws = {"wall_s": power_law(seconds, pull=1, most=2), "peak_mb": power_law(memory, pull=0.5, most=1)}
    return {"step": step, "plugin": plugin, "cohorts": len(cohorts), **laws}


def _plugins_in_general() -> set[tuple[str, str]]:
    """Return the steps and names of plugins whose cost is their own: attacks with code fit the generator again."""
    attacks = {("attack", i.name) for i in plugins("attack").values() if i.option("access") not in WITH_CODE}
    metrics = {("metric", i.measures[0].name) for i in plugins("metric").values()}
    return attacks | metrics | {("sample", name) for name in plugins("generator")}


def text(laws: Mapping[str, Any]) -> str:
    """Return the file as text, one plugin a line."""
    lines = ",\n  ".join(json.dumps(law) for law in laws["costs"])
    head = ",\n ".join(f"{json.dumps(name)}: {json.dumps(laws[name])}" for name in ("about", "reference"))
    return f'{{{head},\n "costs": [\n  {lines}\n]}}\n'


def main() -> None:
    """Write the file that ships with the package."""
    SHIPPED.write_text(text(fit(sorted((ROOT / "results/rows").glob("*.csv")))), encoding="utf-8")
    sys.stdout.write(f"{SHIPPED}\n")


if __name__ == "__main__":
    main()
