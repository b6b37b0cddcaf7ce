"""The Python in docs/python.md runs, block by block, on a cohort so small that it takes seconds."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bench
from bench import Cohort
from bench.datasets import home
from bench.datasets.folds import make_splits

PAGE = Path(__file__).parents[2] / "docs/python.md"
QUICK: dict[str, Any] = {"metrics": "mmd,tstr", "attacks": "gan_leaks", "threads": 1, "jobs": 1, "progress": False}
LABELLED = 'score(table, "brca", folds=1)'  # the one line of the page whose table holds labels


@pytest.fixture
def names(toy_cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the page takes for granted: a cohort called brca, some tables, and some files."""
    pytest.importorskip("anndata")
    pytest.importorskip("imblearn")
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "PYTHONSAFEPATH"):
        monkeypatch.setenv(name, "1")  # put back afterwards
    monkeypatch.setenv("BENCH_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    manifest = home.describe("brca", toy_cohort, None, title="Toy", label="Subtype", source="made up", files=[])
    home.store(tmp_path / "home", manifest, toy_cohort, None)
    train = make_splits(toy_cohort, seed=42)[0].train
    made = train.synthetic(train.X + np.float32(0.25), train.y)
    table = made.to_frame("Subtype")
    Path("release").mkdir()
    table.drop(columns="GENE3").to_csv("release/fold_1.csv", index=False)
    toy_cohort.to_frame("disease").assign(patient=list(toy_cohort.samples)).to_csv("people.csv")
    toy_cohort.to_anndata("cell_type").write_h5ad("cells.h5ad")
    apart = table.drop(columns="Subtype")
    return {"table": apart, "y": made.y, "adata": made.to_anndata("Subtype"), "table1": table, "table2": table}


@pytest.mark.full
def test_every_block_of_the_page_runs(names: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for function in ("run", "score"):
        monkeypatch.setattr(bench, function, functools.partial(getattr(bench, function), **QUICK), raising=False)
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL):
        exec(compile(block.replace(LABELLED, LABELLED.replace("table", "table1")), str(PAGE), "exec"), names)
    results = bench.load_results("brca", "results")
    assert {"multivariate", "smote", "synthetic"} == set(results.rows["generator"])
    assert isinstance(names["results"].leaderboard("utility"), pd.DataFrame)
    assert bench.load_results("mine", "results").rows["status"].eq("ok").all()
