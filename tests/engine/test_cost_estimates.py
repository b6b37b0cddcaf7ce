"""A first plan, in an empty folder, prints what the published runs took; runs of one's own come first."""

from __future__ import annotations

import importlib.util
import io
import json
from pathlib import Path
from types import ModuleType

import pytest
from rich.console import Console
from runs import planned, toy_dataset

from bench import Cohort
from bench.cli.plan_table import show_plan
from bench.engine.cost_estimates import estimates
from bench.engine.costs import learn, work_in, work_of
from bench.execution.runner import pending
from bench.registry import add_plugin_file
from bench.store.rows import read_rows
from bench.store.store import Store

ROOT = Path(__file__).parents[2]
ROWS = sorted((ROOT / "results/rows").glob("*.csv"))
BRCA = (1089, 978)
COMBINED = (4323, 978)
MINE = '''
from dataclasses import dataclass
from bench import generator

@generator("never_seen")
@dataclass(kw_only=True)
class NeverSeen:
    """Release the training samples."""

    def fit(self, cohort, *, rng):
        self.cohort_ = cohort
        return self

    def sample(self, n, *, rng):
        return self.cohort_.synthetic(self.cohort_.X[:n], self.cohort_.y[:n])
'''


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fit_costs", ROOT / "benchmarks/fit_costs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_shipped_file_is_what_the_committed_rows_give(script: ModuleType) -> None:
    shipped, fitted = json.loads(script.SHIPPED.read_text()), json.loads(script.text(script.fit(ROWS)))
    assert shipped["about"] == fitted["about"], "run benchmarks/fit_costs.py"
    assert shipped["reference"] == fitted["reference"]
    for old, new in zip(shipped["costs"], fitted["costs"], strict=True):
        assert {**old, "wall_s": 0, "peak_mb": 0} == {**new, "wall_s": 0, "peak_mb": 0}, "run benchmarks/fit_costs.py"
        for quantity in ("wall_s", "peak_mb"):
            assert old[quantity] == pytest.approx(new[quantity], rel=0.01, abs=0.011), (old, new)


def test_a_law_goes_through_three_cohorts_and_stays_within_its_bounds(script: ModuleType) -> None:
    shapes = [(1089, 978), (4323, 978), (4089, 505)]
    c, a, b = script.power_law({(n, g): 1e-6 * n * g for n, g in shapes}, pull=1, most=2)
    assert (c, a, b) == (0.5, 1.0, 1.0)
    assert script.power_law({(n, g): 1e-9 * n**3 * g for n, g in shapes}, pull=1, most=2)[1] == 2  # not cubic
    assert script.power_law({(n, g): 1e3 / n for n, g in shapes}, pull=1, most=2)[1] == 0  # nothing gets cheaper
    assert script.power_law({(2000, 500): 4.0}, pull=1, most=2) == (2.0, 1.0, 1.0)  # one cohort: the pull decides


@pytest.mark.parametrize("stem", ["brca", "combined-simulated", "mirna12"])
def test_the_estimates_add_up_to_what_a_published_run_took(stem: str) -> None:
    rows, about = read_rows(ROOT / f"results/rows/{stem}.csv")
    near = estimates(about["data"]["samples"], about["data"]["genes"])
    took = [(near[name], wall_s, mb) for work, wall_s, mb in work_in(rows) if (name := work[:2]) in near]
    assert sum(cost.wall_s for cost, _, _ in took) == pytest.approx(sum(wall_s for _, wall_s, _ in took), rel=0.25)
    assert max(cost.peak_mb for cost, _, _ in took) == pytest.approx(max(mb for _, _, mb in took), rel=0.25)


def test_a_tiny_cohort_takes_less_time_but_holds_the_libraries() -> None:
    tiny, near = estimates(20, 10)["sample", "cvae"], estimates(*COMBINED)["sample", "cvae"]
    assert tiny.wall_s < near.wall_s
    assert tiny.peak_mb > 250
    assert estimates(20, 10)["sample", "cvae"] == estimates(21, 11)["sample", "cvae"]  # libraries, whatever the size


def test_what_serves_other_modalities_alone_is_estimated_too() -> None:
    near = estimates(1797, 64)
    assert near["sample", "dpdm"].wall_s > 10
    assert near["sample", "markov"].wall_s > 0


def test_a_run_of_ones_own_comes_before_the_shipped_estimate(toy_cohort: Cohort, tmp_path: Path) -> None:
    cells = planned(toy_dataset(toy_cohort), tmp_path, "multivariate", folds=(1, 2))[1]
    store, sample = Store(tmp_path / "store"), cells[0].tasks[0]
    first = learn(cells, store, {"toy": BRCA}).of(cells[1], sample)
    assert first == estimates(*BRCA)["sample", "multivariate"]
    assert first.source == "shipped estimate"
    assert learn(cells, store).of(cells[1], sample) is None  # of what size nobody said
    learnt = learn(cells, store, {"toy": BRCA})
    learnt.sizes["small"] = BRCA[0] * BRCA[1] // 2
    learnt.add(work_of(cells[0], sample)._replace(dataset="small"), 7.0, 80.0)
    assert learnt.of(cells[1], sample) == (pytest.approx(14, rel=0.01), pytest.approx(160, rel=0.01), "small, scaled")
    store.write(sample.key, {"sample": {"n": 1, "claim": None}, "wall_s": 7.0, "peak_mb": 80.0})
    assert learn(cells, store, {"toy": BRCA}).of(cells[1], sample) == (7.0, 80.0, "other folds")


def test_a_first_plan_prints_hours_and_names_how_many_plugins_nobody_ever_ran(
    toy_cohort: Cohort, tmp_path: Path
) -> None:
    (tmp_path / "never_seen.py").write_text(MINE)
    add_plugin_file(tmp_path / "never_seen.py")
    cells = planned(toy_dataset(toy_cohort), tmp_path, "cvae,never_seen", folds=(1, 2))[1]
    store, buffer = Store(tmp_path / "store"), io.StringIO()
    show_plan(cells, pending(cells, store), learn(cells, store, {"toy": BRCA}), 2, Console(file=buffer))
    text = buffer.getvalue()
    (cvae,) = (line for line in text.splitlines() if line.split()[:1] == ["cvae"])
    assert "min" in cvae
    assert "shipped estimate" in cvae
    assert "2 tasks are unknown and not in it. They are of 1 plugin that nobody ever ran." in text
    text = " ".join(text.split())
    assert "A shipped estimate comes from published runs on brca-models (1,089 x 978), brca (1,089 x 978), " in text
    assert "on machines of 2 and 4 CPUs with 1 thread per task" in text
