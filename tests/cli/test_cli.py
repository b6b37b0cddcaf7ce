"""The commands as a user types them: exit status, messages, and files that appear."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from runs import bench, bench_program, environment, make_home

from bench import Cohort


@pytest.fixture
def place(toy_cohort: Cohort, tmp_path: Path) -> Path:
    """A working folder whose data home holds the toy cohort as the dataset `toy`."""
    make_home(tmp_path, toy_cohort)
    return tmp_path


RUN = ["run", "--dataset", "toy", "--folds", "1,2", "--metrics", "mmd", "--attacks", "mc", "--threads", "1"]


def run(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return bench(place, *RUN, *words)


def test_a_run_writes_rows_and_a_leaderboard_and_a_second_run_computes_nothing(place: Path) -> None:
    first = bench_program(place, *RUN, "--generators", "multivariate,copy_train")
    assert first.returncode == 0, first.stderr
    assert "12 tasks computed, 0 from the store, 0 lost" in first.stderr
    rows = (place / "results/rows/toy.csv").read_text()
    page = (place / "results/leaderboard/toy.md").read_text()
    assert "multivariate" in page
    assert (place / "results/leaderboard/toy_pca.png").stat().st_size > 1000
    second = bench_program(place, *RUN, "--generators", "multivariate,copy_train")
    assert "0 tasks computed, 12 from the store, 0 lost" in second.stderr
    assert (place / "results/rows/toy.csv").read_text() == rows


def test_a_later_run_adds_to_the_table_and_report_checks_it(place: Path) -> None:
    assert run(place, "--generators", "multivariate").returncode == 0
    assert run(place, "--generators", "noise").returncode == 0
    printed = bench(place, "results", "--csv")
    table = pd.read_csv(place / "results/rows/toy.csv")
    assert set(table["generator"]) == {"multivariate", "noise"}
    assert len(printed.stdout.splitlines()) == len(table) + 1
    assert bench(place, "report", "--check").returncode == 0
    page = place / "results/leaderboard/toy.md"
    page.write_text(page.read_text().replace("multivariate", "something"))
    stale = bench(place, "report", "--check")
    assert stale.returncode == 1
    assert "toy.md" in stale.stdout + stale.stderr
    assert bench(place, "report").returncode == 0
    assert bench(place, "report", "--check").returncode == 0


def test_a_dry_run_prints_the_plan_and_computes_nothing(place: Path) -> None:
    done = run(place, "--generators", "multivariate", "--dry-run")
    assert done.returncode == 0
    assert "2 cells, 6 tasks: 0 in the store, 6 to do" in done.stderr
    assert "multivariate" in done.stderr
    assert not (place / "results/rows").exists()


def test_a_dry_run_shows_every_value_of_a_sweep(place: Path) -> None:
    done = run(place, "--generators", "multivariate[noise=0.1,1,2]", "--dry-run", "--executor", "serial")
    assert [done.stderr.count(f"multivariate[noise={value}]") for value in ("0.1", "1.0", "2.0")] == [1, 1, 1]


def test_a_failing_generator_gives_exit_status_1_and_a_reason(place: Path) -> None:
    (place / "unlucky.py").write_text(
        "from dataclasses import dataclass\nfrom bench import generator\n"
        '@generator("unlucky")\n@dataclass(kw_only=True)\nclass Unlucky:\n    """Fail."""\n\n'
        "    def fit(self, cohort, *, rng):\n        raise RuntimeError('out of luck')\n\n"
        "    def sample(self, n, *, rng):\n        return None\n"
    )
    done = run(place, "--generators", "unlucky,noise", "--plugin", "unlucky.py")
    assert done.returncode == 1
    assert "RuntimeError: out of luck" in done.stderr
    assert "numbers do not exist" in (place / "results/leaderboard/toy.md").read_text()
    page = (place / "results/leaderboard/toy/failures.md").read_text()
    assert "RuntimeError: out of luck" in page
    checked = bench(place, "check", "unlucky", "--plugin", "unlucky.py")
    assert checked.returncode == 1
    assert "out of luck" in checked.stdout


def test_synthetic_data_made_elsewhere_are_scored_like_a_generators(place: Path) -> None:
    folder = release(place, 1)
    done = bench(
        place,
        "score",
        "--dataset",
        "toy",
        "--synthetic",
        str(folder),
        "--name",
        "theirs",
        "--metrics",
        "mmd",
        "--attacks",
        "gan_leaks",
    )
    assert done.returncode == 0, done.stderr
    rows = pd.read_csv(place / "results/rows/toy.csv")
    assert set(rows["generator"]) == {"theirs"}
    auc = rows[rows["measure"] == "auc"]["value"]
    assert 0.3 < auc.iloc[0] < 0.7  # copies of everybody, members and others alike


def release(place: Path, fold: int) -> Path:
    folder = place / "theirs"
    folder.mkdir(exist_ok=True)
    X = pd.read_csv(place / "X.tsv", sep="\t", index_col=0).T
    y = pd.read_csv(place / "y.csv")[["kind"]]
    X[sorted(X.columns)].to_csv(folder / f"synthetic_data_split_{fold}.csv", index=False)  # another order of genes
    y.to_csv(folder / f"synthetic_labels_split_{fold}.csv", index=False)
    return folder


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda X, y: (X.drop(columns="GENE3"), y), "lacks 1 of 16 genes of the real cohort, the first is 'GENE3'"),
        (lambda X, y: (X.assign(extra=1.0), y), "no gene of the real cohort: 'extra'"),
        (lambda X, y: (X.assign(GENE3=np.nan), y), "column 'GENE3' is empty"),
        (lambda X, y: (X.assign(GENE3="high"), y), "column 'GENE3' holds 'high'"),
        (lambda X, y: (X, y.iloc[:-1]), "60 rows and synthetic_labels_split_1.csv 59"),
        (lambda X, y: (X, y.replace("a", "z")), "label 'z'; expected a, b, c"),
        (lambda X, y: (X.iloc[:0], y), "0 rows below its header"),
    ],
)  # fmt: skip
def test_a_release_that_does_not_fit_is_refused_with_the_reason(place: Path, change: object, words: str) -> None:
    folder = release(place, 1)
    data, labels = folder / "synthetic_data_split_1.csv", folder / "synthetic_labels_split_1.csv"
    X, y = change(pd.read_csv(data), pd.read_csv(labels))  # type: ignore[operator]
    X.to_csv(data, index=False)
    y.to_csv(labels, index=False)
    done = bench(place, "score", "--dataset", "toy", "--synthetic", str(folder))
    assert done.returncode == 2
    assert words in done.stderr
    assert not (place / "results/rows").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "--generators", "multivariat", "--dataset", "toy"], "Did you mean 'multivariate'"),
        (["run", "--generators", "noise", "--dataset", "tox"], "Did you mean 'toy'"),
        (
            ["run", "--generators", "noise", "--dataset", "toy", "--folds", "6"],
            "there is no fold 6; the folds are 1 to 5",
        ),
        (["run", "--generators", "noise", "--dataset", "toy", "--seeds", "x"], "--seeds 'x' cannot be read"),
        (["run", "--generators", "noise", "--dataset", "toy", "--out", "X.tsv"], "--out"),
        (["check", "multivariat"], "Did you mean 'multivariate'"),
        (["results"], "`bench run` writes them"),
        (["runn"], "Did you mean 'run'"),
    ],
)
def test_a_mistake_gives_one_clear_message_and_exit_status_2(place: Path, words: list[str], message: str) -> None:
    done = bench(place, *words)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_called_bench_in_the_working_folder_hides_nothing(place: Path) -> None:
    (place / "bench").mkdir()
    (place / "bench" / "__init__.py").write_text("raise ImportError('the wrong package')")
    words = [
        "run",
        "--dataset",
        "toy",
        "--folds",
        "1",
        "--generators",
        "noise",
        "--metrics",
        "mmd",
        "--attacks",
        "none",
    ]
    env = environment(place)
    command = [str(Path(sys.executable).with_name("bench")), *words]
    done = subprocess.run(command, cwd=place, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupted_run_says_how_to_go_on_and_does(place: Path, times: int) -> None:
    (place / "sleepy.py").write_text(
        "from dataclasses import dataclass\nimport time\nfrom pathlib import Path\nfrom bench import generator\n"
        '@generator("sleepy")\n@dataclass(kw_only=True)\nclass Sleepy:\n    """Sleep."""\n\n'
        "    def fit(self, cohort, *, rng):\n        self.cohort_ = cohort\n        return self\n\n"
        f"    def sample(self, n, *, rng):\n        while not Path({str(place / 'go')!r}).exists():\n"
        f"            Path({str(place / 'asleep')!r}).touch()\n            time.sleep(0.1)\n"
        "        return self.cohort_.synthetic(self.cohort_.X, self.cohort_.y)\n"
    )
    words = [
        "run",
        "--dataset",
        "toy",
        "--folds",
        "1",
        "--metrics",
        "mmd",
        "--attacks",
        "none",
        "--threads",
        "1",
        "--jobs",
        "1",
    ]
    words += ["--plugin", "sleepy.py", "--generators"]
    assert bench(place, *words, "noise").returncode == 0  # kept from an earlier run: it takes least, and would be last
    words += ["noise,sleepy"]
    env = environment(place)
    with subprocess.Popen(
        [sys.executable, "-m", "bench", *words], cwd=place, env=env, stderr=subprocess.PIPE, text=True
    ) as running:
        while not (place / "asleep").exists():
            assert running.poll() is None
            time.sleep(0.1)
        running.send_signal(signal.SIGINT)
        assert running.stderr is not None
        while "no new task starts" not in (line := running.stderr.readline()):
            assert line, "it ended without waiting for what is under way"
        if times == 2:
            running.send_signal(signal.SIGINT)
        else:
            (place / "go").touch()  # what is under way can finish
        said = running.communicate(timeout=120)[1]
    assert running.returncode == 130
    assert "To go on from there: bench run --dataset toy" in said
    assert ("Stopped by Ctrl-C. 3 of 4 tasks are in the store and kept." in said) == (times == 1)
    (place / "go").touch()
    resumed = bench(place, *words)
    assert resumed.returncode == 0, resumed.stderr
    assert f"{times} task{'s' * (times > 1)} computed, {4 - times} from the store, 0 lost" in resumed.stderr


def test_every_command_has_help() -> None:
    for words in (
        [],
        ["run"],
        ["list"],
        ["check"],
        ["data"],
        ["results"],
        ["report"],
        ["score"],
        ["audit"],
        ["study"],
        ["compare"],
        ["submit"],
        ["submit", "pack"],
        ["submit", "check"],
        ["submit", "score"],
    ):
        done = bench(Path.cwd(), *words, "--help")
        assert done.returncode == 0, done.stderr
        assert "Usage" in done.stdout


def test_checking_a_good_plugin_says_so() -> None:
    done = bench(Path.cwd(), "check", "multivariate")
    assert done.returncode == 0, done.stdout
    assert "all well" in done.stdout


def test_a_reference_set_aside_brings_the_attacks_that_need_one(place: Path) -> None:
    done = run(place, "--generators", "multivariate", "--attacks", "domias_gaussian", "--reference-one-in", "5")
    assert done.returncode == 0, done.stderr
    rows = pd.read_csv(place / "results/rows/toy-reference5.csv")
    aucs = rows[(rows["attack"] == "domias_gaussian") & (rows["measure"] == "auc")]
    assert aucs["value"].notna().all()
    page = (place / "results/leaderboard/toy-reference5.md").read_text()
    assert "one person in 5 set aside as the attackers' reference" in page
    assert "48 samples" in page


def test_a_gpu_that_is_not_there_is_a_row_with_its_reason(place: Path) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    done = bench_program(place, *RUN, "--generators", "cvae[steps=2]", "--device", "cuda")
    assert done.returncode == 1
    assert "torch sees no GPU here" in (place / "results/rows/toy.csv").read_text()
