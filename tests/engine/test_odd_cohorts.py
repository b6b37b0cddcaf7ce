"""Cohorts that real files give and nobody would make up are run to their end, and their page is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from depth import in_depth

from bench import Cohort, Dataset, run
from bench.core.records import Units
from bench.execution import Serial
from bench.report.html import write_report

SAMPLES = [f"S{i:03d}" for i in range(60)]
GENES = [f"G{i}" for i in range(20)]


def cohort(X: Any, kinds: Any = ("a", "b"), units: Units = "log2", **names: Any) -> Cohort:
    samples = names.get("samples", SAMPLES)
    return Cohort(X=X, y=np.resize(kinds, len(X)), genes=names.get("genes", GENES), samples=samples, units=units)


def values(n: int = 60, genes: int = 20) -> Any:
    return np.random.default_rng(3).normal(8, 1, (n, genes))


def with_constants() -> Any:
    X = values()
    X[:, 0], X[:, 1] = 0, 7.5
    X[:, 2] = X[:, 3]
    X[10:14] = X[9]
    return X


def mostly_zero() -> Any:
    rng = np.random.default_rng(3)
    return np.where(rng.random((60, 20)) < 0.97, 0, rng.poisson(3, (60, 20)))


def one_huge() -> Any:
    X = np.random.default_rng(3).poisson(300, (60, 20)).astype(float)
    X[5, 5] = 3e38
    return X


COHORTS = {
    "constant, zero and equal genes, equal people": lambda: cohort(with_constants()),
    "ten times more genes than people": lambda: cohort(values(30, 300), genes=[f"G{i}" for i in range(300)], samples=SAMPLES[:30]),
    "counts that are mostly zero": lambda: cohort(mostly_zero(), units="counts"),
    "one impossible count": lambda: cohort(one_huge(), units="counts"),
    "numbers for names and labels": lambda: cohort(values(), ("0.0", "1.0"), genes=[str(7000 + i) for i in range(20)], samples=[f"{i:04d}" for i in range(60)]),
}  # fmt: skip


def done(tmp_path: Path, people: Cohort, generators: str = "multivariate,noise") -> Any:
    dataset = Dataset.from_cohort("odd", people, simulated=True)
    options = {"metrics": "mmd,tstr,distance_to_closest", "attacks": "gan_leaks,mc", "out": tmp_path, "threads": 1}
    return run(generators, dataset, folds=1, executor=Serial(), progress=False, **options)


@pytest.mark.parametrize("case", in_depth(COHORTS, ("one impossible count", "ten times more genes than people")))
def test_an_odd_cohort_is_run_and_its_page_written(case: str, tmp_path: Path) -> None:
    results = done(tmp_path, COHORTS[case]())
    rows = results.rows
    assert set(rows["generator"]) == {"multivariate", "noise"}
    assert (rows[rows["measure"] == "n_synthetic"]["status"] == "ok").all()
    lost = rows[rows["status"] == "failed"]
    assert lost["reason"].str.contains("undefined on this release|check their scale").all()
    assert len(lost) == 0 or case == "one impossible count"
    assert np.isfinite(rows[rows["status"] == "ok"]["value"].dropna().to_numpy(dtype=float)).all()
    assert (tmp_path / "leaderboard/odd-simulated.md").is_file()


def test_labels_with_markup_are_text_on_every_page(tmp_path: Path) -> None:
    kinds = ["Luminal A, HER2-", "ER+/PR-", "β|γ Ünïcode", "<b>x</b>_y", "a\"q'"]  # noqa: RUF001 - as people write
    results = done(tmp_path, cohort(values(), kinds), "multivariate,smote")
    assert results.lost == 0
    pages = [path.read_text() for path in (tmp_path / "leaderboard").rglob("*.md")]
    assert any("&lt;b" in page for page in pages)
    assert not any("<b>x" in page for page in pages)
    html = write_report(tmp_path / "rows/odd-simulated.csv").read_text()
    assert "&lt;b&gt;x" in html
    assert "<b>x" not in html
