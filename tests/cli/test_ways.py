"""Ways of the command line: presets, run files, output for programs, completion, and messages that show a way out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from runs import bench, make_home

from bench import Cohort
from bench.cli import _bench
from bench.registry.finding import plugins
from bench.registry.selection import choose


@pytest.fixture
def place(toy_cohort: Cohort, tmp_path: Path) -> Path:
    make_home(tmp_path, toy_cohort)
    return tmp_path


def planned(place: Path, *words: str) -> list[list[str]]:
    """The tasks that a run would do, a list of columns each."""
    done = bench(place, "run", "--dataset", "toy", "--dry-run", "--verbose", *words)
    assert done.returncode == 0, done.stderr
    return [line.split("\t") for line in done.stdout.splitlines()[1:]]


def test_quick_takes_two_folds_the_controls_what_is_fast_and_what_decides(place: Path) -> None:
    tasks = planned(place, "--quick")
    assert {task[2] for task in tasks} == {"1", "2"}
    generators, attacks, metrics = (
        {task[i] for task in tasks if task[4] == step} for i, step in ((0, "sample"), (5, "attack"), (5, "metric"))
    )
    assert {"copy_train", "real_holdout", "noise", "multivariate", "private_pgm"} <= generators
    assert {"mahalanobis_ratio", "noisy_sum_ratio_blind"} <= attacks
    assert {"rare_class", "differential_expression"} <= metrics
    assert not {"cvae", "ctgan"} & generators
    assert "tstr_trees" not in metrics


def test_what_is_said_beside_quick_counts(place: Path) -> None:
    tasks = planned(place, "--quick", "--folds", "3", "--generators", "smote", "--attacks", "none")
    assert {(task[0], task[2]) for task in tasks} == {("smote", "3")}
    assert "attack" not in {task[4] for task in tasks}


def test_every_metric_that_decides_is_quick_and_no_attack_of_published_arithmetic_is() -> None:
    quick = {choice.info.name for choice in choose("metric", "quick")}
    assert quick == {
        n for n, i in plugins("metric").items() if any(m.decides for m in i.measures) and not i.option("opt_in")
    }
    assert not [c for c in choose("attack", "quick") if c.info.option("official")]


def test_a_run_file_says_what_the_command_line_leaves_out(place: Path) -> None:
    (place / "run.toml").write_text('generators = ["smote", "noise"]\nfolds = "1"\nmetrics = "mmd"\nattacks = "mc"\n')
    assert {(t[0], t[2]) for t in planned(place, "--config", "run.toml")} == {("smote", "1"), ("noise", "1")}
    assert {(t[0], t[2]) for t in planned(place, "--config", "run.toml", "--folds", "2")} == {
        ("smote", "2"),
        ("noise", "2"),
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('generatrs = "smote"', "has 'generatrs', which is no option of this command. Did you mean 'generators'?"),
        ("folds = = 1", "cannot be read"),
        (None, "No such file"),
    ],
)
def test_a_bad_run_file_is_one_clear_error(place: Path, text: str | None, said: str) -> None:
    if text is not None:
        (place / "run.toml").write_text(text)
    done = bench(place, "run", "--config", "run.toml")
    assert done.returncode == 2
    assert said in done.stderr


def test_a_plan_leaves_nothing_behind(place: Path) -> None:
    before = sorted(place.rglob("*"))
    planned(place, "--generators", "noise")
    assert sorted(place.rglob("*")) == before


def test_quiet_prints_nothing_but_what_went_wrong(place: Path) -> None:
    done = bench(
        place,
        "run",
        "--dataset",
        "toy",
        "--quiet",
        "--generators",
        "noise",
        "--folds",
        "1",
        "--metrics",
        "mmd",
        "--attacks",
        "none",
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    words = "run --dataset toy --generators noise --folds 1 --dry-run"
    assert "in the store, " in bench(place, *words.split()).stderr


def test_lists_results_and_checks_are_there_for_programs(place: Path) -> None:
    listed = json.loads(bench(place, "list", "--json").stdout)
    assert {"generators", "attacks", "metrics", "datasets"} == set(listed)
    assert next(g for g in listed["generators"] if g["name"] == "private_pgm")["parameters"]["epsilon"] == 10.0
    attacks = json.loads(bench(place, "list", "attacks", "--json").stdout)
    assert list(attacks) == ["attacks"]
    assert {a["kind"] for a in attacks["attacks"]} == {"attack"}
    data = json.loads(bench(place, "data", "list", "--json").stdout)
    assert next(d for d in data if d["name"] == "toy")["data"] == "imported"
    bench(
        place,
        "run",
        "--dataset",
        "toy",
        "--generators",
        "noise",
        "--folds",
        "1,2",
        "--metrics",
        "mmd",
        "--attacks",
        "none",
    )
    (found,) = json.loads(bench(place, "results", "--json").stdout)
    mmd = next(m for m in found["means"] if m["measure"] == "mmd")
    assert (mmd["generator"], mmd["n_ok"], mmd["n_planned"]) == ("noise", 2, 2)
    assert found["about"]["data"]["modality"] == "expression"
    checked = bench(place, "check", "noise", "--json")
    assert checked.returncode == 0
    assert all(f["problem"] == "" for f in json.loads(checked.stdout))


def test_show_tells_parameters_source_claim_and_cost(place: Path) -> None:
    bench(
        place,
        "run",
        "--dataset",
        "toy",
        "--generators",
        "p_nmf[passes=2]",
        "--folds",
        "1",
        "--metrics",
        "none",
        "--attacks",
        "none",
    )
    text = bench(place, "show", "p_nmf").stdout
    assert "epsilon=10.0" in text
    assert "generators/p_nmf.py" in text
    assert "claim on toy" in text
    assert "end to end" in text
    assert "cost on toy" in text
    (one,) = json.loads(bench(place, "show", "mahalanobis_ratio", "--json").stdout)
    assert (one["kind"], one["quick"], one["sees"]) == ("attack", True, "black-box")
    wrong = bench(place, "show", "p_nmff")
    assert wrong.returncode == 2
    assert "Did you mean 'p_nmf'?" in wrong.stderr


def test_an_unknown_name_points_to_the_file_beside_the_user_or_to_the_metric_of_a_measure(place: Path) -> None:
    (place / "my_method.py").write_text("")
    beside = bench(place, "run", "--dataset", "toy", "--generators", "my_method")
    assert "add --plugin my_method.py" in beside.stderr
    measure = bench(place, "run", "--dataset", "toy", "--metrics", "accuracy")
    assert "It is a measure of 'tstr'" in measure.stderr
    near = bench(place, "run", "--dataset", "toy", "--metrics", "tsrt")
    assert "Did you mean 'tstr'?" in near.stderr


@pytest.mark.parametrize(
    ("words", "typed", "found"),
    [
        (["run", "--generators"], "smote,priv", "smote,private_pgm"),
        (["run", "--attacks"], "mahalanobis_ra", "mahalanobis_ratio"),
        (["run", "--metrics"], "rare", "rare_class"),
        (["run", "--dataset"], "brc", "brca"),
        (["show"], "p_n", "p_nmf"),
    ],
)
def test_the_shell_completes_names(words: list[str], typed: str, found: str) -> None:
    complete = ShellComplete(_bench, {}, "bench", "_BENCH_COMPLETE")
    assert found in [item.value for item in complete.get_completions(words, typed)]


def test_the_width_of_lines_follows_columns(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.cli.options import wide_console

    monkeypatch.delenv("COLUMNS", raising=False)
    assert wide_console().width == 200
    monkeypatch.setenv("COLUMNS", "77")
    assert wide_console().width == 77


def test_another_number_of_folds_has_rows_of_its_own(place: Path) -> None:
    words = ["--generators", "multivariate", "--metrics", "mmd", "--attacks", "none", "--n-folds", "3"]
    assert {task[2] for task in planned(place, *words)} == {"1", "2", "3"}
    done = bench(place, "run", "--dataset", "toy", *words, "--folds", "3", "--threads", "1", "--jobs", "1")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (place / "results/rows").glob("*.csv")] == ["toy-3folds.csv"]
    rerun = bench(place, "rerun", "results/rows/toy-3folds.manifest.json", "--out", "again")
    assert rerun.returncode == 0, rerun.stderr
    same = bench(place, "verify", "results/rows/toy-3folds.csv", "again")
    assert (same.returncode, same.stdout.split(":")[0]) == (0, "toy-3folds"), same.stdout
    refused = bench(place, "run", "--dataset", "toy", *words, "--splits", "splits.yaml")
    assert "--splits brings its folds, and --n-folds makes others" in refused.stderr
    assert "4 folds need" in bench(place, "run", "--dataset", "toy", "--n-folds", "4000").stderr.replace("4000", "4")
