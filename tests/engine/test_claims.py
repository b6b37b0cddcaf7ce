"""A claim in the rows says everything that its budget does not cover, and when its delta protects nobody."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import runs
from planted import CLAIMANT

from bench import Cohort, DataError, Dataset, run
from bench.datasets import load_dataset
from bench.datasets.folds import with_reference
from bench.datasets.importing import import_dataset
from bench.datasets.known.catalogue import CATALOGUE, known_outside
from bench.datasets.readers.matrices import Layout
from bench.engine.results import delta_warning
from bench.execution import Serial

VST = "the cohort's VST, fitted on all people with their labels before any split"


def _claims(dataset: Dataset, folder: Path, generators: str) -> list[dict[str, object]]:
    (folder / "claimant.py").write_text(CLAIMANT)
    results = run(generators, dataset, folds=1, metrics="none", attacks="none", plugins=[folder / "claimant.py"],
                  out=folder / "out", executor=Serial(), progress=False)  # fmt: skip
    assert results.lost == 0
    return results.rows[results.rows["family"] == "claim"].to_dict("records")  # type: ignore[return-value]


# -- what was done to the data -----------------------------------------------------------------------------------------


def test_every_claim_lists_what_was_done_to_the_data_before_the_split(toy_cohort: Cohort, tmp_path: Path) -> None:
    told = Dataset.from_cohort("toy", toy_cohort, outside=("a VST of everybody",))
    rows = _claims(told, tmp_path, "claimant,claimant[honest=false],copy_train")
    assert {
        row["params"]: json.loads(str(row["outside"] or "[]")) for row in rows if row["generator"] == "claimant"
    } == {
        "": ["bin means", "a VST of everybody"],
        "honest=False": ["a VST of everybody"],
    }
    nothing = next(row for row in rows if row["generator"] == "copy_train")
    assert (nothing["outside"], nothing["reason"]) == ("", "claims nothing")


def test_what_is_in_the_store_is_told_by_the_data_of_today(toy_cohort: Cohort, tmp_path: Path) -> None:
    """What was declared about a dataset may be mended without training anything again."""
    silent = Dataset.from_cohort("toy", toy_cohort)
    assert _claims(silent, tmp_path, "claimant")[0]["outside"] == '["bin means"]'
    told = replace(silent, outside=("a VST of everybody",))
    assert _claims(told, tmp_path, "claimant")[0]["outside"] == '["bin means", "a VST of everybody"]'


def test_the_challenges_cohorts_declare_their_transformation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DATA_HOME", str(tmp_path))
    assert {name for name, entry in CATALOGUE.items() if entry.outside} == {"brca", "combined"}
    assert CATALOGUE["brca"].outside == CATALOGUE["combined"].outside == (VST,)
    assert load_dataset("brca").simulated
    assert load_dataset("brca").outside == ()  # no person is in it


@pytest.mark.real_data
def test_the_real_cohort_declares_its_transformation_and_a_derived_one_does_too() -> None:
    brca = load_dataset("brca")
    assert brca.outside == (VST,)
    assert with_reference(brca, 5).outside == (VST,)


def test_an_imported_cohort_keeps_what_is_declared_and_one_of_the_catalogue_need_not_be_told(
    toy_cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.make_home(tmp_path, toy_cohort)
    monkeypatch.setenv("BENCH_DATA_HOME", str(tmp_path / "home"))
    assert load_dataset("toy").outside == ()
    words = "data import mine --counts X.tsv --labels y.csv --label-column kind --units vst"
    done = runs.bench(tmp_path, *words.split(), "--outside", "quantiles of all people", "--outside", "filter of genes")
    assert done.returncode == 0, done.stderr
    assert load_dataset("mine").outside == ("quantiles of all people", "filter of genes")
    shown = runs.bench(tmp_path, "data", "show", "mine").stdout
    assert "outside    every privacy claim: quantiles of all people" in shown
    assert "filter of genes" in shown
    import_dataset("brca", tmp_path / "X.tsv", tmp_path / "y.csv", layout=Layout(label_columns=("kind",)))
    assert load_dataset("brca").outside == (VST,)
    assert known_outside("brca", "counts") == known_outside("mine", "vst") == ()


def test_a_manifest_of_before_is_read(toy_cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs.make_home(tmp_path, toy_cohort)
    monkeypatch.setenv("BENCH_DATA_HOME", str(tmp_path / "home"))
    path = tmp_path / "home" / "toy" / "manifest.json"
    content = json.loads(path.read_text())
    del content["outside"]
    path.write_text(json.dumps(content))
    assert load_dataset("toy").outside == ()
    path.write_text(json.dumps({**content, "outsides": []}))
    with pytest.raises(DataError, match="is no manifest of this program"):
        load_dataset("toy")


# -- delta -------------------------------------------------------------------------------------------------------------


def test_a_delta_above_one_in_n_is_warned_of_in_the_rows(toy_cohort: Cohort, tmp_path: Path) -> None:
    rows = _claims(Dataset.from_cohort("toy", toy_cohort), tmp_path, "claimant,claimant[delta=0.03]")
    reasons = {row["params"]: row["reason"] for row in rows}
    assert reasons[""] == ""
    assert reasons["delta=0.03"] == (  # 48 of the 60 people are trained on
        "delta 0.03 is above 1/48: to publish one of the 48 people as they are would meet this claim"
    )


@pytest.mark.parametrize(("delta", "n", "warned"), [(0.01, 100, False), (0.0101, 100, True), (0.0, 9, False)])
def test_the_limit_of_delta_is_one_in_n(delta: float, n: int, warned: bool) -> None:
    assert bool(delta_warning(delta, n)) is warned
