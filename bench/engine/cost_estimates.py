"""What plugins took on the cohorts of the published tables, for a first plan, when no earlier run of one's own tells.

``cost_estimates.json`` ships with the package; ``benchmarks/fit_costs.py`` makes it from the committed rows and
documents the law.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib import resources
from typing import Any, NamedTuple

SOURCE = "shipped estimate"
_LEAST = 0.25  # of the time at the reference, which the smallest cohort takes too


class Cost(NamedTuple):
    """What a task is expected to take, and from which earlier runs that is known."""

    wall_s: float
    peak_mb: float
    source: str


def estimates(samples: int, genes: int) -> dict[tuple[str, str], Cost]:
    """Return what each step of each plugin is expected to take on a cohort of this size.

    A quantity is ``at_reference * (samples / reference_samples) ** a * (genes / reference_genes) ** b``, with exponents
    of its own for time and memory. Memory never goes below that at the reference: the libraries are in it. Time never
    goes below a quarter of that: processes begin and load libraries for a small cohort too.

    Returns
    -------
    dict of Cost, by step and plugin (a metric by its first measure)

    Examples
    --------
    >>> small, large = (estimates(n, 978)["sample", "cvae"] for n in (1000, 10_000))
    >>> small.wall_s < large.wall_s, small.source
    (True, 'shipped estimate')
    """
    law = _shipped()
    n, g = samples / law["reference"]["samples"], genes / law["reference"]["genes"]
    found = {}
    for line in law["costs"]:
        (wall_s, *of_time), (peak_mb, *of_memory) = line["wall_s"], line["peak_mb"]
        growth = max(1.0, _power(n, g, *of_memory))
        slower = max(_LEAST, _power(n, g, *of_time))
        found[line["step"], line["plugin"]] = Cost(wall_s * slower, peak_mb * growth, SOURCE)
    return found


def provenance() -> str:
    """Return in one sentence where the shipped estimates come from."""
    about = _shipped()["about"]
    cpus = " and ".join(map(str, about["cpus"]))
    return (
        f"A shipped estimate comes from published runs on {about['cohorts']}, on machines of {cpus} CPUs with "
        f"{about['threads_per_task']} thread per task, scaled by samples and genes; runs of your own replace it."
    )


def _power(n: float, g: float, of_samples: float, of_genes: float) -> float:
    return float(n**of_samples * g**of_genes)


@lru_cache(maxsize=1)
def _shipped() -> dict[str, Any]:
    text = (resources.files("bench.engine") / "cost_estimates.json").read_text(encoding="utf-8")
    shipped: dict[str, Any] = json.loads(text)
    return shipped
