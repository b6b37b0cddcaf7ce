"""`bench score` as a user types it: what it says, what it leaves out, and under which name its rows stand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from runs import bench

from bench import Cohort
from bench.datasets.importing import import_dataset
from bench.datasets.readers.matrices import Layout


@pytest.fixture
def place(toy_cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the toy cohort as dataset `toy` and a release of 60 noisy people without labels."""
    monkeypatch.setenv("BENCH_DATA_HOME", str(tmp_path / "home"))
    frame = pd.DataFrame(toy_cohort.X, index=list(toy_cohort.samples), columns=list(toy_cohort.genes))
    frame.assign(kind=toy_cohort.y).to_csv(tmp_path / "real.csv", index_label="sample")
    layout = Layout(label_columns=("kind",))
    import_dataset("toy", tmp_path / "real.csv", units="vst", layout=layout)
    (frame[sorted(frame.columns)] + 0.25).to_parquet(tmp_path / "theirs.parquet")
    return tmp_path


def score(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    fixed = "score --dataset toy --threads 1 --jobs 1"
    return bench(place, *fixed.split(), *words, env={**os.environ, "COLUMNS": "200"})


def test_without_labels_what_asks_for_them_is_skipped_and_the_rest_is_scored(place: Path) -> None:
    scoring = ["--metrics", "mmd,tstr", "--attacks", "gan_leaks,mahalanobis_class"]
    done = score(place, "--synthetic", "theirs.parquet", "--no-labels", "--folds", "2", *scoring)
    assert done.returncode == 0, done.stderr
    assert "note: theirs.parquet: genes are put into the order of the real cohort" in done.stderr
    assert "the release came without class labels" in done.stderr
    rows = pd.read_csv(place / "results/rows/toy.csv")
    assert set(rows["fold"]) == {2}
    states = rows.groupby(rows["attack"].fillna("") + rows["family"])["status"].unique().map(list)
    assert states.to_dict() == {
        "cost": ["ok"],  # how many rows repeat another
        "fidelity": ["ok"],
        "utility": ["skipped"],
        "gan_leaksprivacy": ["ok"],
        "mahalanobis_classprivacy": ["skipped"],
    }
    assert (rows[rows["status"] == "skipped"]["reason"].str.startswith("no labels: ")).all()
    assert not (place / "results/leaderboard/toy_pca.png").exists()
    again = score(place, "--synthetic", "theirs.parquet", "--no-labels", "--folds", "2", *scoring, "--pictures")
    assert "0 tasks computed, 2 from the store, 0 lost" in again.stderr
    assert (place / "results/leaderboard/toy_pca.png").exists()


_LOADED = """
import sys
from bench.cli import main
words = "score --dataset toy --synthetic theirs.parquet --no-labels --folds 2 --metrics mmd --attacks none"
sys.argv = ["bench", *words.split()]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print(*sorted(sys.modules), sep="\\n")
"""


def test_scoring_loads_no_library_for_pictures_and_models_that_nobody_asked_for(place: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _LOADED], cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert "bench.report.leaderboard" in loaded
    assert not loaded & {"scipy.stats", "sklearn", "torch", "matplotlib"}


def test_common_genes_and_one_table_for_every_fold_stand_apart(place: Path) -> None:
    table = pd.read_parquet(place / "theirs.parquet").drop(columns="GENE3")
    real = pd.read_csv(place / "real.csv")
    table.iloc[:4] = real[table.columns].iloc[:4]
    table.assign(kind=list(real["kind"])).to_csv(place / "theirs.csv", index=False)
    done = score(place, "--synthetic", "theirs.csv", "--genes", "common", "--folds", "all", "--metrics", "mmd")
    assert done.returncode == 0, done.stderr
    assert "the real cohort is cut to 15 of 16 genes" in done.stderr
    assert "synthetic rows are exact copies of" in done.stderr
    assert "no attack is run" in done.stderr
    (path,) = (place / "results/rows").glob("toy-genes15-*.csv")
    rows = pd.read_csv(path)
    assert sorted(set(rows["fold"])) == [1, 2, 3, 4, 5]
    assert rows["attack"].isna().all()
    about = json.loads(path.with_suffix(".json").read_text())
    assert any("15 of 16 genes" in note for note in about["notes"]["theirs"])
