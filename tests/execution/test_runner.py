"""A run does what is missing, survives what its plugins do, and gives the same rows however it is carried out."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
import runs
from planted import generator
from runs import alive, numbers, scope_of, toy_dataset, until

from bench import Cohort, StoreError
from bench.datasets import Dataset
from bench.datasets.folds import make_splits
from bench.engine.plan import PlannedCell, Scope, plan_generators, plan_given
from bench.execution.runner import Limits, Outcome, pending
from bench.registry.finding import add_plugin_file
from bench.registry.selection import choose
from bench.store.rows import COLUMNS, IDENTITY

METRICS, ATTACKS = "mmd,distance_to_closest", "mc,gan_leaks"


@pytest.fixture(scope="session")
def dataset(toy_cohort: Cohort) -> Dataset:
    return toy_dataset(toy_cohort)


def plan(scope: Scope, generators: str, folds: Sequence[int] = (1, 2)) -> list[PlannedCell]:
    return runs.plan(scope, generators, folds, METRICS, ATTACKS)


def run(scope: Scope, cells: list[PlannedCell], jobs: int = 2, timeout: float | None = 60) -> Outcome:
    return runs.run(scope, cells, Limits(jobs, 1, timeout))


def test_rows_are_tidy_and_the_same_for_one_job_and_four(dataset: Dataset, tmp_path: Path) -> None:
    outcomes = []
    for jobs in (1, 4):
        scope = scope_of(dataset, tmp_path / str(jobs))
        outcomes.append(run(scope, plan(scope, "multivariate,noise,real_holdout"), jobs))
    assert list(outcomes[0].rows.columns) == COLUMNS
    assert (outcomes[0].rows["status"] == "ok").all()
    assert not outcomes[0].rows.duplicated(IDENTITY).any()
    pd.testing.assert_frame_equal(numbers(outcomes[0].rows), numbers(outcomes[1].rows), check_exact=True)


def test_a_second_run_computes_nothing_and_gives_the_same_rows(dataset: Dataset, tmp_path: Path) -> None:
    scope = scope_of(dataset, tmp_path)
    first = run(scope, plan(scope, "multivariate"))
    second = run(scope, plan(scope, "multivariate"))
    assert (first.computed, first.cached, first.lost) == (10, 0, 0)
    assert (second.computed, second.cached, second.lost) == (0, 10, 0)
    pd.testing.assert_frame_equal(first.rows, second.rows, check_exact=True)


def test_adding_a_generator_leaves_the_others_alone(dataset: Dataset, tmp_path: Path) -> None:
    alone, among = scope_of(dataset, tmp_path / "alone"), scope_of(dataset, tmp_path / "among")
    one = run(alone, plan(alone, "multivariate")).rows
    many = run(among, plan(among, "copy_train,multivariate,noise")).rows
    many = many[many["generator"] == "multivariate"]
    pd.testing.assert_frame_equal(numbers(one), numbers(many), check_exact=True)


def test_only_what_is_missing_is_done_again(dataset: Dataset, tmp_path: Path) -> None:
    scope = scope_of(dataset, tmp_path)
    cells = plan(scope, "multivariate", folds=(1,))
    run(scope, cells)
    lost = next(task for task in cells[0].tasks if task.plugin.name == "mmd")
    scope.store.path(lost.key, ".json").unlink()
    assert [[t.plugin.name for t in tasks] for _, tasks in pending(cells, scope.store)] == [["mmd"]]
    scope.store.path(cells[0].cell.sample_key, ".npz").unlink()
    assert [[t.plugin.name for t in tasks] for _, tasks in pending(cells, scope.store)] == [["multivariate", "mmd"]]
    assert run(scope, cells).lost == 0
    assert pending(cells, scope.store) == []


@pytest.mark.parametrize(
    ("name", "body", "status", "reason"),
    [
        ("raises", "raise ValueError('the matrix is singular')", "failed", "ValueError: the matrix is singular"),
        pytest.param("hangs", "time.sleep(600)", "timeout", "stopped after 3 s", marks=pytest.mark.full),
        ("hangs_and_forks", "os.fork(); time.sleep(600)", "timeout", "stopped after 3 s"),
        pytest.param(
            "ignores_sigterm",
            "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)",
            "timeout",
            "stopped after",
            marks=pytest.mark.full,
        ),
        ("segfaults", "os.kill(os.getpid(), signal.SIGSEGV)", "failed", "died of SIGSEGV"),
        ("is_killed", "os.kill(os.getpid(), signal.SIGKILL)", "failed", "may have run out of memory"),
        ("exits", "os._exit(3)", "failed", "without a word (exit status 3)"),
        ("gives_none", "return None", "failed", "sample returned NoneType; expected a Cohort"),
        (
            "gives_nan",
            "self.cohort_ = self.cohort_.synthetic(self.cohort_.X * np.nan, self.cohort_.y)",
            "failed",
            "is nan",
        ),
        ("gives_too_few", "n = n - 1", "failed", "returned 47 samples; expected 48"),
        ("prints_a_lot", "print('x' * 10_000_000)", "ok", ""),
        ("disturbs_random_state", "np.random.seed(0)", "ok", ""),
    ],
)
def test_a_bad_generator_is_a_row_with_its_reason_and_stops_nobody(
    dataset: Dataset, tmp_path: Path, name: str, body: str, status: str, reason: str
) -> None:
    scope = scope_of(dataset, tmp_path)
    outcome = run(
        scope,
        plan(scope, f"{generator(tmp_path, name, body)},noise", folds=(1,)),
        timeout=3 if status == "timeout" else 60,
    )
    bad, good = (outcome.rows[outcome.rows["generator"] == g] for g in (name, "noise"))
    assert len(bad) == len(good)
    assert (good["status"] == "ok").all()
    sample = bad[bad["measure"] == "n_synthetic"].iloc[0]
    assert sample["status"] == status
    assert reason in sample["reason"]
    others = bad[~bad["family"].isin(["cost", "claim"])]
    assert set(others["status"]) == {"ok" if status == "ok" else "skipped"}
    assert outcome.lost == (0 if status == "ok" else 5)


def test_a_failure_is_never_kept_as_a_result(dataset: Dataset, tmp_path: Path) -> None:
    scope = scope_of(dataset, tmp_path)
    name = generator(
        tmp_path,
        "fails_once",
        f"p = {str(tmp_path / 'mark')!r}\nif not os.path.exists(p): open(p, 'w'); raise OSError('first time')",
    )
    assert run(scope, plan(scope, name, folds=(1,))).lost == 5
    assert run(scope, plan(scope, name, folds=(1,))).lost == 0


def test_a_metric_that_crashes_leaves_the_ones_after_it_alone(dataset: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "crashing.py"
    path.write_text(
        "import os, signal\nfrom dataclasses import dataclass\nfrom bench import Measure, metric\n"
        '@metric("crashing", family="fidelity", measures=(Measure("crashes"),))\n@dataclass(kw_only=True)\n'
        'class Crashing:\n    """Crash."""\n\n    def __call__(self, train, holdout, synthetic, *, rng):\n'
        "        os.kill(os.getpid(), signal.SIGSEGV)\n"
    )
    add_plugin_file(path)
    scope = scope_of(dataset, tmp_path)
    cells = plan_generators(
        scope, choose("generator", "noise"), choose("metric", "crashing,mmd"), choose("attack", "mc")
    )
    outcome = run(scope, cells[:1])
    states = outcome.rows.groupby(["family", "attack", "measure"])["status"].first()
    assert states["fidelity", "", "crashes"] == "failed"
    assert states["fidelity", "", "mmd"] == "ok"
    assert states["privacy", "mc", "auc"] == "ok"


def test_processes_that_a_hanging_generator_started_are_gone(dataset: Dataset, tmp_path: Path) -> None:
    mark = tmp_path / "pids"
    body = f"pid = os.fork() or os.getpid(); open({str(mark)!r}, 'a').write(f'{{os.getpid()}}\\n'); time.sleep(600)"
    scope = scope_of(dataset, tmp_path)
    run(scope, plan(scope, generator(tmp_path, "leaves_children", body), folds=(1,)), timeout=3)
    pids = [int(line) for line in mark.read_text().split()]
    assert len(pids) == 2
    until(lambda: not any(map(alive, pids)), "the end of the children")


def test_a_full_disk_ends_the_run_with_one_clear_error(dataset: Dataset, tmp_path: Path) -> None:
    body = f"import bench.engine.tasks\nraise bench.engine.tasks.StoreError(os.strerror({errno.ENOSPC}))"
    scope = scope_of(dataset, tmp_path)
    with pytest.raises(StoreError, match=os.strerror(errno.ENOSPC)):
        run(scope, plan(scope, generator(tmp_path, "fills_the_disk", body)))


def test_the_control_of_spare_people_shares_nobody_with_train_or_holdout(dataset: Dataset, tmp_path: Path) -> None:
    for cell in plan(scope_of(dataset, tmp_path), "real_holdout", folds=(1, 2, 3, 4, 5)):
        data = cell.cell.data
        assert len(set(data.fitted) | set(data.train) | set(data.holdout)) == len(dataset.cohort)
        assert not set(data.fitted) & (set(data.train) | set(data.holdout))


def test_given_samples_are_scored_without_a_generator(dataset: Dataset, tmp_path: Path) -> None:
    scope = scope_of(dataset, tmp_path)
    train = scope.splits[0].train
    given = {1: train.synthetic(train.X, train.y)}
    cells = plan_given(scope, "theirs", given, choose("metric", METRICS), choose("attack", ATTACKS))
    rows = run(scope, cells).rows
    assert set(rows["generator"]) == {"theirs"}
    auc = rows[(rows["measure"] == "auc") & (rows["attack"] == "gan_leaks")]
    assert auc["value"].tolist() == [1.0]


def test_attacks_with_a_reference_run_only_where_there_is_one(
    dataset: Dataset, toy_cohort: Cohort, tmp_path: Path
) -> None:
    names = [f"other{i}" for i in range(30)]
    reference = toy_cohort.synthetic(toy_cohort.X[:30] + 1, toy_cohort.y[:30])
    reference = Cohort(reference.X, reference.y, reference.genes, tuple(names), "vst")
    with_one = Dataset("toy", "toy people", "label", toy_cohort, reference, False, "the tests")
    for data, expected in ((dataset, {"mc"}), (with_one, {"mc", "gan_leaks_cal"})):
        scope = scope_of(data, tmp_path / str(len(expected)))
        splits = make_splits(data.cohort, seed=42, reference=data.reference)
        scope = Scope(data, splits, scope.store)
        attacks = choose("attack", "mc,gan_leaks_cal")
        assert {c.info.name for c in scope.cannot_run(attacks)} == {"mc", "gan_leaks_cal"} - expected
        rows = run(scope, plan_generators(scope, choose("generator", "noise"), [], attacks)[:1]).rows
        assert set(rows["attack"]) - {""} == expected
        assert set(rows["status"]) == {"ok"}


def test_a_simulated_cohort_says_so_in_every_row(toy_cohort: Cohort, tmp_path: Path) -> None:
    simulated = Dataset("toy", "toy people", "label", toy_cohort, None, True, "the tests")
    scope = scope_of(simulated, tmp_path)
    rows = run(scope, plan(scope, "noise", folds=(1,))).rows
    assert set(rows["dataset"]) == {"toy (simulated)"}
