"""What the table of the documents says that each measure notices, it notices in people who were changed in one way."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench import Cohort, Measure
from bench.boundary.checks import check_measures
from bench.core.cohort_file import write_npz
from bench.registry.finding import create, missing_needs, plugins

PAGE = Path(__file__).parents[2] / "docs" / "measures.md"
CHANGES = ("marginals", "correlation", "labels", "copies")
FRESH = 8  # draws of the same people, whose scatter is the yardstick
FAR = 4  # standard deviations
OF_REAL = re.compile(r"_(real|base)(_2026)?$|_edges_")

GENES = 40
FIXED = np.random.default_rng(1)
CENTRES = FIXED.normal(0, 0.4, size=(3, GENES))
LOADINGS = np.zeros((3, 4, GENES))  # of four modules; two are the same in all classes
for module in range(4):
    for group in range(3):
        LOADINGS[group, module, FIXED.permutation(GENES)[:9]] = FIXED.uniform(0.5, 1.5, 9)
    if module < 2:
        LOADINGS[:, module] = LOADINGS[0, module]
WIDTHS = np.where(np.arange(GENES) < 28, 1.0, 3.0)


def draw(n: int, seed: int) -> Cohort:
    """Return n people of three overlapping classes, 5 : 3 : 2, with skewed genes and modules within each class."""
    rng = np.random.default_rng(seed)
    code = np.array([0, 0, 0, 0, 0, 1, 1, 1, 2, 2])[np.arange(n) % 10]
    modules = np.einsum("nk,nkg->ng", rng.normal(size=(n, 4)), LOADINGS[code])
    X = 8 + WIDTHS * (CENTRES[code] + modules + 0.6 * rng.gumbel(size=(n, GENES)))
    names = {"genes": tuple(f"g{i}" for i in range(GENES)), "samples": tuple(f"{seed}-{i}" for i in range(n))}
    return Cohort(X=X.astype(np.float32), y=np.array(list("abc"))[code], units="log2", **names)


TRAIN, HOLDOUT = draw(300, 1), draw(150, 2)


def changed(people: Cohort) -> dict[str, Cohort]:
    """Return the people with genes shifted and narrowed, shuffled within classes, with mixed labels, and copies."""
    mean, spread = people.X.mean(axis=0), people.X.std(axis=0)
    shuffled = people.X.copy()
    for label in people.classes:
        rows = np.flatnonzero(people.y == label)
        shuffled[rows] = np.random.default_rng(5).permuted(shuffled[rows], axis=0)
    return {
        "marginals": people.synthetic(mean + 0.7 * (people.X - mean) + 0.5 * spread, people.y),
        "correlation": people.synthetic(shuffled, people.y),
        "labels": people.synthetic(people.X, np.random.default_rng(6).permutation(people.y)),
        "copies": people.synthetic(TRAIN.X, TRAIN.y),
    }


@functools.cache
def table() -> dict[str, dict[str, str]]:
    """Return what the documents say, by the pattern of a measure's name."""
    text = PAGE.read_text(encoding="utf-8").partition("## What each measure notices\n")[2].partition("\n## ")[0]
    said = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `"):
            said |= {name: dict(zip(CHANGES, cells[1:], strict=True)) for name in re.findall(r"`([^`]+)`", cells[0])}
    return said


OF_DATA = {
    name: info
    for name, info in plugins("metric").items()
    if info.released == "data" and "expression" in info.modalities
}


def measures() -> list[tuple[str, Measure]]:
    found = [(name, measure) for name, info in OF_DATA.items() for measure in info.measures]
    return [(name, measure) for name, measure in found if not OF_REAL.search(measure.name)]


def said_of(measure: str) -> list[dict[str, str]]:
    return [words for pattern, words in table().items() if fnmatchcase(measure, pattern)]


def test_every_measure_of_a_release_stands_in_the_table_once() -> None:
    assert [measure.name for _, measure in measures() if len(said_of(measure.name)) != 1] == []
    unused = [p for p in table() if not any(fnmatchcase(measure.name, p) for _, measure in measures())]
    assert unused == []
    words = {word for row in table().values() for change in CHANGES[:3] for word in [row[change]]}
    assert words == {"yes", "no", "part"}
    assert {row["copies"] for row in table().values()} == {"caught", "rewarded", "no", "part"}


def files(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the parameters of the metrics that need a file."""
    write_npz(folder / "second.npz", draw(150, 77))
    sets = [np.flatnonzero(LOADINGS[0, module]) for module in range(4)]
    lines = ["\t".join([f"set {k}", "invented", *(f"g{i}" for i in genes)]) for k, genes in enumerate(sets)]
    (folder / "sets.gmt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    sets_ = {"gmt": str(folder / "sets.gmt")}
    return {"transfer": {"cohort": str(folder / "second.npz")}, "pathways": sets_, "signatures": sets_}


SLOW = {"c2st", "explanations", "pathways", "tstr_trees"}
METRICS = [name for name, info in OF_DATA.items() if missing_needs(info) is None]


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.full] * (name in SLOW)) for name in METRICS])
def test_a_metric_notices_what_the_table_says(name: str, tmp_path: Path) -> None:
    metric = create(plugins("metric")[name], files(tmp_path).get(name))

    def score(release: Cohort) -> Mapping[str, float]:
        return check_measures(plugins("metric")[name], metric(TRAIN, HOLDOUT, release, rng=np.random.default_rng(0)))

    people = [draw(300, seed) for seed in range(10, 10 + FRESH)]
    fresh = [score(release) for release in people]
    after = {change: score(release) for change, release in changed(people[0]).items()}
    for _, measure in (pair for pair in measures() if pair[0] == name):
        yardstick = np.array([values[measure.name] for values in fresh])
        for change in CHANGES:
            word = said_of(measure.name)[0][change]
            distance = moved(measure, after[change][measure.name], yardstick)
            assert agrees(word, measure, distance), f"{measure.name}, {change}: {word}, moved by {distance:.1f}"


def moved(measure: Measure, value: float, fresh: NDArray[np.float64]) -> float:
    """Return how much worse than fresh people, in their standard deviations; without a direction, how far away."""
    distance = float((value - fresh.mean()) / max(fresh.std(ddof=1), 1e-9))
    return {"lower": distance, "higher": -distance, "none": abs(distance)}[measure.better]


def agrees(word: str, measure: Measure, distance: float) -> bool:
    if word == "part":  # it depends on the people and on the change
        return True
    if word == "no":
        return abs(distance) < FAR
    return distance < -FAR if word == "rewarded" else distance > FAR
