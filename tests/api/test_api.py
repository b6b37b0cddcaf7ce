"""The benchmark from Python: the same engine as the command line, in a process that lives on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from runs import bench as run_command

import bench
from bench import BenchError, Cohort, DataError, Dataset, load_results, run, score
from bench.api.notebook_run import call_text, choices, numbers_in
from bench.datasets.folds import make_splits, write_splits
from bench.execution import Serial

QUICK: dict[str, Any] = {"threads": 1, "jobs": 1, "attacks": "gan_leaks", "metrics": "mmd", "progress": False}


@pytest.fixture
def toy(toy_cohort: Cohort) -> Dataset:
    return Dataset.from_cohort("toy", toy_cohort, label="kind")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for results; the working folder stays, so that the tests share the server of task processes."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "PYTHONSAFEPATH"):
        monkeypatch.setenv(name, "1")  # put back afterwards
    return tmp_path


def test_a_run_gives_tables_and_figures(toy: Dataset, place: Path, capsys: Any) -> None:
    results = run(
        ["multivariate", "noise"], toy, folds=[1, 2], out=place, **{**QUICK, "metrics": "mmd,tstr", "progress": True}
    )
    assert (results.computed, results.cached, results.lost) == (16, 0, 0)
    assert "16 tasks computed" in capsys.readouterr().out
    assert set(results.rows["generator"]) == {"multivariate", "noise"}
    table = results.leaderboard("utility")
    assert table.index.tolist() == ["noise", "multivariate"]  # half of the controls above
    assert table["control"].tolist() == [True, False]
    assert table.loc["multivariate", "accuracy_synthetic"] > table.loc["noise", "accuracy_synthetic"]
    assert results.leaderboard("utility", "n_planned")["mmd"].tolist() == [2, 2]
    assert {"accuracy_synthetic", "mmd_holdout"} < set(results.leaderboard().columns)
    rows = results.rows.query("generator == 'noise' and measure == 'auc'")
    assert results.attacks().loc["noise", "gan_leaks"] == pytest.approx(rows["value"].mean())
    assert results.strongest()["attack"].unique().tolist() == ["gan_leaks"]
    assert results.about["command"].startswith("bench.run(generators=['multivariate', 'noise'], dataset=<toy>")
    assert results.markdown.startswith("<!-- Written by `bench report`")
    for figure in (results.figure_front(), results.figure_roc(), results.figure_pca()):
        assert figure._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]
    assert "multivariate" in results._repr_html_()
    assert "2 generators" in repr(results)
    with pytest.raises(BenchError, match="there is no table 'utilty'\\. Did you mean 'utility'"):
        results.leaderboard("utilty")
    with pytest.raises(BenchError, match="no attack has a measure 'auk'\\. Did you mean 'auc'"):
        results.attacks("auk")
    with pytest.raises(BenchError, match="there is no figure 'rock'"):
        results.figure("rock")


def test_the_command_line_finds_what_python_computed(
    toy_cohort: Cohort, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same engine: the same keys, the same numbers, from either side."""
    from bench.datasets.importing import import_dataset
    from bench.datasets.readers.matrices import Layout

    toy_cohort.to_frame("kind").to_csv(place / "toy.csv", index_label="sample")
    monkeypatch.setenv("BENCH_DATA_HOME", str(place / "home"))
    import_dataset("imported", place / "toy.csv", units="vst", layout=Layout(label_columns=("kind",)))
    results = run("multivariate", "imported", folds=2, out=place / "results", **QUICK)
    words = "run --generators multivariate --dataset imported --folds 2 --threads 1 --attacks gan_leaks --metrics mmd"
    done = run_command(place, *words.split(), env=dict(os.environ))
    assert "0 tasks computed, 3 from the store, 0 lost" in done.stderr, done.stderr
    again = load_results("imported", place / "results")
    pd.testing.assert_frame_equal(again.rows, results.rows)


def test_synthetic_data_are_scored_in_whatever_form_they_are(toy: Dataset, toy_cohort: Cohort, place: Path) -> None:
    pytest.importorskip("anndata")
    made = toy_cohort.synthetic(toy_cohort.X + np.float32(0.25), toy_cohort.y)
    frame = made.to_frame("kind")
    frame.to_parquet(place / "made.parquet")
    forms = {"cohort": made, "table": frame, "anndata": made.to_anndata("kind"), "file": place / "made.parquet"}
    for name, given in forms.items():
        results = score(given, toy, folds=1, name=name, out=place, **QUICK)
        assert results.lost == 0
        assert results.computed == (2 if name == "cohort" else 0)  # the same numbers have the same keys
    results = score({0: frame}, toy, name="folds", out=place, **QUICK)
    rows = results.rows.query("measure == 'mmd'")
    assert rows["generator"].tolist() == sorted([*forms, "folds"])
    assert rows["value"].nunique() == 1
    assert set(rows["fold"]) == {1}


def test_labels_may_come_apart_or_not_at_all(toy: Dataset, toy_cohort: Cohort, place: Path) -> None:
    frame = toy_cohort.to_frame("kind").drop(columns="kind") + 0.25
    with_labels = score(frame, toy, labels=toy_cohort.y, folds=1, out=place, **QUICK)
    assert (with_labels.rows["status"] == "ok").all()
    without = score(frame, toy, no_labels=True, name="bare", folds=1, out=place, **{**QUICK, "metrics": "mmd,tstr"})
    states = without.rows.query("generator == 'bare'").groupby("family")["status"].unique().map(list).to_dict()
    assert states == {"cost": ["ok"], "fidelity": ["ok"], "privacy": ["ok"], "utility": ["skipped"]}
    assert without.failures()["reason"].str.startswith("no labels").any()
    assert without.figure_pca()


def test_what_is_no_synthetic_data_is_refused(toy: Dataset, toy_cohort: Cohort, place: Path) -> None:
    frame = toy_cohort.to_frame("kind")
    for given, more, words in (
        (3, {}, "synthetic is int; expected a path, a pandas table, an AnnData object"),
        (frame.iloc[:0], {}, "has no rows"),
        (frame, {}, "does not say from which fold"),
        (frame, {"folds": 1, "labels": ["a"]}, "60 rows and 1 labels"),
        ({1: frame}, {"labels": list(toy_cohort.y)}, "labels are not for the same folds"),
        (frame, {"folds": 9}, "there is no fold 9"),
        (frame, {"folds": 1, "name": "a,b"}, "may hold no"),
        ("nowhere", {}, "does not exist"),
    ):
        with pytest.raises(BenchError, match=words):
            score(given, toy, out=place, **QUICK, **more)
    assert not (place / "rows").exists()


def test_an_empty_list_names_no_plugin() -> None:
    assert choices("attack", []) == choices("attack", "none") == []
    assert [chosen.info.name for chosen in choices("attack", ["mc", "nn_ratio"])] == ["mc", "nn_ratio"]


PLUGIN = '''
from dataclasses import dataclass
from bench import generator

@generator("shifted")
@dataclass(kw_only=True)
class Shifted:
    """Return the training samples, shifted."""

    def fit(self, cohort, *, rng):
        self.cohort_ = cohort
        return self

    def sample(self, n, *, rng):
        rows = rng.integers(len(self.cohort_), size=n)
        return self.cohort_.synthetic(self.cohort_.X[rows] + SHIFT, self.cohort_.y[rows])
'''


def test_a_plugin_that_was_edited_is_run_again(toy: Dataset, place: Path) -> None:
    values = []
    for shift in ("0.0", "3.0"):
        (place / "shifted.py").write_text(PLUGIN.replace("SHIFT", shift))
        results = run("shifted", toy, folds=1, plugins=[place / "shifted.py"], out=place, **QUICK)
        assert results.computed == 3
        values.append(results.leaderboard().loc["shifted", "mmd"])
    assert values[1] > values[0] + 0.1


WATCH = PLUGIN.replace(
    "        self.cohort_ = cohort\n",
    "        import os, pathlib, threadpoolctl\n"
    "        threads = {pool['num_threads'] for pool in threadpoolctl.threadpool_info()}\n"
    "        text = f\"{threads} {os.environ['BENCH_DEVICE']} {pathlib.Path.cwd().name}\"\n"
    "        pathlib.Path(os.environ['BENCH_TOLD']).write_text(text)\n"
    "        self.cohort_ = cohort\n",
).replace("SHIFT", "0.5")


def test_a_second_call_has_its_own_threads_device_and_folder(
    toy: Dataset, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server that tasks are forked from was started by the first call."""
    (place / "shifted.py").write_text(WATCH)
    monkeypatch.setenv("BENCH_TOLD", str(place / "told"))
    plugin = place / "shifted.py"
    for threads, device, folder in ((1, "cpu", "one"), (2, "auto", "two")):
        (place / folder).mkdir()
        monkeypatch.chdir(place / folder)
        run("shifted", toy, folds=1, plugins=[plugin], device=device, **{**QUICK, "threads": threads})  # type: ignore[arg-type]
        assert (place / "told").read_text() == f"{{{threads}}} {device} {folder}"


def test_a_script_without_a_guard_is_not_run_again_by_its_tasks(toy_cohort: Cohort, place: Path) -> None:
    toy_cohort.to_frame().to_parquet(place / "toy.parquet")
    (place / "script.py").write_text(
        "import pandas as pd\nfrom bench import Cohort, Dataset, run\n"
        "print('started')\n"
        "cohort = Cohort.from_frame(pd.read_parquet('toy.parquet'), label='label', units='vst')\n"
        "toy = Dataset.from_cohort('toy', cohort)\n"
        "results = run('noise', toy, folds=1, attacks='none', metrics='mmd', threads=1, jobs=1, progress=False)\n"
        "print(results.computed, __file__)\n"
    )
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=place, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["started", f"2 {place / 'script.py'}"]


def test_importing_bench_loads_nothing_heavy() -> None:
    code = "import sys, bench; bench.Cohort; print(*{'pandas', 'sklearn', 'torch', 'matplotlib', 'click'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == ""
    assert {"run", "score", "load_dataset"} <= set(bench.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'rum'"):
        bench.rum  # noqa: B018


@pytest.mark.parametrize(
    ("given", "expected"), [(3, [3]), ([1, 2], [1, 2]), ("1-3", [1, 2, 3]), (np.int64(4), None), ((5,), [5])]
)
def test_numbers_may_be_one_several_or_a_text(given: Any, expected: Any) -> None:
    assert numbers_in(given, "folds") == (expected or [4])


@pytest.mark.parametrize("given", [[], [1.5], [True], "x"])
def test_what_is_no_number_is_refused(given: Any) -> None:
    with pytest.raises(BenchError, match="folds"):
        numbers_in(given, "folds")


def test_a_call_is_recorded_as_one_would_write_it(toy: Dataset) -> None:
    said = {"generators": "a" * 90, "dataset": toy, "seeds": 42, "folds": [1]}
    assert call_text(run, said) == f"bench.run(generators='{'a' * 56}..., dataset=<toy>, folds=[1])"


def test_an_unknown_dataset_is_refused(place: Path) -> None:
    with pytest.raises(DataError, match="Did you mean 'brca'"):
        run("noise", "brka")


def test_one_table_is_compared_with_every_fold_of_ones_own_split(
    toy: Dataset, toy_cohort: Cohort, place: Path, capsys: Any
) -> None:
    write_splits(place / "mine.yaml", make_splits(toy_cohort, seed=7, n_folds=3))
    made = toy_cohort.synthetic(toy_cohort.X + np.float32(0.25), toy_cohort.y)
    told = {**QUICK, "progress": True, "executor": Serial()}
    results = score(made, toy, folds="all", splits=place / "mine.yaml", out=place, **told)
    assert sorted(set(results.rows["fold"])) == [1, 2, 3]
    assert set(results.rows["attack"]) == {""}
    assert "no attack is run" in capsys.readouterr().out
    assert results.notes["synthetic"][-1].endswith("no attack is run")
